"""What a city's own people teach the classifier: corrections of its labels, and what its scores are worth here."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import NOBODY, Base, Id, String
from models.people import Person


class Correction(Base):
    """What a person said of one head of a verdict; never changed. The newest one of a head and text holds."""

    __tablename__ = "correction"
    __table_args__ = (Index("ix_correction_comment", "comment_id", "id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id"))
    comment_version: Mapped[int]
    """The text it is about."""
    model: Mapped[str] = mapped_column(String(100), info=NOBODY)
    """Name and version of what had said otherwise, or the same: a label that a person confirms is kept too."""
    head: Mapped[str] = mapped_column(String(40), info=NOBODY)
    """"intention", "groupe", "urgence", or the code of a breach, which is a yes or a no by itself."""
    said: Mapped[str | None] = mapped_column(String(40), info=NOBODY)
    """The model's label, whatever was said of it since; None: it did not know. Of a breach: "1" or "0"."""
    score: Mapped[float | None]
    """The model's probability: of that label, or of the breach."""
    label: Mapped[str] = mapped_column(String(40), info=NOBODY)
    """The label that is right."""
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime]

    person: Mapped[Person] = relationship(lazy="raise")


class LocalCalibration(Base):
    """What one label of one model is worth on what this city decided. A row a label, written anew every day.

    Counts over the whole city, and no text. Another version of the model begins with no row.
    """

    __tablename__ = "local_calibration"
    __table_args__ = (UniqueConstraint("model", "head", "label"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    model: Mapped[str] = mapped_column(String(100), info=NOBODY)
    head: Mapped[str] = mapped_column(String(40), info=NOBODY)
    label: Mapped[str] = mapped_column(String(40), info=NOBODY)
    """Of a breach: "1"."""
    decided: Mapped[int]
    """Texts of which people have told whether this label is right."""
    slope: Mapped[float | None]
    """Of the Platt scaling, with `offset` (`classifiers/platt.py`); None: too few decisions, not calibrated."""
    offset: Mapped[float | None]
    shown: Mapped[int]
    """Of the decided texts, those that came by the queue and on which this label was shown…"""
    right: Mapped[int]
    """…and was right: what an automatic rule would rest on…"""
    followed: Mapped[int]
    """…and those of them where the person only did what was suggested, which is weaker evidence."""
    at: Mapped[datetime]

"""The media library: pictures of the city's own, drawn anew when they come in, and what must be said of each."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Date, ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import NOBODY, Base, Id, String, Text
from models.people import Person


class Media(Base):
    """One picture: a JPEG without what else was in the file that came (where it was taken, by which telephone)."""

    __tablename__ = "media"
    __table_args__ = (Index("ix_media_sha256", "sha256"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    borough_id: Mapped[int | None] = mapped_column(ForeignKey("borough.id"))
    """Its scope, like this one's account above: where whoever added it works; both null: the whole city's."""
    name: Mapped[str] = mapped_column(String(200), info=NOBODY)
    """Of the file that came."""
    sha256: Mapped[str] = mapped_column(String(64), info=NOBODY)
    """Of `content`: what an approval is bound to."""
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True, info=NOBODY)
    small: Mapped[bytes] = mapped_column(LargeBinary, deferred=True, info=NOBODY)
    """The same picture, small, for lists."""
    width: Mapped[int]
    height: Mapped[int]
    size: Mapped[int]
    """Bytes of `content`."""
    alt_fr: Mapped[str | None] = mapped_column(Text, info=NOBODY)
    """What it shows, for who does not see it; in English too, below."""
    alt_en: Mapped[str | None] = mapped_column(Text, info=NOBODY)
    lettering: Mapped[str | None] = mapped_column(Text, info=NOBODY)
    """What stands written in it, as somebody typed it: readers read it as they read the post."""
    credit: Mapped[str | None] = mapped_column(String(200), info=NOBODY)
    """Whose it is, and by which leave the city shows it."""
    rights_until: Mapped[dt.date | None] = mapped_column(Date)
    """The last day on which the city may publish it, as its calendar shows days."""
    search_text: Mapped[str] = mapped_column(Text, info=NOBODY)
    """Words of all that is said of it, as `models/search.py` folds them."""
    added_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[dt.datetime]
    version: Mapped[int] = mapped_column(default=1)

    added_by: Mapped[Person] = relationship(lazy="raise")

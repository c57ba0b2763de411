"""What colleagues tell each other about an item: words, whose it is, until when it is put off."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import CITIZEN, NOBODY, STAFF, Base, Id, String, Text
from models.comments import Comment
from models.people import Person
from models.subjects import OfSubject, one_subject
from models.vocabulary import NoteKind


class Note(OfSubject, Base):
    """Something that a person did with an item without deciding, with the words that go with it. It is never changed,
    only taken back.
    """

    __tablename__ = "note"
    __table_args__ = (one_subject(), Index("ix_note_comment", "comment_id", "id"))

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    kind: Mapped[NoteKind] = mapped_column(String(20))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime]
    text: Mapped[str | None] = mapped_column(Text, info=CITIZEN)
    """None: it came without words, or they were lawfully disposed of."""
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    """Of an assignment: whose it is now (None: nobody's), and whose it was."""
    assignee_before_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    until: Mapped[datetime | None]
    """Of what is put off: when it comes back."""
    taken_back_at: Mapped[datetime | None]
    form_key: Mapped[str | None] = mapped_column(String(64), unique=True, info=NOBODY)
    """As of a decision."""

    comment: Mapped[Comment | None] = relationship(lazy="raise")
    person: Mapped[Person] = relationship(lazy="raise", foreign_keys=[person_id])
    assignee: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[assignee_id])


class ShiftNote(Base):
    """Words that somebody left for whoever comes next; kept for a month (`moderation/triage/shifts.py`)."""

    __tablename__ = "shift_note"
    __table_args__ = (Index("ix_shift_note_at", "at"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime]
    text: Mapped[str] = mapped_column(Text, info=STAFF)
    form_key: Mapped[str] = mapped_column(String(64), unique=True, info=NOBODY)
    """As of a decision."""

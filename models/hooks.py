"""Programs of the city that are told what happens here."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import NOBODY, String
from models.channels import Channel
from models.people import Person


class Hook(Channel):
    """Where one program takes webhooks: a channel, whose health is in `models.channels`. Never deleted, only removed:
    what was announced keeps its place.
    """

    __tablename__ = "hook"
    __mapper_args__ = {"polymorphic_identity": "hook"}  # noqa: RUF012

    id: Mapped[int] = mapped_column(ForeignKey("channel.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(100), info=NOBODY)
    address: Mapped[str] = mapped_column(String(500), info=NOBODY)
    secret_closed: Mapped[str] = mapped_column(String(400), info=NOBODY)
    """What signs, encrypted."""
    nouns: Mapped[list[str]] = mapped_column(info=NOBODY)
    """Of what it is told: the first words of the subjects in the journal."""
    announced: Mapped[int] = mapped_column(default=0)
    """The sequence of the last entry of the journal that was looked at for it."""
    added_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    added_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]

    added_by: Mapped[Person | None] = relationship(lazy="raise")

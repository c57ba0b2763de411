"""Who is on call for an immediate danger, and whom it was told to."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import STAFF, Base, Id, String
from models.items import Item
from models.people import Person

_OPEN = "ended_at IS NULL"


class OnCall(Base):
    """One person who is reached when a comment tells of an immediate danger, in the order of `place`."""

    __tablename__ = "on_call"
    __table_args__ = (UniqueConstraint("person_id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    place: Mapped[int]
    phone: Mapped[str | None] = mapped_column(String(40), info=STAFF)
    """For colleagues to ring; Parvis rings nobody."""

    person: Mapped[Person] = relationship(lazy="raise")


class Alarm(Base):
    """An immediate danger that somebody must answer for. An item has one that is open; it ends when somebody says that
    they see to it, or when the item is decided.
    """

    __tablename__ = "alarm"
    __table_args__ = (
        Index("ix_alarm_item", "item_id", "id"),
        # Two workers that find one danger raise one alarm.
        Index("ix_alarm_open", "item_id", unique=True, sqlite_where=text(_OPEN), postgresql_where=text(_OPEN)),
        Index("ix_alarm_next", "next_at", sqlite_where=text(_OPEN), postgresql_where=text(_OPEN)),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"))
    raised_at: Mapped[datetime]
    calls: Mapped[int] = mapped_column(default=0)
    """How many times somebody was told."""
    next_at: Mapped[datetime | None]
    """When the next one is told, if nobody answers; None: there is nobody left to tell."""
    answered_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    """Who sees to it; None in one that ended: the item was decided, or is no danger any more."""
    ended_at: Mapped[datetime | None]

    item: Mapped[Item] = relationship(lazy="raise")
    answered_by: Mapped[Person | None] = relationship(lazy="raise")

"""Who is on call for an immediate danger, and whom it was told to."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import NOBODY, STAFF, Base, Id, String
from models.channels import Channel
from models.items import Item
from models.people import Person

_OPEN, _UNPAGED = "ended_at IS NULL", "ended_at IS NOT NULL AND paged > 0 AND NOT end_paged"


class Pager(Channel):
    """Whatever the city has to reach people: a channel, whose health is in `models.channels`."""

    __tablename__ = "pager"
    __mapper_args__ = {"polymorphic_identity": "pager"}  # noqa: RUF012

    id: Mapped[int] = mapped_column(ForeignKey("channel.id"), primary_key=True)
    address: Mapped[str] = mapped_column(String(500), unique=True, info=NOBODY)


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
        Index("ix_alarm_unpaged", "id", sqlite_where=text(_UNPAGED), postgresql_where=text(_UNPAGED)),
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
    paged: Mapped[int] = mapped_column(default=0)
    """Of the calls, the last one that the city's pager is given."""
    end_paged: Mapped[bool] = mapped_column(default=False)
    """Whether the pager is given its end."""

    item: Mapped[Item] = relationship(lazy="raise")
    answered_by: Mapped[Person | None] = relationship(lazy="raise")

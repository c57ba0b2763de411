"""Recurring communication files: what the city tells again, the rule of its dates, and each time that it came."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Column, Date, ForeignKey, Index, Table, Time, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.accounts import Account
from models.base import NOBODY, Base, Id, Link, String, Text
from models.campaigns import Campaign
from models.people import Borough, Person
from models.posts import Post
from models.vocabulary import DateRule, MonthEnd, NotMade, OutsideTask

dossier_account = Table(
    "dossier_account",
    Base.metadata,
    Column("dossier_id", ForeignKey("dossier.id"), primary_key=True),
    Column("account_id", ForeignKey("account.id"), primary_key=True),
)
"""The accounts for which its drafts are made."""

_LIVE, _OPEN = "archived_at IS NULL", "settled_at IS NULL"


class KeyDate(Base):
    """A day that other dates are counted from, under a name that comes again: each instalment of the taxes."""

    __tablename__ = "key_date"
    __table_args__ = (UniqueConstraint("name", "day"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(100), info=NOBODY)
    day: Mapped[dt.date] = mapped_column(Date)


class Dossier(Base):
    """One file that comes back. Its rule is kept as people say it, on the city's calendar and clocks."""

    __tablename__ = "dossier"
    __table_args__ = (
        Index("ix_dossier_due", "due_on", "id", sqlite_where=text(_LIVE), postgresql_where=text(_LIVE)),
        Index("ix_dossier_next", "next_on", "id", sqlite_where=text(_LIVE), postgresql_where=text(_LIVE)),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    borough_id: Mapped[int | None] = mapped_column(ForeignKey("borough.id"))
    """Its scope, with the account above; both null: the whole city's."""
    name: Mapped[str] = mapped_column(String(200), info=NOBODY)
    purpose: Mapped[str] = mapped_column(Text, default="", info=NOBODY)
    """For colleagues: what it is for, and what must not be forgotten."""
    owner_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    """Who is told, and in whose name its drafts are made."""
    rule: Mapped[DateRule] = mapped_column(String(20), default=DateRule.NONE)
    rrule: Mapped[str] = mapped_column(String(200), default="", info=NOBODY)
    """Of a rule that repeats, as RFC 5545 writes it; dates alone."""
    starts_on: Mapped[dt.date] = mapped_column(Date)
    """It does not come before; "every second week" is counted from it."""
    anchor: Mapped[str] = mapped_column(String(100), default="", info=NOBODY)
    """Name of the key dates that it is counted from."""
    offset_days: Mapped[int] = mapped_column(default=0)
    """From the key date; before it where negative."""
    month_end: Mapped[MonthEnd] = mapped_column(String(10), default=MonthEnd.LAST)
    hour: Mapped[dt.time] = mapped_column(Time)
    """As the city's clocks show it."""
    lead_days: Mapped[int]
    """How long before its day the draft is made."""
    text: Mapped[str] = mapped_column(Text, default="", info=NOBODY)
    """Of its drafts; empty: what was written the last time is copied."""
    link: Mapped[str | None] = mapped_column(Link(), info=NOBODY)
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaign.id"))
    tasks: Mapped[list[str]] = mapped_column(default=list, info=NOBODY)
    """What else is to be done each time, outside of the networks (`OutsideTask`)."""
    next_on: Mapped[dt.date | None] = mapped_column(Date)
    """Its first day for which no occurrence is there; None: the rule gives none."""
    due_on: Mapped[dt.date | None] = mapped_column(Date)
    """When that one is made: `lead_days` before."""
    created_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[dt.datetime]
    archived_at: Mapped[dt.datetime | None]
    version: Mapped[int] = mapped_column(default=1)

    borough: Mapped[Borough | None] = relationship(lazy="raise")
    owner: Mapped[Person] = relationship(lazy="raise", foreign_keys=[owner_id])
    campaign: Mapped[Campaign | None] = relationship(lazy="raise")
    accounts: Mapped[list[Account]] = relationship(lazy="raise", secondary=dossier_account, order_by=Account.name)


class Occurrence(Base):
    """One time that a dossier came: one row a day, whoever makes it and however often."""

    __tablename__ = "occurrence"
    __table_args__ = (
        UniqueConstraint("dossier_id", "day"),
        Index(
            "ix_occurrence_open",
            "day",
            sqlite_where=text(_OPEN),
            postgresql_where=text(_OPEN),
        ),
        Index("ix_occurrence_post", "post_id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    dossier_id: Mapped[int] = mapped_column(ForeignKey("dossier.id"))
    day: Mapped[dt.date] = mapped_column(Date)
    post_id: Mapped[int | None] = mapped_column(ForeignKey("post.id"))
    problem: Mapped[NotMade | None] = mapped_column(String(20))
    """Why no draft was made by itself; None: it was, or none is wanted."""
    made_at: Mapped[dt.datetime]
    settled_at: Mapped[dt.datetime | None]
    """When somebody said that nothing more is to be done about it."""
    settled_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))

    dossier: Mapped[Dossier] = relationship(lazy="raise")
    post: Mapped[Post | None] = relationship(lazy="raise")
    settled_by: Mapped[Person | None] = relationship(lazy="raise")
    tasks: Mapped[list[OccurrenceTask]] = relationship(lazy="raise", order_by="OccurrenceTask.kind")


class OccurrenceTask(Base):
    """Something to be done outside of the networks for one occurrence: by whom and when, once it is."""

    __tablename__ = "occurrence_task"

    occurrence_id: Mapped[int] = mapped_column(ForeignKey("occurrence.id"), primary_key=True)
    kind: Mapped[OutsideTask] = mapped_column(String(20), primary_key=True)
    done_at: Mapped[dt.datetime | None]
    done_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))

    done_by: Mapped[Person | None] = relationship(lazy="raise")

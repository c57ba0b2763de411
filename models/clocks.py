"""When the city's service is open, by when it answers, and what it tells whoever writes while it is closed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import NOBODY, Base, Id
from models.comments import Comment
from models.effects import Effect
from models.people import Person
from models.subjects import OfSubject, one_subject


class ServiceClock(Base):
    """One version of the hours and the targets; the newest one counts. The hours are those of the city's clocks."""

    __tablename__ = "service_clock"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    week: Mapped[list[Any]] = mapped_column(info=NOBODY)
    """Seven, Monday first: [opens, closes] in minutes of the day, or null."""
    days: Mapped[list[Any]] = mapped_column(info=NOBODY)
    """Days that are otherwise: {"day": "2026-12-24", "hours": as in a week, "name": why}."""
    on_holidays: Mapped[bool] = mapped_column(default=False)
    respond: Mapped[dict[str, Any]] = mapped_column(info=NOBODY)
    """Hours of opening until the first answer, by `Intention`, `UNKNOWN` or `SAME_DAY` (`moderation/clocks.py`)."""
    resolve: Mapped[dict[str, Any]] = mapped_column(info=NOBODY)
    """Hours of opening until a 311 request is closed, by `RequestNature`."""
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    """Who said so; None: it came with a demonstration."""
    at: Mapped[datetime]

    person: Mapped[Person | None] = relationship(lazy="raise")


class AwayRule(Base):
    """The city's word on whether those who write while its service is closed are told so at once. The newest one
    counts, and is who acts in what leaves by it.
    """

    __tablename__ = "away_rule"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    adopted: Mapped[bool]
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime]

    person: Mapped[Person] = relationship(lazy="raise")


class AwayNotice(OfSubject, Base):
    """That somebody was told, in answer to a comment, that the service is closed: once in one closing."""

    __tablename__ = "away_notice"
    __table_args__ = (
        one_subject(),
        UniqueConstraint("author_id", "closed_since"),
        Index("ix_away_notice_comment", "comment_id"),
        Index("ix_away_notice_effect", "effect_id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    rule_id: Mapped[int] = mapped_column(ForeignKey("away_rule.id"))
    author_id: Mapped[int | None] = mapped_column(ForeignKey("author.id", ondelete="SET NULL"))
    """None: lawfully disposed of."""
    closed_since: Mapped[datetime]
    effect_id: Mapped[int | None] = mapped_column(ForeignKey("effect.id"))
    at: Mapped[datetime]

    rule: Mapped[AwayRule] = relationship(lazy="raise")
    effect: Mapped[Effect | None] = relationship(lazy="raise")
    comment: Mapped[Comment | None] = relationship(lazy="raise")

"""What the networks counted, a row an account or post and day: a year can be told after the network forgot it."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import ColumnElement, Date, ForeignKey, func, select
from sqlalchemy.orm import Mapped, aliased, class_mapper, mapped_column

from models.base import Base


class AccountFigures(Base):
    """One account on one day (UTC), as it was last measured that day. None: the network does not say."""

    __tablename__ = "account_figures"

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True)
    day: Mapped[dt.date] = mapped_column(Date, primary_key=True)
    at: Mapped[dt.datetime]
    followers: Mapped[int | None]


class Counts:
    """What a network counts of a post since it was published. None: it does not say."""

    reach: Mapped[int | None]
    views: Mapped[int | None]
    reactions: Mapped[int | None]
    comments: Mapped[int | None]
    shares: Mapped[int | None]
    clicks: Mapped[int | None]


COUNTS = ("reach", "views", "reactions", "comments", "shares", "clicks")


class PostFigures(Counts, Base):
    """One post on one day (UTC)."""

    __tablename__ = "post_figures"

    source_post_id: Mapped[int] = mapped_column(ForeignKey("source_post.id"), primary_key=True)
    day: Mapped[dt.date] = mapped_column(Date, primary_key=True)
    at: Mapped[dt.datetime]


MARKS = (1, 24, 7 * 24, 28 * 24)
"""Hours after a post of ours went out, at which what the networks count of it is kept."""


class PostMark(Counts, Base):
    """One post at one of these marks, so that posts can be compared at the same age. All None: the network said nothing
    of it, and is not asked again.
    """

    __tablename__ = "post_mark"

    source_post_id: Mapped[int] = mapped_column(ForeignKey("source_post.id"), primary_key=True)
    hours: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[dt.datetime]
    """When it was counted: as soon after the mark as could be."""


def is_newest(measures: type[AccountFigures | PostFigures]) -> ColumnElement[bool]:
    """Whether a row is the last measure of its account or post that there is."""
    other, of = aliased(measures), class_mapper(measures).primary_key[0].name
    last = select(func.max(other.day)).where(getattr(other, of) == getattr(measures, of))
    return measures.day == last.correlate(measures).scalar_subquery()

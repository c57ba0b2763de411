"""The calendar only reads posts: what goes out when, what waits for a time, and what else happens on those days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import Session

from models.posts import Post, Variant
from models.scope import Action, Viewer, visible
from models.vocabulary import PostState
from models.working_days import holidays
from publishing.checks import NEAR
from publishing.drafting import whole
from publishing.planning import MOVABLE

MOST = 1000
"""Posts that are shown at once."""


@dataclass(frozen=True)
class Sought:
    """Which posts are shown; None: all."""

    account_id: int | None = None
    campaign_id: int | None = None
    state: PostState | None = None


EVERYTHING = Sought()


@dataclass
class Entry:
    """What of a post goes out, or went, at one time."""

    post: Post
    at: datetime
    """When it is planned; of what is out, when it left."""
    variants: list[Variant] = field(default_factory=list)
    near: list[Entry] = field(default_factory=list)
    """Others of the same account within the hour."""

    @property
    def movable(self) -> bool:
        """Whether it can be given another time."""
        return self.post.state in MOVABLE and all(one.published_at is None for one in self.variants)


class Happening(StrEnum):
    """What else a day is."""

    HOLIDAY = "holiday"
    FORWARD = "forward"
    """Clocks jump one hour ahead."""
    BACK = "back"


@dataclass(frozen=True)
class Day:
    """A day on which more happens than posts."""

    date: dt.date
    happening: Happening
    name: str = ""
    """Of a holiday."""


def entries(
    session: Session, viewer: Viewer, first: datetime, until: datetime, sought: Sought = EVERYTHING
) -> list[Entry]:
    """What goes out from `first` to before `until`, in its order. What is within the hour of something else of the same
    account knows it, whatever is sought.
    """
    at = func.coalesce(Variant.published_at, Variant.publish_at, Post.publish_at)
    around = exists(select(Variant.id).where(Variant.post_id == Post.id, at >= first - NEAR, at < until + NEAR))
    found = _entries(session.scalars(_posts(viewer).where(around).order_by(Post.id.desc()).limit(MOST)).all())
    for one, other in _pairs(found):
        if {variant.account_id for variant in one.variants} & {variant.account_id for variant in other.variants}:
            one.near.append(other)
            other.near.append(one)
    return [one for one in found if first <= one.at < until and _is_sought(one.post, sought)]


def unscheduled(session: Session, viewer: Viewer, sought: Sought = EVERYTHING) -> Sequence[Post]:
    """Posts a part of which has no time yet, newest first."""
    timeless = exists(
        select(Variant.id).where(
            Variant.post_id == Post.id, Variant.published_at.is_(None), Variant.publish_at.is_(None)
        )
    )
    statement = _posts(viewer).where(Post.publish_at.is_(None), Post.state.in_(MOVABLE), timeless)
    posts = session.scalars(statement.order_by(Post.id.desc()).limit(MOST)).all()
    return [post for post in posts if _is_sought(post, sought)]


def days(first: dt.date, until: dt.date, zone: ZoneInfo, language: str) -> list[Day]:
    """The holidays of Québec and the changes of clocks from `first` to before `until`; `language`: "fr" or "en_US"."""
    years = range(first.year, until.year + 1)
    known = [one for year in years for one in holidays(year, language).items()]
    found = [Day(day, Happening.HOLIDAY, name) for day, name in known if first <= day < until]
    count = (until - first).days
    noons = [datetime.combine(first + timedelta(days=n), dt.time(12), zone) for n in range(-1, count)]
    for before, after in pairwise(noons):
        moved = (after.utcoffset() or timedelta()) - (before.utcoffset() or timedelta())
        if moved:
            found.append(Day(after.date(), Happening.FORWARD if moved > timedelta() else Happening.BACK))
    return sorted(found, key=lambda one: (one.date, one.happening))


def bounds(first: dt.date, until: dt.date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The moments at which these days begin in the city."""
    begin, end = (datetime.combine(day, dt.time(), zone).astimezone(UTC) for day in (first, until))
    return begin, end


def _pairs(found: Sequence[Entry]) -> list[tuple[Entry, Entry]]:
    """Pairs of entries, in their order, that are within the hour."""
    pairs: list[tuple[Entry, Entry]] = []
    for place, one in enumerate(found):
        for other in found[place + 1 :]:
            if other.at - one.at >= NEAR:
                break
            if other.post.id != one.post.id:
                pairs.append((one, other))
    return pairs


def _entries(posts: Sequence[Post]) -> list[Entry]:
    made: dict[tuple[int, datetime], Entry] = {}
    for post in posts:
        for variant in post.variants:
            at = variant.published_at or variant.publish_at or post.publish_at
            if at is not None:
                made.setdefault((post.id, at), Entry(post, at)).variants.append(variant)
    return sorted(made.values(), key=lambda one: (one.at, one.post.id))


def _posts(viewer: Viewer) -> Select[Post]:
    return visible(whole(select(Post)), viewer, Action.SEE_POSTS, Post)


def _is_sought(post: Post, sought: Sought) -> bool:
    return (
        sought.state in (None, post.state)
        and sought.campaign_id in (None, post.campaign_id)
        and (sought.account_id is None or sought.account_id in {variant.account_id for variant in post.variants})
    )

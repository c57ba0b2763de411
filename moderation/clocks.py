"""The hours of the city's service and its targets: by when an item should have its answer, and a request its end.

Time counts only while the service is open (`models/opening.py`). Whatever changes an item takes its clock off
(`moderation/items.py`), and a tick sets it anew; a new version of the clocks sets all that waits.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session, joinedload

from models import audit
from models.clocks import ServiceClock
from models.errors import Refused
from models.items import Item, in_state
from models.opening import MIDNIGHT, Hours, Schedule
from models.scope import Viewer
from models.session import Database, take_turn
from models.text import cleaned
from models.vocabulary import Intention, ItemState, RequestNature
from moderation.items import DANGER

UNKNOWN, SAME_DAY = "unknown", "same_day"
"""Kinds of a comment beside its intention: one whose intention nobody knows, and one to be seen the same day."""
KINDS = (*Intention, UNKNOWN, SAME_DAY)
NATURES = tuple(RequestNature)
MOST_HOURS, MOST_DAYS, LONGEST_NAME = 999, 60, 80
WARNED = 0.75
"""The part of a target after which it is said that it comes near."""
AT_ONCE = 500
"""Items whose clocks one transaction sets."""


@dataclass(frozen=True)
class Day:
    """A day that is otherwise than its week has it; without hours it is closed."""

    day: dt.date
    hours: Hours | None
    name: str = ""


@dataclass(frozen=True)
class Hands:
    """All that one version says: hours, and targets in hours of opening."""

    week: tuple[Hours | None, ...]
    days: tuple[Day, ...] = ()
    on_holidays: bool = False
    respond: Mapping[str, int] | None = None
    resolve: Mapping[str, int] | None = None

    def schedule(self, zone: ZoneInfo) -> Schedule:
        """The hours, on the clocks of a zone."""
        return Schedule(zone, self.week, {one.day: one.hours for one in self.days}, self.on_holidays)


@dataclass(frozen=True)
class Clocks:
    """The version that counts."""

    id: int
    hands: Hands
    schedule: Schedule

    def target(self, intention: str | None, urgency: int) -> timedelta | None:
        """How long an item may wait for its answer; None: nothing is promised. A danger has its alarm."""
        if urgency == DANGER:
            return None
        given = self.hands.respond or {}
        kinds = (intention or UNKNOWN, *((SAME_DAY,) if urgency else ()))
        hours = [given[kind] for kind in kinds if kind in given]
        return timedelta(hours=min(hours)) if hours else None


def newest(session: Session) -> ServiceClock | None:
    """The version that counts as it is kept, with who made it; None: the city has said nothing yet."""
    statement = select(ServiceClock).options(joinedload(ServiceClock.person)).order_by(ServiceClock.id.desc()).limit(1)
    return session.scalar(statement)


def hands_of(row: ServiceClock) -> Hands:
    """What a kept version says."""
    return Hands(
        week=tuple(_hours(one) for one in row.week),
        days=tuple(Day(dt.date.fromisoformat(one["day"]), _hours(one["hours"]), one["name"]) for one in row.days),
        on_holidays=row.on_holidays,
        respond=row.respond,
        resolve=row.resolve,
    )


def current(session: Session, zone: ZoneInfo) -> Clocks | None:
    """The version that counts; None: the city has said nothing yet."""
    row = newest(session)
    if row is None:
        return None
    hands = hands_of(row)
    return Clocks(row.id, hands, hands.schedule(zone))


def set_hands(session: Session, viewer: Viewer, hands: Hands, *, seen: int, now: datetime) -> ServiceClock:
    """A new version, if it says something else. `seen` is the id of the version that the form showed (0: none).

    Refused: `clocks_changed`, `hours_backwards`, `day_twice`, `too_many_days`, `hours_count`, `longer_than_kept`.
    """
    take_turn(session, "clocks")
    before = newest(session)
    if (before.id if before else 0) != seen:
        raise Refused("clocks_changed")
    names = [(cleaned(one.name) or "").strip() for one in hands.days]
    _refuse_unless_kept(hands, names)
    said: dict[str, Any] = {
        "week": [list(one) if one else None for one in hands.week],
        "days": [
            {"day": one.day.isoformat(), "hours": list(one.hours) if one.hours else None, "name": name}
            for one, name in sorted(zip(hands.days, names, strict=True), key=lambda pair: pair[0].day)
        ],
        "on_holidays": hands.on_holidays,
        "respond": dict(hands.respond or {}),
        "resolve": dict(hands.resolve or {}),
    }
    if before is not None and all(getattr(before, name) == value for name, value in said.items()):
        return before
    row = ServiceClock(**said, person_id=viewer.person_id, at=now)
    session.add(row)
    session.flush()
    audit.note(session, "clocks.set", "city", now=now, person_id=viewer.person_id, version=row.id)
    return row


def resolve_by(session: Session, nature: str, opened_at: datetime, zone: ZoneInfo) -> datetime | None:
    """By when a 311 request of a nature should be closed; None: nothing is promised."""
    clocks = current(session, zone)
    hours = (clocks.hands.resolve or {}).get(nature) if clocks else None
    return clocks.schedule.after(opened_at, timedelta(hours=hours)) if clocks and hours else None


def wind_due(database: Database, zone: ZoneInfo, *, now: datetime) -> int:  # noqa: ARG001 - as every job
    """Set the clocks of the items that have none, or one of an earlier version; gives how many."""
    with database.read() as session:
        clocks = current(session, zone)
        if clocks is None or session.scalar(_unwound(clocks).limit(1)) is None:
            return 0
    wound = 0
    while True:
        with database.write() as session:
            # What somebody else works on is left to the next time: whoever decides never waits for this one in turn.
            items = session.scalars(_unwound(clocks).limit(AT_ONCE).with_for_update(skip_locked=True)).all()
            for item in items:
                _wind(item, clocks)
        wound += len(items)
        if len(items) < AT_ONCE:
            return wound


# -------------------------------------------------------------------------------------------------------------------
def _unwound(clocks: Clocks) -> Select[Item]:
    stale = or_(Item.clock_id.is_(None), Item.clock_id < clocks.id)
    return select(Item).where(in_state(Item, ItemState.WAITING), stale).order_by(Item.id)


def _wind(item: Item, clocks: Clocks) -> None:
    target, since = clocks.target(item.intention, item.urgency), item.queued_before or item.queued_at
    item.clock_id, item.answer_by, item.warn_at = clocks.id, None, None
    if target is not None:
        item.answer_by = clocks.schedule.after(since, target)
        item.warn_at = clocks.schedule.after(since, target * WARNED)


def _hours(kept: list[int] | None) -> Hours | None:
    return (kept[0], kept[1]) if kept else None


def _refuse_unless_kept(hands: Hands, names: list[str]) -> None:
    for hours in (*hands.week, *(one.hours for one in hands.days)):
        if hours is not None and not 0 <= hours[0] < hours[1] <= MIDNIGHT:
            raise Refused("hours_backwards", field="hours")
    if len(hands.days) > MOST_DAYS:
        raise Refused("too_many_days", field="day", most=str(MOST_DAYS))
    if len({one.day for one in hands.days}) < len(hands.days):
        raise Refused("day_twice", field="day")
    if any(len(name) > LONGEST_NAME for name in names):
        raise Refused("longer_than_kept", field="day_name", most=str(LONGEST_NAME))
    for target in (*(hands.respond or {}).values(), *(hands.resolve or {}).values()):
        if not 0 < target <= MOST_HOURS:
            raise Refused("hours_count", field="target", most=str(MOST_HOURS))

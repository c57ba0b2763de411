"""Times as the city's clocks show them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from models.errors import Refused


def instant(wall: str, zone: ZoneInfo, *, field: str = "publish_at") -> datetime:
    """The moment of a date and time as the city's clocks show it ("2026-11-30T18:00").

    Refused: `time_unreadable`; `time_absent`, when clocks jump over it in spring; `time_twice`, when they show it
    twice in autumn: which one is meant cannot be known.
    """
    try:
        local = datetime.fromisoformat(wall).replace(tzinfo=zone, second=0, microsecond=0)
        first, second = local.replace(fold=0), local.replace(fold=1)
        moment = first.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Refused("time_unreadable", field=field) from error
    if first.utcoffset() != second.utcoffset():
        there = moment.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None)
        raise Refused("time_twice" if there else "time_absent", field=field)
    return moment

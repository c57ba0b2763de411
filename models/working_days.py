"""The days on which offices of Québec are open."""

from __future__ import annotations

import datetime as dt
from datetime import timedelta
from functools import cache


@cache
def _holidays(year: int) -> frozenset[dt.date]:
    import holidays  # noqa: PLC0415  # It reads all its countries.

    return frozenset(holidays.country_holidays("CA", subdiv="QC", years=year))


def works(day: dt.date) -> bool:
    """Whether it is neither a Saturday, a Sunday nor a public holiday."""
    return day.weekday() < 5 and day not in _holidays(day.year)


def next_working_day(day: dt.date) -> dt.date:
    """The first day after that one on which offices are open."""
    following = day + timedelta(days=1)
    while not works(following):
        following += timedelta(days=1)
    return following

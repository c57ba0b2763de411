"""The days on which offices of Québec are open, and those on which they are not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from datetime import timedelta
from functools import cache


@cache
def holidays(year: int, language: str = "fr") -> Mapping[dt.date, str]:
    """The public holidays of Québec and their names; `language`: "fr" or "en_US"."""
    import holidays  # noqa: PLC0415  # It reads all its countries.

    return dict(holidays.country_holidays("CA", subdiv="QC", years=year, language=language))


def works(day: dt.date) -> bool:
    """Whether it is neither a Saturday, a Sunday nor a public holiday."""
    return day.weekday() < 5 and day not in holidays(day.year)


def next_working_day(day: dt.date) -> dt.date:
    """The first day after that one on which offices are open."""
    following = day + timedelta(days=1)
    while not works(following):
        following += timedelta(days=1)
    return following

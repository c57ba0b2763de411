"""Dates that come back, as people say them: on the city's calendar and clocks, never counted in seconds.

A rule is RFC 5545's, of dates alone; the hour is added day by day, so that nine in the morning stays nine whatever the
clocks do.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from dateutil.rrule import rrulestr

from models.errors import Refused
from models.vocabulary import MonthEnd

FARTHEST = 40
"""Years within which a rule must come again; what comes every century is no work for anybody."""
MOST_INTERVAL = 20
LONGEST = 200
"""Characters of a rule."""

_DAY = r"(?:MO|TU|WE|TH|FR|SA|SU)"
_LIST = r"(?:{0})(?:,(?:{0}))*"
_PARTS: Mapping[str, re.Pattern[str]] = {
    name: re.compile(pattern)
    for name, pattern in {
        "FREQ": "DAILY|WEEKLY|MONTHLY|YEARLY",
        "INTERVAL": r"[1-9]\d?",
        "BYMONTH": _LIST.format(r"[1-9]|1[0-2]"),
        "BYMONTHDAY": _LIST.format(r"-?(?:[1-9]|[12]\d|3[01])"),
        "BYDAY": _LIST.format(rf"(?:[+-]?[1-9]\d?)?{_DAY}"),
        "BYSETPOS": _LIST.format(r"-?[1-9]\d{0,2}"),
        "BYWEEKNO": _LIST.format(r"-?(?:[1-9]|[1-4]\d|5[0-3])"),
        "BYYEARDAY": _LIST.format(r"-?[1-9]\d{0,2}"),
        "UNTIL": r"20\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])",
        "WKST": _DAY,
    }.items()
}
"""What a rule may say. Nothing of hours, which are the city's; nor how many times in all: nobody would see it end."""
_PLACED = {"BYDAY", "BYMONTHDAY", "BYWEEKNO", "BYYEARDAY"}
"""Parts that say which day: without any, it is that of the start."""


@dataclass(frozen=True)
class Pattern:
    """A rule, the day from which it counts, and what becomes of days that a month does not have."""

    rrule: str
    starts_on: dt.date
    month_end: MonthEnd = MonthEnd.LAST

    def days(self, first: dt.date, until: dt.date) -> list[dt.date]:
        """Its days from `first` to before `until`, each once."""
        return sorted({day for day in self._found(until) if first <= day < until})

    def after(self, day: dt.date) -> dt.date | None:
        """Its first day after that one; None: there is none within `FARTHEST` years."""
        for years in (2, 9, FARTHEST):
            found = self.days(day + timedelta(days=1), _years(day, years))
            if found:
                return found[0]
        return None

    def skipped(self, first: dt.date, until: dt.date) -> list[dt.date]:
        """The last days of the months that have not the day that is asked for: it does not come there."""
        if self.month_end == MonthEnd.LAST:
            return []
        kept = Pattern(self.rrule, self.starts_on, MonthEnd.LAST)
        return sorted(set(kept.days(first, until)) - set(self.days(first, until)))

    def _found(self, until: dt.date) -> Iterator[dt.date]:
        parts = _placed(parts_of(self.rrule), self.starts_on)
        if "UNTIL" in parts:
            until = min(until, _day_of(parts.pop("UNTIL")) + timedelta(days=1))
        if until <= self.starts_on:
            return
        late = self._late(parts)
        others = [one for one in parts.get("BYMONTHDAY", "").split(",") if one and int(one) not in late]
        if others or not late:
            yield from _read(parts | ({"BYMONTHDAY": ",".join(others)} if others else {}), self.starts_on, until)
        begin = self.starts_on.replace(day=1)
        for month in _read(parts | {"BYMONTHDAY": "1"}, begin, until) if late else ():
            last = calendar.monthrange(month.year, month.month)[1]
            yield from (day for one in late if (day := month.replace(day=min(one, last))) >= self.starts_on)

    def _late(self, parts: Mapping[str, str]) -> list[int]:
        """Days of the month that some months have not, where their last day stands for them."""
        if self.month_end == MonthEnd.SKIP or {"BYDAY", "BYSETPOS", "BYWEEKNO", "BYYEARDAY"} & parts.keys():
            return []
        if parts["FREQ"] not in ("MONTHLY", "YEARLY"):
            return []
        return [int(one) for one in parts.get("BYMONTHDAY", "").split(",") if one and int(one) > 28]


def parts_of(rrule: str) -> dict[str, str]:
    """A rule in its parts. Refused: `rule_unreadable`, `rule_part` (names the part that is not taken)."""
    said = rrule.strip().upper().removeprefix("RRULE:")
    if not said or len(said) > LONGEST:
        raise Refused("rule_unreadable", field="rrule")
    parts: dict[str, str] = {}
    for one in said.split(";"):
        name, _, value = one.partition("=")
        pattern = _PARTS.get(name)
        if pattern is None or name in parts or not pattern.fullmatch(value):
            raise Refused("rule_part", field="rrule", part=one[:40])
        parts[name] = value
    if "FREQ" not in parts:
        raise Refused("rule_unreadable", field="rrule")
    if int(parts.get("INTERVAL", "1")) > MOST_INTERVAL:
        raise Refused("rule_part", field="rrule", part=f"INTERVAL={parts['INTERVAL']}")
    if "UNTIL" in parts:
        _day_of(parts["UNTIL"])
    try:
        # What the parts together do not mean is only found by who reads them.
        rrulestr(_written(parts), dtstart=datetime(2000, 1, 1))  # noqa: DTZ001 - dates alone
    except ValueError as error:
        raise Refused("rule_unreadable", field="rrule") from error
    return parts


def _read(parts: Mapping[str, str], starts_on: dt.date, until: dt.date) -> Iterator[dt.date]:
    last = (until - timedelta(days=1)).strftime("%Y%m%d")
    rule = rrulestr(_written({**parts, "UNTIL": last}), dtstart=datetime.combine(starts_on, dt.time()))
    return (one.date() for one in rule)


def _placed(parts: dict[str, str], starts_on: dt.date) -> dict[str, str]:
    """The same rule with its day said, where it is that of the start."""
    if parts["FREQ"] in ("MONTHLY", "YEARLY") and not _PLACED & parts.keys():
        if parts["FREQ"] == "YEARLY":
            parts.setdefault("BYMONTH", str(starts_on.month))
        parts["BYMONTHDAY"] = str(starts_on.day)
    return parts


def _written(parts: Mapping[str, str]) -> str:
    return ";".join(f"{name}={value}" for name, value in parts.items())


def _day_of(said: str) -> dt.date:
    try:
        return datetime.strptime(said, "%Y%m%d").date()  # noqa: DTZ007 - a date alone
    except ValueError as error:
        raise Refused("rule_part", field="rrule", part=f"UNTIL={said}") from error


def _years(day: dt.date, years: int) -> dt.date:
    return dt.date(min(day.year + years, dt.MAXYEAR), 1, 1)

"""When a service is open, by the clocks and the holidays of its city, and time as it counts it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from models.working_days import holidays

MIDNIGHT = 24 * 60
FARTHEST = 400
"""Days that are looked through; who opens later than that has no next opening."""

Hours = tuple[int, int]
"""From when until when a day is open, in minutes of its clock; until `MIDNIGHT` is its end."""
Span = tuple[datetime, datetime]


def moment(day: dt.date, hour: dt.time, zone: ZoneInfo) -> datetime:
    """When a day's hour is. One that clocks jump over is the next minute that they show; of one that they show twice,
    it is the first.
    """
    wall = datetime.combine(day, hour)
    for minutes in range(2 * 24 * 60):
        shown = (wall + timedelta(minutes=minutes)).replace(tzinfo=zone)
        at = shown.astimezone(UTC)
        if at.astimezone(zone).replace(tzinfo=None) == shown.replace(tzinfo=None):
            return at
    raise ValueError(f"clocks of {zone.key} show nothing for two days")


@dataclass(frozen=True)
class Schedule:
    """The hours of a service: a week (Monday first; None: closed), and days that are otherwise."""

    zone: ZoneInfo
    week: tuple[Hours | None, ...]
    days: Mapping[dt.date, Hours | None] = field(default_factory=dict)
    on_holidays: bool = False
    """Whether the public holidays of Québec are days like others; else they are closed, unless `days` says more."""

    def hours(self, day: dt.date) -> Hours | None:
        """When a day is open; None: it is not."""
        if day in self.days:
            return self.days[day]
        if not self.on_holidays and day in holidays(day.year):
            return None
        return self.week[day.weekday()]

    def worked(self, start: datetime, end: datetime) -> timedelta:
        """How much of the time between two moments it was open; none, where the second is not the later one."""
        if end <= start:
            return timedelta()
        days = (end.astimezone(self.zone).date() - start.astimezone(self.zone).date()).days + 1
        spans = self._spans(start, days)
        return sum((min(closes, end) - max(opens, start) for opens, closes in spans if opens < end), timedelta())

    def after(self, start: datetime, amount: timedelta) -> datetime | None:
        """When it has been open for so long since a moment; None: not within `FARTHEST` days."""
        for opens, closes in self._spans(start):
            begins = max(opens, start)
            if closes - begins >= amount:
                return begins + amount
            amount -= closes - begins
        return None

    def now(self, at: datetime) -> tuple[bool, datetime | None]:
        """Whether it is open, and until when that is so; None: for good, as far as is known. One day that is open to
        its end goes on with the next.
        """
        until = None
        for opens, closes in self._spans(at):
            if until is None and opens > at:
                return False, opens
            if until is not None and opens > until:
                break
            until = closes
        always = until is not None and until - at > timedelta(days=FARTHEST - 2)
        return until is not None, None if always else until

    def closed_since(self, at: datetime) -> datetime | None:
        """When it last closed, if it is closed; None: it is open, or has never been."""
        last = at.astimezone(self.zone).date()
        for days in range(FARTHEST):
            span = self._span(last - timedelta(days=days))
            if span is not None and span[0] <= at:
                return None if at < span[1] else span[1]
        return None

    def _spans(self, since: datetime, days: int = FARTHEST) -> Iterator[Span]:
        """The openings of so many days that end after a moment, in their order."""
        first = since.astimezone(self.zone).date()
        for ahead in range(days):
            span = self._span(first + timedelta(days=ahead))
            if span is not None and span[1] > since:
                yield span

    def _span(self, day: dt.date) -> Span | None:
        hours = self.hours(day)
        if hours is None:
            return None
        opens, closes = (_minute(day, minutes, self.zone) for minutes in hours)
        # What lies within an hour that clocks jump over is no time at all.
        return (opens, closes) if opens < closes else None


def _minute(day: dt.date, minutes: int, zone: ZoneInfo) -> datetime:
    days, within = divmod(minutes, MIDNIGHT)
    return moment(day + timedelta(days=days), dt.time(*divmod(within, 60)), zone)

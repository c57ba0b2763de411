"""The hours of the city’s service in words, as citizens read them, and as a form gives them."""

from __future__ import annotations

import datetime as dt
from datetime import datetime

from api import i18n
from api.i18n import Dates, _
from models.errors import Refused
from models.opening import MIDNIGHT, Hours, Schedule
from models.vocabulary import Language


def opening(schedule: Schedule, language: str, *, now: datetime) -> str:
    """What is open now, or when it opens next, after "we are" and in a citizen's language; empty: it never opens."""
    before = i18n.language.set(i18n.ENGLISH if language == Language.ENGLISH else i18n.FRENCH)
    try:
        opened, until = schedule.now(now)
        if until is None:
            return _("open at all hours") if opened else ""
        dates = Dates(schedule.zone)
        today = until.astimezone(schedule.zone).date() == now.astimezone(schedule.zone).date()
        if opened:
            # What closes at midnight closes on this day, whatever the clocks call it.
            last = (until - dt.timedelta(seconds=1)).astimezone(schedule.zone).date()
            if last == now.astimezone(schedule.zone).date():
                return _("open until %(hour)s", hour=_hour(dates, until))
            return _("open until %(day)s, %(hour)s", day=dates.day_of_week(until), hour=_hour(dates, until))
        if today:
            return _("closed until %(hour)s", hour=_hour(dates, until))
        return _("closed until %(day)s, %(hour)s", day=dates.day_of_week(until), hour=_hour(dates, until))
    finally:
        i18n.language.reset(before)


def _hour(dates: Dates, at: datetime) -> str:
    local = at.astimezone(dates.zone).time()
    return _("midnight") if local == dt.time() else _("noon") if local == dt.time(12) else dates.time(at)


def hours_of(opens: str, closes: str, field: str) -> Hours | None:
    """Two times of a form as hours; both empty: closed. Midnight at the end is the end of the day.

    Refused: `hour_unreadable`.
    """
    if not opens and not closes:
        return None
    first, last = _minutes(opens, field), _minutes(closes, field)
    return first, last or MIDNIGHT


def clock(minutes: int) -> str:
    """Minutes of a day as a form has them."""
    return "{:02d}:{:02d}".format(*divmod(minutes % MIDNIGHT, 60))


def day_of(said: str) -> dt.date:
    """A date of a form. Refused: `date_unreadable`."""
    try:
        return dt.date.fromisoformat(said)
    except ValueError as error:
        raise Refused("date_unreadable", field="day") from error


def count_of(said: str, most: int) -> int:
    """A number of hours of a form. Refused: `hours_count`."""
    if not (said.isascii() and said.isdecimal() and len(said) < 5):
        raise Refused("hours_count", field="target", most=str(most))
    return int(said)


def _minutes(said: str, field: str) -> int:
    try:
        time = dt.time.fromisoformat(said)
    except ValueError as error:
        raise Refused("hour_unreadable", field=field) from error
    return time.hour * 60 + time.minute

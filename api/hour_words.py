"""The hours of the city’s service in words, as citizens read them, and as a form gives them; and what is refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from datetime import datetime

from api import i18n
from api.i18n import N_, Dates, _
from models.errors import Refused
from models.opening import MIDNIGHT, Hours, Schedule
from models.vocabulary import Language

REFUSALS: Mapping[str, str] = {
    "clocks_changed": N_("Somebody has changed the hours since you opened this page: open it again."),
    "day_twice": N_("Each day is said once."),
    "hours_first": N_("Say first when the service is open."),
    "hours_backwards": N_("A day closes after it opens; closing at 00:00 is at midnight."),
    "hours_count": N_("Give hours of opening from 1 to %(most)s, or none."),
    "too_many_days": N_("At most %(most)s days are otherwise: take out those that are over."),
    "on_call_twice": N_("Each person is on call once."),
    "on_call_who": N_("Whoever is on call must see every comment of the City."),
    "phone_too_long": N_("A telephone has at most %(most)s characters."),
}


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

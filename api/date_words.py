"""Rules of dates in words, and the form in which people give them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from api import i18n
from api.i18n import N_, _, ngettext
from models.errors import Refused
from models.vocabulary import DateRule
from publishing.dossiers import MOST_OFFSET
from publishing.recurrence import MOST_INTERVAL, parts_of

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
NTH: Mapping[str, str] = {
    "1": N_("first"),
    "2": N_("second"),
    "3": N_("third"),
    "4": N_("fourth"),
    "-1": N_("last"),
}
EVERY: Mapping[str, str] = {
    "none": N_("No date: somebody says when"),
    "weekly": N_("Every week, on a day"),
    "monthly_day": N_("Every month, on a date"),
    "monthly_nth": N_("Every month, on the second Monday, the last Friday…"),
    "yearly_day": N_("Every year, on a date"),
    "yearly_nth": N_("Every year, on the second Monday of April…"),
    "anchored": N_("So many days before or after a key date"),
    "other": N_("Another rule (RRULE)"),
}
"""The ways in which a rule is given, in the order in which they are offered."""


@dataclass(frozen=True)
class Given:
    """A rule as the form has it, field by field; what its way does not ask for is as it was."""

    every: str = "none"
    weekday: str = "MO"
    weeks: str = "1"
    monthday: str = "1"
    nth: str = "1"
    month: str = "1"
    rrule: str = ""
    anchor: str = ""
    days: str = "21"
    side: str = "before"

    def rule(self) -> tuple[DateRule, str, str, int]:
        """What is kept of it: its kind, RRULE, key date and days. Refused: `number_unreadable`."""
        if self.every == "anchored":
            days = _number(self.days, "days", 0, MOST_OFFSET)
            return DateRule.ANCHORED, "", self.anchor, -days if self.side == "before" else days
        if self.every == "other":
            return DateRule.REPEATS, self.rrule, "", 0
        weeks = _number(self.weeks, "weeks", 1, MOST_INTERVAL) if self.every == "weekly" else 1
        date = _number(self.monthday, "monthday", 1, 31) if self.every in ("monthly_day", "yearly_day") else 1
        written = {
            "weekly": f"FREQ=WEEKLY;INTERVAL={weeks};BYDAY={self.weekday}",
            "monthly_day": f"FREQ=MONTHLY;BYMONTHDAY={date}",
            "monthly_nth": f"FREQ=MONTHLY;BYDAY={self.nth}{self.weekday}",
            "yearly_day": f"FREQ=YEARLY;BYMONTH={self.month};BYMONTHDAY={date}",
            "yearly_nth": f"FREQ=YEARLY;BYMONTH={self.month};BYDAY={self.nth}{self.weekday}",
        }.get(self.every)
        return (DateRule.REPEATS, written, "", 0) if written else (DateRule.NONE, "", "", 0)


def given(rule: DateRule, rrule: str, anchor: str, offset_days: int) -> Given:
    """How a kept rule is shown in the form: the inverse of `Given.rule`."""
    if rule == DateRule.NONE:
        return Given()
    if rule == DateRule.ANCHORED:
        return Given("anchored", anchor=anchor, days=str(abs(offset_days)), side=_side(offset_days))
    for one in _ways(parts_of(rrule)):
        if one.weekday in WEEKDAYS and one.nth in NTH and _same(one.rule()[1], rrule):
            return one
    return Given("other", rrule=rrule)


def _ways(parts: Mapping[str, str]) -> Iterator[Given]:
    """Each way in which these parts might have been given."""
    day, date, month = parts.get("BYDAY", ""), parts.get("BYMONTHDAY", ""), parts.get("BYMONTH", "")
    nth, weekday = day[:-2], day[-2:]
    yield Given("weekly", weekday=day, weeks=parts.get("INTERVAL", "1"))
    yield Given("monthly_nth", nth=nth, weekday=weekday)
    if month.isdecimal():
        yield Given("yearly_nth", nth=nth, weekday=weekday, month=month)
    if date.isdecimal():
        yield Given("monthly_day", monthday=date)
    if date.isdecimal() and month.isdecimal():
        yield Given("yearly_day", monthday=date, month=month)


def _same(one: str, other: str) -> bool:
    usual = {"INTERVAL": "1"}
    try:
        return usual | parts_of(one) == usual | parts_of(other)
    except Refused:
        return False


def rule_words(rule: DateRule, rrule: str, anchor: str, offset_days: int) -> str:
    """A rule as people say it."""
    if rule == DateRule.NONE:
        return _("Without a date rule")
    if rule == DateRule.ANCHORED:
        days = abs(offset_days)
        if not days:
            return _("On the key date “%(name)s”", name=anchor)
        if offset_days < 0:
            return ngettext("%(n)s day before “%(name)s”", "%(n)s days before “%(name)s”", days, name=anchor)
        return ngettext("%(n)s day after “%(name)s”", "%(n)s days after “%(name)s”", days, name=anchor)
    one = given(rule, rrule, anchor, offset_days)
    day = weekday(one.weekday) if one.weekday in WEEKDAYS else ""
    nth = _(NTH.get(one.nth, one.nth))
    match one.every:
        case "weekly" if one.weeks == "1":
            return _("Every week, on %(day)s", day=day)
        case "weekly":
            return _("Every %(n)s weeks, on %(day)s", n=one.weeks, day=day)
        case "monthly_day":
            return _("Every month, on the %(date)s", date=_date(one.monthday))
        case "monthly_nth":
            return _("Every month, the %(nth)s %(day)s", nth=nth, day=day)
        case "yearly_day":
            return _("Every year in %(month)s, on the %(date)s", month=month(one.month), date=_date(one.monthday))
        case "yearly_nth":
            return _("Every year in %(month)s, the %(nth)s %(day)s", month=month(one.month), nth=nth, day=day)
    return rrule


def weekday(code: str) -> str:
    """The name of a day of the week."""
    from babel.dates import format_date  # noqa: PLC0415

    monday = dt.date(2024, 1, 1)
    return format_date(monday + dt.timedelta(days=WEEKDAYS.index(code)), "EEEE", locale=i18n.language.get())


def month(number: str) -> str:
    """The name of a month."""
    from babel.dates import format_date  # noqa: PLC0415

    return format_date(dt.date(2024, int(number), 1), "LLLL", locale=i18n.language.get())


def _date(number: str) -> str:
    return "1er" if number == "1" and i18n.language.get() == i18n.FRENCH else number


def _side(offset_days: int) -> str:
    return "before" if offset_days < 0 else "after"


def _number(said: str, field: str, least: int, most: int) -> int:
    if not (said.isdecimal() and len(said) < 4 and least <= int(said) <= most):
        raise Refused("number_unreadable", field=field, least=str(least), most=str(most))
    return int(said)

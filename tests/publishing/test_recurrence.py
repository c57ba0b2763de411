"""Dates that come back: no drift of the hour, nothing twice, nothing skipped without a word, over twenty years."""

from __future__ import annotations

import calendar
import datetime as dt
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from dateutil import rrule as dateutil_rrule
from hypothesis import given
from hypothesis import strategies as st

from models.errors import Refused
from models.opening import moment
from models.vocabulary import MonthEnd
from publishing.recurrence import Pattern, parts_of

TORONTO, PHOENIX = ZoneInfo("America/Toronto"), ZoneInfo("America/Phoenix")
FIRST, LAST = date(2020, 1, 1), date(2041, 1, 1)


def changes(zone: ZoneInfo) -> list[date]:
    """The days of these years on which clocks change."""
    noons = [datetime.combine(FIRST + timedelta(days=n), time(12), zone) for n in range((LAST - FIRST).days)]
    return [after.date() for before, after in pairwise(noons) if before.utcoffset() != after.utcoffset()]


CHANGES = changes(TORONTO)


def test_clocks_change_forty_two_times_there_and_never_elsewhere():
    assert (len(CHANGES), changes(PHOENIX)) == (42, [])


def shown(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)


@given(
    change=st.sampled_from(CHANGES),
    hour=st.times(),
    before=st.integers(1, 3),
    freq=st.sampled_from(["DAILY", "WEEKLY"]),
    zone=st.sampled_from([TORONTO, PHOENIX]),
)
def test_the_hour_does_not_drift_where_clocks_change(change, hour, before, freq, zone):
    hour = hour.replace(second=0, microsecond=0)
    step = timedelta(days=1 if freq == "DAILY" else 7)
    start = change - before * step
    found = Pattern(f"FREQ={freq}", start).days(start, change + 4 * step)
    assert found == [start + n * step for n in range(before + 4)], "each day once, none missing"
    moments = [moment(day, hour, zone) for day in found]
    assert all(one < other for one, other in pairwise(moments))
    for day, at in zip(found, moments, strict=True):
        wall = datetime.combine(day, hour)
        if shown(at, zone) != wall:
            # Clocks jump over it: the first minute that they show after it, and never an hour of another day.
            assert (zone, day) == (TORONTO, change)
            assert hour.hour == 2
            assert shown(at, zone) == datetime.combine(day, time(3))
            assert at - timedelta(minutes=1) == datetime.combine(day, time(1, 59), zone).astimezone(UTC)
        else:
            twin = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
            assert at <= twin, "of an hour shown twice, the first"


def test_an_hour_that_clocks_jump_over_and_one_that_they_show_twice():
    assert moment(date(2027, 3, 14), time(2, 30), TORONTO) == datetime(2027, 3, 14, 7, 0, tzinfo=UTC)
    assert moment(date(2027, 11, 7), time(1, 30), TORONTO) == datetime(2027, 11, 7, 5, 30, tzinfo=UTC)
    assert moment(date(2011, 12, 30), time(9), ZoneInfo("Pacific/Apia")) == datetime(2011, 12, 30, 10, tzinfo=UTC)


MONTHS = st.lists(st.integers(1, 12), min_size=1, max_size=12, unique=True).map(sorted)


@given(
    start=st.dates(FIRST, date(2030, 1, 1)),
    monthday=st.integers(1, 31),
    months=st.none() | MONTHS,
    interval=st.integers(1, 4),
    end=st.sampled_from(MonthEnd),
)
def test_a_day_of_the_month_comes_in_each_month_or_is_said_to_be_skipped(start, monthday, months, interval, end):
    said = f"FREQ=MONTHLY;INTERVAL={interval};BYMONTHDAY={monthday}"
    pattern = Pattern(said + (f";BYMONTH={','.join(map(str, months))}" if months else ""), start, end)
    found, skipped = pattern.days(FIRST, LAST), pattern.skipped(FIRST, LAST)
    expected, without = [], []
    for number in range(start.year * 12 + start.month - 1, LAST.year * 12, interval):
        year, month = divmod(number, 12)
        if months and month + 1 not in months:
            continue
        last = calendar.monthrange(year, month + 1)[1]
        day = date(year, month + 1, min(monthday, last))
        if day >= start:
            (without if last < monthday and end == MonthEnd.SKIP else expected).append(day)
    assert (found, skipped) == (expected, without)


@given(start=st.dates(FIRST, date(2028, 12, 31)), end=st.sampled_from(MonthEnd))
def test_leap_days(start, end):
    found = Pattern("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", start, end).days(FIRST, LAST)
    years = [year for year in range(start.year, 2041) if calendar.isleap(year) or end == MonthEnd.LAST]
    days = [date(year, 2, 29 if calendar.isleap(year) else 28) for year in years]
    assert found == [day for day in days if day >= start]


@given(
    start=st.dates(FIRST, date(2030, 1, 1)),
    nth=st.sampled_from([1, 2, 3, 4, -1]),
    weekday=st.integers(0, 6),
    month=st.integers(1, 12),
)
def test_the_second_monday_of_april(start, nth, weekday, month):
    code = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"][weekday]
    found = Pattern(f"FREQ=YEARLY;BYMONTH={month};BYDAY={nth}{code}", start).days(FIRST, LAST)
    days = []
    for year in range(start.year, 2041):
        weeks = [week[weekday] for week in calendar.monthcalendar(year, month) if week[weekday]]
        days.append(date(year, month, weeks[nth - 1] if nth > 0 else weeks[-1]))
    assert found == [day for day in days if day >= start]


@given(start=st.dates(FIRST, date(2030, 1, 1)), after=st.dates(FIRST, date(2040, 1, 1)))
def test_one_after_the_other_is_the_same_as_all_of_them(start, after):
    for rule in (
        "FREQ=MONTHLY;BYMONTHDAY=31",
        "FREQ=WEEKLY;INTERVAL=2",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
    ):
        pattern = Pattern(rule, start)
        walked, day = [], after
        while (following := pattern.after(day)) is not None and following < LAST:
            walked.append(following)
            day = following
            if len(walked) == 30:
                break
        assert walked == pattern.days(after + timedelta(days=1), LAST)[: len(walked)]


def test_without_a_day_it_is_that_of_the_start_and_a_rule_ends():
    start = date(2027, 1, 31)
    assert Pattern("FREQ=MONTHLY", start).days(start, date(2027, 4, 1)) == [start, date(2027, 2, 28), date(2027, 3, 31)]
    assert Pattern("FREQ=YEARLY", date(2028, 2, 29)).after(date(2028, 2, 29)) == date(2029, 2, 28)
    ends = Pattern("FREQ=WEEKLY;UNTIL=20270215", date(2027, 2, 1))
    assert ends.days(FIRST, LAST) == [date(2027, 2, 1), date(2027, 2, 8), date(2027, 2, 15)]
    assert ends.after(date(2027, 2, 15)) is None
    assert Pattern("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", start, MonthEnd.SKIP).after(start) is None


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("", "rule_unreadable"),
        ("INTERVAL=2", "rule_unreadable"),
        ("FREQ=HOURLY", "rule_part"),
        ("FREQ=DAILY;COUNT=3", "rule_part"),
        ("FREQ=DAILY;BYHOUR=9", "rule_part"),
        ("FREQ=DAILY;FREQ=WEEKLY", "rule_part"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "rule_part"),
        ("FREQ=MONTHLY;BYDAY=0MO", "rule_part"),
        ("FREQ=WEEKLY;INTERVAL=21", "rule_part"),
        ("FREQ=WEEKLY;UNTIL=20270230", "rule_part"),
        ("FREQ=YEARLY\nEXDATE:20270101", "rule_part"),
        ("FREQ=WEEKLY;" + "BYMONTH=1;" * 40, "rule_unreadable"),
    ],
)
def test_a_rule_that_is_none(rule, code):
    with pytest.raises(Refused) as caught:
        parts_of(rule)
    assert caught.value.code == code


def test_the_library_and_we_read_a_plain_rule_alike():
    for text in ("FREQ=WEEKLY;INTERVAL=3;BYDAY=TU,FR", "FREQ=MONTHLY;BYDAY=2MO", "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO"):
        theirs = dateutil_rrule.rrulestr(text, dtstart=datetime(2026, 1, 5))  # noqa: DTZ001
        expected = [one.date() for one in theirs.between(datetime(2026, 1, 1), datetime(2030, 1, 1), inc=True)]  # noqa: DTZ001
        assert Pattern(text, date(2026, 1, 5)).days(date(2026, 1, 1), date(2030, 1, 1)) == expected
    assert dt.date(2026, 1, 5).weekday() == 0

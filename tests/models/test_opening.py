"""Time as a service counts it, over week-ends, holidays, midnights and changes of clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.opening import MIDNIGHT, Schedule
from models.working_days import holidays

ZONE = ZoneInfo("America/Toronto")
OFFICE = ((8 * 60 + 30, 16 * 60 + 30),) * 5 + (None, None)
MINUTE = timedelta(minutes=1)

hours = st.none() | st.tuples(st.integers(0, MIDNIGHT), st.integers(0, MIDNIGHT)).map(sorted).map(tuple).filter(
    lambda pair: pair[0] < pair[1]
)
around = [date(2026, 3, 8), date(2026, 11, 1), date(2026, 12, 25), date(2026, 12, 31), date(2026, 6, 24)]
"""Clocks that go on, and back, holidays, the end of a year."""


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    week = tuple(draw(st.lists(hours, min_size=7, max_size=7)))
    days = draw(st.dictionaries(st.sampled_from(around), hours, max_size=2))
    return Schedule(ZONE, week, days, draw(st.booleans()))


moments = st.builds(
    lambda day, minutes: datetime.combine(day, time(), UTC) + timedelta(minutes=minutes),
    st.sampled_from(around),
    st.integers(-2 * MIDNIGHT, 2 * MIDNIGHT),
)


def open_by_the_clock(schedule: Schedule, at: datetime) -> bool:
    """Whether it is open in the minute that begins then, as somebody would say who looks at the clock on the wall."""
    local = at.astimezone(ZONE)
    found = schedule.hours(local.date())
    minute = local.hour * 60 + local.minute
    if local.fold:
        # The hour comes a second time: open is whoever was open before it and is open after it.
        ends = next(m for m in range(minute, MIDNIGHT) if not (at + (m - minute) * MINUTE).astimezone(ZONE).fold)
        return found is not None and found[0] < ends <= found[1]
    return found is not None and found[0] <= minute < found[1]


@settings(max_examples=40)
@given(schedules(), moments, st.integers(0, 14 * 60))
@example(Schedule(ZONE, ((150, 200),) * 7, on_holidays=True), datetime(2026, 3, 8, 5, tzinfo=UTC), 600)
@example(Schedule(ZONE, ((90, 200),) * 7, on_holidays=True), datetime(2026, 11, 1, 4, tzinfo=UTC), 600)
def test_the_time_worked_is_that_of_the_minutes_in_which_it_is_open(schedule, start, minutes):
    opened = sum(open_by_the_clock(schedule, start + n * MINUTE) for n in range(minutes))
    assert schedule.worked(start, start + minutes * MINUTE) == opened * MINUTE


@given(schedules(), moments, st.integers(0, 4000), st.integers(0, 4000))
def test_two_stretches_are_worked_as_the_one_they_make(schedule, start, one, other):
    middle, end = start + one * MINUTE, start + (one + other) * MINUTE
    assert schedule.worked(start, middle) + schedule.worked(middle, end) == schedule.worked(start, end)
    assert schedule.worked(end, start) == timedelta(0)


@given(schedules(), moments, st.integers(1, 3000))
def test_so_much_later_is_when_so_much_was_worked(schedule, start, minutes):
    at = schedule.after(start, minutes * MINUTE)
    if at is None:
        assert not any(schedule.hours(date(2026, 2, 1) + timedelta(days=n)) for n in range(60, 300))
        return
    assert schedule.worked(start, at) == minutes * MINUTE
    assert schedule.worked(start, at - MINUTE) < minutes * MINUTE


@given(schedules(), moments)
def test_what_is_said_of_now_holds_until_it_changes(schedule, at):
    opened, until = schedule.now(at)
    closed_since = schedule.closed_since(at)
    assert opened == open_by_the_clock(schedule, at.replace(second=0))
    if opened:
        assert closed_since is None
    elif closed_since is not None:
        assert closed_since <= at
        assert schedule.worked(closed_since, at) == timedelta(0)
        assert schedule.now(closed_since - MINUTE)[0]
    if until is not None:
        assert until > at
        assert schedule.worked(at, until) == (until - at if opened else timedelta(0))
        assert schedule.now(until)[0] is not opened


@pytest.mark.parametrize(
    ("start", "minutes", "expected"),
    [
        ("2026-11-06T16:00", 60, "2026-11-09T09:00"),  # Friday afternoon: the rest is Monday's.
        ("2026-12-24T16:00", 60, "2026-12-28T09:00"),  # Christmas, then a week-end.
        ("2026-10-30T15:30", 120, "2026-11-02T09:30"),  # The clocks go back between.
        ("2026-11-07T12:00", 8 * 60, "2026-11-09T16:30"),
    ],
)
def test_a_target_is_counted_in_hours_of_opening(start, minutes, expected):
    schedule = Schedule(ZONE, OFFICE)
    at = schedule.after(datetime.fromisoformat(start).replace(tzinfo=ZONE).astimezone(UTC), minutes * MINUTE)
    assert at.astimezone(ZONE).replace(tzinfo=None) == datetime.fromisoformat(expected)


def test_a_day_that_is_otherwise_counts_before_a_holiday_does():
    christmas = next(day for day, name in holidays(2026).items() if day == date(2026, 12, 25))
    noon = datetime(2026, 12, 25, 17, tzinfo=UTC)
    assert Schedule(ZONE, OFFICE).now(noon)[0] is False
    assert Schedule(ZONE, OFFICE, {christmas: (600, 900)}).now(noon)[0] is True
    assert Schedule(ZONE, OFFICE, on_holidays=True).now(noon)[0] is True


def test_who_never_closes_has_no_change_and_who_never_opens_no_opening():
    at = datetime(2026, 11, 3, 4, 59, tzinfo=UTC)
    assert Schedule(ZONE, ((0, MIDNIGHT),) * 7, on_holidays=True).now(at) == (True, None)
    never = Schedule(ZONE, (None,) * 7)
    assert (never.now(at), never.after(at, MINUTE), never.closed_since(at)) == ((False, None), None, None)

"""By when a request is due, on the city's calendar."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.requests311 import Service
from moderation.requests.standards import due

ZONE = ZoneInfo("America/Toronto")


@pytest.mark.parametrize(
    ("days", "working", "opened", "expected"),
    [
        (2, False, "2026-10-31T09:00", "2026-11-02T09:00"),  # The clocks change between: nine stays nine.
        (5, True, "2026-11-02T09:00", "2026-11-09T09:00"),
        (1, True, "2026-12-24T15:00", "2026-12-28T15:00"),  # Christmas, then a week-end.
        (1, True, "2026-11-07T10:00", "2026-11-10T10:00"),  # On a Saturday: as if it had come on Monday.
        (1, True, "2026-06-23T23:30", "2026-06-25T23:30"),  # The national holiday of Québec.
        (3, False, "2026-12-24T15:00", "2026-12-27T15:00"),
    ],
)
def test_days_are_counted_on_the_city_s_calendar(days, working, opened, expected):
    at = datetime.fromisoformat(opened).replace(tzinfo=ZONE)
    found = due(Service(days=days, working_days=working), at.astimezone(UTC), ZONE)
    assert found.astimezone(ZONE).replace(tzinfo=None) == datetime.fromisoformat(expected)


@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(1, 40),
    st.booleans(),
)
def test_what_comes_later_or_has_longer_is_never_due_before(at, days, working):
    sooner = due(Service(days=days, working_days=working), at, ZONE)
    assert sooner > at
    assert due(Service(days=days + 1, working_days=working), at, ZONE) > sooner
    assert due(Service(days=days, working_days=True), at, ZONE) >= due(Service(days=days, working_days=False), at, ZONE)

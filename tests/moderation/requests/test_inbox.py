"""What an agent's list shows: what is open by default, and what is late when only that is asked for."""

from __future__ import annotations

import pytest

from models.vocabulary import RequestStatus
from moderation.requests import escalation, inbox
from moderation.requests.inbox import Wanted


@pytest.fixture
def numbers(city):
    """The numbers that the list of Denis shows."""

    def read(**wanted):
        with city.database.read() as session:
            page = inbox.requests(session, city.people["Denis"], Wanted(**wanted), now=city.now)
        return [request.number[-1] for request in page.requests]

    return read


def test_late_is_what_is_open_and_past_its_due_time(city, numbers):
    for external_id in "123":
        comment = city.says(external_id, f"Ça coule {external_id}")
        city.decide("Ariane", comment, "request", service_code="bris-aqueduc")  # Due in a day.
        city.clock.pass_(hours=6)
    assert (numbers(), numbers(overdue=True)) == (["1", "2", "3"], [])
    city.clock.pass_(hours=6)  # The first one is due now, and not yet late.
    assert numbers(overdue=True) == []
    city.clock.pass_(hours=6, seconds=1)
    assert numbers(overdue=True) == ["1", "2"]
    with city.database.write() as session:
        done = RequestStatus.DONE
        escalation.progress(session, city.people["Denis"], "STR-2026-000001", done, "Réparé.", version=1, now=city.now)
    assert numbers(overdue=True) == ["2"]
    assert (numbers(status=done), numbers(status=done, overdue=True)) == (["1"], [])

"""What a page of the queue costs in a city of ten thousand comments: no list of the queue is a walk of all of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from models import search
from models.people import Membership
from models.scope import Viewer, grants_of
from models.session import Database
from models.vocabulary import Intention, ItemState, Role
from moderation.triage import incidents, listing, queue
from moderation.triage.listing import Filter
from tests.city import START
from tests.plans import RARE, ROWS, STEPS, fill, rows_met, scans

NOW = START + timedelta(days=1)
EVERYBODY = Viewer(1, "Mona", frozenset({Role.MODERATOR}), grants_of([Membership(role=Role.MODERATOR)]))


@pytest.fixture(scope="module")
def large(shared_database: Database) -> Database:
    fill(shared_database, put_off_until=NOW)
    return shared_database


LISTED = {
    "all": Filter(),
    "danger": Filter(urgency=2),
    "put off": Filter(snoozed=True),
    "late": Filter(due=listing.PAST),
    "nearly late": Filter(due=listing.NEAR),
    "one's own": Filter(assignee_id=1),
    "an account": Filter(account_id=2),
    "an intention": Filter(intention=Intention.PRAISE),
    "a suggestion": Filter(suggestion="hide"),
    "two": Filter(intention=Intention.PRAISE, suggestion="hide"),
    "a rare word": Filter(words="patinoires"),
    "two rare words": Filter(words="patinoire glacée"),
    "an absent word": Filter(words="piscine"),
    "a rare word and an account": Filter(words="patinoire", account_id=2),
    "what all have": Filter(words="neige"),
}
WAITING_ONLY = {(name, "handled") for name in ("danger", "put off", "late", "nearly late")}
HOW_MANY = {
    "nearly late": 0,
    "all": 50,
    "put off": 50,
    "danger": 0,
    "two rare words": 1,
    "an absent word": 0,
    "what all have": 50,
}


@pytest.mark.parametrize(
    ("name", "state"),
    [(name, state) for name in LISTED for state in ("waiting", "handled") if (name, state) not in WAITING_ONLY],
)
def test_no_list_is_a_walk_of_the_whole_queue(large, name, state, monkeypatch):
    monkeypatch.setattr(search, "FEW", 1_000)
    search._found.cache_clear()
    wanted = replace(LISTED[name], state=ItemState(state))

    lines = HOW_MANY.get(name, RARE)

    def look(session):
        assert len(queue.page(session, EVERYBODY, wanted, now=NOW, whole=False).lines) == lines

    met, plans = rows_met(large, look)
    # Of words, it is asked first whether few have them.
    asked = search.FEW if wanted.words else 0
    assert met <= (lines + 10) * (STEPS if large.sqlite else ROWS) + asked
    assert scans(plans, "item", "comment") == []


def test_counts_and_one_comment_cost_no_walk_either(large):
    met, plans = rows_met(large, lambda session: listing.counts(session, EVERYBODY, now=NOW))
    assert met <= 3 * listing.MOST_COUNTED
    met, more = rows_met(large, lambda session: queue.detail(session, EVERYBODY, 17, now=NOW))
    assert met <= 20 * (STEPS if large.sqlite else ROWS)
    assert scans(plans + more, "item", "comment", "effect") == []


def test_the_lines_of_events_cost_no_walk_of_what_is_in_none(large):
    met, plans = rows_met(large, lambda session: incidents.lines(session, EVERYBODY))
    assert met <= 10 * (STEPS if large.sqlite else ROWS)
    assert scans(plans, "item", "comment") == []

"""What a page of the queue costs in a city of ten thousand comments: no list of the queue is a walk of all of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text

from models import search
from models.accounts import Account
from models.comments import Author, Comment, SourcePost, VerdictRow
from models.items import Item
from models.people import Membership, Person
from models.scope import Viewer, grants_of
from models.session import Database
from models.vocabulary import Intention, ItemState, PostKind, Role
from moderation.triage import listing, queue
from moderation.triage.listing import Filter
from tests.city import START
from tests.plans import ROWS, STEPS, rows_met, scans

SIZE = 10_000
NOW = START + timedelta(days=1)
HANDLED = 4_000
RARE = 5
PUT_OFF = 2_000
"""Of the others that wait, the last ones are put off: nothing looks through them to find what waits now."""
"""Of each kind that is looked for, waiting and handled alike; the last in the order of their list."""
EVERYBODY = Viewer(1, "Mona", frozenset({Role.MODERATOR}), grants_of([Membership(role=Role.MODERATOR)]))


@pytest.fixture(scope="module")
def large(shared_database: Database) -> Database:
    """Ten thousand comments, of which few are of a second account, praise, suggested to be hidden, or of rare words."""
    with shared_database.write() as session:
        common = {"network": "facebook", "token_closed": "", "token_since": START, "created_at": START}
        for number in (1, 2):
            session.add(Account(id=number, name=str(number), external_id=str(number), pull_due_at=START, **common))
        session.add(Person(id=1, email="mona", name="Mona", created_at=START))
        session.flush()
        session.add(SourcePost(id=1, account_id=1, external_id="1", kind=PostKind.POST))
        session.flush()
        people = range(1, SIZE // 20 + 1)
        session.execute(insert(Author), [{"id": n, "network": "facebook", "external_id": str(n)} for n in people])
        rows = [_row(number) for number in range(1, SIZE + 1)]
        for table, number in ((Comment, 0), (Item, 1), (VerdictRow, 2)):
            session.execute(insert(table), [row[number] for row in rows])
    if not shared_database.sqlite:
        with shared_database.write() as session:
            session.execute(text("ANALYZE"))
    return shared_database


def _row(number: int) -> tuple[dict[str, Any], ...]:
    handled, at = number > SIZE - HANDLED, START + timedelta(seconds=number)
    last = SIZE - HANDLED - number if not handled else number - (SIZE - HANDLED) - 1
    rare = 0 <= last < RARE
    put_off, later = not handled and RARE <= last < PUT_OFF, NOW + timedelta(seconds=number)
    account, intention = (2, Intention.PRAISE) if rare else (1, Intention.QUESTION)
    words = "La neige tombe" + (" sur la patinoire" if rare else "") + (" glacée" if last == 0 else "")
    return (
        {
            "id": number, "account_id": account, "external_id": str(number), "author_id": number % (SIZE // 20) + 1,
            "source_post_id": 1, "parent_external_id": str(number - 1) if number % 3 == 0 else None,
            "text": words, "search_text": search.text_of(words), "created_at": at, "received_at": at,
        },
        {
            "comment_id": number, "account_id": account, "queued_at": later if put_off else at, "intention": intention,
            "urgency": 1 if number % 10 == 0 else 0, "suggestion": "hide" if rare else "reply",
            "state": ItemState.HANDLED if handled else ItemState.WAITING, "handled_at": at if handled else None,
            "queued_before": at if put_off else None, "assignee_id": 1 if rare else None,
            "snoozed_until": later if put_off else None,
        },
        {
            "comment_id": number, "version": 1, "model": "made-up-1", "language": "fr", "intention": intention,
            "urgency": 0, "scores": {}, "reasons": [], "at": at, "suggestion": "hide" if rare else "reply",
        },
    )  # fmt: skip


LISTED = {
    "all": Filter(),
    "danger": Filter(urgency=2),
    "put off": Filter(snoozed=True),
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
WAITING_ONLY = {("danger", "handled"), ("put off", "handled")}
HOW_MANY = {"all": 50, "put off": 50, "danger": 0, "two rare words": 1, "an absent word": 0, "what all have": 50}


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
    assert scans(plans + more, "item", "comment") == []

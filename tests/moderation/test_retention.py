"""Lawful disposal: the words and the name go wherever they stand, and the journal still verifies."""

from __future__ import annotations

import pytest
from sqlalchemy import String, Text, cast, func, select

from administration import retention
from connectors.base import PostSeen
from models import audit
from models.errors import Refused, Rejected
from models.tables import metadata
from models.vocabulary import PostKind, Reason

CANARY = "canari"


def places(city, word):
    """Every column of the database in which the word stands."""
    found = []
    with city.database.read() as session:
        for table in metadata.sorted_tables:
            for column in table.columns:
                holds = cast(column, Text) if not isinstance(column.type, String) else column
                if session.scalar(select(func.count()).select_from(table).where(holds.contains(word))):
                    found.append(f"{table.name}.{column.name}")
    return found


def test_disposal_leaves_no_word_and_no_name_and_a_journal_that_verifies(city, insult, criticism):
    # What the classifier quoted stands in its reasons too.
    insult["reasons"] = (Reason("lexicon_insult", {"word": CANARY}, 9, 15, 2.5),)
    hidden = city.says("7", f"Niaiseux {CANARY}", **insult)
    city.decide("Ariane", hidden, "hide", rule_code="N2")
    asked = city.says("8", f"Un trou devant chez moi, {CANARY}")
    city.decide("Ariane", asked, "request", service_code="nid-de-poule", text=f"Merci {CANARY}")
    declined = city.says("9", "Belle administration!", **criticism)
    city.answer("Bruno", city.propose("Ariane", declined, rule_code="N2"), confirmed=False, motive=f"Non, {CANARY}")
    city.network.errors = [Rejected("spam")] * 2  # What was written in the reply is drafted again.
    city.clock.pass_(minutes=1)
    city.deliver()
    with city.database.write() as session:
        audit.seal_due(session)
    columns = {"draft_reply.text", "effect.payload", "evidence.text", "proposal.motive", "verdict.reasons"}
    assert columns < set(places(city, CANARY)), "the words are there before"
    assert places(city, "Louis Citoyen")
    with city.database.write() as session:
        for comment in (hidden, asked, declined):
            retention.dispose(session, comment.id, now=city.now, person_id=None)
        audit.seal_due(session)
    assert places(city, CANARY) == []
    assert places(city, "Louis Citoyen") == []
    with city.database.read() as session:
        checked = audit.verify(session)
    assert (checked.broken_at, checked.unsealed) == (None, 0)
    assert checked.sealed > 0


def test_a_comment_that_is_still_owed_something_is_not_disposed_of(city):
    comment = city.says("7", "Bonjour")
    city.decide("Ariane", comment, "reply", text="Bonjour!")
    with pytest.raises(Refused, match="effects_open"), city.database.write() as session:
        retention.dispose(session, comment.id, now=city.now, person_id=None)


def test_of_an_author_known_only_by_name_nothing_stays_and_nothing_comes_back(city):
    """Their key is their name, so it goes too; and the listing that still shows the comment brings no name back."""
    by_name = city.seen("7", "Bonjour", author_external_id=None, author_name="louise.t")
    by_id = city.seen("8", "Bonjour", author_external_id="7001", author_name="Marc Roy")
    city.store(by_name, by_id)
    city.classify()
    with city.database.write() as session:
        for one in ("7", "8"):
            retention.dispose(session, city.comment(one).id, now=city.now, person_id=None)
    assert places(city, "louise.t") == places(city, "Marc Roy") == []
    city.store(by_name, by_id)
    assert places(city, "louise.t") == places(city, "Marc Roy") == []


def test_the_words_of_somebody_elses_post_go_with_the_last_comment_under_it_and_do_not_come_back(city):
    theirs = PostSeen("elsewhere", f"La Ville exagère, {CANARY}", None, city.now, kind=PostKind.MENTIONING)
    under = [city.seen(one, "Bien d'accord", post_external_id="elsewhere") for one in ("7", "8")]

    city.store(theirs, *under)
    city.classify()
    for number, one in enumerate(("7", "8")):
        assert bool(places(city, CANARY)) is (number < 2)
        with city.database.write() as session:
            retention.dispose(session, city.comment(one).id, now=city.now, person_id=None)
    assert places(city, CANARY) == []
    city.store(theirs, *under)
    assert places(city, CANARY) == []

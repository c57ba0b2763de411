"""Lawful disposal: the words and the name go wherever they stand, and the journal still verifies."""

from __future__ import annotations

import pytest
from sqlalchemy import String, Text, cast, func, select

from models import audit
from models.errors import Refused
from models.tables import metadata
from moderation import retention

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


def test_disposal_leaves_no_word_and_no_name_and_a_journal_that_verifies(city, insult):
    hidden = city.says("7", f"Niaiseux {CANARY}", **insult)
    city.decide("Ariane", hidden, "hide", rule_code="N2")
    asked = city.says("8", f"Un trou devant chez moi, {CANARY}")
    city.decide("Ariane", asked, "request", service_code="nid-de-poule", text=f"Merci {CANARY}")
    city.clock.pass_(minutes=1)
    city.deliver()
    with city.database.write() as session:
        audit.seal_due(session)
    assert places(city, CANARY), "the words are there before"
    assert places(city, "Louis Citoyen")
    with city.database.write() as session:
        for comment in (hidden, asked):
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

"""An approver sees what changed since the last yes: every word that came or went, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from publishing import approval, planning
from publishing.drafting import Written

texts = st.text(alphabet="ab é\n.", max_size=30)


@given(before=texts, after=texts)
def test_both_texts_can_be_read_from_what_is_compared(before, after):
    pieces = approval.compared(before, after)
    assert "".join(text for kind, text in pieces if kind != "new") == before
    assert "".join(text for kind, text in pieces if kind != "old") == after
    assert (before == after) == all(kind == "same" for kind, _ in pieces)


def test_a_text_that_is_too_long_is_shown_as_replaced():
    assert approval.compared("a " * 3000, "b") == [("old", "a " * 3000), ("new", "b")]


def changed(city, post):
    with city.database.read() as session:
        detail = planning.detail(session, city.people["Gilles"], post.id)
        last = approval.last_approved(detail.approvals)
        return [] if last is None else approval.changes(detail.post, last)


def test_what_changed_since_the_last_yes(city):
    noon = city.now + timedelta(hours=2)
    post = city.act("Claire", "create", city.draft(publish_at=noon))
    post = city.act("Claire", "submit", post.id, version=post.version)
    assert changed(city, post) == [], "there was no yes yet"
    post = city.judge("Gilles", post, approved=False, comment="Non")
    assert changed(city, post) == []
    post = city.judge("Gilles", city.act("Claire", "submit", post.id, version=post.version))
    assert changed(city, post) == []
    draft = city.draft("Collecte reportée à jeudi.", "nord", "ville", link="https://ville.example", publish_at=noon)
    own = Written("Collecte reportée à jeudi.", noon + timedelta(hours=1), "Info : 311")
    draft = replace(draft, variants=draft.variants | {city.accounts["nord"]: own})
    post = city.act("Claire", "edit", post.id, draft, version=post.version)
    found = {(one.account, one.field): one for one in changed(city, post)}
    assert set(found) == {
        ("sud", "removed"),
        ("ville", "added"),
        ("nord", "text"),
        ("nord", "link"),
        ("nord", "first_comment"),
        ("nord", "time"),
    }
    assert found["nord", "text"].pieces == [("same", "Collecte reportée à "), ("old", "mardi."), ("new", "jeudi.")]
    assert (found["nord", "time"].before, found["nord", "time"].after) == (noon, noon + timedelta(hours=1))

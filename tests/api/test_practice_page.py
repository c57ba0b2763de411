"""The practice queue keeps nothing; hard words are folded, and a break is suggested after many of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from api.practice_words import WHYS
from models import tables
from models.comments import Comment, VerdictRow
from models.items import Item
from models.vocabulary import Breach, ItemState, Role
from moderation.learning.practice import CARDS, ROUND, deal


@pytest.fixture
def city(sqlite_parvis, seed_city):
    return seed_city(sqlite_parvis)


@pytest.fixture
def moderator(sqlite_parvis, city, visit, sign_in_as):
    return sign_in_as(sqlite_parvis, visit(sqlite_parvis), city.person(Role.MODERATOR, "city"))


def rows(parvis):
    with parvis.database.read() as session:
        kept = [table for table in tables.metadata.sorted_tables if table.name not in ("sign_in", "lock")]
        return {table.name: session.scalar(select(func.count()).select_from(table)) for table in kept}


def test_practice_leaves_no_row_behind(sqlite_parvis, moderator):
    before = rows(sqlite_parvis)
    page = moderator.get("/entrainement").text
    assert page.count("<fieldset") == ROUND
    given = {f"choice_{place}": card.right for place, card in enumerate(deal(0))}
    result = moderator.post("/entrainement", data={"partie": "0", **given})
    assert result.status_code == 200
    assert "Une autre partie" in result.text
    assert moderator.post("/entrainement", data={"partie": "7"}).status_code == 200
    assert rows(sqlite_parvis) == before


@pytest.fixture
def hard(sqlite_parvis, city):
    """Four comments that insult somebody."""
    now = sqlite_parvis.clock()
    with sqlite_parvis.database.write() as session:
        where = {"account_id": city.accounts["north"], "borough_id": city.boroughs["north"]}
        for number in range(4):
            comment = Comment(
                **where, external_id=f"hard-{number}", text=f"Niaiseux {number}", created_at=now, received_at=now
            )
            session.add(comment)
            session.flush()
            scores = {"breaches": {Breach.INSULT: 0.95}}
            verdict = VerdictRow(comment_id=comment.id, version=1, model="m", language="fr", urgency=0, at=now)
            verdict.scores, verdict.reasons = scores, []
            session.add(verdict)
            session.add(Item(**where, comment_id=comment.id, state=ItemState.WAITING, queued_at=now))
        session.flush()
        return session.scalars(select(Comment.id).where(Comment.external_id.startswith("hard-"))).all()


def decide(browser, comment_id, number=0):
    form = {"kind": "nothing", "version": 1, "form_key": f"a-form-key-of-{comment_id:04}-{number}"}
    return browser.post(f"/commentaires/{comment_id}/decision", data=form, headers={"hx-request": "true"})


def test_hard_words_are_folded_for_whoever_asked(moderator, hard):
    path = f"/commentaires/{hard[0]}"
    assert 'class="folded"' not in moderator.get(path).text
    moderator.post("/compte/preferences", data={"folds_hard_words": "on", "language": "fr_CA"})
    page = moderator.get(path).text
    assert 'class="folded"' in page
    listed = moderator.get("/", headers={"hx-request": "true"}).text
    assert "Niaiseux" not in listed
    assert listed.count("Mots durs à lire") == len(hard)


def test_a_break_is_suggested_after_so_many_within_the_hour(
    open_parvis, sqlite_parvis, city, visit, sign_in_as, hard, clock
):
    parvis = open_parvis(sqlite_parvis.database.url, break_after=2)
    browser = sign_in_as(parvis, visit(parvis), city.person(Role.MODERATOR, "city"))
    said = ["éloignez-vous de l’écran" in decide(browser, one).text for one in hard[:2]]
    assert said == [False, True]
    assert "éloignez-vous" not in decide(browser, city.comments["north"]).text
    clock.now += timedelta(hours=2)
    assert "éloignez-vous" not in decide(browser, hard[2]).text


def test_every_reason_of_a_card_is_worded():
    assert {card.why for card in CARDS} == set(WHYS)

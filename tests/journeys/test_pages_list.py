"""What the list says of each comment, and of how many there are."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from connectors.registry import capabilities
from models.decisions import Decision
from models.vocabulary import DecisionKind, RequestStatus
from moderation.requests import escalation
from moderation.triage import deciding


@pytest.fixture
def decides(city):
    def decide(name: str, comment_id: int, kind: DecisionKind, **choice: str) -> Decision:
        terms = deciding.Terms(timedelta(0), "SRV", capabilities)
        with city.parvis.database.write() as session:
            made = deciding.Choice(kind, 1, **choice)
            return deciding.decide(session, city.people[name], comment_id, made, terms, now=city.now)

    return decide


def _rows(page: str) -> list[str]:
    """The text of each line of the list."""
    rows = re.findall(r'<li class="row[ "].*?</li>', page, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in rows]


def test_handled_ones_say_the_decision_who_and_when_the_last_one_first(city, as_person, decides):
    city.add_account("Ville")
    ids = [city.says(text, by=by) for text, by in [("Un", "Ana"), ("Deux", "Bob"), ("Trois", "Cléo")]]
    city.read()
    for comment_id, name in [(ids[2], "Nadia Roy"), (ids[0], "Samuel Côté"), (ids[1], "Nadia Roy")]:
        city.clock.pass_(minutes=5)
        kind = DecisionKind.HIDE if comment_id == ids[0] else DecisionKind.NOTHING
        decides(name, comment_id, kind, **({"rule_code": "N2"} if kind == DecisionKind.HIDE else {}))
    samuel = as_person("Samuel Côté")
    deux, un, trois = _rows(samuel.get("/?etat=traites").text)
    assert "Bob" in deux
    assert "Masquer · N2 · Samuel Côté" in un
    assert "8 h 40" in un
    assert "Rien à signaler · Nadia Roy" in trois
    (only,) = _rows(samuel.get("/?etat=traites&decision=hide").text)
    assert only == un


def test_a_search_says_how_many_wait_and_how_many_are_handled(city, as_person, decides):
    city.add_account("Ville")
    ids = [city.says(f"La patinoire numéro {n}") for n in range(5)]
    city.says("Le trottoir")
    city.read()
    for comment_id in ids[:2]:
        decides("Nadia Roy", comment_id, DecisionKind.NOTHING)
    nadia = as_person("Nadia Roy")
    page = " ".join(re.sub(r"<[^>]+>", " ", nadia.get("/?mots=patinoire").text).split())
    assert "Trouvés : 3 à traiter · 2 parmi les traités" in page.replace("\xa0", " ")
    link = re.search(r'href="(/\?[^"]*)">2 parmi', nadia.get("/?mots=patinoire").text)
    assert link is not None
    assert len(_rows(nadia.get(link[1].replace("&amp;", "&")).text)) == 2
    assert "Trouvés" not in nadia.get("/").text


def test_a_drafted_reply_proposes_to_reply(city, as_person, decides):
    """A request is closed: its comment comes back, and what is proposed is to send the reply, not a second request."""
    city.add_account("Ville")
    hole = city.says("Il y a un nid-de-poule devant le 200, rue Morin.")
    city.read()
    nadia = as_person("Nadia Roy")
    (before,) = _rows(nadia.get("/").text)
    assert "Transmettre au 311" in before
    decides("Nadia Roy", hole, DecisionKind.REQUEST, service_code="nid-de-poule", place="200, rue Morin")
    with city.parvis.database.write() as session:
        karim = city.people["Karim Haddad"]
        escalation.progress(session, karim, "SRV-2026-000001", RequestStatus.DONE, "Rempli.", version=1, now=city.now)
    (after,) = _rows(nadia.get("/").text)
    assert "Répondre" in after
    assert "Transmettre au 311" not in after
    pane = nadia.get(f"/commentaires/{hole}").text
    assert 'class="suggested"' not in pane
    assert re.search(r'class="verdict-line">.*?Répondre', pane, re.DOTALL)
    assert len(_rows(nadia.get("/?suggestion=reply").text)) == 1
    assert _rows(nadia.get("/?suggestion=request").text) == []
    decides("Nadia Roy", hole, DecisionKind.REPLY, text="Bonjour, c’est rempli.")
    with city.parvis.database.read() as session:
        assert session.scalars(select(Decision.suggested).order_by(Decision.id)).all() == ["request", "reply"]
        assert session.scalar(select(func.count()).select_from(Decision)) == 2


def test_a_comment_that_joins_a_request_is_not_said_to_have_opened_it(city, as_person, decides):
    city.add_account("Ville")
    first, second = city.says("Bris d'aqueduc rue Wolfe!"), city.says("Plus d'eau rue Wolfe.")
    city.read()
    decides("Nadia Roy", first, DecisionKind.REQUEST, service_code="bris-aqueduc", place="rue Wolfe")
    form = {"kind": "request", "version": 1, "form_key": "k" * 22, "request_number": "SRV-2026-000001"}
    said = as_person("Nadia Roy").post(f"/commentaires/{second}/decision", data=form, headers={"HX-Request": "true"})
    assert "Le commentaire est joint à la requête SRV-2026-000001." in said.text

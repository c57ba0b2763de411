"""How the city answers, on its page and in the queue: signature, length, and the topics on which two people answer."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select, update

from models.decisions import Proposal
from models.requests311 import Requester, ServiceRequest
from models.vocabulary import Role


@pytest.fixture
def city(sqlite_parvis, seed_city):
    return seed_city(sqlite_parvis)


@pytest.fixture
def browser(sqlite_parvis, city, visit, sign_in_as):
    def open_as(role, place="city"):
        return sign_in_as(sqlite_parvis, visit(sqlite_parvis), city.person(role, place))

    return open_as


def test_the_signature_and_the_length_stand_under_the_reply(city, browser):
    manager, moderator = browser(Role.MANAGER), browser(Role.MODERATOR)
    path = f"/commentaires/{city.comments['north']}"
    assert 'data-spent="0"' in moderator.get(path).text
    given = {"account_id": city.accounts["north"], "tone": "tu", "signature": "– Le 311 <b>"}
    assert manager.post("/facon-de-repondre", data=given).status_code == 303
    wrong = manager.post("/facon-de-repondre", data=given | {"signature": "y" * 201})
    assert (wrong.status_code, "y" * 201 in wrong.text) == (422, True)
    page = moderator.get(path).text
    assert "– Le 311 &lt;b&gt;" in page
    assert 'data-spent="14"' in page
    assert "caractères" in page


def test_a_sensitive_topic_is_proposed_by_one_and_sent_by_another(sqlite_parvis, city, browser):
    manager, moderator = browser(Role.MANAGER), browser(Role.MODERATOR)
    path = f"/commentaires/{city.comments['south']}"
    assert "Demander à une deuxième personne" not in moderator.get(path).text
    assert manager.post("/facon-de-repondre/sujets", data={"topic": "intention:rien"}).status_code == 422
    assert manager.post("/facon-de-repondre/sujets", data={"topic": "service:roads"}).status_code == 303
    assert "Chaussée" in manager.get("/facon-de-repondre").text
    with sqlite_parvis.database.write() as session:
        now = sqlite_parvis.clock()
        # The proposal that the city of the tests has would come first.
        session.execute(update(Proposal).values(answered_by_id=1, answered_at=now, confirmed=False))
        of_request = select(ServiceRequest.id).where(ServiceRequest.number == city.requests["south"])
        request_id = session.scalars(of_request).one()
        session.add(Requester(request_id=request_id, comment_id=city.comments["south"], added_at=now))
    page = moderator.get(path).text
    assert "Demander à une deuxième personne" in page
    form = {"kind": "reply", "version": 1, "form_key": "another-form-that-is-long", "text": "Reçu, merci."}
    assert moderator.post(f"{path}/proposition", data=form).status_code == 303
    assert "Reprendre" in moderator.get(path).text
    other = browser(Role.MODERATOR, "north")
    assert other.get(path).status_code == 404
    assert "Reçu, merci." in moderator.get(path).text
    (proposal,) = set(re.findall(r"/propositions/(\d+)/reponse", moderator.get(path).text))
    refused = moderator.post(f"/propositions/{proposal}/reponse", data={"confirmed": "true"})
    assert refused.status_code == 409
    manager.post("/facon-de-repondre/sujets/retrait", data={"topic": "service:roads"})
    assert "Aucun" in manager.get("/facon-de-repondre").text

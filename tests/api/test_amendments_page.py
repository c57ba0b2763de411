"""What is out at the door: other words asked for, read and approved; taken off with a motive; in JSON too."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from models.accounts import Account
from models.effects import Effect
from models.posts import Variant
from models.vocabulary import OperationKind, PostState, Role


@pytest.fixture
def out(sqlite_parvis, seed_city, visit, sign_in_as):
    """The city's post, which is out; an officer and a manager."""
    city = seed_city(sqlite_parvis)
    with sqlite_parvis.database.write() as session:
        variant = session.scalars(select(Variant).where(Variant.post_id == city.posts["city"])).one()
        variant.remote_id, variant.published_at = "3_9", sqlite_parvis.clock()
        variant.permalink = "https://facebook.example/9"
        given = variant.id
    people = {"officer": Role.COMMUNICATIONS, "manager": Role.MANAGER}
    clients = {
        name: sign_in_as(sqlite_parvis, visit(sqlite_parvis), city.person(role, "city"))
        for name, role in people.items()
    }
    return clients, f"/publications/{city.posts['city']}", given


def owed(parvis) -> list[tuple[OperationKind, str | None]]:
    with parvis.database.read() as session:
        return [(one.operation, one.payload.get("text")) for one in session.scalars(select(Effect))]


def test_other_words_are_asked_for_read_beside_the_old_ones_and_approved(out, sqlite_parvis):
    clients, place, variant = out
    officer, manager = clients["officer"], clients["manager"]
    page = officer.get(place).text
    assert "Corriger le texte" in page
    assert "Retirer du réseau" not in page, "an officer takes nothing down"
    same = officer.post(f"{place}/correction", data={"version": "1", "variant": variant, "text": "Bonjour"})
    assert same.status_code == 422
    assert "C’est déjà le texte" in same.text
    long = "Au revoir " * 7000
    refused = officer.post(f"{place}/correction", data={"version": "1", "variant": variant, "text": long})
    assert refused.status_code == 422
    assert "Au revoir Au revoir" in refused.text, "what was typed stays"
    asked = officer.post(f"{place}/correction", data={"version": "1", "variant": variant, "text": "Bonsoir"})
    assert asked.headers["location"] == f"{place}?fait=amended"
    assert "Approuver" not in officer.get(place).text
    read = manager.get(place).text
    assert "<del>Bonjour</del><ins>Bonsoir</ins>" in read
    answer = {"version": "2", "amendment": "1", "approved": "false"}
    assert manager.post(f"{place}/correction/avis", data=answer).status_code == 422
    assert owed(sqlite_parvis) == []
    done = manager.post(f"{place}/correction/avis", data=answer | {"approved": "true"})
    assert done.headers["location"] == f"{place}?fait=amendment-approved"
    assert owed(sqlite_parvis) == [(OperationKind.EDIT_POST, "Bonsoir")]


def test_it_is_taken_off_with_a_motive_by_who_may(out, sqlite_parvis):
    clients, place, variant = out
    taken = {"version": "1", "variant": variant, "motive": "Une personne y est nommée"}
    assert clients["officer"].post(f"{place}/retrait", data=taken).status_code == 403
    refused = clients["manager"].post(f"{place}/retrait", data=taken | {"motive": " "})
    assert refused.status_code == 422
    assert "Dites pourquoi" in refused.text
    assert clients["manager"].post(f"{place}/retrait", data=taken).status_code == 303
    assert "Une personne y est nommée" in clients["officer"].get(place).text
    assert owed(sqlite_parvis) == [(OperationKind.DELETE_POST, None)]


def test_a_network_without_it_says_so(out, sqlite_parvis):
    clients, place, variant = out
    with sqlite_parvis.database.write() as session:
        session.get_one(Account, session.get_one(Variant, variant).account_id).network = "instagram"
    page = clients["officer"].get(place).text
    assert "Corriger le texte" not in page
    assert "Instagram ne l’offre pas aux applications" in page


def test_the_same_in_json(out, sqlite_parvis):
    clients, place, variant = out
    path = place.replace("/publications", "/api/v1/posts")
    asked = clients["officer"].post(
        f"{path}/amendments", json={"variant_id": variant, "text": "Bonsoir"}, headers={"if-match": '"1"'}
    )
    (amendment,) = asked.json()["amendments"]
    assert (amendment["before"], amendment["text"], amendment["approved"]) == ("Bonjour", "Bonsoir", None)
    match = {"if-match": asked.headers["etag"]}
    stale = clients["manager"].post(
        f"{path}/take-down", json={"variant_id": variant, "motive": "x"}, headers={"if-match": '"1"'}
    )
    assert stale.status_code == 412
    yes = {"approved": True, "answer": "Oui"}
    answered = clients["manager"].post(f"{path}/amendments/{amendment['id']}/answer", json=yes, headers=match)
    assert answered.json()["amendments"][0]["effect"]["state"] == "ready"
    match = {"if-match": answered.headers["etag"]}
    taken = clients["manager"].post(
        f"{path}/take-down", json={"variant_id": variant, "motive": "Une erreur"}, headers=match
    )
    assert [one["motive"] for one in taken.json()["amendments"]] == [None, "Une erreur"]
    assert [kind for kind, _ in owed(sqlite_parvis)] == [OperationKind.EDIT_POST, OperationKind.DELETE_POST]
    assert taken.json()["state"] == PostState.DRAFT

"""Steps of approval and words on a passage, at the door."""

from __future__ import annotations

import pytest

from models.vocabulary import Role


@pytest.fixture
def room(sqlite_parvis, seed_city, visit, sign_in_as):
    """An officer, an approver and a manager, and a post that waits for approval."""
    city = seed_city(sqlite_parvis)
    people = {"officer": Role.COMMUNICATIONS, "approver": Role.APPROVER, "manager": Role.MANAGER}
    clients = {
        name: sign_in_as(sqlite_parvis, visit(sqlite_parvis), city.person(role, "city"))
        for name, role in people.items()
    }
    sent = {"accounts": str(city.accounts["city"]), "title": "Collecte", "text": "Collecte reportée à mardi."}
    place = clients["officer"].post("/publications", data=sent).headers["location"].partition("?")[0]
    clients["officer"].post(f"{place}/soumettre", data={"version": "1"})
    return clients, place, str(city.accounts["city"])


def test_a_rule_is_made_on_its_page_and_two_people_approve(room):
    clients, place, account = room
    manager, approver = clients["manager"], clients["approver"]
    assert clients["officer"].get("/approbation").status_code == 403
    assert "Étapes d’approbation" in manager.get("/publications").text
    wrong = manager.post("/approbation", data={"account": account, "theme": "Élections", "people": "2"})
    assert wrong.status_code == 422
    assert "pas sur les deux" in wrong.text
    assert 'value="Élections"' in wrong.text, "what was typed stays"
    assert manager.post("/approbation", data={"account": account, "people": "beaucoup"}).status_code == 422
    assert manager.post("/approbation", data={"account": account, "people": "2"}).status_code == 303
    assert "2 personnes approuvent" in manager.get("/approbation").text
    assert "Étape 1 de 2" in approver.get(place).text
    yes = {"version": "2", "approved": "true"}
    assert approver.post(f"{place}/avis", data=yes).headers["location"] == f"{place}?fait=approved-next"
    assert "Vous avez déjà approuvé" in approver.get(place).text
    assert approver.post(f"{place}/avis", data=yes | {"version": "3"}).status_code == 409
    assert "Étape 2 de 2" in manager.get(place).text
    done = manager.post(f"{place}/avis", data=yes | {"version": "3"})
    assert done.headers["location"] == f"{place}?fait=approved"
    assert "Approuvée; une autre personne suit" in manager.get(place).text
    assert manager.post("/approbation/1/suppression").status_code == 303
    assert "personnes approuvent" not in manager.get("/approbation").text


def test_a_passage_is_marked_where_it_stands_until_it_changes(room):
    clients, place, account = room
    said = {"account": account, "quote": "jeudi", "remark": "La bonne date?"}
    refused = clients["approver"].post(f"{place}/remarques", data=said)
    assert refused.status_code == 422
    assert "La bonne date?" in refused.text, "what was typed stays"
    assert "Ce passage n’est pas" in refused.text
    assert clients["officer"].post(f"{place}/remarques", data=said).status_code == 403
    assert clients["approver"].post(f"{place}/remarques", data=said | {"quote": "à mardi"}).status_code == 303
    page = clients["officer"].get(place).text
    assert "Collecte reportée <mark>à mardi</mark>." in page
    assert "On dit quelque chose d’un passage" in clients["officer"].get("/avis").text
    assert clients["approver"].post(f"{place}/avis", data={"version": "2", "approved": "false"}).status_code == 303
    assert clients["officer"].post(f"{place}/remarques/1/reglement").status_code == 303
    page = clients["officer"].get(place).text
    assert "<mark>" not in page
    assert "Réglé par" in page


def test_the_same_in_json(room):
    clients, place, account = room
    path = place.replace("/publications", "/api/v1/posts")
    said = {"account_id": int(account), "quote": "mardi", "text": "Mercredi?"}
    (remark,) = clients["approver"].post(f"{path}/remarks", json=said).json()["remarks"]
    assert (remark["quote"], remark["text"]) == ("mardi", "Mercredi?")
    assert clients["approver"].post(f"{path}/remarks", json=said | {"quote": "jeudi"}).status_code == 422
    yes = clients["approver"].post(f"{path}/approve", json={}, headers={"if-match": '"2"'}).json()
    assert yes["approvals"][0]["final"] is True


def test_the_management_has_the_last_word_where_a_rule_says_so(room):
    clients, place, _ = room
    assert clients["manager"].post("/approbation", data={"people": "2", "manager_last": "true"}).status_code == 303
    assert clients["manager"].post(f"{place}/avis", data={"version": "2", "approved": "true"}).status_code == 303
    assert "revient à une personne de la gestion" in clients["approver"].get(place).text

"""An urgent post at the door: from a text that is ready to sent in few steps, and read again by somebody else."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from models.people import Membership
from models.posts import Post
from models.vocabulary import PostState, Role


@pytest.fixture
def night(sqlite_parvis, seed_city, visit, sign_in_as):
    """Whoever is on duty writes and approves; a manager is there in the morning."""
    city = seed_city(sqlite_parvis)
    duty = city.hire("Odile", Membership(role=Role.COMMUNICATIONS), Membership(role=Role.APPROVER)).person_id
    there = {
        "duty": duty,
        "manager": city.person(Role.MANAGER, "city"),
        "officer": city.person(Role.COMMUNICATIONS, "city"),
    }
    clients = {name: sign_in_as(sqlite_parvis, visit(sqlite_parvis), one) for name, one in there.items()}
    return clients, city


def write(client, city, text: str) -> str:
    sent = {"accounts": str(city.accounts["city"]), "title": "Avis d’ébullition", "text": text}
    return client.post("/publications", data=sent).headers["location"].partition("?")[0]


def test_from_a_ready_text_to_sent_and_read_again(night, sqlite_parvis):
    clients, city = night
    duty, manager = clients["duty"], clients["manager"]
    page = duty.get("/publications/nouvelle").text
    assert "Avis d’ébullition de l’eau" in page
    ready = duty.get("/publications/nouvelle?gabarit=urgent_boil_water").text
    assert "AVIS D’ÉBULLITION de l’eau" in ready
    assert "[SECTEUR]" in ready
    place = write(duty, city, "AVIS D’ÉBULLITION en vigueur : [SECTEUR].")
    refused = duty.post(f"{place}/urgence", data={"version": "1", "motive": "Eau impropre"})
    assert refused.status_code == 409
    assert "[SECTEUR]" in refused.text
    assert "Eau impropre" in refused.text, "what was typed stays"
    assert duty.post(f"{place}/urgence", data={"version": "1", "motive": " "}).status_code == 422
    sent = {"accounts": str(city.accounts["city"]), "title": "Avis", "text": "AVIS au centre-ville.", "version": "1"}
    assert duty.post(place, data=sent).status_code == 303
    done = duty.post(f"{place}/urgence", data={"version": "2", "motive": "Eau impropre"})
    assert done.headers["location"] == f"{place}?fait=urgent"
    with sqlite_parvis.database.read() as session:
        post = session.scalars(select(Post).where(Post.id == int(place.rpartition("/")[2]))).one()
        assert post.state == PostState.SCHEDULED
    listed = manager.get("/publications").text.partition("Publications urgentes à relire")[2]
    assert "Eau impropre" in listed
    assert "24\N{NO-BREAK SPACE}novembre" in listed
    assert "Une publication urgente part sans deuxième personne" in manager.get("/avis").text
    assert "sans deuxième personne" in duty.get(place).text
    assert duty.post(f"{place}/relecture", data={"review": "Bien"}).status_code == 409
    assert manager.post(f"{place}/relecture", data={"review": "x" * 501}).status_code == 422
    assert manager.post(f"{place}/relecture", data={"review": "Bien fait."}).status_code == 303
    assert "Bien fait." in duty.get(place).text
    assert "Publications urgentes à relire" not in manager.get("/publications").text


def test_without_the_right_it_is_not_offered_and_not_done(night):
    clients, city = night
    place = write(clients["officer"], city, "Un avis")
    assert "Publication urgente" not in clients["officer"].get(place).text
    assert clients["officer"].post(f"{place}/urgence", data={"version": "1", "motive": "Vite"}).status_code == 403
    assert "Publication urgente" in clients["duty"].get(place).text


def test_the_city_words_its_ready_texts(night):
    clients, _ = night
    officer = clients["officer"]
    page = officer.get("/reponses").text
    assert "Publications urgentes" in page
    seen = page.partition('action="/reponses/urgent_closure"')[2].partition('name="seen" value="')[2].partition('"')[0]
    wording = {"title": "Fermeture de rue", "fr": "FERMETURE : [RUE].", "en": "CLOSURE: [STREET].", "seen": seen}
    assert officer.post("/reponses/urgent_closure", data=wording | {"title": ""}).status_code == 422
    assert officer.post("/reponses/urgent_closure", data=wording).status_code == 303
    assert "FERMETURE : [RUE]." in officer.get("/publications/nouvelle?gabarit=urgent_closure").text
    retired = {"title": "Fermeture de rue", "fr": "FERMETURE : [RUE].", "en": "", "retired": "true"}
    page = officer.get("/reponses").text
    seen = page.partition('action="/reponses/urgent_closure"')[2].partition('name="seen" value="')[2].partition('"')[0]
    assert officer.post("/reponses/urgent_closure", data=retired | {"seen": seen}).status_code == 303
    assert "Fermeture de rue" not in officer.get("/publications/nouvelle").text

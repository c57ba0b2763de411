"""Invitations by e-mail: one letter, one use, one person; sent again, or withdrawn."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from administration import people
from administration.people import CITY
from models.effects import Effect
from models.people import Membership, Person
from models.vocabulary import Role
from scheduler.jobs import handlers, ticks
from tests.mailserver import pretend_mail

PASSWORD = "une phrase assez longue"


class Now:
    """An engine that does at once what it is given to carry."""

    def __init__(self, city) -> None:
        self._handlers = handlers(city)

    def send(self, handler: str, row_id: int) -> None:
        self._handlers[handler](row_id)


def deliver(parvis):
    looks = {one.name: one.look for one in ticks(parvis.city, Now(parvis.city))}
    looks["deliver"]()


@pytest.fixture
def mail():
    with pretend_mail() as server:
        yield server


@pytest.fixture
def parvis(database_url, open_parvis, mail):
    url = f"smtp://127.0.0.1:{mail.port}"
    return open_parvis(database_url, second_factor="off", smtp_url=url, smtp_from="parvis@ville.example")


@pytest.fixture
def enter(parvis, visit, employ):
    def add(name, *roles):
        employ(parvis, name, PASSWORD, *roles)
        client = visit(parvis)
        client.post("/connexion", data={"email": f"{name}@ville.example", "password": PASSWORD})
        return client

    return add


def invited(client, name, *roles, scope="city"):
    form = {"email": f"{name}@ville.example", "name": name, "role": list(roles), "scope": scope}
    return client.post("/personnes", data=form)


def number(parvis, name):
    with parvis.database.read() as session:
        return session.scalars(select(Person.id).where(Person.email == f"{name}@ville.example")).one()


def link_in(letter):
    return re.search(r"/invitation/([\w-]{43})", letter.get_content())[1]


def test_a_letter_brings_the_link_and_the_person_comes_once(parvis, enter, visit, mail, clock):
    with parvis.database.write() as session:
        north = people.add_borough(session, "nord", "Nord", now=parvis.clock()).id
    eve = enter("eve", Role.ADMIN)
    answer = invited(eve, "luc", "moderator", "records", scope=f"borough:{north}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/personnes?fait=invitation-sent")
    page = eve.get("/personnes").text
    assert "/invitation/" not in page.replace("/invitation/retirer", ""), "the link is for the mailbox alone"
    assert "sur le point de partir" in page
    luc = number(parvis, "luc")
    with parvis.database.read() as session:
        held = session.scalars(select(Membership).where(Membership.person_id == luc)).all()
        assert sorted((one.role, one.borough_id) for one in held) == [("moderator", north), ("records", north)]
        payload = session.scalars(select(Effect.payload)).one()
    deliver(parvis)
    (letter,) = mail.letters
    token = link_in(letter)
    assert token not in str(payload)
    assert (letter["To"], letter["Subject"]) == ("luc@ville.example", "Parvis\u00a0: Votre invitation")
    with parvis.database.read() as session:
        assert "token_closed" not in session.scalars(select(Effect.payload)).one()
    assert "est partie" in eve.get("/personnes").text
    client = visit(parvis)
    form = {"name": "Luc Tremblay", "password": PASSWORD, "again": PASSWORD}
    long = client.post(f"/invitation/{token}", data={**form, "name": "x" * 101})
    assert (long.status_code, 'id="name-wrong"' in long.text) == (422, True)
    assert client.post(f"/invitation/{token}", data=form).status_code == 303
    assert client.post(f"/invitation/{token}", data=form).status_code == 404
    assert client.post("/connexion", data={"email": "luc@ville.example", "password": PASSWORD}).status_code == 303
    page = eve.get("/personnes").text
    assert "Luc Tremblay" in page
    assert "pas encore" not in page
    # Whoever has come is not invited again: a link that replaces a password is shown to bring by hand.
    again = eve.post(f"/personnes/{luc}/lien")
    assert (again.status_code, "/invitation/" in again.text) == (201, True)
    assert eve.post(f"/personnes/{luc}/invitation/retirer").status_code == 409
    deliver(parvis)
    assert len(mail.letters) == 1


def test_an_invitation_is_sent_again_ends_the_one_before_and_can_be_brought_by_hand(parvis, enter, visit, mail, clock):
    eve = enter("eve", Role.ADMIN)
    invited(eve, "luc", "moderator")
    luc = number(parvis, "luc")
    # The first one has not left when the second is asked for: only the second leaves.
    assert eve.post(f"/personnes/{luc}/lien").status_code == 303
    deliver(parvis)
    (letter,) = mail.letters
    client = visit(parvis)
    assert client.get(f"/invitation/{link_in(letter)}").status_code == 200
    by_hand = eve.post(f"/personnes/{luc}/lien", data={"by_hand": "on"})
    shown = re.search(r"/invitation/([\w-]{43})", by_hand.text)[1]
    assert client.get(f"/invitation/{link_in(letter)}").status_code == 404
    assert client.get(f"/invitation/{shown}").status_code == 200
    clock.pass_(days=8)
    assert client.get(f"/invitation/{shown}").status_code == 404
    eve = enter("zoe", Role.ADMIN)
    assert "ne sert plus" in eve.get("/personnes").text
    mail.says["RCPT"] = [b"550 nobody of that name"]
    eve.post(f"/personnes/{luc}/lien")
    deliver(parvis)
    page = eve.get("/personnes").text
    assert "la refuse (code 550)" in page
    assert len(mail.letters) == 1


def test_a_withdrawn_invitation_opens_nothing_and_leaves_no_more(parvis, enter, visit, mail):
    eve, zoe = enter("eve", Role.ADMIN), enter("zoe", Role.ADMIN)
    invited(eve, "luc", "moderator")
    luc = number(parvis, "luc")
    assert eve.post(f"/personnes/{luc}/invitation/retirer").status_code == 303
    deliver(parvis)
    assert mail.letters == []
    assert "Inactive" in eve.get("/personnes").text
    # One that waits for a second administrator leaves when that one agrees, and not when it was withdrawn.
    invited(eve, "paul", "approver")
    assert "deuxième personne" in eve.get("/personnes").text
    (request,) = re.findall(r"/personnes/demandes/(\d+)", zoe.get("/personnes").text)
    assert zoe.post(f"/personnes/demandes/{request}", data={"granted": "yes"}).headers["location"].endswith("sent")
    deliver(parvis)
    assert [letter["To"] for letter in mail.letters] == ["paul@ville.example"]
    invited(eve, "marc", "approver")
    (request,) = re.findall(r"/personnes/demandes/(\d+)", zoe.get("/personnes").text)
    eve.post(f"/personnes/{number(parvis, 'marc')}/invitation/retirer")
    assert zoe.post(f"/personnes/demandes/{request}", data={"granted": "yes"}).status_code == 404


def test_without_a_mail_server_the_page_shows_the_link(database_url, open_parvis, visit, sign_in_as):
    parvis = open_parvis(database_url, second_factor="off")
    with parvis.database.write() as session:
        eve = people.invite(session, "eve@ville.example", "", [(Role.ADMIN, CITY)], by=None, now=parvis.clock()).id
    client = sign_in_as(parvis, visit(parvis), eve)
    answer = invited(client, "luc", "moderator")
    assert (answer.status_code, len(re.findall(r"/invitation/[\w-]{43}", answer.text))) == (201, 1)
    assert "à remettre soi-même" in client.get("/personnes").text

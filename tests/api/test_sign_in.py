"""Signing in: passwords, codes, sessions, links, throttling. On both databases."""

from __future__ import annotations

import pyotp
import pytest
from sqlalchemy import select

from administration import people, sign_in
from models.people import Person, SignIn
from models.vocabulary import Role

PASSWORD = "une phrase assez longue"
EMAIL = "eve@ville.example"


@pytest.fixture
def eve(parvis):
    hashed = people.hash_password(PASSWORD)
    with parvis.database.write() as session:
        person = people.invite(session, EMAIL, "Ève", [(Role.ADMIN, people.CITY)], by=None, now=parvis.clock())
        people.set_password(session, person, hashed, by=None, now=parvis.clock())
        return person.id


def give_password(client, password=PASSWORD, email=EMAIL, **more):
    return client.post("/connexion", data={"email": email, "password": password, **more})


def turn_on_second_factor(parvis, person_id, clock):
    secret = pyotp.random_base32()
    with parvis.database.write() as session:
        person = session.get_one(Person, person_id)
        code = pyotp.TOTP(secret).at(clock.now)
        people.turn_totp_on(session, parvis.vault, person, parvis.vault.close(secret), code, now=clock.now)
    clock.pass_(seconds=60)
    return pyotp.TOTP(secret)


def test_a_password_opens_a_new_session_that_ends_by_itself(parvis, eve, visit, clock):
    client = visit(parvis)
    answer = give_password(client, email=" EVE@Ville.Example ", suite="/compte")
    assert (answer.status_code, answer.headers["location"]) == (303, "/compte")
    cookie = next(line for line in answer.headers.get_list("set-cookie") if line.startswith("parvis="))
    assert "HttpOnly; Path=/; SameSite=lax" in cookie
    assert "Secure" not in cookie
    assert client.get("/compte").status_code == 200
    clock.pass_(minutes=119)
    assert client.get("/compte").status_code == 200
    clock.pass_(minutes=121)
    assert client.get("/compte").headers["location"] == "/connexion?suite=%2Fcompte"


def test_no_use_prolongs_a_session_beyond_a_work_day_and_a_poll_is_no_use(parvis, eve, visit, clock):
    client = visit(parvis)
    give_password(client)
    for _ in range(11):
        clock.pass_(hours=1)
        assert client.get("/compte").status_code == 200
    clock.pass_(hours=1)
    assert client.get("/compte").status_code == 303
    give_password(client)
    clock.pass_(minutes=90)
    assert client.get("/compte", headers={"parvis-poll": "1"}).status_code == 200
    clock.pass_(minutes=31)
    assert client.get("/compte").status_code == 303


def test_the_token_itself_is_not_kept(parvis, eve, visit):
    client = visit(parvis)
    give_password(client)
    with parvis.database.read() as session:
        assert session.scalars(select(SignIn.fingerprint)).one() != client.cookies["parvis"]


def test_signing_out_ends_the_session_on_the_server(parvis, eve, visit):
    client, thief = visit(parvis), visit(parvis)
    give_password(client)
    thief.cookies.set("parvis", client.cookies["parvis"])
    assert thief.get("/compte").status_code == 200
    client.post("/deconnexion")
    assert thief.get("/compte").status_code == 303


def test_who_is_made_inactive_is_out_at_once(parvis, eve, visit):
    client = visit(parvis)
    give_password(client)
    with parvis.database.write() as session:
        people.set_active(session, eve, False, by=None, now=parvis.clock())
    assert client.get("/compte").status_code == 303
    assert give_password(client).status_code == 401


@pytest.mark.parametrize("email", [EMAIL, "personne@ville.example"])
def test_a_wrong_password_and_an_unknown_person_read_the_same(parvis, eve, visit, email):
    answer = give_password(visit(parvis), "faux", email)
    assert answer.status_code == 401
    assert "est incorrect" in answer.text


@pytest.mark.parametrize(
    "where", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:1", "/a\nb"]
)
def test_signing_in_never_leads_to_another_site(parvis, eve, visit, where):
    assert give_password(visit(parvis), suite=where).headers["location"] == "/"


def test_guessing_is_stopped_and_does_not_lock_the_person_out(parvis, eve, visit, clock):
    own, stranger = visit(parvis), visit(parvis)
    give_password(own)
    own.post("/deconnexion")
    answers = [give_password(stranger, "faux").status_code for _ in range(12)]
    assert answers == [401] * 10 + [429] * 2
    assert give_password(stranger).status_code == 429, "even the right one"
    assert give_password(own).status_code == 303, "a browser that this person used before is counted apart"
    clock.pass_(minutes=16)
    assert give_password(stranger).status_code == 303


def test_a_known_browser_cannot_guess_for_ever_nor_for_somebody_else(parvis, eve, visit):
    own = visit(parvis)
    give_password(own)
    assert [give_password(own, "faux").status_code for _ in range(11)] == [401] * 10 + [429]
    with parvis.database.write() as session:
        people.invite(session, "luc@ville.example", "Luc", [], by=None, now=parvis.clock())
    assert [give_password(own, "faux", "luc@ville.example").status_code for _ in range(11)] == [401] * 10 + [429]


def test_the_second_factor_is_asked_and_a_code_serves_once(parvis, eve, visit, clock):
    totp = turn_on_second_factor(parvis, eve, clock)
    client = visit(parvis)
    answer = give_password(client, suite="/compte")
    assert answer.headers["location"] == "/connexion/code"
    assert client.get("/compte").status_code == 303, "a password alone opens nothing"
    before, code = client.cookies["parvis"], totp.at(clock.now)
    assert client.post("/connexion/code", data={"code": "000000"}).status_code == 401
    assert client.post("/connexion/code", data={"code": code}).headers["location"] == "/compte"
    assert client.cookies["parvis"] != before
    assert client.get("/compte").status_code == 200
    again = visit(parvis)
    give_password(again)
    assert again.post("/connexion/code", data={"code": code}).status_code == 401


def test_codes_cannot_be_guessed(parvis, eve, visit, clock):
    totp = turn_on_second_factor(parvis, eve, clock)
    client = visit(parvis)
    give_password(client)
    answers = [client.post("/connexion/code", data={"code": "000000"}).status_code for _ in range(6)]
    assert answers == [401] * 5 + [429]
    assert client.post("/connexion/code", data={"code": totp.at(clock.now)}).headers["location"] == "/connexion"


def test_an_invitation_serves_once_and_looking_at_it_uses_nothing(parvis, visit, clock):
    with parvis.database.write() as session:
        person = people.invite(session, EMAIL, "Ève", [], by=None, now=clock.now)
        token = people.new_link(session, person.id, by=None, now=clock.now)
    client = visit(parvis)
    link = f"/invitation/{token}"
    assert [client.get(link).status_code for _ in range(2)] == [200, 200]
    for wrong in ("court", EMAIL, "x" * 201):
        assert client.post(link, data={"password": wrong, "again": wrong}).status_code == 422
    assert client.post(link, data={"password": PASSWORD, "again": "autre"}).status_code == 422
    assert client.post(link, data={"password": PASSWORD, "again": PASSWORD}).status_code == 303
    assert client.post(link, data={"password": PASSWORD, "again": PASSWORD}).status_code == 404
    assert give_password(client).status_code == 303


def test_links_end_with_time_with_a_newer_one_and_with_the_person(parvis, visit, clock):
    with parvis.database.write() as session:
        person = people.invite(session, EMAIL, "Ève", [], by=None, now=clock.now)
        first = people.new_link(session, person.id, by=None, now=clock.now)
        second = people.new_link(session, person.id, by=None, now=clock.now)
    client = visit(parvis)
    assert client.get(f"/invitation/{first}").status_code == 404
    assert client.get(f"/invitation/{second}").status_code == 200
    clock.pass_(days=7)
    assert client.get(f"/invitation/{second}").status_code == 404


def test_a_new_password_ends_every_other_session(parvis, eve, visit):
    client, other = visit(parvis), visit(parvis)
    give_password(client)
    give_password(other)
    form = {"current": PASSWORD, "password": "une autre phrase longue", "again": "une autre phrase longue"}
    assert client.post("/compte/mot-de-passe", data={**form, "current": "faux"}).status_code == 422
    assert client.post("/compte/mot-de-passe", data=form).status_code == 303
    assert client.get("/compte").status_code == 200
    assert other.get("/compte").status_code == 303


def test_an_administrator_cannot_change_their_own_roles_or_access(parvis, eve, visit):
    client = visit(parvis)
    give_password(client)
    assert client.post(f"/personnes/{eve}/acces", data={"active": "off"}).status_code == 409
    answer = client.post(f"/personnes/{eve}/roles", data={"role": "moderator", "scope": "city"})
    assert answer.status_code == 409
    assert "vos propres rôles" in answer.text
    assert client.get("/personnes").status_code == 200


def test_an_invited_person_is_in_the_journal_and_on_the_page(parvis, eve, visit):
    client = visit(parvis)
    give_password(client)
    form = {"email": "luc@ville.example", "name": "Luc", "role": "moderator", "scope": "city"}
    answer = client.post("/personnes", data=form)
    assert answer.status_code == 201
    assert "/invitation/" in answer.text
    assert client.post("/personnes", data=form).status_code == 422
    from models.audit import AuditEntry

    with parvis.database.read() as session:
        noted = session.scalars(select(AuditEntry.action).where(AuditEntry.person_id == eve)).all()
    assert {"person_added", "membership_given", "invitation_link_made"} <= set(noted)


def test_https_binds_the_cookies_to_the_host(database_url, open_parvis, visit):
    parvis = open_parvis(database_url, base_url="https://parvis.ville.example")
    with parvis.database.write() as session:
        person = people.invite(session, EMAIL, "Ève", [], by=None, now=parvis.clock())
        people.set_password(session, person, people.hash_password(PASSWORD), by=None, now=parvis.clock())
    answer = give_password(visit(parvis))
    session_cookie, device, language = answer.headers.get_list("set-cookie")
    assert session_cookie.startswith("__Host-parvis=")
    assert device.startswith("__Host-parvis_device=")
    assert all("Secure" in cookie and "Path=/" in cookie for cookie in (session_cookie, device, language))
    assert "strict-transport-security" in answer.headers


def test_a_stored_hash_is_never_the_password():
    assert PASSWORD not in sign_in.passwords.hash(PASSWORD)

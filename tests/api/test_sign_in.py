"""Signing in: passwords, codes, sessions, links, throttling. On both databases."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote

import httpx2
import pyotp
import pytest
from sqlalchemy import select

from administration import people, sign_in
from api.app import create_app
from api.deps import Hashing
from models.people import Person, SignIn
from models.vocabulary import Role

PASSWORD = "une phrase assez longue"
EMAIL = "eve@ville.example"


@pytest.fixture
def parvis(database_url, open_parvis):
    """Where nobody is asked for a second factor; what asks for one says so."""
    return open_parvis(database_url, second_factor="off")


@pytest.fixture
def hire(parvis):
    """Adds somebody with PASSWORD; gives their number."""

    def add(email, *roles, parvis=parvis):
        with parvis.database.write() as session:
            scoped = [(role, people.CITY) for role in roles]
            person = people.invite(session, email, email.partition("@")[0], scoped, by=None, now=parvis.clock())
            people.set_password(session, person, people.hash_password(PASSWORD), by=None, now=parvis.clock())
            return person.id

    return add


@pytest.fixture
def eve(hire):
    return hire(EMAIL, Role.ADMIN)


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
    where = answer.headers["location"]
    assert where == "/connexion/code?suite=%2Fcompte"
    assert client.get("/compte").status_code == 303, "a password alone opens nothing"
    asked = client.get(where)
    assert 'name="suite" value="/compte"' in asked.text
    before, code = client.cookies["parvis"], totp.at(clock.now)
    wrong = client.post("/connexion/code", data={"code": "000000", "suite": "/compte"})
    assert (wrong.status_code, 'name="suite" value="/compte"' in wrong.text) == (401, True)
    right = client.post("/connexion/code", data={"code": code, "suite": "/compte"})
    assert right.headers["location"] == "/compte"
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
    both = client.post(link, data={"password": "court", "again": "autre"})
    assert [f'id="{name}-wrong"' in both.text for name in ("password", "again")] == [True, True]
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
    all_wrong = client.post("/compte/mot-de-passe", data={"current": "faux", "password": "court", "again": "autre"})
    assert len(re.findall(r'id="[\w-]+-wrong"', all_wrong.text)) == 3
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


def test_https_binds_every_cookie_to_the_host(database_url, open_parvis, visit, hire, clock):
    parvis = open_parvis(database_url, base_url="https://parvis.ville.example")
    hire(EMAIL, parvis=parvis)
    client = visit(parvis)
    answers = [give_password(client), client.post("/compte/preferences", data={"language": "en"})]
    client.cookies.set("__Host-parvis_theme", "dark")
    assert 'data-theme="dark"' in client.get("/connexion").text
    assert 'lang="en"' in client.get("/connexion").text
    answers.append(client.post("/deconnexion"))
    cookies = [cookie for answer in answers for cookie in answer.headers.get_list("set-cookie")]
    assert {cookie.partition("=")[0] for cookie in cookies} == {
        "__Host-parvis", "__Host-parvis_device", "__Host-parvis_language"
    }  # fmt: skip
    assert all("Secure" in cookie and "Path=/" in cookie and "Domain" not in cookie for cookie in cookies)
    assert "strict-transport-security" in answers[0].headers


def test_a_stored_hash_is_never_the_password():
    assert PASSWORD not in sign_in.passwords.hash(PASSWORD)


# ---------------------------------------------------------------------------------------------- many at once
@pytest.fixture
def checked(monkeypatch):
    """What hashing does meanwhile: how many passwords were checked, and how many at once at most."""
    seen = Counter()
    lock, verify = threading.Lock(), sign_in.passwords.verify_and_update

    def counted(*given):
        with lock:
            seen["checked"] += 1
            seen["now"] += 1
            seen["at once"] = max(seen["at once"], seen["now"])
        time.sleep(0.01)  # So that those that may be together are.
        with lock:
            seen["now"] -= 1
        return verify(*given)

    monkeypatch.setattr(sign_in.passwords, "verify_and_update", counted)
    return seen


def test_attempts_that_come_at_once_do_not_race_past_the_limit(parvis, eve, checked):
    """Without the door: as from many processes, which share the database alone."""
    start = threading.Barrier(24)

    def guess(_):
        start.wait()
        browser = sign_in.Browser(address="203.0.113.7")
        return sign_in.sign_in(
            parvis.database, parvis.vault, EMAIL, "faux", browser=browser, now=parvis.clock()
        ).outcome

    with ThreadPoolExecutor(24) as pool:
        outcomes = Counter(pool.map(guess, range(24)))
    assert checked["checked"] == sign_in.FAILURES_BY_EMAIL
    assert outcomes == {sign_in.Outcome.WRONG: sign_in.FAILURES_BY_EMAIL, sign_in.Outcome.THROTTLED: 14}


def test_codes_that_come_at_once_do_not_race_past_the_limit(parvis, eve, clock):
    turn_on_second_factor(parvis, eve, clock)
    start = threading.Barrier(12)
    browser = sign_in.Browser(address="203.0.113.7")
    token = sign_in.sign_in(parvis.database, parvis.vault, EMAIL, PASSWORD, browser=browser, now=clock.now).token

    def guess(_):
        start.wait()
        return sign_in.prove(parvis.database, parvis.vault, token, "000000", now=clock.now).outcome

    with ThreadPoolExecutor(12) as pool:
        outcomes = Counter(pool.map(guess, range(12)))
    assert outcomes[sign_in.Outcome.CODE_NEEDED] == sign_in.FAILURES_BY_CODE


def all_at_once(app, forms):
    """The answers to sign-ins that reach one door together."""

    async def send():
        base = {"base_url": "http://127.0.0.1:8000", "headers": {"sec-fetch-site": "same-origin"}}
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), **base) as client:
            return await asyncio.gather(*(client.post("/connexion", data=form) for form in forms))

    # A thread of its own: a browser of another test may have left a loop in this one.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(send())).result()


def test_forty_sign_ins_at_once_hash_two_at_a_time(parvis, hire, checked):
    for number in range(40):
        hire(f"p{number}@ville.example")
    forms = [{"email": f"p{number}@ville.example", "password": PASSWORD} for number in range(40)]
    answers = all_at_once(create_app(parvis), forms)
    assert Counter(answer.status_code for answer in answers) == {303: 40}
    assert (checked["checked"], checked["at once"] <= 2) == (40, True)


def test_more_than_can_wait_are_told_when_to_come_again(parvis, checked):
    app = create_app(parvis)
    app.state.hashing = Hashing(at_once=1, waiting=2)
    answers = all_at_once(app, [{"email": EMAIL, "password": "faux"}] * 8)
    assert Counter(answer.status_code for answer in answers) == {401: 3, 503: 5}
    assert {answer.headers.get("retry-after") for answer in answers} == {None, "5"}


# ---------------------------------------------------------------------------------------------- second factor
def enrolment(page):
    """The secret that a page shows, and what its form sends back."""
    return re.search(r"<code>(\w{32})</code>", page)[1], re.search(r'name="sealed" value="([^"]+)"', page)[1]


def test_a_mistyped_code_keeps_the_same_secret(parvis, eve, visit, clock):
    client = visit(parvis)
    give_password(client)
    secret, sealed = enrolment(client.get("/compte").text)
    wrong = client.post("/compte/second-facteur", data={"current": PASSWORD, "sealed": sealed, "code": "000000"})
    assert (wrong.status_code, enrolment(wrong.text)) == (422, (secret, sealed))
    form = {"current": PASSWORD, "sealed": sealed, "code": pyotp.TOTP(secret).at(clock.now)}
    assert client.post("/compte/second-facteur", data={**form, "current": "faux"}).status_code == 422
    assert client.post("/compte/second-facteur", data=form).headers["location"] == "/compte?fait=second-factor-on"


def test_the_drawing_is_dark_on_white_in_every_theme(parvis, eve, visit):
    client = visit(parvis)
    give_password(client)
    drawing = unquote(re.search(r'src="data:image/svg\+xml[^,]*,([^"]+)"', client.get("/compte").text)[1])
    assert re.search(r"<path fill=.#fff. d=.M0 0h\d+v\d+h-\d+z", drawing), drawing[:200]


def test_a_second_factor_is_given_up_with_password_and_code_and_guesses_are_counted(parvis, eve, visit, clock):
    totp = turn_on_second_factor(parvis, eve, clock)
    client, other = visit(parvis), visit(parvis)
    for browser in (other, client):
        give_password(browser)
        browser.post("/connexion/code", data={"code": totp.at(clock.now)})
        clock.pass_(seconds=30)
    right = {"current": PASSWORD, "code": totp.at(clock.now)}
    for wrong in ({"code": "000000"}, {"current": "faux"}, {"current": ""}, {"code": ""}, {"code": "000000"}):
        assert client.post("/compte/second-facteur/retirer", data={**right, **wrong}).status_code == 422
    throttled = client.post("/compte/second-facteur/retirer", data=right)
    assert (throttled.status_code, "Trop d’essais" in throttled.text) == (422, True)
    clock.pass_(minutes=16)
    right["code"] = totp.at(clock.now)
    assert client.post("/compte/second-facteur/retirer", data=right).status_code == 303
    assert client.get("/compte").status_code == 200
    assert other.get("/compte").status_code == 303, "every other session ends"


def test_a_second_factor_ends_every_other_session(parvis, eve, visit, clock):
    client, other = visit(parvis), visit(parvis)
    give_password(client)
    give_password(other)
    secret, sealed = enrolment(client.get("/compte").text)
    form = {"current": PASSWORD, "sealed": sealed, "code": pyotp.TOTP(secret).at(clock.now)}
    client.post("/compte/second-facteur", data=form)
    assert (client.get("/compte").status_code, other.get("/compte").status_code) == (200, 303)


def test_an_administrator_is_led_to_a_second_factor_and_stopped_after_a_week(
    database_url, open_parvis, visit, hire, clock
):
    parvis = open_parvis(database_url)
    hire(EMAIL, Role.ADMIN, parvis=parvis)
    hire("luc@ville.example", Role.MODERATOR, parvis=parvis)
    assert give_password(visit(parvis), email="luc@ville.example").headers["location"] == "/"
    client = visit(parvis)
    where = give_password(client, suite="/comptes").headers["location"]
    assert where == "/compte/avant?suite=%2Fcomptes"
    assert 'class="button" href="/comptes"' in client.get(where).text, "it can be put off"
    assert client.get("/personnes").status_code == 200
    clock.pass_(days=7)
    give_password(client)
    assert client.get("/personnes").headers["location"] == "/compte/avant?suite=%2Fpersonnes"
    assert client.post("/personnes").status_code == 303
    assert client.get("/api/v1/accounts").json()["code"] == "factor_due"
    page = client.get("/compte/avant?suite=/personnes").text
    assert 'class="button" href="/personnes"' not in page
    secret, sealed = enrolment(page)
    form = {"current": PASSWORD, "sealed": sealed, "code": "000000", "suite": "/personnes"}
    wrong = client.post("/compte/second-facteur", data=form)
    assert (wrong.status_code, enrolment(wrong.text)) == (422, (secret, sealed))
    form["code"] = pyotp.TOTP(secret).at(clock.now)
    assert client.post("/compte/second-facteur", data=form).headers["location"] == "/personnes"
    assert client.get("/personnes").status_code == 200


# ---------------------------------------------------------------------------------------------- passwords and sessions
@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "motdepasse123",
        "azertyuiop12",
        "123456789012",
        "aaaaaaaaaaaa",
        "passw0rdPassw0rd",
    ],
)
def test_the_passwords_that_everybody_tries_first_are_refused(parvis, eve, visit, password):
    client = visit(parvis)
    give_password(client)
    form = {"current": PASSWORD, "password": password, "again": password}
    answer = client.post("/compte/mot-de-passe", data=form)
    assert (answer.status_code, "parmi les premiers" in answer.text) == (422, True)


def test_sessions_are_listed_and_closed_one_by_one_or_all(parvis, eve, visit, clock):
    agents = {
        "Firefox, Windows": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "Edge, Windows": "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
        "Safari, iPhone": "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) Version/26.0 Safari/604.1",
    }
    clients = {name: visit(parvis, **{"user-agent": agent}) for name, agent in agents.items()}
    for client in clients.values():
        give_password(client)
        clock.pass_(minutes=5)
    first, second, third = clients.values()
    page = first.get("/compte").text
    assert all(name in page for name in agents)
    closing = re.findall(r"/compte/sessions/(\d+)/fermer", page)
    assert len(closing) == 2, "not one's own"
    first.post(f"/compte/sessions/{closing[0]}/fermer")
    assert sorted(client.get("/compte").status_code for client in (second, third)) == [200, 303]
    first.post("/compte/sessions/fermer")
    assert [client.get("/compte").status_code for client in clients.values()] == [200, 303, 303]


def test_nobody_closes_the_session_of_somebody_else(parvis, eve, hire, visit):
    hire("luc@ville.example")
    client, other = visit(parvis), visit(parvis)
    give_password(client)
    give_password(other, email="luc@ville.example")
    with parvis.database.read() as session:
        numbers = session.scalars(select(SignIn.id)).all()
    for number in numbers:
        other.post(f"/compte/sessions/{number}/fermer")
    assert client.get("/compte").status_code == 200

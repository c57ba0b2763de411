"""Signing in with the city's directory: who is taken for whom, what groups give, and what nobody gets by it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from sqlalchemy import select

from administration import people
from administration.people import CITY
from api.settings import SettingsError, by_group, load
from connectors.directories import Visitor
from models.audit import AuditEntry
from models.errors import Rejected, Transient
from models.people import DirectoryIdentity, Membership, Person, SignIn
from models.vocabulary import Role
from tests.directories import CLIENT, SECRET, pretend_directory, real_directory

PASSWORD = "une phrase assez longue"
ISSUER = "https://login.ville.example"
EVE = Visitor(ISSUER, "s-eve", "Eve@Ville.example", email_verified=True, name="Ève Roy")


class Pretend:
    """A directory in memory."""

    def __init__(self):
        self.visitor_now = EVE
        self.fails = None
        self.asked = {}

    def dialog(self, **asked):
        self.asked = asked
        if self.fails:
            raise self.fails
        return f"{ISSUER}/authorize?state={asked['state']}"

    def visitor(self, **asked):
        assert (asked["nonce"], asked["verifier"]) == (self.asked["nonce"], self.asked["verifier"])
        if self.fails:
            raise self.fails
        return self.visitor_now

    def way_out(self, *, return_to):
        return f"{ISSUER}/logout?to={return_to}"


@pytest.fixture
def city(database_url, open_parvis):
    """Opens the door with a directory in memory and settings of the test."""

    def open_(**given):
        parvis = open_parvis(database_url, oidc_issuer=ISSUER, oidc_client_id=CLIENT, **given)
        parvis.__dict__["directory"] = Pretend()
        return parvis

    return open_


def hire(parvis, email="eve@ville.example", *roles, password=True):
    with parvis.database.write() as session:
        person = people.invite(session, email, "", [(role, CITY) for role in roles], by=None, now=parvis.clock())
        if password:
            people.set_password(session, person, people.hash_password(PASSWORD), by=None, now=parvis.clock())
        return person.id


def come(parvis, client, *, query="", code="c", **more):
    """Goes to the directory and back; what the browser gets."""
    away = client.get(f"/connexion/annuaire{query}")
    if away.status_code != 303:
        return away
    state = parse_qs(urlsplit(away.headers["location"]).query)["state"][0]
    return client.get("/connexion/annuaire/retour", params={"state": state, "code": code} | more)


def who(parvis, client):
    page = client.get("/compte")
    return None if page.status_code != 200 else re.search(r"<p>[^<]*, ([^<]+)</p>", page.text)[1]


def said(page):
    return re.findall(r'class="wrong" role="alert">([^<]+)<', page.text)


def roles(parvis, person_id):
    with parvis.database.read() as session:
        rows = session.scalars(select(Membership).where(Membership.person_id == person_id)).all()
        return sorted((row.role, row.borough_id, row.from_directory) for row in rows)


def test_whom_an_account_of_the_directory_is_taken_for(city, visit):
    """Nobody unknown, nobody by an e-mail that proves nothing; and once it is linked, no e-mail matters any more."""
    parvis = city()
    client, pretend = visit(parvis), parvis.directory
    assert "une invitation" in said(come(parvis, client))[0]
    eve = hire(parvis)
    page = come(parvis, client)
    assert (page.status_code, who(parvis, client)) == (403, None)
    assert "Connectez-vous avec votre mot de passe" in said(page)[0]
    object.__setattr__(parvis, "settings", parvis.settings.model_copy(update={"oidc_by_email": "verified"}))
    pretend.visitor_now = replace(EVE, email_verified=False)
    assert come(parvis, client).status_code == 403
    pretend.visitor_now = EVE
    assert come(parvis, client, query="?suite=/compte").headers["location"] == "/compte"
    assert who(parvis, client) == "eve@ville.example"
    # Somebody else gets her address in the directory, some day.
    other = visit(parvis)
    pretend.visitor_now = replace(EVE, subject="s-other")
    assert "autre compte" in said(come(parvis, other))[0]
    assert who(parvis, other) is None
    # And hers may change: she stays who she is.
    pretend.visitor_now = replace(EVE, email="eve.roy@ville.example", email_verified=False)
    assert come(parvis, other).status_code == 303
    assert who(parvis, other) == "eve@ville.example"
    with parvis.database.write() as session:
        people.set_active(session, eve, False, by=None, now=parvis.clock())
    assert "fermé" in said(come(parvis, visit(parvis)))[0]


def test_an_unknown_person_is_added_with_nothing_where_the_operator_says_so(city, visit):
    parvis = city(oidc_unknown="add")
    client = visit(parvis)
    assert come(parvis, client).status_code == 303
    assert who(parvis, client) == "eve@ville.example"
    with parvis.database.read() as session:
        person = session.scalars(select(Person)).one()
        assert (person.name, person.password_hash) == ("Ève Roy", None)
    assert roles(parvis, person.id) == []
    parvis.directory.visitor_now = Visitor(ISSUER, "s-2")
    assert "courriel" in said(come(parvis, visit(parvis)))[0]
    # An account here is not taken over by whoever gives its e-mail, even so.
    hire(parvis, "luc@ville.example", Role.ADMIN)
    parvis.directory.visitor_now = Visitor(ISSUER, "s-3", "luc@ville.example", email_verified=True)
    assert come(parvis, visit(parvis)).status_code == 403


def test_groups_give_roles_and_take_them_back_and_touch_no_others(city, visit):
    parvis = city(oidc_by_email="trusted", oidc_roles="p-mod=moderator, p-nord=approver:nord,p-adm=admin,p-x=manager:x")
    with parvis.database.write() as session:
        north = people.add_borough(session, "nord", "Nord", now=parvis.clock()).id
    eve = hire(parvis, "eve@ville.example", Role.RECORDS, Role.MODERATOR)
    local = [("moderator", None, False), ("records", None, False)]
    client, pretend = visit(parvis), parvis.directory

    def with_groups(*groups):
        pretend.visitor_now = replace(EVE, groups=frozenset(groups))
        assert come(parvis, client).status_code == 303
        return roles(parvis, eve)

    assert with_groups("p-nord", "p-mod", "p-x", "autre") == sorted([*local, ("approver", north, True)])
    assert with_groups("p-adm") == sorted([*local, ("admin", None, True)])
    assert client.get("/personnes").status_code == 200
    assert client.get("/compte/avant").status_code == 303, "the second factor is asked by the directory"
    # Another administrator cannot take it away here: it would be back at the next sign-in.
    zoe = visit(parvis)
    hire(parvis, "zoe@ville.example", Role.ADMIN)
    zoe.post("/connexion", data={"email": "zoe@ville.example", "password": PASSWORD})
    with parvis.database.read() as session:
        admin = session.scalars(select(Membership.id).where(Membership.from_directory)).one()
    assert zoe.post(f"/personnes/{eve}/roles/{admin}/retirer").status_code == 409
    assert "par un groupe de l’annuaire" in zoe.get("/personnes").text
    assert with_groups() == local
    with parvis.database.read() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.subject == f"person:{eve}")).all()
    by_groups = [entry for entry in entries if entry.data.get("directory") and "role" in entry.data]
    told = [(entry.action, entry.data["role"], entry.person_id) for entry in by_groups]
    assert told == [
        ("membership_given", "approver", None),
        ("membership_taken", "approver", None),
        ("membership_given", "admin", None),
        ("membership_taken", "admin", None),
    ]


def test_somebody_who_only_comes_by_the_directory_is_a_second_administrator(city, visit):
    parvis = city(oidc_unknown="add", oidc_roles="p-adm=admin")
    parvis.directory.visitor_now = replace(EVE, groups=frozenset({"p-adm"}))
    assert come(parvis, visit(parvis)).status_code == 303
    hire(parvis, "zoe@ville.example", Role.ADMIN)
    zoe = visit(parvis)
    zoe.post("/connexion", data={"email": "zoe@ville.example", "password": PASSWORD})
    form = {"email": "luc@ville.example", "name": "Luc", "role": "approver", "scope": "city"}
    answer = zoe.post("/personnes", data=form)
    assert (answer.status_code, answer.headers["location"].partition("#")[0]) == (
        303,
        "/personnes?fait=confirmation-asked",
    )
    # A link to her would replace how she comes in: it is asked for too.
    with parvis.database.read() as session:
        eve = session.scalars(select(Person.id).where(Person.email == "eve@ville.example")).one()
    assert zoe.post(f"/personnes/{eve}/lien").status_code == 303


def test_what_comes_back_must_have_been_begun_by_this_browser_and_lately(city, visit, clock):
    parvis = city(oidc_unknown="add")
    client, thief = visit(parvis), visit(parvis)
    over = "trop de temps"
    assert over in said(client.get("/connexion/annuaire/retour?state=x&code=c"))[0]
    away = client.get("/connexion/annuaire")
    cookie = next(line for line in away.headers.get_list("set-cookie") if line.startswith("parvis_directory="))
    assert "HttpOnly; Max-Age=600; Path=/; SameSite=lax" in cookie
    state = parvis.directory.asked["state"]
    back = f"/connexion/annuaire/retour?state={state}&code=c"
    assert over in said(thief.get(back))[0]
    assert over in said(client.get("/connexion/annuaire/retour?state=other&code=c"))[0]
    assert "crédible" in said(come(parvis, client, iss="https://evil.example"))[0]
    client.get("/connexion/annuaire")
    clock.pass_(minutes=11)
    assert over in said(client.get(f"/connexion/annuaire/retour?state={parvis.directory.asked['state']}&code=c"))[0]
    assert who(parvis, client) is None
    assert said(come(parvis, client, code="", error="access_denied"))
    # A new session each time, and no way to another site.
    answer = come(parvis, client, query="?suite=//evil.example")
    assert answer.headers["location"] == "/"
    first = client.cookies["parvis"]
    come(parvis, client)
    assert client.cookies["parvis"] != first
    assert not client.cookies.get("parvis_directory")


def test_a_directory_that_fails_stops_no_other_way_in(city, visit):
    parvis = city()
    hire(parvis)
    client, pretend = visit(parvis), parvis.directory
    for error, sentence in (
        (Transient(reason="unreachable"), "ne répond pas"),
        (Rejected("token"), "n’est pas crédible"),
        (Rejected("groups_many"), "trop de groupes"),
    ):
        pretend.fails = None
        client.get("/connexion/annuaire")
        state = pretend.asked["state"]
        pretend.fails = error
        page = client.get(f"/connexion/annuaire/retour?state={state}&code=c")
        assert sentence in said(page)[0]
        assert client.get("/connexion/annuaire").status_code == 503
    form = {"email": "eve@ville.example", "password": PASSWORD}
    assert client.post("/connexion", data=form).headers["location"] == "/"


def test_two_accounts_are_linked_by_whoever_has_both(city, visit):
    parvis = city()
    eve = hire(parvis)
    client = visit(parvis)
    client.post("/connexion", data={"email": "eve@ville.example", "password": PASSWORD})
    assert "relier=oui" in client.get("/compte").text
    parvis.directory.visitor_now = replace(EVE, email="autre@ville.example")
    assert come(parvis, client, query="?relier=oui").headers["location"] == "/compte/annuaire"
    assert "autre@ville.example" in client.get("/compte/annuaire").text
    wrong = client.post("/compte/annuaire", data={"current": "faux"})
    assert (wrong.status_code, 'id="current-wrong"' in wrong.text) == (422, True)
    assert client.post("/compte/annuaire", data={"current": PASSWORD}).status_code == 303
    other = visit(parvis)
    assert come(parvis, other).status_code == 303
    assert who(parvis, other) == "eve@ville.example"
    # What was carried for a link opens no session, and what was carried for a session links nothing.
    assert client.get("/compte/annuaire").headers["location"] == "/compte"
    # Somebody else cannot link the same one; an administrator undoes it.
    hire(parvis, "zoe@ville.example", Role.ADMIN)
    zoe = visit(parvis)
    zoe.post("/connexion", data={"email": "zoe@ville.example", "password": PASSWORD})
    come(parvis, zoe, query="?relier=oui")
    taken = zoe.post("/compte/annuaire", data={"current": PASSWORD})
    assert (taken.status_code, len(said(taken))) == (422, 1)
    assert zoe.post(f"/personnes/{eve}/annuaire/retirer").status_code == 303
    assert (who(parvis, other), who(parvis, client)) == (None, None)
    assert come(parvis, other).status_code == 403


def test_an_invitation_is_taken_up_with_the_directory_once(city, visit):
    parvis = city()
    eve = hire(parvis, "eve@ailleurs.example", Role.MODERATOR, password=False)
    with parvis.database.write() as session:
        token = people.new_link(session, eve, by=None, now=parvis.clock())
    client = visit(parvis)
    assert f"/connexion/annuaire?invitation={token}" in client.get(f"/invitation/{token}").text
    assert come(parvis, client, query=f"?invitation={token}").status_code == 303
    assert who(parvis, client) == "eve@ailleurs.example"
    assert client.get(f"/invitation/{token}").status_code == 404
    parvis.directory.visitor_now = replace(EVE, subject="s-2", email="x@ville.example")
    assert come(parvis, visit(parvis), query=f"?invitation={token}").status_code == 403
    # A link that replaces a password opens no account of the directory.
    with parvis.database.write() as session:
        reset = people.new_link(session, eve, by=None, now=parvis.clock())
    assert "annuaire" not in visit(parvis).get(f"/invitation/{reset}").text
    assert come(parvis, visit(parvis), query=f"?invitation={reset}").status_code == 403


def test_leaving_offers_to_leave_the_directory_too(city, visit):
    parvis = city(oidc_unknown="add")
    client = visit(parvis)
    come(parvis, client)
    assert client.post("/deconnexion").headers["location"] == "/connexion?fait=signed-out-here"
    assert who(parvis, client) is None
    assert "/connexion/annuaire/sortie" in client.get("/connexion?fait=signed-out-here").text
    away = client.get("/connexion/annuaire/sortie").headers["location"]
    assert away == f"{ISSUER}/logout?to={parvis.settings.base_url}/connexion"


def test_without_a_directory_nothing_of_it_is_there(sqlite_parvis, visit):
    client = visit(sqlite_parvis)
    assert "annuaire" not in client.get("/connexion").text
    assert client.get("/connexion/annuaire").status_code == 404


def test_the_doctor_asks_the_directory_and_reads_its_settings(command):
    def said():
        lines = command.run("doctor").out.splitlines()
        return [line for line in lines if "Annuaire" in line]

    (line,) = said()
    assert "PARVIS_OIDC_ISSUER" in line
    with pretend_directory() as server:
        command.set(oidc_issuer=server.issuer)
        (line,) = said()
        assert (line[0], "à moitié" in line) == ("✗", True)
        command.set(oidc_client_id=CLIENT, oidc_roles="g=agent311:nulle-part")
        answers, boroughs = said()
        assert (answers[0], "/connexion/annuaire/retour" in answers) == ("✓", True)
        assert (boroughs[0], "nulle-part" in boroughs) == ("✗", True)
        server.says["issuer"] = "https://evil.example"
        assert "issuer" in said()[0]
    assert "ne répond pas" in said()[0]


@pytest.mark.parametrize("roles", ["moderator", "=moderator", "g=pape", "g=admin:nord", "g="])
def test_groups_that_give_nothing_are_said_at_the_start(roles):
    with pytest.raises(SettingsError, match="PARVIS_OIDC_ROLES"):
        load(_env_file=None, oidc_roles=roles)


def test_a_directory_is_reached_by_https_and_its_secret_is_not_shown():
    with pytest.raises(SettingsError, match="PARVIS_OIDC_ISSUER"):
        load(_env_file=None, oidc_issuer="http://login.ville.example")
    settings = load(_env_file=None, oidc_issuer=ISSUER, oidc_client_id=CLIENT, oidc_client_secret=SECRET)
    assert SECRET not in repr(settings) + repr(settings.directory)
    given = "cn=mod,ou=parvis=moderator, p=approver:Nord"
    with pytest.raises(SettingsError):
        load(_env_file=None, oidc_roles=given)
    assert by_group("a=b=moderator, p=approver:Nord") == [("a=b", Role.MODERATOR, None), ("p", Role.APPROVER, "nord")]


def test_a_real_provider_lets_in_whoever_it_knows(database_url, open_parvis, visit, clock):
    """`oidc-provider`, certified by the OpenID Foundation, in a process of its own, by the machine's clock."""
    clock.now = datetime.now(UTC)
    base = "http://127.0.0.1:8000"
    account = {"email": "eve@ville.example", "email_verified": True, "name": "Ève Roy", "groups": ["p-mod"]}
    with real_directory(base, {"eve": account}) as issuer:
        given = {"oidc_issuer": issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
        parvis = open_parvis(database_url, **given, oidc_unknown="add", oidc_roles="p-mod=moderator", base_url=base)
        client = visit(parvis)
        where = client.get("/connexion/annuaire?suite=/compte").headers["location"]
        with httpx2.Client(follow_redirects=False) as far:
            answer = far.get(where)
            while not (answer.is_redirect and answer.headers["location"].startswith(base)):
                if answer.is_redirect:
                    answer = far.get(str(answer.url.join(answer.headers["location"])))
                else:
                    answer = far.post(str(answer.url), data={"login": "eve"})
                assert answer.status_code < 400, answer.text
        back = answer.headers["location"].removeprefix(base)
        assert client.get(back).headers["location"] == "/compte"
        assert who(parvis, client) == "eve@ville.example"
        assert client.get(back).status_code == 403, "a code serves once"
        with parvis.database.read() as session:
            assert session.scalars(select(DirectoryIdentity.issuer)).one() == issuer
            assert session.scalars(select(SignIn.directory)).all() == [True]
            assert session.scalars(select(Membership.role)).all() == ["moderator"]
        client.post("/deconnexion")
        assert client.get("/connexion/annuaire/sortie").headers["location"].startswith(f"{issuer}/session/end?")
        parvis.directory.check()

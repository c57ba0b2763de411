"""Passkeys: what a key must prove, for what, and how often. The key is a program of the test's own."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select

from administration import people
from models.audit import AuditEntry
from models.people import Passkey, Person
from models.vocabulary import Role

PASSWORD = "une phrase assez longue"
ORIGIN = "http://localhost:8000"
PRESENT, UNLOCKED, NEW = 0x01, 0x04, 0x40


def text(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Key:
    """A device that signs what it is asked to (ES256), and counts."""

    def __init__(self, host="localhost", origin=ORIGIN):
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.id, self.host, self.origin = os.urandom(32), host, origin
        self.count = 0
        self.flags = PRESENT | UNLOCKED

    def make(self, options, **said):
        point = self.private.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        credential = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cbor2.dumps(cose)
        data = self._data(self.flags | NEW) + credential
        made = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", options, **said)
        return self._said({"clientDataJSON": text(client), "attestationObject": text(made)})

    def sign(self, options, **said):
        self.count += 1
        data, client = self._data(self.flags), self._client("webauthn.get", options, **said)
        signed = self.private.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        given = {"clientDataJSON": text(client), "authenticatorData": text(data), "signature": text(signed)}
        return self._said(given)

    def _data(self, flags):
        return hashlib.sha256(self.host.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, kind, options, **said):
        return json.dumps({"type": kind, "challenge": options["challenge"], "origin": self.origin, **said}).encode()

    def _said(self, response):
        return json.dumps({"id": text(self.id), "rawId": text(self.id), "type": "public-key", "response": response})


@pytest.fixture
def parvis(database_url, open_parvis):
    return open_parvis(database_url, base_url=ORIGIN)


@pytest.fixture
def hire(parvis, visit, employ):
    """Adds somebody who has a password; their browser, signed in, and their number."""

    def add(name, *roles):
        person_id = employ(parvis, name, PASSWORD, *roles)
        client = visit(parvis)
        client.signed = give_password(client, name)
        return client, person_id

    return add


def give_password(client, name):
    return client.post("/connexion", data={"email": f"{name}@ville.example", "password": PASSWORD})


def asked_new(client, password=PASSWORD):
    return client.post("/compte/cles/defi", data={"current": password})


def add(client, key, name="Ma clé", **said):
    options = asked_new(client).json()
    return client.post("/compte/cles", data={"name": name, "credential": key.make(options, **said)})


def come(client, key, *, second="", **said):
    options = client.post("/connexion/cle/defi", data={"second": second}).json()
    form = {"credential": key.sign(options, **said), "second": second, "suite": "/compte"}
    return client.post("/connexion/cle", data=form)


def signed_in(client):
    return client.get("/compte").status_code == 200


def test_a_key_is_added_with_the_password_and_comes_in_alone(parvis, hire, visit):
    eve, number = hire("eve", Role.ADMIN)
    assert eve.signed.headers["location"].startswith("/compte/avant"), "her role asks for a second factor"
    key = Key()
    wrong = asked_new(eve, "faux")
    assert (wrong.status_code, "mot de passe" in wrong.json()["detail"]) == (422, True)
    assert add(eve, key).headers["location"] == "/compte?fait=passkey-added"
    page = eve.get("/compte").text
    assert "Ma clé" in page
    assert "jamais utilisée" in page
    assert eve.get("/compte/avant").status_code == 303, "a key is a second factor"
    client = visit(parvis)
    assert come(client, key).headers["location"] == "/compte"
    assert signed_in(client)
    assert "Clé d’accès" in client.get("/personnes").text
    with parvis.database.read() as session:
        kept = session.scalars(select(Passkey)).one()
        assert (kept.person_id, kept.sign_count, kept.used_at) == (number, 1, parvis.clock())
        told = session.scalars(select(AuditEntry.action).where(AuditEntry.person_id == number)).all()
    assert "passkey_added" in told
    # The same key twice, and a name that is none.
    assert add(eve, key).status_code == 422
    assert add(eve, Key(), name=" ").status_code == 422
    assert add(eve, Key(), name="x" * 61).status_code == 422


def test_a_key_stands_for_the_code_after_the_password(parvis, hire, visit):
    eve, _ = hire("eve")
    key, other = Key(), Key()
    add(eve, key)
    luc, _ = hire("luc")
    add(luc, other)
    client = visit(parvis)
    asked = give_password(client, "eve")
    assert asked.headers["location"].startswith("/connexion/code")
    assert not signed_in(client), "a password alone opens nothing"
    page = client.get(asked.headers["location"]).text
    assert ('action="/connexion/cle"' in page, 'name="code"' in page) == (True, False)
    assert come(client, other, second="on").status_code == 401, "somebody else's key"
    key.flags = PRESENT  # A stick without a PIN: the password was given.
    assert come(client, key, second="on").status_code == 303
    assert signed_in(client)
    # The same stick alone is one factor, and not two.
    stranger = visit(parvis)
    assert come(stranger, key).status_code == 401
    # A password that somebody else gave in this browser does not stand in the way of a key by itself.
    give_password(stranger, "luc")
    key.flags = PRESENT | UNLOCKED
    assert come(stranger, key).status_code == 303
    assert "eve@ville.example" in stranger.get("/compte").text


@pytest.mark.parametrize(
    "wrong",
    ["another site", "another host", "another challenge", "a new key", "by nobody", "a made-up answer"],
)
def test_what_a_key_did_not_sign_for_us_now_opens_nothing(parvis, hire, visit, wrong):
    eve, _ = hire("eve")
    key = Key()
    add(eve, key)
    client, said = visit(parvis), {}
    if wrong == "another site":
        said["origin"] = "https://evil.example"
    elif wrong == "another host":
        key.host = "evil.example"
    elif wrong == "another challenge":
        said["challenge"] = text(b"x" * 43)
    elif wrong == "a new key":
        said["type"] = "webauthn.create"
    elif wrong == "by nobody":
        key.flags = UNLOCKED
    if wrong == "a made-up answer":
        for made_up in ("", "{}", "[]", '{"id": 1}', "x" * 30_000, '{"id":"a","rawId":"a","response":{}}'):
            assert client.post("/connexion/cle", data={"credential": made_up}).status_code == 401
    else:
        assert come(client, key, **said).status_code == 401
    assert not signed_in(client)
    key.host, key.flags = "localhost", PRESENT | UNLOCKED
    assert come(client, key).status_code == 303, "the true one still does"


def test_an_answer_serves_once_soon_and_a_copied_key_is_not_taken(parvis, hire, visit, clock):
    eve, number = hire("eve")
    key = Key()
    add(eve, key)
    client = visit(parvis)
    options = client.post("/connexion/cle/defi").json()
    answer = key.sign(options)
    assert client.post("/connexion/cle", data={"credential": answer}).status_code == 303
    assert visit(parvis).post("/connexion/cle", data={"credential": answer}).status_code == 401
    late = client.post("/connexion/cle/defi").json()
    clock.pass_(minutes=6)
    assert visit(parvis).post("/connexion/cle", data={"credential": key.sign(late)}).status_code == 401
    key.count = 0  # A copy that was made before: it counts from where it was.
    assert come(visit(parvis), key).status_code == 401
    # What was asked for one thing answers no other, and nobody else's.
    key.count = 9
    luc, _ = hire("luc")
    theirs = asked_new(luc).json()
    assert visit(parvis).post("/connexion/cle", data={"credential": key.sign(theirs)}).status_code == 401
    eve = hire("zoe")[0]
    assert eve.post("/compte/cles", data={"name": "x", "credential": Key().make(theirs)}).status_code == 422
    with parvis.database.write() as session:
        people.set_active(session, number, False, by=None, now=parvis.clock())
    assert come(visit(parvis), key).status_code == 401


def test_a_key_is_forgotten_by_its_person_or_with_the_second_factor(parvis, hire, visit):
    eve, number = hire("eve")
    key, other = Key(), Key()
    add(eve, key)
    add(eve, other, "Autre")
    (first, _second) = re.findall(r"/compte/cles/(\d+)/retirer", eve.get("/compte").text)
    luc, _ = hire("luc")
    path = f"/compte/cles/{first}/retirer"
    assert luc.post(path, data={"current": PASSWORD}).status_code == 404
    assert eve.post(path, data={"current": "faux"}).status_code == 422
    assert eve.post(path, data={"current": PASSWORD}).headers["location"] == "/compte?fait=passkey-removed"
    assert come(visit(parvis), key).status_code == 401
    client = visit(parvis)
    assert come(client, other).status_code == 303
    with parvis.database.write() as session:
        people.reset_factors(session, number, by=None, now=parvis.clock())
    assert not signed_in(client)
    assert come(visit(parvis), other).status_code == 401
    assert give_password(visit(parvis), "eve").headers["location"] == "/"


def test_who_has_a_key_lacks_no_second_factor(parvis, hire):
    eve, _ = hire("eve", Role.ADMIN)

    def lacking():
        with parvis.database.read() as session:
            return [person.email for person in people.without_second_factor(session, [Role.ADMIN])]

    assert lacking() == ["eve@ville.example"]
    options = asked_new(eve).json()
    form = {"name": "Clé", "credential": Key().make(options), "suite": "/personnes"}
    assert eve.post("/compte/cles", data=form).headers["location"] == "/personnes"
    assert lacking() == []


def test_an_installation_that_is_reached_by_a_number_offers_none(sqlite_parvis, visit, sign_in_as):
    client = visit(sqlite_parvis)
    assert "data-passkey" not in client.get("/connexion").text
    assert client.post("/connexion/cle/defi").status_code == 404
    with sqlite_parvis.database.write() as session:
        person = people.invite(session, "eve@ville.example", "", [], by=None, now=sqlite_parvis.clock())
        people.set_password(session, person, "x", by=None, now=sqlite_parvis.clock())
    sign_in_as(sqlite_parvis, client, person.id)
    assert "une adresse qui a un nom" in client.get("/compte").text
    with sqlite_parvis.database.read() as session:
        assert session.scalars(select(Person.id)).one() == person.id


def test_challenges_cannot_be_asked_without_end(parvis, visit):
    client = visit(parvis)
    assert [client.post("/connexion/cle/defi").status_code for _ in range(302)][299:] == [200, 429, 429]

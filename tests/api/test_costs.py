"""How many statements a page makes in a city of ten thousand comments: so many, whatever stands in the queue."""

from __future__ import annotations

from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from administration import seeds
from api.app import create_app
from models.people import Membership, SignIn
from models.secrets import fingerprint
from models.vocabulary import Role
from tests.city import START
from tests.plans import executed, fill

NOW = START + timedelta(days=1)
TOKEN = "a-browser-that-stays-signed-in"


@pytest.fixture(scope="module")
def large(shared_database):
    fill(shared_database, put_off_until=NOW)
    with shared_database.write() as session:
        seeds.plant(session, now=START)
        session.add(Membership(person_id=1, role=Role.MODERATOR))
        times = {"created_at": NOW, "seen_at": NOW, "expires_at": NOW + timedelta(hours=12)}
        session.add(SignIn(fingerprint=fingerprint(TOKEN), person_id=1, proved=True, **times))
    return shared_database


STATEMENTS = {
    "/": 26,
    "/?etat=traites": 26,
    "/?compte=2&suggestion=hide": 26,
    "/?mots=patinoire": 28,
    "/commentaires/17": 26,
    "/api/v1/comments": 5,
    "/api/v1/comments/17": 17,
}
"""At most: each who signs in and whose part of the city it is (2) included."""


@pytest.mark.parametrize("path", STATEMENTS)
def test_a_page_makes_few_statements_whatever_waits(large, open_parvis, clock, path):
    clock.now = NOW
    parvis = open_parvis(large.engine.url.render_as_string(hide_password=False))
    with TestClient(create_app(parvis), base_url=parvis.settings.base_url, cookies={"parvis": TOKEN}) as browser:
        browser.get(path)
        with executed(parvis.database) as statements:
            answer = browser.get(path)
    assert answer.status_code == 200, answer.text[:300]
    assert len(statements) <= STATEMENTS[path], len(statements)

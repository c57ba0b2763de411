"""The pager, from the settings to its own door."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from standardwebhooks import Webhook

from api.settings import SettingsError, load
from models.alarms import Pager
from models.errors import Rejected
from models.items import Item
from models.vocabulary import Role
from scheduler.jobs import ticks
from tests.pagerserver import pretend_pager

SECRET = "whsec_" + "bXVzdC1uZXZlci1iZS1zZWVuIGF0IGFsbCE="


@pytest.mark.parametrize(("status", "said"), [(204, "Il a pris le dernier"), (404, "n’a pas pris la dernière alerte")])
def test_a_danger_reaches_the_pager_and_the_page_says_so(
    sqlite_parvis, open_parvis, seed_city, visit, sign_in_as, status, said
):
    with pretend_pager(status) as given:
        parvis = open_parvis(sqlite_parvis.settings.url, pager_url=given.url, pager_secret=SECRET)
        city = seed_city(parvis)
        with parvis.database.write() as session:
            session.scalars(select(Item)).first().urgency = 2
        looks = {one.name: one.look for one in ticks(parvis.city, None)}
        looks["call"]()
        for effect_id in parvis.work.due():
            parvis.work.deliver(effect_id)
        ((headers, body),) = given
        told = Webhook(SECRET).verify(body, headers)
        assert told["type"] == "danger.called"
        assert told["data"]["summary"].startswith("Parvis, danger immédiat.")
        assert told["data"]["link"].startswith("http://127.0.0.1:8000/commentaires/")
        client = sign_in_as(parvis, visit(parvis), city.person(Role.MANAGER, "city"))
        assert said in client.get("/equipe/garde").text
        # The settings name another one by now: this one is given nothing more.
        with parvis.database.read() as session:
            pager_id = session.scalars(select(Pager.id)).one()
        with pytest.raises(Rejected, match="pager_unset"):
            sqlite_parvis.pager_of(pager_id)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"pager_url": "garde.ville.example"}, "PARVIS_PAGER_URL"),
        ({"pager_url": "http://garde.ville.example/parvis"}, "PARVIS_PAGER_URL"),
        ({"pager_url": "https://garde.ville.example/parvis?clef=1"}, "PARVIS_PAGER_URL"),
        ({"pager_secret": "c2VjcmV0"}, "PARVIS_PAGER_SECRET"),
        ({"pager_secret": "whsec_c2VjcmV0"}, "PARVIS_PAGER_SECRET"),
        ({"pager_secret": "whsec_é" + "A" * 40}, "PARVIS_PAGER_SECRET"),
    ],
)
def test_a_pager_that_cannot_be_used_is_said(given, name):
    with pytest.raises(SettingsError, match=name):
        load(_env_file=None, **given)


def test_half_of_a_pager_is_none():
    assert load(_env_file=None, pager_url="https://garde.ville.example/parvis").pager is None
    assert load(_env_file=None, pager_secret=SECRET).pager is None


def test_doctor_says_whether_it_is_set_and_never_its_secret(command):
    command.set(pager_url="https://garde.ville.example/parvis")
    assert "réglé à moitié" in command.run("doctor").out
    command.set(pager_secret=SECRET)
    found = command.run("doctor").out
    assert "reçoit chaque appel" in found
    assert "bXVzdC1" not in found

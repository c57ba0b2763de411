"""CONTRIBUTING's recipes, followed: what they say to write is enough."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from administration import keys, seeds
from api import settings, wiring
from api.commands.people import add_account
from api.settings import load, unknown
from connectors import registry
from models.scope import KEY_SCOPES
from models.vocabulary import Role
from scheduler.clock import Tick
from scheduler.jobs import handlers, ticks
from tests.city import City


class AtOnce:
    """An engine that has each row looked at before it goes on."""

    def __init__(self, city) -> None:
        self.handlers = handlers(city)

    def start(self) -> None: ...

    def send(self, handler: str, row_id: int) -> None:
        self.handlers[handler](row_id)

    def stop(self) -> None: ...


def run_ticks(parvis) -> None:
    """All that happens by itself, once."""
    for tick in ticks(parvis.city, AtOnce(parvis.city)):
        tick.look()


@pytest.fixture
def agora(monkeypatch):
    """A fifth network: its folder, and its line of the registry."""
    path = Path(__file__).parent / "agora" / "descriptor.py"
    spec = importlib.util.spec_from_file_location("agora_descriptor", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(registry, "ALL", (*registry.ALL, module.AGORA))
    return module


@pytest.fixture
def with_agora(agora, open_parvis, _migrated_sqlite, tmp_path, clock):
    """A city with one person a role, and an account there."""
    parvis = open_parvis(
        f"sqlite:///{shutil.copy(_migrated_sqlite, tmp_path)}", agora_secret="a-secret", undo_seconds=0
    )
    with parvis.database.write() as session:
        seeds.plant(session, now=clock.now)
    city = City(database=parvis.database, clock=clock)
    staff = {role: city.hire(role, role).person_id for role in Role}
    account_id = add_account(parvis, "agora", "ville", name="La ville", token="a-token", borough=None)
    return parvis, staff, account_id


def _json(door, what: str, key):
    answer = door.get(f"/api/v1/{what}", headers=key)
    assert answer.status_code == 200
    return answer.json()["items"]


def test_a_network_is_a_folder_and_a_line_of_the_registry(with_agora, agora, visit, sign_in_as, clock):
    parvis, staff, account_id = with_agora
    door = visit(parvis)
    assert door.get("/webhooks/agora?question=42").text == "42"
    body = json.dumps({"account": "ville", "id": "told", "text": "La rue n’est pas déneigée"})
    assert door.post("/webhooks/agora", content=body, headers={"x-agora": "no"}).status_code == 403
    assert door.post("/webhooks/agora", content=body, headers={"x-agora": "a-secret"}).status_code == 200
    for _ in range(2):
        run_ticks(parvis)

    def as_a(role: Role):
        return sign_in_as(parvis, visit(parvis), staff[role])

    def page(path: str, role: Role) -> str:
        answer = as_a(role).get(path)
        assert answer.status_code == 200, f"{path}: {answer.text}"
        assert "Agora" in answer.text, path
        return answer.text

    with parvis.database.write() as session:
        key = {"authorization": f"Bearer {keys.add_key(session, 'bi', list(KEY_SCOPES), now=clock.now)}"}
    comments = [one for one in _json(door, "comments", key) if one["account"]["network"] == "agora"]
    assert {one["text"] for one in comments} == {"Quelle est l’heure du marché?", "La rue n’est pas déneigée"}
    assert "agora" in {one["network"] for one in _json(door, "accounts", key)}
    for path in ("/", f"/commentaires/{comments[0]['id']}"):
        shown = page(path, Role.MODERATOR)
        assert ">ag</text>" in shown
        assert "#3d6b35" in shown
    accounts = page("/comptes", Role.ADMIN)
    assert ">ag</text>" in accounts
    assert "walls:moderate" in accounts

    writer, approver = (as_a(role) for role in (Role.COMMUNICATIONS, Role.APPROVER))
    assert "500" in page("/publications/nouvelle", Role.COMMUNICATIONS)
    draft = {"title": "Marché", "text": "Le marché ouvre samedi", "accounts": [account_id]}
    where = writer.post("/publications", data=draft).headers["location"].partition("?")[0]
    at = (clock.now + timedelta(minutes=30)).astimezone(parvis.settings.zone)
    for browser, step, said in (
        (writer, "soumettre", {}),
        (approver, "avis", {"approved": "true"}),
        (writer, "planification", {"publish_at": f"{at:%Y-%m-%dT%H:%M}"}),
    ):
        version = re.search(r'name="version" value="(\d+)"', browser.get(where).text)[1]
        assert browser.post(f"{where}/{step}", data={"version": version, **said}).status_code == 303, step
    clock.pass_(hours=1)
    run_ticks(parvis)
    assert agora.WALL == ["Le marché ouvre samedi"]
    assert "https://agora.example/post-1" in page(where, Role.COMMUNICATIONS)
    assert "https://agora.example/post-1" in json.dumps(_json(door, "posts", key))


def test_a_setting_of_a_network_is_a_field_of_its_class(agora, command):
    command.set(agora_base_url="https://agora.ville.example", agora_secret="a-secret")
    given = load().networks.of(agora.AgoraSettings)
    assert given == agora.AgoraSettings("https://agora.ville.example", "a-secret")
    shown = command.run("doctor").out
    assert "PARVIS_AGORA_BASE_URL" in shown
    assert "a-secret" not in shown
    command.set(agora_base_url="http://agora.ville.example")
    assert "must begin with https://" in command.run("doctor").out
    command.set(agora_base="x")
    assert unknown() == ["PARVIS_AGORA_BASE"]


def test_a_setting_of_the_house_is_a_field(monkeypatch, command):
    class Greeting(settings.Settings):
        greeting: str = "Bonjour"

    command.set(greeting="Salut")
    assert unknown() == ["PARVIS_GREETING"]
    monkeypatch.setattr(settings, "Settings", Greeting)
    assert (load().greeting, unknown()) == ("Salut", [])
    command.set(greeting="")
    assert load().greeting == "Bonjour"
    assert "PARVIS_GREETING" in command.run("doctor").out


def test_a_job_is_an_entry_of_the_list_and_one_that_calls_out_has_its_handler_too(sqlite_parvis, monkeypatch):
    """Beside all the others, with the real clock and the real engine."""
    greeted, ran, told = [], threading.Event(), threading.Event()

    def greet(row_id: int) -> None:
        greeted.append(row_id)
        told.set()

    def more(city, engine):
        every = timedelta(seconds=1)
        return [
            *ticks(city, engine),
            Tick("bow", every, ran.set),
            Tick("greet", every, lambda: engine.send("greet", 7)),
        ]

    monkeypatch.setattr(wiring, "ticks", more)
    monkeypatch.setattr(wiring, "handlers", lambda city: {**handlers(city), "greet": greet})
    with wiring.running(sqlite_parvis):
        assert ran.wait(timeout=30)
        assert told.wait(timeout=30)
    assert set(greeted) == {7}

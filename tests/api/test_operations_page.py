"""The page of whoever keeps Parvis running says what does not work, and what to do."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import delete, update

from api import health
from models import work
from models.channels import Channel
from models.effects import Effect
from models.items import Item
from models.vocabulary import ItemState, OperationKind, Role


@pytest.fixture
def city(parvis, seed_city):
    city = seed_city(parvis)
    with parvis.database.write() as session:
        session.execute(delete(Item))
        session.execute(update(Effect).values(state="done"))
    return city


@pytest.fixture
def read(parvis, city, visit, sign_in_as):
    admin = sign_in_as(parvis, visit(parvis), city.person(Role.ADMIN, "city"))

    def read():
        page = admin.get("/exploitation").text
        told = re.findall(r'watched-(\w+)"><p class="card-line"><strong>([^<]+)', page)
        return page, {name: standing for standing, name in told}

    return read


def test_what_waits_too_long_is_said_with_what_to_do(parvis, city, read, clock):
    with parvis.database.write() as session:
        where = {"account_id": city.accounts["north"], "queued_at": clock.now}
        session.add(Item(**where, comment_id=city.comments["north"], state=ItemState.WAITING, urgency=2))
        session.add(Item(**where, comment_id=city.comments["south"], state=ItemState.RECEIVED))
        work.enqueue(
            session, key="one", operation=OperationKind.HIDE, channel_id=city.accounts["north"], target="1",
            payload={}, due_at=clock.now,
        )  # fmt: skip
    page, found = read()
    assert found["Dangers immédiats"] == "look"
    assert found["Actions sur les réseaux"] == found["Commentaires à analyser"] == "well"
    clock.now += timedelta(minutes=20)
    page, found = read()
    assert {found[name] for name in ("Dangers immédiats", "Actions sur les réseaux", "Commentaires à analyser")} == {
        "act"
    }
    assert "parvis worker" in page
    assert "20 minutes" in page
    with parvis.database.write() as session:
        session.execute(update(Channel).where(Channel.id == city.accounts["north"]).values(token_lost="190"))
    page, found = read()
    assert found["Actions sur les réseaux"] == "well", "what its channel holds back is said of the channel"
    assert found["Réseaux et autres systèmes"] == "act"


def test_a_full_disk_is_said(read, monkeypatch):
    assert read()[1]["Disque"] == "well"
    monkeypatch.setattr("api.web.operations.free_bytes", lambda _: health.DISK_LOW - 1)
    assert read()[1]["Disque"] == "look"
    monkeypatch.setattr("api.web.operations.free_bytes", lambda _: health.DISK_FULL - 1)
    assert read()[1]["Disque"] == "act"

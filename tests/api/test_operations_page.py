"""The page of whoever keeps Parvis running says what does not work, and what to do."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, update

from administration import accounts
from api import disks
from api.watching import watch
from api.web import operations
from models import work
from models.channels import Channel
from models.effects import Effect
from models.hooks import Hook
from models.items import Item
from models.mail import MailServer
from models.vocabulary import ItemState, OperationKind, Role

GOOD, TO_DO, WRONG = "good", "to_do", "wrong"


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
        refused = [link for link in re.findall(r'<a href="([^"]+)">Voir', page) if admin.get(link).status_code != 200]
        assert refused == [], "a link leads somewhere that its reader may see"
        told = re.findall(r'watched-(\w+)"><p class="card-line"><strong>([^<]+)', page)
        return page, {name: standing for standing, name in told}

    return read


def test_a_backlog_says_how_much_is_left_and_how_long_it_takes(parvis, city, clock):
    with parvis.database.read() as session:
        seen = watch(session, now=clock())
    several = replace(seen, unread_oldest=timedelta(hours=1), unread_items=1200, read_in_hour=600)
    (line,) = (one for one in operations.lines(several, parvis.settings) if one.name == "Commentaires à analyser")
    assert line.finding.endswith("Il en reste 1200. Au rythme de la dernière heure, il faut 2 heures.")


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
    assert found["Dangers immédiats"] == TO_DO
    assert found["Actions sur les réseaux"] == found["Commentaires à analyser"] == GOOD
    clock.now += timedelta(minutes=20)
    page, found = read()
    assert {found[name] for name in ("Dangers immédiats", "Actions sur les réseaux", "Commentaires à analyser")} == {
        WRONG
    }
    assert "parvis worker" in page
    assert "20 minutes" in page
    assert "Il en reste 1." in page
    with parvis.database.write() as session:
        session.execute(update(Channel).where(Channel.id == city.accounts["north"]).values(token_lost="190"))
    page, found = read()
    assert found["Actions sur les réseaux"] == GOOD, "what its channel holds back is said of the channel"
    assert found["Réseaux et autres systèmes"] == WRONG


def test_a_full_disk_is_said(read, monkeypatch):
    assert read()[1]["Disque"] == GOOD
    monkeypatch.setattr("api.disks.free_bytes", lambda _: disks.DISK_LOW - 1)
    assert read()[1]["Disque"] == TO_DO
    monkeypatch.setattr("api.disks.free_bytes", lambda _: disks.DISK_FULL - 1)
    assert read()[1]["Disque"] == WRONG


def test_a_far_side_that_nothing_is_owed_to_any_more_is_not_watched(parvis, city, read, clock):
    """A webhook that was removed, a mail server of older settings: nobody calls or mends them any more."""
    long = clock.now - timedelta(days=3)
    with parvis.database.write() as session:
        account = session.get_one(Channel, city.accounts["north"])
        account.failing_since = clock.now - accounts.BEHIND / 2
        server = MailServer(address="old.example:25", token_since=long, failing_since=long)
        hook = {"name": "x", "address": "https://x.example", "secret_closed": "x", "nouns": ["post"], "added_at": long}
        session.add_all([server, Hook(**hook, token_since=long, failing_since=long, removed_at=clock.now)])
        session.flush()
        mail = server.id
    assert read()[1]["Réseaux et autres systèmes"] == GOOD, "and the network has as long as its own page gives it"
    with parvis.database.write() as session:
        letter = {"operation": OperationKind.MAIL, "target": "person:1", "payload": {}, "due_at": clock.now}
        work.enqueue(session, key="letter", channel_id=mail, **letter)
    page, found = read()
    assert found["Réseaux et autres systèmes"] == WRONG
    assert "3 jours" in page

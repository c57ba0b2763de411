"""Whoever administers hears without looking, once, of what stopped and what is about to."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select

from administration import alerts
from administration.copies import MADE, SUBJECT
from models import audit, channels
from models.accounts import Account
from models.notices import Notice
from models.vocabulary import NoticeKind, Role

COPIES = "Aucune sauvegarde des données depuis trop longtemps"
ACCOUNT = "Un compte de la Ville n’est plus lu, ou ne le sera bientôt plus"
DISK = "Un disque de Parvis est presque plein"


@pytest.fixture
def city(parvis, seed_city):
    return seed_city(parvis)


@pytest.fixture
def warn(parvis, clock):
    def warn(**more):
        told = {"roomy": lambda: True, "copied_every": None} | more
        return [one.kind for one in alerts.warn_due(parvis.database, parvis.settings.zone, **told, now=clock())]

    return warn


@pytest.fixture
def page_of(parvis, city, visit, sign_in_as):
    def page_of(role, where):
        return sign_in_as(parvis, visit(parvis), city.person(role, where)).get("/avis").text

    return page_of


def test_of_copies_that_are_too_old(parvis, city, clock, warn, page_of, visit, sign_in_as):
    every = timedelta(hours=24)
    with parvis.database.write() as session:
        audit.note(session, MADE, SUBJECT, now=clock(), person_id=None)
    clock.pass_(hours=48)
    assert warn(copied_every=every) == []
    clock.pass_(hours=1)
    assert warn() == [], "nobody asked for copies"
    for _ in range(2):
        assert warn(copied_every=every) == [NoticeKind.BACKUP_LATE]
    assert page_of(Role.ADMIN, "city").count(COPIES) == 1
    assert COPIES not in page_of(Role.MODERATOR, "city")
    clock.pass_(hours=1)
    admin = sign_in_as(parvis, visit(parvis), city.person(Role.ADMIN, "city"))
    assert "La dernière date de 2 jours." in admin.get("/exploitation").text
    page = admin.get("/mise-en-route").text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert re.search(r"Dernière sauvegarde : 23 novembre 2026, (à )?8 h 30", page)


def test_of_an_account_that_stopped_and_again_when_it_stops_again(parvis, city, clock, warn, page_of):
    north = city.accounts["north"]
    assert warn() == []
    for stops in (1, 2):
        clock.pass_(hours=1)
        with parvis.database.write() as session:
            account = channels.lock(session, Account, north)
            channels.lose_token(session, account, "460", asked_at=clock(), now=clock())
        for _ in range(2):
            assert warn() == [NoticeKind.ACCOUNT_STOPPED]
        page = page_of(Role.ADMIN, "city")
        assert page.count(ACCOUNT) == stops
        assert 'href="/comptes"' in page
        clock.pass_(hours=1)
        with parvis.database.write() as session:
            channels.replace_token(channels.lock(session, Account, north), (), now=clock())
        assert warn() == []
    assert ACCOUNT not in page_of(Role.MODERATOR, "city")


def test_of_a_disk_that_fills_once_a_day(parvis, city, clock, warn, page_of, monkeypatch):
    full = partial(warn, roomy=parvis.city.roomy)
    assert full() == []
    monkeypatch.setattr("api.disks.free_bytes", lambda _: 5)
    assert full() == full() == [NoticeKind.DISK_LOW]
    assert page_of(Role.ADMIN, "city").count(DISK) == 1
    clock.pass_(days=1)
    full()
    with parvis.database.read() as session:
        theirs = Notice.kind == NoticeKind.DISK_LOW, Notice.person_id == city.person(Role.ADMIN, "city")
        told = session.scalars(select(Notice.key).where(*theirs).order_by(Notice.id)).all()
    assert [key.removeprefix("disk:") for key in told] == [f"{clock().date() - timedelta(days=1)}", f"{clock().date()}"]

"""What a newer Parvis says reaches a city where the city has not edited it, and nowhere else."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from importlib.resources import as_file, files
from pathlib import Path

import pytest
from sqlalchemy import func, select

from administration import seeds
from models.netiquette import NetiquetteRule, RuleVersion
from models.requests311 import Service
from models.templates import MessageTemplate

START = datetime(2026, 11, 2, 14, tzinfo=UTC)
LATER = START + timedelta(days=90)


@pytest.fixture
def newer(tmp_path) -> Path:
    """Seeds of which the first article, template and service say something else, and that have one service more."""
    with as_file(files("administration.seeds")) as folder:
        shutil.copytree(folder, tmp_path / "seeds")
    for name, was, now in (
        ("netiquette.toml", 'title = "', 'title = "Nouveau : '),
        ("templates.toml", 'fr = "', 'fr = "Nouveau : '),
        (
            "services.csv",
            "\ndeneigement-rue,",
            "\nfontaine,Fontaine à boire,Drinking fountain,parcs,5,no,no,Parcs,\ndeneigement-rue,Nouveau : ",
        ),
    ):
        path = tmp_path / "seeds" / name
        path.write_text(path.read_text("utf-8").replace(was, now, 1), "utf-8")
    return tmp_path / "seeds"


@pytest.fixture
def city(database):
    with database.write() as session:
        seeds.plant(session, now=START)
    return database


def plant(database, folder, now=LATER):
    with database.write() as session:
        seeds.plant(session, now=now, folder=folder)


def article(session) -> list[RuleVersion]:
    of_first = select(func.min(NetiquetteRule.id)).scalar_subquery()
    return session.scalars(select(RuleVersion).filter_by(rule_id=of_first).order_by(RuleVersion.number)).all()


def template(session) -> list[MessageTemplate]:
    wanted = select(MessageTemplate).filter_by(code="request_opened", language="fr")
    return session.scalars(wanted.order_by(MessageTemplate.version)).all()


def test_a_newer_seed_is_a_new_version_of_what_the_city_left_as_it_was(city, newer):
    for _ in range(2):
        plant(city, newer)
    with city.read() as session:
        old, new = article(session)
        assert (old.in_force_until, new.in_force_from, new.in_force_until) == (LATER, LATER, None)
        assert new.title == "Nouveau : " + old.title
        assert [row.body.startswith("Nouveau") for row in template(session)] == [False, True]
        service = session.get_one(Service, "deneigement-rue")
        assert (service.name, service.days) == ("Nouveau : Déneigement d’une rue", 2)
        assert session.get_one(Service, "fontaine").active
        assert session.scalar(select(func.count()).select_from(RuleVersion)) == 1 + session.scalar(
            select(func.count()).select_from(NetiquetteRule)
        )


def test_what_the_city_edited_stays(city, newer):
    with city.write() as session:
        article(session)[0].in_force_until = START
        session.add(MessageTemplate(code="request_opened", language="fr", version=2, body="Le nôtre", created_at=START))
        session.get_one(Service, "deneigement-rue").days = 9
        session.delete(session.get_one(Service, "autre"))
    plant(city, newer)
    with city.read() as session:
        assert len(article(session)) == 1
        assert template(session)[-1].body == "Le nôtre"
        service = session.get_one(Service, "deneigement-rue")
        assert (service.name, service.days) == ("Déneigement d’une rue", 9)
        assert session.get(Service, "autre") is None


def test_a_city_with_services_of_its_own_gets_none(database, newer):
    with database.write() as session:
        session.add(Service(code="deneigement-rue", name="Neige", group="deneigement", days=1))
    plant(database, newer)
    with database.read() as session:
        assert [service.name for service in session.scalars(select(Service))] == ["Neige"]
        assert len(article(session)) == 1

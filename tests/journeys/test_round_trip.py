"""Two installations: one hands its requests over to the Open311 server of the other, and hears of them."""

from __future__ import annotations

import shutil
import threading
import time
from datetime import UTC, datetime

import pytest
import uvicorn
from sqlalchemy import select

from administration import keys, seeds
from api.app import create_app
from api.settings import load
from api.wiring import build
from models.comments import Comment
from models.desks import Handover
from models.items import DraftReply, Item
from models.requests311 import ServiceRequest
from models.vocabulary import HandoverState, RequestStatus, Role
from moderation.requests import escalation, handling, handover
from moderation.triage import deciding
from scheduler.jobs import handlers, ticks
from tests.city import City, Clock


@pytest.fixture
def clock():
    return Clock(datetime(2026, 11, 30, 13, 30, tzinfo=UTC))


@pytest.fixture
def far(tmp_path, _migrated_sqlite, clock):
    """The second installation, served on loopback; its key."""
    home = tmp_path / "far"
    home.mkdir()
    shutil.copy(_migrated_sqlite, home / "parvis.db")
    settings = load(
        _env_file=None,
        home=home,
        database_url=f"sqlite:///{home / 'parvis.db'}",
        engine="off",
        secret_key="far-away-" * 5,
        request_prefix="FAR",
    )
    parvis = build(settings, clock=clock)
    city = City(database=parvis.database, clock=clock)
    with city.write() as session:
        seeds.plant(session, now=clock())
        key = keys.add_key(session, "near", ["open311"], now=clock())
    city.hire("Fabien", Role.AGENT311)
    config = uvicorn.Config(create_app(parvis), host="127.0.0.1", port=0, log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield city, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/open311/v2", key
    server.should_exit = True
    thread.join()
    parvis.close()


@pytest.fixture(params=["xml", "json"])
def near(request, tmp_path, database_url, clock, far):
    _, url, key = far
    settings = load(
        _env_file=None,
        home=tmp_path / "near",
        database_url=database_url,
        engine="off",
        secret_key="near-by-" * 5,
        request_prefix="NEA",
        open311_url=url,
        open311_api_key=key,
        open311_form=request.param,
    )
    parvis = build(settings, clock=clock)
    city = City(database=parvis.database, clock=clock)
    with city.write() as session:
        seeds.plant(session, now=clock())
        city.add_account("ville")
    city.hire("Nadia", Role.MODERATOR)
    yield city, parvis
    parvis.close()


class Here:
    """An engine that does at once what it is given."""

    def __init__(self, carried):
        self._carried = carried

    def send(self, handler, row_id):
        self._carried[handler](row_id)


def tick(parvis, *names):
    looks = {one.name: one.look for one in ticks(parvis.city, Here(handlers(parvis.city)))}
    for name in names:
        looks[name]()


def test_there_and_back(near, far, clock):
    city, parvis = near
    there, _, _ = far
    tick(parvis, "hand_over", "follow")
    with city.write() as session:
        text = "Ça coule sur la chaussée « depuis hier » & ça gèle <vite> 🚰"
        comment = Comment(
            account_id=city.accounts["ville"], external_id="1", text=text, created_at=clock(), received_at=clock()
        )
        session.add(comment)
        session.flush()
        session.add(Item(comment_id=comment.id, account_id=comment.account_id, state="waiting", queued_at=clock()))
    with city.database.write() as session:
        choice = deciding.Choice("request", 1, service_code="bris-aqueduc", place="rue Wolfe")
        deciding.decide(session, city.people["Nadia"], comment.id, choice, parvis.terms, now=clock())
    with city.write() as session:
        agent, zone = city.hire("Karim", Role.AGENT311), parvis.settings.zone
        session.flush()
    with city.database.write() as session:
        said = {"batiment": ["oui"]}
        handling.correct(
            session, agent, "NEA-2026-000001", "bris-aqueduc", "rue Wolfe", said, version=1, now=clock(), zone=zone
        )
    clock.pass_(seconds=20)
    tick(parvis, "hand_over", "deliver")
    with there.database.read() as session:
        (theirs,) = session.scalars(select(ServiceRequest)).all()
    asked = "L’eau entre-t-elle dans un bâtiment? Oui"
    assert theirs.description == f"{text}\n{asked}\n\n[Réf. NEA-2026-000001]"
    assert theirs.attributes == {"batiment": "oui"}
    assert (theirs.place, theirs.service_code) == ("rue Wolfe", "bris-aqueduc")
    with city.database.read() as session:
        ours = session.scalars(select(ServiceRequest)).one()
        assert ours.public_number == theirs.number == "FAR-2026-000001"
        assert handover.of_requests(session, [ours.id])[ours.id].state == HandoverState.CONFIRMED
    for version, (status, note) in enumerate([("in_progress", ""), ("refused", "C’est une rue provinciale.")], start=1):
        clock.pass_(minutes=11)
        with there.database.write() as session:
            escalation.progress(
                session,
                there.people["Fabien"],
                theirs.number,
                RequestStatus(status),
                note,
                version=version,
                now=clock(),
            )
        clock.pass_(minutes=11)
        tick(parvis, "follow")
        with city.database.read() as session:
            assert session.scalars(select(ServiceRequest.status)).one() == status
    with city.database.read() as session:
        draft = session.scalars(select(DraftReply.text)).one()
        way = session.scalars(select(Handover)).one()
    assert way.looked_at == clock()
    assert "FAR-2026-000001" in draft
    assert "C’est une rue provinciale." in draft
    # What was lost on the way is found by its mark, and by nothing else.
    desk = parvis.desk_of(way.desk_id)
    sent = handover.Submission("NEA-2026-000001", "bris-aqueduc")
    assert desk.find(sent, ours.opened_at, ()).remote_id == "number:FAR-2026-000001"
    assert desk.find(handover.Submission("NEA-2026-000002", "bris-aqueduc"), ours.opened_at, ()) is None

"""A small city behind the door: two boroughs, accounts in each, one person for each role in each kind of place."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from pathlib import Path

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from administration import people, seeds, sign_in
from api import cli
from api.app import create_app
from api.settings import load
from api.wiring import Parvis, build
from models.campaigns import Campaign
from models.comments import Attachment, Comment
from models.completions import Completion
from models.conversations import Conversation, Message
from models.decisions import Batch, Decision, Proposal
from models.dossiers import Dossier, Occurrence, OccurrenceTask
from models.holds import Hold
from models.incidents import Incident
from models.items import Item
from models.media import Film, FilmPart, Media
from models.netiquette import RuleVersion
from models.notes import Note
from models.people import Membership, Person
from models.posts import Post, Variant
from models.requests311 import Service, ServiceRequest
from models.vocabulary import CommentKind, DecisionKind, Group311, ItemState, NoteKind, OutsideTask, PostState, Role
from tests.city import City, Clock

SAME_ORIGIN = {"sec-fetch-site": "same-origin"}


@dataclass(kw_only=True)
class SmallCity(City):
    """Ids of what was seeded. Keys: "north", "south" (boroughs), and "city" for what belongs to the whole city."""

    comments: dict[str, int] = field(default_factory=dict)
    items: dict[str, int] = field(default_factory=dict)
    decisions: dict[str, int] = field(default_factory=dict)
    proposals: dict[str, int] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)
    batches: dict[str, int] = field(default_factory=dict)
    requests: dict[str, str] = field(default_factory=dict)
    """Numbers."""
    completions: dict[str, int] = field(default_factory=dict)
    posts: dict[str, int] = field(default_factory=dict)
    media: dict[str, int] = field(default_factory=dict)
    films: dict[str, int] = field(default_factory=dict)
    campaigns: dict[str, int] = field(default_factory=dict)
    holds: dict[str, int] = field(default_factory=dict)
    incidents: dict[str, int] = field(default_factory=dict)
    dossiers: dict[str, int] = field(default_factory=dict)
    conversations: dict[str, int] = field(default_factory=dict)
    occurrences: dict[str, int] = field(default_factory=dict)

    def person(self, role: Role, place: str) -> int:
        """Who has this role in a place: "city", "north" (the borough), "north account"."""
        return self.people[f"{role} {place}"].person_id or 0


@dataclass(frozen=True)
class Ran:
    """What a command left."""

    code: int
    out: str
    err: str


@dataclass
class CommandLine:
    """`parvis` in a folder and a home of its own, in this process: `run("user", "add", …, stdin=…)`."""

    home: Path
    settings: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]

    @property
    def url(self) -> str:
        return f"sqlite:///{self.home / 'parvis.db'}"

    def set(self, **values: str) -> None:
        for name, value in values.items():
            self.settings.setenv(f"PARVIS_{name.upper()}", value)

    def run(self, *arguments: object, stdin: bytes = b"") -> Ran:
        self.settings.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        self.capture.readouterr()
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code
        out, err = self.capture.readouterr()
        return Ran(int(code or 0), out, err)


@pytest.fixture
def employ():
    """Adds somebody who has come, with roles in the whole city; gives their number."""

    def employ(parvis: Parvis, name: str, password: str, *roles: Role) -> int:
        hashed, now = people.hash_password(password), parvis.clock()
        with parvis.database.write() as session:
            scoped = [(role, people.CITY) for role in roles]
            person = people.invite(session, f"{name}@ville.example", name, scoped, by=None, now=now)
            people.set_password(session, person, hashed, by=None, now=now)
            return person.id

    return employ


@pytest.fixture
def bare_parvis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """The command line where nothing is yet: no database."""
    for name in [name for name in os.environ if name.startswith("PARVIS_")]:
        monkeypatch.delenv(name)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    line = CommandLine(tmp_path / "home", monkeypatch, capsys)
    line.set(home=str(line.home), secret_key="k" * 40)
    return line


@pytest.fixture
def command(bare_parvis: CommandLine, _migrated_sqlite: Path) -> CommandLine:
    """The command line of an installation whose database is up to date."""
    bare_parvis.home.mkdir(mode=0o700)
    shutil.copy(_migrated_sqlite, bare_parvis.home / "parvis.db")
    return bare_parvis


@pytest.fixture
def clock() -> Clock:
    """It is 8:30 on a Monday in Québec."""
    return Clock(datetime(2026, 11, 23, 13, 30, tzinfo=UTC))


@pytest.fixture
def open_parvis(tmp_path: Path, clock: Clock) -> Iterator[Callable[..., Parvis]]:
    """Builds an installation over a database; settings may be given."""
    opened: list[Parvis] = []

    def open_one(url: str, **given: object) -> Parvis:
        values = {"home": tmp_path, "database_url": url, "secret_key": "k" * 40, "engine": "off", **given}
        opened.append(build(load(_env_file=None, **values), clock=clock))
        return opened[-1]

    yield open_one
    for parvis in opened:
        parvis.close()


@pytest.fixture
def parvis(database_url: str, open_parvis: Callable[..., Parvis]) -> Parvis:
    """An installation without a row, on each database."""
    return open_parvis(database_url)


@pytest.fixture
def sqlite_parvis(_migrated_sqlite: Path, tmp_path: Path, open_parvis: Callable[..., Parvis]) -> Parvis:
    """The same on SQLite alone, for what does not depend on the database."""
    return open_parvis(f"sqlite:///{shutil.copy(_migrated_sqlite, tmp_path / 'parvis.db')}")


@pytest.fixture
def visit() -> Callable[..., TestClient]:
    """A browser at the door of an installation: it says where its requests come from, and follows nothing by itself."""

    def open_door(parvis: Parvis, **headers: str) -> TestClient:
        return TestClient(
            create_app(parvis),
            base_url=parvis.settings.base_url,
            follow_redirects=False,
            raise_server_exceptions=False,
            headers={**SAME_ORIGIN, **headers},
        )

    return open_door


@pytest.fixture
def sign_in_as() -> Callable[[Parvis, TestClient, int], TestClient]:
    """Gives a browser the session of a person, without the time that a password takes."""

    def enter(parvis: Parvis, client: TestClient, person_id: int) -> TestClient:
        with parvis.database.write() as session:
            person = session.get_one(Person, person_id)
            token = sign_in.welcome(session, parvis.vault, person, now=parvis.clock()).token
        client.cookies.set("parvis", token or "")
        return client

    return enter


@pytest.fixture
def seed_city() -> Callable[[Parvis], SmallCity]:
    """The small city, in the database of an installation."""
    return _seed


def _seed(parvis: Parvis) -> SmallCity:
    city, now = SmallCity(database=parvis.database, clock=Clock(parvis.clock())), parvis.clock()
    with city.write() as session:
        session.add(Service(code="roads", name="Chaussée", group=Group311.ROADS, days=5))
        seeds.plant(session, now=now)
        author = city.hire("Seed").person_id
        rule = session.scalars(select(RuleVersion.id)).first()
        places = {name: city.add_borough(name) for name in ("north", "south")} | {"city": None}
        for number, (name, borough_id) in enumerate(places.items(), start=1):
            city.accounts[name] = city.add_account(f"Page {name}", external_id=str(number), borough_id=borough_id)
            scope = {"account_id": city.accounts[name], "borough_id": borough_id}
            comment = Comment(
                **scope,
                external_id=f"c{number}",
                text="Bonjour",
                created_at=now,
                received_at=now,
            )
            request = ServiceRequest(
                **scope,
                number=f"PAR-2026-{number:06}",
                service_code="roads",
                opened_by_id=author,
                opened_at=now,
                due_at=now,
            )
            post = Post(title=f"Post {name}", state=PostState.DRAFT, author_id=author, created_at=now)
            session.add_all([comment, request, post])
            session.flush()
            item = Item(**scope, comment_id=comment.id, state=ItemState.WAITING, queued_at=now)
            kind = DecisionKind.NOTHING
            batch = Batch(kind=kind, person_id=author, at=now, form_key=f"batch-of-{name}")
            session.add(batch)
            session.flush()
            city.batches[name] = batch.id
            decision = Decision(
                batch_id=batch.id, comment_id=comment.id, comment_version=1, kind=kind, person_id=author, at=now
            )
            # By the id of its comment, so that one place of an address fills both.
            photo = Attachment(id=comment.id, comment_id=comment.id, position=0, kind="photo", seen_at=now)
            photo.picture = b"jpeg"
            variant = Variant(post_id=post.id, account_id=city.accounts[name], text="Bonjour")
            picture = Media(
                **scope, name=name, sha256="0" * 64, content=b"jpeg", small=b"jpeg", width=1, height=1, size=4
            )
            picture.search_text, picture.added_by_id, picture.created_at = name, author, now
            film = Film(created_at=now)
            session.add_all([variant, item, decision, photo, picture, film])
            session.flush()
            city.media[name] = picture.id
            shown = {"content": b"jpeg", "small": b"jpeg", "width": 1, "height": 1, "size": 4, "milliseconds": 4000}
            moving = Media(**scope, name=name, sha256="1" * 64, **shown, film_id=film.id, captions="WEBVTT")
            moving.search_text, moving.added_by_id, moving.created_at = name, author, now
            session.add_all([moving, FilmPart(film_id=film.id, position=0, content=b"film")])
            session.flush()
            city.films[name] = moving.id
            form = Completion(
                request_id=request.id, comment_id=comment.id, print=name, person_id=author, made_at=now, expires_at=now
            )
            form.picture, form.used_at = b"jpeg", now
            session.add(form)
            session.flush()
            city.completions[name] = form.id
            campaign = Campaign(**scope, name=name, begins_on=now.date(), ends_on=now.date())
            campaign.created_by_id, campaign.created_at = author, now
            session.add(campaign)
            dossier = Dossier(**scope, name=name, owner_id=author, starts_on=now.date(), hour=time(9), lead_days=7)
            dossier.created_by_id, dossier.created_at = author, now
            session.add(dossier)
            session.flush()
            occurrence = Occurrence(dossier_id=dossier.id, day=now.date(), made_at=now)
            session.add(occurrence)
            session.flush()
            session.add(OccurrenceTask(occurrence_id=occurrence.id, kind=OutsideTask.POSTER))
            city.dossiers[name], city.occurrences[name] = dossier.id, occurrence.id
            private = Comment(**scope, external_id=f"t{number}", kind=CommentKind.MESSAGE, text="Bonjour")
            private.created_at = private.received_at = now
            session.add(private)
            session.flush()
            session.add(Conversation(comment_id=private.id, written_at=now))
            session.add(Message(comment_id=private.id, external_id="m", text="Bonjour", said_at=now, received_at=now))
            city.conversations[name] = private.id
            hold = Hold(**scope, reason="Deuil", began_at=now, began_by_id=author, ended_at=now)
            session.add(hold)
            session.flush()
            event = Incident(**scope, group_311=Group311.ROADS, first_at=now, last_at=now)
            session.add(event)
            session.flush()
            city.incidents[name] = event.id
            city.holds[name], city.campaigns[name] = hold.id, campaign.id
            city.comments[name], city.posts[name] = comment.id, post.id
            city.requests[name], city.decisions[name], city.items[name] = request.number, decision.id, item.id
            asked = {"kind": DecisionKind.HIDE, "comment_version": 1, "rule_version_id": rule, "at": now}
            proposal = Proposal(comment_id=comment.id, person_id=author, **asked)
            session.add(proposal)
            session.flush()
            city.proposals[name] = proposal.id
            note = Note(comment_id=comment.id, kind=NoteKind.ASSIGN, person_id=author, at=now)
            session.add(note)
            session.flush()
            city.notes[name] = note.id
        everywhere = {
            "city": {},
            "north": {"borough_id": city.boroughs["north"]},
            "north account": {"account_id": city.accounts["north"]},
        }
        for role in Role:
            for place, scope in everywhere.items():
                # Written as it is kept: an administrator of one borough cannot be made, and would be refused.
                city.hire(f"{role} {place}", Membership(role=role, **scope))
    return city

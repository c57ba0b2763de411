"""Everything is killed at once, and a cable is pulled: pages, workers and the database, while citizens write by the
hundred and posts leave by the dozen. Each comment is there once, each post left once, and nothing is stuck.

The processes are `parvis serve` and `parvis worker`, in a hurry (`hasty.py`); the pretend networks fail now and then
as in `test_crash.py`, and send each body of their webhooks until it is answered 200, some twice.

`make soak` runs 5,000 posts and 50,000 webhooks through 200 kills of workers, 100 of pages, 50 of the database and 100
pauses (`PARVIS_STORM`, a JSON object; `PARVIS_STORM_SEED`), pulls a cable twenty times (`PARVIS_STORM_CABLES`), and
keeps the figures that are written to `PARVIS_STORM_FIGURES`.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from connectors.standin.registry import HOOKS, route_of
from connectors.standin.registry import settings as standin_settings
from connectors.standin.server import create_standin, run_in_thread
from connectors.standin.state import Fault, Standin
from connectors.standin.wire import Told
from models import audit, messages, migrations, soundness
from models.accounts import Account, Delivery
from models.comments import Comment, CommentVersion
from models.effects import OPEN_STATES, Effect
from models.items import Item
from models.people import Person
from models.posts import Post
from models.secrets import Vault
from models.session import Database
from models.vocabulary import DeliveryState, EffectState, ItemState, PostState
from tests.journeys.test_crash import FAULTS, Crash, Worker
from tests.postgres import Postgres, own_postgres


@dataclass(frozen=True)
class Wanted:
    """How much work there is, and what happens meanwhile."""

    posts: int = 60
    events: int = 300
    workers: int = 4
    pages: int = 3
    databases: int = 2
    pauses: int = 2


WANTED = Wanted(**json.loads(os.environ.get("PARVIS_STORM", "{}")))
SEED = int(os.environ.get("PARVIS_STORM_SEED", "311"))
FIGURES = os.environ.get("PARVIS_STORM_FIGURES")
CABLES = int(os.environ.get("PARVIS_STORM_CABLES", "2"))
PROGRAM = Path(__file__).with_name("hasty.py")
SECRET = "a long secret of the tests that has no comma"
SENDERS = 4
HURRY = {
    "secret_key": SECRET,
    "undo_seconds": 0,
    "settle_seconds": "1",
    "reads": "2",
    "patience_seconds": "3",
    "pull_seconds": 3_600,
    "look_at_links": "off",
}


# ------------------------------------------------------------------------------------------ the city
@dataclass
class Storm(Crash):
    """The city of `test_crash.py`, with its pages, webhooks and all that happens by itself, in processes that ship."""

    server: Postgres | None = None
    serving: list[Worker] = field(default_factory=list)
    given: dict[str, str] = field(default_factory=dict)
    waiting: list[tuple[str, bytes]] = field(default_factory=list)
    """Bodies that nobody has answered yet."""
    said: list[Told] = field(default_factory=list)
    tries: int = 0
    ports: list[int] = field(default_factory=list)
    restarts: int = 0
    killed: Counter[str] = field(default_factory=Counter)

    def found(self) -> None:
        """Three accounts, which real processes can open the tokens of."""
        now = datetime.now(UTC)
        with self.database.write() as session:
            person = Person(email="com@ville.example", name="Camille", created_at=now)
            session.add(person)
            for number in (101, 102, 103):
                token = f"token-{number}-that-must-never-be-seen"
                about = {"network": "facebook", "external_id": str(number), "name": f"Ville {number}"}
                closed = session.info["vault"].close(token)
                # Read tomorrow: a comment that a webhook lost would come back by that, and nobody would see it.
                due = now + timedelta(days=1)
                account = Account(**about, token_closed=closed, token_since=now, pull_due_at=due, created_at=now)
                session.add(account)
                session.flush()
                self.pages[account.id] = self.standin.page(str(number), f"Ville {number}", token)
            session.flush()
            self.author_id = person.id
        self.standin.heard = self._hear
        self.ports = [_free_port(), _free_port()]
        self.threads = {page.id: self.standin.post(page, "Travaux") for page in self.pages.values()}

    def _hear(self, account: str, value: dict[str, Any], name: str = "feed", topic: str = "page") -> None:
        told = Told(topic, account, name, value)
        self.said.append(told)
        body = HOOKS[route_of(topic)].body_of([told], self.standin.now())
        # Networks tell some things twice.
        self.waiting += [(route_of(topic), body)] * (2 if self.chance.random() < 0.05 else 1)

    def write_comments(self, number: int) -> None:
        for _ in range(number):
            page = self.chance.choice(list(self.pages.values()))
            with self.standin.lock:
                citizen = self.standin.citizen(f"Citoyenne {self.chance.randrange(10**6)}")
                self.standin.comment(self.threads[page.id], citizen, f"Ma rue, {self.chance.randrange(10**6)}e demande")

    def owe_posts(self, number: int) -> None:
        patiently(lambda: self._owe_posts(number))

    def _owe_posts(self, number: int) -> None:
        now = datetime.now(UTC)
        with self.database.write() as session:
            for _ in range(number):
                account_id = self.chance.choice(sorted(self.pages))
                text = f"Avis {self.chance.choice('ABC')} du conseil, séance {self.chance.randrange(10**4)}."
                self._post(session, now, account_id, text, pictured=False)

    def send(self, over: threading.Event) -> None:
        """A network posts what waits, to whichever page answers, and again until it is told 200."""
        with requests.Session() as session:
            while not over.is_set():
                try:
                    route, body = self.waiting.pop(0)
                except IndexError:
                    time.sleep(0.02)
                    continue
                port = self.ports[self.tries % len(self.ports)]
                self.tries += 1
                headers = HOOKS[route].headers(self.standin, body)
                try:
                    url = f"http://127.0.0.1:{port}/webhooks/{route}"
                    status = session.post(url, data=body, headers=headers, timeout=15).status_code
                except requests.RequestException:
                    status = 0
                if status != 200:
                    self.waiting.append((route, body))
                    time.sleep(0.05)

    # ------------------------------------------------------------------------------------- its processes
    def run(self, name: str, given: dict[str, Any], *command: str) -> Worker:
        self.started += 1
        home = self.home if self.database.sqlite else self.home / f"machine-{self.started}"
        home.mkdir(exist_ok=True)
        plain = {one: value for one, value in os.environ.items() if not one.startswith("PARVIS_")}
        told = {"home": home, "database_url": self.database.url, **HURRY, **self.given, **given}
        environment = plain | {f"PARVIS_{one.upper()}": str(value) for one, value in told.items()}
        with self.log(f"{name}-{self.started}").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, str(PROGRAM), *command],
                stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=home, env=environment,
            )  # fmt: skip
        return Worker(f"{socket.gethostname()}:{process.pid}"[:60], process)

    def start(self) -> None:
        engine = "distributed" if self.distributed else "embedded"
        self.workers.append(self.run("worker", {"engine": engine}, "worker"))

    def serve(self) -> None:
        port = next(one for one in self.ports if all(one != page.port for page in self.serving))
        page = self.run("serve", {"engine": "off" if self.distributed else "embedded"}, "serve", "--port", str(port))
        page.port = port
        self.serving.append(page)

    def complete(self) -> None:
        """All that were killed have somebody in their place, and nobody died by themselves."""
        assert [one.owner for one in [*self.workers, *self.serving] if one.process.poll() is not None] == []
        while len(self.workers) < (3 if self.distributed else 1):
            self.start()
        while len(self.serving) < len(self.ports):
            self.serve()

    def up(self, page: Worker) -> bool:
        with suppress(requests.RequestException):
            return requests.get(f"http://127.0.0.1:{page.port}/healthz", timeout=2).status_code == 200
        return False

    def end(self) -> None:
        self.workers += self.serving
        super().end()

    # ------------------------------------------------------------------------------------- what happens to them
    def storm_of(self, wanted: Wanted) -> None:
        databases = 0 if self.server is None else wanted.databases
        kinds = {"worker": wanted.workers, "page": wanted.pages, "database": databases, "pause": wanted.pauses}
        acts = [kind for kind, times in kinds.items() for _ in range(times)]
        self.chance.shuffle(acts)
        left = {"events": wanted.events, "posts": wanted.posts}
        for number, act in enumerate(acts):
            self.complete()
            for what, feed in (("events", self.write_comments), ("posts", self.owe_posts)):
                part = left[what] // (len(acts) - number)
                left[what] -= part
                feed(part)
            until(lambda: any(map(self.up, self.serving)), "some page answers", 120)
            time.sleep(self.chance.uniform(0.0, 0.4))
            self.befalls(act)

    def befalls(self, act: str) -> None:
        if act == "database":
            self.server.crash_and_start()
            self.restarts += 1
            return
        among = [one for one in (self.serving if act == "page" else self.workers) if one.awake]
        if act == "pause":
            among = [one for one in [*self.workers, *self.serving] if one.awake]
        if not among:
            return
        if act == "worker":
            # Where it can be had, one that has a call in hand.
            with suppress(TimeoutError):
                until(lambda: patiently(lambda: any(self.in_flight(one.owner) for one in among)), "a call", 3)
            among = [one for one in among if patiently(lambda by=one.owner: self.in_flight(by))] or among
        one = self.chance.choice(among)
        if act == "pause":
            self.stop(one)
            return
        one.process.send_signal(signal.SIGKILL)
        one.process.wait()
        one.process.stdin.close()  # Its pipe is ours.
        (self.serving if act == "page" else self.workers).remove(one)
        self.killed[act] += 1
        if act == "worker":
            self.kills_in_flight += patiently(lambda: self.in_flight(one.owner)) > 0

    def left(self) -> dict[str, int]:
        """What somebody still has to do."""
        counted = {
            "effects": select(func.count()).where(Effect.state.in_(OPEN_STATES)),
            "deliveries": select(func.count()).where(Delivery.state == DeliveryState.RECEIVED),
            "items": select(func.count()).where(Item.state == ItemState.RECEIVED),
        }
        with self.database.read() as session:
            return {name: session.scalar(one) or 0 for name, one in counted.items()}

    def calm_down(self, seconds: float) -> None:
        """Nothing is killed any more; the networks' faults go on."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            self.complete()
            self.let_in_again()
            if not self.waiting and not any(patiently(self.left).values()):
                return
            time.sleep(0.2)

    def let_in_again(self) -> None:
        patiently(self.let_in)


def patiently(ask: Callable[[], Any]) -> Any:
    """Ask a database that may be starting again."""
    for _ in range(300):
        try:
            return ask()
        except SQLAlchemyError:
            time.sleep(0.1)
    return ask()


def until(true: Callable[[], object], what: str, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while not true():
        if time.monotonic() > ends:
            raise TimeoutError(what)
        time.sleep(0.02)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def check(storm: Storm, figures: dict[str, Any]) -> None:
    """Compare what the networks have and told with what the city has, and keep the figures."""
    while storm.standin.later:  # What was accepted last may be seen a little late.
        time.sleep(0.05)
        storm.standin.settle()
    with storm.database.read() as session:
        effects = session.scalars(select(Effect)).all()
        comments = Counter(session.scalars(select(Comment.external_id).where(~Comment.by_city)))
        items = session.scalar(select(func.count()).select_from(Item).join(Comment).where(~Comment.by_city))
        versions = session.scalar(
            select(func.count()).select_from(CommentVersion).join(Comment).where(~Comment.by_city)
        )
        posts = Counter(session.scalars(select(Post.state)))
        broken, journal = soundness.broken(session), audit.verify(session)
    by_citizens = {
        one.value["comment_id"] for one in storm.said
        if one.value["item"] == "comment" and one.value["from"]["id"] not in storm.threads
    }  # fmt: skip
    page_of = {account_id: page.id for account_id, page in storm.pages.items()}
    owed = Counter((page_of[effect.channel_id], effect.payload["text"]) for effect in effects)
    out = Counter((line.page, line.text) for line in storm.standin.journal if line.operation == "publish")
    figures |= {
        "seed": SEED,
        "comments": len(by_citizens),
        "tries": storm.tries,
        "posts": len(effects),
        "sent_more_than_once": sum(effect.attempt > 1 for effect in effects),
        "doubled": (out - owed).total() + sum(comments.values()) - len(comments) + abs((items or 0) - len(comments)),
        "lost": (owed - out).total() + len(by_citizens - comments.keys()) + len(storm.waiting),
        "stuck": sum(storm.left().values()),
    }
    print(json.dumps(figures))
    if FIGURES:
        with Path(FIGURES).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(figures) + "\n")
    assert [figures[name] for name in ("doubled", "lost", "stuck")] == [0, 0, 0], (figures, storm.left())
    assert comments.keys() == by_citizens
    assert versions == len(comments)
    assert {effect.state for effect in effects} == {EffectState.DONE}
    assert posts == {PostState.PUBLISHED: len(effects)}
    bound = {effect.remote_id for effect in effects}
    assert bound == {line.id for line in storm.standin.journal if line.operation == "publish"}
    assert broken == {}
    assert journal.broken_at is None


# ------------------------------------------------------------------------------------------ where it stands
@pytest.fixture
def networks() -> Iterator[tuple[Standin, str]]:
    standin = Standin(seed=SEED)
    base_url, stop = run_in_thread(create_standin(standin))
    yield standin, base_url
    stop()


@pytest.fixture
def made(networks, tmp_path, watched) -> Iterator[Callable[..., Storm]]:
    """Makes a city on a database, which is closed at the end."""
    standin, base_url = networks
    storms: list[Storm] = []
    with watched(tmp_path) as log:

        def make(url: str, **more: Any) -> Storm:
            database = Database(url, Vault([SECRET]), pool_size=8)
            storm = Storm(database, standin, base_url, tmp_path, log, random.Random(SEED), **more)
            storms.append(storm)
            storm.given = {**standin_settings(standin, base_url)}
            storm.found()
            return storm

        yield make
        for storm in storms:
            storm.end()
            storm.database.close()


@pytest.fixture
def server(postgres_server) -> Iterator[Postgres]:
    with own_postgres("fsync = off", "max_connections = 200") as server:
        server.does("CREATE DATABASE city")
        migrations.upgrade(server.url("city"))
        yield server


def weather(storm: Storm, kind: str) -> None:
    began = time.monotonic()
    storm.standin.faults += FAULTS
    over = threading.Event()
    senders = [threading.Thread(target=storm.send, args=(over,), daemon=True) for _ in range(SENDERS)]
    for one in senders:
        one.start()
    try:
        storm.storm_of(WANTED)
        storm.calm_down(60 + (WANTED.posts + WANTED.events) / 20)
    finally:
        over.set()
        for one in senders:
            one.join(20)
    figures = {
        "database": kind,
        "workers_killed": storm.killed["worker"],
        "in_flight": storm.kills_in_flight,
        "pages_killed": storm.killed["page"],
        "restarts": storm.restarts,
        "pauses": storm.stops,
    }
    check(storm, figures | {"seconds": round(time.monotonic() - began, 1)})


@pytest.mark.long
@pytest.mark.postgres
def test_whatever_is_killed_each_comment_is_there_once_and_each_post_left_once(made, server):
    storm = made(server.url("city"), distributed=True, server=server)
    weather(storm, "postgresql")
    for _ in range(300):
        with storm.database.read() as session:
            if not (held := messages.held(session)):
                break
        time.sleep(0.1)
    assert held == {}


@pytest.mark.long
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_so_it_is_where_all_is_in_one_place(made, database_url):
    weather(made(database_url), "sqlite")


# ------------------------------------------------------------------------------------------ two machines
class Cable:
    """TCP to somewhere else, through a cable. While it is out, what is sent goes nowhere and nobody is told; the far
    side finds out by itself after `noticed` seconds, as a server that asks whether somebody is still there.
    """

    def __init__(self, connect: Callable[[], socket.socket], noticed: float = 2.0) -> None:
        self._connect, self._noticed = connect, noticed
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._out, self._lock = threading.Event(), threading.Lock()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._cut: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def pull(self) -> None:
        self._out.set()
        with self._lock:
            pairs, self._pairs = self._pairs, []
            self._cut += [near for near, _ in pairs]
        threading.Timer(self._noticed, lambda: [_shut(far) for _, far in pairs]).start()

    def plug(self) -> None:
        """Whoever goes on with an old connection is told that nobody knows it any more."""
        self._out.clear()
        with self._lock:
            cut, self._cut = self._cut, []
        for near in cut:
            _shut(near)

    def close(self) -> None:
        _shut(self._listening)
        self.pull()
        self.plug()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                if self._out.is_set():
                    with self._lock:
                        self._cut.append(near)
                    continue
                far = self._connect()
                with self._lock:
                    self._pairs.append((near, far))
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(one, other, near), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket, near: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65_536):
                if near in self._cut:
                    return
                other.sendall(data)
        if near not in self._cut:
            _shut(other)


def _shut(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@pytest.mark.long
@pytest.mark.postgres
@pytest.mark.parametrize("times", [pytest.param(CABLES, id="many")])
def test_a_machine_whose_cable_is_pulled_loses_nothing_and_the_other_goes_on(made, server, networks, times):
    standin, base_url = networks

    def to_database() -> socket.socket:
        far = socket.socket(socket.AF_UNIX)
        far.connect(server.socket)
        return far

    def to_networks() -> socket.socket:
        return socket.create_connection(("127.0.0.1", int(base_url.rpartition(":")[2])))

    storm = made(server.url("city"), distributed=True, server=server)
    standin.heard = None  # It tells nobody.
    database, far = Cable(to_database), Cable(to_networks)
    address = f"postgresql+psycopg://postgres@127.0.0.1:{database.port}/city"
    by_cable = standin_settings(standin, f"http://127.0.0.1:{far.port}")
    try:
        here = storm.run("here", {"engine": "distributed"}, "worker")
        there = storm.run("there", {"engine": "distributed", "database_url": address, **by_cable}, "worker")
        storm.workers += [here, there]
        standin.faults.append(Fault("hang_after", "POST", times=None, probability=0.7, seconds=0.4))
        done = select(func.count()).where(Effect.state == EffectState.DONE)

        def finished(by: Worker) -> int:
            with storm.database.read() as session:
                return session.scalar(done.where(Effect.owner == by.owner)) or 0

        for _ in range(times):
            before = finished(there)
            for _ in range(40):  # Until it has one in hand, and has done some: it works again after the last time.
                storm.owe_posts(4)
                with suppress(TimeoutError):
                    until(lambda n=before: finished(there) > n and storm.in_flight(there.owner), "it publishes", 1.5)
                    break
            assert finished(there) > before
            database.pull()
            far.pull()
            alone = finished(here)
            storm.owe_posts(8)
            until(lambda: not storm.left()["effects"], "the other one did all of it", 60)
            assert finished(here) >= alone + 8
            database.plug()
            far.plug()
        before = finished(there)
        for _ in range(40):
            storm.owe_posts(4)
            with suppress(TimeoutError):
                until(lambda: finished(there) > before, "it works again", 1.5)
                break
        assert finished(there) > before
        until(lambda: not storm.left()["effects"], "all has left", 60)
        with storm.database.read() as session:
            most = session.scalar(select(func.max(Effect.attempt)))
        check(storm, {"database": "postgresql", "cables": times, "attempts": most})
        assert most <= 3
    finally:
        database.close()
        far.close()

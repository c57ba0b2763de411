"""A city that a history plays with: the real jobs, connectors and SDKs, pretend networks over HTTP, one clock for all.

Everything runs in one process. Time passes only when a history says so, for the city and for the networks alike. A
worker can be killed, refused by the database, stopped while another one goes on, or overtaken by a citizen, at every
named point of its way. With `PARVIS_REAL_KILLS` a worker that is to be killed is a process, and the signal is real.
"""

from __future__ import annotations

import http.client
import mmap
import os
import signal
import struct
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from administration import seeds
from administration.connecting import connect
from administration.retention import Rule
from classifiers.base import Context
from connectors.base import AccountRef, Network, Offered
from connectors.linkedin.rest import LinkedInSettings
from connectors.meta.graph import GraphSettings
from connectors.registry import NetworkSettings, consent, network, picture, routes, webhook
from connectors.standin.instagram.state import profile
from connectors.standin.linkedin.state import CLIENT_ID, CLIENT_SECRET, organization
from connectors.standin.people import drawing
from connectors.standin.registry import HOOKS, route_of
from connectors.standin.server import create_standin, run_in_thread
from connectors.standin.state import PageOfCity, Person, Standin
from connectors.standin.webhooks import Webhooks
from connectors.standin.wire import Told
from models.accounts import Account
from models.base import Base
from models.locks import locks_for
from models.posts import Post
from models.scope import Viewer
from models.session import Database, vault_of
from models.vocabulary import Role
from models.work import Timing, Work
from moderation.intake import deliveries
from moderation.triage import delivery as moderation_delivery
from publishing import delivery as publishing_delivery
from publishing import drafting, library, planning
from scheduler.jobs import City, handlers, ticks
from tests.city import START, Clock, MadeUpClassifier, album
from tests.city import City as AnyCity

KEPT = {"person", "membership", "netiquette_rule", "rule_version", "message_template"}
"""Tables that a new history finds as they were; all others are empty."""
EMPTIED = [table.name for table in reversed(Base.metadata.sorted_tables) if table.name not in KEPT]
PULL_EVERY = timedelta(minutes=20)
WHOLE_EVERY = 2
"""Rounds until older posts are read whole, 24 outside: what must be found then would make every history long."""


REAL_KILLS = bool(os.environ.get("PARVIS_REAL_KILLS"))
THOUSAND = 1000
"""Changes of the largest body that Meta posts."""


class Killed(BaseException):
    """SIGKILL, as far as one process can pretend it: nothing of the product runs after it but freed locks."""


LEFT = {
    "parse": "SELECT 1 FROM delivery WHERE state = 'received'",
    "classify": "SELECT 1 FROM item WHERE state = 'received'",
    "prepare": "SELECT 1 FROM preparation WHERE due_at IS NOT NULL",
    "deliver": "SELECT 1 FROM effect WHERE state = 'ready'",
    "reconcile": "SELECT 1 FROM effect WHERE state IN ('claimed', 'sending', 'unknown')",
    "recheck": "SELECT 1 FROM comment WHERE recheck_due_at IS NOT NULL",
    "pull": "SELECT 1 FROM account",
    "converse": "SELECT 1 FROM account",
    "check": "SELECT 1 FROM account",
}
"""Rows without which a job has nothing to do."""


# ------------------------------------------------------------------------------------------ time
class Datetime:
    """What connectors and pretend networks find in the place of `datetime.datetime`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self, zone: Any = None) -> datetime:
        return self._clock.now.astimezone(zone)

    def __call__(self, *args: Any, **more: Any) -> datetime:
        return datetime(*args, **more)  # noqa: DTZ001  As the caller says.

    def __getattr__(self, name: str) -> Any:
        return getattr(datetime, name)


class Time:
    """What they find in the place of the module `time`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def time(self) -> float:
        return self._clock.now.timestamp()

    monotonic = time

    def sleep(self, seconds: float) -> None:
        self._clock.pass_(seconds)


@dataclass
class Far:
    """The pretend networks, the clock that they and the connectors live by, and how many calls were sent to them."""

    base_url: str
    state: Standin
    webhooks: Webhooks
    clock: Clock = field(default_factory=Clock)
    sent: int = 0

    def caught_up(self) -> None:
        """What was sent has arrived: the far side may still be busy with a call that was given up."""
        until = time.monotonic() + 10
        while len(self.state.requests) < self.sent and time.monotonic() < until:
            time.sleep(0.002)


@pytest.fixture(scope="session")
def server() -> Iterator[Far]:
    state = Standin()
    app = create_standin(state)
    base_url, stop = run_in_thread(app)
    yield Far(base_url, state, app.state.webhooks)
    stop()


@pytest.fixture
def far(server: Far, monkeypatch: pytest.MonkeyPatch) -> Far:
    """The pretend networks while the clock stands still."""
    clock, put_request = server.clock, http.client.HTTPConnection.putrequest

    def counted(*args: Any, **more: Any) -> None:
        put_request(*args, **more)
        server.sent += 1

    monkeypatch.setattr(http.client.HTTPConnection, "putrequest", counted)
    for name, module in list(sys.modules.items()):
        if not name.startswith("connectors."):
            continue
        if getattr(module, "datetime", None) is datetime:
            monkeypatch.setattr(module, "datetime", Datetime(clock))
        # The server measures with its own how long it lets somebody hang.
        if getattr(module, "time", None) is time and name != "connectors.standin.server":
            monkeypatch.setattr(module, "time", Time(clock))
    # Hypothesis draws now and then a constant of whatever modules are loaded: with the same seed it would play other
    # histories after other tests, and after a change anywhere.
    monkeypatch.setattr(
        "hypothesis.internal.conjecture.providers.HypothesisProvider._maybe_draw_constant", lambda *_, **__: None
    )
    # And five of six histories would be copies of the one before with a part of it in two places.
    monkeypatch.setattr(
        "hypothesis.internal.conjecture.engine.ConjectureRunner.generate_mutations_from", lambda *_, **__: None
    )
    # Every request asks the environment for proxies again, and that is a good part of what a short one costs.
    monkeypatch.setattr("requests.sessions.get_environ_proxies", lambda *_, **__: {})
    monkeypatch.setattr("connectors.crawl.WHOLE_EVERY", WHOLE_EVERY)
    return server


# ------------------------------------------------------------------------------------------ the networks
class OnFacebook:
    """What a history must know of a network. Another one is a class like this one, and its line in `NETWORKS`."""

    name: ClassVar = "facebook"
    hides: ClassVar = True
    talks: ClassVar = True
    """Citizens write to the city in private."""
    tells_hiding: ClassVar = True
    joins: ClassVar = False
    """An answer to an answer is written in the thread of the first comment, and the journal says so."""
    forms: ClassVar[tuple[str, ...]] = ("post", "post", "reel", "ad")
    """What citizens write under."""
    named: ClassVar = True
    """Citizens name the city in posts of their own, and recommend it or not."""
    counts: ClassVar = True
    """Each answer says how much of the budget is spent, and many changes come in one body."""
    dead: ClassVar = 460
    refusals: ClassVar = ("throttle", "token_expired", "permission", "blocked")
    """Faults that refuse before anything is applied."""
    doubts: ClassVar = (
        "reset_before",
        "reset_after",
        "500_before",
        "500_after",
        "503",
        "hang_after",
        "duplicate",
        "duplicate",
        "half_json",
        "html_502",
        "text_javascript",
        "lag",
    )
    """Faults of a write after which it is unknown, or seen late."""
    spoilt: ClassVar = (
        "reset_before",
        "reset_after",
        "500_before",
        "503",
        "hang_after",
        "half_json",
        "html_502",
        "text_javascript",
        "empty_page",
        "empty_page",
        "repeated_cursor",
        "repeated_cursor",
        "too_much",
    )
    """Faults of a reading."""

    def found(self, state: Standin, token: str) -> PageOfCity:
        """The account of the city, on the pretend network."""
        return state.page("104", "Ville de Sainte-Rive", token)

    def holder(self, page: Any) -> PageOfCity:
        """Whose token it is."""
        return page

    def throttled(self, fault: str, write: bool, at: datetime, seconds: float) -> datetime | None:
        """Until when a refusal stops the account."""
        if fault == "throttle":
            return at + timedelta(minutes=max(1, round(seconds / 60)))
        return at + timedelta(hours=6) if fault == "blocked" else None

    def author_of(self, person: Person) -> str:
        return person.id

    def written(self, session: Session, viewer: Viewer, account_id: int, text: str, *, now: datetime) -> Post:
        """A draft for the account."""
        return planning.create(session, viewer, drafting.Draft("Avis", {account_id: drafting.Written(text)}), now=now)


PICTURE = library.read("avis.jpg", drawing("photo", "Avis"))


class OnInstagram(OnFacebook):
    name = "instagram"
    tells_hiding = False
    forms = ("post",)
    named = False

    def found(self, state: Standin, token: str) -> PageOfCity:
        linked = state.page("104", "Ville de Sainte-Rive", token)
        return profile(state, linked, "17841400000000104", "villedesainterive")

    def holder(self, page: Any) -> PageOfCity:
        return page.page

    def written(self, session: Session, viewer: Viewer, account_id: int, text: str, *, now: datetime) -> Post:
        """Nothing is published there without a picture: the city puts the same one under every text."""
        media = library.add(session, viewer, PICTURE, now=now)
        pictures = [drafting.Pictured(media.id, "Un avis")]
        variants = {account_id: drafting.Written(text)}
        return planning.create(session, viewer, drafting.Draft("Avis", variants, pictures=pictures), now=now)


class OnLinkedIn(OnFacebook):
    name = "linkedin"
    hides = False
    talks = False
    tells_hiding = False
    joins = True
    forms = ("post",)
    named = False
    counts = False
    dead = 65601
    refusals = ("throttle", "throttle_403", "throttle_day", "token_expired", "permission")
    doubts = tuple(fault for fault in OnFacebook.doubts if fault != "half_json")
    spoilt = tuple(fault for fault in OnFacebook.spoilt if fault != "too_much")

    def found(self, state: Standin, token: str) -> PageOfCity:
        return organization(state, "5515715", "Ville de Sainte-Rive", token)

    def throttled(self, fault: str, write: bool, at: datetime, seconds: float) -> datetime | None:
        if fault == "throttle":
            return at + timedelta(minutes=15)
        midnight = at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        return midnight if fault in ("throttle_403", "throttle_day") else None

    def author_of(self, person: Person) -> str:
        return f"urn:li:person:{person.id}"


NETWORKS: dict[str, type[OnFacebook]] = {one.name: one for one in (OnFacebook, OnInstagram, OnLinkedIn)}


# ------------------------------------------------------------------------------------------ points of a worker's way
class WatchedDatabase:
    """The database of one worker, with a point before each write, at its end, and after its commit."""

    def __init__(self, database: Database, at: Callable[[str], None]) -> None:
        self._database, self._at, self.read = database, at, database.read

    @contextmanager
    def write(self) -> Iterator[Session]:
        self._at("before a write")
        with self._database.write() as session:
            yield session
            session.flush()
            self._at("before the commit")
        self._at("after the commit")


class WatchedNetwork:
    """A connector of one worker, with a point before each call and after its answer, whatever it is."""

    def __init__(self, network: Network, at: Callable[[str], None]) -> None:
        self._network, self._at = network, at

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **more: Any) -> Any:
            self._at("before a call")
            try:
                return getattr(self._network, name)(*args, **more)
            finally:
                self._at("after a call")

        return call


@dataclass
class Mishap:
    """What happens to a worker at the nth time that it comes to a point."""

    point: str
    nth: int
    how: str
    """killed, refused (by the database), stopped (another worker goes on), or meanwhile (a citizen acts)."""
    seconds: float = 0.0
    act: Callable[[], None] = lambda: None
    happened: bool = False


# ------------------------------------------------------------------------------------------ the city
@dataclass(kw_only=True)
class World(AnyCity):
    """One installation with one account, its two workers, and the far side."""

    home: Path
    far: Far
    on: OnFacebook
    tokens: list[str] = field(default_factory=list)
    """All that the account ever had."""
    mail: list[tuple[str, bytes]] = field(default_factory=list)
    """What the network told and nobody posted yet."""
    told: list[tuple[str, bytes]] = field(default_factory=list)
    changes: list[Told] = field(default_factory=list)
    """All that was told, one by one."""
    unheard: set[int] = field(default_factory=set)
    """Calls whose answers died with their worker."""
    is_elsewhere: bool = False
    """In a process that was made for one job."""
    excused: set[int] = field(default_factory=set)
    """Calls, by their number, of a worker that could not know of the pause: it was stopped just before them."""

    def __post_init__(self) -> None:
        self.state, self.webhooks = self.far.state, self.far.webhooks
        self.locks = locks_for(self.database, self.home)
        self.workers = [self._worker(number) for number in range(2)]

    def begin(self) -> None:
        """A new history: nothing happened yet, on the networks and here."""
        self.clock.now = START
        self.far.caught_up()
        self.far.sent = 0
        self.state.reset()
        self.state.heard = self._hear
        self.webhooks.forget()
        self.mail, self.told, self.changes, self.excused, self.unheard = [], [], [], set(), set()
        self.met: Counter[str] = Counter()
        self.mishap: Mishap | None = None
        self.points: Counter[str] = Counter()
        self.excusing, self.excused_from, self.call_from = False, None, 0
        self.tokens = ["EAAB-token-1-that-must-never-be-seen"]
        self.page = self.on.found(self.state, self.tokens[-1])
        self.citizens = [self.state.citizen(name) for name in ("Louise Tremblay", "Ali Ben Saïd")]
        with self.database.write() as session:
            for name in EMPTIED:
                session.connection().exec_driver_sql(f"DELETE FROM {name}")
        self.account_id = self.add_account(
            "Ville de Sainte-Rive", self.on.name, external_id=self.page.id, token=self.tokens[-1]
        )

    def reconnect(self) -> None:
        """Somebody consents again: the account has another token."""
        self.tokens.append(f"EAAB-token-{len(self.tokens) + 1}-that-must-never-be-seen")
        self.state.replace_page_token(self.on.holder(self.page), self.tokens[-1])
        given = Offered(self.on.name, self.page.id, "Ville de Sainte-Rive", self.tokens[-1], None, ())
        with self.database.write() as session:
            connect(session, vault_of(session), given, borough_id=None, by=None, now=self.clock())

    # ------------------------------------------------------------------------------------- webhooks
    def _hear(self, account: str, value: dict[str, Any], name: str = "feed", topic: str = "page") -> None:
        self.changes.append(Told(topic, account, name, value))
        told = (topic, HOOKS[route_of(topic)].body_of(self.changes[-1:], self.state.now()))
        self.told.append(told)
        self.mail.append(told)

    def thousand(self) -> bytes:
        """All that was told, again and again, in the largest body that there is."""
        return HOOKS[route_of(self.changes[0].topic)].body_of((self.changes * THOUSAND)[:THOUSAND], self.state.now())

    def post(self, topic: str, body: bytes, *, forged: bool = False) -> bool:
        """One body comes to the door; whether it was let in."""
        route = route_of(topic)
        of = routes()[route]
        door = webhook(self.settings(), of)
        signed = body + b" " if forged else body
        headers = {name.lower(): value for name, value in HOOKS[route].headers(self.state, signed).items()}
        if not door.authentic(headers, body):
            return False
        with self.database.write() as session:
            deliveries.receive(session, of, body, now=self.clock())
        return True

    # ------------------------------------------------------------------------------------- workers
    def settings(self) -> NetworkSettings:
        # A call that hangs must be given up soon; all others have the time that a busy machine needs.
        hangs = any(fault.kind == "hang_after" and fault.times for fault in self.state.faults)
        timeout = (5.0, 0.1 if hangs else 20.0)
        graph = GraphSettings(
            base_url=self.far.base_url,
            app_id=self.state.app_id,
            app_secret=self.state.app_secret,
            timeout=timeout,
            retries=(),
        )
        linkedin = LinkedInSettings(
            base_url=self.far.base_url,
            auth_url=f"{self.far.base_url}/oauth/v2",
            version="202609",
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            timeout=timeout,
            retries=(),
            looks=(0.0, 0.0, 0.0),
        )
        return NetworkSettings(graph, linkedin)

    def _network_with(self, account: AccountRef) -> Network:
        return WatchedNetwork(network(self.settings(), account), self.at)  # type: ignore[return-value]

    def _network_of(self, account_id: int) -> Network:
        with self.database.read() as session:
            account = session.get_one(Account, account_id)
            token = vault_of(session).open(account.token_closed)
        return self._network_with(AccountRef(account.network, account.external_id, token))

    def _worker(self, number: int) -> dict[str, Callable[[], object]]:
        """The jobs of one process, by name; they carry their ids themselves."""
        database: Any = WatchedDatabase(self.database, self.at)
        trades = [
            moderation_delivery.effect_handler(self._network_of),
            publishing_delivery.effect_handler(self._network_of, album(database, self.clock)),
        ]
        told: dict[str, Any] = {"owner": f"worker {number}", "clock": self.clock, "timing_of": lambda _: Timing()}
        city = City(
            database=database,
            locks=self.locks,
            # A history is the same each time that it is played.
            work=Work(database, self.locks, trades, **told, random=lambda: 1.0),
            classifier=MadeUpClassifier,
            context=Context(),
            network_of=self._network_of,
            network_with=self._network_with,
            consent_of=lambda name: consent(self.settings(), name),
            webhook_of=lambda name: webhook(self.settings(), name),
            picture_of=lambda name, address: picture(self.settings(), name, address),
            album=album(database, self.clock),
            clock=self.clock,
            pull_every=PULL_EVERY,
            kept=Rule(unread=365, comments=None),
            desk_of=lambda _: None,  # type: ignore[arg-type, return-value]  # This city has none.
            desk=None,
            undo=timedelta(0),
            zone=ZoneInfo("America/Toronto"),
            news=None,
            read_news=lambda *_: None,  # type: ignore[arg-type, return-value]  # Nor news.
            danger=timedelta(minutes=5),
            mail=None,
        )
        carried = handlers(city)

        class Here:
            def send(self, handler: str, row_id: int) -> None:
                carried[handler](row_id)

        return {tick.name: tick.look for tick in ticks(city, Here())}  # type: ignore[arg-type]

    JOBS: ClassVar = ("parse", "classify", "prepare", "deliver", "reconcile", "pull", "converse", "recheck", "check")

    def turn(self, worker: int, *jobs: str) -> None:
        """A worker does what is due."""
        for job in jobs or [job for job in self.JOBS if self._something_for(job)]:
            self.workers[worker][job]()

    def _something_for(self, job: str) -> bool:
        """Whether a job has anything to look at: asking the jobs themselves is most of what a quiet hour costs."""
        with self.database.read() as session:
            return session.connection().exec_driver_sql(f"SELECT EXISTS ({LEFT[job]})").scalar_one()

    def run(self, worker: int, job: str, mishap: Mishap | None) -> None:
        """One job, and what happens to its worker meanwhile. The next job goes on; one killed starts anew."""
        self.mishap, self.points = mishap, Counter()
        first = len(self.state.requests)
        try:
            if REAL_KILLS and mishap is not None and mishap.how == "killed":
                self._turn_elsewhere(worker, job, mishap)
            else:
                self.turn(worker, job)
        except (Killed, OperationalError):
            if mishap is None or not mishap.happened:
                raise
            self.unheard |= set(range(first, len(self.state.requests)))
        finally:
            self.mishap, self.excusing, self.excused_from = None, False, None
            self.far.caught_up()

    def _turn_elsewhere(self, worker: int, job: str, mishap: Mishap) -> None:
        """The job in a process of its own, which dies of a real SIGKILL if it comes to the point. What is left of it is
        on the network, in the database, and what time it was.
        """
        self.database.close()  # A connection must not be in two processes.
        with mmap.mmap(-1, 4096) as self.elsewhere:
            self._say_where_it_is()
            child = os.fork()
            if child == 0:
                self.is_elsewhere = True
                status = 1
                try:
                    self.turn(worker, job)
                    self._say_where_it_is()
                    status = 0
                except BaseException:  # noqa: BLE001  Nothing may leave this process but its status and its words.
                    traceback.print_exc()
                finally:
                    sys.stderr.flush()
                    os._exit(status)
            _, ended = os.waitpid(child, 0)
            at, self.far.sent = struct.unpack_from("dq", self.elsewhere)
        self.clock.now = datetime.fromtimestamp(at, UTC)
        if os.WIFSIGNALED(ended) and os.WTERMSIG(ended) == signal.SIGKILL:
            self.mishap, mishap.happened = None, True
            self.met["really killed"] += 1
            self.met[f"killed {mishap.point}"] += 1
            raise Killed
        assert ended == 0, f"{job} failed in a process of its own"

    def _say_where_it_is(self) -> None:
        struct.pack_into("dq", self.elsewhere, 0, self.clock.now.timestamp(), self.far.sent)

    @staticmethod
    def mishap_of(drawn: tuple[str, int, str, int] | None, act: Callable[[], None]) -> Mishap | None:
        return None if drawn is None else Mishap(*drawn, act)

    def at(self, point: str) -> None:
        """A worker comes to a point of its way."""
        if point == "before a write":
            self.excusing = False
        if point == "before a call":
            self.call_from = len(self.state.requests)
        if point == "after a call" and self.excused_from is not None:
            self.excused |= set(range(self.excused_from, len(self.state.requests)))
            self.excused_from = None
        self._meet(point)
        if point == "before a call":
            self.clock.pass_(0.05)
            if self.excusing:
                self.excusing, self.excused_from = False, len(self.state.requests)

    def _meet(self, point: str) -> None:
        mishap = self.mishap
        if mishap is None or mishap.point != point:
            return
        self.points[point] += 1
        if self.points[point] <= mishap.nth:
            return
        self.mishap, mishap.happened = None, True
        self.met[f"{mishap.how} {point}"] += 1
        match mishap.how:
            case "killed" if self.is_elsewhere:
                self._say_where_it_is()
                os.kill(os.getpid(), signal.SIGKILL)
            case "killed":
                raise Killed
            case "refused" if point != "after the commit":
                if point == "after a call":
                    self.unheard |= set(range(self.call_from, len(self.state.requests)))
                raise OperationalError("the database went away", None, Exception())
            case "stopped" if point != "before the commit":  # There it holds the database, and all the others wait.
                met = len(self.state.requests)
                for _ in range(4):
                    self.clock.pass_(mishap.seconds / 4)
                    self.turn(1)
                if point == "after a call" and met and self.state.requests[met - 1]["fault"] is not None:
                    # What it was refused is not written yet: the other worker could not know.
                    self.excused |= set(range(met, len(self.state.requests)))
                self.excusing = True
            case "meanwhile":
                mishap.act()


@pytest.fixture
def world_on(database: Database, far: Far, tmp_path: Path) -> Callable[[str], World]:
    """A city with one account on the network of that name."""

    def found(name: str) -> World:
        far.clock.now = START
        world = World(database=database, clock=far.clock, home=tmp_path, far=far, on=NETWORKS[name]())
        with world.write() as session:
            seeds.plant(session, now=START)
            world.hire("Ariane", Role.MODERATOR)
            world.hire("Claire", Role.COMMUNICATIONS)
            world.hire("Gilles", Role.APPROVER)
        return world

    return found

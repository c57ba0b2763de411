"""Workers that are really killed and really stopped, in the middle of replies, posts, their changes and requests: each
leaves once.

Real processes, the real connectors over HTTP, one pretend network with faults, on both databases. `make soak` runs
the second of these with other seeds (`PARVIS_CRASH_KILLS`, `PARVIS_CRASH_SEED`), and keeps the figures that are
written to `PARVIS_CRASH_FIGURES`.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from connectors.standin.server import create_standin, run_in_thread
from connectors.standin.state import Fault, PageOfCity, Standin
from connectors.standin.state import Post as PublicPost
from models import messages, work
from models.accounts import Account
from models.amendments import Amendment
from models.channels import Channel
from models.comments import Comment
from models.effects import OPEN_STATES, Effect
from models.media import Media
from models.people import Person
from models.posts import Post, Preparation, Variant, VariantPicture
from models.requests311 import Service, ServiceRequest
from models.secrets import Vault
from models.session import Database
from models.vocabulary import EffectState, Group311, OperationKind, Outcome, PostState
from moderation.requests import handover

KILLS = int(os.environ.get("PARVIS_CRASH_KILLS", "60"))
SEED = int(os.environ.get("PARVIS_CRASH_SEED", "311"))
FIGURES = os.environ.get("PARVIS_CRASH_FIGURES")
PROGRAM = Path(__file__).with_name("crash_worker.py")
WORKERS = 3
SECRET = "a secret of the tests, long enough to be one"
IN_HAND = 16
"""How many effects wait at any time while workers are killed."""
TIMING = {
    "lease": 1.5,
    "settle": 1.2,
    "between_reads": 0.3,
    "first_backoff": 0.1,
    "longest_backoff": 0.5,
}
STOPPED = 3.5
"""Longer than the lease, in seconds: without the liveness lock, the others would send a second time."""
FAULTS = [
    Fault("reset_after", "POST", times=None, probability=0.06),
    Fault("500_after", "POST", times=None, probability=0.05),
    Fault("half_json", "POST", times=None, probability=0.03),
    Fault("reset_before", None, times=None, probability=0.04),
    Fault("500_before", "POST", times=None, probability=0.03),
    Fault("throttle", "POST", times=None, probability=0.02),
    Fault("lag", "POST", times=None, probability=0.08, seconds=0.5),
    Fault("hang_after", "POST", times=None, probability=0.4, seconds=0.25),
]
TEXTS = ["Merci, c’est transmis.", "Merci, c’est transmis.", "Une équipe passera cette semaine."]


@dataclass
class Worker:
    owner: str
    process: subprocess.Popen[bytes]
    waking: threading.Timer | None = None

    @property
    def awake(self) -> bool:
        return self.waking is None or not self.waking.is_alive()


@dataclass
class Crash:
    """One city whose workers die."""

    database: Database
    standin: Standin
    base_url: str
    home: Path
    log: Callable[[str], Path]
    chance: random.Random
    pages: dict[int, PageOfCity] = field(default_factory=dict)
    threads: dict[str, PublicPost] = field(default_factory=dict)
    workers: list[Worker] = field(default_factory=list)
    started: int = 0
    kills: int = 0
    kills_in_flight: int = 0
    stops: int = 0
    let_in_at: float = 0.0
    desk_id: int = 0
    distributed: bool = False
    media_id: int = 0

    # ------------------------------------------------------------------------------------- the city
    def found(self) -> None:
        """Three accounts, each with a thread of comments."""
        now = datetime.now(UTC)
        with self.database.write() as session:
            person = Person(email="com@ville.example", name="Camille", created_at=now)
            session.add(person)
            for number in (101, 102, 103):
                account = Account(
                    network="facebook",
                    external_id=str(number),
                    name=f"Ville {number}",
                    token_closed="",
                    token_since=now,
                    pull_due_at=now,
                    created_at=now,
                )
                session.add(account)
                session.flush()
                self.pages[account.id] = self.standin.page(
                    str(number), f"Ville {number}", f"token-{number}-that-must-never-be-seen"
                )
            self.author_id = person.id
            shown = {"name": "a.jpg", "sha256": "0", "content": b"\xff\xd8", "small": b"\xff\xd8", "size": 2}
            media = Media(**shown, width=4, height=3, search_text="", added_by_id=person.id, created_at=now)
            session.add(media)
            session.flush()
            self.media_id = media.id
            session.add(Service(code="trou", name="Trou", group=Group311.ROADS, days=5))
            given = handover.Given(f"{self.base_url}/open311/v2", None)
            self.desk_id = handover.keep_desk(session, given, now=now)

    def owe_more(self) -> None:
        with self.database.write() as session:
            for _ in range(IN_HAND // 2):
                self.enqueue(session)

    def enqueue(self, session: Session) -> None:
        """A citizen writes and is answered, or hidden and shown again; or a post leaves, is worded anew, or taken down.
        Many share their words.
        """
        now = datetime.now(UTC)
        account_id, page = self.chance.choice(sorted(self.pages.items()))
        text = self.chance.choice(TEXTS)
        if self.chance.random() < 0.15:
            number = f"VIL-2026-{self.chance.randrange(10**9):09}"
            request = ServiceRequest(number=number, service_code="trou", place="rue Wolfe", hand_over=True)
            request.opened_at = request.due_at = now
            session.add(request)
            session.flush()
            handover.hand_over_due(session, self.desk_id, now=now, undo=timedelta(0))
            return
        if self.chance.random() < 0.3 and self._amend(session, now, take_down=self.chance.random() < 0.3):
            return
        if self.chance.random() < 0.4:
            self._post(session, now, account_id, text, pictured=self.chance.random() < 0.5)
            return
        with self.standin.lock:
            # Only under what nobody takes down: with a post its comments go too, and an answer to one finds nobody.
            under = self.threads.get(page.id)
            if under is None or self.chance.random() < 0.1:
                under = self.threads[page.id] = self.standin.post(page, "Travaux")
            external_id = self.standin.comment(under, self.standin.citizen("Citoyen"), "Et ma rue?").id
        session.add(
            Comment(
                account_id=account_id,
                external_id=external_id,
                created_at=now,
                received_at=now,
            )
        )
        if self.chance.random() < 0.2:
            acts = [OperationKind.HIDE, OperationKind.UNHIDE][: self.chance.randint(1, 2)]
        else:
            acts = [OperationKind.REPLY] * self.chance.choice([1, 1, 2])
        for number, kind in enumerate(acts):
            self._effect(session, f"{kind}:{external_id}:{number}", kind, account_id, external_id, text)

    def owe_rest(self) -> None:
        """In peace, what chance may have left out: files that are sent ahead, other words, and the end of a post."""
        self.standin.faults.clear()
        now = datetime.now(UTC)
        with self.database.write() as session:
            self._post(session, now, next(iter(self.pages)), TEXTS[0], pictured=True, seconds=4)
            for take_down in (False, True):
                assert self._amend(session, now, take_down=take_down)

    def _post(
        self, session: Session, now: datetime, account_id: int, text: str, *, pictured: bool, seconds: float = 1.5
    ) -> None:
        post = Post(title="t", state=PostState.SCHEDULED, author_id=self.author_id, publish_at=now, created_at=now)
        session.add(post)
        session.flush()
        text = f"{text} En images." if pictured else text
        effect = self._effect(session, f"post:{post.id}", OperationKind.PUBLISH, account_id, None, text)
        variant = Variant(post_id=post.id, account_id=account_id, text=text, effect_id=effect.id, pictures=[])
        session.add(variant)
        if pictured:
            # Its pictures are sent ahead while workers die, or leave with it.
            shown = {"id": self.media_id, "alt": "Un parc", "box": None}
            variant.pictures.append(VariantPicture(position=0, media_id=self.media_id, alt_text="Un parc"))
            effect.payload = {**effect.payload, "pictures": [shown, shown]}
            effect.due_at = now + timedelta(seconds=seconds)
            session.add(Preparation(effect_id=effect.id, account_id=account_id, due_at=now))

    def _amend(self, session: Session, now: datetime, *, take_down: bool) -> bool:
        """Other words for what is out, or the end of it; several changes of one post go out in their order."""
        leaving = select(Amendment.variant_id).where(Amendment.text.is_(None))
        out = select(Variant).where(Variant.remote_id.is_not(None), Variant.id.not_in(leaving)).order_by(Variant.id)
        found = session.scalars(out).all()
        if not found:
            return False
        variant = self.chance.choice(found)
        text = None if take_down else f"Corrigé : {self.chance.randrange(10**6)}"
        told = {"before": variant.text, "text": text, "content_hash": "", "person_id": self.author_id, "at": now}
        amendment = Amendment(variant_id=variant.id, approved=True, answered_by_id=self.author_id, **told)
        session.add(amendment)
        session.flush()
        kind = OperationKind.DELETE_POST if take_down else OperationKind.EDIT_POST
        effect = self._effect(session, f"amendment:{amendment.id}", kind, variant.account_id, variant.remote_id, text)
        effect.payload = {"amendment": amendment.id, **({} if take_down else {"text": text})}
        amendment.effect_id = effect.id
        return True

    def _effect(self, session, key, kind, account_id, target, text):
        payload = {"text": text, "link": None} if kind in (OperationKind.REPLY, OperationKind.PUBLISH) else {}
        return work.enqueue(
            session,
            key=key,
            operation=kind,
            channel_id=account_id,
            target=target,
            payload=payload,
            due_at=datetime.now(UTC),
        )

    def open(self) -> int:
        with self.database.read() as session:
            return session.scalar(select(func.count()).where(Effect.state.in_(OPEN_STATES))) or 0

    def in_flight(self, owner: str) -> int:
        with self.database.read() as session:
            return (
                session.scalar(select(func.count()).where(Effect.owner == owner, Effect.state == EffectState.SENDING))
                or 0
            )

    def let_in(self) -> None:
        """A minute is the shortest wait that Meta can ask for, and half of one what follows an upload that was cut: too
        long for a test, so it is a second.
        """
        if time.monotonic() > self.let_in_at:
            self.let_in_at = time.monotonic() + 1
            with self.database.write() as session:
                session.execute(update(Channel).where(Channel.paused_until.is_not(None)).values(paused_until=None))
                session.execute(
                    update(Effect)
                    .where(
                        Effect.state == EffectState.READY, Effect.outcome.in_([Outcome.THROTTLED, Outcome.UNREACHABLE])
                    )
                    .values(due_at=datetime.now(UTC))
                )

    # ------------------------------------------------------------------------------------- its workers
    def start(self) -> None:
        self.started += 1
        owner = f"worker {self.started}"
        settings = {
            "database": self.database.url,
            "standin": self.base_url,
            "home": str(self.home),
            "secret": SECRET,
            "owner": owner,
            "distributed": self.distributed,
            "timing": TIMING,
            "desk": {"url": f"{self.base_url}/open311/v2", "key": self.standin.desk.key},
            "pages": {account_id: [page.id, page.token] for account_id, page in self.pages.items()},
        }
        command = [sys.executable, str(PROGRAM), json.dumps(settings)]
        with self.log(owner).open("wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=self.home)
        self.workers.append(Worker(owner, process))

    def kill(self, worker: Worker) -> None:
        worker.process.send_signal(signal.SIGKILL)
        worker.process.wait()
        worker.process.stdin.close()
        self.workers.remove(worker)
        self.kills += 1
        self.kills_in_flight += self.in_flight(worker.owner) > 0

    def stop(self, worker: Worker) -> None:
        # It wakes by itself: if it was stopped inside a transaction of SQLite, this very test waits for it.
        worker.process.send_signal(signal.SIGSTOP)
        worker.waking = threading.Timer(STOPPED, worker.process.send_signal, [signal.SIGCONT])
        worker.waking.start()
        self.stops += 1

    def storm(self, kills: int) -> None:
        """Kill and stop workers at random instants, most of them while a call is in flight, until there were enough."""
        while self.kills < kills:
            while len(self.workers) < WORKERS:
                self.start()
            if self.open() < IN_HAND:
                self.owe_more()
            self.let_in()
            time.sleep(self.chance.uniform(0.0, 0.15))
            awake = [worker for worker in self.workers if worker.awake and self.in_flight(worker.owner)]
            if not awake:
                continue
            worker = self.chance.choice(awake)
            time.sleep(self.chance.uniform(0.0, 0.05))
            draw = self.chance.random()
            if draw < 0.35 and sum(one.awake for one in self.workers) > 1:
                self.stop(worker)
            elif draw < 0.7:
                self.kill(worker)

    def calm(self, seconds: float) -> None:
        """No more kills; the faults of the network go on."""
        until = time.monotonic() + seconds
        while self.open() and time.monotonic() < until:
            while len(self.workers) < WORKERS:
                self.start()
            self.let_in()
            time.sleep(0.05)

    def end(self) -> None:
        for worker in self.workers:
            if worker.waking is not None:
                worker.waking.cancel()
            worker.process.send_signal(signal.SIGKILL)
            worker.process.wait()
            worker.process.stdin.close()


@pytest.fixture
def crash(
    database_url: str, tmp_path: Path, watched: Callable[[Path], AbstractContextManager[Callable[[str], Path]]]
) -> Iterator[Crash]:
    standin = Standin(seed=SEED)
    base_url, stop = run_in_thread(create_standin(standin))
    database = Database(database_url, Vault([SECRET]), pool_size=8)
    with watched(tmp_path) as log:
        crash = Crash(database, standin, base_url, tmp_path, log, random.Random(SEED))
        yield crash
        crash.end()
    database.close()
    stop()


@pytest.mark.parametrize("kills", [10, pytest.param(KILLS, id="many", marks=pytest.mark.long)])
def test_killed_and_stopped_workers_send_each_effect_exactly_once(crash: Crash, kills: int):
    _each_once(crash, kills)


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
@pytest.mark.parametrize("kills", [10, pytest.param(KILLS, id="many", marks=pytest.mark.long)])
def test_so_do_workers_of_the_distributed_engine(crash: Crash, kills: int):
    crash.distributed = True
    _each_once(crash, kills)
    for _ in range(300):
        # What the killed had in hand is dropped by those that live.
        with crash.database.read() as session:
            if not (left := messages.held(session)):
                break
        time.sleep(0.1)
    assert left == {}


def _each_once(crash: Crash, kills: int) -> None:
    began = time.monotonic()
    crash.found()
    crash.standin.faults += FAULTS
    crash.storm(kills)
    crash.calm(40)
    crash.owe_rest()
    crash.calm(20)

    with crash.database.read() as session:
        effects = session.scalars(select(Effect)).all()
        posts = session.scalars(select(Post)).all()
        hidden = dict(session.execute(select(Comment.external_id, Comment.hidden)).all())
        requests = dict(session.execute(select(ServiceRequest.number, ServiceRequest.outside_number)).all())
        variants = {variant.effect_id: variant for variant in session.scalars(select(Variant))}
        ahead = {one.effect_id: one for one in session.scalars(select(Preparation))}
    while crash.standin.later:  # What was accepted last may be seen half a second late.
        time.sleep(0.05)
        crash.standin.settle()
    journal = crash.standin.journal
    submitted = [effect for effect in effects if effect.operation == OperationKind.SUBMIT]
    effects = [effect for effect in effects if effect.operation != OperationKind.SUBMIT]
    page_of = {account_id: page.id for account_id, page in crash.pages.items()}
    owed = Counter(
        (
            effect.operation,
            page_of[effect.channel_id],
            effect.target or page_of[effect.channel_id],
            effect.payload.get("text"),
        )
        for effect in effects
    )
    applied = Counter((line.operation, line.page, line.target, line.text) for line in journal)
    figures = {
        "database": "sqlite" if crash.database.sqlite else "postgresql",
        "engine": "distributed" if crash.distributed else "embedded",
        "seed": SEED,
        "kills": crash.kills,
        "kills_in_flight": crash.kills_in_flight,
        "stops": crash.stops,
        "effects": len(effects),
        "sent_more_than_once": sum(effect.attempt > 1 for effect in effects),
        "duplicated": (applied - owed).total(),
        "lost": (owed - applied).total(),
        "stuck": sum(effect.state in OPEN_STATES for effect in effects),
        "seconds": round(time.monotonic() - began, 1),
    }
    print(json.dumps(figures))
    if FIGURES:
        with Path(FIGURES).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(figures) + "\n")

    stuck = [
        (effect.key, effect.state, effect.outcome, effect.attempt) for effect in effects if effect.state in OPEN_STATES
    ]
    assert not stuck, figures
    ended = [(effect.key, effect.outcome, effect.attempt) for effect in effects if effect.state != EffectState.DONE]
    assert not ended, figures
    assert (figures["duplicated"], figures["lost"], figures["stuck"]) == (0, 0, 0), figures
    assert figures["kills_in_flight"] >= kills // 2
    assert {effect.state for effect in submitted} == {EffectState.DONE}
    # Each request is at the desk once, and known by its number there.
    there = {
        one.number: one.description.rpartition("[Réf. ")[2].rstrip("]") for one in crash.standin.desk.asked.values()
    }
    assert {here: number for number, here in there.items()} == requests
    assert len(there) == len(requests) == len(submitted) > 0
    # Each effect that created something has the id of one thing, and each thing belongs to one effect.
    created = {line.id: line for line in journal if line.operation in ("reply", "publish")}
    bound = {
        effect.remote_id: effect
        for effect in effects
        if effect.operation in (OperationKind.REPLY, OperationKind.PUBLISH)
    }
    assert set(bound) == set(created)
    for remote_id, effect in bound.items():
        line = created[remote_id]
        assert (line.operation, line.page, line.text) == (
            effect.operation,
            page_of[effect.channel_id],
            effect.payload["text"],
        )
        if effect.operation == OperationKind.REPLY:
            assert line.target == effect.target
        else:
            assert variants[effect.id].remote_id == remote_id
            public = crash.standin.posts.get(remote_id)
            assert (public is None) is (variants[effect.id].taken_down_at is not None)
            if public is not None:
                assert public.text == variants[effect.id].text
                pictures = [photo.content for photo in public.photos]
                assert pictures == [b"\xff\xd8"] * len(effect.payload.get("pictures", ()))
    changed = Counter(effect.operation for effect in effects)
    assert min(changed[OperationKind.EDIT_POST], changed[OperationKind.DELETE_POST]) > 0, figures
    assert sum(one.ready for one in ahead.values()) > 0, figures
    assert {post.state for post in posts} == {PostState.PUBLISHED}
    # A hide went out before its unhide, and what we believe of each comment is what the network shows.
    acts = [line for line in journal if line.operation in ("hide", "unhide")]
    for target in {line.target for line in acts}:
        assert [line.operation for line in acts if line.target == target] in (["hide"], ["hide", "unhide"])
        assert hidden[target] is crash.standin.comments[target].hidden

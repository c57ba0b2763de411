"""Whatever happens to workers, network and people, each effect is applied once, and none stays stuck.

One process, a clock that the machine moves, a network in memory. A worker can be killed, refused by the database or
stopped (while the others go on) at every point of its way: around each transaction, before and after the network has
applied what it was sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import delete, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from models import audit, work
from models.accounts import Account
from models.audit import AuditEntry
from models.effects import OPEN_STATES, Effect
from models.errors import Ambiguous, Gone, PermissionMissing, Rejected, Throttled, TokenInvalid, Transient
from models.locks import Locks
from models.session import Database
from models.vocabulary import CREATIVE, EffectState, OperationKind
from models.work import EffectHandler, Task, Timing, Work

OPERATIONS = (OperationKind.HIDE, OperationKind.UNHIDE, OperationKind.REPLY, OperationKind.PUBLISH)
TIMING = Timing()
SKEWS = (-2, 0, 2)
"""How far the clocks of the three workers are from the network's, in seconds."""
LONGEST_LAG = 8.0
"""Below `Timing.settle` by more than the skews: that is what the setting promises."""
SENDS = ("fine", "fine", "fine", "dropped before", "dropped after", "late", "late and dropped", "surprise", "transient")
REFUSALS = ("throttled", "token", "permission", "rejected")
READS = ("fine", "fine", "transient", "throttled", "surprise")


class Killed(BaseException):
    """SIGKILL, as far as one process can pretend it: nothing of the product runs after it but freed locks."""


@dataclass(frozen=True)
class Seen:
    """What the network applied, and from when on a reading shows it."""

    id: str
    effect_id: int
    kind: OperationKind
    account_id: int
    target: str | None
    text: str | None
    at: datetime
    visible_at: datetime

    @property
    def permalink(self) -> str | None:
        return None

    @property
    def resume_at(self) -> datetime | None:
        return None

    @property
    def proven(self) -> frozenset[str]:
        return frozenset()

    @property
    def remote_id(self) -> str:
        return self.id


class Watched:
    """The database of one worker, with a point before each write, at its end, and after its commit."""

    def __init__(self, database: Database, at: Any) -> None:
        self._database, self._at, self.read = database, at, database.read

    @contextmanager
    def write(self) -> Iterator[Session]:
        self._at("before a write")
        with self._database.write() as session:
            yield session
            session.flush()
            self._at("before the commit")
        self._at("after the commit")


# What happens to a worker on its way: nothing, or at the nth time that it comes to a point it is killed, refused by
# the database, or stopped for some seconds while the others go on.
POINTS = ("before a write", "before the commit", "after the commit")
HOW = ("killed", "refused", "stopped")
MISHAPS = st.one_of(
    st.none(),
    st.tuples(st.sampled_from(POINTS), st.integers(0, 2), st.sampled_from(HOW), st.sampled_from([5, 120, 4000])),
    st.tuples(st.sampled_from(["it arrives", "the answer"]), st.just(0), st.just("stopped"), st.just(4000)),
    st.tuples(st.sampled_from(["it arrives", "the answer", "a reading"]), st.just(0), st.just("killed"), st.just(0)),
)
WAITS = st.sampled_from([0, 1, 20, 100, 1000])
OWED = st.tuples(
    st.sampled_from([OperationKind.PUBLISH, *OPERATIONS]),
    st.sampled_from([0, 0, 1]),
    st.sampled_from(["c1", "c1", "c2"]),
    st.sampled_from(["Merci!", "Merci!", "Les rues seront déneigées cette nuit."]),
    st.sampled_from([0, 0, 30]),
    st.sampled_from([None, None, 60, 3600]),
)


class Histories(RuleBasedStateMachine):
    database: Database
    locks: Locks
    accounts: list[int]
    start: datetime

    def __init__(self) -> None:
        super().__init__()
        with self.database.write() as session:
            session.execute(delete(Effect))
            session.execute(delete(AuditEntry))
        self.now = self.start
        self.applied: list[Seen] = []
        self.removed: set[tuple[int, str | None]] = set()
        self.dead: set[int] = set()
        self.owed: dict[int, tuple[OperationKind, int, str | None, str | None]] = {}
        self.late: dict[int, datetime | None] = {}
        self.weather: list[str] = []
        self.mishap: tuple[str, int, str, int] | None = None
        self.points: Counter[str] = Counter()
        self.stops = 0
        self.violations: list[str] = []
        for account_id in self.accounts:
            self.reconnect(account_id)
        handler = EffectHandler(frozenset(OPERATIONS), send=self.send, find=self.find, record=self.record)
        self.workers = [
            Work(
                Watched(self.database, self.at),  # type: ignore[arg-type]
                self.locks,
                [handler],
                owner=f"worker {number}",
                clock=lambda skew=skew: self.now + timedelta(seconds=skew),
                timing_of=lambda _: TIMING,
                random=lambda: 1.0,
            )
            for number, skew in enumerate(SKEWS)
        ]

    # ------------------------------------------------------------------------------------- what people do
    @initialize(effects=st.lists(OWED, min_size=1, max_size=4))
    def owe_first(self, effects):
        self.owe_more(effects)

    @rule(effects=st.lists(OWED, min_size=1, max_size=4))
    def owe_more(self, effects):
        for effect in effects:
            self.enqueue(*effect)

    def enqueue(self, kind, account, comment, text, wait, window):
        due_at = self.now + timedelta(seconds=wait)
        late_at = None if window is None else due_at + timedelta(seconds=window)
        target = None if kind == OperationKind.PUBLISH else comment
        words = text if kind in CREATIVE else None
        with self.database.write() as session:
            effect = work.enqueue(
                session,
                key=f"{kind}:{len(self.owed)}",
                operation=kind,
                channel_id=self.accounts[account],
                target=target,
                payload={"text": words},
                due_at=due_at,
                late_at=late_at,
            )
        self.owed[effect.id] = (kind, effect.channel_id, target, words)
        self.late[effect.id] = late_at

    @rule(which=st.integers(0, 20), account=st.integers(0, 1), act=st.sampled_from(["cancel", "remove", "connect"]))
    def person_acts(self, which, account, act):
        if act == "connect":
            self.reconnect(self.accounts[account])
        elif act == "remove":
            self.removed.add((self.accounts[account], "c1"))
        elif self.owed:
            effect_id = sorted(self.owed)[which % len(self.owed)]
            with self.database.write() as session:
                cancelled = work.cancel(session, effect_id)
            if cancelled and any(seen.effect_id == effect_id for seen in self.applied):
                self.violations.append(f"effect {effect_id} was cancelled after it was applied")

    # ------------------------------------------------------------------------------------- what workers do
    @rule(worker=st.integers(0, 2), which=st.integers(0, 20))
    def deliver_anything(self, worker, which):
        """A message may be repeated, late, or about a row that is not due."""
        if self.owed:
            self.run(self.workers[worker].deliver, sorted(self.owed)[which % len(self.owed)], None, [])

    @rule(
        worker=st.integers(0, 2),
        wait=WAITS,
        mishap=MISHAPS,
        weather=st.lists(st.sampled_from(SENDS) | st.sampled_from(SENDS + REFUSALS), min_size=1, max_size=3),
    )
    def deliver(self, worker, wait, mishap, weather):
        self.now += timedelta(seconds=wait)
        for effect_id in self.workers[worker].claim(limit=3):
            self.run(self.workers[worker].deliver, effect_id, mishap, weather)
            mishap, weather = None, weather[1:]

    @rule(worker=st.integers(0, 2), wait=WAITS, mishap=MISHAPS, weather=st.lists(st.sampled_from(READS), max_size=3))
    def reconcile(self, worker, wait, mishap, weather):
        self.now += timedelta(seconds=wait)
        for effect_id in self.workers[worker].uncertain():
            self.run(self.workers[worker].reconcile, effect_id, mishap, weather)
            mishap, weather = None, weather[1:]

    def run(self, step, effect_id, mishap, weather):
        self.points, self.stops = Counter(), 0
        self.mishap, self.weather = mishap, list(weather)
        # The next loop goes on; a killed worker starts anew, and knows nothing.
        with suppress(Killed, OperationalError):
            step(effect_id)
        self.mishap, self.weather = None, []

    def at(self, name: str) -> None:
        """A point of a worker's way."""
        if self.mishap is None or self.mishap[0] != name:
            return
        self.points[name] += 1
        if self.points[name] <= self.mishap[1]:
            return
        _, _, how, seconds = self.mishap
        self.mishap = None
        if how == "killed":
            raise Killed
        if how == "refused" and name != "after the commit":
            raise OperationalError("the database went away", None, Exception())
        if how == "stopped" and name != "before the commit":  # There it holds the database, and all the others wait.
            self.stops += 1
            for _ in range(6):
                self.now += timedelta(seconds=seconds / 6)
                for other in self.workers:
                    for effect_id in other.uncertain():
                        other.reconcile(effect_id)
                    for effect_id in other.claim():
                        other.deliver(effect_id)

    # ------------------------------------------------------------------------------------- the network
    def send(self, task: Task) -> Seen:
        self.at("it arrives")
        fault = self.weather.pop(0) if self.weather else "fine"
        self.refuse(task, fault)
        if (task.channel_id, task.target) in self.removed:
            raise Gone
        if fault == "rejected":
            raise Rejected("100")
        if fault == "permission":
            raise PermissionMissing("pages_manage_posts")
        if fault == "dropped before":
            raise Ambiguous
        late_at = self.late[task.effect_id]
        if late_at is not None and self.now - timedelta(seconds=max(SKEWS)) >= late_at and not self.stops:
            self.violations.append(f"effect {task.effect_id} left at {self.now}, late since {late_at}")
        seen = Seen(
            id=f"r{len(self.applied)}",
            effect_id=task.effect_id,
            kind=task.operation,
            account_id=task.channel_id,
            target=task.target,
            text=task.payload["text"],
            at=self.now,
            visible_at=self.now + timedelta(seconds=LONGEST_LAG if fault.startswith("late") else 0),
        )
        self.applied.append(seen)
        self.at("the answer")
        if fault in ("dropped after", "late and dropped"):
            raise Ambiguous
        if fault == "surprise":
            raise ValueError("an answer that nobody foresaw")
        return seen

    def find(self, task: Task, taken: Collection[str]) -> Seen | None:
        self.at("a reading")
        fault = self.weather.pop(0) if self.weather else "fine"
        self.refuse(task, fault)
        if fault == "surprise":
            raise ValueError("a page that nobody foresaw")
        if (task.channel_id, task.target) in self.removed:
            return None
        visible = [seen for seen in self.applied if seen.visible_at <= self.now]
        found = None
        if task.operation in CREATIVE:
            wanted = (task.operation, task.channel_id, task.target, task.payload["text"])
            found = next(
                (
                    seen
                    for seen in visible
                    if (seen.kind, seen.account_id, seen.target, seen.text) == wanted
                    and seen.id not in taken
                    and seen.at >= task.since - timedelta(minutes=2)
                ),
                None,
            )
        elif self.hidden(task.channel_id, task.target) is (task.operation == OperationKind.HIDE):
            found = Seen("", task.effect_id, task.operation, task.channel_id, task.target, None, self.now, self.now)
        return found

    def refuse(self, task: Task, fault: str) -> None:
        if fault == "token":
            self.dead.add(task.channel_id)
        if task.channel_id in self.dead:
            raise TokenInvalid("expired")
        if fault == "throttled":
            raise Throttled(self.now + timedelta(minutes=20))
        if fault == "transient":
            raise Transient

    def hidden(self, account_id: int, target: str | None) -> bool:
        acts = [
            seen.kind == OperationKind.HIDE
            for seen in self.applied
            if (seen.account_id, seen.target) == (account_id, target)
            and seen.kind not in CREATIVE
            and seen.visible_at <= self.now
        ]
        return bool(acts) and acts[-1]

    def record(self, session: Session, effect: Effect, now: datetime) -> None:
        audit.note(session, "effect.settled", f"effect:{effect.id}", now=now, person_id=None)

    def reconnect(self, account_id: int) -> None:
        self.dead.discard(account_id)
        with self.database.write() as session:
            account = session.get_one(Account, account_id)
            account.token_lost, account.token_since, account.paused_until = None, self.now, None

    # ------------------------------------------------------------------------------------- what must hold
    @invariant()
    def nothing_was_done_against_orders(self):
        assert not self.violations

    @invariant()
    def nothing_was_done_twice(self):
        applied = Counter((seen.kind, seen.account_id, seen.target, seen.text) for seen in self.applied)
        owed = Counter(self.owed.values())
        assert not applied - owed

    def teardown(self):
        self.settle()
        self.now += timedelta(seconds=LONGEST_LAG)  # The network shows all that it applied.
        self.nothing_was_done_against_orders()
        self.nothing_was_done_twice()
        with self.database.read() as session:
            effects = session.scalars(select(Effect).order_by(Effect.id)).all()
            settled = Counter(session.scalars(select(AuditEntry.subject).where(AuditEntry.subject.like("effect:%"))))
        done = [effect for effect in effects if effect.state == EffectState.DONE]
        assert settled == {f"effect:{effect.id}": 1 for effect in effects if effect.state != EffectState.CANCELLED}, (
            "each end is recorded once"
        )

        # What was created is bound one to one, to effects that asked for exactly that.
        by_id = {seen.id: seen for seen in self.applied}
        bound = [effect for effect in done if effect.operation in CREATIVE]
        assert len({effect.remote_id for effect in bound}) == len(bound)
        for effect in bound:
            seen = by_id[effect.remote_id]
            assert (seen.kind, seen.account_id, seen.target, seen.text) == self.owed[effect.id]

        # Nothing is on the network for an effect that says it is not; what a citizen took away cannot be known.
        ended = Counter(self.owed[effect.id] for effect in done)
        for what, times in Counter(
            (seen.kind, seen.account_id, seen.target, seen.text) for seen in self.applied
        ).items():
            if what[0] in CREATIVE and (what[1], what[2]) not in self.removed:
                assert times == ended[what]

        # A hide recorded before an unhide goes out before it, each at most once, and the last one stands.
        for account_id in self.accounts:
            for target in ("c1", "c2"):
                acts = [
                    seen.effect_id
                    for seen in self.applied
                    if (seen.account_id, seen.target) == (account_id, target) and seen.kind not in CREATIVE
                ]
                assert all(one < next_ for one, next_ in pairwise(acts))
                asked = [
                    effect
                    for effect in done
                    if (effect.channel_id, effect.target) == (account_id, target) and effect.operation not in CREATIVE
                ]
                if asked and (account_id, target) not in self.removed:
                    assert self.hidden(account_id, target) is (asked[-1].operation == OperationKind.HIDE)

    def settle(self) -> None:
        """Good weather, every account connected: all comes to an end by itself."""
        for account_id in self.accounts:
            self.reconnect(account_id)
        for _ in range(60):
            with self.database.read() as session:
                still = session.execute(
                    select(Effect.id, Effect.state, Effect.outcome).where(Effect.state.in_(OPEN_STATES))
                ).all()
            if not still:
                return
            self.now += timedelta(minutes=6)
            for worker in self.workers:
                for effect_id in worker.uncertain():
                    worker.reconcile(effect_id)
                for effect_id in worker.claim():
                    worker.deliver(effect_id)
        pytest.fail(f"stuck: {still}")


@pytest.mark.parametrize("examples", [20, pytest.param(None, id="many", marks=pytest.mark.long)])
def test_every_history_ends_with_each_effect_applied_once(database, locks, accounts, clock, examples):
    class Here(Histories):
        pass

    Here.database, Here.locks, Here.accounts, Here.start = database, locks, accounts, clock.now
    examples = examples or settings().max_examples
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=examples if database.sqlite else max(10, examples // 10),
            stateful_step_count=12,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )

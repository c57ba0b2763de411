"""Work that leaves the building: claim, send, record, and reconcile by reading. The rows are the truth.

    ready ──claim──▶ claimed ──commit──▶ sending ──answer──▶ done | failed | ready (certainly not applied)
      ▲                 │ owner died        │ answer lost, owner died
      │◀────────────────┘                   ▼
      │◀──────── read, it is not there ── unknown ── read, it is there ──▶ done
                                            └── cannot be read ──▶ needs_person

No network takes an idempotency key, so a call is made only after its row says `sending` in a committed transaction,
and a row found in `sending` is never sent again before the network was read. While a call is in flight its process
holds a liveness lock; the reconciler touches a row only if it can take that lock, so a process that was merely
stopped for an hour does not meet a second sender when it wakes.

A trade (moderation, publishing) says how its own effects are sent, found and recorded; everything else is here.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased, joinedload

from models import budget
from models.accounts import Account
from models.effects import OPEN_STATES, Effect
from models.errors import Blocked, Gone, PermissionMissing, Rejected, Throttled, TokenInvalid, Transient
from models.locks import Locks
from models.session import Database
from models.vocabulary import AccountState, EffectKind, EffectState

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]


class Proof(Protocol):
    """What a trade gives back for an effect that is on the network."""

    @property
    def remote_id(self) -> str: ...
    @property
    def permalink(self) -> str | None: ...
    @property
    def at(self) -> datetime | None: ...
    @property
    def resume_at(self) -> datetime | None: ...


@dataclass(frozen=True)
class Task:
    """One effect as its trade needs it to send or to find, without a session."""

    effect_id: int
    key: str
    kind: EffectKind
    account_id: int
    target: str | None
    payload: dict[str, Any]
    since: datetime
    """When it was first sent: reading back looks from here on."""
    attempt: int
    """Counts claims: an answer is recorded only for the attempt that it belongs to."""


@dataclass(frozen=True)
class Trade:
    """How the effects of some kinds are sent, found again and recorded."""

    kinds: frozenset[EffectKind]
    creates: frozenset[EffectKind]
    """Kinds that make something new on the network, whose id must be bound to one effect only."""
    send: Callable[[Task], Proof]
    find: Callable[[Task, Collection[str]], Proof | None]
    record: Callable[[Session, Effect, datetime], None]
    """Called in the transaction in which an effect becomes done, failed or needs a person."""


@dataclass(frozen=True)
class Timing:
    """How long things may take. `settle` is a setting: how soon a network shows what it accepted."""

    lease: timedelta = timedelta(seconds=90)
    """Longer than any call may last (connect 5 s, read 30 s); after it the reconciler looks."""
    settle: timedelta = timedelta(seconds=15)
    """Wait after a lost answer before the first reading."""
    between_reads: timedelta = timedelta(seconds=15)
    reads: int = 3
    """Readings that must all find nothing before it is sent again."""
    give_up_reading: timedelta = timedelta(hours=24)
    first_backoff: timedelta = timedelta(seconds=15)
    longest_backoff: timedelta = timedelta(minutes=15)
    attempts: int = 60
    """Certain refusals of the passing kind (host unreachable) before it fails: about half a day."""


class Work:
    """The outbox of one city, as one process sees it. `owner` names the process in the rows that it claims, and `draw`
    gives numbers from 0 to 1 by chance.
    """

    def __init__(
        self,
        database: Database,
        locks: Locks,
        trades: Collection[Trade],
        *,
        owner: str,
        clock: Clock,
        timing: Timing,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._locks = locks
        self._trades = {kind: trade for trade in trades for kind in trade.kinds}
        self._owner = owner
        self._clock = clock
        self._timing = timing
        self._draw = draw

    def due(self, *, limit: int = 100) -> list[int]:
        """Ids of effects that could be sent now; of an account whose budget is nearly spent, one at a time."""
        now = self._clock()
        turn = func.row_number().over(partition_by=Effect.account_id, order_by=(Effect.due_at, Effect.id))
        with self._database.read() as session:
            account = aliased(Account)
            waiting = select(Effect.id, Effect.due_at, account.usage_percent, Effect.late_at, turn.label("turn"))
            rows = waiting.join(account, account.id == Effect.account_id).where(_sendable(now)).subquery()
            calm = or_(rows.c.usage_percent.is_(None), rows.c.usage_percent < budget.STOP)
            chosen = select(rows.c.id).where(or_(calm, rows.c.turn == 1, rows.c.late_at <= now))
            return list(session.scalars(chosen.order_by(rows.c.due_at, rows.c.id).limit(limit)))

    def doubtful(self, *, limit: int = 100) -> list[int]:
        """Ids of effects whose outcome must be read, or whose owner was not heard of for a lease."""
        now = self._clock()
        expired = and_(Effect.state.in_([EffectState.CLAIMED, EffectState.SENDING]), Effect.lease_until <= now)
        unread = and_(Effect.state == EffectState.UNKNOWN, Effect.read_due_at <= now, _account_usable(now))
        with self._database.read() as session:
            return list(session.scalars(select(Effect.id).where(or_(expired, unread)).order_by(Effect.id).limit(limit)))

    def deliver(self, effect_id: int) -> EffectState | None:
        """Send one effect, if it is still due and nobody else has it. Gives its new state, None if it was not ours."""
        with self._locks.try_hold(f"effect:{effect_id}") as alive:
            attempt = self._claim(effect_id) if alive else None
            if attempt is None:
                return None
            task = self._begin_sending(effect_id, attempt)
            if not isinstance(task, Task):
                return task
            try:
                proof = self._trades[task.kind].send(task)
            except Exception as error:  # noqa: BLE001 - a loop that sends must survive whatever a connector raises
                return self._record_error(task, error)
            return self._record_done(task, proof)

    def reconcile(self, effect_id: int) -> EffectState | None:
        """Decide about one doubtful effect by reading the network. None: its owner is alive, or it is settled."""
        with self._locks.try_hold(f"effect:{effect_id}") as free:
            if not free:
                return None
            asked_at, task = self._clock(), self._take_doubtful(effect_id)
            if task is None:
                return None
            trade = self._trades[task.kind]
            try:
                proof = trade.find(task, self._taken(task) if task.kind in trade.creates else ())
            except Exception as error:  # noqa: BLE001 - same reason as in `deliver`
                return self._record_unreadable(task, error, asked_at)
            return self._record_absent(task) if proof is None else self._record_done(task, proof)

    # Sending ---------------------------------------------------------------------------------------------------

    def _claim(self, effect_id: int) -> int | None:
        """The attempt that this is, if the row is ours now."""
        now = self._clock()
        with self._database.write() as session:
            statement = (
                update(Effect)
                .where(Effect.id == effect_id, _sendable(now))
                .values(state=EffectState.CLAIMED, owner=self._owner, lease_until=now + self._timing.lease)
                .values(attempt=Effect.attempt + 1)
                .returning(Effect.attempt)
            )
            return session.scalar(statement)

    def _begin_sending(self, effect_id: int, attempt: int) -> Task | EffectState | None:
        """From claimed to sending, committed before a byte leaves; an effect that is too late fails instead."""
        now = self._clock()
        with self._database.write() as session:
            effect = _load(session, effect_id)
            if (effect.attempt, effect.state) != (attempt, EffectState.CLAIMED):
                return None  # The lock was lost (its server was restarted) and somebody else went on with the row.
            if effect.late_at is not None and now >= effect.late_at:
                self._end(session, effect, EffectState.FAILED, "late", now)
                return EffectState.FAILED
            if (reason := _stopped(effect.account, now)) is not None:
                # Said by another worker since this one claimed it.
                _postpone(effect, now, reason)
                return EffectState.READY
            effect.state, effect.reads, effect.lease_until = EffectState.SENDING, 0, now + self._timing.lease
            effect.sent_at, effect.first_sent_at = now, effect.first_sent_at or now
            return _task(effect, effect.first_sent_at)

    def _record_error(self, task: Task, error: Exception) -> EffectState | None:
        now = self._clock()
        with self._database.write() as session:
            effect = _load(session, task.effect_id)
            if (effect.attempt, effect.state) != (task.attempt, EffectState.SENDING):
                return None
            match error:
                case Blocked():
                    # The same act again would be refused again and make the block longer: a person looks first.
                    budget.block(session, task.account_id, error.until, now=now)
                    self._end(session, effect, EffectState.FAILED, f"rejected:{budget.BLOCKED}", now)
                case Throttled():
                    budget.throttle(session, task.account_id, error.until)
                    _unsend(effect, error.until, "throttled")
                case TokenInvalid():
                    asked_at = effect.sent_at or now
                    budget.lose_token(session, task.account_id, error.reason, asked_at=asked_at, now=now)
                    _unsend(effect, now, "token_invalid")
                case Transient() if effect.attempt < self._timing.attempts:
                    _unsend(effect, now + max(error.after, self._backoff(effect.attempt)), "unreachable")
                case Transient():
                    self._end(session, effect, EffectState.FAILED, "unreachable", now)
                case PermissionMissing():
                    asked_at = effect.sent_at or now
                    budget.lack(session, task.account_id, [error.name], asked_at=asked_at, now=now)
                    self._end(session, effect, EffectState.FAILED, f"permission_missing:{error.name}", now)
                case Gone():
                    self._end(session, effect, EffectState.FAILED, "gone", now)
                case Rejected():
                    self._end(session, effect, EffectState.FAILED, f"rejected:{error.reason}"[:200], now)
                case _:
                    # `Ambiguous`, or something nobody foresaw: it may have been applied.
                    log.warning("effect %s: outcome unknown after %s", effect.id, type(error).__name__)
                    _doubt(effect, now + self._timing.settle)
            return effect.state

    def _record_done(self, task: Task, proof: Proof) -> EffectState | None:
        now = self._clock()
        try:
            with self._database.write() as session:
                effect = _load(session, task.effect_id)
                if proof.resume_at is not None:
                    budget.throttle(session, task.account_id, proof.resume_at)
                if effect.state not in OPEN_STATES:
                    return None
                effect.reason = effect.lease_until = effect.read_due_at = None
                effect.permalink, effect.done_at = proof.permalink, proof.at or now
                if task.kind in self._trades[task.kind].creates:
                    effect.remote_id = proof.remote_id
                effect.state = EffectState.DONE
                session.flush()
                self._trades[task.kind].record(session, effect, now)
        except IntegrityError:
            # Another effect with the same words was bound to this remote id while its own answer was lost. Reading
            # finds the one that is left over; until then nothing is certain about this row.
            with self._database.write() as session:
                effect = _load(session, task.effect_id)
                if effect.state in OPEN_STATES:
                    _doubt(effect, now + self._timing.settle)
                return effect.state
        return EffectState.DONE

    # Reconciling -----------------------------------------------------------------------------------------------

    def _take_doubtful(self, effect_id: int) -> Task | None:
        """With the lock held: free what was never sent, and give the task whose outcome must be read now."""
        now = self._clock()
        with self._database.write() as session:
            effect = _load(session, effect_id)
            expired = effect.lease_until is not None and effect.lease_until <= now
            if effect.state == EffectState.CLAIMED and expired:
                _postpone(effect, now, "owner_lost")
            elif effect.state == EffectState.SENDING and expired:
                _doubt(effect, max(now, (effect.sent_at or now) + self._timing.settle))
            if effect.state != EffectState.UNKNOWN or (effect.read_due_at or now) > now:
                return None
            if _stopped(effect.account, now) is not None:
                return None
            return _task(effect, effect.first_sent_at or now)

    def _record_absent(self, task: Task) -> EffectState | None:
        now = self._clock()
        with self._database.write() as session:
            effect = _load(session, task.effect_id)
            if (effect.attempt, effect.state) != (task.attempt, EffectState.UNKNOWN):
                return None
            effect.reads += 1
            if effect.reads < self._timing.reads:
                effect.read_due_at = now + self._timing.between_reads
            elif effect.attempt < self._timing.attempts:
                log.info("effect %s: read %s times and not there, goes out again", effect.id, effect.reads)
                _postpone(effect, now + self._backoff(effect.attempt), "not_applied")
            else:
                self._end(session, effect, EffectState.FAILED, "not_applied", now)
            return effect.state

    def _record_unreadable(self, task: Task, error: Exception, asked_at: datetime) -> EffectState | None:
        now = self._clock()
        with self._database.write() as session:
            effect = _load(session, task.effect_id)
            if (effect.attempt, effect.state) != (task.attempt, EffectState.UNKNOWN):
                return None
            waited = now - (effect.sent_at or now)
            if isinstance(error, Throttled | TokenInvalid):
                budget.hear(session, task.account_id, error, asked_at=asked_at, now=now)
            match error:
                case Gone():
                    self._end(session, effect, EffectState.FAILED, "gone", now)
                case Rejected():
                    self._end(
                        session, effect, EffectState.NEEDS_PERSON, f"outcome_unreadable:{error.reason}"[:200], now
                    )
                case PermissionMissing():
                    self._end(session, effect, EffectState.NEEDS_PERSON, "outcome_unreadable", now)
                case _ if waited >= self._timing.give_up_reading:
                    self._end(session, effect, EffectState.NEEDS_PERSON, "outcome_unreadable", now)
                case Throttled():
                    effect.read_due_at = error.until
                case TokenInvalid():
                    effect.read_due_at = now + self._timing.longest_backoff
                case _:
                    effect.read_due_at = now + self._timing.between_reads
            return effect.state

    def _taken(self, task: Task) -> frozenset[str]:
        with self._database.read() as session:
            statement = select(Effect.remote_id).where(
                Effect.account_id == task.account_id,
                Effect.remote_id.is_not(None),
                Effect.done_at >= task.since - timedelta(days=1),
            )
            return frozenset(remote_id for remote_id in session.scalars(statement) if remote_id)

    def _end(self, session: Session, effect: Effect, state: EffectState, reason: str, now: datetime) -> None:
        effect.state, effect.reason, effect.lease_until, effect.read_due_at = state, reason, None, None
        session.flush()
        self._trades[EffectKind(effect.kind)].record(session, effect, now)

    def _backoff(self, attempt: int) -> timedelta:
        longest = min(self._timing.longest_backoff, self._timing.first_backoff * (1 << min(max(attempt - 1, 0), 10)))
        # What failed together is not tried again together: a host that comes back would have it all in one second.
        return longest * (0.5 + self._draw() / 2)


def owe(
    session: Session,
    *,
    key: str,
    kind: EffectKind,
    account_id: int,
    target: str | None,
    payload: dict[str, Any],
    due_at: datetime,
    late_at: datetime | None = None,
) -> Effect:
    """Record an effect in the caller's transaction. The same `key` twice is refused by the database."""
    effect = Effect(
        key=key, kind=kind, account_id=account_id, target=target, payload=payload, due_at=due_at, late_at=late_at
    )
    session.add(effect)
    session.flush()
    return effect


def cancel(session: Session, effect_id: int) -> bool:
    """From ready to cancelled, without a trace on the network. False: it is too late for that."""
    statement = (
        update(Effect)
        .where(Effect.id == effect_id, Effect.state == EffectState.READY, Effect.first_sent_at.is_(None))
        .values(state=EffectState.CANCELLED)
        .returning(Effect.id)
    )
    return session.scalar(statement) is not None


def doubt_restored(session: Session, *, now: datetime) -> int:
    """After a copy of the database was put back: what was due since the copy may have left already, so the network is
    read before anything of it is sent again. Gives how many effects that concerns.
    """
    waiting = (EffectState.READY, EffectState.CLAIMED, EffectState.SENDING)
    effects = session.scalars(select(Effect).where(Effect.state.in_(waiting), Effect.due_at <= now)).all()
    for effect in effects:
        # It cannot have left before it was due.
        effect.first_sent_at = effect.first_sent_at or effect.due_at
        effect.sent_at = now
        _doubt(effect, now)
    return len(effects)


def _sendable(now: datetime) -> ColumnElement[bool]:
    """Due, its account usable, and nothing older still open on the same target (a hide before its unhide); or late
    already, so that a person hears of it whatever it waits for.
    """
    older = aliased(Effect)
    blocked = exists(
        select(older.id).where(
            older.account_id == Effect.account_id,
            older.target == Effect.target,
            older.id < Effect.id,
            older.state.in_(OPEN_STATES),
        )
    )
    in_turn = and_(Effect.due_at <= now, _account_usable(now), ~blocked)
    return and_(Effect.state == EffectState.READY, or_(in_turn, Effect.late_at <= now))


def _account_usable(now: datetime) -> ColumnElement[bool]:
    return exists(select(Account.id).where(Account.id == Effect.account_id, budget.usable(now)))


def _stopped(account: Account, now: datetime) -> str | None:
    """Why no call of this account may be made now, if that is so."""
    if account.state == AccountState.TOKEN_INVALID:
        return "token_invalid"
    return "throttled" if budget.throttled(account, now) else None


def _load(session: Session, effect_id: int) -> Effect:
    return session.execute(
        select(Effect).options(joinedload(Effect.account)).where(Effect.id == effect_id).with_for_update(of=Effect)
    ).scalar_one()


def _task(effect: Effect, since: datetime) -> Task:
    kind, attempt = EffectKind(effect.kind), effect.attempt
    return Task(effect.id, effect.key, kind, effect.account_id, effect.target, effect.payload, since, attempt)


def _postpone(effect: Effect, due_at: datetime, reason: str) -> None:
    effect.state, effect.due_at, effect.reason = EffectState.READY, due_at, reason
    effect.lease_until = effect.read_due_at = None


def _unsend(effect: Effect, due_at: datetime, reason: str) -> None:
    """Certainly not applied: if that was the first time, it never left, and can be cancelled as before."""
    if effect.first_sent_at == effect.sent_at:
        effect.first_sent_at = None
    _postpone(effect, due_at, reason)


def _doubt(effect: Effect, read_due_at: datetime) -> None:
    effect.state, effect.read_due_at, effect.reads, effect.lease_until = EffectState.UNKNOWN, read_due_at, 0, None
    effect.reason = "outcome_unknown"

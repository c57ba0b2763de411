"""Work that leaves the building: claim, send, record, and reconcile by reading. The rows are the truth.

    ready ──claim──▶ claimed ──begin──▶ sending ──answer──▶ done | failed | ready (certainly not applied)
      ▲                 │ not begun        │ answer lost, owner died
      │◀────────────────┘                  ▼
      │◀──────── read, it is not there ── unknown ── read, it is there ──▶ done
                                            └── cannot be read ──▶ needs_person
    done, and sent more than once: read once more; a second one that stands there is kept for a person

No network takes an idempotency key, so a call is made only after its row says `sending` in a committed transaction,
and a row found in `sending` is never sent again before the network was read. While a call is in flight its process
holds a liveness lock; the reconciler touches a row only if it can take that lock, so a process that was merely
stopped for an hour does not meet a second sender when it wakes. A claim is less: it keeps workers from doing the same
twice, is made for a few effects at once, and ends by itself when its worker does not come to them.

A trade (moderation, publishing) says how its own effects are sent, found and recorded (`EffectHandler`); everything
else is here. What may hold an effect back is in `models/outbox.py`.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import and_, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from models import channels, outbox
from models.channels import Channel
from models.effects import OPEN_STATES, Effect, still_open
from models.errors import Blocked, FarSideError, Gone, PermissionMissing, Rejected, Throttled, TokenInvalid, Transient
from models.locks import Locks
from models.session import Database
from models.vocabulary import CREATIVE, TAKE_BACK, EffectState, OperationKind, Outcome

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]

AT_ONCE = 4
"""Effects that a worker claims together: few, because the last of them waits for the calls of all before it."""
CLAIM = timedelta(seconds=20)
"""How long a worker has to come to what it claimed; then others may."""


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
    @property
    def proven(self) -> Collection[str]: ...


@dataclass(frozen=True)
class Timing:
    """How long things may take on one channel. `settle`: how soon its network shows what it accepted."""

    lease: timedelta = timedelta(seconds=90)
    """Longer than any call may last (connect 5 s, read 30 s); after it the reconciler looks."""
    settle: timedelta = timedelta(seconds=15)
    """Wait after a lost answer before the first reading."""
    between_reads: timedelta = timedelta(seconds=15)
    reads: int = 3
    """Readings that must all find nothing before it is sent again."""
    patience: timedelta = timedelta(0)
    """How long public words that no reading found wait before they are sent again: networks list what they accepted
    minutes late, and twice in public cannot be taken back.
    """
    give_up_reading: timedelta = timedelta(hours=24)
    first_backoff: timedelta = timedelta(seconds=15)
    longest_backoff: timedelta = timedelta(minutes=15)
    attempts: int = 60
    """Certain refusals of the passing kind (host unreachable) before it fails: about half a day."""


@dataclass(frozen=True)
class Task:
    """One effect as its trade needs it to send or to find, without a session."""

    effect_id: int
    key: str
    operation: OperationKind
    channel_id: int
    target: str | None
    payload: dict[str, Any]
    since: datetime
    """When it was first sent: reading back looks from here on."""
    attempt: int
    """Counts claims: an answer is recorded only for the attempt that it belongs to."""
    timing: Timing
    """Of its channel."""
    missing: frozenset[str]
    """Permissions that its channel was said to lack."""
    again: bool
    """It may have left before."""


@dataclass(frozen=True)
class EffectHandler:
    """How the effects of some operations are sent, found again and recorded."""

    operations: frozenset[OperationKind]
    send: Callable[[Task], Proof]
    find: Callable[[Task, Collection[str]], Proof | None]
    record: Callable[[Session, Effect, datetime], None]
    """Called in the transaction in which an effect becomes done, failed or needs a person, and again where it is done
    and stands there a second time (`Effect.doubled`).
    """


class Work:
    """The outbox of one city, as one process sees it. `owner` names the process in the rows that it claims, `hold` is
    how long a claim lasts, `timing_of` says how patient to be with a channel, and `random` gives numbers from 0 to 1 by
    chance.
    """

    def __init__(
        self,
        database: Database,
        locks: Locks,
        handlers: Collection[EffectHandler],
        *,
        owner: str,
        clock: Clock,
        timing_of: Callable[[Channel], Timing],
        hold: timedelta = CLAIM,
        random: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._locks = locks
        self._handlers = {operation: handler for handler in handlers for operation in handler.operations}
        self._owner = owner
        self._clock = clock
        self._timing_of = timing_of
        self._hold = hold
        self._random = random

    def due(self, *, limit: int = 100, calm: bool = False, of: frozenset[OperationKind] | None = None) -> list[int]:
        """Ids of effects that could be sent now, `of` some operations where they are given; at most one of a channel
        whose budget is nearly spent, and with `calm` none of such a channel.
        """
        with self._database.read() as session:
            calm = calm or not session.scalar(outbox.any_spent())
            return list(session.scalars(outbox.due(calm, of), {"now": self._clock(), "limit": limit}))

    def claim(
        self, *, limit: int = AT_ONCE, calm: bool = False, of: frozenset[OperationKind] | None = None
    ) -> list[int]:
        """Ids of effects that are due, as of `due`: this process's to deliver for a while, and nobody else's."""
        # What others are just taking stands among the first, so more are looked at than are taken.
        wanted = self.due(limit=limit * 8, calm=calm, of=of)
        if not wanted:
            return []
        now = self._clock()
        with self._database.write() as session:
            given = {"now": now, "wanted": wanted, "limit": limit, "by": self._owner, "until": now + self._hold}
            taken = set(session.scalars(outbox.taking(), given))
        return [effect_id for effect_id in wanted if effect_id in taken]

    def give_back(self, effect_ids: Collection[int]) -> None:
        """What was claimed here and not begun is due again, for whoever comes first."""
        mine = and_(Effect.id.in_(effect_ids), Effect.state == EffectState.CLAIMED, Effect.owner == self._owner)
        with self._database.write() as session:
            session.execute(update(Effect).where(mine).values(state=EffectState.READY, lease_until=None))

    def uncertain(self, *, limit: int = 100) -> list[int]:
        """Ids of effects whose outcome must be read, or whose owner was not heard of for a lease."""
        with self._database.read() as session:
            return list(session.scalars(outbox.uncertain(), {"now": self._clock(), "limit": limit}))

    def deliver(self, effect_id: int) -> EffectState | None:
        """Send one effect, if it was claimed here or is still due, and nobody else has it. Gives its new state, None if
        it was not ours.
        """
        with self._locks.try_hold(f"effect:{effect_id}") as alive:
            task = self._begin(effect_id) if alive else None
            if not isinstance(task, Task):
                return task
            asked_at = self._clock()
            try:
                proof = self._handlers[task.operation].send(task)
            except Exception as error:  # noqa: BLE001 - a loop that sends must survive whatever a connector raises
                return self._record_error(task, error, asked_at, EffectState.SENDING)
            return self._record_done(task, proof, asked_at)

    def reconcile(self, effect_id: int) -> EffectState | None:
        """Decide about one uncertain effect by reading the network. None: its owner is alive, or it is settled."""
        with self._locks.try_hold(f"effect:{effect_id}") as free:
            if not free:
                return None
            asked_at, uncertain = self._clock(), self._take_uncertain(effect_id)
            if uncertain is None:
                return None
            task, state = uncertain
            try:
                proof = self._handlers[task.operation].find(task, self._taken(task))
            except Exception as error:  # noqa: BLE001 - same reason as in `deliver`
                return self._record_error(task, error, asked_at, state)
            if state == EffectState.DONE:
                return self._record_second(task, proof)
            if proof is None:
                return self._record_absent(task)
            self._learn_lag(task, asked_at)
            return self._record_done(task, proof, asked_at)

    # Sending ---------------------------------------------------------------------------------------------------

    def _begin(self, effect_id: int) -> Task | EffectState | None:
        """To sending, committed before a byte leaves; an effect that is too late fails instead."""
        now = self._clock()
        with self._database.write() as session:
            given = {"effect_id": effect_id, "now": now, "by": self._owner}
            effect = session.scalar(outbox.beginning(), given)
            if effect is None:
                return None
            if effect.state == EffectState.READY:
                effect.owner, effect.attempt = self._owner, effect.attempt + 1
            if effect.late_at is not None and now >= effect.late_at:
                return self._end(session, effect, EffectState.FAILED, now, Outcome.LATE)
            if (why := _stopped(effect.channel, now)) is not None:
                # Said by another worker since this one claimed it.
                _postpone(effect, now, why)
                return EffectState.READY
            task = self._task(effect, effect.first_sent_at or now)
            effect.state, effect.reads, effect.lease_until = EffectState.SENDING, 0, now + task.timing.lease
            effect.sent_at, effect.first_sent_at = now, task.since
            return task

    def _record_error(
        self, task: Task, error: Exception, asked_at: datetime, during: EffectState
    ) -> EffectState | None:
        """What an error does to the channel and to its effect, which was being sent or (`UNKNOWN`) read back."""
        now, timing = self._clock(), task.timing
        with self._database.write() as session:
            effect = _load(session, task.effect_id)
            if isinstance(error, FarSideError):
                channel = channels.lock(session, Channel, task.channel_id)
                channels.record_error(session, channel, error, asked_at=asked_at, now=now)
            if (effect.attempt, effect.state) != (task.attempt, during):
                return None
            (outcome, detail), again_at = meaning(error), self._again_at(error, task, now)
            if during == EffectState.DONE:
                passing = now - (effect.sent_at or now) < timing.give_up_reading
                effect.read_due_at = max(again_at or now, now + timing.between_reads) if passing else None
            elif during == EffectState.SENDING:
                # The same act again would be refused again and make a block longer: a person looks first.
                if again_at is not None and outcome != Outcome.BLOCKED:
                    # Certainly not applied: if that was the first time, it never left, and can be cancelled as before.
                    if effect.first_sent_at == effect.sent_at:
                        effect.first_sent_at = None
                    _postpone(effect, again_at, outcome)
                elif outcome == Outcome.UNKNOWN:
                    log.warning("effect %s: outcome unknown after %s", effect.id, type(error).__name__)
                    _doubt(effect, now + timing.settle)
                else:
                    self._end(session, effect, EffectState.FAILED, now, outcome, detail)
            elif outcome == Outcome.GONE:
                # What is not there to be read has no sign of an act; words in public may stand there all the same.
                unsure = effect.operation in CREATIVE
                self._end(session, effect, EffectState.NEEDS_PERSON if unsure else EffectState.FAILED, now, outcome)
            elif outcome in (Outcome.REJECTED, Outcome.PERMISSION_MISSING) or (
                now - (effect.sent_at or now) >= timing.give_up_reading
            ):
                self._end(session, effect, EffectState.NEEDS_PERSON, now, Outcome.UNREADABLE, detail)
            else:
                effect.read_due_at = max(again_at or now, now + timing.between_reads)
            return effect.state

    def _again_at(self, error: Exception, task: Task, now: datetime) -> datetime | None:
        """When to ask again for the sake of an error; None: never."""
        match error:
            case Throttled():
                return error.until
            case TokenInvalid():
                return now
            case Transient() if task.attempt < task.timing.attempts:
                return now + max(error.after, self._backoff(task))
        return None

    def _record_done(self, task: Task, proof: Proof, asked_at: datetime) -> EffectState | None:
        now = self._clock()
        try:
            with self._database.write() as session:
                effect = _load(session, task.effect_id)
                if proof.resume_at is not None or not task.missing.isdisjoint(proof.proven):
                    channel = channels.lock(session, Channel, task.channel_id)
                    channels.record_proven(session, channel, proof.proven, asked_at=asked_at, now=now)
                    if proof.resume_at is not None:
                        channels.pause(channel, proof.resume_at, now=now)
                if effect.state not in OPEN_STATES:
                    return None
                effect.permalink, effect.done_at = proof.permalink, proof.at or now
                if task.operation in CREATIVE:
                    effect.remote_id = proof.remote_id
                self._end(session, effect, EffectState.DONE, now)
                if task.operation in CREATIVE and effect.sent_at != effect.first_sent_at:
                    # What was sent before may have been accepted all the same, and listed later than anybody waited.
                    effect.read_due_at = now + max(task.timing.settle, task.timing.patience)
                return EffectState.DONE
        except IntegrityError:
            # Another effect with the same words was bound to this remote id while its own answer was lost. Reading
            # finds the one that is left over; until then nothing is certain about this row.
            with self._database.write() as session:
                effect = _load(session, task.effect_id)
                if effect.state in OPEN_STATES:
                    _doubt(effect, now + task.timing.settle)
                return effect.state

    # Reconciling -----------------------------------------------------------------------------------------------

    def _take_uncertain(self, effect_id: int) -> tuple[Task, EffectState] | None:
        """With the lock held: free what was never sent, and give the task whose outcome must be read now."""
        now = self._clock()
        with self._database.write() as session:
            effect = session.scalars(outbox.whole(), {"effect_id": effect_id}).one()
            task = self._task(effect, effect.first_sent_at or now)
            expired = effect.lease_until is not None and effect.lease_until <= now
            if effect.state == EffectState.CLAIMED and expired:
                _postpone(effect, now, Outcome.OWNER_LOST)
            elif effect.state == EffectState.SENDING and expired:
                _doubt(effect, max(now, (effect.sent_at or now) + task.timing.settle))
            if effect.read_due_at is None or effect.read_due_at > now or _stopped(effect.channel, now) is not None:
                return None
            return task, effect.state

    def _record_absent(self, task: Task) -> EffectState | None:
        now = self._clock()
        with self._database.write() as session:
            effect = _load(session, task.effect_id)
            if (effect.attempt, effect.state) != (task.attempt, EffectState.UNKNOWN):
                return None
            effect.reads += 1
            waited = now - (effect.sent_at or now)
            if effect.reads < task.timing.reads or (effect.operation in CREATIVE and waited < task.timing.patience):
                # The longer it was not there, the longer until the next look; never past the end of the patience.
                effect.read_due_at = now + max(task.timing.between_reads, min(waited, task.timing.patience - waited))
            elif effect.attempt < task.timing.attempts:
                log.info("effect %s: read %s times and not there, goes out again", effect.id, effect.reads)
                _postpone(effect, now + self._backoff(task), Outcome.NOT_APPLIED)
            else:
                self._end(session, effect, EffectState.FAILED, now, Outcome.NOT_APPLIED)
            return effect.state

    def _record_second(self, task: Task, proof: Proof | None) -> EffectState:
        """What was sent more than once was read once more. A second one in public is for a person to take back."""
        with self._database.write() as session:
            effect, now = _load(session, task.effect_id), self._clock()
            effect.read_due_at = None
            if proof is not None and self._may_be_of_another(session, effect, proof.remote_id):
                effect.read_due_at = now + task.timing.between_reads
            elif proof is not None:
                log.warning("effect %s: stands there twice", effect.id)
                effect.second_id, effect.second_link = proof.remote_id, proof.permalink
                effect.outcome = Outcome.DOUBLED
                session.flush()
                self._handlers[effect.operation].record(session, effect, now)
            return effect.state

    @staticmethod
    def _may_be_of_another(session: Session, effect: Effect, remote_id: str) -> bool:
        """Whether what stands there is, or may turn out to be, what another effect created: many share their words."""
        other = aliased(Effect)
        theirs = or_(other.remote_id == remote_id, other.second_id == remote_id)
        in_doubt = and_(
            other.operation.in_(CREATIVE),
            other.target.is_not_distinct_from(effect.target),
            still_open(other),
            other.first_sent_at.is_not(None),
        )
        here = and_(other.channel_id == effect.channel_id, other.id != effect.id)
        return session.scalar(select(other.id).where(here, or_(theirs, in_doubt)).limit(1)) is not None

    def _learn_lag(self, task: Task, found_at: datetime) -> None:
        """What was accepted shows so late on this channel: its words wait longer from now on (`Timing.patience`). What
        the first reading found says nothing: that nobody looked before, for lack of a worker, is not the network's lag.
        """
        if task.operation not in CREATIVE:
            return
        with self._database.write() as session:
            effect = _load(session, task.effect_id)
            lag = (found_at - (effect.sent_at or found_at)).total_seconds()
            log.info("effect %s: found %.0f s after it was sent", effect.id, lag)
            if not effect.reads:
                return
            channel = channels.lock(session, Channel, task.channel_id)
            channel.lag_seconds = max(channel.lag_seconds or 0.0, lag)

    def _taken(self, task: Task) -> frozenset[str]:
        """What was created since and belongs to other effects already."""
        if task.operation not in CREATIVE:
            return frozenset()
        with self._database.read() as session:
            statement = select(Effect.remote_id, Effect.second_id).where(
                Effect.channel_id == task.channel_id,
                Effect.remote_id.is_not(None),
                Effect.done_at >= task.since - timedelta(days=1),
            )
            return frozenset(remote_id for ids in session.execute(statement) for remote_id in ids if remote_id)

    def _task(self, effect: Effect, since: datetime) -> Task:
        channel, kind = effect.channel, OperationKind(effect.operation)
        what = (effect.id, effect.key, kind, effect.channel_id, effect.target, effect.payload)
        told = (since, effect.attempt, self._timing_of(channel), frozenset(channel.missing))
        return Task(*what, *told, again=effect.first_sent_at is not None)

    def _end(
        self,
        session: Session,
        effect: Effect,
        state: EffectState,
        now: datetime,
        outcome: Outcome | None = None,
        detail: str | None = None,
    ) -> EffectState:
        effect.state, effect.outcome, effect.detail = state, outcome, detail and detail[:200]
        effect.lease_until = effect.read_due_at = None
        session.flush()
        self._handlers[effect.operation].record(session, effect, now)
        if effect.failed and outcome != Outcome.GONE and "second_of" in effect.payload:
            original = _load(session, effect.payload["second_of"])
            original.outcome = Outcome.DOUBLED
            self._handlers[original.operation].record(session, original, now)
        return state

    def _backoff(self, task: Task) -> timedelta:
        doubled = task.timing.first_backoff * (1 << min(max(task.attempt - 1, 0), 10))
        # What failed together is not tried again together: a host that comes back would have it all in one second.
        return min(task.timing.longest_backoff, doubled) * (0.5 + self._random() / 2)


def meaning(error: Exception) -> tuple[Outcome, str | None]:
    """What an error says of what was asked, and its detail."""
    match error:
        case Blocked():
            return Outcome.BLOCKED, None
        case Throttled():
            return Outcome.THROTTLED, None
        case TokenInvalid():
            return Outcome.TOKEN_INVALID, None
        case Transient():
            return Outcome.UNREACHABLE, None
        case PermissionMissing():
            return Outcome.PERMISSION_MISSING, error.name
        case Gone():
            return Outcome.GONE, None
        case Rejected():
            return Outcome.REJECTED, error.reason
    # `Ambiguous`, or something nobody foresaw: it may have been applied.
    return Outcome.UNKNOWN, None


def enqueue(
    session: Session,
    *,
    key: str,
    operation: OperationKind,
    channel_id: int,
    target: str | None,
    payload: dict[str, Any],
    due_at: datetime,
    late_at: datetime | None = None,
) -> Effect:
    """Record an effect in the caller's transaction. The same `key` twice is refused by the database."""
    effect = Effect(
        key=key,
        operation=operation,
        channel_id=channel_id,
        target=target,
        payload=payload,
        due_at=due_at,
        late_at=late_at,
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


def settle_second(session: Session, effect: Effect, *, take_back: bool, now: datetime) -> None:
    """A person says what becomes of the second one: it is deleted there, or stays. Should deleting fail, it is theirs
    again to say.
    """
    if take_back:
        enqueue(
            session,
            key=f"take_back:{effect.id}:{now.timestamp()}",
            operation=TAKE_BACK[effect.operation],
            channel_id=effect.channel_id,
            target=effect.second_id,
            payload={"second_of": effect.id},
            due_at=now,
        )
    effect.outcome = None


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


def _stopped(channel: Channel, now: datetime) -> Outcome | None:
    """Why nothing may be called on this channel now, if that is so."""
    if channel.token_lost is not None:
        return Outcome.TOKEN_INVALID
    return Outcome.THROTTLED if channel.paused(now) else None


def _load(session: Session, effect_id: int) -> Effect:
    return session.scalars(outbox.alone(), {"effect_id": effect_id}).one()


def _postpone(effect: Effect, due_at: datetime, outcome: Outcome) -> None:
    effect.state, effect.due_at, effect.outcome, effect.detail = EffectState.READY, due_at, outcome, None
    effect.lease_until = effect.read_due_at = None


def _doubt(effect: Effect, read_due_at: datetime) -> None:
    effect.state, effect.read_due_at, effect.reads, effect.lease_until = EffectState.UNKNOWN, read_due_at, 0, None
    effect.outcome, effect.detail = Outcome.UNKNOWN, None

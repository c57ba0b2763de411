"""Each arrow of the outbox, and each error that a network can answer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from models import channels, work
from models.accounts import Account
from models.audit import AuditEntry
from models.effects import Effect
from models.errors import Ambiguous, Blocked, Gone, PermissionMissing, Rejected, Throttled, TokenInvalid, Transient
from models.vocabulary import ChannelState, EffectState, OperationKind, Outcome
from models.work import EffectHandler, Task, Timing, Work

TIMING = Timing()
UNTIL = datetime.fromisoformat("2026-11-02T15:00:00+00:00")


@dataclass(frozen=True)
class Proof:
    remote_id: str = "r1"
    permalink: str | None = "https://network.example/r1"
    at: datetime | None = None
    resume_at: datetime | None = None
    proven: frozenset[str] = frozenset()


@dataclass
class Desk:
    """A trade whose network answers what the test says, and one worker beside it."""

    database: object
    locks: object
    accounts: list[int]
    clock: object
    sent: list[str] = field(default_factory=list)
    asked: list[frozenset[str]] = field(default_factory=list)
    recorded: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    luck: float = 1.0
    """What the workers draw: a wait is never shorter than half, and this is the longest."""
    timing: Timing = TIMING
    on_send: Callable[[Task], Proof] = lambda task: Proof()
    on_find: Callable[[Task], Proof | None] = lambda task: None

    def __post_init__(self):
        self.work = self.worker("worker")

    def worker(self, owner, locks=None):
        def send(task):
            self.sent.append(task.key)
            return self.on_send(task)

        def find(task, taken):
            self.asked.append(frozenset(taken))
            return self.on_find(task)

        def record(session, effect, now):
            self.recorded.append((effect.state, effect.outcome, effect.detail))

        handler = EffectHandler(frozenset(OperationKind), send=send, find=find, record=record)
        common = {"owner": owner, "clock": self.clock, "timing_of": lambda _: self.timing, "random": lambda: self.luck}
        return Work(self.database, locks or self.locks, [handler], **common)

    def enqueue(self, key="k", *, operation=OperationKind.REPLY, target="c1", late=None, account=0):
        late_at = None if late is None else self.clock.now + timedelta(seconds=late)
        with self.database.write() as session:
            return work.enqueue(
                session,
                key=key,
                operation=operation,
                channel_id=self.accounts[account],
                target=target,
                payload={"text": "Merci!"},
                due_at=self.clock.now,
                late_at=late_at,
            ).id

    def cancel(self, effect_id):
        with self.database.write() as session:
            return work.cancel(session, effect_id)

    def effect(self, effect_id):
        with self.database.read() as session:
            return session.get_one(Effect, effect_id)

    def account(self, number=0):
        with self.database.read() as session:
            return session.get_one(Account, self.accounts[number])

    def locked(self, session):
        return channels.lock(session, Account, self.accounts[0])

    def said(self):
        """What was written down about the accounts, oldest first."""
        with self.database.read() as session:
            return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))

    def connect_again(self):
        with self.database.write() as session:
            account = session.get_one(Account, self.accounts[0])
            channels.replace_token(account, (), now=self.clock.now)

    def raising(self, error):
        def raise_(*_):
            raise error

        return raise_

    def read_until_absent(self, effect_id):
        """Lose an answer, and read until it is certain that it is not there."""
        for _ in range(TIMING.reads):
            self.clock.pass_(TIMING.between_reads.total_seconds())
            state = self.work.reconcile(effect_id)
        return state


@pytest.fixture
def desk(database, locks, accounts, clock):
    return Desk(database, locks, accounts, clock)


@pytest.fixture
def blind_locks():
    """Locks that everybody gets: a database server that was restarted forgot who holds what."""

    class Blind:
        @contextmanager
        def try_hold(self, name):
            yield True

    return Blind()


# ------------------------------------------------------------------------------------------ sending
def test_what_is_sent_is_bound_and_recorded_once(desk, clock):
    effect_id = desk.enqueue()
    assert desk.work.due() == [effect_id]
    assert desk.work.deliver(effect_id) == EffectState.DONE
    assert desk.work.deliver(effect_id) is None
    effect = desk.effect(effect_id)
    assert (effect.state, effect.remote_id, effect.permalink, effect.done_at, effect.outcome, effect.attempt) == (
        EffectState.DONE,
        "r1",
        "https://network.example/r1",
        clock.now,
        None,
        1,
    )
    assert (desk.sent, desk.recorded) == (["k"], [(EffectState.DONE, None, None)])
    assert desk.work.due() == desk.work.uncertain() == []


def test_an_act_that_creates_nothing_takes_no_remote_id(desk):
    hide, other = (
        desk.enqueue("hide", operation=OperationKind.HIDE),
        desk.enqueue("other", operation=OperationKind.HIDE, target="c2"),
    )
    assert [desk.work.deliver(hide), desk.work.deliver(other)] == [EffectState.DONE, EffectState.DONE]
    assert desk.effect(hide).remote_id is None


@pytest.mark.parametrize(
    ("error", "state", "outcome", "detail", "due_in", "account"),
    [
        (Throttled(UNTIL), EffectState.READY, Outcome.THROTTLED, None, timedelta(hours=1), ChannelState.ACTIVE),
        (Blocked(UNTIL), EffectState.FAILED, Outcome.BLOCKED, None, timedelta(0), ChannelState.ACTIVE),
        (
            TokenInvalid("expired"),
            EffectState.READY,
            Outcome.TOKEN_INVALID,
            None,
            timedelta(0),
            ChannelState.TOKEN_INVALID,
        ),
        (
            Transient(timedelta(0)),
            EffectState.READY,
            Outcome.UNREACHABLE,
            None,
            TIMING.first_backoff,
            ChannelState.ACTIVE,
        ),
        (
            Transient(timedelta(minutes=5)),
            EffectState.READY,
            Outcome.UNREACHABLE,
            None,
            timedelta(minutes=5),
            ChannelState.ACTIVE,
        ),
        (
            PermissionMissing("pages_manage_posts"),
            EffectState.FAILED,
            Outcome.PERMISSION_MISSING,
            "pages_manage_posts",
            timedelta(0),
            ChannelState.PERMISSION_MISSING,
        ),
        (Gone(), EffectState.FAILED, Outcome.GONE, None, timedelta(0), ChannelState.ACTIVE),
        (Rejected("100"), EffectState.FAILED, Outcome.REJECTED, "100", timedelta(0), ChannelState.ACTIVE),
        (Ambiguous(), EffectState.UNKNOWN, Outcome.UNKNOWN, None, timedelta(0), ChannelState.ACTIVE),
        (ValueError("nobody foresaw"), EffectState.UNKNOWN, Outcome.UNKNOWN, None, timedelta(0), ChannelState.ACTIVE),
    ],
)
def test_what_each_error_does(desk, clock, error, state, outcome, detail, due_in, account):
    effect_id, desk.on_send = desk.enqueue(), desk.raising(error)
    assert desk.work.deliver(effect_id) == state
    effect = desk.effect(effect_id)
    assert (effect.state, effect.outcome, effect.detail) == (state, outcome, detail)
    assert effect.due_at == clock.now + due_in
    assert effect.lease_until is None
    assert desk.account().state == account
    assert desk.recorded == ([(state, outcome, detail)] if state == EffectState.FAILED else [])
    assert effect.read_due_at == (clock.now + TIMING.settle if state == EffectState.UNKNOWN else None)


def test_a_throttled_account_waits_and_the_others_do_not(desk, clock):
    first, second = desk.enqueue("one"), desk.enqueue("two", target="c2")
    elsewhere = desk.enqueue("three", account=1)
    desk.on_send = desk.raising(Throttled(UNTIL))
    desk.work.deliver(first)
    assert desk.work.due() == [elsewhere]
    assert desk.work.deliver(second) is None
    clock.now = UNTIL
    assert desk.work.due() == [second, elsewhere]


@pytest.mark.parametrize("lacking", [(), ("pages_manage_ads",)])
def test_a_block_is_for_a_person_and_nothing_else_leaves_meanwhile(desk, clock, lacking):
    """Meta's 368: the same words again, or more acts, would only lengthen it."""
    with desk.database.write() as session:
        if lacking:
            channels.set_missing(session, desk.locked(session), lacking, now=clock.now)
    first, second, flying = desk.enqueue("one"), desk.enqueue("two", target="c2"), desk.enqueue("three", target="c3")

    def both_are_told(task):
        if task.effect_id == first:
            desk.work.deliver(flying)
        raise Blocked(UNTIL)

    desk.on_send = both_are_told
    assert desk.work.deliver(first) == EffectState.FAILED
    assert desk.recorded == [(EffectState.FAILED, Outcome.BLOCKED, None)] * 2
    assert desk.work.due() == []
    assert desk.work.deliver(second) is None
    assert desk.account().blocked(clock.now)
    assert desk.said()[len(lacking) :] == ["account_blocked"], "two workers heard it, and it is said once"
    clock.now = UNTIL
    desk.on_send = lambda task: Proof()
    assert not desk.account().blocked(clock.now)
    assert desk.work.due() == [second]
    assert desk.work.deliver(second) == EffectState.DONE


def test_a_block_that_a_reading_back_hears_leaves_the_outcome_open(desk, clock):
    effect_id, desk.on_send, desk.on_find = desk.enqueue(), desk.raising(Ambiguous()), desk.raising(Blocked(UNTIL))
    desk.work.deliver(effect_id)
    clock.pass_(TIMING.settle.total_seconds())
    assert desk.work.reconcile(effect_id) == EffectState.UNKNOWN
    assert (desk.effect(effect_id).read_due_at, desk.account().blocked(clock.now)) == (UNTIL, True)


def test_a_dead_token_stops_its_account_until_it_is_connected_again(desk):
    effect_id, desk.on_send = desk.enqueue(), desk.raising(TokenInvalid("expired"))
    desk.work.deliver(effect_id)
    assert (desk.work.due(), desk.account().reason) == ([], "expired")
    desk.connect_again()
    desk.on_send = lambda task: Proof()
    assert desk.work.deliver(effect_id) == EffectState.DONE


@pytest.mark.parametrize("step", ["send", "find"])
def test_the_death_of_an_old_token_says_nothing_of_a_new_one(desk, clock, step):
    """The answer to a call that left before the account was connected again comes after."""
    effect_id = desk.enqueue()
    if step == "find":
        desk.on_send = desk.raising(Ambiguous())
        desk.work.deliver(effect_id)
        clock.pass_(20)

    def connected_meanwhile(task):
        clock.pass_(1)
        desk.connect_again()
        clock.pass_(1)
        raise TokenInvalid("expired")

    desk.on_send = desk.on_find = connected_meanwhile
    desk.work.deliver(effect_id) if step == "send" else desk.work.reconcile(effect_id)
    assert desk.account().state == ChannelState.ACTIVE


def test_a_host_that_stays_away_is_tried_ever_more_slowly_and_then_no_more(desk, clock):
    effect_id, desk.on_send = desk.enqueue(), desk.raising(Transient(timedelta(0)))
    waits = []
    while desk.effect(effect_id).state == EffectState.READY:
        waits.append(desk.effect(effect_id).due_at - clock.now)
        clock.now = desk.effect(effect_id).due_at
        desk.work.deliver(effect_id)
    assert waits[1:4] == [TIMING.first_backoff * factor for factor in (1, 2, 4)]
    assert max(waits) == TIMING.longest_backoff
    assert len(desk.sent) == TIMING.attempts
    assert desk.recorded == [(EffectState.FAILED, Outcome.UNREACHABLE, None)]


@pytest.mark.parametrize("step", ["send", "find"])
def test_effects_that_failed_together_are_not_tried_again_together(desk, clock, step):
    """A host that came back would have them all in the same second."""
    desk.on_send, waits = desk.raising(Ambiguous() if step == "find" else Transient(timedelta(0))), []
    for number, desk.luck in enumerate((0.0, 0.5, 1.0)):
        effect_id = desk.enqueue(f"k{number}", target=f"c{number}")
        desk.work.deliver(effect_id)
        if step == "find":
            desk.read_until_absent(effect_id)
        waits.append(desk.effect(effect_id).due_at - clock.now)
    assert waits == [TIMING.first_backoff * part for part in (0.5, 0.75, 1)]


def test_what_is_late_does_not_leave(desk, clock):
    effect_id = desk.enqueue(late=60)
    clock.pass_(60)
    assert desk.work.deliver(effect_id) == EffectState.FAILED
    assert (desk.sent, desk.recorded) == ([], [(EffectState.FAILED, Outcome.LATE, None)])


@pytest.mark.parametrize("error", [TokenInvalid("expired"), Throttled(UNTIL)])
def test_what_is_late_comes_to_a_person_even_while_its_account_cannot_be_used(desk, clock, error):
    effect_id, desk.on_send = desk.enqueue(late=60), desk.raising(error)
    desk.work.deliver(effect_id)
    assert desk.work.due() == []
    clock.pass_(60)
    assert desk.work.due() == [effect_id]
    assert desk.work.deliver(effect_id) == EffectState.FAILED
    assert (len(desk.sent), desk.recorded) == (1, [(EffectState.FAILED, Outcome.LATE, None)])


def test_two_effects_on_one_target_go_out_in_their_order(desk):
    hide, unhide = (
        desk.enqueue("hide", operation=OperationKind.HIDE),
        desk.enqueue("unhide", operation=OperationKind.UNHIDE),
    )
    elsewhere = desk.enqueue("elsewhere", operation=OperationKind.UNHIDE, account=1)
    assert desk.work.due() == [hide, elsewhere]
    assert desk.work.deliver(unhide) is None
    desk.work.deliver(hide)
    assert desk.work.deliver(unhide) == EffectState.DONE


def test_the_same_intent_twice_is_refused(desk):
    desk.enqueue("same")
    with pytest.raises(IntegrityError):
        desk.enqueue("same")


# ------------------------------------------------------------------------------------------ cancelling
def test_what_has_not_left_can_be_cancelled_and_nothing_else(desk):
    waiting, done = desk.enqueue("waiting"), desk.enqueue("done", target="c2")
    desk.work.deliver(done)
    assert (desk.cancel(waiting), desk.cancel(waiting), desk.cancel(done)) == (True, False, False)
    assert desk.work.deliver(waiting) is None
    assert desk.sent == ["done"]


@pytest.mark.parametrize("error", [Throttled(UNTIL), TokenInvalid("expired"), Transient(timedelta(0))])
def test_what_was_certainly_refused_has_not_left(desk, error):
    """A post that waits for a dead token can still be taken back."""
    effect_id, desk.on_send = desk.enqueue(), desk.raising(error)
    desk.work.deliver(effect_id)
    assert desk.cancel(effect_id)


def test_what_was_sent_once_with_its_answer_lost_cannot_be_cancelled_any_more(desk):
    """Read and not there is not proof enough to promise that it left no trace."""
    effect_id, desk.on_send = desk.enqueue(), desk.raising(Ambiguous())
    desk.work.deliver(effect_id)
    assert desk.read_until_absent(effect_id) == EffectState.READY
    assert not desk.cancel(effect_id)
    desk.on_send = desk.raising(Transient(timedelta(0)))
    desk.clock.pass_(1000)
    assert desk.work.deliver(effect_id) == EffectState.READY
    assert not desk.cancel(effect_id)


# ------------------------------------------------------------------------------------------ reconciling
def test_a_lost_answer_is_read_after_the_settle_time_and_bound(desk, clock):
    effect_id, desk.on_send = desk.enqueue(), desk.raising(Ambiguous())
    desk.work.deliver(effect_id)
    assert (desk.work.uncertain(), desk.work.reconcile(effect_id), desk.work.deliver(effect_id)) == ([], None, None)
    clock.pass_(TIMING.settle.total_seconds())
    desk.on_find = lambda task: Proof()
    assert desk.work.uncertain() == [effect_id]
    assert desk.work.reconcile(effect_id) == EffectState.DONE
    assert (desk.effect(effect_id).remote_id, desk.recorded) == ("r1", [(EffectState.DONE, None, None)])


def test_what_is_read_enough_times_and_not_there_goes_out_again(desk, clock):
    effect_id, desk.on_send = desk.enqueue(), desk.raising(Ambiguous())
    desk.work.deliver(effect_id)
    since = desk.effect(effect_id).first_sent_at
    assert desk.read_until_absent(effect_id) == EffectState.READY
    assert (len(desk.asked), desk.effect(effect_id).outcome) == (TIMING.reads, Outcome.NOT_APPLIED)
    clock.now = desk.effect(effect_id).due_at
    desk.on_send = lambda task: Proof()
    assert desk.work.deliver(effect_id) == EffectState.DONE
    assert (desk.effect(effect_id).first_sent_at, desk.sent) == (since, ["k", "k"])


def test_late_is_not_absent(desk, clock):
    """Public words that the network lists minutes late are not sent a second time; an act in private is."""
    desk.timing = replace(TIMING, patience=timedelta(minutes=10))
    reply, hide = desk.enqueue(), desk.enqueue("h", operation=OperationKind.HIDE, target="c2")
    desk.on_send = desk.raising(Ambiguous())
    desk.work.deliver(reply)
    desk.work.deliver(hide)
    states = {}
    while clock.now < desk.effect(reply).sent_at + timedelta(minutes=8):
        clock.pass_(15)
        for effect_id in desk.work.uncertain():
            states[effect_id] = desk.work.reconcile(effect_id)
    assert states == {reply: EffectState.UNKNOWN, hide: EffectState.READY}
    desk.on_find = lambda task: Proof()
    clock.pass_(120)
    assert desk.work.uncertain() == [reply]
    assert desk.work.reconcile(reply) == EffectState.DONE
    assert desk.sent == ["k", "h"]
    assert 600 <= desk.account().lag_seconds <= 700  # Learned: the next one waits longer.


def test_what_the_first_reading_finds_says_nothing_of_how_late_a_network_is(desk, clock):
    """Nobody worked for three hours: that what was sent is listed by now is no reason to wait for hours ever after."""
    reply, desk.on_send, desk.on_find = desk.enqueue(), desk.raising(Ambiguous()), lambda task: Proof()
    desk.work.deliver(reply)
    clock.pass_(3 * 3_600)
    assert desk.work.reconcile(reply) == EffectState.DONE
    assert desk.account().lag_seconds is None


def test_public_words_that_stay_absent_go_out_again_after_the_patience(desk, clock):
    desk.timing = replace(TIMING, patience=timedelta(minutes=10))
    effect_id, desk.on_send = desk.enqueue(), desk.raising(Ambiguous())
    desk.work.deliver(effect_id)
    while desk.effect(effect_id).state == EffectState.UNKNOWN:
        clock.now = desk.effect(effect_id).read_due_at
        desk.work.reconcile(effect_id)
    assert desk.effect(effect_id).outcome == Outcome.NOT_APPLIED
    assert timedelta(minutes=10) <= clock.now - desk.effect(effect_id).sent_at < timedelta(minutes=11)
    assert len(desk.asked) < 20


def sent_twice(desk, clock):
    """A reply whose first answer is lost, that no reading finds in time, and that leaves again."""
    effect_id, desk.on_send = desk.enqueue(), desk.raising(Ambiguous())
    desk.work.deliver(effect_id)
    desk.read_until_absent(effect_id)
    clock.now, desk.on_send = desk.effect(effect_id).due_at, lambda task: Proof()
    desk.work.deliver(effect_id)
    desk.asked.clear()
    return effect_id


def test_what_was_sent_twice_is_read_once_more_and_a_second_copy_goes_to_a_person(desk, clock):
    desk.timing = replace(TIMING, patience=timedelta(seconds=40))
    effect_id = sent_twice(desk, clock)
    assert (desk.effect(effect_id).state, desk.work.uncertain()) == (EffectState.DONE, [])
    clock.pass_(40)
    assert desk.work.uncertain() == [effect_id]
    desk.on_find = lambda task: Proof("r0", "https://network.example/r0")
    assert desk.work.reconcile(effect_id) == EffectState.DONE
    assert desk.asked == [frozenset({"r1"})]  # Not the one that is known.
    effect = desk.effect(effect_id)
    assert (effect.remote_id, effect.second_id, effect.doubled) == ("r1", "r0", True)
    assert desk.recorded[-1] == (EffectState.DONE, Outcome.DOUBLED, None)
    assert desk.work.uncertain() == []


def test_the_same_words_of_another_whose_answer_was_lost_are_no_second_copy(desk, clock):
    effect_id = sent_twice(desk, clock)
    other = desk.enqueue("other", target=desk.effect(effect_id).target)
    desk.on_send = desk.raising(Ambiguous())
    desk.work.deliver(other)
    clock.pass_(TIMING.settle.total_seconds())
    desk.on_find = lambda task: Proof("r2")
    desk.work.reconcile(effect_id)
    assert not desk.effect(effect_id).doubled
    desk.work.reconcile(other)
    assert desk.effect(other).remote_id == "r2"
    clock.pass_(TIMING.between_reads.total_seconds())
    assert desk.work.uncertain() == [effect_id]
    desk.work.reconcile(effect_id)  # Read a moment before the other was bound.
    assert not desk.effect(effect_id).doubled


def test_what_was_sent_twice_and_stands_once_disturbs_nobody(desk, clock):
    effect_id = sent_twice(desk, clock)
    clock.pass_(15)
    assert desk.work.reconcile(effect_id) == EffectState.DONE
    assert (desk.effect(effect_id).doubled, len(desk.recorded), desk.work.uncertain()) == (False, 1, [])


@pytest.mark.parametrize("error", [Transient(), Ambiguous(), Rejected("100"), Gone(), ValueError("nobody foresaw")])
def test_a_second_copy_that_cannot_be_looked_for_is_looked_for_again(desk, clock, error):
    effect_id = sent_twice(desk, clock)
    clock.pass_(15)
    desk.on_find = desk.raising(error)
    assert desk.work.reconcile(effect_id) == EffectState.DONE
    assert (desk.effect(effect_id).outcome, len(desk.recorded)) == (None, 1)
    clock.pass_(60)
    assert desk.work.uncertain() == [effect_id]
    clock.now += TIMING.give_up_reading
    desk.work.reconcile(effect_id)
    assert desk.work.uncertain() == []


def test_an_act_in_private_that_was_done_twice_is_not_looked_for(desk, clock):
    effect_id, desk.on_send = desk.enqueue(operation=OperationKind.HIDE), desk.raising(Ambiguous())
    desk.work.deliver(effect_id)
    desk.read_until_absent(effect_id)
    clock.now, desk.on_send = desk.effect(effect_id).due_at, lambda task: Proof()
    assert desk.work.deliver(effect_id) == EffectState.DONE
    assert desk.effect(effect_id).read_due_at is None


@pytest.mark.parametrize(("error", "theirs_again"), [(None, False), (Gone(), False), (Rejected("200"), True)])
def test_a_second_copy_is_taken_back_once_a_person_says_so(desk, clock, error, theirs_again):
    effect_id = sent_twice(desk, clock)
    clock.pass_(15)
    desk.on_find = lambda task: Proof("r0", None)
    desk.work.reconcile(effect_id)
    with desk.database.write() as session:
        work.settle_second(session, session.get_one(Effect, effect_id), take_back=True, now=clock.now)
    desk.on_send = desk.raising(error) if error else lambda task: Proof()
    (taking_back,) = desk.work.due()
    desk.work.deliver(taking_back)
    deleted = desk.effect(taking_back)
    assert (deleted.operation, deleted.target) == (OperationKind.DELETE, "r0")
    assert desk.effect(effect_id).doubled is theirs_again


@pytest.mark.parametrize(
    ("operation", "state"),
    [
        (OperationKind.REPLY, EffectState.NEEDS_PERSON),
        (OperationKind.PUBLISH, EffectState.NEEDS_PERSON),
        (OperationKind.HIDE, EffectState.FAILED),
    ],
)
def test_not_there_or_not_yours_to_see_is_no_proof_that_words_are_not_public(desk, clock, operation, state):
    effect_id, desk.on_send = desk.enqueue(operation=operation), desk.raising(Ambiguous())
    desk.work.deliver(effect_id)
    clock.pass_(20)
    desk.on_find = desk.raising(Gone())
    assert desk.work.reconcile(effect_id) == state
    clock.pass_(7200)
    assert (desk.work.due(), desk.sent) == ([], ["k"])


def test_a_call_whose_answer_is_lost_every_time_ends_with_a_person(desk, clock):
    """Neither for ever, nor as fast as it can."""
    effect_id, desk.on_send = desk.enqueue(), desk.raising(Ambiguous())
    waits = []
    while desk.effect(effect_id).state == EffectState.READY:
        waits.append(desk.effect(effect_id).due_at - clock.now)
        clock.now = desk.effect(effect_id).due_at
        desk.work.deliver(effect_id)
        desk.read_until_absent(effect_id)
    assert waits[1:4] == [TIMING.first_backoff * factor for factor in (1, 2, 4)]
    assert len(desk.sent) == TIMING.attempts
    assert desk.recorded == [(EffectState.FAILED, Outcome.NOT_APPLIED, None)]


@pytest.mark.parametrize(
    ("error", "state", "outcome", "detail"),
    [
        (Gone(), EffectState.NEEDS_PERSON, Outcome.GONE, None),
        (PermissionMissing("pages_read"), EffectState.NEEDS_PERSON, Outcome.UNREADABLE, "pages_read"),
        (Rejected("100"), EffectState.NEEDS_PERSON, Outcome.UNREADABLE, "100"),
        (Throttled(UNTIL), EffectState.UNKNOWN, Outcome.UNKNOWN, None),
        (TokenInvalid("expired"), EffectState.UNKNOWN, Outcome.UNKNOWN, None),
        (Transient(), EffectState.UNKNOWN, Outcome.UNKNOWN, None),
        (ValueError("nobody foresaw"), EffectState.UNKNOWN, Outcome.UNKNOWN, None),
    ],
)
def test_what_an_error_of_a_reading_does(desk, clock, error, state, outcome, detail):
    effect_id, desk.on_send, desk.on_find = desk.enqueue(), desk.raising(Ambiguous()), desk.raising(error)
    desk.work.deliver(effect_id)
    clock.pass_(20)
    assert desk.work.reconcile(effect_id) == state
    effect = desk.effect(effect_id)
    assert (effect.outcome, effect.detail) == (outcome, detail)
    assert desk.sent == ["k"]
    if state == EffectState.UNKNOWN:
        desk.connect_again()
        clock.pass_(TIMING.give_up_reading.total_seconds())
        assert desk.work.reconcile(effect_id) == EffectState.NEEDS_PERSON
    assert len(desk.recorded) == 1


def test_two_effects_with_the_same_words_never_share_what_one_of_them_created(desk, clock):
    """Both find the same reply; one has it, and the other reads again without it."""
    first, second = (desk.enqueue(key, operation=OperationKind.PUBLISH, target=None) for key in ("one", "two"))
    desk.on_send = desk.raising(Ambiguous())
    desk.work.deliver(first)
    desk.work.deliver(second)
    clock.pass_(20)
    desk.on_find = lambda task: Proof("r1")
    assert [desk.work.reconcile(first), desk.work.reconcile(second)] == [EffectState.DONE, EffectState.UNKNOWN]
    clock.pass_(20)
    desk.on_find = lambda task: Proof("r2")
    assert desk.work.reconcile(second) == EffectState.DONE
    assert desk.asked[-1] == {"r1"}
    assert desk.effect(second).remote_id == "r2"


def test_a_worker_that_died_before_sending_gives_its_row_back(desk, clock):
    effect_id = desk.enqueue()
    assert desk.work.claim() == [effect_id]
    assert (desk.work.due(), desk.work.uncertain()) == ([], [])
    clock.pass_(work.CLAIM.total_seconds())
    assert desk.work.uncertain() == [effect_id]
    assert desk.work.reconcile(effect_id) is None
    assert desk.effect(effect_id).outcome == Outcome.OWNER_LOST
    assert desk.work.deliver(effect_id) == EffectState.DONE
    assert (desk.sent, desk.asked) == (["k"], [])


def test_a_worker_that_died_while_sending_is_not_followed_by_a_second_call(desk, clock):
    class Killed(BaseException):
        pass

    effect_id, desk.on_send, desk.on_find = desk.enqueue(), desk.raising(Killed()), lambda task: Proof()
    with suppress(Killed):
        desk.work.deliver(effect_id)
    clock.pass_(TIMING.lease.total_seconds())
    assert desk.work.due() == []
    assert desk.work.reconcile(effect_id) == EffectState.DONE
    assert desk.sent == ["k"]


def test_a_worker_that_was_only_stopped_is_left_alone(desk, clock):
    effect_id, others = desk.enqueue(), []

    def stopped(task):
        for _ in range(6):
            clock.pass_(4000)
            other = desk.worker("other")
            others.extend([other.reconcile(effect_id), other.deliver(effect_id)])
        return Proof()

    desk.on_send = stopped
    assert desk.work.deliver(effect_id) == EffectState.DONE
    assert (desk.sent, desk.asked, set(others)) == (["k"], [], {None})


# ------------------------------------------------------------------------------------------ when a lock was lost
def test_a_stopped_worker_that_lost_its_lock_does_not_send_what_another_has_sent(desk, clock, blind_locks):
    """Stopped between its claim and its sending; meanwhile another freed the row, claimed it and sent it."""
    effect_id = desk.enqueue()
    stopped, other = desk.worker("stopped", blind_locks), desk.worker("other", blind_locks)
    assert stopped.claim() == [effect_id]
    clock.pass_(work.CLAIM.total_seconds())
    other.reconcile(effect_id)
    assert other.claim() == [effect_id]
    assert stopped.deliver(effect_id) is None
    assert other.deliver(effect_id) == EffectState.DONE
    assert (desk.sent, desk.effect(effect_id).state) == (["k"], EffectState.DONE)


def test_an_answer_that_comes_after_the_row_was_given_up_stops_the_second_call(desk, clock, blind_locks):
    """The proof that it is on the network counts whoever has the row by then."""
    effect_id = desk.enqueue()
    stopped, other = desk.worker("stopped", blind_locks), desk.worker("other", blind_locks)

    def stop(task):
        clock.pass_(4000)
        for _ in range(TIMING.reads):
            other.reconcile(effect_id)
            clock.pass_(1000)
        return Proof()

    desk.on_send = stop
    assert stopped.deliver(effect_id) == EffectState.DONE
    assert other.deliver(effect_id) is None
    assert desk.sent == ["k"]


# ------------------------------------------------------------------------------------------ a copy put back
def test_what_was_due_when_an_old_copy_is_put_back_is_read_before_it_is_sent(desk, clock):
    """The copy was made before it left; the network has it, and the rows do not know."""
    due, future = desk.enqueue("due"), desk.enqueue("future", target="c2")
    with desk.database.write() as session:
        session.get_one(Effect, future).due_at = clock.now + timedelta(hours=1)
    clock.pass_(60)
    with desk.database.write() as session:
        assert work.doubt_restored(session, now=clock.now) == 1
    assert desk.work.due() == []
    desk.on_find = lambda task: Proof()
    assert desk.work.reconcile(due) == EffectState.DONE
    assert desk.sent == [], "it had left already"
    assert desk.effect(future).state == EffectState.READY


def test_what_had_not_left_when_an_old_copy_is_put_back_leaves_after_it_was_read(desk, clock):
    effect_id = desk.enqueue()
    clock.pass_(60)
    with desk.database.write() as session:
        work.doubt_restored(session, now=clock.now)
    assert desk.work.reconcile(effect_id) == EffectState.UNKNOWN
    desk.read_until_absent(effect_id)
    clock.pass_(TIMING.longest_backoff.total_seconds())
    assert desk.work.deliver(effect_id) == EffectState.DONE
    assert desk.sent == ["k"]


def test_a_missing_permission_is_said_once_and_stays_said_until_it_is_checked(desk):
    first, second, third = desk.enqueue("a"), desk.enqueue("b", target="c2"), desk.enqueue("c", target="c3")
    desk.on_send = desk.raising(PermissionMissing("pages_manage_engagement"))
    desk.work.deliver(first)
    desk.work.deliver(second)
    desk.on_send = lambda task: Proof()
    assert desk.work.deliver(third) == EffectState.DONE
    account = desk.account()
    assert (account.state, account.missing) == (ChannelState.PERMISSION_MISSING, ["pages_manage_engagement"])
    assert desk.said() == ["account_permission_missing"]


# ------------------------------------------------------------------------------------------ one budget for all
def test_what_another_worker_was_told_between_the_claim_and_the_call_stops_it(desk, clock):
    effect_id = desk.enqueue()
    assert desk.work.claim() == [effect_id]
    with desk.database.write() as session:
        channels.pause(desk.locked(session), UNTIL, now=clock.now)
    assert desk.work.deliver(effect_id) == EffectState.READY
    assert (desk.sent, desk.effect(effect_id).outcome) == ([], Outcome.THROTTLED)
    clock.now = UNTIL
    assert desk.work.deliver(effect_id) == EffectState.DONE


def test_two_workers_never_claim_the_same(desk):
    hide = {"operation": OperationKind.HIDE}
    owed = [desk.enqueue(f"k{number}", target=f"c{number}", **hide) for number in range(10)]
    one, other = desk.worker("one"), desk.worker("other")
    first, second = one.claim(limit=4), other.claim(limit=4)
    assert (first, second) == (owed[:4], owed[4:8])
    assert [other.deliver(effect_id) for effect_id in first] == [None] * 4, "they are not its own"
    assert [one.deliver(effect_id) for effect_id in first] == [EffectState.DONE] * 4
    assert one.claim(limit=4) == owed[8:]


def test_what_must_leave_slowly_is_no_part_of_a_worker_that_goes_on(desk, clock):
    slow, calm = desk.enqueue("slow"), desk.enqueue("calm", account=1)
    with desk.database.write() as session:
        desk.locked(session).usage_percent = channels.STOP
    assert desk.work.claim(calm=True) == [calm]
    assert desk.work.claim() == [slow]


def test_a_pause_is_never_shortened_by_a_later_answer(desk, clock):
    with desk.database.write() as session:
        channels.pause(desk.locked(session), UNTIL, now=clock.now)
        channels.pause(desk.locked(session), clock.now, now=clock.now)
    assert desk.account().paused_until == UNTIL


def test_after_a_pause_effects_leave_one_by_one(desk, clock):
    effects = [desk.enqueue(f"k{number}", target=f"c{number}") for number in range(6)]
    elsewhere = [desk.enqueue(f"e{number}", target=f"c{number}", account=1) for number in range(2)]
    desk.on_send = desk.raising(Throttled(UNTIL))
    desk.work.deliver(effects[0])
    desk.on_send = lambda task: Proof(task.key)
    assert desk.work.due() == elsewhere
    clock.now = UNTIL
    left = []
    while due := desk.work.due():
        assert len(set(due) - set(elsewhere)) <= 1
        left += [one for one in due if desk.work.deliver(one) == EffectState.DONE]
    assert sorted(left) == sorted(effects + elsewhere)


@pytest.mark.parametrize("error", [Throttled(UNTIL + timedelta(days=2)), TokenInvalid("expired")], ids=type)
def test_what_the_last_reading_says_of_the_account_is_heard(desk, clock, error):
    """Nobody reads again after it: a person decides. The account is stopped all the same."""
    effect_id, desk.on_send = desk.enqueue(), desk.raising(Ambiguous())
    desk.work.deliver(effect_id)
    clock.pass_(TIMING.give_up_reading.total_seconds())
    desk.on_find = desk.raising(error)
    assert desk.work.reconcile(effect_id) == EffectState.NEEDS_PERSON
    account = desk.account()
    throttled = isinstance(error, Throttled)
    assert account.paused_until == (error.until if throttled else None)
    assert account.state == (ChannelState.ACTIVE if throttled else ChannelState.TOKEN_INVALID)


@pytest.mark.parametrize("step", ["send", "find"])
def test_a_pause_asked_for_right_after_it_was_done_is_kept_by_all(desk, clock, step):
    """The network took it, and refused the call that would have shown where it stands."""
    effect_id = desk.enqueue()
    desk.on_send = desk.on_find = lambda task: Proof(resume_at=UNTIL)
    if step == "find":
        desk.on_send = desk.raising(Ambiguous())
        desk.work.deliver(effect_id)
        clock.pass_(60)
    done = desk.work.deliver(effect_id) if step == "send" else desk.work.reconcile(effect_id)
    assert (done, desk.account().paused_until) == (EffectState.DONE, UNTIL)


@pytest.mark.parametrize("step", ["send", "find"])
def test_an_act_that_succeeds_clears_the_permission_that_it_needed_and_no_other(desk, clock, step):
    with desk.database.write() as session:
        channels.set_missing(session, desk.locked(session), ["engage", "read"], now=clock.now)
    clock.pass_(60)
    effect_id = desk.enqueue()
    desk.on_send = desk.on_find = lambda task: Proof(proven=frozenset({"engage", "post"}))
    if step == "find":
        desk.on_send = desk.raising(Ambiguous())
        desk.work.deliver(effect_id)
        clock.pass_(60)
    done = desk.work.deliver(effect_id) if step == "send" else desk.work.reconcile(effect_id)
    assert (done, desk.account().missing) == (EffectState.DONE, ["read"])
    assert desk.account().state == ChannelState.PERMISSION_MISSING


def test_a_permission_that_was_taken_back_while_a_call_was_out_stays_missing(desk, clock):
    with desk.database.write() as session:
        channels.set_missing(session, desk.locked(session), ["engage"], now=clock.now)
    clock.pass_(60)

    def meanwhile(task):
        clock.pass_(1)
        with desk.database.write() as session:
            channels.set_missing(session, desk.locked(session), ["engage", "read"], now=clock.now)
        return Proof(proven=frozenset({"engage"}))

    desk.on_send = meanwhile
    desk.work.deliver(desk.enqueue())
    assert desk.account().missing == ["engage", "read"]


def test_no_reading_back_either_before_the_end_of_a_pause(desk, clock):
    effect_id, desk.on_send = desk.enqueue(), desk.raising(Ambiguous())
    desk.work.deliver(effect_id)
    with desk.database.write() as session:
        channels.pause(desk.locked(session), UNTIL, now=clock.now)
    clock.pass_(60)
    assert (desk.work.uncertain(), desk.work.reconcile(effect_id), desk.asked) == ([], None, [])
    clock.now = UNTIL
    desk.on_find = lambda task: Proof()
    assert desk.work.reconcile(effect_id) == EffectState.DONE


def test_a_dead_token_is_said_once(desk):
    effects = [desk.enqueue("a"), desk.enqueue("b", target="c2")]
    desk.on_send = desk.raising(TokenInvalid("expired"))
    for effect_id in effects:
        desk.work.deliver(effect_id)
    assert desk.said() == ["account_token_lost"]

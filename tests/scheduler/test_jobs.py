"""The list of all that happens by itself: what each job finds, and that finding nothing costs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from connectors.base import AttachmentSeen, CommentSeen, Event, Figures, Health, MessageSeen, Page, Receipt, Talks, Told
from models import audit, work
from models.accounts import Account, Delivery
from models.audit import AuditEntry
from models.comments import Attachment, Comment
from models.conversations import Message
from models.errors import Gone
from models.figures import AccountFigures
from models.session import Database
from models.vocabulary import AttachmentKind, EffectState, OperationKind
from models.work import EffectHandler, Timing, Work
from moderation.intake import upserting
from moderation.triage import classification
from scheduler.jobs import ACTS, BY_CHANNEL, PROMPT, QUEUES, City, handlers, ticks

NOW = datetime(2026, 11, 2, 14, tzinfo=UTC)


class Carrier:
    """An engine that only writes down what it was to carry."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, int]] = []

    def start(self) -> None: ...

    def send(self, handler: str, row_id: int) -> None:
        self.sent.append((handler, row_id))

    def stop(self) -> None: ...


class Pages:
    """A network with one page to read, where nobody follows the city and every comment but the first is gone."""

    def health(self) -> Health:
        return Health(valid=True, expires_at=NOW + timedelta(days=60))

    def converse(self, cursor: str | None, budget: int) -> Talks:
        seen = MessageSeen("with:7", "m_1", NOW, NOW, person_external_id="7", text="Bonsoir")
        return Talks((seen,), "end", more=False, calls=1)

    def probe(self, comment: str) -> CommentSeen:
        raise Gone

    def listen(self) -> Told:
        return Told(told=False)

    def figures(self, posts: Sequence[str]) -> Figures:
        return Figures(0, {})

    def pull(self, cursor: str | None, budget: int) -> Page:
        seen = CommentSeen("1", "pull", NOW, NOW, text="Bonjour")
        return Page((), (seen,), "end", more=False, calls=1)


class Bodies:
    """A webhook whose every body tells of one comment."""

    def parse(self, raw: bytes) -> tuple[Event, ...]:
        number = raw.decode()
        return (Event("page", CommentSeen(number, "add", NOW, NOW, text="Bonjour")),)


@pytest.fixture
def account_id(database, account_of) -> int:
    return account_of(database)


@pytest.fixture
def city(database: Database, city_on) -> City:
    return city_on(
        database,
        network_of=lambda _: Pages(),
        network_with=lambda _: Pages(),
        webhook_of=lambda _: Bodies(),
        picture_of=lambda *asked: " ".join(asked).encode(),
    )


@pytest.fixture
def jobs(city: City):
    """Each job by its name, and the engine that they were given."""
    carrier = Carrier()
    return {tick.name: tick.look for tick in ticks(city, carrier)}, carrier


def test_the_list(city):
    listed = ticks(city, Carrier())
    names = [tick.name for tick in listed]
    called_out = {"deliver", "reconcile", "pull", "recheck", "check", "measure", "fetch", "classify", "reclassify"}
    called_out |= {"explain", "mark", "news", "look", "follow", "converse", "prepare"}
    here = {
        "parse",
        "calibrate",
        "hand_over",
        "reopen",
        "survey",
        "gather",
        "end_events",
        "seal",
        "remind",
        "wind",
        "away",
        "announce",
        "call",
        "write_letters",
        "come_back",
    }
    assert set(names) == called_out | here | {"forget", "dispose", "back_up", "alert"}
    assert len(set(names)) == len(names)
    assert all(tick.every > timedelta(0) for tick in listed)
    assert set(handlers(city)) == called_out | {"publish"}
    queued = [name for names in QUEUES.values() for name in names]
    assert sorted(queued) == sorted(handlers(city)), "each is looked for in one queue"
    assert set(queued) >= BY_CHANNEL


def test_pulls_that_are_due_are_carried_and_read(city, jobs, account_id):
    looks, carrier = jobs
    looks["pull"]()
    assert carrier.sent == [("pull", account_id)]
    handlers(city)["pull"](account_id)
    carrier.sent.clear()
    looks["pull"]()
    assert carrier.sent == []
    with city.database.read() as session:
        assert session.scalars(select(Comment.external_id)).all() == ["1"]


def test_conversations_that_are_due_are_carried_and_read(city, jobs, account_id):
    looks, carrier = jobs
    looks["converse"]()
    assert carrier.sent == [("converse", account_id)]
    handlers(city)["converse"](account_id)
    carrier.sent.clear()
    looks["converse"]()
    assert carrier.sent == []
    with city.database.read() as session:
        assert session.scalars(select(Message.text)).all() == ["Bonsoir"]
        assert session.get_one(Account, account_id).talks_read_at == NOW


def test_tokens_are_checked_and_what_is_suspected_is_looked_at_and_accounts_are_measured(city, jobs, account_id):
    looks, carrier = jobs
    with city.database.write() as session:
        account = session.get_one(Account, account_id)
        account.pulled_at = NOW
        suspected = CommentSeen("2", "add", NOW, NOW, text="Bonjour")
        upserting.store(session, account, [suspected], now=NOW)
        session.execute(update(Comment).values(recheck_due_at=NOW))
    for name in ("check", "recheck", "measure"):
        looks[name]()
    assert carrier.sent == [("check", account_id), ("recheck", account_id), ("measure", account_id)]
    for name, row_id in carrier.sent:
        handlers(city)[name](row_id)
    carrier.sent.clear()
    for name in ("check", "recheck", "measure"):
        looks[name]()
    assert carrier.sent == []
    with city.database.read() as session:
        # Not there, but no listing says so yet: it is asked about again, and nothing is called gone.
        comment = session.scalars(select(Comment)).one()
        assert (comment.removed, comment.recheck_due_at > NOW) == (False, True)
        assert session.scalars(select(AccountFigures.followers)).all() == [0]
        assert session.get_one(Account, account_id).token_expires_at == NOW + timedelta(days=60)


def test_pictures_are_fetched_from_the_network_of_their_account(city, jobs, account_id):
    looks, carrier = jobs
    photo = AttachmentSeen(AttachmentKind.PHOTO, "1", None, "https://images.example/1")
    with city.database.write() as session:
        account = session.get_one(Account, account_id)
        upserting.store(session, account, [CommentSeen("2", "pull", NOW, text="", attachments=(photo,))], now=NOW)
    looks["fetch"]()
    assert carrier.sent == [("fetch", account_id)]
    handlers(city)["fetch"](account_id)
    with city.database.read() as session:
        assert session.scalars(select(Attachment.picture)).all() == [b"facebook https://images.example/1"]


def test_more_deliveries_than_one_batch_are_all_parsed(city, jobs, account_id):
    with city.database.write() as session:
        session.add_all(
            Delivery(network="facebook", raw=str(number).encode(), received_at=NOW) for number in range(250)
        )
    jobs[0]["parse"]()
    with city.database.read() as session:
        assert len(session.scalars(select(Comment.id)).all()) == 250


def test_batches_of_texts_are_carried_and_read_again_by_another_model(city, jobs, account_id):
    looks, carrier = jobs
    texts = [CommentSeen(str(number), "pull", NOW, text="Bonjour") for number in range(classification.BATCH + 1)]
    with city.database.write() as session:
        upserting.store(session, session.get_one(Account, account_id), texts, now=NOW)
    looks["classify"]()
    (_, first), (_, second) = carrier.sent
    assert carrier.sent == [("classify", first), ("classify", second)]
    assert second - first == classification.BATCH
    handlers(city)["classify"](second)
    handlers(city)["classify"](first)
    carrier.sent.clear()
    looks["classify"]()
    looks["reclassify"]()
    assert carrier.sent == []
    city.classifier().version = "made-up-2"
    looks["reclassify"]()
    assert carrier.sent == [("reclassify", first), ("reclassify", second)]
    handlers(city)["reclassify"](second)
    assert len(city.classifier().read) == classification.BATCH + 2


def test_effects_that_are_due_or_uncertain_are_carried(city, jobs, account_id):
    looks, carrier = jobs
    with city.database.write() as session:
        due, _later, uncertain = (
            work.enqueue(
                session,
                key=f"hide:{number}",
                operation=OperationKind.HIDE,
                channel_id=account_id,
                target=str(number),
                payload={},
                due_at=due_at,
            )
            for number, due_at in enumerate([NOW, NOW + timedelta(seconds=1), NOW])
        )
        uncertain.state, uncertain.read_due_at = EffectState.UNKNOWN, NOW
    looks["deliver"]()
    looks["reconcile"]()
    assert carrier.sent == [("deliver", due.id), ("reconcile", uncertain.id)]


def test_where_others_deliver_nothing_is_claimed_and_posts_have_a_queue_of_their_own(city, account_id):
    carrier = Carrier()
    owed = {"channel_id": account_id, "payload": {}, "due_at": NOW}
    with city.database.write() as session:
        hide = work.enqueue(session, key="hide", operation=OperationKind.HIDE, target="1", **owed)
        post = work.enqueue(session, key="post", operation=OperationKind.PUBLISH, target=None, **owed)
    {tick.name: tick.look for tick in ticks(replace(city, apart=True), carrier)}["deliver"]()
    assert carrier.sent == [("publish", post.id), ("deliver", hide.id)]
    assert city.work.due() == [hide.id, post.id]
    assert PROMPT.isdisjoint(ACTS)
    assert OperationKind.ALERT in PROMPT


@pytest.mark.parametrize("apart", [False, True])
def test_whoever_ends_finishes_what_is_in_hand_and_gives_back_what_was_claimed(city, account_id, apart):
    sent = []

    def send(task):
        sent.append(task.target)
        if len(sent) == 2:
            city.draining.set()
        return Receipt(task.target)

    handler = EffectHandler(frozenset({OperationKind.HIDE}), send, lambda *_: None, lambda *_: None)
    own = {"owner": "the test", "clock": lambda: NOW, "timing_of": lambda _: Timing()}
    city = replace(city, work=Work(city.database, city.locks, [handler], **own), apart=apart)
    with city.database.write() as session:
        owed = {"operation": OperationKind.HIDE, "channel_id": account_id, "payload": {}, "due_at": NOW}
        first, *others = [
            work.enqueue(session, key=f"hide:{n}", target=str(n), **owed).id for n in range(2 * work.AT_ONCE)
        ]
    handlers(city)["deliver"](first)
    assert sent == ["0", "1"], "the second, and none of those that were claimed with it"
    assert city.work.due() == others[1:]


def test_whoever_delivers_goes_on_until_nothing_is_due(city, account_id):
    sent = []

    def send(task):
        sent.append(task.target)
        return Receipt(task.target)

    handler = EffectHandler(frozenset({OperationKind.HIDE}), send, lambda *_: None, lambda *_: None)
    own = {"owner": "the test", "clock": lambda: NOW, "timing_of": lambda _: Timing()}
    work_of_city = Work(city.database, city.locks, [handler], **own)
    with city.database.write() as session:
        owed = {"operation": OperationKind.HIDE, "channel_id": account_id, "payload": {}, "due_at": NOW}
        for number in range(3 * work.AT_ONCE):
            work.enqueue(session, key=f"hide:{number}", target=str(number), **owed)
    (first,) = work_of_city.claim(limit=1)
    handlers(replace(city, work=work_of_city))["deliver"](first)
    assert sorted(sent, key=int) == [str(number) for number in range(3 * work.AT_ONCE)]


def test_what_was_read_is_explained_in_batches(city, jobs, account_id):
    looks, carrier = jobs
    texts = [CommentSeen(str(number), "pull", NOW, text="Bonjour") for number in range(classification.EXPLAINED + 1)]
    with city.database.write() as session:
        upserting.store(session, session.get_one(Account, account_id), texts, now=NOW)
    looks["explain"]()
    assert carrier.sent == [], "reading comes first"
    looks["classify"]()
    for name, row_id in carrier.sent:
        handlers(city)[name](row_id)
    carrier.sent.clear()
    looks["explain"]()
    assert [name for name, _ in carrier.sent] == ["explain", "explain"]
    for name, row_id in carrier.sent:
        handlers(city)[name](row_id)
    carrier.sent.clear()
    looks["explain"]()
    assert carrier.sent == []


def test_what_was_done_is_sealed(city, jobs):
    with city.database.write() as session:
        audit.note(session, "post.created", "post:1", now=NOW, person_id=None)
    jobs[0]["seal"]()
    with city.database.read() as session:
        assert session.scalars(select(AuditEntry.sequence)).all() == [1]
        assert audit.verify(session).broken_at is None


def test_a_city_where_nothing_happens(city):
    carrier = Carrier()
    for tick in ticks(city, carrier):
        tick.look()
    assert carrier.sent == []

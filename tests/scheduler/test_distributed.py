"""What the distributed engine has beside the contract of `test_engine.py`: several workers, and lost messages."""

from __future__ import annotations

import threading
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select, text

from connectors.base import CommentSeen, Receipt
from models import messages, work
from models.accounts import Account
from models.effects import Effect
from models.items import Item
from models.session import Database
from models.vocabulary import EffectState, ItemState, OperationKind
from models.work import EffectHandler, Timing, Work
from moderation.intake import upserting
from moderation.triage import classification
from scheduler.distributed import Distributed
from scheduler.jobs import BY_CHANNEL, QUEUES, handlers, ticks
from tests.city import MadeUpClassifier

pytestmark = pytest.mark.postgres
NOW = datetime(2026, 11, 2, 14, tzinfo=UTC)
PATIENCE = 30  # Seconds after which a test that waits for a thread gives up.


@pytest.fixture
def database(postgres_url, vault):
    with closing(Database(postgres_url, vault, pool_size=24)) as database:
        yield database


@contextmanager
def running(engine):
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()


class Meeting:
    """Whoever comes waits until the other one has come too: so both had work at the same time."""

    def __init__(self, *names: str) -> None:
        self.come = {name: threading.Event() for name in names}

    def wait(self, name: str) -> None:
        self.come[name].set()
        for other in self.come.values():
            assert other.wait(PATIENCE)


def test_two_workers_share_effects_and_texts(database, city_on, account_of):
    account_id, acts, texts = account_of(database), Meeting("one", "two"), Meeting("one", "two")
    sent: list[tuple[str, str]] = []

    def worker(name):
        def send(task):
            acts.wait(name)
            sent.append((name, task.target))
            return Receipt(task.target)

        reader = MadeUpClassifier(meanwhile=lambda: texts.wait(name))
        hides = EffectHandler(frozenset({OperationKind.HIDE}), send, lambda *_: None, lambda *_: None)
        city = city_on(database, classifier=lambda: reader, apart=True)
        told = {"owner": name, "clock": lambda: NOW, "timing_of": lambda _: Timing()}
        city = replace(city, work=Work(database, city.locks, [hides], **told))
        return (
            city,
            reader,
            Distributed(handlers(city), database, QUEUES, taking=["act", "classify"], alone=["classify"], threads=2),
        )

    many = 3 * classification.BATCH
    with database.write() as session:
        owed = {"operation": OperationKind.HIDE, "channel_id": account_id, "payload": {}, "due_at": NOW}
        for number in range(30):
            work.enqueue(session, key=f"hide:{number}", target=str(number), **owed)
        said = [CommentSeen(str(number), "pull", NOW, text="Bonjour") for number in range(many)]
        upserting.store(session, session.get_one(Account, account_id), said, now=NOW)

    def left() -> int:
        with database.read() as session:
            effects = select(func.count()).where(Effect.state != EffectState.DONE)
            unread = select(func.count()).where(Item.state == ItemState.RECEIVED)
            return (session.scalar(effects) or 0) + (session.scalar(unread) or 0)

    with ExitStack() as stack:
        (city, one, sender), (_, two, other) = worker("one"), worker("two")
        for engine in (sender, other):
            stack.enter_context(running(engine))
        looks = {tick.name: tick.look for tick in ticks(city, sender)}
        ended = threading.Event()
        for _ in range(PATIENCE * 20):
            looks["deliver"]()
            looks["classify"]()
            if not left():
                break
            ended.wait(0.05)
    assert left() == 0
    assert sorted(int(target) for _, target in sent) == list(range(30))
    assert {name for name, _ in sent} == {"one", "two"}
    assert len(one.read) + len(two.read) == many
    assert one.read
    assert two.read


def test_messages_that_are_lost_are_sent_again_by_the_ticks(database, city_on, account_of):
    """Emptied while some wait and one is being handled: nobody notices."""
    account_id, entered, go, sent = account_of(database), threading.Event(), threading.Event(), []

    def send(task):
        sent.append(task.target)
        entered.set()
        assert go.wait(PATIENCE)
        return Receipt(task.target)

    hides = EffectHandler(frozenset({OperationKind.HIDE}), send, lambda *_: None, lambda *_: None)
    city = city_on(database, apart=True)
    told = {"owner": "the test", "clock": lambda: NOW, "timing_of": lambda _: Timing()}
    city = replace(city, work=Work(database, city.locks, [hides], **told))
    engine = Distributed(handlers(city), database, QUEUES, taking=["act"], threads=1)
    deliver = {tick.name: tick.look for tick in ticks(city, engine)}["deliver"]
    with database.write() as session:
        owed = {"operation": OperationKind.HIDE, "channel_id": account_id, "payload": {}, "due_at": NOW}
        for number in range(3):
            work.enqueue(session, key=f"hide:{number}", target=str(number), **owed)
    with running(engine):
        deliver()
        assert entered.wait(PATIENCE)
        with database.read() as session:
            (held,) = messages.held(session).values()
        assert (held.waiting, held.taken) == (2, 1)
        with database.write() as session:
            session.execute(text("TRUNCATE procrastinate_jobs, procrastinate_events CASCADE"))
        # Whoever is at work goes on by itself until nothing is due; a message that comes later finds nothing.
        deliver()
        go.set()
        for _ in range(PATIENCE * 20):
            if not city.work.due() and len(sent) == 3:
                break
            threading.Event().wait(0.05)
        with database.write() as session:
            work.enqueue(session, key="hide:3", target="3", **owed)
        deliver()
        for _ in range(PATIENCE * 20):
            if len(sent) == 4:
                break
            threading.Event().wait(0.05)
    assert sent == ["0", "1", "2", "3"]


def test_what_a_dead_worker_had_goes_to_another(database):
    handled = threading.Event()
    with database.write() as session:
        # It took a message, and was not heard of again.
        session.execute(text("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour')"))
        session.execute(
            text(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, status, worker_id)"
                " SELECT 'pull', 'pull', 'channel:7', 'pull:7', 'doing', id FROM procrastinate_workers"
            )
        )
    engine = Distributed(
        {"pull": lambda _: handled.set()},
        database,
        {"pull": ["pull"]},
        taking=["pull"],
        by_channel=BY_CHANNEL,
        silence=0.3,
    )
    with running(engine):
        for _ in range(PATIENCE * 20):
            engine.send("pull", 7)
            if handled.wait(0.05):
                break
    assert handled.is_set()


def test_of_a_channel_one_thing_at_a_time_is_read_whatever_the_queue(database):
    entered, go, second = threading.Semaphore(0), threading.Event(), threading.Event()

    def pull(_row_id):
        entered.release()
        assert go.wait(PATIENCE)

    names = {"pull": pull, "check": lambda row_id: second.set() if row_id == 7 else entered.release()}
    queues = {"pull": ["pull"], "rest": ["check"]}
    with running(Distributed(names, database, queues, taking=[*queues], by_channel=BY_CHANNEL)) as engine:
        engine.send("pull", 7)
        assert entered.acquire(timeout=PATIENCE)
        engine.send("check", 7)
        engine.send("check", 8)
        assert entered.acquire(timeout=PATIENCE), "another channel's goes on"
        assert not second.is_set()
        go.set()
        assert second.wait(PATIENCE)


def test_a_message_leaves_with_its_transaction_and_names_who_works(database):
    with running(Distributed({"look": print}, database, {"rest": ["look"]})) as engine:
        engine.send("look", 1)
        engine.send("look", 1)
        engine.send("look", 2)
        with database.read() as session:
            assert messages.held(session)["rest"].waiting == 2
            assert messages.workers(session) == [], "it sends, and takes nothing"
    handled = threading.Semaphore(0)
    engine = Distributed({"look": lambda _: handled.release()}, database, {"rest": ["look"]}, taking=["rest"])
    with running(engine):
        assert handled.acquire(timeout=PATIENCE)
        assert handled.acquire(timeout=PATIENCE)
        with database.read() as session:
            (worker,) = messages.workers(session)
    assert worker.queues == ("rest",)


def test_the_tables_of_another_version_are_made_anew_and_those_of_another_program_are_left(database):
    from models import migrations
    from models.errors import WrongDatabase

    with database.write() as session:
        session.execute(text("COMMENT ON TABLE procrastinate_jobs IS 'parvis: procrastinate 2.0'"))
        session.execute(text("ALTER TABLE procrastinate_jobs DROP COLUMN priority"))
    migrations.upgrade(database.url, lambda _: None)
    with database.write() as session:
        session.execute(text("SELECT priority FROM procrastinate_jobs"))
        session.execute(text("COMMENT ON TABLE procrastinate_jobs IS NULL"))
    with pytest.raises(WrongDatabase):
        migrations.upgrade(database.url, lambda _: None)

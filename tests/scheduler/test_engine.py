"""Both engines carry each message once at a time, survive what handlers raise, and drain when they stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from models.session import Database
from scheduler.distributed import Distributed
from scheduler.engine import Embedded, Engine

PATIENCE = 30  # Seconds after which a test that waits for a thread gives up; nothing is asserted about time.


@pytest.fixture(params=["embedded", pytest.param("distributed", marks=pytest.mark.postgres)])
def made(request, vault) -> Iterator[Callable[..., Engine]]:
    """Makes engines of one kind; each handler has a queue of its own."""
    if request.param == "embedded":
        yield Embedded
        return
    with closing(Database(request.getfixturevalue("postgres_url"), vault, pool_size=12)) as database:

        def make(handlers, **more):
            return Distributed(handlers, database, {name: [name] for name in handlers}, taking=[*handlers], **more)

        yield make


@contextmanager
def running(engine: Engine) -> Iterator[Engine]:
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()


class Handler:
    """Writes down what it was given, and may be held at its door."""

    def __init__(self, *, held: bool = False) -> None:
        self.given: list[int] = []
        self.entered = threading.Semaphore(0)
        self.open = threading.Event()
        if not held:
            self.open.set()

    def __call__(self, row_id: int) -> None:
        self.given.append(row_id)
        self.entered.release()
        assert self.open.wait(PATIENCE)

    def wait_entered(self) -> None:
        assert self.entered.acquire(timeout=PATIENCE)


def test_messages_reach_their_handlers(made):
    one, other = Handler(), Handler()
    with running(made({"one": one, "other": other})) as engine:
        engine.send("one", 1)
        engine.send("other", 2)
        one.wait_entered()
        other.wait_entered()
    assert (one.given, other.given) == ([1], [2])


def test_the_same_message_is_never_twice_at_once(made):
    handler = Handler(held=True)
    with running(made({"deliver": handler})) as engine:
        for _ in range(5):
            engine.send("deliver", 7)
        handler.wait_entered()
        engine.send("deliver", 7)
        engine.send("deliver", 8)
        handler.wait_entered()
        handler.open.set()
    assert handler.given == [7, 8]


def test_the_same_message_is_taken_again_once_it_was_handled(made):
    handler = Handler()
    engine = made({"deliver": handler}, threads=1)
    with running(engine):
        engine.send("deliver", 7)
        handler.wait_entered()
        # The only thread is free once it took the next one.
        engine.send("deliver", 8)
        handler.wait_entered()
        engine.send("deliver", 7)
        handler.wait_entered()
    assert handler.given == [7, 8, 7]


def test_what_a_handler_raises_is_logged_and_survived(made, caplog):
    handler = Handler()

    def breaks(row_id: int) -> None:
        handler(row_id)
        raise RuntimeError("a fault of ours")

    with running(made({"deliver": breaks}, threads=1)) as engine:
        engine.send("deliver", 1)
        engine.send("deliver", 2)
        handler.wait_entered()
        handler.wait_entered()
    assert handler.given == [1, 2]
    assert [record.getMessage() for record in caplog.records] == [
        "handler deliver failed on row 1",
        "handler deliver failed on row 2",
    ]


def test_stop_drops_what_is_queued_and_waits_for_what_runs(made):
    handler = Handler(held=True)
    engine = made({"deliver": handler}, threads=1)
    engine.start()
    engine.send("deliver", 1)
    handler.wait_entered()
    engine.send("deliver", 2)
    finished = []

    def stop() -> None:
        engine.stop()
        finished.append(True)

    stopping = threading.Thread(target=stop)
    stopping.start()
    assert not finished
    handler.open.set()
    stopping.join(PATIENCE)
    assert finished
    assert handler.given[0] == 1
    engine.send("deliver", 3)
    assert 3 not in handler.given


def test_it_starts_again_after_a_stop(made):
    handler = Handler()
    engine = made({"deliver": handler})
    for row_id in (1, 2):
        with running(engine):
            engine.send("deliver", row_id)
            handler.wait_entered()
    assert handler.given == [1, 2]


def test_slow_pulls_keep_no_delivery_waiting(made):
    slow, fast = Handler(held=True), Handler()
    with running(made({"pull": slow, "deliver": fast}, threads=2)) as engine:
        for account_id in range(20):
            engine.send("pull", account_id)
        slow.wait_entered()
        slow.wait_entered()
        engine.send("deliver", 1)
        fast.wait_entered()
        slow.open.set()
    assert fast.given == [1]


def test_nothing_is_sent_before_the_start(made):
    handler = Handler()
    engine = made({"deliver": handler})
    engine.send("deliver", 1)
    with running(engine):
        pass
    assert handler.given == []


def test_a_message_to_nobody_is_a_fault_of_ours(made):
    with running(made({"deliver": Handler()})) as engine, pytest.raises(KeyError):
        engine.send("delivre", 1)

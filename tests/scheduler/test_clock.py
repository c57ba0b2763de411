"""The clock ticks, alone among its processes, through errors, and is started again when it falls silent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from models.locks import FileLocks
from scheduler import clock as clock_module
from scheduler.clock import Clock, Tick

PATIENCE = 60  # Seconds after which a test that waits for a tick gives up; nothing is asserted about time.
SOON = timedelta(milliseconds=20)


@pytest.fixture
def locks(tmp_path: Path) -> FileLocks:
    return FileLocks(tmp_path)


@pytest.fixture
def started(locks: FileLocks) -> Iterator[Callable[..., Clock]]:
    clocks: list[Clock] = []

    def start(*ticks: Tick) -> Clock:
        clocks.append(Clock(ticks, locks))
        clocks[-1].start()
        return clocks[-1]

    yield start
    for clock in clocks:
        clock.stop()


class Bell:
    """A tick that can be waited for."""

    def __init__(self, error: Exception | None = None) -> None:
        self.rung = threading.Semaphore(0)
        self.error = error

    def __call__(self) -> None:
        self.rung.release()
        if self.error is not None:
            raise self.error

    def wait(self, times: int = 1) -> None:
        for _ in range(times):
            assert self.rung.acquire(timeout=PATIENCE)


def test_it_ticks_again_and_again(started):
    bell = Bell()
    clock = started(Tick("look", SOON, bell))
    bell.wait(3)
    assert clock.alive


def test_an_error_is_logged_and_ticking_goes_on(started, caplog):
    broken, other = Bell(RuntimeError("a fault of ours")), Bell()
    started(Tick("broken", SOON, broken), Tick("other", SOON, other))
    broken.wait(3)
    other.wait(3)
    assert "tick broken failed" in {record.getMessage() for record in caplog.records}


def test_who_holds_the_lock_ticks_alone(started, locks):
    bell, other = Bell(), Bell()
    with locks.try_hold("tick:look") as ours:
        assert ours
        started(Tick("look", SOON, bell), Tick("other", SOON, other))
        other.wait(5)
        assert not bell.rung.acquire(blocking=False)
    bell.wait()


def test_two_clocks_never_look_at_the_same_time(started):
    inside, met, done = threading.Lock(), [], threading.Semaphore(0)

    def look() -> None:
        if not inside.acquire(blocking=False):
            met.append(True)
            return
        done.release()
        inside.release()

    for _ in range(2):
        started(Tick("look", SOON, look))
    for _ in range(20):
        assert done.acquire(timeout=PATIENCE)
    assert met == []


def test_stopped_it_ticks_no_more(started):
    bell = Bell()
    clock = started(Tick("look", SOON, bell))
    bell.wait()
    clock.stop()
    while bell.rung.acquire(blocking=False):
        pass
    assert clock._scheduler is None
    assert not bell.rung.acquire(blocking=False)
    clock.stop()


@pytest.mark.parametrize("death", ["silent", "shut down"])
def test_the_watchdog_starts_a_silent_clock_again(started, monkeypatch, caplog, death):
    # The watchdog looks all the time, and time stands still but for what the test adds.
    monkeypatch.setattr(clock_module, "SILENCE", 0.3)
    moment = SimpleNamespace(now=0.0)
    monkeypatch.setattr(clock_module, "time", SimpleNamespace(monotonic=lambda: moment.now))
    bell = Bell()
    clock = started(Tick("look", SOON, bell))
    bell.wait()
    old = clock._scheduler
    restarted = threading.Event()
    start = clock._start_scheduler

    def start_again() -> None:
        start()
        restarted.set()

    monkeypatch.setattr(clock, "_start_scheduler", start_again)
    if death == "silent":
        old.pause()
    else:
        old.shutdown(wait=False)
    moment.now = 10.0
    assert restarted.wait(PATIENCE)
    assert clock._scheduler is not old
    while bell.rung.acquire(blocking=False):
        pass
    bell.wait(2)
    assert "the clock fell silent and is started again" in {record.getMessage() for record in caplog.records}


def test_the_watchdog_outlives_a_failed_start(started, monkeypatch, caplog):
    monkeypatch.setattr(clock_module, "SILENCE", 0.3)
    moment = SimpleNamespace(now=0.0)
    monkeypatch.setattr(clock_module, "time", SimpleNamespace(monotonic=lambda: moment.now))
    clock = started(Tick("look", SOON, lambda: None))
    tries = threading.Semaphore(0)

    def fails() -> None:
        tries.release()
        raise RuntimeError("no thread to be had")

    monkeypatch.setattr(clock, "_start_scheduler", fails)
    clock._scheduler.pause()
    moment.now = 10.0
    for _ in range(2):
        assert tries.acquire(timeout=PATIENCE)
    assert "the clock could not be started again" in {record.getMessage() for record in caplog.records}


def test_after_the_end_nothing_is_started_again(started):
    clock = started(Tick("look", SOON, lambda: None))
    clock.stop()
    clock._restart()
    assert clock._scheduler is None

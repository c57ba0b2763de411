"""A lock says exactly whether its holder is still there: dead frees it, stopped keeps it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import event, text

from models.locks import locks_for
from models.session import Database

HOLDER = Path(__file__).with_name("lock_holder.py")


@pytest.fixture
def holder(database, tmp_path):
    """Another process that holds the lock "one"."""
    process = subprocess.Popen(
        [sys.executable, str(HOLDER), database.url, str(tmp_path), "one"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.communicate()


def held(locks, name="one"):
    with locks.try_hold(name) as mine:
        return mine


def test_one_process_at_a_time_holds_a_name(locks, holder):
    assert not held(locks)
    assert held(locks, "two")


def test_death_frees_it(locks, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    # PostgreSQL learns it from the closed socket, so it may take a moment; it must not take for ever.
    until = time.monotonic() + 30
    while not held(locks):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_stopped_process_keeps_it(locks, holder):
    holder.send_signal(signal.SIGSTOP)
    assert [held(locks) for _ in range(5)] == [False] * 5
    holder.send_signal(signal.SIGCONT)


def test_an_end_that_was_asked_for_frees_it(locks, holder):
    holder.communicate()
    assert held(locks)


def test_two_threads_exclude_each_other_too(locks, database, tmp_path):
    answers = []
    with locks.try_hold("one") as mine:
        thread = threading.Thread(target=lambda: answers.append(held(locks_for(database, tmp_path))))
        thread.start()
        thread.join()
        answers.append(held(locks))
    assert (mine, answers) == (True, [False, False])
    assert held(locks)


def test_an_attempt_that_failed_does_not_free_it(locks):
    """Closing another descriptor of the same file would free a lock of the `lockf` kind."""
    with locks.try_hold("one"):
        assert not held(locks)
        assert not held(locks)


def test_an_error_inside_frees_it(locks):
    def fail():
        with locks.try_hold("one"):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert held(locks)


def test_a_lock_given_back_can_be_taken_at_once(database_url, tmp_path):
    database = Database(database_url)
    locks = locks_for(database, tmp_path)
    for _ in range(50):
        with locks.try_hold("effect:1") as held:
            assert held
    database.close()


# ------------------------------------------------------------------------------------------ connections of PostgreSQL
def backends(database):
    """The server's process behind each connection that the locks of a database open from now on."""
    opened = []
    event.listen(database.locking, "connect", lambda connection, _: opened.append(connection.info.backend_pid))
    return opened


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_one_holder_after_another_uses_one_connection(locks, database):
    opened = backends(database)
    for _ in range(20):
        with locks.try_hold("one") as mine, locks.try_hold("one") as again, locks.try_hold("two") as other:
            assert (mine, again, other) == (True, False, True)
    assert len(opened) == 3, "as many as there are at the same time"


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_connection_that_broke_while_it_held_a_lock_is_not_used_again(locks, database):
    opened = backends(database)
    with locks.try_hold("one"):
        with database.engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 30000)"), {"pid": opened[0]})
        assert held(locks), "the server that ended it has freed what it held"
    assert [held(locks, str(number)) for number in range(3)] == [True] * 3
    assert len(opened) == 3, "and the others are not trusted either"


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_connection_that_went_while_nobody_held_it_is_replaced(locks, database):
    opened = backends(database)
    assert held(locks)
    with database.engine.connect() as other:
        other.execute(text("SELECT pg_terminate_backend(:pid, 30000)"), {"pid": opened[0]})
    assert held(locks)
    assert len(opened) == 2

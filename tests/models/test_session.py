"""Reading cannot write, writing is at once, and what fails leaves nothing."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import event, insert, select, text
from sqlalchemy.exc import DBAPIError, OperationalError, StatementError

from models.people import Borough, Person
from models.session import Database, vault_of

AT = datetime(2026, 11, 1, 1, 30, 0, 123456, tzinfo=timezone(timedelta(hours=-4)))


def boroughs(database):
    with database.read() as session:
        return list(session.scalars(select(Borough.code).order_by(Borough.code)))


def test_a_read_session_cannot_write(database):
    with database.read() as session:
        session.add(Borough(code="desjardins", name="Desjardins"))
        with pytest.raises(DBAPIError, match=r"readonly|read-only"):
            session.flush()
    assert boroughs(database) == []


def test_a_write_session_still_writes_after_readings(database):
    """On PostgreSQL both kinds share connections: being read-only is not left behind on one."""
    for code in ("a", "b", "c"):
        boroughs(database)
        with database.write() as session:
            session.add(Borough(code=code, name=code))
    assert boroughs(database) == ["a", "b", "c"]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_what_is_read_often_is_planned_once(database):
    """The driver prepares a statement at its sixth time, and forgets those of a connection that rolls back."""
    prepared = text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%borough%'")
    for _ in range(6):
        boroughs(database)
    with database.read() as session:
        assert session.scalar(prepared) == 1


def test_a_read_session_that_something_was_added_to_ends_quietly(database):
    with database.read() as session:
        session.add(Borough(code="desjardins", name="Desjardins"))
    assert boroughs(database) == []


def test_a_unit_of_work_that_fails_leaves_nothing(database):
    def half():
        with database.write() as session:
            session.add(Borough(code="a", name="A"))
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert boroughs(database) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_write_session_has_the_write_lock_before_it_reads(database, database_url, monkeypatch):
    """On SQLite, two that read first and write after would refuse each other in the middle."""
    monkeypatch.setattr("models.session.BUSY_SECONDS", 0)
    other = Database(database_url)
    with database.write() as first:
        assert first.scalar(select(Borough.id)) is None
        with pytest.raises(OperationalError, match="locked"), other.write() as second:
            second.scalar(select(Borough.id))
    other.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_threads_of_a_process_do_not_ask_sqlite_for_a_lock_that_one_of_them_has(database):
    asked, begun, done = [], threading.Event(), threading.Event()

    def write():
        begun.set()
        with database.write() as session:
            session.add(Borough(code="b", name="B"))
        done.set()

    def note(_connection, _cursor, statement, *_):
        if statement == "BEGIN IMMEDIATE":
            asked.append(threading.current_thread().name)

    event.listen(database.engine, "before_cursor_execute", note)
    waiting = threading.Thread(target=write, name="waiting")
    with database.write() as session:
        session.add(Borough(code="a", name="A"))
        session.flush()
        waiting.start()
        begun.wait()
        assert not done.wait(0.05)
        assert "waiting" not in asked
    waiting.join()
    assert (done.is_set(), asked.count("waiting"), boroughs(database)) == (True, 1, ["a", "b"])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_whatever_ends_a_unit_of_work_ends_its_turn(database, monkeypatch):
    monkeypatch.setattr("models.session.BUSY_SECONDS", 0)

    def fail():
        with database.write() as session:
            session.scalar(select(Borough.id))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.engine.connect() as connection:
        connection.scalar(select(Borough.id))
        connection.invalidate()
    with database.engine.connect() as connection:
        for code in ("a", "b"):  # Two transactions of one connection.
            connection.execute(insert(Borough).values(code=code, name=code))
            connection.commit()
    with database.write() as session:
        session.add(Borough(code="c", name="C"))
    assert boroughs(database) == ["a", "b", "c"]


def test_a_reading_is_one_look(database):
    """What others commit meanwhile is not half seen (SQLite; PostgreSQL shows what is committed at each statement)."""
    with database.write() as session:
        session.add(Borough(code="a", name="A"))
    with database.read() as session:
        before = session.scalars(select(Borough.code)).all()
        with database.write() as writing:
            writing.add(Borough(code="b", name="B"))
        after = session.scalars(select(Borough.code).order_by(Borough.code)).all()
    assert (before, after) == (["a"], ["a"] if database.sqlite else ["a", "b"])


def test_times_come_back_aware_and_in_utc(database):
    with database.write() as session:
        session.add(Person(email="a@ville.example", name="A", created_at=AT))
    with database.read() as session:
        read = session.scalar(select(Person.created_at))
    assert (read, read.tzinfo) == (AT, UTC)


def test_a_naive_time_is_refused(database):
    with database.write() as session:
        session.add(Person(email="a@ville.example", name="A", created_at=AT.replace(tzinfo=None)))
        with pytest.raises(StatementError, match="naive"):
            session.flush()


def test_without_keys_only_what_needs_none_works(database_url):
    database = Database(database_url)
    with database.read() as session, pytest.raises(TypeError):
        vault_of(session)
    database.close()


def test_a_statement_that_fails_does_not_say_its_values(database):
    """Errors go to the log, where no word or name of a citizen may stand."""
    with pytest.raises(DBAPIError) as failed, database.write() as session:
        session.add_all(Borough(code="twice", name=f"name-of-somebody-{number}") for number in range(2))
    assert "name-of-somebody" not in str(failed.value)
    with pytest.raises(DBAPIError) as failed, database.read() as session:
        session.execute(text("SELECT :words FROM nowhere"), {"words": "words-of-somebody"})
    assert "words-of-somebody" not in str(failed.value)

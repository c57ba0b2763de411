"""What a statement costs a database that is full: how many rows it meets, and by which way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from models.session import Database

ROWS, STEPS = 20, 50
"""That may be looked at for each row that is wanted: rows of PostgreSQL, tens of steps of SQLite."""


@contextmanager
def executed(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """The statements that are made, each with what it was given."""
    statements: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, given: Any, *_: Any) -> None:
        if not statement.startswith("BEGIN"):
            statements.append((statement, given))

    event.listen(database._writing, "before_cursor_execute", note)
    yield statements
    event.remove(database._writing, "before_cursor_execute", note)


def rows_met(database: Database, look: Callable[[Session], object]) -> tuple[int, list[str]]:
    """How many rows the database looked at, and SQLite's own words for how. SQLite does not say how many: its steps are
    counted, of which it makes ten at least for a row.
    """
    with executed(database) as statements, database.write() as session:
        look(session)
    steps, plans, met = 0, [], 0

    def step() -> int:
        nonlocal steps
        steps += 10
        return 0

    for statement, given in statements:
        with database._writing.connect() as connection:
            if database.sqlite:
                raw = connection.connection.driver_connection
                plans += [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", given)]
                raw.set_progress_handler(step, 10)
                raw.execute(statement, given).fetchall()
                raw.set_progress_handler(None, 0)
            else:
                # Ten thousand rows are so few that it may read them all: it says what it would do with more.
                connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
                explained = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", given).scalar()
                met += _met((explained if isinstance(explained, list) else json.loads(explained))[0]["Plan"])
    return (steps // 10 if database.sqlite else met), plans


def _met(node: dict[str, Any]) -> int:
    """Rows that the leaves of a plan gave or left out."""
    under = [_met(one) for one in node.get("Plans", ())]
    if node["Node Type"] == "Bitmap Index Scan":
        return 0  # Places in an index; the rows there are met by the node above.
    if under and "Scan" not in node["Node Type"]:
        return sum(under)
    left = sum(count for name, count in node.items() if name.startswith("Rows Removed"))
    return sum(under) + round((node["Actual Rows"] + left) * node["Actual Loops"])


def scans(plans: list[str], *tables: str) -> list[str]:
    """Where SQLite reads one of the tables in no order of use; its index of words is asked by a word."""
    return [one for one in plans if one.startswith(tuple(f"SCAN {table}" for table in tables)) and "INDEX" not in one]

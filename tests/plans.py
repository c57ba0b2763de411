"""What a statement costs a database that is full: how many rows it meets, and by which way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import event, insert, text
from sqlalchemy.orm import Session

from models import search
from models.accounts import Account
from models.comments import Author, Comment, SourcePost, VerdictRow
from models.effects import Effect
from models.items import Item
from models.people import Person
from models.session import Database
from models.vocabulary import EffectState, Intention, ItemState, OperationKind, PostKind
from tests.city import START

SIZE = 10_000
HANDLED, PUT_OFF = 4_000, 2_000
RARE = 5
"""Of each kind that is looked for, waiting and handled alike; the last in the order of their list."""

ROWS, STEPS = 20, 50
"""That may be looked at for each row that is wanted: rows of PostgreSQL, tens of steps of SQLite."""


@contextmanager
def executed(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """The statements that are made, each with what it was given."""
    statements: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, given: Any, *_: Any) -> None:
        if not statement.startswith("BEGIN"):
            statements.append((statement, given))

    # On PostgreSQL both are one engine.
    engines = {database._writing, database._reading} if database.sqlite else {database._writing}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield statements
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)


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


def fill(database: Database, *, put_off_until: datetime) -> None:
    """Ten thousand comments, of which few are of a second account, praise, suggested to be hidden, or of rare words.
    Of the others that wait, the last ones are put off until some seconds after a moment.
    """
    with database.write() as session:
        common = {"network": "facebook", "token_closed": "", "token_since": START, "created_at": START}
        for number in (1, 2):
            session.add(Account(id=number, name=str(number), external_id=str(number), pull_due_at=START, **common))
        session.add(Person(id=1, email="mona", name="Mona", created_at=START))
        session.flush()
        session.add(SourcePost(id=1, account_id=1, external_id="1", kind=PostKind.POST))
        session.flush()
        people = range(1, SIZE // 20 + 1)
        session.execute(insert(Author), [{"id": n, "network": "facebook", "external_id": str(n)} for n in people])
        rows = [_row(number, put_off_until) for number in range(1, SIZE + 1)]
        for table, number in ((Comment, 0), (Item, 1), (VerdictRow, 2)):
            session.execute(insert(table), [row[number] for row in rows])
        session.execute(insert(Effect), [_done(number) for number in range(1, SIZE + 1)])
    settle(database)


def settle(database: Database) -> None:
    """Let the database know what was put into it, as it would by itself a little later."""
    if not database.sqlite:
        with database.write() as session:
            session.execute(text("ANALYZE"))


def _done(number: int) -> dict[str, Any]:
    """What was once done to each comment."""
    return {
        "key": f"like:{number}", "operation": OperationKind.LIKE, "channel_id": 1, "target": str(number),
        "payload": {}, "state": EffectState.DONE, "due_at": START,
    }  # fmt: skip


def _row(number: int, until: datetime) -> tuple[dict[str, Any], ...]:
    handled, at = number > SIZE - HANDLED, START + timedelta(seconds=number)
    last = SIZE - HANDLED - number if not handled else number - (SIZE - HANDLED) - 1
    rare = 0 <= last < RARE
    put_off, later = not handled and RARE <= last < PUT_OFF, until + timedelta(seconds=number)
    account, intention = (2, Intention.PRAISE) if rare else (1, Intention.QUESTION)
    words = "La neige tombe" + (" sur la patinoire" if rare else "") + (" glacée" if last == 0 else "")
    return (
        {
            "id": number, "account_id": account, "external_id": str(number), "author_id": number % (SIZE // 20) + 1,
            "source_post_id": 1, "parent_external_id": str(number - 1) if number % 3 == 0 else None,
            "text": words, "search_text": search.text_of(words), "created_at": at, "received_at": at,
        },
        {
            "comment_id": number, "account_id": account, "queued_at": later if put_off else at, "intention": intention,
            "urgency": 1 if number % 10 == 0 else 0, "suggestion": "hide" if rare else "reply",
            "state": ItemState.HANDLED if handled else ItemState.WAITING, "handled_at": at if handled else None,
            "queued_before": at if put_off else None, "assignee_id": 1 if rare else None,
            "snoozed_until": later if put_off else None,
            "answer_by": at if rare and not handled else None, "warn_at": at if rare and not handled else None,
        },
        {
            "comment_id": number, "version": 1, "model": "made-up-1", "language": "fr", "intention": intention,
            "urgency": 0, "scores": {"breaches": {}}, "reasons": [], "at": at,
            "suggestion": "hide" if rare else "reply",
        },
    )  # fmt: skip

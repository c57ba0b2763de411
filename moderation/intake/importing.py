"""Comments from a file, for a city that has an export but no access to the network's API (yet).

Columns, CSV or one JSON object a line: `id,network,account,author,text,created_at,permalink,parent_id`. The same file
twice stores nothing twice; a row that cannot be used is reported with its line and reason, and the others go on.
A reason is a code, which the door words.
"""

from __future__ import annotations

import csv
import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from connectors.base import CommentSeen
from connectors.registry import names
from models.accounts import Account
from models.comments import Comment
from models.errors import Refused
from models.session import Database
from models.text import cleaned
from moderation.intake.upserting import store

BATCH = 500
"""Rows in one transaction."""
NEEDED = ("id", "network", "account", "text")
"""Columns without which no row can be used."""
LONGEST_ID = 200

Row = Mapping[str, Any] | str
"""What a row holds by column, or the reason for which it cannot be read."""


@dataclass(frozen=True)
class BadRow:
    """A row that was left out: its line in the file, and the code of the reason."""

    line: int
    reason: str


@dataclass
class Report:
    """What came of a file."""

    read: int = 0
    new: int = 0
    known: int = 0
    bad: list[BadRow] = field(default_factory=list)


class _Unusable(Exception):
    """The code of why a row cannot be used."""


def text_lines(raw: Iterable[bytes]) -> Iterator[str]:
    """Lines as text: UTF-8, or what Excel writes in Québec (Windows-1252) where a line is not UTF-8."""
    for number, line in enumerate(raw):
        try:
            yield line.decode("utf-8-sig" if number == 0 else "utf-8")
        except UnicodeDecodeError:
            yield line.decode("cp1252", "replace")


def rows_of_csv(lines: Iterable[str]) -> Iterator[tuple[int, Row]]:
    """The rows of a CSV file with a header, each with its first line (a quoted text may span several).

    Excel in French writes semicolons, so the header decides. Refused when the header lacks a column that every row
    needs. A quote that nobody closes costs its own line, and the reading goes on at the next one.
    """
    source = iter(lines)
    first = next(source, "")
    delimiter = max(",;\t", key=first.count)
    header = [name.strip().lower() for name in next(csv.reader([first], delimiter=delimiter), [])]
    if not set(NEEDED) <= set(header):
        raise Refused("import_columns", columns=", ".join(NEEDED))
    for number, cells in _cells(source, delimiter):
        if isinstance(cells, str):
            yield number, cells
        elif len(cells) > len(header):
            # A separator in a text without quotes: to store what stands before it would lose the citizen's words.
            yield number, "too_many_cells"
        elif cells:
            yield number, dict(zip(header, cells, strict=False))


def _cells(source: Iterator[str], delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    number, again = 2, deque[str]()
    taken: list[str] = []

    def feed() -> Iterator[str]:
        while (line := again.popleft() if again else next(source, None)) is not None:
            taken.append(line)
            yield line.replace("\0", "\N{REPLACEMENT CHARACTER}")

    while True:
        taken.clear()
        try:
            cells = next(csv.reader(feed(), delimiter=delimiter, strict=True), None)
        except csv.Error:
            yield number, "not_csv"
            again.extendleft(reversed(taken[1:]))
            number += 1
            continue
        if cells is None:
            return
        yield number, cells
        number += len(taken)


def rows_of_json(lines: Iterable[str]) -> Iterator[tuple[int, Row]]:
    """The rows of a JSON Lines file. Blank lines are passed over."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        yield number, row if isinstance(row, dict) else "not_json"


def import_rows(
    database: Database, rows: Iterable[tuple[int, Row]], *, zone: ZoneInfo, now: datetime
) -> Iterator[Report]:
    """Store rows in batches; gives the report so far after each. A time without a zone is the city's."""
    with database.read() as session:
        accounts = {(str(a.network), a.external_id): a.id for a in session.scalars(select(Account))}
    report = Report()
    source = iter(rows)
    while batch := list(islice(source, BATCH)):
        by_account: dict[int, list[CommentSeen]] = {}
        for line, row in batch:
            report.read += 1
            try:
                account_id, seen = _seen(row, accounts, zone=zone, now=now)
            except _Unusable as error:
                report.bad.append(BadRow(line, str(error)))
                continue
            by_account.setdefault(account_id, []).append(seen)
        for account_id, comments in sorted(by_account.items()):
            _store(database, account_id, comments, report, now=now)
        yield report
    if report.read == 0:
        yield report


def _store(database: Database, account_id: int, comments: list[CommentSeen], report: Report, *, now: datetime) -> None:
    ids = {comment.external_id for comment in comments}
    with database.write() as session:
        known = set(
            session.scalars(
                select(Comment.external_id).where(Comment.account_id == account_id, Comment.external_id.in_(ids))
            )
        )
        store(session, session.get_one(Account, account_id), comments, now=now)
    report.new += len(ids - known)
    report.known += len(comments) - len(ids - known)


def _seen(
    row: Row, accounts: Mapping[tuple[str, str], int], *, zone: ZoneInfo, now: datetime
) -> tuple[int, CommentSeen]:
    if isinstance(row, str):
        raise _Unusable(row)
    external_id = _text(row, "id")
    if not external_id:
        raise _Unusable("id_missing")
    if len(external_id) > LONGEST_ID:
        raise _Unusable("id_too_long")
    network = (_text(row, "network") or "").lower()
    if network not in names():
        raise _Unusable("network_unknown")
    account_id = accounts.get((network, _text(row, "account") or ""))
    if account_id is None:
        raise _Unusable("account_unknown")
    text = row.get("text")
    if not isinstance(text, str):
        raise _Unusable("text_missing")
    created_at = _time(_text(row, "created_at"), zone)
    return account_id, CommentSeen(
        external_id=external_id,
        source="add",
        seen_at=created_at or now,
        said_at=created_at,
        parent_external_id=_text(row, "parent_id"),
        author_name=_text(row, "author"),
        text=text,
        permalink=_text(row, "permalink"),
    )


def _text(row: Mapping[str, Any], name: str) -> str | None:
    value = row.get(name)
    return cleaned(str(value).strip()) or None if value is not None else None


def _time(value: str | None, zone: ZoneInfo) -> datetime | None:
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value)
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _Unusable("created_at_unreadable") from error

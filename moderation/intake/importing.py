"""Comments from a file, for a city that has an export but no access to the network's API (yet).

Columns, CSV or one JSON object a line: `id,network,account,author,text,created_at,permalink,parent_id`. The same file
twice stores nothing twice; a row that cannot be used is reported with its line and reason, and the others go on.
A reason is a code, which the door words. A file is not a network: nothing of it makes two rows one comment, so an id
that a spreadsheet changed, or that two different rows share, is reported.
"""

from __future__ import annotations

import csv
import html
import json
import re
import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from pathlib import PurePath
from typing import Any
from zoneinfo import ZoneInfo

from ftfy import fix_encoding
from ftfy.badness import is_bad
from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.base import CommentSeen
from connectors.registry import names
from models.accounts import Account
from models.comments import Author, Comment
from models.errors import Refused
from models.session import Database
from models.text import cleaned
from moderation.intake.merging import EARLY, OLDEST
from moderation.intake.upserting import store

BATCH = 500
"""Rows in one transaction."""
TABLES = frozenset({".csv", ".tsv"})
"""What spreadsheets call the tables that they write; any other file has a JSON object a line."""
NEEDED = ("id", "network", "account", "text")
"""Columns without which no row can be used."""
LONGEST_ID = 200
EXACT_DIGITS = 15
"""A spreadsheet keeps so many digits of a number; the rest become noughts."""
BY_CHANCE = 5
"""So many noughts at the end of a long number are none in a hundred thousand."""
SAME_TIME = timedelta(days=1)
"""A known comment whose date is further from the row's is another one: exports round, and forget the zone."""

_AS_TEXT = re.compile(r"=?\s*\"(.*)\"|'(.+)")
"""How a spreadsheet is told that digits are a text: they are all there."""
_NOTATION = re.compile(
    r"[+-]?\d+(?:[.,]\d+)?\s*(?:[eE]|[x×*·]\s*10\s*\^?)\s*[+-]?\d+"
    r"|\d{1,3}(?:[\s.,'’]\d{3})+(?:[.,]\d+)?|\d+[.,]\d+"
)
"""A number as spreadsheets write it: with a power of ten, in groups of three digits, with a fraction."""
_POWER = re.compile(r"\d\s*[eE]\+\d|\d[.,]\d+\s*[eE]-?\d")
"""The same in a part of an id: a post's number and a comment's, a number in a URN."""
_NO_ID = re.compile(
    r"#.*|nan|[+-]?inf(?:inity)?|none|null|nil|undefined|true|false|vrai|faux|n/?[ad]|-*|-\d+|0+"
    r"|\d{1,4}([-/.])\d{1,2}\1\d{1,4}(?:[t ].*)?|\d{1,2}/\d{1,4}|\d+:\d\d(?::\d\d)?"
    r"|[a-z]{3,5}\.?-\d\d|\d{1,2}-[a-z]{3,5}\.?|[\d.,]+[%$€£]",
    re.IGNORECASE,
)
"""What stands where a program had no id or lost it, or where a spreadsheet took it for a date, an hour or an amount."""
_ESCAPED = re.compile(r"(?:\\u[0-9a-fA-F]{4})+")
_BYTES = re.compile(r"(?:https?://|www\.)\S+|((?:\\x[0-9a-fA-F]{2})+|(?:=[0-9A-F]{2}){2,}|(?:%[0-9a-fA-F]{2}){2,})")
"""The bytes of letters in the escapes of a program, of mail or of an address; in an address itself they are right."""
_ENTITY = re.compile(r"&(?:#\d{2,7}|#[xX][0-9a-fA-F]{2,6}|[a-zA-Z]{2,8});")
_DRAWN = re.compile(r"[\u2500-\u259F]")
"""Lines and blocks: what a console shows for the first byte of a letter."""
_NOT_ASCII = re.compile(r"[^\x00-\x7F]+")
_LOST = re.compile(
    r"\N{REPLACEMENT CHARACTER}|[a-zà-öø-ÿ](?:[ÀÂÄÆ-ÏÑ-ÖØ-ÜŽŠŸƒˆ‚„‡]|\?[a-zà-ÿ]+\?[a-zà-ÿ])"
    r"|\bÃ[a-z]|\b(?:[cdjlmnstCDJLMNST]|[qQ]u)â[aeiouyhéèê]"
)
"""Letters that no language puts there: a capital after a small letter, a question mark in the middle of a word."""

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
    repaired: int = 0
    """Rows of which a text or name was UTF-8 read as another encoding ("fermÃ©"), or in the escapes of a page or of a
    program.
    """
    damaged: list[int] = field(default_factory=list)
    """Lines that are kept as they are, some of whose letters are lost ("ferm\N{REPLACEMENT CHARACTER}")."""
    bad: list[BadRow] = field(default_factory=list)


class _Unusable(Exception):
    """The code of why a row cannot be used."""


def text_lines(raw: Iterable[bytes]) -> Iterator[str]:
    """Lines as text: UTF-8, or what Excel writes in Québec (Windows-1252) where a line is not UTF-8; UTF-16 where its
    mark begins the file.
    """
    source = iter(raw)
    first = next(source, b"")
    if first.startswith((b"\xff\xfe", b"\xfe\xff")):
        yield from b"".join([first, *source]).decode("utf-16", "replace").splitlines(keepends=True)
        return
    for number, line in enumerate(chain([first], source)):
        try:
            yield line.decode("utf-8-sig" if number == 0 else "utf-8")
        except UnicodeDecodeError:
            yield line.decode("cp1252", "replace")


def rows_of(name: str, raw: Iterable[bytes]) -> Iterator[tuple[int, Row]]:
    """The rows of a file, a table or JSON Lines as its name says; Refused as `rows_of_csv`."""
    table = PurePath(name).suffix.lower() in TABLES
    return (rows_of_csv if table else rows_of_json)(text_lines(raw))


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
    met: dict[tuple[int, str], int] = {}
    while batch := list(islice(source, BATCH)):
        by_account: dict[int, dict[int, CommentSeen]] = {}
        rounded = [_rounded([row for _, row in batch], column) for column in ("id", "parent_id")]
        for line, row in batch:
            report.read += 1
            try:
                account_id, seen, repaired = _seen(row, accounts, zone=zone, now=now)
            except _Unusable as error:
                report.bad.append(BadRow(line, str(error)))
                continue
            # What a row says of its comment; twice the same is the same row.
            said = hash((seen.author_name, seen.text, seen.said_at, seen.parent_external_id))
            ids = (seen.external_id, seen.parent_external_id or "")
            rounded_here = any(_is_rounded(one, among) for one, among in zip(ids, rounded, strict=True))
            if rounded_here or met.setdefault((account_id, seen.external_id), said) != said:
                report.bad.append(BadRow(line, "id_rounded" if rounded_here else "id_twice"))
                continue
            report.repaired += repaired
            if any(_LOST.search(said) or is_bad(said) for said in (seen.text or "", seen.author_name or "")):
                report.damaged.append(line)
            by_account.setdefault(account_id, {})[line] = seen
        for account_id, comments in sorted(by_account.items()):
            _store(database, account_id, comments, report, now=now)
        report.bad.sort(key=lambda bad: bad.line)
        yield report
    if report.read == 0:
        yield report


def _store(
    database: Database, account_id: int, rows: Mapping[int, CommentSeen], report: Report, *, now: datetime
) -> None:
    with database.write() as session:
        known = _known(session, account_id, {row.external_id for row in rows.values()})
        strangers = [line for line, row in rows.items() if not _same(row, known.get(row.external_id))]
        comments = [row for line, row in rows.items() if line not in strangers]
        store(session, session.get_one(Account, account_id), comments, now=now)
    new = {comment.external_id for comment in comments} - known.keys()
    report.new += len(new)
    report.known += len(comments) - len(new)
    report.bad += [BadRow(line, "id_of_another") for line in strangers]


def _known(session: Session, account_id: int, ids: set[str]) -> dict[str, tuple[str | None, datetime]]:
    """Of the comments that are known already: who wrote them, and when."""
    statement = (
        select(Comment.external_id, Author.name, Comment.created_at)
        .outerjoin(Author, Author.id == Comment.author_id)
        .where(Comment.account_id == account_id, Comment.external_id.in_(ids))
    )
    return {external_id: (name, created_at) for external_id, name, created_at in session.execute(statement)}


def _same(row: CommentSeen, known: tuple[str | None, datetime] | None) -> bool:
    """Whether a row can be about the comment that is known under its id."""
    if known is None:
        return True
    name, created_at = known
    another = name is not None and row.author_name is not None and name != row.author_name
    return not another and (row.said_at is None or abs(row.said_at - created_at) <= SAME_TIME)


def _tail(external_id: str) -> str:
    """The digits of an id's numbers that a spreadsheet does not keep."""
    return "".join(part[EXACT_DIGITS:] for part in re.findall(r"\d+", external_id))


def _rounded(rows: Sequence[Row], column: str) -> bool:
    """Whether these rows went through a spreadsheet that kept 15 digits of such ids: of several long numbers, or of one
    very long one, every digit after these is a nought.
    """
    tails = "".join(map(_tail, {str(row.get(column) or "") for row in rows if not isinstance(row, str)}))
    return len(tails) > 1 and not tails.strip("0")


def _is_rounded(external_id: str, among: bool) -> bool:  # noqa: FBT001
    """Whether an id lost digits: all of its column did, or it ends with more noughts than come by chance."""
    tail = _tail(external_id)
    return bool(tail) and not tail.strip("0") and (among or len(tail) >= BY_CHANCE)


def _seen(
    row: Row, accounts: Mapping[tuple[str, str], int], *, zone: ZoneInfo, now: datetime
) -> tuple[int, CommentSeen, bool]:
    """The account of a row, what it says, and whether its words had to be repaired."""
    if isinstance(row, str):
        raise _Unusable(row)
    external_id, parent = _id(row, "id"), _id(row, "parent_id")
    if not external_id:
        raise _Unusable("id_missing")
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
    if created_at is not None and not OLDEST <= created_at <= now + EARLY:
        raise _Unusable("created_at_unlikely")
    author = _text(row, "author")
    words, name = _repaired(text), _repaired(author) if author else author
    seen = CommentSeen(
        external_id=external_id,
        source="add",
        seen_at=created_at or now,
        said_at=created_at,
        parent_external_id=parent,
        author_name=name,
        text=words,
        permalink=_text(row, "permalink"),
    )
    return account_id, seen, (words, name) != (text, author)


def _id(row: Mapping[str, Any], name: str) -> str | None:
    """An id as its network wrote it; None: the row has none."""
    value = row.get(name)
    if isinstance(value, float):
        raise _Unusable("id_notation")
    said = _text(row, name)
    # Invisible signs come with what is copied from a page; powers may be written with small digits.
    said = "".join(sign for sign in unicodedata.normalize("NFKC", said or "") if unicodedata.category(sign) != "Cf")
    if not said:
        return None
    if (as_text := _AS_TEXT.fullmatch(said)) is not None:
        said = (as_text[1] or as_text[2] or "").strip()
    if _NOTATION.fullmatch(said) or _POWER.search(said):
        raise _Unusable("id_notation")
    strange = isinstance(value, bool) or not isinstance(value, str | int) or not said.isascii() or " " in said
    if strange or _NO_ID.fullmatch(said):
        raise _Unusable("id_impossible")
    if len(said) > LONGEST_ID:
        raise _Unusable("id_too_long")
    return said


def _repaired(text: str) -> str:
    """The words that were written, where only their letters were written another way."""
    text = _ESCAPED.sub(lambda found: cleaned(json.loads(f'"{found[0]}"')) or "", text)
    text = _BYTES.sub(lambda found: _of_bytes(found[1]) if found[1] else found[0], text)
    if _DRAWN.search(text):
        text = _NOT_ASCII.sub(lambda found: _of_console(found[0]), text)
    return fix_encoding(_ENTITY.sub(lambda found: html.unescape(found[0]), text))


def _of_bytes(escaped: str) -> str:
    r"""The letters of `\xC3\xA9`, `=C3=A9` or `%C3%A9`; what is no letter stays as it is."""
    raw = bytes.fromhex(re.sub(r"\\x|[=%]", "", escaped))
    return _decoded(raw, escaped) if any(byte >= 0x80 for byte in raw) else escaped


def _of_console(drawn: str) -> str:
    """The letters whose UTF-8 was read in the code page of a console, Québec's first."""
    for page in ("cp850", "cp437"):
        with suppress(UnicodeEncodeError):
            if (read := _decoded(drawn.encode(page), drawn)) != drawn:
                return read
    return drawn


def _decoded(raw: bytes, otherwise: str) -> str:
    try:
        return cleaned(raw.decode("utf-8")) or ""
    except UnicodeDecodeError:
        return otherwise


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

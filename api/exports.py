"""Whole lists as files for spreadsheets and other programs, however long: they are read and sent in parts.

Their order is that in which the rows came in, so that a list that grows meanwhile loses none.
"""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select
from sqlalchemy.orm import InstrumentedAttribute, Session, joinedload

from models.comments import Comment
from models.decisions import Decision, Proposal
from models.items import Item
from models.keyset import Keyset
from models.netiquette import RuleVersion
from models.posts import Post, Variant
from models.requests311 import ServiceRequest
from models.scope import Action, Scoped, Viewer, visible
from models.session import Database
from models.spreadsheets import guarded

PART = 500
"""Rows that one look at the database reads."""
LONGEST_SHEET = 1_000_000
"""Rows of a sheet of a workbook; the next one goes on. (Excel takes 1,048,576.)"""
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""What no cell of a workbook can hold."""
BLOCK = 64 * 1024
"""Bytes of a workbook that are sent at once."""


class Format(StrEnum):
    """Of a file: `csv` has semicolons and a mark of UTF-8, as spreadsheets in French want it; `jsonl` a row a line."""

    CSV = "csv"
    XLSX = "xlsx"
    JSONL = "jsonl"


MEDIA: Mapping[Format, str] = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Format.JSONL: "application/jsonl",
}

Line = Mapping[str, Any]


@dataclass(frozen=True)
class Sheet:
    """One list: whose rows, by which time they are chosen, and the line of each of a part of them."""

    name: str
    action: Action
    row: type[Any]
    scoped: Scoped
    """What says who may see the row."""
    at: InstrumentedAttribute[Any]
    whole: Select[Any]
    """The rows, with all that `lines` reads of them."""
    lines: Callable[[Session, Sequence[Any]], Iterable[Line]]


# ------------------------------------------------------------------------------------------ the lists
def _comments(session: Session, rows: Sequence[Comment]) -> Iterator[Line]:
    items = select(Item).where(Item.comment_id.in_([row.id for row in rows])).order_by(Item.id)
    last = {item.comment_id: item for item in session.scalars(items)}
    for row in rows:
        item, verdict = last.get(row.id), row.verdict
        yield {
            "id": row.id,
            "network": row.account.network,
            "account": row.account.name,
            "kind": row.kind,
            "external_id": row.external_id,
            "parent_external_id": row.parent_external_id,
            "post_external_id": row.source_post.external_id if row.source_post else None,
            "author": row.author.name if row.author else None,
            "text": row.text,
            "rating": row.rating,
            "created_at": row.created_at,
            "received_at": row.received_at,
            "version": row.version,
            "by_city": row.by_city,
            "hidden": row.hidden,
            "removed": row.removed,
            "state": item.state if item else None,
            "handled_at": item.handled_at if item else None,
            "answer_by": item.answer_by if item else None,
            "language": verdict.language if verdict else None,
            "intention": verdict.intention if verdict else None,
            "group_311": verdict.group_311 if verdict else None,
            "urgency": verdict.urgency if verdict else None,
            "permalink": row.permalink,
        }


def _decisions(_session: Session, rows: Sequence[Decision]) -> Iterator[Line]:
    for row in rows:
        yield {
            "id": row.id,
            "comment_id": row.comment_id,
            "comment_version": row.comment_version,
            "kind": row.kind,
            "person": row.person.name,
            "at": row.at,
            "article": row.rule_version.rule.code if row.rule_version else None,
            "article_number": row.rule_version.number if row.rule_version else None,
            "asked_by": row.proposal.person.name if row.proposal else None,
            "suggested": row.suggested,
            "request_number": row.request.number if row.request else None,
            "cancels_id": row.cancels_id,
        }


def _requests(_session: Session, rows: Sequence[ServiceRequest]) -> Iterator[Line]:
    for row in rows:
        yield {
            "number": row.number,
            "outside_number": row.outside_number,
            "service_code": row.service_code,
            "service": row.service.name,
            "group_311": row.service.group,
            "nature": row.nature,
            "status": row.status,
            "priority": row.priority,
            "borough": row.borough.name if row.borough else None,
            "unit": row.unit,
            "place": row.place,
            "latitude": row.latitude,
            "longitude": row.longitude,
            "description": row.description,
            "citizen_note": row.citizen_note,
            "opened_at": row.opened_at,
            "due_at": row.due_at,
            "closed_at": row.closed_at,
        }


def _posts(_session: Session, rows: Sequence[Variant]) -> Iterator[Line]:
    for row in rows:
        post = row.post
        yield {
            "post_id": post.id,
            "variant_id": row.id,
            "title": post.title,
            "campaign": post.campaign.name if post.campaign else None,
            "network": row.account.network,
            "account": row.account.name,
            "state": post.state,
            "author": post.author.name,
            "text": row.text,
            "link": row.link,
            "first_comment": row.first_comment,
            "publish_at": row.publish_at or post.publish_at,
            "published_at": row.published_at,
            "taken_down_at": row.taken_down_at,
            "permalink": row.permalink,
        }


COMMENTS = Sheet(
    "comments",
    Action.SEE_COMMENTS,
    Comment,
    Comment,
    Comment.created_at,
    select(Comment).options(
        joinedload(Comment.account),
        joinedload(Comment.author),
        joinedload(Comment.source_post),
        joinedload(Comment.verdict),
    ),
    _comments,
)
DECISIONS = Sheet(
    "decisions",
    Action.SEE_COMMENTS,
    Decision,
    Comment,
    Decision.at,
    select(Decision)
    .join(Comment, Comment.id == Decision.comment_id)
    .options(
        joinedload(Decision.person),
        joinedload(Decision.rule_version).joinedload(RuleVersion.rule),
        joinedload(Decision.proposal).joinedload(Proposal.person),
        joinedload(Decision.request),
    ),
    _decisions,
)
REQUESTS = Sheet(
    "requests",
    Action.SEE_REQUESTS,
    ServiceRequest,
    ServiceRequest,
    ServiceRequest.opened_at,
    select(ServiceRequest).options(joinedload(ServiceRequest.service), joinedload(ServiceRequest.borough)),
    _requests,
)
POSTS = Sheet(
    "posts",
    Action.SEE_POSTS,
    Variant,
    Post,
    Post.created_at,
    select(Variant)
    .join(Post, Post.id == Variant.post_id)
    .options(
        joinedload(Variant.account),
        joinedload(Variant.post).joinedload(Post.campaign),
        joinedload(Variant.post).joinedload(Post.author),
    ),
    _posts,
)
SHEETS: Mapping[str, Sheet] = {one.name: one for one in (COMMENTS, DECISIONS, REQUESTS, POSTS)}


# ------------------------------------------------------------------------------------------ the files
def read(
    database: Database, viewer: Viewer, sheet: Sheet, since: datetime | None, until: datetime | None
) -> Iterator[Line]:
    """The lines that a viewer may see, from `since` until before `until`. Each part is a look of its own: a slow reader
    holds nothing of the database meanwhile.
    """
    order, after = Keyset(sheet.row.id), None
    statement = visible(sheet.whole, viewer, sheet.action, sheet.scoped)
    if since is not None:
        statement = statement.where(sheet.at >= since)
    if until is not None:
        statement = statement.where(sheet.at < until)
    while True:
        with database.read() as session:
            rows, after = order.read(session, statement, after, PART)
            lines = list(sheet.lines(session, rows))
        yield from lines
        if after is None:
            return


def as_jsonl(lines: Iterable[Line], _zone: ZoneInfo) -> Iterator[bytes]:
    """A JSON object a line; times are UTC."""
    for line in lines:
        yield (json.dumps(line, default=_iso, ensure_ascii=False) + "\n").encode()


def as_csv(lines: Iterable[Line], zone: ZoneInfo) -> Iterator[bytes]:
    """Times are those of the city, as `2027-06-30 09:30:00`."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";")
    text.write("\ufeff")
    for number, line in enumerate(lines):
        if not number:
            writer.writerow(line)
        writer.writerow(guarded(_local(value, zone, text=True)) for value in line.values())
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()
    yield text.getvalue().encode()


def as_xlsx(lines: Iterable[Line], zone: ZoneInfo) -> Iterator[bytes]:
    """A workbook, made beside on the disk: its end must be known before its beginning is sent."""
    # Half a second that other starts need not pay.
    from openpyxl import Workbook  # noqa: PLC0415

    book = Workbook(write_only=True)
    page = book.create_sheet()
    for number, line in enumerate(lines):
        if number and number % LONGEST_SHEET == 0:
            page = book.create_sheet()
        if number % LONGEST_SHEET == 0:
            page.append(list(line))
        page.append([guarded(_local(value, zone)) for value in line.values()])
    with tempfile.TemporaryFile() as file:
        book.save(file)
        file.seek(0)
        while block := file.read(BLOCK):
            yield block


WRITERS: Mapping[Format, Callable[[Iterable[Line], ZoneInfo], Iterator[bytes]]] = {
    Format.CSV: as_csv,
    Format.XLSX: as_xlsx,
    Format.JSONL: as_jsonl,
}


def _iso(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


def _local(value: object, zone: ZoneInfo, *, text: bool = False) -> object:
    """What a cell of a spreadsheet can hold."""
    if isinstance(value, datetime):
        here = value.astimezone(zone).replace(tzinfo=None, microsecond=0)
        return str(here) if text else here
    if isinstance(value, bool) and text:
        return str(value).lower()
    return _CONTROLS.sub("", str(value)) if isinstance(value, str) else value

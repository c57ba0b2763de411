"""Nothing is kept longer than its rule. What disposal empties is read from the tables, where each column says whose
data it holds (`models.base.Whose`); here stand only the ways from a comment to its rows. The journal verifies after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Select,
    and_,
    delete,
    exists,
    false,
    func,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.orm import Session, aliased

from models import audit
from models.accounts import ConsentHandshake, Delivery, SetAside
from models.base import GONE, Base, Whose, mark_of
from models.comments import Attachment, Author, Comment, CommentVersion, SourcePost
from models.conversations import Message
from models.decisions import Evidence
from models.effects import Effect, still_open
from models.errors import Refused
from models.incidents import Incident, IncidentComment
from models.items import Item
from models.people import SignIn, SignInAttempt
from models.requests311 import RequestChange, Requester, RequestNote, ServiceRequest
from models.session import Database
from models.vocabulary import CLOSED_STATUSES, CommentKind, DeliveryState, ItemState, PostKind

RAW_DAYS = 30
"""How long a webhook body that was read is kept (DESIGN: deliveries are kept 30 days)."""
BATCH = 200
"""Comments that one transaction disposes of."""
SENT = (Delivery.__table__, SetAside.__table__)
"""What networks sent, as they sent it: it belongs to no comment, and has times of its own."""


@dataclass(frozen=True)
class Rule:
    """How many days things are kept; None: until a person decides."""

    unread: int
    """What the networks sent and nobody could read, or whose account nobody added."""
    comments: int | None


@dataclass(frozen=True)
class Due:
    """What the next disposal empties of one column, in rows."""

    table: str
    column: str
    rows: int


def report(session: Session, rule: Rule, *, now: datetime) -> list[Due]:
    """What is due, column by column, before anything is done about it."""
    due: dict[Any, ColumnElement[bool]] = {Delivery.raw: _bodies(rule, now=now), SetAside.raw: _asides(rule, now=now)}
    if rule.comments is not None:
        due |= _of(_comments_due(rule.comments, now=now))
        old = _posts_due(rule.comments, now=now)
        due |= {column: which | old for column, which in due.items() if column.table is SourcePost.__table__}
        sent = _of_requests(_sent_requests_due(rule.comments, now=now))
        due |= {column: which | sent[column.table] for column, which in due.items() if column.table in sent}
    found = []
    for column, which in due.items():
        there = select(func.count()).select_from(column.table).where(which, _holds_something(column))
        if rows := session.scalar(there):
            found.append(Due(column.table.name, column.name, rows))
    return sorted(found, key=lambda one: (one.table, one.column))


def forget_raw_due(session: Session, rule: Rule, *, now: datetime) -> int:
    """Empty what networks sent and nobody needs any more, and what is left of old sign-ins; gives how many bodies."""
    emptied = session.execute(update(Delivery).where(_bodies(rule, now=now)).values(raw=None).returning(Delivery.id))
    asides = update(SetAside).where(_asides(rule, now=now))
    # Whoever adds its account now has nothing left to parse.
    session.execute(asides.values(raw=None, settled_at=func.coalesce(SetAside.settled_at, now)))
    session.execute(delete(ConsentHandshake).where(ConsentHandshake.expires_at < now))
    session.execute(delete(SignInAttempt).where(SignInAttempt.at < now - timedelta(days=1)))
    session.execute(delete(SignIn).where(SignIn.expires_at < now - timedelta(days=RAW_DAYS)))
    return len(emptied.all())


def dispose_due(database: Database, rule: Rule, *, now: datetime, said: Callable[[int], None] = lambda _: None) -> int:
    """Dispose of the comments that are older than the rule, and of which nothing is owed; gives how many.

    `said` is told how many after each transaction.
    """
    disposed = 0
    while rule.comments is not None:
        with database.write() as session:
            ids = session.scalars(_comments_due(rule.comments, now=now).order_by(Comment.id).limit(BATCH)).all()
            dispose(session, ids, now=now, person_id=None)
        disposed += len(ids)
        said(disposed)
        if len(ids) < BATCH:
            break
    if rule.comments is not None:
        with database.write() as session:
            old = update(SourcePost).where(_posts_due(rule.comments, now=now))
            session.execute(old.values(_left(SourcePost.__table__)))
            for table, which in _of_requests(_sent_requests_due(rule.comments, now=now)).items():
                session.execute(update(table).where(which).values(_left(table)))
    return disposed


def dispose(session: Session, comment_ids: Sequence[int], *, now: datetime, person_id: int | None) -> None:
    """Lawful disposal of some comments: what is a citizen's goes everywhere it stands. Their authors go with their last
    comment, a request's words with the last comment that asked for it, somebody else's post with the last one under it.

    Refused: `effects_open`, `requests_open` while something is still owed to one of them.
    """
    these = select(Comment.id).where(Comment.id.in_(comment_ids))
    locked = select(Comment).where(Comment.id.in_(comment_ids)).order_by(Comment.id).with_for_update()
    comments = session.scalars(locked).all()
    for code, owed in _owed().items():
        if session.scalar(these.where(owed).limit(1)) is not None:
            raise Refused(code)
    of: dict[Any, ColumnElement[bool]] = dict(_of(these))
    _dispose_of_sent(session, comments, now=now)
    authors = session.scalars(select(Author.id).where(of[Author.__table__.c.name])).all()
    for column, leaves in _citizens():
        if column in of and leaves != GONE:
            session.execute(update(column.table).where(of[column]).values({column: leaves}))
    session.execute(update(Comment).where(Comment.id.in_(comment_ids)).values(author_id=None, disposed_at=now))
    session.execute(update(Evidence).where(Evidence.comment_id.in_(comment_ids)).values(disposed_at=now))
    waits = update(Item).where(Item.comment_id.in_(comment_ids), Item.state != ItemState.HANDLED)
    session.execute(waits.values(state=ItemState.HANDLED, handled_at=now))
    pictures = update(Attachment).where(Attachment.comment_id.in_(comment_ids))
    session.execute(pictures.values(fetch_due_at=None, failure=None))
    _forget_people(session, comments)
    session.execute(delete(Author).where(Author.id.in_(authors)))
    session.expire_all()
    for comment_id in comment_ids:
        audit.note(session, "comment.disposed", f"comment:{comment_id}", now=now, person_id=person_id)


def _forget_people(session: Session, comments: Sequence[Comment]) -> None:
    """A private conversation is named by its person: nothing names them any more, nor what was written to them."""
    for one in comments:
        if one.kind == CommentKind.MESSAGE:
            gone = f"gone:{one.id}"
            of_it = Effect.channel_id == one.account_id, Effect.target == one.external_id
            session.execute(update(Effect).where(*of_it).values(target=gone))
            session.execute(update(Comment).where(Comment.id == one.id).values(external_id=gone))


def _dispose_of_sent(session: Session, comments: Sequence[Comment], *, now: datetime) -> None:
    """Empty what networks sent of these comments, found by their numbers there. What still waits to be parsed stays: of
    a comment that was disposed of, parsing takes nothing back in.
    """
    if not comments:
        return
    asides = or_(*(SetAside.raw.contains(comment.external_id, autoescape=True) for comment in comments))
    session.execute(update(SetAside).where(asides).values(raw=None))
    told = select(CommentVersion.comment_id).where(CommentVersion.seen_at >= now - timedelta(days=RAW_DAYS))
    recent = set(session.scalars(told.where(CommentVersion.comment_id.in_([comment.id for comment in comments]))))
    names = [comment.external_id for comment in comments if comment.id in recent]
    of_talks = select(Message.external_id).where(Message.received_at >= now - timedelta(days=RAW_DAYS))
    names += session.scalars(of_talks.where(Message.comment_id.in_([comment.id for comment in comments])))
    postgresql = session.get_bind().dialect.name == "postgresql"
    body = func.encode(Delivery.raw, "escape")
    sent = [func.strpos(body, name) if postgresql else func.instr(Delivery.raw, name.encode()) for name in names]
    read = and_(Delivery.raw.is_not(None), Delivery.state != DeliveryState.RECEIVED, ~_unsettled())
    session.execute(update(Delivery).where(read, or_(false(), *(place > 0 for place in sent))).values(raw=None))


def _comments_due(days: int, *, now: datetime) -> Select[int]:
    old = Comment.received_at < now - timedelta(days=days)
    return select(Comment.id).where(old, Comment.disposed_at.is_(None), ~or_(*_owed().values()))


def _posts_due(days: int, *, now: datetime) -> ColumnElement[bool]:
    """Somebody else's posts of before the rule, under which nothing is, whatever was."""
    other = aliased(Comment)
    return and_(SourcePost.created_at < now - timedelta(days=days), _elsewhere(other.disposed_at.is_(None), other))


def _sent_requests_due(days: int, *, now: datetime) -> Select[int]:
    """Requests that a program sent and no comment asked for, closed before the rule."""
    by_comment = exists().where(Requester.request_id == ServiceRequest.id, Requester.comment_id.is_not(None))
    return select(ServiceRequest.id).where(ServiceRequest.closed_at < now - timedelta(days=days), ~by_comment)


def _of_requests(requests: Select[int]) -> dict[Any, ColumnElement[bool]]:
    """By table: the rows that belong to these requests and to no comment."""
    return {
        ServiceRequest.__table__: ServiceRequest.id.in_(requests),
        RequestChange.__table__: RequestChange.request_id.in_(requests),
        RequestNote.__table__: RequestNote.request_id.in_(requests),
        Requester.__table__: Requester.request_id.in_(requests),
    }


def _elsewhere(kept: ColumnElement[bool], other: type[Comment]) -> ColumnElement[bool]:
    """Somebody else's posts without such a comment; the city's own are its archives."""
    under = exists().where(other.source_post_id == SourcePost.id, kept)
    return and_(SourcePost.kind == PostKind.MENTIONING, ~under)


def _owed() -> dict[str, ColumnElement[bool]]:
    """What of a comment is not over, by the code of the refusal."""
    return {
        "effects_open": exists().where(
            Effect.channel_id == Comment.account_id, Effect.target == Comment.external_id, still_open(Effect)
        ),
        "requests_open": exists().where(
            Requester.comment_id == Comment.id,
            Requester.detached_at.is_(None),
            ServiceRequest.id == Requester.request_id,
            ServiceRequest.status.not_in(CLOSED_STATUSES),
        ),
    }


def _bodies(rule: Rule, *, now: datetime) -> ColumnElement[bool]:
    """Webhook bodies past their time. One that nobody could read, or whose account is not known yet, has longer."""
    read = and_(
        Delivery.state == DeliveryState.PARSED, Delivery.received_at < now - timedelta(days=RAW_DAYS), ~_unsettled()
    )
    return and_(Delivery.raw.is_not(None), read | (Delivery.received_at < now - timedelta(days=rule.unread)))


def _asides(rule: Rule, *, now: datetime) -> ColumnElement[bool]:
    """Set-aside changes past their time, likewise."""
    settled = SetAside.settled_at < now - timedelta(days=RAW_DAYS)
    waits = and_(SetAside.settled_at.is_(None), SetAside.at < now - timedelta(days=rule.unread))
    return waits | and_(SetAside.raw.is_not(None), settled)


def _unsettled() -> ColumnElement[bool]:
    return exists().where(SetAside.delivery_id == Delivery.id, SetAside.settled_at.is_(None))


def _of(comments: Select[int]) -> Iterator[tuple[Column[Any], ColumnElement[bool]]]:
    """Every citizen's column, with the rows in which it holds something of these comments and of no other."""
    ways = _ways(comments)
    for column, _ in _citizens():
        if column.table not in SENT:
            yield column, ways[column if column in ways else column.table]


def _left(table: Any) -> dict[str, Any]:
    """What stands in a table's citizens' columns after disposal."""
    return {column.name: leaves for column, leaves in _citizens() if column.table is table}


def _citizens() -> Iterator[tuple[Column[Any], Any]]:
    """Every column that is a citizen's, and what disposal leaves of it."""
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            mark = mark_of(column)
            if mark is not None and mark.whose is Whose.CITIZEN:
                yield column, mark.leaves


def _ways(comments: Select[int]) -> dict[Any, ColumnElement[bool]]:
    """The way from comments to the rows of each table, or of one column. A table of citizens' without one is an error
    at its first use.
    """
    ways: dict[Any, ColumnElement[bool]] = {
        table: table.c.comment_id.in_(comments) for table in Base.metadata.tables.values() if "comment_id" in table.c
    }
    asking, other = aliased(Requester), aliased(Comment)
    kept = and_(other.disposed_at.is_(None), other.id.not_in(comments))
    over = and_(
        ServiceRequest.id.in_(select(Requester.request_id).where(Requester.comment_id.in_(comments))),
        ~exists().where(asking.request_id == ServiceRequest.id, asking.comment_id == other.id, kept),
    )
    first = select(func.min(asking.id)).where(asking.request_id == ServiceRequest.id).scalar_subquery()
    opened = exists().where(Requester.id == first, Requester.comment_id.in_(comments))
    member, others = aliased(IncidentComment), aliased(IncidentComment)
    events = and_(
        Incident.id.in_(select(member.incident_id).where(member.comment_id.in_(comments))),
        ~exists().where(others.incident_id == Incident.id, others.comment_id == other.id, kept),
    )
    keys = select(Comment.account_id, Comment.external_id).where(Comment.id.in_(comments))
    posts = select(Comment.source_post_id).where(Comment.id.in_(comments))
    authors = select(Comment.author_id).where(Comment.id.in_(comments))
    return ways | {
        Comment.__table__: Comment.id.in_(comments),
        Effect.__table__: tuple_(Effect.channel_id, Effect.target).in_(keys),
        ServiceRequest.__table__: over,
        ServiceRequest.__table__.c.description: over | opened,
        Incident.__table__: events,
        RequestChange.__table__: RequestChange.request_id.in_(select(ServiceRequest.id).where(over)),
        RequestNote.__table__: RequestNote.request_id.in_(select(ServiceRequest.id).where(over)),
        SourcePost.__table__: and_(SourcePost.id.in_(posts), _elsewhere(kept, other)),
        Author.__table__: and_(Author.id.in_(authors), ~exists().where(other.author_id == Author.id, kept)),
    }


def _holds_something(column: Column[Any]) -> ColumnElement[bool]:
    mark = mark_of(column)
    if mark is None or mark.leaves == GONE:
        return true()
    return column.is_not(None) if mark.leaves is None else and_(column.is_not(None), column != mark.leaves)

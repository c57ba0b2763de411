"""After a request was closed: what its people may see of it, and how they have it opened again."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from models.comments import Comment, VerdictRow
from models.errors import NotFound, Refused
from models.requests311 import Requester, ServiceRequest
from models.session import Database
from models.vocabulary import CommentKind, RequestStatus, StepBy
from moderation.requests import escalation

ANSWERABLE = timedelta(days=60)
"""For how long after its end a request is opened again by whoever asked for it."""
AT_ONCE = 50
"""Comments that one look takes up."""


@dataclass(frozen=True)
class Followed:
    """A request as anybody may see it, and, with the code that one requester was given, what is theirs of it."""

    request: ServiceRequest
    requester: Requester | None
    words: str | None
    """What they asked in."""

    @property
    def reopens(self) -> bool:
        """Whether they may say that it is not solved: once for each time that it is closed."""
        return self.requester is not None and _may_reopen(self.request, self.requester)


def followed(session: Session, number: str, code: str) -> Followed:
    """The request that the public knows by this number. NotFound: there is none, or its service is confidential; a code
    that is not one of its people's shows nothing more.
    """
    written = number.strip()
    # As another system writes it, else as people type it.
    number, ways = written.upper(), {written, written.upper(), written.lower()}
    statement = (
        select(ServiceRequest)
        .options(joinedload(ServiceRequest.service), joinedload(ServiceRequest.borough))
        # One number is public: the outside one, where there is one.
        .where(
            or_(
                ServiceRequest.outside_number.in_(ways),
                (ServiceRequest.number == number) & ServiceRequest.outside_number.is_(None),
            )
        )
        .order_by((ServiceRequest.outside_number == written).desc().nulls_last(), ServiceRequest.id)
        .limit(1)
    )
    request = session.scalar(statement)
    if request is not None and request.joined_to_id is not None:
        request = session.scalar(
            select(ServiceRequest)
            .options(joinedload(ServiceRequest.service), joinedload(ServiceRequest.borough))
            .where(ServiceRequest.id == request.joined_to_id)
        )
    if request is None or request.service.confidential:
        raise NotFound
    requester, words = None, None
    if code:
        asked = select(Requester, Comment.text, Comment.kind).outerjoin(Comment, Comment.id == Requester.comment_id)
        asked = asked.where(Requester.request_id == request.id, Requester.detached_at.is_(None))
        for one, text, kind in session.execute(asked).all():
            if hmac.compare_digest(one.code.encode(), code.encode("utf-8", "replace")):
                requester, words = one, text if one.comment_id is not None else request.description
                if kind == CommentKind.MESSAGE:
                    words = None  # What was written in private is not read on the web.
    return Followed(request, requester, words)


def reopen_by_code(session: Session, number: str, code: str, *, now: datetime) -> None:
    """Whoever was given the code says that it is not solved. Refused: `reopened_before`, where that was said already,
    or it is too late.
    """
    found = followed(session, number, code)
    if found.requester is None:
        raise NotFound
    request = escalation.held(session, found.request.id)
    requester = session.get_one(Requester, found.requester.id, populate_existing=True)
    if not _may_reopen(request, requester) or (request.closed_at and request.closed_at < now - ANSWERABLE):
        raise Refused("reopened_before")
    requester.reopened_at = now
    escalation.reopen(session, request, by=StepBy.CITIZEN, comment_id=requester.comment_id, now=now)


def _may_reopen(request: ServiceRequest, requester: Requester) -> bool:
    closed = request.closed_at if request.status in (RequestStatus.DONE, RequestStatus.REFUSED) else None
    return closed is not None and (requester.reopened_at is None or requester.reopened_at < closed)


def said_unsolved(session: Session) -> bool:
    """Whether somebody said that something is not solved, and nobody has looked at it."""
    return session.scalar(select(VerdictRow.comment_id).where(VerdictRow.unsolved).limit(1)) is not None


def reopen_due(database: Database, *, now: datetime) -> int:
    """Look at what was said not to be solved: where its author asked for a request that is closed since, it is opened
    again. Gives how many were.
    """
    with database.read() as session:
        waiting = select(VerdictRow.comment_id).where(VerdictRow.unsolved).order_by(VerdictRow.comment_id)
        ids = session.scalars(waiting.limit(AT_ONCE)).all()
    reopened = 0
    for comment_id in ids:
        with database.write() as session:
            reopened += _reopen(session, comment_id, now=now)
    return reopened


def _reopen(session: Session, comment_id: int, *, now: datetime) -> int:
    comment = session.get_one(Comment, comment_id)
    # Whoever works on a request holds it before its comments, and so before what was said of them.
    requests = [escalation.held(session, request_id) for request_id in _asked_for(session, comment, now=now)]
    session.execute(select(Comment.id).where(Comment.id == comment_id).with_for_update())
    verdict = session.get(VerdictRow, comment_id, populate_existing=True, with_for_update=True)
    if verdict is None or not verdict.unsolved:
        return 0
    verdict.unsolved = False
    closed = [one for one in requests if one.status in (RequestStatus.DONE, RequestStatus.REFUSED)]
    for request in closed:
        escalation.reopen(session, request, by=StepBy.CITIZEN, comment_id=comment.id, now=now)
    return len(closed)


def _asked_for(session: Session, comment: Comment, *, now: datetime) -> Sequence[int]:
    """Requests that the author of a comment asked for in its thread, and that were closed before it."""
    if comment.author_id is None or comment.by_city or comment.removed:
        return ()
    roots = [one for one in (comment.parent_external_id, comment.external_id) if one is not None]
    statement = (
        select(ServiceRequest.id)
        .join(Requester, Requester.request_id == ServiceRequest.id)
        .join(Comment, Comment.id == Requester.comment_id)
        .where(
            Requester.detached_at.is_(None),
            Comment.account_id == comment.account_id,
            Comment.author_id == comment.author_id,
            Comment.id != comment.id,
            or_(Comment.external_id.in_(roots), Comment.parent_external_id.in_(roots)),
            ServiceRequest.closed_at < comment.created_at,
            ServiceRequest.closed_at >= now - ANSWERABLE,
        )
        .order_by(ServiceRequest.id)
    )
    return session.scalars(statement.distinct()).all()

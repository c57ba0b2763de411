"""What a 311 agent looks at: the requests of their part of the city, and one of them with all who asked for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVarTuple

from sqlalchemy import ColumnElement, Select, and_, exists, false, func, or_, select, true
from sqlalchemy.orm import Session, joinedload, selectinload

from models.comments import Attachment, Comment
from models.completions import Completion
from models.decisions import Decision
from models.desks import Handover
from models.effects import Effect
from models.errors import NotFound
from models.items import DraftReply
from models.keyset import Keyset
from models.people import ApiKey
from models.requests311 import RequestChange, Requester, RequestNote, ServiceRequest
from models.scope import Action, Viewer, readable, visible
from models.search import text_of
from models.vocabulary import (
    CLOSED_STATUSES,
    DecisionKind,
    DraftState,
    Language,
    Priority,
    RequestNoteKind,
    RequestStatus,
)
from moderation.requests import completing, escalation, handling, handover, letters, merging
from moderation.requests.escalation import ANSWERS, NEXT, UNSAID
from moderation.templates import ReadyNote, notes, template

SOONEST_DUE = Keyset(ServiceRequest.due_at, ServiceRequest.id)
NEWEST = Keyset(ServiceRequest.id, descending=True)

RECENT = timedelta(days=30)
"""Over which figures of what was closed are counted."""
MOST_WORDS = 10
_Columns = TypeVarTuple("_Columns")


@dataclass(frozen=True)
class Wanted:
    """What the list is narrowed to. Without a status: what is open."""

    status: RequestStatus | None = None
    borough_id: int | None = None
    overdue: bool = False
    service_code: str | None = None
    assignee_id: int | None = None
    """0: nobody's."""
    priority: Priority | None = None
    unheard: bool = False
    """It left for another system, and nobody said in time that it is there."""
    words: str = ""
    """Of its place, its service or its description; or its number."""


def late(now: datetime) -> ColumnElement[bool]:
    """Whether a request that is open is past its due time."""
    return ServiceRequest.due_at < now


@dataclass(frozen=True)
class RequestPage:
    """Part of the list with how many asked for each (by id of the request), and where the next part begins."""

    requests: Sequence[ServiceRequest]
    askers: dict[int, int]
    handovers: dict[int, Handover]
    """How far each is on its way to the outside 311 (by id of the request)."""
    after: str | None


@dataclass(frozen=True)
class RequestDetail:
    """One request with all that working it needs."""

    request: ServiceRequest
    comments: Sequence[Comment]
    """By which citizens asked, oldest first; whoever may see the request may read these words."""
    privately: int
    """How many more asked in private conversations that the viewer does not read."""
    codes: dict[int | None, str]
    """By which each of them sees their own on the public page, by the comment's id."""
    senders: Sequence[Requester]
    """Who asked through a program."""
    program: str | None
    """The key by which a program sent it."""
    drafted: frozenset[int | None]
    """Ids of those for which the answer is drafted and waits for a moderator."""
    answered: dict[int | None, Effect]
    """The answer about it that was last given to each comment, by the comment's id."""
    history: Sequence[RequestChange]
    completions: Sequence[Completion]
    """What was asked of whoever wrote, by a link of their own, and what they answered; the newest first."""
    notes: Sequence[RequestNote]
    """What colleagues did with it besides, the newest first."""
    colleagues: Sequence[Viewer]
    """Who may be given it."""
    duplicates: Sequence[ServiceRequest]
    """Open ones that may be about the same thing, the likeliest first."""
    joined_to: ServiceRequest | None
    """The one that has its people now."""
    handover: Handover | None
    """How far it is on its way to the outside 311; None: it does not go there."""
    next: tuple[RequestStatus, ...]
    """The changes that are possible from here."""
    answers: dict[RequestStatus, str]
    """What will be drafted in the threads, in French, with its `{numero}` and `{note}` places."""
    ready: Sequence[ReadyNote]
    """What may be said to the citizens, for each of the changes that are possible."""


def requests(
    session: Session, viewer: Viewer, wanted: Wanted, *, now: datetime, after: str | None = None, limit: int = 50
) -> RequestPage:
    """One page of requests, the soonest due first (closed ones: the newest first); three queries, whatever its size."""
    statement = select(ServiceRequest).options(
        joinedload(ServiceRequest.service), joinedload(ServiceRequest.borough), joinedload(ServiceRequest.assignee)
    )
    statement = narrowed(statement, wanted, now=now)
    order = NEWEST if wanted.status in CLOSED_STATUSES else SOONEST_DUE
    statement = visible(statement, viewer, Action.SEE_REQUESTS, ServiceRequest)
    found, following = order.read(session, statement, after, limit)
    counted = session.execute(
        select(Requester.request_id, func.count())
        .where(Requester.request_id.in_([request.id for request in found]), Requester.detached_at.is_(None))
        .group_by(Requester.request_id)
    )
    askers = {request_id: count for request_id, count in counted}  # noqa: C416  # Rows are not pairs for the types.
    return RequestPage(found, askers, handover.of_requests(session, [one.id for one in found]), following)


def narrowed(statement: Select[*_Columns], wanted: Wanted, *, now: datetime) -> Select[*_Columns]:
    """The requests of a statement that are wanted."""
    if wanted.status is None:
        statement = statement.where(ServiceRequest.status.not_in(CLOSED_STATUSES))
    else:
        statement = statement.where(ServiceRequest.status == wanted.status)
    if wanted.borough_id is not None:
        statement = statement.where(ServiceRequest.borough_id == wanted.borough_id)
    if wanted.overdue:
        statement = statement.where(late(now), ServiceRequest.status.not_in(CLOSED_STATUSES))
    if wanted.unheard:
        statement = statement.where(letters.unheard(now))
    if wanted.service_code is not None:
        statement = statement.where(ServiceRequest.service_code == wanted.service_code)
    if wanted.assignee_id is not None:
        statement = statement.where(ServiceRequest.assignee_id.is_not_distinct_from(wanted.assignee_id or None))
    if wanted.priority is not None:
        statement = statement.where(ServiceRequest.priority == wanted.priority)
    if wanted.words.strip():
        statement = statement.where(_found_by(wanted.words))
    return statement


def _found_by(words: str) -> ColumnElement[bool]:
    said = text_of(words).split()[:MOST_WORDS]
    each = (ServiceRequest.search_text.contains(word, autoescape=True) for word in said)
    return or_(
        escalation.named(words.strip().upper()),
        escalation.named(words.strip()),
        and_(true() if said else false(), *each),
    )


@dataclass(frozen=True)
class Figures:
    """How the viewer's part of the city stands: what is open, what of it is late, and what left and was not
    acknowledged; and of what was closed in the last days, how much, how much in time, and how much by whoever had it
    first.
    """

    open: int
    late: int
    unheard: int
    closed: int
    in_time: int
    without_transfer: int


def figures(session: Session, viewer: Viewer, *, now: datetime) -> Figures:
    """Two queries."""
    over = ServiceRequest.status.in_((RequestStatus.DONE, RequestStatus.REFUSED))
    moved = exists().where(RequestNote.request_id == ServiceRequest.id, RequestNote.kind == RequestNoteKind.TRANSFER)
    waiting = select(func.count(), func.count().filter(late(now)), func.count().filter(letters.unheard(now))).where(
        ServiceRequest.status.not_in(CLOSED_STATUSES)
    )
    ended = select(
        func.count(),
        func.count().filter(ServiceRequest.closed_at <= ServiceRequest.due_at),
        func.count().filter(~moved),
    ).where(over, ServiceRequest.closed_at >= now - RECENT)
    counts = [
        session.execute(visible(statement.select_from(ServiceRequest), viewer, Action.SEE_REQUESTS, ServiceRequest))
        for statement in (waiting, ended)
    ]
    return Figures(*counts[0].one(), *counts[1].one())


def _joined_to(session: Session, viewer: Viewer, request: ServiceRequest) -> ServiceRequest | None:
    if request.joined_to_id is None:
        return None
    statement = select(ServiceRequest).where(ServiceRequest.id == request.joined_to_id)
    return session.scalar(visible(statement, viewer, Action.SEE_REQUESTS, ServiceRequest))


def _answers(request_id: int) -> Select[int | None, Effect]:
    undone = select(Decision.cancels_id).where(Decision.cancels_id.is_not(None))
    return (
        select(Decision.comment_id, Effect)
        .join(Effect, Effect.id == Decision.effect_id)
        .where(Decision.request_id == request_id, Decision.kind == DecisionKind.REPLY, Decision.id.not_in(undone))
        .where(
            ~exists().where(DraftReply.decision_id == Decision.id, DraftReply.asks, DraftReply.state == DraftState.USED)
        )
        .order_by(Decision.id)
    )


def detail(session: Session, viewer: Viewer, number: str) -> RequestDetail:
    """One request; NotFound when it is not there or not the viewer's."""
    statement = (
        select(ServiceRequest)
        .options(
            joinedload(ServiceRequest.service), joinedload(ServiceRequest.borough), joinedload(ServiceRequest.assignee)
        )
        .where(escalation.named(number))
    )
    request = session.scalar(visible(statement, viewer, Action.SEE_REQUESTS, ServiceRequest))
    if request is None:
        raise NotFound
    possible = NEXT[RequestStatus(request.status)]
    return RequestDetail(
        request=request,
        comments=session.scalars(
            select(Comment)
            .join(Requester, Requester.comment_id == Comment.id)
            .options(joinedload(Comment.author), joinedload(Comment.account), joinedload(Comment.source_post))
            .options(joinedload(Comment.verdict), selectinload(Comment.attachments))
            .where(Requester.request_id == request.id, Requester.detached_at.is_(None), readable(viewer, Comment))
            .order_by(Requester.id)
        ).all(),
        privately=session.scalar(
            select(func.count())
            .select_from(Requester)
            .join(Comment, Comment.id == Requester.comment_id)
            .where(Requester.request_id == request.id, Requester.detached_at.is_(None), ~readable(viewer, Comment))
        )
        or 0,
        codes=dict(
            session.execute(
                select(Requester.comment_id, Requester.code).where(Requester.request_id == request.id)
            ).all()
        ),
        senders=session.scalars(
            select(Requester)
            .where(Requester.request_id == request.id, Requester.comment_id.is_(None))
            .order_by(Requester.id)
        ).all(),
        program=session.scalar(select(ApiKey.name).where(ApiKey.id == request.key_id)) if request.key_id else None,
        drafted=frozenset(
            session.scalars(
                select(DraftReply.comment_id).where(
                    DraftReply.request_id == request.id, DraftReply.state == DraftState.PROPOSED
                )
            )
        ),
        answered={comment_id: effect for comment_id, effect in session.execute(_answers(request.id))},  # noqa: C416
        history=session.scalars(
            select(RequestChange)
            .options(joinedload(RequestChange.person))
            .where(RequestChange.request_id == request.id)
            .order_by(RequestChange.id)
        ).all(),
        completions=completing.of_requests(session, [request.id]),
        notes=session.scalars(
            select(RequestNote)
            .options(joinedload(RequestNote.person), joinedload(RequestNote.assignee), joinedload(RequestNote.borough))
            .where(RequestNote.request_id == request.id)
            .order_by(RequestNote.id.desc())
        ).all(),
        colleagues=handling.assignable(session, request),
        duplicates=merging.duplicates(session, viewer, request),
        joined_to=_joined_to(session, viewer, request),
        handover=handover.of_requests(session, [request.id]).get(request.id),
        next=tuple(status for status in RequestStatus if status in possible),
        answers={
            status: template(session, UNSAID if request.service.confidential else code, Language.FRENCH)
            for status, code in ANSWERS.items()
            if status in possible
        },
        ready=notes(session, request.service, possible),
    )


def picture(session: Session, viewer: Viewer, attachment_id: int) -> bytes:
    """Our picture of what a comment by which somebody asked shows, a JPEG; whoever may see the request may see it.
    NotFound: there is none, or no such request is the viewer's.
    """
    statement = (
        select(Attachment.picture)
        .join(Requester, Requester.comment_id == Attachment.comment_id)
        .join(ServiceRequest, ServiceRequest.id == Requester.request_id)
        .join(Comment, Comment.id == Attachment.comment_id)
        .where(Attachment.id == attachment_id, Attachment.picture.is_not(None), Requester.detached_at.is_(None))
        .where(readable(viewer, Comment))
        .limit(1)
    )
    content = session.scalar(visible(statement, viewer, Action.SEE_REQUESTS, ServiceRequest))
    if content is None:
        raise NotFound
    return content

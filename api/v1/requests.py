"""311 requests: read by the city's own systems, moved on by an agent."""

from __future__ import annotations

from typing import Annotated, Self

from fastapi import APIRouter, Path, Request, Response
from pydantic import ConfigDict
from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload

from api.deps import Now, ReadSession, WriteSession, require
from api.v1.contract import (
    CHANGES,
    NEXT_LINK,
    READS,
    READS_ONE,
    VERSION_HEADER,
    After,
    Code,
    Limit,
    Matching,
    Moment,
    Number,
    Page,
    Sent,
    Shown,
    changed,
    listed,
    tagged,
    version_in,
    words,
)
from api.v1.values import Named
from models.errors import NotFound
from models.requests311 import RequestChange, Requester, ServiceRequest
from models.scope import Action, Viewer, visible
from models.vocabulary import Group311, RequestNature, RequestStatus
from moderation.requests import escalation
from moderation.requests.inbox import NEWEST

router = APIRouter(prefix="/requests", tags=["requests"])

RequestNumber = Annotated[str, Path(pattern="^[A-Z0-9]{1,10}-[0-9]{4}-[0-9]{6,9}$", examples=["LEV-2026-000123"])]


class ServiceName(Shown):
    """The service that is asked for."""

    code: str
    name: str
    """In French; `name_en` is empty where the city has no other."""
    name_en: str
    group: Group311


class RequestShown(Shown):
    """One 311 request. `number` is what citizens are told."""

    id: int
    number: str
    service: ServiceName
    nature: RequestNature
    borough: Named | None
    account_id: int | None
    place: str | None
    description: str | None
    status: RequestStatus
    citizen_note: str | None
    opened_at: Moment
    due_at: Moment
    closed_at: Moment | None
    version: int


class Step(Shown):
    """One step in the life of a request."""

    status: RequestStatus
    note: str | None
    person: Named | None
    """Null: a program, which sent the request."""
    at: Moment


class RequestWhole(RequestShown):
    """One request with its life, and the comments by which citizens asked for it; none, where a program sent it."""

    changes: list[Step]
    comment_ids: list[int]

    @classmethod
    def read(cls, session: Session, request: ServiceRequest) -> Self:
        steps = session.scalars(
            select(RequestChange)
            .options(joinedload(RequestChange.person))
            .where(RequestChange.request_id == request.id)
            .order_by(RequestChange.id)
        )
        asked = session.scalars(
            select(Requester.comment_id)
            .where(
                Requester.request_id == request.id, Requester.detached_at.is_(None), Requester.comment_id.is_not(None)
            )
            .order_by(Requester.id)
        )
        shown = RequestShown.model_validate(request)
        return cls(**dict(shown), changes=[Step.model_validate(step) for step in steps], comment_ids=list(asked))


class NewStep(Sent):
    """What an agent makes of a request; closing it needs a `note` for the citizen."""

    status: RequestStatus
    note: Annotated[str, words(4000)] = ""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"status": "done", "note": "Le nid-de-poule est réparé."}]}
    )


@router.get("", operation_id="listRequests", responses={200: {"headers": NEXT_LINK}, **READS})
def requests(
    request: Request,
    response: Response,
    session: ReadSession,
    viewer: Annotated[Viewer, require(Action.SEE_REQUESTS)],
    status: RequestStatus | None = None,
    service: Code | None = None,
    borough: Number | None = None,
    limit: Limit = 50,
    after: After = None,
) -> Page[RequestShown]:
    """Requests, newest first."""
    statement = visible(_whole(), viewer, Action.SEE_REQUESTS, ServiceRequest)
    if status is not None:
        statement = statement.where(ServiceRequest.status == status)
    if service is not None:
        statement = statement.where(ServiceRequest.service_code == service)
    if borough is not None:
        statement = statement.where(ServiceRequest.borough_id == borough)
    shown, following = NEWEST.read(session, statement, after, limit)
    return listed(request, response, [RequestShown.model_validate(row) for row in shown], following)


@router.get("/{number}", operation_id="getRequest", responses={200: {"headers": VERSION_HEADER}, **READS_ONE})
def one(
    number: RequestNumber,
    response: Response,
    session: ReadSession,
    viewer: Annotated[Viewer, require(Action.SEE_REQUESTS)],
) -> RequestWhole:
    """One request by its number."""
    return _shown(session, response, viewer, number)


@router.post(
    "/{number}/changes",
    status_code=201,
    operation_id="changeRequest",
    responses={201: {"headers": VERSION_HEADER}, **CHANGES},
)
def change(
    number: RequestNumber,
    body: NewStep,
    response: Response,
    session: WriteSession,
    viewer: Annotated[Viewer, require(Action.WORK_REQUESTS)],
    now: Now,
    matching: Matching = None,
) -> RequestWhole:
    """Move a request on, as the agent who is signed in; closing it drafts the answer in every thread."""
    version = version_in(matching)
    changed(lambda: escalation.progress(session, viewer, number, body.status, body.note, version=version, now=now))
    session.flush()
    return _shown(session, response, viewer, number)


def _whole() -> Select[ServiceRequest]:
    return select(ServiceRequest).options(joinedload(ServiceRequest.service), joinedload(ServiceRequest.borough))


def _shown(session: Session, response: Response, viewer: Viewer, number: str) -> RequestWhole:
    statement = _whole().where(ServiceRequest.number == number).execution_options(populate_existing=True)
    request = session.scalar(visible(statement, viewer, Action.SEE_REQUESTS, ServiceRequest))
    if request is None:
        raise NotFound
    tagged(response, request.version)
    return RequestWhole.read(session, request)

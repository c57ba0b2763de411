"""311 requests: read by the city's own systems, moved on by an agent."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Self

from fastapi import APIRouter, Path, Request, Response
from pydantic import ConfigDict
from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload

from api.deps import Installation, Now, ReadSession, WriteSession, require
from api.v1.contract import (
    CHANGES,
    CREATES,
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
    Responses,
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
from models.requests311 import RequestChange, Requester, RequestNote, ServiceRequest
from models.scope import Action, Viewer, visible
from models.vocabulary import Group311, Priority, RequestNature, RequestNoteKind, RequestStatus
from moderation.requests import escalation, handling
from moderation.requests.inbox import NEWEST

router = APIRouter(prefix="/requests", tags=["requests"])

Agent = Annotated[Viewer, require(Action.WORK_REQUESTS)]
CHANGED: Responses = {200: {"headers": VERSION_HEADER}, **CHANGES}

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
    attributes: dict[str, str | list[str]]
    """What was answered of what the service asks, by code."""
    status: RequestStatus
    priority: Priority
    assignee: Named | None
    unit: str | None
    """The unit of the city whose it is."""
    outside_number: str | None
    """In the city's other 311 system."""
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


class NoteShown(Shown):
    """What was done with a request beside its status, and words that stay inside the city."""

    kind: RequestNoteKind
    text: str | None
    person: Named
    assignee: Named | None
    """Of an assignment: whose it became."""
    unit: str | None
    borough: Named | None
    priority: Priority | None
    at: Moment


class RequestWhole(RequestShown):
    """One request with its life, and the comments by which citizens asked for it; none, where a program sent it."""

    changes: list[Step]
    notes: list[NoteShown]
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
        notes = session.scalars(
            select(RequestNote)
            .options(joinedload(RequestNote.person), joinedload(RequestNote.assignee), joinedload(RequestNote.borough))
            .where(RequestNote.request_id == request.id)
            .order_by(RequestNote.id)
        )
        return cls(
            **dict(_of(request)),
            changes=[Step.model_validate(step) for step in steps],
            notes=[NoteShown.model_validate(note) for note in notes],
            comment_ids=list(asked),
        )


class NewNote(Sent):
    """Words for colleagues; citizens never see them."""

    text: Annotated[str, words(handling.LONGEST_NOTE)]


class Assignment(Sent):
    """Whose a request is; null: nobody's."""

    person_id: Number | None


class NewPriority(Sent):
    """How soon it should be taken up."""

    priority: Priority


class Correction(Sent):
    """What a request is really about; what is not sent stays. `attributes` replaces all that was answered."""

    service_code: Code | None = None
    place: Annotated[str, words(handling.LONGEST_PLACE)] | None = None
    attributes: dict[Code, Annotated[str, words(4000)] | list[Annotated[str, words(4000)]]] | None = None
    nature: RequestNature | None = None

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"service_code": "nid-de-poule", "attributes": {"taille": "grand"}}]}
    )


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
    return listed(request, response, [_of(row) for row in shown], following)


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
    viewer: Agent,
    now: Now,
    matching: Matching = None,
) -> RequestWhole:
    """Move a request on, as the agent who is signed in; closing it drafts the answer in every thread."""
    version = version_in(matching)
    act = partial(escalation.progress, session, viewer, number, body.status, body.note, version=version, now=now)
    return _after(act, session, response, viewer, number)


@router.post(
    "/{number}/notes",
    status_code=201,
    operation_id="noteRequest",
    responses={201: {"headers": VERSION_HEADER}, **CREATES},
)
def note(
    number: RequestNumber, body: NewNote, response: Response, session: WriteSession, viewer: Agent, now: Now
) -> RequestWhole:
    """Leave words for colleagues, as the agent who is signed in."""
    act = partial(handling.note, session, viewer, number, body.text, now=now)
    return _after(act, session, response, viewer, number)


@router.post("/{number}/assignment", operation_id="assignRequest", responses=CHANGED)
def assign(
    number: RequestNumber,
    body: Assignment,
    response: Response,
    session: WriteSession,
    viewer: Agent,
    now: Now,
    matching: Matching = None,
) -> RequestWhole:
    """Say whose a request is; they are told."""
    version = version_in(matching)
    act = partial(handling.assign, session, viewer, number, body.person_id, version=version, now=now)
    return _after(act, session, response, viewer, number)


@router.post("/{number}/priority", operation_id="prioritiseRequest", responses=CHANGED)
def prioritise(
    number: RequestNumber,
    body: NewPriority,
    response: Response,
    session: WriteSession,
    viewer: Agent,
    now: Now,
    matching: Matching = None,
) -> RequestWhole:
    """Say how soon a request should be taken up."""
    version = version_in(matching)
    act = partial(handling.prioritise, session, viewer, number, body.priority, version=version, now=now)
    return _after(act, session, response, viewer, number)


@router.post("/{number}/correction", operation_id="correctRequest", responses=CHANGED)
def correct(
    number: RequestNumber,
    body: Correction,
    response: Response,
    session: WriteSession,
    viewer: Agent,
    now: Now,
    parvis: Installation,
    matching: Matching = None,
) -> RequestWhole:
    """Say which service it is, where, and what was answered of what the service asks."""
    version, known = version_in(matching), _read(session, viewer, number)
    said = (known.attributes or {}) if body.attributes is None else body.attributes
    answers = {code: [one] if isinstance(one, str) else one for code, one in said.items()}
    service = known.service_code if body.service_code is None else body.service_code
    place = (known.place or "") if body.place is None else body.place
    told = (service, place, answers, body.nature)
    zone = parvis.settings.zone
    act = partial(handling.correct, session, viewer, number, *told, version=version, now=now, zone=zone)
    return _after(act, session, response, viewer, number)


def _after(
    act: Callable[[], object], session: Session, response: Response, viewer: Viewer, number: str
) -> RequestWhole:
    changed(act)
    session.flush()
    return _shown(session, response, viewer, number)


def _of(request: ServiceRequest) -> RequestShown:
    # A row of which nothing was answered has no answers at all.
    kept = {name: getattr(request, name) for name in RequestShown.model_fields}
    return RequestShown.model_validate(kept | {"attributes": request.attributes or {}}, from_attributes=True)


def _whole() -> Select[ServiceRequest]:
    return select(ServiceRequest).options(
        joinedload(ServiceRequest.service), joinedload(ServiceRequest.borough), joinedload(ServiceRequest.assignee)
    )


def _shown(session: Session, response: Response, viewer: Viewer, number: str) -> RequestWhole:
    request = _read(session, viewer, number)
    tagged(response, request.version)
    return RequestWhole.read(session, request)


def _read(session: Session, viewer: Viewer, number: str) -> ServiceRequest:
    statement = _whole().where(ServiceRequest.number == number).execution_options(populate_existing=True)
    request = session.scalar(visible(statement, viewer, Action.SEE_REQUESTS, ServiceRequest))
    if request is None:
        raise NotFound
    return request

"""Two requests about one thing: found by kind, place and time, joined by a person, and taken apart again by one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rapidfuzz.fuzz import token_set_ratio
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from models import audit
from models.base import next_version
from models.errors import NotFound, Refused
from models.requests311 import RequestChange, Requester, Service, ServiceRequest
from models.scope import Action, Viewer, visible
from models.vocabulary import CLOSED_STATUSES, RequestStatus
from moderation import places
from moderation.requests import handover
from moderation.requests.escalation import NEARBY, held, named

COMPARED, OFFERED = 50, 5
"""Requests that are looked at, and of them shown."""


def near(text: str | None, other: str | None) -> float:
    """How much two descriptions say the same: 0 to 100."""
    return token_set_ratio((text or "").casefold(), (other or "").casefold())


def same_place(place: str | None, other: str | None) -> bool:
    """Whether two places, as they are written, have the name of one street, park or building."""
    return not places.written(place).isdisjoint(places.written(other))


def duplicates(session: Session, viewer: Viewer, request: ServiceRequest) -> Sequence[ServiceRequest]:
    """Open requests of the same kind at the same place, of around the same time: the most alike in their words first.
    Its service is loaded.
    """
    if request.status in CLOSED_STATUSES or not request.place:
        return ()
    statement = (
        select(ServiceRequest)
        .join(Service, Service.code == ServiceRequest.service_code)
        .options(joinedload(ServiceRequest.service))
        .where(
            ServiceRequest.id != request.id,
            ServiceRequest.status.not_in(CLOSED_STATUSES),
            Service.group == request.service.group,
            ServiceRequest.borough_id.is_not_distinct_from(request.borough_id),
            ServiceRequest.opened_at.between(request.opened_at - NEARBY, request.opened_at + NEARBY),
        )
        .order_by(ServiceRequest.opened_at.desc())
        .limit(COMPARED)
    )
    found = session.scalars(visible(statement, viewer, Action.SEE_REQUESTS, ServiceRequest))
    there = [one for one in found if same_place(one.place, request.place)]
    return sorted(there, key=lambda one: -near(one.description, request.description))[:OFFERED]


def join(session: Session, viewer: Viewer, number: str, into: str, *, version: int, now: datetime) -> None:
    """A person says that a request is about the same as another: its people are the other's from now on, and it is
    cancelled. Refused: `request_changed`, `request_closed`, `request_unknown`, `same_request`.
    """
    one, other = _two(session, viewer, number, into)
    if one.id == other.id:
        raise Refused("same_request")
    next_version(one, version, "request_changed")
    for row in (one, other):
        if row.status in CLOSED_STATUSES:
            raise Refused("request_closed", number=row.public_number)
    asking = select(Requester).where(Requester.request_id == one.id, Requester.detached_at.is_(None))
    there = set(session.scalars(select(Requester.comment_id).where(Requester.request_id == other.id)))
    for requester in session.scalars(asking.order_by(Requester.id)):
        if requester.comment_id is None or requester.comment_id not in there:
            requester.request_id, requester.joined_from_id = other.id, requester.joined_from_id or one.id
    one.joined_to_id = other.id
    # What was joined to it goes along: each is joined to one that is not, and is taken apart from there alone.
    for row in session.scalars(select(ServiceRequest).where(ServiceRequest.joined_to_id == one.id)):
        row.joined_to_id = other.id
    handover.let_go(session, one.id)
    _step(session, viewer, one, RequestStatus.CANCELLED, now=now)
    audit.note(
        session, "request.join", f"request:{one.id}", now=now, person_id=viewer.person_id, into=other.id
    )  # fmt: skip


def part(session: Session, viewer: Viewer, number: str, *, version: int, now: datetime) -> None:
    """They were two after all: each has its own people again. Refused: `request_changed`, `not_joined`."""
    found = session.scalar(select(ServiceRequest.joined_to_id).where(ServiceRequest.number == number))
    into = session.scalar(select(ServiceRequest.number).where(ServiceRequest.id == found)) if found else None
    if into is None:
        raise Refused("not_joined")
    one, other = _two(session, viewer, number, into)
    next_version(one, version, "request_changed")
    if one.joined_to_id != other.id:
        raise Refused("request_changed")
    back = select(Requester).where(Requester.request_id == other.id, Requester.joined_from_id == one.id)
    for requester in session.scalars(back.order_by(Requester.id)):
        requester.request_id, requester.joined_from_id = one.id, None
    one.joined_to_id = None
    handover.take_up(session, one.id, now=now)
    _step(session, viewer, one, RequestStatus.ACCEPTED, now=now)
    audit.note(
        session, "request.part", f"request:{one.id}", now=now, person_id=viewer.person_id, from_=other.id
    )  # fmt: skip


def _two(session: Session, viewer: Viewer, number: str, into: str) -> tuple[ServiceRequest, ServiceRequest]:
    """Both, held, the older one first, whoever asks; what carries them before them, and what is joined to the one with
    them.
    """
    ids = []
    for wanted in (number, into):
        statement = select(ServiceRequest.id).where(named(wanted.strip()))
        found = session.scalar(visible(statement, viewer, Action.WORK_REQUESTS, ServiceRequest))
        if found is None:
            if wanted is number:
                raise NotFound
            raise Refused("request_unknown", field="into")
        ids.append(found)
    handover.hold_effect(session, ids[0])
    along = session.scalars(select(ServiceRequest.id).where(ServiceRequest.joined_to_id == ids[0]))
    rows = {one: held(session, one) for one in sorted({*ids, *along})}
    return rows[ids[0]], rows[ids[1]]


def _step(session: Session, viewer: Viewer, request: ServiceRequest, status: RequestStatus, *, now: datetime) -> None:
    request.status = status
    request.closed_at = now if status in CLOSED_STATUSES else None
    session.add(RequestChange(request_id=request.id, status=status, note=None, person_id=viewer.person_id, at=now))

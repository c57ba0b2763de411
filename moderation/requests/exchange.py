"""311 requests as other programs send and read them (GeoReport v2): an app of the city, another 311 system.

Who has no key of ours reads what the public may: service, status, dates and borough, and nothing of a confidential
service.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Select, false, func, select
from sqlalchemy.orm import Session, joinedload

from models import audit
from models.attributes import Answers, answered, asked
from models.errors import NotFound, Refusals, Refused
from models.requests311 import RequestChange, Requester, Service, ServiceRequest
from models.scope import Action, Viewer, visible
from models.text import cleaned, web_link
from models.vocabulary import CLOSED_STATUSES
from moderation.requests.escalation import asked_for, register
from moderation.requests.mapping import borough_at

SPAN = timedelta(days=90)
"""What one listing may span at most, and spans when it does not say (GeoReport v2, GET Service Requests)."""
MOST = 1000
"""Requests in one answer at most (likewise)."""
DESCRIPTION = 4000
"""Characters of a description at most (GeoReport v2, POST Service Request)."""


@dataclass(frozen=True)
class Sent:
    """A request as a program sends it; an empty text is one that was not sent."""

    service_code: str
    latitude: str = ""
    longitude: str = ""
    address: str = ""
    description: str = ""
    media_url: str = ""
    name: str = ""
    email: str = ""
    phone: str = ""
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """What was answered of what the service asks, by code."""


@dataclass(frozen=True)
class Wanted:
    """What a listing is narrowed to. `numbers` overrides all else."""

    numbers: Sequence[str] = ()
    services: Sequence[str] = ()
    closed: bool | None = None
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True)
class Known:
    """A request, and when something last became of it."""

    request: ServiceRequest
    changed_at: datetime


def submit(
    session: Session, viewer: Viewer, sent: Sent, *, now: datetime, prefix: str, zone: ZoneInfo
) -> ServiceRequest:
    """Open a request for somebody who asked through a program.

    Refused, all that is wrong at once: `service_needed`, `service_unknown`, `place_needed`, `place_unreadable`,
    `description_too_long`, `media_unreadable`, and those of `models.attributes.answered`.
    """
    refusals, answers = Refusals(), Answers()
    with refusals.collect():
        service = asked_for(session, sent.service_code)
        answers = answered(asked(service.attributes), sent.attributes)
    latitude, longitude = _degrees(sent.latitude, 90), _degrees(sent.longitude, 180)
    pointed = bool(sent.latitude or sent.longitude)
    with refusals.collect():
        if pointed and (latitude is None or longitude is None):
            raise Refused("place_unreadable", field="lat" if latitude is None else "long")
    with refusals.collect():
        if not pointed and not sent.address:
            raise Refused("place_needed", field="address_string")
    with refusals.collect():
        if len(sent.description) > DESCRIPTION:
            raise Refused("description_too_long", field="description", most=str(DESCRIPTION))
    with refusals.collect():
        if sent.media_url and web_link(sent.media_url) is None:
            raise Refused("media_unreadable", field="media_url")
    refusals.say()
    request = ServiceRequest(
        borough_id=None if latitude is None or longitude is None else borough_at(session, longitude, latitude),
        place=(cleaned(sent.address) or "")[:300] or None,
        latitude=latitude,
        longitude=longitude,
        description=cleaned(sent.description) or None,
        media_url=sent.media_url or None,
        attributes=answers or None,
        key_id=viewer.key_id,
    )
    register(session, request, service, now=now, prefix=prefix, zone=zone)
    session.add(
        Requester(
            request_id=request.id,
            name=(cleaned(sent.name) or "")[:200] or None,
            email=(cleaned(sent.email) or "")[:254] or None,
            phone=(cleaned(sent.phone) or "")[:40] or None,
            added_at=now,
        )
    )
    audit.note(session, "request.received", f"request:{request.id}", now=now, person_id=None, key=viewer.key_id)
    return request


def listed(
    session: Session, viewer: Viewer | None, wanted: Wanted, *, now: datetime, page: int = 1, size: int = MOST
) -> list[Known]:
    """Requests, the newest first; page 1 is the first. Without a key: of services that are not confidential.

    Refused: `span_too_long`.
    """
    statement = _known(viewer)
    if wanted.numbers:
        statement = statement.where(ServiceRequest.number.in_(wanted.numbers))
    else:
        start, end = _span(wanted.start, wanted.end, now=now)
        statement = statement.where(ServiceRequest.opened_at >= start, ServiceRequest.opened_at <= end)
        if wanted.services:
            statement = statement.where(ServiceRequest.service_code.in_(wanted.services))
        if wanted.closed is not None:
            over = ServiceRequest.status.in_(CLOSED_STATUSES)
            statement = statement.where(over if wanted.closed else ~over)
    size = min(size, MOST)
    statement = statement.order_by(ServiceRequest.id.desc()).limit(size).offset((max(page, 1) - 1) * size)
    return [Known(request, changed_at) for request, changed_at in session.execute(statement)]


def one(session: Session, viewer: Viewer | None, number: str) -> Known:
    """The request of a number. NotFound: there is none, or who asks may not know of it."""
    found = session.execute(_known(viewer).where(ServiceRequest.number == number)).one_or_none()
    if found is None:
        raise NotFound
    return Known(*found)


def changes(
    session: Session, viewer: Viewer, *, start: datetime | None, end: datetime | None, now: datetime
) -> Sequence[tuple[RequestChange, str]]:
    """What became of requests, oldest first, each with the request's number. Refused: `span_too_long`."""
    start, end = _span(start, end, now=now)
    statement = (
        select(RequestChange, ServiceRequest.number)
        .join(ServiceRequest, ServiceRequest.id == RequestChange.request_id)
        .where(RequestChange.at >= start, RequestChange.at <= end)
        .order_by(RequestChange.id)
        .limit(MOST)
    )
    rows = session.execute(visible(statement, viewer, Action.EXCHANGE_REQUESTS, ServiceRequest))
    return [(change, number) for change, number in rows]


def _known(viewer: Viewer | None) -> Select[ServiceRequest, datetime]:
    last = select(func.max(RequestChange.at)).where(RequestChange.request_id == ServiceRequest.id).scalar_subquery()
    statement = select(ServiceRequest, func.coalesce(last, ServiceRequest.opened_at)).options(
        joinedload(ServiceRequest.service), joinedload(ServiceRequest.borough)
    )
    if viewer is not None:
        return visible(statement, viewer, Action.EXCHANGE_REQUESTS, ServiceRequest)
    public = select(Service.code).where(Service.confidential == false())
    return statement.where(ServiceRequest.service_code.in_(public))


def _span(start: datetime | None, end: datetime | None, *, now: datetime) -> tuple[datetime, datetime]:
    end = end or (min(now, start + SPAN) if start else now)
    start = start or end - SPAN
    if end - start > SPAN:
        raise Refused("span_too_long", field="start_date", days=str(SPAN.days))
    return start, end


def _degrees(said: str, most: int) -> float | None:
    try:
        value = float(said)
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) <= most else None

"""Events of which something waits, for a program: a wall of the 311 centre, whoever staffs the day."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from sqlalchemy import select

from api.deps import ReadSession, require
from api.v1.contract import READS, Moment, Page, Shown
from models.requests311 import ServiceRequest
from models.scope import Action, Viewer, visible
from models.vocabulary import Group311
from moderation.triage import incidents

router = APIRouter(prefix="/incidents", tags=["comments"])


class IncidentShown(Shown):
    """One event: how many people wrote of it and how many of their comments wait (`people`, `comments`).
    `request_number` is that of its 311 request; null: there is none yet, or it is not for who asks.
    """

    id: int
    borough_id: int | None
    group: Group311
    place: str | None
    people: int
    comments: int
    first_at: Moment
    last_at: Moment
    request_number: str | None


@router.get("", operation_id="listIncidents", responses=READS)
def listed(session: ReadSession, viewer: Annotated[Viewer, require(Action.SEE_COMMENTS)]) -> Page[IncidentShown]:
    """The events of which something waits, the newest first; at most twenty."""
    found = incidents.lines(session, viewer)
    wanted = [line.event.request_id for line in found if line.event.request_id is not None]
    statement = select(ServiceRequest).where(ServiceRequest.id.in_(wanted))
    requests = session.scalars(visible(statement, viewer, Action.SEE_REQUESTS, ServiceRequest))
    numbers = {one.id: one.number for one in requests}
    shown = [
        IncidentShown(
            id=line.event.id,
            borough_id=line.event.borough_id,
            group=Group311(line.event.group_311),
            place=line.event.place,
            people=line.people,
            comments=line.comments,
            first_at=line.event.first_at,
            last_at=line.event.last_at,
            request_number=numbers.get(line.event.request_id) if line.event.request_id else None,
        )
        for line in found
    ]
    return Page(items=shown, next=None)

"""Events: the lines that the queue shows of them, and the page on which one is decided about as a whole."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from api.deps import Installation, Now, ReadSession, WriteSession
from api.pages import render
from api.web.queue import CurrentView, Decider, Reader, Words, is_part, waited
from api.web.together import Ticked, said
from models.errors import Refused
from models.scope import Action, Viewer
from models.vocabulary import CLOSED_STATUSES, Language
from moderation import templates
from moderation.requests import escalation
from moderation.triage import incidents
from moderation.triage.deciding import CapabilitiesOf
from moderation.triage.incidents import Wanted

router = APIRouter(include_in_schema=False)


@router.get("/evenements")
def lines(request: Request, viewer: Reader, session: ReadSession, now: Now) -> Response:
    """The events of which something waits: as lines above the queue, or as a page."""
    found = incidents.lines(session, viewer)
    name = "incidents/lines.html" if is_part(request) else "incidents/list.html"
    return render(request, name, lines=found, now=now, waited=waited)


@router.get("/evenements/{incident_id}")
def show(
    request: Request, viewer: Reader, parvis: Installation, session: ReadSession, now: Now, incident_id: int
) -> Response:
    """One event: who wrote what, and what would be made of it."""
    return _page(request, session, viewer, parvis.terms.capabilities_of, incident_id, now=now)


@router.post("/evenements/{incident_id}/requete")
def decide(
    request: Request,
    viewer: Decider,
    parvis: Installation,
    view: CurrentView,
    now: Now,
    incident_id: int,
    form_key: Annotated[str, Form(min_length=16, max_length=64)],
    items: Ticked,
    service_code: Words = "",
    place: Words = "",
    request_number: Words = "",
    text: Words = "",
) -> Response:
    """One request for all that are ticked, and one reply to each."""
    wanted = Wanted(service_code or None, place, request_number or None, text)
    try:
        with parvis.database.write() as session:
            outcome = incidents.decide(
                session, viewer, incident_id, items, wanted, parvis.terms, form_key=form_key, now=now
            )
            return said(request, session, viewer, view, outcome, undone=False)
    except Refused as error:
        if is_part(request):
            raise
        capabilities_of = parvis.terms.capabilities_of
        with parvis.database.read() as session:
            return _page(request, session, viewer, capabilities_of, incident_id, now=now, error=error, wanted=wanted)


@router.post("/evenements/{incident_id}/retrait")
def take_out(
    viewer: Decider, session: WriteSession, now: Now, incident_id: int, comment_id: Annotated[int, Form()]
) -> Response:
    """Say that this comment is about something else."""
    incidents.take_out(session, viewer, incident_id, comment_id, now=now)
    return RedirectResponse(f"/evenements/{incident_id}?fait=taken-out", 303)


@router.post("/evenements/{incident_id}/fermeture")
def close(viewer: Decider, session: WriteSession, now: Now, incident_id: int) -> Response:
    """It is no event, or over."""
    incidents.close(session, viewer, incident_id, now=now)
    return RedirectResponse("/?fait=event-closed", 303)


def _page(
    request: Request,
    session: Session,
    viewer: Viewer,
    capabilities_of: CapabilitiesOf,
    incident_id: int,
    *,
    now: Now,
    error: Refused | None = None,
    wanted: Wanted | None = None,
) -> Response:
    seen = incidents.seen(session, viewer, incident_id, capabilities_of, now=now)
    services = escalation.services(session)
    first = seen.waiting[0][0].comment if seen.waiting else None
    words = " ".join(line.comment.text or "" for line, _ in seen.waiting[:10])
    linked = seen.event.request
    values: dict[str, Any] = {
        "seen": seen,
        "services": services,
        "likely": escalation.offered(services, seen.event.group_311, words),
        "similar": escalation.similar(session, viewer, first, now=now) if first is not None else [],
        "linked": linked if linked is not None and linked.status not in CLOSED_STATUSES else None,
        "holding": templates.template(session, "request_holding", Language.FRENCH),
        "wanted": wanted,
        "error": error,
        "form_key": secrets.token_urlsafe(16),
        "may_see_requests": viewer.may_on(Action.SEE_REQUESTS, borough_id=seen.event.borough_id, account_id=None),
        "may_decide": viewer.may_on(Action.DECIDE, borough_id=seen.event.borough_id, account_id=None),
        "now": now,
        "waited": waited,
    }
    status = 200 if error is None else 422 if error.params.get("field") else 409
    return render(request, "incidents/detail.html", status=status, **values)

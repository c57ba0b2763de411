"""311 requests: the list that an agent works from, and one request with all who asked for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.deps import Installation, Now, ReadSession, Sent, require, whole
from api.open311 import given
from api.pages import render
from api.security import content_security_policy
from api.web.queue import Words, is_part, picture_response, waited
from models.attributes import asked
from models.errors import Refused
from models.people import Borough
from models.scope import Action, Viewer
from models.vocabulary import Priority, RequestNature, RequestStatus
from moderation.requests import escalation, handling, handover, inbox, mapping, merging, satisfaction
from moderation.requests.inbox import Wanted

router = APIRouter(include_in_schema=False)

Reader = Annotated[Viewer, require(Action.SEE_REQUESTS)]
Agent = Annotated[Viewer, require(Action.WORK_REQUESTS)]


MINE = "moi"


def _wanted(
    viewer: Reader,
    statut: str = "",
    arrondissement: str = "",
    retard: str = "",
    service: str = "",
    a: str = "",
    priorite: str = "",
    mots: str = "",
    accuse: str = "",
) -> Wanted:
    """An empty or unknown value of a filter narrows nothing."""
    mine = viewer.person_id if a == MINE else whole(a)
    return Wanted(
        status=RequestStatus(statut) if statut in set(RequestStatus) else None,
        borough_id=whole(arrondissement),
        overdue=bool(retard),
        unheard=bool(accuse),
        service_code=service.replace("\0", "") or None,
        assignee_id=mine,
        priority=Priority(priorite) if priorite in set(Priority) else None,
        words=mots.replace("\0", "")[:200],
    )


def _address(wanted: Wanted, **more: str) -> str:
    named = {
        "statut": wanted.status or "",
        "arrondissement": str(wanted.borough_id or ""),
        "retard": "1" if wanted.overdue else "",
        "accuse": "1" if wanted.unheard else "",
        "service": wanted.service_code or "",
        "a": "" if wanted.assignee_id is None else str(wanted.assignee_id),
        "priorite": wanted.priority or "",
        "mots": wanted.words,
        **more,
    }
    query = urlencode({name: value for name, value in named.items() if value})
    return f"/requetes?{query}" if query else "/requetes"


def _tile(address: str) -> Callable[[mapping.Tile], str]:
    def of(tile: mapping.Tile) -> str:
        at = address.replace("{z}", str(tile.zoom))
        return at.replace("{x}", str(tile.column)).replace("{y}", str(tile.row))

    return of


@router.get("/requetes")
def show_requests(
    request: Request,
    viewer: Reader,
    session: ReadSession,
    now: Now,
    parvis: Installation,
    wanted: Annotated[Wanted, Depends(_wanted)],
    apres: str | None = None,
) -> Response:
    """The requests of the viewer's part of the city, the soonest due first."""
    part = inbox.requests(session, viewer, wanted, now=now, after=apres)
    return render(
        request,
        "requests/list.html",
        part=part,
        wanted=wanted,
        boroughs=session.scalars(select(Borough).order_by(Borough.name)).all(),
        statuses=list(RequestStatus),
        services=escalation.services(session),
        priorities=list(Priority),
        mine=viewer.person_id,
        drawing=mapping.drawing(session, viewer, wanted, now=now),
        tile=_tile(parvis.settings.tiles_url) if parvis.settings.tiles_url else None,
        credit=parvis.settings.tiles_credit or urlsplit(parvis.settings.tiles_origin).hostname,
        headers={"content-security-policy": content_security_policy(pictures=parvis.settings.tiles_origin)},
        figures=inbox.figures(session, viewer, now=now),
        satisfied=satisfaction.figures(session, viewer, since=now - inbox.RECENT),
        address=lambda **more: _address(replace(wanted, **more)),
        more=_address(wanted, apres=part.after) if part.after else None,
        trouble=handover.desk_in_trouble(session),
        may_work=viewer.may(Action.WORK_REQUESTS),
        now=now,
        waited=waited,
    )


def acted(
    request: Request,
    parvis: Installation,
    viewer: Viewer,
    number: str,
    act: Callable[[Session], None],
    done: str,
    *,
    now: Now,
    **typed: Any,
) -> Response:
    """Do something with a request. What was typed comes back with the sentence when it is refused."""
    try:
        with parvis.database.write() as session:
            act(session)
    except Refused as error:
        if is_part(request):
            raise
        with parvis.database.read() as session:
            return request_page(request, session, viewer, number, now=now, error=error, **typed)
    return RedirectResponse(f"/requetes/{number}?fait={done}", 303)


@router.get("/requetes/{number}")
def show_request(
    request: Request, viewer: Reader, session: ReadSession, now: Now, number: str, note: str = ""
) -> Response:
    """One request: what, where, who asked and in which words, and what was done. `note`: the ready note to begin with,
    where the page has no script.
    """
    return request_page(request, session, viewer, number, now=now, ready=note)


@router.get("/requetes/images/{attachment_id}")
def show_picture(viewer: Reader, session: ReadSession, attachment_id: int) -> Response:
    """Our own picture of what a comment behind a request shows."""
    return picture_response(inbox.picture(session, viewer, attachment_id))


@router.post("/requetes/{number}/statut")
def progress(
    request: Request,
    viewer: Agent,
    parvis: Installation,
    now: Now,
    number: str,
    status: Annotated[RequestStatus, Form()],
    version: Annotated[int, Form()],
    note: Words = "",
) -> Response:
    """Move a request on."""

    def act(session: Session) -> None:
        escalation.progress(session, viewer, number, status, note, version=version, now=now)

    return acted(request, parvis, viewer, number, act, "saved", now=now, note=note, status=status)


@router.post("/requetes/{number}/correction")
def correct(request: Request, viewer: Agent, parvis: Installation, now: Now, number: str, sent: Sent) -> Response:
    """Say which service it is, where, and what was answered."""
    said = {name: str(sent.get(name, "")).replace("\0", "") for name in ("service_code", "place", "nature", "version")}
    answers = given(sent)

    def act(session: Session) -> None:
        handling.correct(
            session,
            viewer,
            number,
            said["service_code"],
            said["place"],
            answers,
            RequestNature(said["nature"]) if said["nature"] in set(RequestNature) else None,
            version=whole(said["version"]) or 0,
            now=now,
            zone=parvis.settings.zone,
        )

    return acted(request, parvis, viewer, number, act, "saved", now=now, corrected=said | {"answers": answers})


@router.post("/requetes/{number}/attribution")
def assign(
    request: Request,
    viewer: Agent,
    parvis: Installation,
    now: Now,
    number: str,
    version: Annotated[int, Form()],
    assignee: Words = "",
) -> Response:
    """Say whose it is."""

    def act(session: Session) -> None:
        handling.assign(session, viewer, number, whole(assignee), version=version, now=now)

    return acted(request, parvis, viewer, number, act, "saved", now=now)


@router.post("/requetes/{number}/note")
def note(request: Request, viewer: Agent, parvis: Installation, now: Now, number: str, text: Words = "") -> Response:
    """Leave words for colleagues."""

    def act(session: Session) -> None:
        handling.note(session, viewer, number, text, now=now)

    return acted(request, parvis, viewer, number, act, "saved", now=now, typed={"internal": text})


@router.post("/requetes/{number}/transfert")
def transfer(
    request: Request,
    viewer: Agent,
    parvis: Installation,
    now: Now,
    number: str,
    version: Annotated[int, Form()],
    unit: Words = "",
    borough: Words = "",
    reason: Words = "",
) -> Response:
    """Give it to another unit or borough. Whoever does may not see it any more: the list is shown."""
    typed = {"unit": unit, "borough": borough, "reason": reason}

    def act(session: Session) -> None:
        handling.transfer(session, viewer, number, unit, whole(borough), reason, version=version, now=now)

    after = acted(request, parvis, viewer, number, act, "saved", now=now, typed=typed)
    return RedirectResponse("/requetes?fait=saved", 303) if after.status_code == 303 else after


@router.post("/requetes/{number}/priorite")
def prioritise(
    request: Request,
    viewer: Agent,
    parvis: Installation,
    now: Now,
    number: str,
    version: Annotated[int, Form()],
    priority: Annotated[Priority, Form()],
) -> Response:
    """Say how soon it should be taken up."""

    def act(session: Session) -> None:
        handling.prioritise(session, viewer, number, priority, version=version, now=now)

    return acted(request, parvis, viewer, number, act, "saved", now=now)


@router.post("/requetes/{number}/reunion")
def join(
    request: Request,
    viewer: Agent,
    parvis: Installation,
    now: Now,
    number: str,
    into: Annotated[str, Form(max_length=100)],
    version: Annotated[int, Form()],
) -> Response:
    """It is about the same thing as another: its people are the other's."""

    def act(session: Session) -> None:
        merging.join(session, viewer, number, into, version=version, now=now)

    return acted(request, parvis, viewer, number, act, "joined", now=now)


@router.post("/requetes/{number}/separation")
def part(
    request: Request, viewer: Agent, parvis: Installation, now: Now, number: str, version: Annotated[int, Form()]
) -> Response:
    """They were two after all."""

    def act(session: Session) -> None:
        merging.part(session, viewer, number, version=version, now=now)

    return acted(request, parvis, viewer, number, act, "parted", now=now)


def request_page(
    request: Request,
    session: Session,
    viewer: Viewer,
    number: str,
    *,
    now: Now,
    error: Refused | None = None,
    note: str = "",
    status: RequestStatus | None = None,
    ready: str = "",
    outside: str = "",
    corrected: Mapping[str, Any] | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response:
    """The page of one request, with what was written where it is refused."""
    found = inbox.detail(session, viewer, number)
    for one in found.ready:
        if one.code == ready:
            note, status = one.text, one.status
    services = escalation.services(session)
    scope = {"borough_id": found.request.borough_id, "account_id": found.request.account_id}
    return render(
        request,
        "requests/detail.html",
        status=200 if error is None else 422 if error.params.get("field") else 409,
        detail=found,
        may_work=viewer.may_on(Action.WORK_REQUESTS, **scope),
        may_see_comments=viewer.may(Action.SEE_COMMENTS),
        may_decide=viewer.may(Action.DECIDE),
        error=error,
        note=note,
        chosen=status,
        outside=outside,
        corrected=corrected,
        typed=typed or {},
        boroughs=session.scalars(select(Borough).order_by(Borough.name)).all(),
        priorities=list(Priority),
        natures=list(RequestNature),
        longest_note=escalation.LONGEST_NOTE,
        questions=asked(found.request.service.attributes),
        services=services,
        likely=escalation.offered(services, None, found.request.description or ""),
        now=now,
        waited=waited,
    )

"""What a person does about the way of a request to the city's other 311 system: carry it over, look, send again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from api.deps import Installation, Now, ReadSession, WriteSession, require
from api.pages import render
from api.web.queue import Words
from api.web.requests311 import acted
from models.attributes import asked
from models.scope import Action, Viewer
from moderation.requests import handover, inbox

router = APIRouter(include_in_schema=False)

Reader = Annotated[Viewer, require(Action.SEE_REQUESTS)]
Agent = Annotated[Viewer, require(Action.WORK_REQUESTS)]


@router.get("/requetes/{number}/fiche")
def show_sheet(request: Request, viewer: Reader, session: ReadSession, number: str) -> Response:
    """All that another system needs of a request, to be copied on one screen; nothing of who asked."""
    detail = inbox.detail(session, viewer, number)
    return render(request, "requests/sheet.html", detail=detail, questions=asked(detail.request.service.attributes))


@router.post("/requetes/{number}/transmission/numero")
def write_number(
    request: Request,
    viewer: Agent,
    parvis: Installation,
    now: Now,
    number: str,
    version: Annotated[int, Form()],
    outside_number: Words = "",
) -> Response:
    """Keep the number that the request has in the other system."""

    def act(session: Session) -> None:
        handover.write_number(session, viewer, number, outside_number, version=version, now=now)

    return acted(request, parvis, viewer, number, act, "number-written", now=now, outside=outside_number)


@router.post("/requetes/{number}/transmission")
def send_again(viewer: Agent, session: WriteSession, now: Now, number: str) -> Response:
    """Give the other system once more what it refused."""
    handover.send_again(session, viewer, number, now=now)
    return RedirectResponse(f"/requetes/{number}?fait=sent-again", 303)


@router.post("/requetes/transmission/reprise")
def try_again(
    viewer: Annotated[Viewer, require(Action.WORK_REQUESTS, whole_city=True)], session: WriteSession, now: Now
) -> Response:
    """The key of the other system works again: what waits for it leaves."""
    handover.try_desk_again(session, viewer, now=now)
    return RedirectResponse("/requetes?fait=saved", 303)

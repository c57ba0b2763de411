"""What a person does about the way of a request to the city's other 311 system: carry it over, look, send again."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session
from starlette.datastructures import UploadFile

from api.deps import Installation, Now, ReadSession, Sent, WriteSession, require
from api.pages import render
from api.web.queue import Words
from api.web.requests311 import acted
from models.attributes import asked
from models.errors import Refused
from models.scope import Action, Viewer
from moderation.requests import handover, inbox, sheets

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


@router.get("/requetes/transmission/fichiers")
def show_files(request: Request, viewer: Agent, session: ReadSession) -> Response:
    """What has yet to leave in a file, and where what comes back is read."""
    return _files(request, session, viewer)


@router.post("/requetes/transmission/fichier")
def export(viewer: Agent, parvis: Installation, session: WriteSession, now: Now) -> Response:
    """A file of what no other system has yet."""
    text = sheets.export(session, viewer, parvis.settings.zone, now=now)
    name = f"requetes-{now.astimezone(parvis.settings.zone):%Y-%m-%d-%Hh%M}.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return Response("\N{ZERO WIDTH NO-BREAK SPACE}" + text, media_type="text/csv; charset=utf-8", headers=headers)


@router.post("/requetes/transmission/retour")
def take_back(request: Request, viewer: Agent, parvis: Installation, now: Now, sent: Sent) -> Response:
    """Numbers and statuses that come back, with what was left line by line."""
    file = sent.get("file")
    raw = file.file.read(sheets.LARGEST + 1) if isinstance(file, UploadFile) else b""
    report, error = None, None
    try:
        report = sheets.take_back(parvis.database, viewer, raw, now=now)
    except Refused as refused:
        error = refused
    with parvis.database.read() as session:
        return _files(request, session, viewer, report=report, error=error)


def _files(
    request: Request,
    session: Session,
    viewer: Viewer,
    *,
    report: sheets.Report | None = None,
    error: Refused | None = None,
) -> Response:
    waiting = sheets.waiting(session, viewer)
    values: dict[str, Any] = {"waiting": waiting, "most": sheets.MOST, "report": report, "error": error}
    return render(request, "requests/files.html", status=422 if error else 200, **values)


@router.post("/requetes/{number}/transmission/accuse")
def acknowledge(request: Request, viewer: Agent, parvis: Installation, now: Now, number: str) -> Response:
    """The other system has it."""

    def act(session: Session) -> None:
        sheets.acknowledge(session, viewer, number, now=now)

    return acted(request, parvis, viewer, number, act, "acknowledged", now=now)


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

"""A year's plan from a spreadsheet: a file is sent, and what it made or what is wrong in it is said line by line."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import UploadFile

from api.deps import Installation, Now, ReadSession, Sent, require
from api.pages import render
from api.web.team import sheet
from models.errors import Refused
from models.scope import Action, Viewer
from publishing import plan

router = APIRouter(prefix="/campagnes/plan", include_in_schema=False)

Writer = Annotated[Viewer, require(Action.WRITE_POSTS)]


@router.get("")
def show_plan(request: Request, viewer: Writer) -> Response:  # Asks for the right.
    """What the file must be, and the form that sends it."""
    return _page(request)


@router.get(".csv")
def export(viewer: Writer, parvis: Installation, session: ReadSession, now: Now) -> Response:
    """What of the plan is to come, as a file that can be sent again."""
    rows = plan.lines(session, viewer, parvis.settings.zone, now=now)
    return sheet("plan", list(plan.COLUMNS), ([*row] for row in rows))


@router.post("")
def take(request: Request, viewer: Writer, parvis: Installation, now: Now, form: Sent) -> Response:
    """Make all that the file says, or nothing."""
    sent = form.get("file")
    raw = sent.file.read(plan.LARGEST + 1) if isinstance(sent, UploadFile) else b""
    try:
        report = plan.take(parvis.database, viewer, raw, parvis.settings.zone, now=now)
    except Refused as error:
        return _page(request, error=error)
    return _page(request, report=report)


def _page(request: Request, *, report: plan.Report | None = None, error: Refused | None = None) -> Response:
    status = 422 if error or (report and report.wrong) else 200
    return render(
        request, "campaigns/plan.html", status=status, report=report, error=error, columns=plan.COLUMNS, most=plan.MOST
    )

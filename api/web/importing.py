"""Comments from a file, as `parvis import` takes them: what came of each line is said, and the same file twice changes
nothing.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import UploadFile

from api.deps import Installation, Now, Sent, require
from api.pages import render
from api.security import UPLOAD_LIMIT
from models import audit
from models.errors import Refused
from models.scope import Action, Viewer
from moderation.intake import importing

router = APIRouter(prefix="/comptes/importation", include_in_schema=False)

Importer = Annotated[Viewer, require(Action.IMPORT_COMMENTS, whole_city=True)]


@router.get("")
def show_import(request: Request, viewer: Importer) -> Response:  # Asks for the right.
    """What the file must be, and the form that sends it."""
    return _page(request)


@router.post("")
def take(request: Request, viewer: Importer, parvis: Installation, now: Now, form: Sent) -> Response:
    """Store what can be used of the file, and say of every other line why not."""
    sent = form.get("file")
    if not isinstance(sent, UploadFile) or not sent.filename:
        return _page(request, error=Refused("import_file", field="file"))
    report = None
    try:
        rows = importing.rows_of(sent.filename, sent.file)
        for so_far in importing.import_rows(parvis.database, rows, zone=parvis.settings.zone, now=now):
            report = so_far
    except Refused as error:
        return _page(request, error=error)
    if report is not None:
        told = {"new": report.new, "known": report.known, "left": len(report.bad)}
        with parvis.database.write() as session:
            audit.note(session, "comments.imported", "installation", now=now, person_id=viewer.person_id, **told)
    return _page(request, report=report)


def _page(request: Request, *, report: importing.Report | None = None, error: Refused | None = None) -> Response:
    status = 422 if error else 200
    most = UPLOAD_LIMIT >> 20
    return render(request, "accounts/import.html", status=status, report=report, error=error, most=most)

"""Files of whole lists, asked for by day: the page for people of what `api.v1.exports` gives to programs."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from api.deps import CurrentViewer, Installation
from api.exports import SHEETS, Format
from api.pages import render
from models.errors import Refusals, Refused
from models.scope import Viewer

router = APIRouter(prefix="/exportation", include_in_schema=False)


@router.get("")
def show(request: Request, viewer: CurrentViewer, liste: str = "") -> Response:
    """The form; `liste` is the page that led here."""
    return _page(request, viewer, {"liste": liste})


@router.get("/fichier")
def file(
    request: Request,
    viewer: CurrentViewer,
    parvis: Installation,
    liste: str = "",
    du: str = "",
    au: str = "",
    forme: str = Format.CSV,
) -> Response:
    """Leads to the file; both days belong to it."""
    given = {"liste": liste, "du": du, "au": au, "forme": forme}
    wrong, asked = Refusals(), {"format": forme}
    with wrong.collect():
        if liste not in SHEETS:
            raise Refused("list_unknown", field="liste")
    for name, field, more in (("since", "du", 0), ("until", "au", 1)):
        with wrong.collect():
            if given[field]:
                asked[name] = _midnight(given[field], field, more, parvis.settings.zone).isoformat()
    with wrong.collect():
        if du and au and "since" in asked and "until" in asked and du > au:
            raise Refused("days_reversed", field="au")
    try:
        wrong.say()
    except Refused as error:
        return _page(request, viewer, given, error)
    return RedirectResponse(f"/api/v1/exports/{liste}?{urlencode(asked)}", 303)


def _midnight(said: str, field: str, more: int, zone: ZoneInfo) -> datetime:
    """When a day of the city begins, `more` days later."""
    try:
        return datetime.combine(date.fromisoformat(said) + timedelta(days=more), time(), zone)
    except (ValueError, OverflowError) as error:
        raise Refused("date_unreadable", field=field) from error


def _page(request: Request, viewer: Viewer, given: dict[str, str], error: Refused | None = None) -> Response:
    return render(
        request,
        "exports.html",
        status=422 if error else 200,
        sheets=[one.name for one in SHEETS.values() if viewer.may(one.action)],
        formats=list(Format),
        given=given,
        error=error,
    )

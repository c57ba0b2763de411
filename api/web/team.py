"""Today's team, for whoever manages it: the queue, arrivals, load, what waits for a second person, closing figures."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.deps import Installation, Now, ReadSession, require
from api.i18n import _
from api.pages import render
from api.web.queue import waited
from models.scope import Action, Viewer
from models.spreadsheets import guarded
from moderation.triage.today import today

router = APIRouter(include_in_schema=False)

Manager = Annotated[Viewer, require(Action.SEE_TEAM)]


@router.get("/equipe")
def show(request: Request, viewer: Manager, parvis: Installation, session: ReadSession, now: Now) -> Response:
    """The page."""
    day = today(session, viewer, parvis.settings.zone, now=now)
    most = max((max(one.arrived, one.decided) for one in day.quarters), default=0)
    return render(request, "team.html", day=day, most=max(most, 1), now=now, waited=waited)


@router.get("/equipe/personnes.csv")
def people(viewer: Manager, parvis: Installation, session: ReadSession, now: Now) -> Response:
    """The load of each person, for a spreadsheet."""
    day = today(session, viewer, parvis.settings.zone, now=now)
    heads = [_("Person"), _("Decided today"), _("Open now"), _("To do")]
    return sheet("personnes", heads, ([one.name, one.decided, one.open, one.assigned] for one in day.loads))


@router.get("/equipe/arrivees.csv")
def arrivals(viewer: Manager, parvis: Installation, session: ReadSession, now: Now) -> Response:
    """Arrivals and decisions by quarter of an hour, for a spreadsheet; times are those of the City."""
    zone = parvis.settings.zone
    day = today(session, viewer, zone, now=now)
    heads = [_("Quarter of an hour"), _("Arrived"), _("Decided")]
    return sheet(
        "arrivees",
        heads,
        ([f"{one.start.astimezone(zone):%Y-%m-%d %H:%M}", one.arrived, one.decided] for one in day.quarters),
    )


def sheet(name: str, heads: list[str], rows: Iterable[list[object]]) -> Response:
    """A file for a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";")
    writer.writerow(heads)
    writer.writerows(map(guarded, row) for row in rows)
    # What tells spreadsheets that it is UTF-8.
    body = text.getvalue().encode("utf-8-sig")
    found = {"content-disposition": f'attachment; filename="{name}.csv"', "cache-control": "no-store"}
    return Response(body, media_type="text/csv; charset=utf-8", headers=found)

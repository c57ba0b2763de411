"""Views of the queue that are kept under a name, each with how many wait in it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from api.deps import Now, ReadSession, WriteSession
from api.pages import render
from api.web.queue import CurrentView, Reader, View, Words, is_part, view_of
from models.errors import Refused
from models.scope import Action, Viewer
from moderation.triage import listing, views

router = APIRouter(include_in_schema=False)


@router.get("/vues")
def show(request: Request, viewer: Reader, session: ReadSession, view: CurrentView, now: Now) -> Response:
    """The views with their counts; as a part, the line of them that stands above the list."""
    values = _values(session, viewer, view, now=now)
    return render(request, "queue/views.html" if is_part(request) else "queue/views_page.html", **values)


@router.post("/vues")
def save(
    request: Request,
    viewer: Reader,
    session: WriteSession,
    view: CurrentView,
    now: Now,
    name: Words = "",
    team: Annotated[bool, Form()] = False,  # noqa: FBT002
) -> Response:
    """Keep what the address of this form is narrowed to."""
    try:
        kept = views.save(session, viewer, name, view.named, team=team, now=now)
    except Refused as error:
        values = _values(session, viewer, view, now=now)
        return render(request, "queue/views_page.html", status=422, error=error, typed=name, **values)
    return RedirectResponse(view_of(viewer, **kept.filters).link("/", fait="view-kept"), 303)


@router.post("/vues/{view_id}/suppression")
def forget(viewer: Reader, session: WriteSession, now: Now, view_id: int) -> Response:
    """Keep one no more."""
    views.forget(session, viewer, view_id, now=now)
    return RedirectResponse("/vues?fait=view-forgotten", 303)


def _values(session: Session, viewer: Viewer, view: View, *, now: Any) -> dict[str, Any]:
    kept = views.views(session, viewer)
    shown = [view_of(viewer, **one.filters) for one in kept]
    counted = listing.each(session, viewer, [one.wanted for one in shown], now=now)
    return {
        "views": list(zip(kept, shown, counted, strict=True)),
        "view": view,
        "may_team": viewer.may(Action.WRITE_NOTES),
    }

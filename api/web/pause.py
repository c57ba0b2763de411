"""The emergency pause: begun in one form, ended in one click."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from api.deps import Installation, Now, ReadSession, WriteSession, require, whole
from api.pages import render
from api.web.queue import Words
from models.errors import Refused
from models.scope import Action, Viewer
from publishing import holding
from publishing.places import places

router = APIRouter(prefix="/pause", include_in_schema=False)

Reader = Annotated[Viewer, require(Action.SEE_POSTS)]
Holder = Annotated[Viewer, require(Action.HOLD_POSTS)]


@router.get("")
def show_pause(request: Request, viewer: Reader, session: ReadSession) -> Response:
    """What is paused, what was, and the form that pauses."""
    return _page(request, session, viewer)


@router.post("")
def begin(
    request: Request, viewer: Holder, parvis: Installation, now: Now, reason: Words = "", place: Words = "city"
) -> Response:
    """Stop what is scheduled: `place` is "city", "borough-3" or "account-12"."""
    try:
        with parvis.database.write() as session:
            holding.begin(session, viewer, reason, **place_of(place), now=now)
    except Refused as error:
        with parvis.database.read() as session:
            return _page(request, session, viewer, error=error, reason=reason, place=place)
    return RedirectResponse("/pause?fait=hold-began", 303)


@router.post("/{hold_id}/fin")
def end(viewer: Holder, session: WriteSession, now: Now, hold_id: int) -> Response:
    """Let people schedule again; what was stopped waits for them."""
    holding.end(session, viewer, hold_id, now=now)
    return RedirectResponse("/publications?fait=hold-ended", 303)


def place_of(said: str) -> dict[str, int]:
    """A place of a form ("city", "borough-3", "account-12"), as the trade takes it. Refused: `place_not_yours`."""
    kind, _, number = said.partition("-")
    id_ = whole(number)
    if kind in ("borough", "account") and id_ is not None:
        return {f"{kind}_id": id_}
    if said != "city":
        raise Refused("place_not_yours", field="place")
    return {}


def _page(
    request: Request,
    session: Session,
    viewer: Viewer,
    *,
    error: Refused | None = None,
    reason: str = "",
    place: str = "city",
) -> Response:
    return render(
        request,
        "posts/pause.html",
        status=200 if error is None else 422 if error.params.get("field") else 409,
        live=holding.live(session, viewer),
        past=holding.past(session, viewer),
        pausable=places(session, viewer, Action.HOLD_POSTS),
        may_hold=viewer.may(Action.HOLD_POSTS),
        error=error,
        reason=reason,
        place=place,
    )

"""The end of a shift: one's own day, and what is left to whoever comes next."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from api.deps import Installation, Now, ReadSession, WriteSession
from api.pages import render
from api.web.queue import Decider, Words, waited
from api.web.teamwork import FormKey
from api.wiring import Parvis
from models.errors import Refused
from models.scope import Viewer
from moderation.triage import shifts, teamwork

router = APIRouter(prefix="/fin-de-quart", include_in_schema=False)


@router.get("")
def show(request: Request, viewer: Decider, parvis: Installation, session: ReadSession, now: Now) -> Response:
    """What I did, what is still mine, and a place for words."""
    return _page(request, viewer, parvis, session, now=now)


@router.post("")
def end(
    request: Request,
    viewer: Decider,
    parvis: Installation,
    session: WriteSession,
    now: Now,
    form_key: FormKey,
    text: Words = "",
    give_back: Annotated[bool, Form()] = False,  # noqa: FBT002
) -> Response:
    """Leave words and comments to the team; what was refused is shown again with what was typed."""
    try:
        shifts.end(session, viewer, text, give_back=give_back, form_key=form_key, now=now)
    except Refused as error:
        return _page(request, viewer, parvis, session, now=now, error=error, text=text)
    return RedirectResponse("/fin-de-quart?fait=shift-ended", 303)


def _page(
    request: Request,
    viewer: Viewer,
    parvis: Parvis,
    session: Session,
    *,
    now: Now,
    error: Refused | None = None,
    text: str = "",
) -> Response:
    return render(
        request,
        "shift.html",
        status=422 if error else 200,
        shift=shifts.shift(session, viewer, parvis.settings.zone, now=now),
        error=error,
        text=text,
        longest=teamwork.LONGEST,
        form_key=secrets.token_urlsafe(16),
        now=now,
        waited=waited,
    )

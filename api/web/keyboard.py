"""The keys of the queue as one person wants them."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from administration.sign_in import Identity
from api import keyboard
from api.deps import CurrentIdentity, ReadSession, Sent, WriteSession
from api.pages import render
from api.web.sign_in import own
from models.errors import Refused

router = APIRouter(prefix="/compte/touches", include_in_schema=False)


@router.get("")
def show(request: Request, session: ReadSession, identity: CurrentIdentity) -> Response:
    return _page(request, session, identity)


@router.post("")
def change(request: Request, session: WriteSession, identity: CurrentIdentity, sent: Sent) -> Response:
    """Keep what was typed; `usual` forgets all of it."""
    typed = (
        [] if sent.get("usual") else [str(sent.get(f"key_{place}") or "") for place in range(len(keyboard.COMMANDS))]
    )
    try:
        own(session, identity).keys = keyboard.chosen(typed)
    except Refused as error:
        return _page(request, session, identity, typed, error)
    return RedirectResponse("/compte/touches?fait=saved", 303)


def _page(
    request: Request, session: Session, identity: Identity, typed: list[str] | None = None, error: Refused | None = None
) -> Response:
    keys = own(session, identity).keys
    return render(
        request,
        "keyboard.html",
        status=422 if error else 200,
        commands=keyboard.COMMANDS,
        typed=typed or [keys.get(usual, usual) for usual in keyboard.COMMANDS],
        changed=bool(keys),
        error=error,
    )

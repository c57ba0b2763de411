"""Programs of the city that are told what happens: which there are, what each was given, and how to give it again."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from administration import hooks
from api.deps import Installation, Now, ReadSession, Sent, WriteSession
from api.pages import render
from api.web.people import Admin
from models.errors import Refused

router = APIRouter(prefix="/personnes/crochets", include_in_schema=False)


@router.get("")
def show(request: Request, session: ReadSession, viewer: Admin) -> Response:
    """Those that are told."""
    return _page(request, session)


@router.post("")
def add(request: Request, session: WriteSession, parvis: Installation, viewer: Admin, now: Now, sent: Sent) -> Response:
    """Tell one more program; what signs is shown this once."""
    given: dict[str, Any] = {name: str(sent.get(name) or "") for name in ("name", "address")}
    given["nouns"] = [str(one) for one in sent.getlist("nouns")]
    try:
        secret = hooks.add(session, parvis.vault, **given, by=viewer.person_id, now=now)
    except Refused as error:
        return _page(request, session, status=422, given=given, error=error)
    return _page(request, session, secret=secret)


@router.post("/{hook_id}/retrait")
def remove(session: WriteSession, viewer: Admin, now: Now, hook_id: int) -> Response:
    hooks.remove(session, hook_id, by=viewer.person_id, now=now)
    return RedirectResponse("/personnes/crochets?fait=saved", 303)


@router.get("/{hook_id}")
def show_messages(request: Request, session: ReadSession, viewer: Admin, hook_id: int) -> Response:
    """What one was given lately."""
    return render(request, "hook.html", hook_id=hook_id, messages=hooks.messages(session, hook_id))


@router.post("/messages/{effect_id}/renvoi")
def again(session: WriteSession, viewer: Admin, now: Now, effect_id: int) -> Response:
    hook_id = hooks.again(session, effect_id, by=viewer.person_id, now=now)
    return RedirectResponse(f"/personnes/crochets/{hook_id}?fait=saved", 303)


def _page(
    request: Request,
    session: Session,
    *,
    status: int = 200,
    secret: str | None = None,
    given: dict[str, Any] | None = None,
    error: Refused | None = None,
) -> Response:
    return render(
        request,
        "hooks.html",
        status=status,
        hooks=hooks.hooks(session),
        nouns=hooks.NOUNS,
        secret=secret,
        given=given or {},
        error=error,
    )

"""What stands under everything that an account says, worded on one page."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from api.deps import Installation, Now, ReadSession, require
from api.pages import render
from api.web.amendments import Row
from api.web.queue import Words
from models.errors import Refused
from models.scope import Action, Viewer
from publishing import signatures

router = APIRouter(prefix="/signatures", include_in_schema=False)

Signer = Annotated[Viewer, require(Action.WRITE_POSTS, whole_city=True)]


@router.get("")
def show_signatures(request: Request, viewer: Signer, session: ReadSession) -> Response:
    """Each account with its signature."""
    return _page(request, session, viewer)


@router.post("")
def sign(
    request: Request, viewer: Signer, parvis: Installation, now: Now, account: Row, signature: Words = ""
) -> Response:
    """Give one account its signature."""
    try:
        with parvis.database.write() as session:
            signatures.sign(session, viewer, account, signature, now=now)
    except Refused as error:
        with parvis.database.read() as session:
            return _page(request, session, viewer, error=error, account=account, typed=signature)
    return RedirectResponse("/signatures?fait=saved", 303)


def _page(
    request: Request,
    session: Session,
    viewer: Viewer,
    *,
    error: Refused | None = None,
    account: int | None = None,
    typed: str = "",
) -> Response:
    return render(
        request,
        "posts/signatures.html",
        status=422 if error else 200,
        accounts=signatures.accounts(session, viewer),
        longest=signatures.LONGEST,
        error=error,
        account=account,
        typed=typed,
    )

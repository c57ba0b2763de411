"""The public page of a request: service, status, dates and borough for anybody who has its number; what is their own
for whoever was given a code.
"""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from administration.sign_in import network_of
from api.deps import Installation, Now, ReadSession
from api.pages import render
from api.turns import Turns
from models.errors import NotFound, Refused
from moderation.requests import outcome

router = APIRouter(include_in_schema=False)

HEADERS = {"x-robots-tag": "noindex, nofollow", "cache-control": "no-store", "referrer-policy": "no-referrer"}


def take_turn(request: Request, now: Now, *, wrong: bool = False) -> None:
    """One address asks so often and no more; 429 beyond."""
    turns: Turns = request.app.state.turns
    turns.take(network_of(request.client.host if request.client else ""), now=now, wrong=wrong)


@router.get("/suivi")
def ask(request: Request, numero: str = "") -> Response:
    """Where a number is typed."""
    if numero.strip():
        return RedirectResponse(f"/suivi/{quote(numero.strip(), safe='')}", 303)
    return render(
        request, "requests/public.html", headers=HEADERS, found=None, code="", number="", error=None, wrong_code=False
    )


@router.get("/suivi/{number:path}")
def show(request: Request, session: ReadSession, now: Now, number: str, code: str = "") -> Response:
    """A request as the public may see it. A number that is none, and one of a confidential service, read the same."""
    take_turn(request, now)
    try:
        found = outcome.followed(session, number, code)
    except NotFound:
        take_turn(request, now, wrong=True)
        return _page(request, None, number, "", status=404)
    if code and found.requester is None:
        take_turn(request, now, wrong=True)
    return _page(request, found, number, code)


@router.post("/suivi/{number:path}/reouverture")
def reopen(
    request: Request,
    parvis: Installation,
    now: Now,
    number: str,
    code: Annotated[str, Form(max_length=100)],
) -> Response:
    """Whoever asked says that it is not solved."""
    take_turn(request, now, wrong=True)
    try:
        with parvis.database.write() as session:
            outcome.reopen_by_code(session, number, code, now=now)
    except NotFound:
        return _page(request, None, number, "", status=404)
    except Refused as error:
        with parvis.database.read() as session:
            found = outcome.followed(session, number, code)
        return _page(request, found, number, code, status=409, error=error)
    where = f"/suivi/{quote(number, safe='')}?{urlencode({'code': code, 'fait': 'reopened'})}"
    return RedirectResponse(where, 303, HEADERS)


def _page(
    request: Request,
    found: outcome.Followed | None,
    number: str,
    code: str,
    *,
    status: int = 200,
    error: Refused | None = None,
) -> Response:
    known = code if found is not None and found.requester is not None else ""
    values: dict[str, Any] = {"found": found, "code": known, "number": number, "error": error}
    values["wrong_code"] = found is not None and bool(code) and not known
    return render(request, "requests/public.html", status=status, headers=HEADERS, **values)

"""How it went: a number from 0 to 10, by a link of one's own and without an account; one tap is enough."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from api.deps import Installation, Now, ReadSession
from api.pages import render
from api.web.following import HEADERS, take_turn
from api.web.queue import Words
from models.errors import NotFound, Refused
from moderation.requests import satisfaction

router = APIRouter(prefix="/satisfaction", include_in_schema=False)


@router.get("/{token}")
def show(request: Request, session: ReadSession, now: Now, token: str) -> Response:
    """The question; whatever opens the link by itself answers nothing."""
    take_turn(request, now)
    return _page(request, session, token, now=now)


@router.post("/{token}")
def answer(
    request: Request,
    parvis: Installation,
    now: Now,
    token: str,
    score: Annotated[str, Form(max_length=20)] = "",
    words: Words = "",
) -> Response:
    """Keep a number; then, if they wish, words."""
    take_turn(request, now)
    error: Refused | None = None
    try:
        with parvis.database.write() as session:
            satisfaction.answer(session, token, score, words, now=now)
    except NotFound:
        pass
    except Refused as refused:
        error = refused
    with parvis.database.read() as session:
        return _page(request, session, token, now=now, words=words, error=error)


def _page(
    request: Request, session: Session, token: str, *, now: Now, words: str = "", error: Refused | None = None
) -> Response:
    found, status = None, 200
    try:
        found = satisfaction.opened(session, token, now=now)
    except NotFound:
        take_turn(request, now, wrong=True)
        status = 404
    except Refused as over:
        error, status = over, 410
    if found is not None and error is not None:
        status = 422 if error.params.get("field") else 409
    return render(
        request,
        "requests/satisfaction.html",
        status=status,
        headers=HEADERS,
        found=found,
        token=token,
        words=words,
        best=satisfaction.BEST,
        longest=satisfaction.LONGEST,
        error=error,
    )

"""How the city answers: the tone and the signature of each account, and the topics on which two people answer."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from api.deps import Now, ReadSession, WriteSession, require
from api.pages import render
from api.web.queue import Words
from models.errors import Refused
from models.scope import Action, Viewer
from models.vocabulary import Group311, Intention, Tone
from moderation import manner, sensitive
from moderation.requests.escalation import services

router = APIRouter(prefix="/facon-de-repondre", include_in_schema=False)

Editor = Annotated[Viewer, require(Action.EDIT_REPLIES, whole_city=True)]
RowId = Annotated[int, Form(gt=0, lt=2**63)]


@router.get("")
def show(request: Request, viewer: Editor, session: ReadSession) -> Response:
    """The page."""
    return _page(request, viewer, session)


@router.post("")
def speak(
    request: Request,
    viewer: Editor,
    session: WriteSession,
    now: Now,
    account_id: RowId,
    tone: Words = "",
    signature: Words = "",
) -> Response:
    """How one account answers; what was refused is shown again as it was typed."""
    try:
        manner.speak(session, viewer, account_id, tone, signature, now=now)
    except Refused as error:
        return _page(request, viewer, session, error, account_id, signature)
    return RedirectResponse("/facon-de-repondre?fait=saved", 303)


@router.post("/sujets")
def add_topic(request: Request, viewer: Editor, session: WriteSession, now: Now, topic: Words = "") -> Response:
    """One topic more on which two people answer."""
    head, _, value = topic.partition(":")
    try:
        sensitive.add(session, viewer, head, value, now=now)
    except Refused as error:
        return _page(request, viewer, session, error)
    return RedirectResponse("/facon-de-repondre?fait=saved#sujets", 303)


@router.post("/sujets/retrait")
def remove_topic(viewer: Editor, session: WriteSession, now: Now, topic: Words = "") -> Response:
    """One less."""
    head, _, value = topic.partition(":")
    sensitive.remove(session, viewer, head, value, now=now)
    return RedirectResponse("/facon-de-repondre?fait=saved#sujets", 303)


def _page(
    request: Request,
    viewer: Viewer,
    session: Session,
    error: Refused | None = None,
    account_id: int | None = None,
    typed: str = "",
) -> Response:
    offered = services(session)
    return render(
        request,
        "manner.html",
        status=422 if error else 200,
        error=error,
        account_id=account_id,
        typed=typed,
        accounts=manner.accounts(session, viewer),
        tones=list(Tone),
        longest=manner.LONGEST,
        topics=sensitive.topics(session),
        names={one.code: one.name for one in offered},
        offered={
            sensitive.INTENTION: list(Intention),
            sensitive.GROUP: list(Group311),
            sensitive.SERVICE: [one.code for one in offered],
        },
    )

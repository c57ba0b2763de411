"""*Compléter ma demande*: a short form that whoever wrote opens once, by a link of their own, without an account; and
the buttons by which somebody of the city asks for it.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile

from api.deps import Installation, Now, ReadSession, Sent, WriteSession, require
from api.open311 import given
from api.pages import render
from api.web.following import HEADERS, take_turn
from api.web.media import PICTURE_HEADERS
from api.web.requests311 import acted
from models.attributes import asked
from models.errors import NotFound, Refused
from models.scope import Action, Viewer
from moderation.requests import completing
from moderation.requests.completing import Given
from publishing import library

router = APIRouter(include_in_schema=False)

Reader = Annotated[Viewer, require(Action.SEE_REQUESTS)]
Agent = Annotated[Viewer, require(Action.WORK_REQUESTS)]
Decider = Annotated[Viewer, require(Action.DECIDE)]
FIELDS = tuple(completing.LONGEST)


# ------------------------------------------------------------------------------------------------------ the citizen's
@router.get("/completer/{token}")
def show(request: Request, session: ReadSession, now: Now, token: str) -> Response:
    """The form of a link; of one that is none, has served, or is too old: a sentence."""
    take_turn(request, now)
    return _form(request, session, token, now=now)


@router.post("/completer/{token}")
def complete(request: Request, parvis: Installation, now: Now, token: str, sent: Sent) -> Response:
    """Keep what is answered, once. A picture is drawn anew before anything is kept."""
    take_turn(request, now)
    typed = Given(
        **{name: _said(sent, name) for name in FIELDS},
        attributes={code: [one.replace("\0", "") for one in said] for code, said in given(sent).items()},
    )
    try:
        with parvis.database.read() as session:
            completing.opened(session, token, now=now)
        picture = _picture(sent)
        with parvis.database.write() as session:
            completing.complete(session, token, typed, picture, now=now, zone=parvis.settings.zone)
    except (NotFound, Refused) as error:
        with parvis.database.read() as session:
            return _form(request, session, token, now=now, typed=typed, error=error)
    return render(request, "requests/complete.html", headers=HEADERS, form=None, error=None, done=True)


def _form(
    request: Request,
    session: Session,
    token: str,
    *,
    now: Now,
    typed: Given | None = None,
    error: Refused | NotFound | None = None,
) -> Response:
    try:
        form = completing.opened(session, token, now=now)
    except NotFound:
        take_turn(request, now, wrong=True)
        return render(request, "requests/complete.html", status=404, headers=HEADERS, form=None, error=None, done=False)
    except Refused as over:
        return render(request, "requests/complete.html", status=410, headers=HEADERS, form=None, error=over, done=False)
    return render(
        request,
        "requests/complete.html",
        status=422 if error else 200,
        headers=HEADERS,
        form=form,
        token=token,
        questions=asked(form.request.service.attributes),
        typed=typed or Given(),
        again=typed is not None,
        longest=completing.LONGEST,
        most=library.LARGEST // 1024**2,
        error=error,
        done=False,
    )


def _said(sent: FormData, name: str) -> str:
    value = sent.get(name, "")
    return value.replace("\0", "") if isinstance(value, str) else ""


def _picture(sent: FormData) -> bytes | None:
    """As the library takes pictures. Refused: `picture_heavy`, `picture_too_large`, `picture_unreadable`."""
    file = sent.get("files")
    if not isinstance(file, UploadFile) or not file.filename:
        return None
    return library.read(file.filename, file.file.read(library.LARGEST + 1)).content


# ---------------------------------------------------------------------------------------------------------- the city's
@router.post("/requetes/{number}/precisions")
def ask(
    request: Request,
    viewer: Agent,
    parvis: Installation,
    now: Now,
    number: str,
    comment_id: Annotated[int, Form(gt=0, lt=2**63)],
) -> Response:
    """Draft what asks somebody for more; a moderator sends it."""

    def act(session: Session) -> None:
        terms = parvis.terms
        completing.ask_later(session, viewer, comment_id, terms.capabilities_of, terms.links, number=number, now=now)

    return acted(request, parvis, viewer, number, act, "asked", now=now)


@router.post("/commentaires/{comment_id}/precisions")
def ask_here(viewer: Decider, parvis: Installation, session: WriteSession, now: Now, comment_id: int) -> Response:
    """The same, from the comment: of the last request that it asked for."""
    terms = parvis.terms
    completing.ask_later(session, viewer, comment_id, terms.capabilities_of, terms.links, now=now)
    return RedirectResponse(f"/commentaires/{comment_id}?fait=asked", 303)


@router.get("/requetes/precisions/{completion_id}/photo")
def photo(viewer: Reader, session: ReadSession, completion_id: int) -> Response:
    """What somebody showed of their request."""
    return Response(
        completing.picture(session, viewer, completion_id), media_type="image/jpeg", headers=PICTURE_HEADERS
    )

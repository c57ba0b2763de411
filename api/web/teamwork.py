"""What a team does at the queue besides deciding: whose an item is, until when it is put off, notes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from api.deps import Installation, Now, WriteSession, require, whole
from api.pages import render
from api.web.queue import CurrentView, Decider, View, Words, is_part
from models.errors import Refused
from models.notes import Note
from models.people import Person
from models.scope import Action, Viewer
from models.vocabulary import NoteKind
from moderation.triage import teamwork
from publishing.wall import instant

router = APIRouter(include_in_schema=False)

Writer = Annotated[Viewer, require(Action.WRITE_NOTES)]
FormKey = Annotated[str, Form(min_length=16, max_length=64)]


# ------------------------------------------------------------------------------------------------- acting
@router.post("/commentaires/{comment_id}/notes")
def write_note(
    request: Request,
    viewer: Writer,
    session: WriteSession,
    view: CurrentView,
    now: Now,
    comment_id: int,
    form_key: FormKey,
    text: Words = "",
) -> Response:
    """Leave words for colleagues."""
    said = teamwork.note(session, viewer, comment_id, text, form_key=form_key, now=now)
    return _said(request, session, view, said)


@router.post("/commentaires/{comment_id}/attribution")
def assign(
    request: Request,
    viewer: Writer,
    session: WriteSession,
    view: CurrentView,
    now: Now,
    comment_id: int,
    form_key: FormKey,
    assignee_id: Words = "",
    before_id: Words = "",
    text: Words = "",
) -> Response:
    """Say whose the item is."""
    to, before = whole(assignee_id), whole(before_id)
    said = teamwork.assign(session, viewer, comment_id, to, before_id=before, text=text, form_key=form_key, now=now)
    return _said(request, session, view, said)


@router.post("/commentaires/{comment_id}/report")
def snooze(
    request: Request,
    viewer: Decider,
    parvis: Installation,
    session: WriteSession,
    view: CurrentView,
    now: Now,
    comment_id: int,
    form_key: FormKey,
    until: Words = "",
    at: Words = "",
    text: Words = "",
) -> Response:
    """Put the item off until one of the moments that were offered, or (`at`) until a time of the City's clocks."""
    moment = _moment(until) if until else instant(at, parvis.settings.zone, field="at")
    said = teamwork.snooze(session, viewer, comment_id, moment, text=text, form_key=form_key, now=now)
    return _said(request, session, view, said)


@router.post("/notes/{note_id}/annulation")
def take_back(
    request: Request, viewer: Writer, session: WriteSession, view: CurrentView, now: Now, note_id: int
) -> Response:
    """Undo what one of these three did."""
    undone = teamwork.take_back(session, viewer, note_id, now=now)
    if is_part(request):
        return render(request, "queue/undone.html", note=undone)
    return RedirectResponse(view.link(f"/commentaires/{undone.comment_id}", fait="taken-back"), 303)


# -------------------------------------------------------------------------------------------------------------------
def _moment(said: str) -> datetime:
    try:
        moment = datetime.fromisoformat(said)
    except ValueError as error:
        raise Refused("time_unreadable", field="until") from error
    if moment.tzinfo is None:
        raise Refused("time_unreadable", field="until")
    return moment


def _said(request: Request, session: Session, view: View, said: Note) -> Response:
    """The message that offers to take it back; without JavaScript, the comment again, or the list when it left it."""
    if not is_part(request):
        to = "/" if said.kind == NoteKind.SNOOZE else f"/commentaires/{said.comment_id}"
        return RedirectResponse(view.link(to, fait=f"{said.kind}-done"), 303)
    assignee = session.get_one(Person, said.assignee_id) if said.assignee_id else None
    return render(
        request, "queue/noted.html", note=said, assignee=assignee, told=teamwork.told(session, said), view=view
    )

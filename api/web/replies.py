"""Saved replies: what a moderator may pick from, how often each is used, and its wordings."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from api.deps import Now, ReadSession, WriteSession, require
from api.pages import render
from api.web.queue import Reader, Words
from connectors.registry import names
from models.errors import Refused
from models.scope import Action, Viewer
from models.templates import FRENCH
from models.vocabulary import Intention, Tone
from moderation import templates
from moderation.requests import escalation

router = APIRouter(include_in_schema=False)

Editor = Annotated[Viewer, require(Action.EDIT_REPLIES, whole_city=True)]


@router.get("/reponses")
def show(request: Request, viewer: Reader, session: ReadSession) -> Response:
    """Every sentence that citizens receive, by its newest wording."""
    return _page(request, viewer, session)


@router.post("/reponses")
@router.post("/reponses/{template}")
def word(
    request: Request,
    viewer: Editor,
    session: WriteSession,
    now: Now,
    template: str | None = None,
    title: Words = "",
    intention: Words = "",
    status: Words = "",
    service_code: Words = "",
    fr: Words = "",
    en: Words = "",
    retired: Annotated[bool, Form()] = False,  # noqa: FBT002
    seen: Annotated[int, Form(ge=0, lt=2**63)] = 0,
    kind: Annotated[Literal["reply_", "post_", "note_"], Form()] = "reply_",
    network: Words = "",
    tone: Words = "",
) -> Response:
    """Word one anew, or a new one; what was refused is shown again with what was typed."""
    wanted = intention if intention in set(Intention) else None
    only, speaks = network if network in names() else None, Tone(tone) if tone in set(Tone) else None
    wording = templates.Wording(title, {"fr": fr, "en": en}, wanted, status, service_code, retired, only, speaks)
    try:
        code = templates.word(session, viewer, template, wording, seen=seen, now=now, new=kind)
    except Refused as error:
        typed: dict[str, Any] = {"code": template, "title": title, "intention": wanted, "fr": fr, "en": en}
        typed |= {"status": status, "service_code": service_code, "retired": retired, "kind": kind}
        typed |= {"network": only, "tone": speaks}
        return _page(request, viewer, session, error=error, typed=typed)
    return RedirectResponse(f"/reponses?fait=saved#{code}", 303)


def _page(
    request: Request,
    viewer: Viewer,
    session: Session,
    *,
    error: Refused | None = None,
    typed: dict[str, Any] | None = None,
) -> Response:
    every = templates.every_version(session)
    newest = {code: {one.language: one for one in reversed(versions)} for code, versions in every.items()}
    values: dict[str, Any] = {
        "every": every,
        "newest": newest,
        "replies": sorted((code for code in every if code.startswith("reply_")), key=lambda one: _order(newest[one])),
        "urgent": sorted(code for code in every if code.startswith("urgent_")),
        "posts": sorted(code for code in every if code.startswith("post_")),
        "notes": sorted((code for code in every if code.startswith("note_")), key=lambda one: _order(newest[one])),
        "fillings": {"post_": templates.POST_PLACES, "note_": templates.NOTE_PLACES, "urgent_": ()},
        "usual_fillings": templates.PLACES,
        "statuses": templates.NOTED,
        "services": (catalogue := escalation.services(session)),
        "called": {one.code: one.name for one in catalogue},
        "named": templates.NAMED,
        "others": [code for code in every if not code.startswith(templates.NAMED)],
        "uses": templates.uses(session),
        "may_edit": viewer.may_on(Action.EDIT_REPLIES, borough_id=None, account_id=None),
        "intentions": list(Intention),
        "networks": names(),
        "tones": list(Tone),
        "name_of": templates.name_of,
        "longest": templates.LONGEST,
        "error": error,
        "typed": typed or {},
    }
    return render(request, "replies.html", status=422 if error else 200, **values)


def _order(languages: dict[str, Any]) -> tuple[bool, str]:
    one = languages[FRENCH]
    return one.retired, templates.name_of(one).casefold()

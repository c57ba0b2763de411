"""The answers about one request, read together: each may be worded anew; one key sends all, one takes them back."""

from __future__ import annotations

import re
import secrets
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.deps import Installation, Now, ReadSession, Sent, require
from api.pages import render
from api.web.queue import CurrentView, Decider
from api.web.together import said
from models.errors import Refused
from models.scope import Action, Viewer
from moderation.triage import answers

router = APIRouter(include_in_schema=False)

ITEM = re.compile(r"(\d{1,17}):(\d{1,9}):(\d{1,17})")
"""Comment, version of its text, draft."""
KEY = re.compile(r"[\w-]{16,64}", re.ASCII)


@router.get("/requetes/{number}/reponses")
def show(
    request: Request,
    viewer: Decider,
    _reader: Annotated[Viewer, require(Action.SEE_REQUESTS)],
    parvis: Installation,
    session: ReadSession,
    now: Now,
    number: str,
) -> Response:
    """Every answer that waits, with the words that it answers."""
    waiting = answers.waiting(session, viewer, number, parvis.terms.capabilities_of, now=now)
    return render(request, "requests/answers.html", waiting=waiting, form_key=secrets.token_urlsafe(16))


@router.post("/requetes/reponses")
def send_all(
    request: Request, viewer: Decider, parvis: Installation, view: CurrentView, now: Now, sent: Sent
) -> Response:
    """Send those that are ticked, as they are worded now."""
    given: dict[int, tuple[int, int, str]] = {}
    for one in sent.getlist("items"):
        if isinstance(one, str) and (found := ITEM.fullmatch(one)) is not None:
            comment_id, version, draft_id = map(int, found.groups())
            text = sent.get(f"text-{draft_id}")
            given[comment_id] = version, draft_id, text if isinstance(text, str) else ""
    key = sent.get("form_key")
    if not isinstance(key, str) or not KEY.fullmatch(key):
        raise Refused("not_a_choice", field="form_key")
    with parvis.database.write() as session:
        outcome = answers.send_all(session, viewer, given, parvis.terms, form_key=key, now=now)
        return said(request, session, viewer, view, outcome, undone=False)

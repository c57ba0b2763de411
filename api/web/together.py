"""Several comments decided at once: the preview that shows each of them, the one decision, the one undo."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.deps import Installation, Now, ReadSession, WriteSession, whole
from api.pages import render
from api.web.queue import CurrentView, Decider, Words, is_part, waited
from models.comments import Comment
from models.scope import Action, Viewer, visible
from models.templates import newest
from models.vocabulary import DecisionKind, Language
from moderation import netiquette, templates
from moderation.triage import queue, together
from moderation.triage.deciding import Choice

router = APIRouter(include_in_schema=False)

Several = Annotated[list[str], Form(default_factory=list)]


async def _ticked(items: Several) -> dict[int, int]:
    versions = {}
    for one in items:
        comment_id, _, version = one.partition(":")
        if (known := whole(comment_id)) is not None and (read := whole(version)) is not None:
            versions[known] = read
    return versions


Ticked = Annotated[dict[int, int], Depends(_ticked)]
"""Comments that are ticked, each named with the version that was read ("12:3")."""


@router.get("/groupe")
def preview(
    request: Request,
    viewer: Decider,
    parvis: Installation,
    session: ReadSession,
    view: CurrentView,
    now: Now,
    ids: Annotated[list[str], Query(default_factory=list)],
    kind: str = "",
) -> Response:
    """Each comment that was picked, what would become of it, and why some would be left."""
    chosen = DecisionKind(kind) if kind in together.KINDS else DecisionKind.NOTHING
    picked = list(dict.fromkeys(one for given in ids if (one := whole(given)) is not None))
    lines = queue.chosen(session, viewer, picked[: together.MOST], now=now)
    capabilities_of = parvis.terms.capabilities_of
    rules = netiquette.in_force(session, now=now)
    values: dict[str, Any] = {
        "kind": chosen,
        "lines": [(line, together.why_not(line, chosen, capabilities_of)) for line in lines],
        "over": max(0, len(picked) - together.MOST),
        "kinds": together.KINDS,
        "rules": netiquette.usable(rules, viewer, DecisionKind.HIDE),
        "articles": netiquette.articles(rules),
        "replies": templates.saved(newest(session, Language.FRENCH)),
        "form_key": secrets.token_urlsafe(16),
        "now": now,
        "waited": waited,
        "view": view,
    }
    return render(request, "queue/together.html" if is_part(request) else "queue/together_page.html", **values)


@router.post("/groupe")
def decide_all(
    request: Request,
    viewer: Decider,
    parvis: Installation,
    session: WriteSession,
    view: CurrentView,
    now: Now,
    kind: Annotated[DecisionKind, Form()],
    form_key: Annotated[str, Form(min_length=16, max_length=64)],
    items: Ticked,
    opened: Several,
    text: Words = "",
    rule_code: Words = "",
) -> Response:
    """Decide alike about those that are ticked."""
    choice = Choice(kind, 0, text=text, rule_code=rule_code or None, form_key=form_key)
    seen = {read for given in opened if (read := whole(given)) is not None}
    outcome = together.decide_all(session, viewer, items, choice, parvis.terms, opened=seen, now=now)
    return said(request, session, viewer, view, outcome, undone=False)


@router.post("/groupes/{batch_id}/annulation")
def undo_all(
    request: Request, viewer: Decider, session: WriteSession, view: CurrentView, now: Now, batch_id: int
) -> Response:
    """Take the whole batch back."""
    outcome = together.undo_all(session, viewer, batch_id, now=now)
    return said(request, session, viewer, view, outcome, undone=True)


def said(
    request: Request, session: Session, viewer: Viewer, view: CurrentView, outcome: together.Outcome, *, undone: bool
) -> Response:
    """What became of several, and how to take them back."""
    theirs = visible(select(Comment).where(Comment.id.in_(outcome.left)), viewer, Action.SEE_COMMENTS, Comment)
    seen = {one.id: one for one in session.scalars(theirs)}
    names = {one: _name(seen.get(one)) for one in outcome.left}
    values: dict[str, Any] = {"outcome": outcome, "names": names, "undone": undone, "view": view}
    if is_part(request):
        return render(request, "queue/together_done.html", **values)
    if undone and not outcome.left:
        return RedirectResponse(view.link("/", fait="undone"), 303)
    return render(request, "queue/together_said.html", **values)


def _name(comment: Comment | None) -> str:
    """The first words of a comment, to say which one is meant."""
    words = (comment.text if comment else "") or "…"
    return words if len(words) <= 40 else f"{words[:39]}…"

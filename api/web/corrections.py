"""A label corrected at the queue, by one key or in a small dialog."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from api.deps import Installation, Now, WriteSession
from api.pages import render
from api.web.queue import CurrentView, Decider, Words, is_part, item_values
from models.comments import VerdictRow
from models.vocabulary import Breach
from moderation.learning.correction import correct
from moderation.netiquette import in_force
from moderation.triage import queue
from moderation.triage.suggestion import shown_breaches

router = APIRouter(include_in_schema=False)


@router.post("/commentaires/{comment_id}/corrections")
def correct_labels(
    request: Request,
    viewer: Decider,
    parvis: Installation,
    session: WriteSession,
    view: CurrentView,
    now: Now,
    comment_id: int,
    version: Annotated[int, Form()],
    netiquette: Annotated[list[str], Form(default_factory=list)],
    intention: Words = "",
    groupe: Words = "",
    urgence: Words = "",
    whole: Words = "",
) -> Response:
    """Correct the labels that are given; the dialog sends them all (`whole`), and those left as shown say nothing."""
    labels = {"intention": intention, "groupe": groupe, "urgence": urgence}
    if whole:
        shown = _shown(queue.detail(session, viewer, comment_id, now=now).comment.verdict)
        labels |= {str(breach): str(int(breach in netiquette)) for breach in Breach}
        labels = {head: label for head, label in labels.items() if label != shown.get(head)}
    correct(
        session, viewer, comment_id, {head: label for head, label in labels.items() if label}, version=version, now=now
    )
    if not is_part(request):
        return RedirectResponse(view.link(f"/commentaires/{comment_id}", fait="corrected"), 303)
    session.flush()
    opened = queue.detail(session, viewer, comment_id, now=now)
    values = item_values(session, viewer, opened, in_force(session, now=now), parvis.settings, now=now)
    return render(request, "queue/item.html", view=view, **values)


def _shown(verdict: VerdictRow | None) -> dict[str, str | None]:
    """The labels that the dialog shows before anything is changed in it."""
    if verdict is None:
        return {}
    shown = shown_breaches(verdict.scores["breaches"])
    breaches = {str(breach): str(int(breach in shown)) for breach in Breach}
    return {"groupe": verdict.group_311, "urgence": str(verdict.urgency), **breaches}

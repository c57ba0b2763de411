"""Decisions that take two people: one asks at the queue, another says yes, or no and why not."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from api.deps import Installation, Now, WriteSession, whole
from api.pages import render
from api.web.queue import CurrentView, Decider, Words, is_part
from models.vocabulary import DecisionKind
from moderation.triage import proposals
from moderation.triage.deciding import Choice

router = APIRouter(include_in_schema=False)


@router.post("/commentaires/{comment_id}/proposition")
def propose(
    request: Request,
    viewer: Decider,
    parvis: Installation,
    session: WriteSession,
    view: CurrentView,
    now: Now,
    comment_id: int,
    kind: Annotated[DecisionKind, Form()],
    version: Annotated[int, Form()],
    form_key: Annotated[str, Form(min_length=16, max_length=64)],
    rule_code: Words = "",
    text: Words = "",
    draft_id: Annotated[int | None, Form(gt=0, lt=2**63)] = None,
    template_id: Words = "",
) -> Response:
    """Ask for a second person's yes."""
    choice = Choice(
        kind=kind,
        version=version,
        text=text,
        rule_code=rule_code or None,
        draft_id=draft_id,
        template_id=whole(template_id),
        form_key=form_key,
    )
    proposal = proposals.propose(session, viewer, comment_id, choice, parvis.terms, now=now)
    if is_part(request):
        return render(request, "queue/proposed.html", proposal=proposal, view=view)
    return RedirectResponse(view.link(f"/commentaires/{comment_id}", fait="proposed"), 303)


@router.post("/propositions/{proposal_id}/reponse")
def answer(
    request: Request,
    viewer: Decider,
    parvis: Installation,
    session: WriteSession,
    view: CurrentView,
    now: Now,
    proposal_id: int,
    confirmed: Annotated[bool, Form()] = False,  # noqa: FBT002
    motive: Words = "",
) -> Response:
    """Say yes to what somebody asked, or no and why not; whoever asked takes it back."""
    proposal = proposals.answer(session, viewer, proposal_id, parvis.terms, confirmed=confirmed, motive=motive, now=now)
    if is_part(request):
        return render(request, "queue/answered.html", proposal=proposal, view=view)
    yes = "confirmed-reply" if proposal.kind == DecisionKind.REPLY else "confirmed"
    said = yes if confirmed else "withdrawn" if proposal.withdrawn else "declined"
    return RedirectResponse(view.link(f"/commentaires/{proposal.comment_id}", fait=said), 303)

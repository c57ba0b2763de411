"""Proposals: restrictions that wait for a second person's yes or no."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict

from api.deps import Installation, Now, ReadSession, WriteSession, require
from api.v1.contract import (
    CREATES,
    NEXT_LINK,
    READS,
    After,
    Code,
    Key,
    Limit,
    Number,
    Page,
    PathId,
    Sent,
    listed,
    once,
    words,
)
from api.v1.decisions import Proposed
from models.comments import Comment
from models.decisions import Proposal
from models.keyset import Keyset
from models.scope import Action, Viewer, visible
from models.vocabulary import DecisionKind
from moderation.triage import proposals
from moderation.triage.deciding import Choice

router = APIRouter(prefix="/proposals", tags=["proposals"])

NEWEST = Keyset(Proposal.id, descending=True)


class NewProposal(Sent):
    """What somebody would decide about one comment, having read `version` of its text, if another agrees: to hide
    it by the article `rule_code`, or to reply with `text`, made of the draft `draft_id`.
    """

    comment_id: Number
    version: Number
    kind: DecisionKind
    rule_code: Code | None = None
    text: Annotated[str, words(20_000)] = ""
    draft_id: Number | None = None

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"comment_id": 12, "version": 1, "kind": "hide", "rule_code": "N2"}]}
    )


class NewAnswer(Sent):
    """Yes, or no with a `motive`; whoever proposed may only say no, which takes it back."""

    confirmed: bool
    motive: Annotated[str, words(proposals.LONGEST_MOTIVE)] = ""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"confirmed": True}, {"confirmed": False, "motive": "C’est une critique."}]}
    )


@router.get("", operation_id="listProposals", responses={200: {"headers": NEXT_LINK}, **READS})
def listing(
    request: Request,
    response: Response,
    session: ReadSession,
    viewer: Annotated[Viewer, require(Action.SEE_COMMENTS)],
    comment: Number | None = None,
    limit: Limit = 50,
    after: After = None,
) -> Page[Proposed]:
    """Proposals, newest first."""
    statement = proposals.whole().join(Comment, Comment.id == Proposal.comment_id)
    if comment is not None:
        statement = statement.where(Proposal.comment_id == comment)
    rows, following = NEWEST.read(session, visible(statement, viewer, Action.SEE_COMMENTS, Comment), after, limit)
    return listed(request, response, [Proposed.of(row) for row in rows], following)


@router.post("", status_code=201, operation_id="propose", responses={**CREATES})
def propose(
    body: NewProposal,
    session: WriteSession,
    parvis: Installation,
    viewer: Annotated[Viewer, require(Action.DECIDE)],
    now: Now,
    key: Key = None,
) -> Proposed:
    """Ask for a second person's yes, as the person who is signed in."""
    given = {name: getattr(body, name) for name in ("kind", "version", "rule_code", "text", "draft_id")}
    choice = Choice(**given)

    def make() -> int:
        return proposals.propose(session, viewer, body.comment_id, choice, parvis.terms, now=now).id

    made_id = once(session, viewer.person_id, key, "propose", body, make, now=now)
    return Proposed.of(session.scalars(proposals.whole().where(Proposal.id == made_id)).one())


@router.post("/{proposal_id}/answer", operation_id="answerProposal", responses={**CREATES})
def answer(
    proposal_id: PathId,
    body: NewAnswer,
    session: WriteSession,
    parvis: Installation,
    viewer: Annotated[Viewer, require(Action.DECIDE)],
    now: Now,
) -> Proposed:
    """Say yes, and it is decided; or no, with a motive."""
    proposals.answer(session, viewer, proposal_id, parvis.terms, confirmed=body.confirmed, motive=body.motive, now=now)
    return Proposed.of(session.scalars(proposals.whole().where(Proposal.id == proposal_id)).one())

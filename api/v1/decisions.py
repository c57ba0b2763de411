"""Decisions: what people decided, and the same decisions made by a person's own program."""

from __future__ import annotations

from typing import Annotated, Self

from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict
from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload

from api.deps import Installation, Now, ReadSession, WriteSession, require
from api.v1.contract import (
    CREATES,
    NEXT_LINK,
    READS,
    After,
    Code,
    Key,
    Limit,
    Moment,
    Number,
    Page,
    PathId,
    Sent,
    Shown,
    listed,
    once,
    problems,
    words,
)
from api.v1.values import Named
from models.comments import Comment
from models.decisions import Decision, Proposal
from models.keyset import Keyset
from models.netiquette import RuleVersion
from models.scope import Action, Viewer, visible
from models.vocabulary import DecisionKind, RequestNature
from moderation.triage import deciding

router = APIRouter(prefix="/decisions", tags=["decisions"])

NEWEST = Keyset(Decision.id, descending=True)


class Article(Shown):
    """The article of the netiquette that a restriction cites, as it read then."""

    code: str
    number: int
    title: str

    @classmethod
    def of(cls, rule: RuleVersion) -> Self:
        return cls(code=rule.rule.code, number=rule.number, title=rule.title)


class Proposed(Shown):
    """A restriction, or a reply about a sensitive topic, that one person asked for. `confirmed` null: a second one is
    awaited.
    """

    id: int
    comment_id: int
    comment_version: int
    kind: DecisionKind
    person: Named
    at: Moment
    article: Article | None
    """Of a restriction."""
    text: str | None
    """Of a reply."""
    answered_by: Named | None
    answered_at: Moment | None
    confirmed: bool | None
    motive: str | None
    """Why not. Null with `confirmed` false: whoever asked took it back."""

    @classmethod
    def of(cls, proposal: Proposal) -> Self:
        names = cls.model_fields.keys() - {"article"}
        article = Article.of(proposal.rule_version) if proposal.rule_version else None
        return cls(**{name: getattr(proposal, name) for name in names}, article=article)


class Decided(Shown):
    """One decision; it never changes. An undo is another one, of kind `cancel`."""

    id: int
    comment_id: int | None
    comment_version: int
    kind: DecisionKind
    person: Named
    at: Moment
    article: Article | None
    proposal_id: int | None
    """What it confirms, if that took two people."""
    request_number: str | None
    cancels_id: int | None
    suggested: DecisionKind | None
    """What was suggested then."""

    @classmethod
    def of(cls, decision: Decision) -> Self:
        return cls(
            id=decision.id,
            comment_id=decision.comment_id,
            comment_version=decision.comment_version,
            kind=DecisionKind(decision.kind),
            person=Named.model_validate(decision.person),
            at=decision.at,
            article=Article.of(decision.rule_version) if decision.rule_version else None,
            proposal_id=decision.proposal_id,
            request_number=decision.request.number if decision.request else None,
            cancels_id=decision.cancels_id,
            suggested=DecisionKind(decision.suggested) if decision.suggested else None,
        )


class NewDecision(Sent):
    """What somebody decides about one comment, having read `version` of its text.

    `text` is the reply (or what acknowledges a 311 request); `rule_code` the article that a hide cites;
    `service_code`, `place` and `nature` open a 311 request, `request_number` joins one that is open. `draft_id` is the
    draft that the reply is made of; without it, a reply answers the only draft there is.
    """

    comment_id: Number
    version: Number
    kind: DecisionKind
    text: Annotated[str, words(20_000)] = ""
    rule_code: Code | None = None
    service_code: Code | None = None
    place: Annotated[str, words(300)] = ""
    nature: RequestNature = RequestNature.REQUEST
    request_number: Code | None = None
    draft_id: Number | None = None

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"comment_id": 12, "version": 1, "kind": "hide", "rule_code": "N3"},
                {"comment_id": 13, "version": 2, "kind": "reply", "text": "Bonjour! La collecte est jeudi."},
                {"comment_id": 14, "version": 1, "kind": "request", "service_code": "nid-de-poule", "place": "Rue A"},
            ]
        }
    )


@router.get("", operation_id="listDecisions", responses={200: {"headers": NEXT_LINK}, **READS})
def decisions(
    request: Request,
    response: Response,
    session: ReadSession,
    viewer: Annotated[Viewer, require(Action.SEE_COMMENTS)],
    comment: Number | None = None,
    limit: Limit = 50,
    after: After = None,
) -> Page[Decided]:
    """Decisions, newest first."""
    statement = _whole().join(Comment, Comment.id == Decision.comment_id)
    statement = visible(statement, viewer, Action.SEE_COMMENTS, Comment)
    if comment is not None:
        statement = statement.where(Decision.comment_id == comment)
    shown, following = NEWEST.read(session, statement, after, limit)
    return listed(request, response, [Decided.of(row) for row in shown], following)


@router.post("", status_code=201, operation_id="decide", responses={**CREATES})
def decide(
    body: NewDecision,
    session: WriteSession,
    parvis: Installation,
    viewer: Annotated[Viewer, require(Action.DECIDE)],
    now: Now,
    key: Key = None,
) -> Decided:
    """Decide about one comment, as the person who is signed in. It leaves for the network after the undo time."""
    choice = deciding.Choice(
        kind=body.kind,
        version=body.version,
        text=body.text,
        rule_code=body.rule_code,
        service_code=body.service_code,
        place=body.place,
        nature=body.nature,
        request_number=body.request_number,
        draft_id=body.draft_id,
    )

    def make() -> int:
        return deciding.decide(session, viewer, body.comment_id, choice, parvis.terms, now=now).id

    return _shown(session, once(session, viewer.person_id, key, "decide", body, make, now=now))


@router.post("/{decision_id}/undo", status_code=201, operation_id="undoDecision", responses=problems(404, 409))
def undo(
    decision_id: PathId,
    session: WriteSession,
    viewer: Annotated[Viewer, require(Action.DECIDE)],
    now: Now,
) -> Decided:
    """Cancel a decision: without a trace on the network while nothing has left, else by the opposite act."""
    return _shown(session, deciding.undo(session, viewer, decision_id, now=now).id)


def _whole() -> Select[Decision]:
    return select(Decision).options(
        joinedload(Decision.person),
        joinedload(Decision.rule_version).joinedload(RuleVersion.rule),
        joinedload(Decision.request),
    )


def _shown(session: Session, decision_id: int) -> Decided:
    """A decision that this transaction made, or one that it may not have loaded."""
    session.flush()
    statement = _whole().where(Decision.id == decision_id).execution_options(populate_existing=True)
    return Decided.of(session.scalars(statement).one())

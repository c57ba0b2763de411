"""Comments for other systems: what waits, what was handled, and one comment with its versions, verdict, decisions."""

from __future__ import annotations

from typing import Annotated, Self

from fastapi import APIRouter, Query, Request, Response

from api import messages
from api.deps import Now, ReadSession, require
from api.v1.contract import (
    NEXT_LINK,
    READS,
    READS_ONE,
    VERSION_HEADER,
    After,
    Limit,
    Moment,
    Number,
    Page,
    PathId,
    Shown,
    listed,
    tagged,
    words,
)
from api.v1.decisions import Decided
from api.v1.figures import SourcePostShown, newest_figures
from api.v1.values import AccountName
from models.comments import Comment, VerdictRow
from models.scope import Action, Viewer
from models.vocabulary import CommentKind, CommentState, DecisionKind, HiddenBy, Intention
from moderation.triage import queue
from moderation.triage.classification import reasons_of

router = APIRouter(prefix="/comments", tags=["comments"])


class Author(Shown):
    """Who wrote, as the network says it."""

    external_id: str
    name: str | None


class Why(Shown):
    """One reason: a stable code, the sentence, and where in the text (characters, end excluded)."""

    code: str
    text: str
    start: int | None
    end: int | None


class Verdict(Shown):
    """What the classifier says of the newest text; probabilities are 0 to 1."""

    version: int
    model: str
    language: str
    intention: Intention | None
    group_311: str | None
    urgency: int
    """0, 1 (the same day) or 2 (immediate danger)."""
    scores: dict[str, float | dict[str, float] | None]
    reasons: list[Why]
    suggestion: DecisionKind | None
    suggested_rule: str | None
    at: Moment

    @classmethod
    def of(cls, row: VerdictRow) -> Self:
        return cls(
            version=row.version,
            model=row.model,
            language=row.language,
            intention=Intention(row.intention) if row.intention else None,
            group_311=row.group_311,
            urgency=row.urgency,
            scores=row.scores,
            reasons=[
                Why(code=reason.code, text=messages.reason(reason), start=reason.start, end=reason.end)
                for reason in reasons_of(row)
            ],
            suggestion=DecisionKind(row.suggestion) if row.suggestion else None,
            suggested_rule=row.suggested_rule,
            at=row.at,
        )


class CommentShown(Shown):
    """One comment. `text` null: lawfully disposed of, or never said by the network."""

    id: int
    external_id: str
    parent_external_id: str | None
    account: AccountName
    post_external_id: str | None
    author: Author | None
    text: str | None
    permalink: str | None
    created_at: Moment
    received_at: Moment
    hidden: bool
    hidden_by: HiddenBy | None
    """Who hid it, as far as is known: only `city` is a decision of the city."""
    removed: bool
    kind: CommentKind
    rating: int | None
    """Of a review: 1 to 5."""
    state: CommentState
    lane: int
    queued_at: Moment | None
    version: int
    proposed_reply: str | None
    """Drafted for the thread because a 311 request was closed; it leaves only after a moderator's key."""
    problem: str | None
    """Code of why what was decided did not happen on the network."""
    verdict: Verdict | None

    @classmethod
    def of(cls, comment: Comment) -> Self:
        return cls(**_fields(comment))


class Version(Shown):
    """One text, as it was observed."""

    source: str
    """"add", "edit" or "pull"."""
    text: str | None
    said_at: Moment | None
    seen_at: Moment


class CommentWhole(CommentShown):
    """One comment with what it stands under, every version of its text and all that was decided."""

    post: SourcePostShown | None
    """What it stands under, with its figures and what advertising it cost; null: not known."""
    versions: list[Version]
    decisions: list[Decided]
    requests: list[str]
    """Numbers of the 311 requests that it asked for."""
    claimed_by: str | None


def _fields(comment: Comment) -> dict[str, object]:
    names = CommentShown.model_fields.keys() - {"post_external_id", "verdict"}
    return {name: getattr(comment, name) for name in names} | {
        "post_external_id": comment.source_post.external_id if comment.source_post else None,
        "verdict": Verdict.of(comment.verdict) if comment.verdict else None,
    }


@router.get(
    "",
    operation_id="listComments",
    responses={200: {"headers": NEXT_LINK}, **READS},
)
def comments(
    request: Request,
    response: Response,
    session: ReadSession,
    viewer: Annotated[Viewer, require(Action.SEE_COMMENTS)],
    now: Now,
    state: CommentState = CommentState.WAITING,
    account: Number | None = None,
    lane: Annotated[int | None, Query(ge=0, le=2, description="0: immediate danger, 1: same day, 2: the rest.")] = None,
    q: Annotated[str, words(200), Query(description="Words of the text or of the author’s name.")] = "",
    limit: Limit = 50,
    after: After = None,
) -> Page[CommentShown]:
    """Comments in one state: those that wait in the order of the queue, handled ones newest first."""
    wanted = queue.Filter(state=state, account_id=account, lane=lane, words=q)
    page = queue.page(session, viewer, wanted, now=now, after=after or None, limit=limit)
    return listed(request, response, [CommentShown.of(line.comment) for line in page.items], page.after)


@router.get(
    "/{comment_id}",
    operation_id="getComment",
    responses={200: {"headers": VERSION_HEADER}, **READS_ONE},
)
def comment(
    comment_id: PathId,
    response: Response,
    session: ReadSession,
    viewer: Annotated[Viewer, require(Action.SEE_COMMENTS)],
    now: Now,
) -> CommentWhole:
    """One comment. Its version is that of its text: give it back with a decision."""
    item = queue.item(session, viewer, comment_id, now=now)
    tagged(response, item.comment.version)
    post = item.comment.source_post
    return CommentWhole(
        **_fields(item.comment),
        post=None if post is None else SourcePostShown.of(post, newest_figures(session, [post.id]).get(post.id)),
        versions=[Version.model_validate(version) for version in item.versions],
        decisions=[Decided.of(decision) for decision in item.decisions],
        requests=[request.number for request in item.requests],
        claimed_by=item.claimed_by,
    )

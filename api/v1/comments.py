"""Comments for other systems: what waits, what was handled, and one comment with its versions, verdict, decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Query, Request, Response

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
from api.v1.values import AccountName, NotDone
from models.comments import Attachment, Comment, VerdictRow
from models.items import DraftReply, Item
from models.scope import Action, Viewer
from models.vocabulary import (
    AttachmentKind,
    Breach,
    CommentKind,
    DecisionKind,
    HiddenBy,
    Intention,
    ItemState,
    PictureState,
    PlaceKind,
)
from moderation import drafts
from moderation.netiquette import articles, in_force
from moderation.triage import queue
from moderation.triage.classification import reasons_of
from moderation.triage.listing import Filter

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


class Place(Shown):
    """A place that the text names, at [start, end) of it."""

    kind: PlaceKind
    text: str
    start: int
    end: int
    score: float
    names: list[str]
    """As the city writes them, two for an intersection; none: they are in no gazetteer."""
    number: str | None
    borough: str | None


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
    place: Place | None
    suggestion: DecisionKind | None
    suggested_breach: Breach | None
    suggested_rule: str | None
    """The code of the article in force that is about that breach."""
    at: Moment

    @classmethod
    def of(cls, row: VerdictRow, rules: Mapping[str, str]) -> Self:
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
            place=Place(**row.place) if row.place else None,
            suggestion=DecisionKind(row.suggestion) if row.suggestion else None,
            suggested_breach=Breach(row.suggested_breach) if row.suggested_breach else None,
            suggested_rule=rules.get(row.suggested_breach or ""),
            at=row.at,
        )


class AttachmentShown(Shown):
    """What stands in a comment beside its words. `picture` is where our own JPEG of it is, with the same key; null:
    there is none (`pictured` says why), or not yet.
    """

    id: int
    kind: AttachmentKind
    address: str | None
    """On the network; it may have expired."""
    description: str | None
    pictured: PictureState
    picture: str | None

    @classmethod
    def of(cls, attachment: Attachment) -> Self:
        at = f"/api/v1/comments/{attachment.comment_id}/attachments/{attachment.id}"
        names = cls.model_fields.keys() - {"picture"}
        kept = attachment.pictured == PictureState.KEPT
        return cls(**{name: getattr(attachment, name) for name in names}, picture=at if kept else None)


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
    version: int
    """Of its text."""
    verdict: Verdict | None
    item_id: int | None
    """Of its item, if it ever waited for a person (`/items`); so are the fields below."""
    state: ItemState | None
    urgency: int | None
    queued_at: Moment | None
    problem: NotDone | None
    """Why what was decided did not happen on the network."""
    proposed_reply: str | None
    """The oldest reply that is drafted for it; `/items` has all of them."""

    @classmethod
    def of(cls, comment: Comment, item: Item | None, drafts: Sequence[DraftReply], rules: Mapping[str, str]) -> Self:
        """`rules` gives the article of each breach."""
        return cls(**comment_fields(comment, item, drafts, rules))


class Version(Shown):
    """One text, as it was observed."""

    source: str
    """"add", "edit" or "pull"."""
    text: str | None
    said_at: Moment | None
    seen_at: Moment


OfUrgency = Annotated[
    int | None, Query(ge=0, le=2, description="2: immediate danger, 1: the same day, 0: everything else.")
]
Snoozed = Annotated[
    bool, Query(description="Of those that wait: what is put off, and comes back later, instead of what waits now.")
]
InWords = Annotated[str, words(200), Query(description="Words of the text or of the author’s name.")]


class CommentWhole(CommentShown):
    """One comment with what it stands under, every version of its text and all that was decided."""

    post: SourcePostShown | None
    """What it stands under, with its figures and what advertising it cost; null: not known."""
    attachments: list[AttachmentShown]
    versions: list[Version]
    decisions: list[Decided]
    requests: list[str]
    """Numbers of the 311 requests that it asked for."""
    claimed_by: str | None


OF_ITEM = {"state", "urgency", "queued_at", "problem"}


def comment_fields(
    comment: Comment, item: Item | None, drafts: Sequence[DraftReply], rules: Mapping[str, str]
) -> dict[str, object]:
    """What a comment is shown with, by the names of `CommentShown`."""
    own = CommentShown.model_fields.keys() - OF_ITEM - {"post_external_id", "verdict", "item_id", "proposed_reply"}
    return {
        **{name: getattr(comment, name) for name in own},
        **{name: getattr(item, name, None) for name in OF_ITEM},
        "item_id": item.id if item else None,
        "proposed_reply": drafts[0].text if drafts else None,
        "post_external_id": comment.source_post.external_id if comment.source_post else None,
        "verdict": Verdict.of(comment.verdict, rules) if comment.verdict else None,
    }


@dataclass(frozen=True)
class QueuePart:
    """Part of the queue, with what each of its lines is shown with."""

    lines: Sequence[queue.Listed]
    drafts: Mapping[int | None, Sequence[DraftReply]]
    rules: Mapping[str, str]
    after: str | None


def _queue_part(
    session: ReadSession,
    viewer: Annotated[Viewer, require(Action.SEE_COMMENTS)],
    now: Now,
    state: ItemState = ItemState.WAITING,
    snoozed: Snoozed = False,  # noqa: FBT002
    account: Number | None = None,
    urgency: OfUrgency = None,
    q: InWords = "",
    limit: Limit = 50,
    after: After = None,
) -> QueuePart:
    wanted = Filter(state=state, snoozed=snoozed, account_id=account, urgency=urgency, words=q)
    page = queue.page(session, viewer, wanted, now=now, after=after or None, limit=limit)
    given = drafts.of_each(session, [line.comment.id for line in page.lines if line.drafted])
    return QueuePart(page.lines, given, articles(in_force(session, now=now)), page.after)


InQueue = Annotated[QueuePart, Depends(_queue_part)]
"""Those in one state: what waits in the order of the queue, what was handled newest first."""


@router.get("", operation_id="listComments", responses={200: {"headers": NEXT_LINK}, **READS})
def comments(request: Request, response: Response, part: InQueue) -> Page[CommentShown]:
    """Comments in one state: those that wait in the order of the queue, handled ones newest first."""
    shown = [
        CommentShown.of(line.comment, line.item, part.drafts.get(line.comment.id, ()), part.rules)
        for line in part.lines
    ]
    return listed(request, response, shown, part.after)


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
    detail = queue.detail(session, viewer, comment_id, now=now)
    tagged(response, detail.comment.version)
    post = detail.comment.source_post
    return CommentWhole(
        **comment_fields(detail.comment, detail.item, detail.drafts, articles(in_force(session, now=now))),
        post=None if post is None else SourcePostShown.of(post, newest_figures(session, [post.id]).get(post.id)),
        attachments=[AttachmentShown.of(attachment) for attachment in detail.comment.attachments],
        versions=[Version.model_validate(version) for version in detail.versions],
        decisions=[Decided.of(decision) for decision in detail.decisions],
        requests=[request.number for request in detail.requests],
        claimed_by=detail.claimed_by,
    )


@router.get(
    "/{comment_id}/attachments/{attachment_id}",
    operation_id="getPicture",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, **READS_ONE},
)
def picture(
    comment_id: PathId,
    attachment_id: PathId,
    session: ReadSession,
    viewer: Annotated[Viewer, require(Action.SEE_COMMENTS)],
) -> Response:
    """Our own small picture of what a comment shows."""
    return Response(queue.picture(session, viewer, comment_id, attachment_id), media_type="image/jpeg")

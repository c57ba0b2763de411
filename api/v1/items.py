"""Items: what waits for a person, in the order of the queue, and what was handled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Request, Response
from sqlalchemy import select

from api.deps import Now, ReadSession, require
from api.v1.comments import CommentShown, InQueue
from api.v1.contract import (
    NEXT_LINK,
    READS,
    READS_ONE,
    VERSION_HEADER,
    Moment,
    Page,
    PathId,
    Shown,
    listed,
    tagged,
)
from api.v1.decisions import Proposed
from api.v1.values import NotDone
from models.errors import NotFound
from models.items import DraftReply, Item
from models.scope import Action, Viewer, visible
from models.vocabulary import DecisionKind, ItemState
from moderation.netiquette import articles, in_force
from moderation.triage import queue
from moderation.triage.queue import Detail, Listed

router = APIRouter(prefix="/items", tags=["items"])


class Draft(Shown):
    """A drafted reply. It leaves only when a person sends it: give its id back with the decision."""

    id: int
    text: str | None
    request_number: str | None
    """The closed 311 request whose outcome it tells."""
    failed: bool
    """Whether these words were sent once, and did not leave."""
    created_at: Moment

    @classmethod
    def of(cls, draft: DraftReply) -> Self:
        return cls(
            id=draft.id,
            text=draft.text,
            request_number=draft.request.number if draft.request else None,
            failed=draft.effect_id is not None,
            created_at=draft.created_at,
        )


class ItemShown(Shown):
    """One thing that waits, or waited, for a person."""

    id: int
    version: int
    subject: Literal["comment"]
    comment: CommentShown
    state: ItemState
    urgency: int
    """2: immediate danger, 1: the same day, 0: everything else."""
    queued_at: Moment
    answer_by: Moment | None
    """By when the city means to have answered it, in its own hours of opening; null: nothing is promised."""
    snoozed_until: Moment | None
    """It was put off until then; to come: it is no part of what waits now."""
    assignee: str | None
    """Whose it is, as the team agreed."""
    problem: NotDone | None
    """Why what was decided did not happen on the network."""
    drafts: list[Draft]
    suggestion: DecisionKind | None
    """What is proposed to whoever decides: to send a draft that waits, else what was suggested of its text."""
    proposal: Proposed | None
    """The newest one about the text as it is now."""
    claimed_by: str | None
    """Who has it open, if that is somebody else."""

    @classmethod
    def of(cls, line: Listed | Detail, given: Sequence[DraftReply], rules: Mapping[str, str]) -> Self:
        if (item := line.item) is None:
            raise NotFound
        return cls(
            id=item.id,
            version=item.version,
            subject="comment",
            comment=CommentShown.of(line.comment, item, given, rules),
            state=ItemState(item.state),
            urgency=item.urgency,
            queued_at=item.queued_at,
            answer_by=item.answer_by,
            snoozed_until=item.snoozed_until,
            assignee=item.assignee.name if item.assignee else None,
            problem=NotDone.model_validate(item.problem) if item.problem else None,
            drafts=[Draft.of(draft) for draft in given],
            suggestion=line.suggestion,
            proposal=Proposed.of(line.proposal) if line.proposal else None,
            claimed_by=line.claimed_by,
        )


@router.get("", operation_id="listItems", responses={200: {"headers": NEXT_LINK}, **READS})
def items(request: Request, response: Response, part: InQueue) -> Page[ItemShown]:
    """Items in one state: those that wait in the order of the queue, handled ones newest first."""
    shown = [ItemShown.of(line, part.drafts.get(line.comment.id, ()), part.rules) for line in part.lines]
    return listed(request, response, shown, part.after)


@router.get("/{item_id}", operation_id="getItem", responses={200: {"headers": VERSION_HEADER}, **READS_ONE})
def item(
    item_id: PathId,
    response: Response,
    session: ReadSession,
    viewer: Annotated[Viewer, require(Action.SEE_COMMENTS)],
    now: Now,
) -> ItemShown:
    """One item. Its version changes whenever it moves."""
    wanted = visible(select(Item.comment_id).where(Item.id == item_id), viewer, Action.SEE_COMMENTS, Item)
    comment_id = session.scalar(wanted)
    if comment_id is None:
        raise NotFound
    detail = queue.detail(session, viewer, comment_id, now=now)
    shown = ItemShown.of(detail, detail.drafts, articles(in_force(session, now=now)))
    tagged(response, shown.version)
    return shown

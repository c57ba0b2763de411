"""Replies that are drafted for a moderator: each is kept until a person sends it, or decides that it is not needed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select, true, update
from sqlalchemy.orm import Session, joinedload

from models.comments import Comment
from models.decisions import Decision
from models.errors import Refused
from models.items import DraftReply
from models.vocabulary import DraftState
from moderation import items


def proposed(session: Session, comment_ids: Collection[int]) -> Sequence[DraftReply]:
    """The drafts that wait for a person, the oldest first, each with the request that it is about."""
    statement = (
        select(DraftReply)
        .options(joinedload(DraftReply.request))
        .where(DraftReply.comment_id.in_(comment_ids), DraftReply.state == DraftState.PROPOSED)
        .order_by(DraftReply.id)
    )
    return session.scalars(statement).all()


def about(session: Session, request_id: int | None) -> int:
    """How many drafts about a request wait; none about none."""
    if request_id is None:
        return 0
    waiting = DraftReply.request_id == request_id, DraftReply.state == DraftState.PROPOSED
    return session.scalar(select(func.count()).select_from(DraftReply).where(*waiting)) or 0


def of_each(session: Session, comment_ids: Collection[int]) -> Mapping[int | None, Sequence[DraftReply]]:
    """`proposed`, by comment; no query where there is none."""
    found: dict[int | None, list[DraftReply]] = defaultdict(list)
    for draft in proposed(session, comment_ids) if comment_ids else ():
        found[draft.comment_id].append(draft)
    return found


def propose(
    session: Session,
    comment: Comment,
    text: str | None,
    *,
    request_id: int | None = None,
    effect_id: int | None = None,
    asks: bool = False,
    private: bool = False,
    now: datetime,
) -> None:
    """Draft a reply. It takes the place of what was drafted about the same request, and of nothing else."""
    if request_id is not None:
        discard_about(session, request_id, comment.id)
    session.add(
        DraftReply(
            comment_id=comment.id,
            text=text,
            request_id=request_id,
            effect_id=effect_id,
            asks=asks,
            private=private,
            created_at=now,
        )
    )
    items.describe(session, [comment.id])


def answered(session: Session, comment: Comment, draft_id: int | None) -> DraftReply | None:
    """The draft that a reply is made of: the one that is named, or the only one there is. Refused `draft_gone`."""
    waiting = proposed(session, [comment.id])
    if draft_id is None:
        return waiting[0] if len(waiting) == 1 else None
    draft = next((one for one in waiting if one.id == draft_id), None)
    if draft is None:
        raise Refused("draft_gone", field="draft_id")
    return draft


def settle(
    session: Session, comment: Comment, decision: Decision, used: DraftReply | None, *, silent: bool
) -> list[DraftReply]:
    """What a decision makes of the drafts of its comment: one is used, words that did not leave are made superfluous,
    and what is about a request is kept, unless the decision says that there is nothing to say (`silent`). Gives those
    that are kept.
    """
    kept = []
    for draft in proposed(session, [comment.id]):
        if draft is not used and draft.request_id is not None and not silent:
            kept.append(draft)
        else:
            draft.state = DraftState.USED if draft is used else DraftState.DISCARDED
            draft.decision_id = decision.id
    items.describe(session, [comment.id])
    return kept


def taken_by(session: Session, decision_id: int) -> Sequence[DraftReply]:
    """The drafts that a decision used or discarded, each with the request that it is about."""
    statement = select(DraftReply).options(joinedload(DraftReply.request))
    return session.scalars(statement.where(DraftReply.decision_id == decision_id).order_by(DraftReply.id)).all()


def discard_about(session: Session, request_id: int, comment_id: int, *, asking: bool = True) -> bool:
    """What was drafted for a comment about a request is not true any more; without `asking`, what asks for more stays.
    Gives whether anything was.
    """
    statement = (
        update(DraftReply)
        .where(
            DraftReply.request_id == request_id,
            DraftReply.comment_id == comment_id,
            DraftReply.state == DraftState.PROPOSED,
            true() if asking else ~DraftReply.asks,
        )
        .values(state=DraftState.DISCARDED)
        .returning(DraftReply.id)
    )
    discarded = bool(session.scalars(statement).all())
    items.describe(session, [comment_id])
    return discarded

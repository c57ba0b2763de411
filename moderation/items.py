"""Where items stand: they enter the queue, come back to it and leave it. Nothing else moves them.

Whoever calls these holds the rows of the comments, so that two never move one item at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import case, exists, func, literal, or_, select, update
from sqlalchemy.orm import Session

from models.base import UtcDateTime
from models.comments import Comment, VerdictRow
from models.effects import Effect
from models.items import DraftReply, Item
from models.session import upsert
from models.vocabulary import CommentKind, DecisionKind, DraftState, ItemState

DANGER = 2
"""The urgency of an immediate danger."""


def put(session: Session, comment_ids: Sequence[int], state: ItemState, *, now: datetime) -> None:
    """Put the items of comments in a state, and make those that are not there; one statement for a whole batch.

    To be classified: an item that was handled goes to the end of the queue, one that waits keeps its place, and one
    that was put off is not any more.
    """
    if not comment_ids:
        return
    comments = select(
        Comment.id,
        Comment.account_id,
        Comment.borough_id,
        literal(state),
        literal(0),
        literal(now),
        literal(now if state == ItemState.HANDLED else None, UtcDateTime),
        literal(1),
        Comment.kind == CommentKind.MESSAGE,
    ).where(Comment.id.in_(comment_ids))
    statement = upsert(session, Item).from_select(
        ["comment_id", "account_id", "borough_id", "state", "urgency", "queued_at", "handled_at", "version", "private"],
        comments,
        include_defaults=False,
    )
    comes_back = (Item.state == ItemState.HANDLED) & (statement.excluded.state == ItemState.RECEIVED)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[Item.comment_id],
            set_={
                "state": statement.excluded.state,
                "handled_at": func.coalesce(statement.excluded.handled_at, Item.handled_at),
                "queued_at": case(
                    (comes_back, statement.excluded.queued_at), else_=func.coalesce(Item.queued_before, Item.queued_at)
                ),
                "queued_before": None,
                "snoozed_until": None,
                **dict.fromkeys(("answer_by", "warn_at", "clock_id")),
                "version": Item.version + 1,
            },
            where=or_(Item.state != ItemState.HANDLED, statement.excluded.state != ItemState.HANDLED),
        ),
        execution_options={"synchronize_session": False},
    )


def of_comment(session: Session, comment_id: int) -> Item | None:
    """The item of a comment, as it stands now. None: the comment never waited for anybody."""
    statement = select(Item).where(Item.comment_id == comment_id).execution_options(populate_existing=True)
    return session.scalar(statement)


def describe(session: Session, comment_ids: Sequence[int]) -> None:
    """Have the list narrowed to what the verdicts and the drafted replies of these comments say now; their clocks are
    to be set anew.
    """
    session.flush()
    verdict = VerdictRow.comment_id == Item.comment_id
    drafted = exists().where(DraftReply.comment_id == Item.comment_id, DraftReply.state == DraftState.PROPOSED)
    suggested = select(VerdictRow.suggestion).where(verdict).scalar_subquery()
    session.execute(
        update(Item)
        .where(Item.comment_id.in_(comment_ids))
        .values(
            intention=select(VerdictRow.intention).where(verdict).scalar_subquery(),
            suggestion=case((drafted, DecisionKind.REPLY), else_=suggested),
            clock_id=None,
        ),
        execution_options={"synchronize_session": False},
    )


def classified(item: Item, urgency: int) -> None:
    """Its newest text was read: a person may decide. It keeps the place that it had when it came."""
    _change(item, state=ItemState.WAITING)
    corrected(item, urgency)


def corrected(item: Item, urgency: int) -> None:
    """Somebody said how urgent it is. What is an immediate danger is not put off any more."""
    if urgency == DANGER:
        wake(item)
    _change(item, urgency=urgency)


def snooze(item: Item, until: datetime) -> None:
    """Put it off: it leaves the queue, and stands in it again from `until` on, as what comes then."""
    _change(item, queued_before=item.queued_before or item.queued_at, queued_at=until, snoozed_until=until)


def wake(item: Item) -> None:
    """It is not put off, and never was: it has its old place."""
    if item.queued_before is not None:
        _change(item, queued_at=item.queued_before, queued_before=None, snoozed_until=None)


def assign(item: Item, person_id: int | None) -> None:
    """Say whose it is; None: nobody's."""
    _change(item, assignee_id=person_id)


def gather(item: Item | None, incident_id: int | None) -> None:
    """It stands in the line of an event; None: by itself again."""
    if item is not None:
        _change(item, incident_id=incident_id)


def scatter(session: Session, incident_id: int) -> None:
    """All of an event stand by themselves again."""
    session.execute(
        update(Item).where(Item.incident_id == incident_id).values(incident_id=None, version=Item.version + 1),
        execution_options={"synchronize_session": False},
    )


def bring_back(item: Item | None, comment: Comment, queued_at: datetime | None = None) -> None:
    """A handled item waits again: at its old place, or as one that came at `queued_at`. One whose newest text is yet to
    be classified goes on waiting for that, and nobody has to decide about what is gone or what the city wrote itself.
    """
    if item is not None and item.state == ItemState.HANDLED and not comment.removed and not comment.by_city:
        _change(item, state=ItemState.WAITING, queued_at=queued_at or item.queued_at)


def failed(item: Item | None, comment: Comment, effect: Effect) -> None:
    """What was decided did not happen: it waits again, at its old place, and says why."""
    if item is not None:
        bring_back(item, comment)
        _change(item, problem_id=effect.id)


def decided(item: Item | None, *, waits: bool, now: datetime) -> None:
    """Somebody decided. It leaves the queue, unless it `waits` for more; newer words go on waiting to be classified."""
    if item is not None:
        wake(item)
        _change(item, problem_id=None)
        if item.state == ItemState.WAITING and not waits:
            _change(item, state=ItemState.HANDLED, handled_at=now)


def finish(item: Item | None, *, now: datetime) -> None:
    """Nothing is left to decide."""
    if item is not None:
        wake(item)
        _change(item, state=ItemState.HANDLED, handled_at=now)


def _change(item: Item, **values: object) -> None:
    for name, value in values.items():
        setattr(item, name, value)
    item.version += 1

"""Comments are read by the classifier: a verdict for each new text, and the comment enters the queue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from classifiers.base import Classifier, Context, Verdict
from models.comments import Comment, VerdictRow
from models.locks import Locks
from models.session import Database
from models.vocabulary import Breach, CommentState, Reason
from moderation.suggestion import suggest

BATCH = 64


def classify_due(database: Database, locks: Locks, classifier: Classifier, context: Context, *, now: datetime) -> int:
    """Read one batch of comments that wait for a verdict; gives how many entered the queue.

    The texts are read outside any transaction: a classifier takes longer than SQLite's one writer may be held. A
    comment that was edited meanwhile keeps waiting for the verdict of its newer text.
    """
    with locks.try_hold("classify") as ours:
        if not ours:
            return 0
        with database.read() as session:
            waiting = session.execute(
                select(Comment.id, Comment.version, Comment.text)
                .where(Comment.state == CommentState.RECEIVED)
                .order_by(Comment.id)
                .limit(BATCH)
            ).all()
        if not waiting:
            return 0
        verdicts = classifier.classify([row.text or "" for row in waiting], context)
        with database.write() as session:
            return _enter(session, [(row.id, row.version) for row in waiting], verdicts, now=now)


def any_waits(session: Session) -> bool:
    """Whether there is anything to read, asked before a model is loaded for it."""
    return session.scalar(select(Comment.id).where(Comment.state == CommentState.RECEIVED).limit(1)) is not None


def _enter(session: Session, read: Sequence[tuple[int, int]], verdicts: Sequence[Verdict], *, now: datetime) -> int:
    ids = [comment_id for comment_id, _ in read]
    comments = {
        comment.id: comment
        for comment in session.scalars(
            select(Comment).where(Comment.id.in_(ids)).order_by(Comment.id).with_for_update()
        )
    }
    rows = {row.comment_id: row for row in session.scalars(select(VerdictRow).where(VerdictRow.comment_id.in_(ids)))}
    entered = 0
    for (comment_id, version), verdict in zip(read, verdicts, strict=True):
        comment = comments[comment_id]
        if comment.state != CommentState.RECEIVED or comment.version != version:
            continue
        row = rows.get(comment_id)
        if row is None:
            row = VerdictRow(comment_id=comment_id)
            session.add(row)
        _write(row, version, verdict, now=now)
        comment.state = CommentState.WAITING
        comment.lane = 2 - verdict.urgency.level
        comment.queued_at = comment.queued_at or now
        entered += 1
    return entered


def _write(row: VerdictRow, version: int, verdict: Verdict, *, now: datetime) -> None:
    suggestion = suggest(verdict)
    row.version, row.model, row.at = version, verdict.model, now
    row.language = verdict.language.label
    row.intention = verdict.intention.label if verdict.intention else None
    row.group_311 = verdict.group.label if verdict.group else None
    row.urgency = verdict.urgency.level
    row.scores = {
        "language": verdict.language.score,
        "intention": verdict.intention.score if verdict.intention else None,
        "group": verdict.group.score if verdict.group else None,
        "urgency": verdict.urgency.score,
        "breaches": {str(breach): verdict.breaches[breach] for breach in Breach},
    }
    row.reasons = kept(verdict.reasons)
    row.suggestion = suggestion.kind if suggestion else None
    row.suggested_rule = suggestion.rule_code if suggestion else None


def kept(reasons: Iterable[Reason]) -> list[dict[str, Any]]:
    """Reasons as the database keeps them; `reasons_of` gives them back."""
    return [asdict(reason) | {"params": dict(reason.params)} for reason in reasons]


def reasons_of(row: VerdictRow) -> list[Reason]:
    """The reasons of a kept verdict."""
    return [Reason(**entry) for entry in row.reasons]

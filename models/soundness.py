"""What must hold between the rows of any database of ours, whatever happened to it; a copy is looked through by it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from models.comments import Comment, CommentVersion
from models.decisions import Decision
from models.effects import Effect
from models.posts import Post, Variant
from models.vocabulary import CREATIVE, RESTRICTIVE, CommentKind, EffectState, PostState

RULES: dict[str, Select[Any]] = {
    "comment_unversioned": select(Comment.id).where(
        # A private conversation has its messages.
        Comment.kind != CommentKind.MESSAGE,
        Comment.text.is_not(None),
        ~exists().where(CommentVersion.comment_id == Comment.id),
    ),
    "restriction_unfounded": select(Decision.id).where(
        Decision.kind.in_(RESTRICTIVE),
        Decision.cancels_id.is_(None),
        or_(Decision.rule_version_id.is_(None), Decision.evidence_id.is_(None)),
    ),
    "effect_done_unproven": select(Effect.id).where(
        Effect.state == EffectState.DONE,
        or_(Effect.done_at.is_(None), and_(Effect.operation.in_(CREATIVE), Effect.remote_id.is_(None))),
    ),
    "effect_sending_unleased": select(Effect.id).where(
        Effect.state == EffectState.SENDING, or_(Effect.sent_at.is_(None), Effect.lease_until.is_(None))
    ),
    "post_unpublished": select(Post.id).where(
        Post.state == PostState.PUBLISHED,
        ~exists().where(Variant.post_id == Post.id, Variant.effect_id.is_not(None)),
    ),
}


def broken(session: Session) -> dict[str, int]:
    """By the code of a rule, how many rows break it; none where all hold."""
    counted = {
        rule: session.scalar(select(func.count()).select_from(rows.subquery())) or 0 for rule, rows in RULES.items()
    }
    return {rule: count for rule, count in counted.items() if count}

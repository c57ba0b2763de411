"""How moderation's effects are sent, found again and recorded (`models/work.py` does the rest)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.base import Network, Operation, Receipt
from models.comments import Comment, Decision
from models.effects import Effect
from models.vocabulary import DecisionKind, EffectKind, EffectState, OperationKind
from models.work import Task, Trade
from moderation import drafts, items
from moderation.intake.merging import set_visibility

_OPERATIONS = {
    EffectKind.HIDE: OperationKind.HIDE,
    EffectKind.UNHIDE: OperationKind.UNHIDE,
    EffectKind.REPLY: OperationKind.REPLY,
}


def trade(network_of: Callable[[int], Network]) -> Trade:
    """Moderation's part of the outbox. `network_of` opens the connector of an account by its id."""

    def send(task: Task) -> Receipt:
        return network_of(task.account_id).apply(_operation(task), task.key)

    def find(task: Task, taken: Collection[str]) -> Receipt | None:
        return network_of(task.account_id).find(_operation(task), task.since, taken)

    return Trade(
        kinds=frozenset(_OPERATIONS), creates=frozenset({EffectKind.REPLY}), send=send, find=find, record=_record
    )


def _operation(task: Task) -> Operation:
    return Operation(_OPERATIONS[task.kind], task.target or "", task.payload.get("text"))


def _record(session: Session, effect: Effect, now: datetime) -> None:
    comment = session.scalar(
        select(Comment)
        .where(Comment.account_id == effect.account_id, Comment.external_id == effect.target)
        .with_for_update()
    )
    if comment is None:
        return
    if effect.state == EffectState.DONE:
        if effect.kind in (EffectKind.HIDE, EffectKind.UNHIDE):
            hidden = effect.kind == EffectKind.HIDE
            set_visibility(comment, hidden, now)
            comment.hidden, comment.hidden_at, comment.hidden_here_at = hidden, now, now if hidden else None
        return
    if effect.reason == "gone":
        # The citizen (or the network) took it away: there is nothing left to act on, and nobody to answer.
        comment.removed_at, comment.look_due_at = max(comment.removed_at or now, now), None
        items.finish(items.of_comment(session, comment.id))
        return
    # What was decided did not happen: the item goes back to a person, with the reason and with what was written.
    items.failed(items.of_comment(session, comment.id), comment, f"{effect.kind}:{effect.reason}"[:200])
    if effect.kind == EffectKind.REPLY:
        request_id = session.scalar(
            select(Decision.request_id).where(Decision.effect_id == effect.id, Decision.kind == DecisionKind.REPLY)
        )
        drafts.propose(
            session, comment, effect.payload.get("text"), request_id=request_id, effect_id=effect.id, now=now
        )

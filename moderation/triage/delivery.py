"""How moderation's effects are sent, found again and recorded (`models/work.py` does the rest)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from functools import cache

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session

from connectors.base import Network, Operation, Receipt
from models.comments import Comment
from models.decisions import Decision
from models.effects import Effect
from models.vocabulary import DecisionKind, EffectState, OperationKind, Outcome
from models.work import EffectHandler, Task
from moderation import conversations, drafts, items
from moderation.intake.merging import set_visibility
from moderation.triage import away

DECIDED = frozenset(
    {
        OperationKind.HIDE,
        OperationKind.UNHIDE,
        OperationKind.LIKE,
        OperationKind.UNLIKE,
        OperationKind.REPLY,
        OperationKind.PRIVATE_REPLY,
        OperationKind.MESSAGE,
    }
)
OPERATIONS = DECIDED | {OperationKind.DELETE}
"""A reply that stands twice in public is taken back once."""


def effect_handler(network_of: Callable[[int], Network]) -> EffectHandler:
    """Moderation's part of the outbox. `network_of` opens the connector of an account by its id."""

    def send(task: Task) -> Receipt:
        return network_of(task.channel_id).apply(_operation(task), task.key)

    def find(task: Task, taken: Collection[str]) -> Receipt | None:
        return network_of(task.channel_id).find(_operation(task), task.since, taken)

    return EffectHandler(OPERATIONS, send=send, find=find, record=_record)


def _operation(task: Task) -> Operation:
    return Operation(task.operation, task.target or "", task.payload.get("text"))


@cache
def _target() -> Select[Comment]:
    statement = select(Comment).where(Comment.account_id == bindparam("account_id"))
    return statement.where(Comment.external_id == bindparam("external_id")).with_for_update()


def _record(session: Session, effect: Effect, now: datetime) -> None:
    if effect.operation not in DECIDED:
        return
    if away.is_notice(effect) and not effect.doubled:
        return  # Nobody decided it: whoever opens the comment sees what became of it, and nobody has to act.
    comment = session.scalar(_target(), {"account_id": effect.channel_id, "external_id": effect.target})
    if comment is None:
        return
    if effect.doubled:
        items.failed(items.of_comment(session, comment.id), comment, effect)
        return
    if effect.state == EffectState.DONE:
        if effect.operation == OperationKind.MESSAGE:
            conversations.wrote(session, effect, comment, now=now)
        if effect.operation in (OperationKind.HIDE, OperationKind.UNHIDE):
            hidden = effect.operation == OperationKind.HIDE
            set_visibility(comment, hidden, now)
            comment.hidden, comment.hidden_at, comment.hidden_here_at = hidden, now, now if hidden else None
        return
    if effect.outcome == Outcome.GONE and effect.operation != OperationKind.MESSAGE:
        # "Not there, or not yours to see": one answer is no proof. The comment is suspected like any that a reading
        # missed (`intake/recheck.py`), until a listing decides; its item says that the act was not done.
        comment.recheck_due_at = comment.recheck_due_at or now
    # What was decided did not happen: the item goes back to a person, with the reason and with what was written.
    items.failed(items.of_comment(session, comment.id), comment, effect)
    if effect.operation in (OperationKind.REPLY, OperationKind.PRIVATE_REPLY, OperationKind.MESSAGE):
        private = effect.operation == OperationKind.PRIVATE_REPLY
        request_id = session.scalar(
            select(Decision.request_id).where(Decision.effect_id == effect.id, Decision.kind == DecisionKind.REPLY)
        )
        drafts.propose(
            session,
            comment,
            effect.payload.get("text"),
            request_id=request_id,
            effect_id=effect.id,
            asks=private,
            private=private,
            now=now,
        )

"""How a scheduled post leaves with its files, is found again after a lost answer, and is recorded with its
permalink; and its first comment after it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session, joinedload

from connectors.base import Network, Operation, Receipt
from models import audit, source_posts, work
from models.base import Id
from models.effects import Effect
from models.errors import Ambiguous, Gone, Rejected
from models.posts import Post, Variant
from models.vocabulary import EffectState, OperationKind, PostState
from models.work import EffectHandler, Task
from publishing import amending, holding, preparing, telling
from publishing.album import Album, named

log = logging.getLogger(__name__)


def effect_handler(network_of: Callable[[int], Network], album: Album) -> EffectHandler:
    """Publishing's part of the outbox. `network_of` opens the connector of an account by its id."""

    def send(task: Task) -> Receipt:
        network = network_of(task.channel_id)
        if task.operation != OperationKind.PUBLISH:
            return network.apply(_operation(task), task.key)
        pictures = task.payload.get("pictures", ())
        if pictures and (ahead := preparing.given(album.database, task, album.clock())) is not None:
            try:
                return network.publish(preparing.publication(task.payload, list(map(named, pictures))), task.key, ahead)
            except (Gone, Rejected) as refused:
                log.info("effect %s: what was sent ahead is refused: %r", task.effect_id, refused)
                preparing.forget(album.database, task.effect_id)
                if task.again:
                    # What is published once may stand there by this very effect: the network is read once more.
                    spent = isinstance(refused, Rejected) and refused.reason == "prepared_gone"
                    raise (Ambiguous if spent else refused) from None
        with album.laid_out(pictures) as media:
            return network.publish(preparing.publication(task.payload, media), task.key)

    def find(task: Task, taken: Collection[str]) -> Receipt | None:
        network = network_of(task.channel_id)
        if task.operation != OperationKind.PUBLISH:
            return network.find(_operation(task), task.since, taken)
        sought = preparing.publication(task.payload, list(map(named, task.payload.get("pictures", ()))))
        return network.find(sought, task.since, taken)

    # A post that stands twice in public is taken back once; what is out is worded anew, or taken away.
    operations = frozenset({OperationKind.PUBLISH, OperationKind.EDIT_POST, OperationKind.DELETE_POST})
    return EffectHandler(operations, send=send, find=find, record=_record)


def _operation(task: Task) -> Operation:
    return Operation(task.operation, task.target or "", task.payload.get("text"))


# Each made once: to make a statement takes longer than to have it executed.
@cache
def _post() -> Select[Post]:
    """The post of an effect, and nobody else's until the transaction ends: its parts may be done at once."""
    of_effect = select(Variant.post_id).where(Variant.effect_id == bindparam("effect_id", type_=Id))
    return select(Post).where(Post.id == of_effect.scalar_subquery()).with_for_update()


@cache
def _variants() -> Select[Variant]:
    loaded = (joinedload(Variant.effect), joinedload(Variant.comment_effect), joinedload(Variant.post))
    return select(Variant).options(*loaded).where(Variant.post_id == bindparam("post_id", type_=Id))


def _record(session: Session, effect: Effect, now: datetime) -> None:
    """Settle the variant, and its post: published once every part of it is, for a person to review as soon as one
    part failed (the others still leave at their time).
    """
    if "amendment" in effect.payload:
        amending.record(session, effect, now)
        return
    if (post := session.scalar(_post(), {"effect_id": effect.id})) is None:
        return
    variants = session.scalars(_variants(), {"post_id": post.id}).all()
    for variant in variants:
        if variant.effect_id == effect.id and effect.state == EffectState.DONE:
            variant.source_post_id = _source_post(session, variant, effect)
            variant.remote_id, variant.permalink = effect.remote_id, effect.permalink
            variant.published_at = effect.done_at
            _owe_first_comment(session, variant, now)
    if any(variant.failure or variant.doubled for variant in variants):
        post.state = PostState.TO_REVIEW
        post.version += 1
        if effect.failed or effect.doubled:
            telling.returned(session, post.id, f"not_sent:{effect.id}:{effect.attempt}:{effect.doubled:d}", now=now)
    elif all(variant.published_at for variant in variants):
        post.state = PostState.PUBLISHED
        post.version += 1
    audit.note(
        session,
        "post.doubled" if effect.doubled else "post.sent" if effect.state == EffectState.DONE else "post.not_sent",
        f"post:{post.id}",
        now=now,
        person_id=None,
        effect=effect.id,
        outcome=effect.outcome,
        detail=effect.detail,
    )


def _owe_first_comment(session: Session, variant: Variant, now: datetime) -> None:
    """It has the window of its post: what comes a day later is no first comment any more. During an emergency pause
    there is none.
    """
    if variant.first_comment is None or variant.comment_effect_id is not None:
        return
    if holding.holding(session, [variant.account_id]) is not None:
        return
    variant.comment_effect = work.enqueue(
        session,
        key=f"first-comment:variant:{variant.id}",
        operation=OperationKind.REPLY,
        channel_id=variant.account_id,
        target=variant.remote_id,
        payload={"text": variant.first_comment},
        due_at=now,
        late_at=now + timedelta(minutes=variant.post.late_after_minutes),
    )


def _source_post(session: Session, variant: Variant, effect: Effect) -> int:
    """What citizens write under, whether a reading met it before or will."""
    # The account is not locked for it: of two hundred posts that leave together, each would wait for the one before.
    remote_id = str(effect.remote_id)
    ours = {"text": variant.text, "permalink": effect.permalink, "created_at": effect.done_at}
    post = source_posts.meet(session, variant.account_id, [remote_id], **ours)[remote_id]
    post.text = variant.text if post.text is None else post.text
    post.permalink, post.created_at = post.permalink or effect.permalink, post.created_at or effect.done_at
    return post.id

"""The statements of the outbox: what is due, what must be read, and taking it. Each is made once: to make one takes
longer than to have it executed. All read the few effects that are still open, by the indexes that hold only those.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, and_, bindparam, exists, func, or_, select, union, update
from sqlalchemy.orm import aliased, joinedload, with_polymorphic

from models import channels
from models.base import Id, UtcDateTime
from models.channels import Channel
from models.effects import Effect, still_open
from models.vocabulary import EffectState, OperationKind

_NOW = bindparam("now", type_=UtcDateTime())


@cache
def any_spent() -> Select[bool]:
    """Whether effects of some channel take turns; where none does, nobody looks for them."""
    return select(exists().where(~channels.calm()))


@cache
def due(calm: bool, of: Collection[OperationKind] | None = None) -> Select[int]:  # noqa: FBT001 - a key
    """In the order of the index, so that what waits behind the first few is not even read; `of` some operations."""
    limit = bindparam("limit", type_=Integer())
    waiting = select(Effect.id, Effect.due_at, Effect.channel_id).where(_ready())
    if of is not None:
        waiting = waiting.where(Effect.operation.in_(of))
    first = waiting.where(_in_turn(channels.calm())).order_by(Effect.due_at, Effect.id).limit(limit).subquery()
    late = waiting.where(Effect.late_at <= _NOW).order_by(Effect.late_at).limit(limit).subquery()
    rows = [select(first), select(late)]
    if not calm:
        behind = func.row_number().over(partition_by=Effect.channel_id, order_by=(Effect.due_at, Effect.id))
        spent = waiting.add_columns(behind.label("turn")).where(_in_turn(~channels.calm())).subquery()
        rows.append(select(*list(spent.c)[:3]).where(spent.c.turn == 1))
    chosen = union(*rows).subquery()
    return select(chosen.c.id).order_by(chosen.c.due_at, chosen.c.id).limit(limit)


@cache
def taking() -> Any:
    """A few of the `wanted`, to whoever asks; what others are just taking is left out."""
    wanted = Effect.id.in_(bindparam("wanted", expanding=True))
    free = select(Effect.id).where(wanted, _sendable()).order_by(Effect.due_at, Effect.id)
    free = free.limit(bindparam("limit", type_=Integer())).with_for_update(of=Effect, skip_locked=True)
    taken = {"state": EffectState.CLAIMED, "attempt": Effect.attempt + 1}
    given = {"owner": bindparam("by"), "lease_until": bindparam("until", type_=UtcDateTime())}
    statement = update(Effect).where(Effect.id.in_(free.scalar_subquery())).values(**taken, **given)
    return statement.returning(Effect.id).execution_options(synchronize_session=False)


@cache
def uncertain() -> Select[int]:
    """Whose outcome must be read, or whose owner was not heard of for a lease."""
    expired = and_(Effect.state.in_([EffectState.CLAIMED, EffectState.SENDING]), Effect.lease_until <= _NOW)
    unread = and_(Effect.read_due_at <= _NOW, _channel_usable())
    waiting = select(Effect.id).where(expired).union(select(Effect.id).where(unread)).subquery()
    return select(waiting.c.id).order_by(waiting.c.id).limit(bindparam("limit", type_=Integer()))


@cache
def alone() -> Select[Effect]:
    """An effect, and nobody else's to change until the transaction ends."""
    return select(Effect).where(Effect.id == bindparam("effect_id", type_=Id)).with_for_update(of=Effect)


@cache
def whole() -> Select[Effect]:
    """The same with its channel, whatever that is."""
    channel = Effect.channel.of_type(with_polymorphic(Channel, "*", flat=True))
    return alone().options(joinedload(channel, innerjoin=True))


@cache
def beginning() -> Select[Effect]:
    """One to send: claimed by whoever asks, or free and due."""
    claimed = and_(Effect.state == EffectState.CLAIMED, Effect.owner == bindparam("by"))
    return whole().where(or_(claimed, _sendable()))


def _sendable() -> ColumnElement[bool]:
    """In its turn; or late already, so that a person hears of it whatever it waits for."""
    return and_(_ready(), or_(_in_turn(), Effect.late_at <= _NOW))


def _ready() -> ColumnElement[bool]:
    return and_(Effect.state == EffectState.READY, still_open(Effect))


def _in_turn(*of_channel: ColumnElement[bool]) -> ColumnElement[bool]:
    """Due, its channel usable, and nothing older still open on the same target (a hide before its unhide)."""
    older = aliased(Effect)
    behind = exists(
        select(older.id).where(
            older.channel_id == Effect.channel_id,
            older.target == Effect.target,
            older.id < Effect.id,
            still_open(older),
        )
    )
    return and_(Effect.due_at <= _NOW, _channel_usable(*of_channel), ~behind)


def _channel_usable(*more: ColumnElement[bool]) -> ColumnElement[bool]:
    usable = and_(Channel.id == Effect.channel_id, channels.usable(_NOW), *more)
    return exists(select(Channel.id).where(usable).correlate(Effect))

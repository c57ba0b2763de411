"""What whoever runs the installation watches: what waits, how long, and how the far sides are. It is read from the
database, so every process says the same; counts alone, no name and no word of anybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session, with_polymorphic

from models import channels
from models.accounts import Account, Delivery, SetAside
from models.audit import AuditEntry
from models.channels import Channel
from models.comments import Comment, VerdictRow
from models.effects import Effect, still_open
from models.items import Claim, Item
from models.vocabulary import ChannelState, DeliveryState, EffectState, ItemState
from moderation.items import DANGER

LATELY = timedelta(days=1)
"""Over which what has no end of its own is counted."""
HOUR = timedelta(hours=1)
Where = ColumnElement[bool] | InstrumentedAttribute[bool]


@dataclass(frozen=True)
class FarSide:
    """One channel: the network or the kind that it is of, and what hinders it."""

    id: int
    kind: str
    name: str | None
    """Of an account."""
    usable: bool
    spent_percent: float | None
    failing: timedelta | None
    """How long no reading has come through; None: the last one did."""


@dataclass(frozen=True)
class Watched:
    """One look. Ages are those of what has waited the longest; None: nothing waits."""

    unread_items: int
    """That the model has not read yet."""
    unread_oldest: timedelta | None
    waiting: int
    oldest: timedelta | None
    dangers: int
    danger_oldest: timedelta | None
    late: int
    """Items past the time to answer."""
    problems: int
    """Items that came back because an act failed."""
    claims: int
    effects: Mapping[tuple[str, str], int]
    """Acts that are not over, by state and operation."""
    effect_late: timedelta | None
    """How long the act that is due the longest has waited, of those that their channel lets go."""
    bodies: int
    """Webhook bodies that wait to be read."""
    body_oldest: timedelta | None
    set_aside: int
    unsealed: timedelta | None
    verdicts: int
    abstained: int
    """Of the verdicts of a day, and how many of them do not say the intention."""
    read_in_hour: int
    """Verdicts of the last hour: how fast a backlog is worked off."""
    far_sides: Sequence[FarSide]
    """Accounts, and whatever else something is still owed to."""


@dataclass(frozen=True)
class Hour:
    """When it began, how many comments came in it, and how many the model read."""

    start: datetime
    received: int
    read: int


def watch(session: Session, *, now: datetime) -> Watched:
    """Look once; each figure is one statement on an index."""

    def count(of: type[object], *where: Where) -> int:
        return session.scalar(select(func.count()).select_from(of).where(*where)) or 0

    def age(column: InstrumentedAttribute[datetime], *where: Where) -> timedelta | None:
        oldest = session.scalar(select(func.min(column)).where(*where))
        return None if oldest is None else max(timedelta(0), now - oldest)

    waits = Item.state == ItemState.WAITING, Item.snoozed_until.is_(None)
    danger = Item.state == ItemState.WAITING, Item.urgency == DANGER
    alive = (
        select(Effect.state, Effect.operation, func.count())
        .where(still_open(Effect))
        .group_by(Effect.state, Effect.operation)
    )
    # What its channel holds back, or what an earlier act on the same thing precedes, is not late.
    going = select(Channel.id).where(channels.usable(now)).scalar_subquery()
    open_to_go = still_open(Effect), Effect.outcome.is_(None), Effect.channel_id.in_(going)
    unread = Delivery.state == DeliveryState.RECEIVED
    lately = VerdictRow.at > now - LATELY
    every = with_polymorphic(Channel, [Account])
    # A webhook that was removed, or a server of older settings, is called no more.
    called = every.Account.network.is_not(None) | every.id.in_(select(Effect.channel_id).where(still_open(Effect)))
    return Watched(
        unread_items=count(Item, Item.state == ItemState.RECEIVED),
        unread_oldest=age(Item.queued_at, Item.state == ItemState.RECEIVED),
        waiting=count(Item, *waits),
        oldest=age(Item.queued_at, *waits),
        dangers=count(Item, *danger),
        danger_oldest=age(Item.queued_at, *danger),
        late=count(Item, *waits, Item.answer_by < now),
        problems=count(Item, Item.problem_id.is_not(None), Item.state == ItemState.WAITING),
        claims=count(Claim, Claim.until > now),
        effects={(state, operation): number for state, operation, number in session.execute(alive)},
        effect_late=age(Effect.due_at, Effect.state == EffectState.READY, Effect.due_at <= now, *open_to_go),
        bodies=count(Delivery, unread),
        body_oldest=age(Delivery.received_at, unread),
        set_aside=count(SetAside, SetAside.settled_at.is_(None)),
        unsealed=age(AuditEntry.at, AuditEntry.sequence.is_(None)),
        verdicts=count(VerdictRow, lately),
        abstained=count(VerdictRow, lately, VerdictRow.abstained),
        read_in_hour=count(VerdictRow, VerdictRow.at > now - HOUR),
        far_sides=[_far_side(one, now) for one in session.scalars(select(every).where(called).order_by(every.id))],
    )


def arrivals(session: Session, *, now: datetime) -> list[Hour]:
    """Each hour of the last day, oldest first."""
    begin = now.replace(minute=0, second=0, microsecond=0) - 23 * HOUR

    def within(column: InstrumentedAttribute[datetime], since: datetime) -> int:
        statement = select(func.count()).where(column >= since, column < since + HOUR)
        return session.scalar(statement) or 0

    hours = [begin + number * HOUR for number in range(24)]
    return [Hour(one, within(Comment.received_at, one), within(VerdictRow.at, one)) for one in hours]


def _far_side(channel: Channel, now: datetime) -> FarSide:
    account = channel if isinstance(channel, Account) else None
    return FarSide(
        id=channel.id,
        kind=account.network if account else channel.kind,
        name=account.name if account else None,
        usable=channel.state != ChannelState.TOKEN_INVALID and not channel.paused(now),
        spent_percent=channel.usage_percent,
        failing=now - channel.failing_since if channel.failing_since else None,
    )

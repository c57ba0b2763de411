"""What effects go to: an account, an outside 311, a mail server, a pager. Its row tells every worker what may be called
now and what is wrong, and only this module changes that.

A network that refused for too many calls counts the calls made meanwhile too, so nobody calls before its time. A
token that died stops its own channel only, and that is said once.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from models import audit
from models.base import NOBODY, Base, Id, String
from models.errors import Blocked, FarSideError, PermissionMissing, Throttled, TokenInvalid, Transient
from models.session import take_turn
from models.vocabulary import ChannelState, Pause

SLOW, STOP = 75.0, 90.0
"""Percent of a budget: from the first on, reading slows down; from the second on it leaves the rest to what people
decided. At 100 a network blocks.
"""


class Channel(Base):
    """One far side that effects go to, with its health and its budget. What it is stands in a table of its own, which
    shares its id (`models.accounts.Account`).

    A lost token, missing permissions, a refusal and a pause are independent: each is said, and ends, by itself.
    """

    __tablename__ = "channel"
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_abstract": True}  # noqa: RUF012

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), info=NOBODY)
    token_lost: Mapped[str | None] = mapped_column(String(200), info=NOBODY)
    """Code of why the token is not accepted any more; None: it is."""
    token_since: Mapped[datetime]
    """Since when the token is as it is: an answer to a call that left before then says nothing of it."""
    missing: Mapped[list[str]] = mapped_column(default=list, info=NOBODY)
    """Permissions that the work needs and the token lacks, as the network named them."""
    missing_since: Mapped[datetime | None]
    refused: Mapped[str | None] = mapped_column(String(200), info=NOBODY)
    """Code of why nothing is read although the token works; None: it is read."""
    refused_since: Mapped[datetime | None]
    failing: Mapped[str | None] = mapped_column(String(50), info=NOBODY)
    """The far side's code, if it gave one, of what passes by itself and has not passed since `failing_since`."""
    failing_since: Mapped[datetime | None]
    """Since when no reading has come through; None: the last one did."""
    pause: Mapped[Pause | None] = mapped_column(String(20))
    """Why nothing is called until `paused_until`."""
    paused_until: Mapped[datetime | None]
    usage_percent: Mapped[float | None]
    """Of the calls that the network allows, how many are spent; None: it does not say."""
    lag_seconds: Mapped[float | None]
    """The longest that something of ours took to be listed after the network accepted it, of what a reading before had
    not found; None: never seen.
    """
    checked_at: Mapped[datetime | None]
    """When the network was last asked about the token."""
    check_due_at: Mapped[datetime | None]
    """None: it was never checked, and is at once."""

    @property
    def state(self) -> ChannelState:
        """What is wrong with the token, if anything is."""
        if self.token_lost is not None:
            return ChannelState.TOKEN_INVALID
        return ChannelState.PERMISSION_MISSING if self.missing else ChannelState.ACTIVE

    @property
    def reason(self) -> str | None:
        """Codes of what is wrong with the token, or of why nothing is read although it works; None: nothing is."""
        return self.token_lost or ", ".join(self.missing) or self.refused

    @property
    def slow(self) -> bool:
        """Whether much of the budget is spent."""
        return self.usage_percent is not None and self.usage_percent >= SLOW

    @property
    def near_limit(self) -> bool:
        """Whether what is left of the budget belongs to what people decided."""
        return self.usage_percent is not None and self.usage_percent >= STOP

    @property
    def jitter(self) -> timedelta:
        """What each channel adds to the end of a pause, so that a whole city does not start again in one second."""
        return timedelta(seconds=self.id * 37 % 60)

    def paused(self, now: datetime) -> bool:
        """Whether the network asked for a pause that is not over."""
        return self.paused_until is not None and self.paused_until > now

    def blocked(self, now: datetime) -> bool:
        """Whether that pause is for a block, and not for too many calls only."""
        return self.pause == Pause.BLOCKED and self.paused(now)


def at_address(session: Session, kind: Any, address: str, *, now: datetime) -> int:
    """The id of the channel at an address, which is made where it is new; `kind` is the table of one that has one."""
    take_turn(session, kind.__tablename__)
    known: int | None = session.scalar(select(kind.id).where(kind.address == address))
    if known is not None:
        return known
    made: Channel = kind(address=address, token_since=now)
    session.add(made)
    session.flush()
    return made.id


Moment = datetime | ColumnElement[datetime]
"""A time, or its place in a statement that is made once."""


def usable(now: Moment) -> ColumnElement[bool]:
    """Channels that may be called now."""
    return and_(Channel.token_lost.is_(None), ~paused(now))


def paused(now: Moment) -> ColumnElement[bool]:
    """Channels whose network asked for a pause that is not over."""
    return and_(Channel.paused_until.is_not(None), Channel.paused_until > now)


def calm() -> ColumnElement[bool]:
    """Channels with calls to spare for what nobody decided."""
    return or_(Channel.usage_percent.is_(None), Channel.usage_percent < STOP)


_AnyChannel = TypeVar("_AnyChannel", bound=Channel)


def lock(session: Session, table: type[_AnyChannel], channel_id: int) -> _AnyChannel:
    """The channel as it is now, and nobody else's to change until the end of the transaction."""
    session.flush()
    statement = select(table).where(table.id == channel_id).with_for_update(key_share=True)
    return session.execute(statement.execution_options(populate_existing=True)).scalar_one()


# What an answer says of the channel. Each of these is for a channel that is locked; `asked_at` is when the call left.
def record_error(session: Session, channel: Channel, error: FarSideError, *, asked_at: datetime, now: datetime) -> None:
    """Keep what an error says of the channel itself, if it says anything of it."""
    match error:
        case Throttled():
            blocked = isinstance(error, Blocked) and not channel.blocked(now)
            pause(channel, error.until, now=now)
            if blocked:
                channel.pause = Pause.BLOCKED
                notify(session, channel, "blocked", now=now, until=error.until.isoformat())
        case TokenInvalid():
            lose_token(session, channel, error.reason, asked_at=asked_at, now=now)
        case PermissionMissing():
            add_missing(session, channel, [error.name], asked_at=asked_at, now=now)
        case Transient():
            channel.failing_since = channel.failing_since or asked_at
            channel.failing = error.reason[:50] if error.reason is not None else channel.failing


def record_reading(channel: Channel, *, asked_at: datetime, now: datetime) -> None:
    """Something was read: the token of that call works, and the network does not refuse."""
    if channel.token_since <= asked_at:
        accept_token(channel, now=now)
    set_refused(channel, None, now=now)
    channel.failing = channel.failing_since = None


def record_proven(
    session: Session, channel: Channel, names: Collection[str], *, asked_at: datetime, now: datetime
) -> None:
    """A call that needed these permissions succeeded: its token does not lack them, whatever was said before it left.
    Of the others it says nothing.
    """
    said_since = max(channel.token_since, channel.missing_since or channel.token_since)
    if said_since <= asked_at and not set(names).isdisjoint(channel.missing):
        set_missing(session, channel, set(channel.missing).difference(names), now=now)


def pause(channel: Channel, until: datetime, *, now: datetime) -> None:
    """No call before `until`. A pause that another worker was asked for is never shortened."""
    if not channel.paused(now):
        channel.pause = Pause.THROTTLED
    channel.paused_until = max(channel.paused_until or until, until)
    # Until a reading says how much is left, calls go out one by one: the end of a pause is no burst.
    channel.usage_percent = 100.0


def lose_token(session: Session, channel: Channel, reason: str, *, asked_at: datetime, now: datetime) -> None:
    """The token of that call is not accepted; said once, and not of a token that took its place meanwhile."""
    if channel.token_lost is not None or channel.token_since > asked_at:
        return
    channel.token_lost, channel.token_since, channel.check_due_at = reason[:200], now, now
    notify(session, channel, "token_lost", now=now, reason=channel.token_lost)


def add_missing(
    session: Session, channel: Channel, names: Collection[str], *, asked_at: datetime, now: datetime
) -> None:
    """The token of that call lacks these permissions; a check, or a new token, says that it does not any more."""
    if channel.token_lost is None and channel.token_since <= asked_at:
        set_missing(session, channel, {*channel.missing, *names}, now=now)


def set_missing(session: Session, channel: Channel, names: Collection[str], *, now: datetime) -> None:
    """The token lacks these permissions and no others; what is new is said."""
    before, channel.missing = set(channel.missing), sorted(names)
    if before.difference(names):
        channel.token_since = now  # An older call may still say what it lacked.
    if not before.issuperset(names):
        channel.missing_since = now
        notify(session, channel, "permission_missing", now=now, missing=channel.missing)
    elif not names:
        channel.missing_since = None


def set_refused(channel: Channel, reason: str | None, *, now: datetime) -> None:
    """The network refuses to be read although the token works (a wrong app secret, a Page that is gone), or not any
    more.
    """
    if reason is None or channel.refused is None:
        channel.refused_since = now if reason is not None else None
    channel.refused = reason[:200] if reason is not None else None


def accept_token(channel: Channel, *, now: datetime) -> None:
    """The token works, or works again."""
    if channel.token_lost is not None:
        channel.token_lost, channel.token_since = None, now


def replace_token(channel: Channel, missing: Collection[str], *, now: datetime) -> None:
    """A person gave another token, without these permissions: what was wrong was said of the one before."""
    channel.token_lost, channel.token_since, channel.check_due_at = None, now, now
    channel.missing, channel.missing_since = sorted(missing), now if missing else None
    set_refused(channel, None, now=now)


def notify(session: Session, channel: Channel, what: str, *, now: datetime, **data: object) -> None:
    """Write down once what people must know of a channel; its page shows it."""
    audit.note(session, f"{channel.kind}_{what}", f"{channel.kind}:{channel.id}", now=now, person_id=None, **data)

"""Private conversations are read too, in rounds that go on where they were: a webhook may be lost, or never come."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache, partial

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from connectors.base import Network, Talks
from connectors.registry import ALL
from models import channels
from models.accounts import Account
from models.calls import calling
from models.errors import PermissionMissing, Throttled
from models.locks import Locks
from models.session import Database
from models.vocabulary import OperationKind
from moderation.intake.upserting import store

CALLS = 10
"""Of one step, after which what other workers were told is looked at again."""
WITHOUT_LEAVE = timedelta(hours=6)
"""Until reading is tried again where the token may not: a check of it says so sooner."""


def talking() -> tuple[str, ...]:
    """The networks that let the city answer private messages."""
    return tuple(one.name for one in ALL if OperationKind.MESSAGE in one.capabilities.operations)


def accounts_to_converse(session: Session, *, now: datetime) -> list[int]:
    """Ids of accounts whose conversations are to be read now, and that may be called."""
    due = or_(Account.talks_due_at.is_(None), Account.talks_due_at <= now)
    callable_now = channels.usable(now), channels.calm()
    return list(session.scalars(select(Account.id).where(Account.network.in_(talking()), due, *callable_now)))


def converse(
    database: Database,
    locks: Locks,
    network_of: Callable[[int], Network],
    account_id: int,
    *,
    clock: Callable[[], datetime],
    every: timedelta,
) -> int:
    """Read what was written in private to the end of its round, each step and its cursor in one transaction; gives how
    many messages were read. What goes wrong is kept of the account, and the next reading goes on from there.
    """
    network_of, read, more = cache(network_of), 0, True
    with calling(database, locks, "converse", Account, account_id, clock=clock) as caller:
        while more and (account := caller.channel(spare=True)) is not None:
            step, more = caller.ask(
                partial(_read, network_of, account), partial(_keep, every=every), partial(_put_off, every=every)
            )
            read += len(step.messages)
    return read


def _read(network_of: Callable[[int], Network], account: Account) -> Talks:
    return network_of(account.id).converse(account.talks_cursor, CALLS)


def _keep(
    session: Session, account: Account, step: Talks, asked_at: datetime, now: datetime, *, every: timedelta
) -> tuple[Talks, bool]:
    store(session, account, step.messages, now=now, history=step.history)
    account.talks_cursor = step.cursor
    account.talks_due_at = now + every
    if not step.more:
        account.talks_read_at = asked_at
    if step.usage is not None:
        account.usage_percent = step.usage.percent
        if step.usage.resume_at is not None:
            channels.pause(account, step.usage.resume_at, now=now)
    channels.record_proven(session, account, step.proven, asked_at=asked_at, now=now)
    return step, step.more and not account.paused(now)


def _put_off(_session: Session, account: Account, error: Exception, now: datetime, *, every: timedelta) -> None:
    match error:
        case Throttled():
            account.talks_due_at = max(now + every, error.until + account.jitter)
        case PermissionMissing():
            account.talks_due_at = now + WITHOUT_LEAVE
        case _:
            account.talks_due_at = now + every

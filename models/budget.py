"""What an account may still ask of its network, as its row tells all workers: effects, pulls, looks and checks alike.

A network that refused for too many calls counts the calls made meanwhile too, so nobody calls before its time. A
token that died stops its own account only, and that is said once.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from models import audit
from models.accounts import Account
from models.errors import Blocked, FarSideError, PermissionMissing, Throttled, TokenInvalid
from models.vocabulary import AccountState

SLOW, STOP = 75.0, 90.0
"""Percent of a budget: from the first on, reading slows down; from the second on it leaves the rest to what people
decided. At 100 a network blocks.
"""
BLOCKED = "blocked"
"""An account's `state_reason` while, as its network says, it did what is not allowed there."""


def usable(now: datetime) -> ColumnElement[bool]:
    """Accounts that may be called now."""
    throttled = and_(Account.throttled_until.is_not(None), Account.throttled_until > now)
    return and_(Account.state != AccountState.TOKEN_INVALID, ~throttled)


def blocked(account: Account, now: datetime) -> bool:
    """Whether that pause is for a block, and not for too many calls only."""
    return throttled(account, now) and account.state_reason == BLOCKED


def throttled(account: Account, now: datetime) -> bool:
    """Whether the network asked for a pause that is not over."""
    return account.throttled_until is not None and account.throttled_until > now


def tight(account: Account) -> bool:
    """Whether what is left belongs to what people decided."""
    return account.usage_percent is not None and account.usage_percent >= STOP


def throttle(session: Session, account_id: int, until: datetime) -> None:
    """No call of this account before `until`. A pause that another worker was asked for is never shortened."""
    account = held(session, account_id)
    account.throttled_until = max(account.throttled_until or until, until)
    # Until a reading says how much is left, calls go out one by one: the end of a pause is no burst.
    account.usage_percent = 100.0


def block(session: Session, account_id: int, until: datetime, *, now: datetime) -> None:
    """The network has blocked the account for a while: a pause of hours, of which people are told."""
    account = held(session, account_id)
    said = blocked(account, now)
    throttle(session, account_id, until)
    if account.state != AccountState.TOKEN_INVALID:
        account.state_reason = BLOCKED
    if not said:
        say(session, account, "blocked", now=now, until=until.isoformat())


def lose_token(session: Session, account_id: int, reason: str, *, asked_at: datetime, now: datetime) -> None:
    """The network refused the token of a call that was made at `asked_at`."""
    account = held(session, account_id)
    connected_since = account.state == AccountState.ACTIVE and account.state_since > asked_at
    if account.state == AccountState.TOKEN_INVALID or connected_since:
        return  # Said already; or what died is the token that it had before.
    account.check_due_at = now
    account.state, account.state_reason, account.state_since = AccountState.TOKEN_INVALID, reason[:200], now
    say(session, account, "token_lost", now=now, reason=reason[:200])


def lack(session: Session, account_id: int, names: Collection[str], *, asked_at: datetime, now: datetime) -> None:
    """The token lacks these permissions; a check, or a new token, says that it does not any more."""
    account = held(session, account_id)
    connected_since = account.state == AccountState.ACTIVE and account.state_since > asked_at
    if account.state == AccountState.TOKEN_INVALID or connected_since:
        return
    missing = sorted({*account.missing, *names})
    if account.state == AccountState.PERMISSION_MISSING and account.missing == missing:
        return
    account.state, account.state_since = AccountState.PERMISSION_MISSING, now
    account.missing, account.state_reason = missing, ", ".join(missing)[:200]
    say(session, account, "permission_missing", now=now, missing=missing)


def hear(session: Session, account_id: int, error: FarSideError, *, asked_at: datetime, now: datetime) -> None:
    """Keep what an error says of the account itself, if it says anything of it."""
    match error:
        case Blocked():
            block(session, account_id, error.until, now=now)
        case Throttled():
            throttle(session, account_id, error.until)
        case TokenInvalid():
            lose_token(session, account_id, error.reason, asked_at=asked_at, now=now)
        case PermissionMissing():
            lack(session, account_id, [error.name], asked_at=asked_at, now=now)


def held(session: Session, account_id: int) -> Account:
    """The account as it is now, and nobody else's to change until the end of the transaction."""
    session.flush()
    statement = select(Account).where(Account.id == account_id).with_for_update(key_share=True)
    return session.execute(statement.execution_options(populate_existing=True)).scalar_one()


def spread(account_id: int) -> timedelta:
    """What each account adds to the end of a pause, so that a whole city does not start again in one second."""
    return timedelta(seconds=account_id * 37 % 60)


def say(session: Session, account: Account, what: str, *, now: datetime, **data: object) -> None:
    """Write down once what people must know of an account; its page shows it."""
    audit.note(session, f"account_{what}", f"account:{account.id}", now=now, person_id=None, **data)

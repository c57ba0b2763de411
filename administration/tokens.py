"""The accounts' tokens: checked, warned about in time, and renewed before their end where a network lets it be done."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from connectors.base import AccountRef, Consent, Health, Network, Offered
from models import channels
from models.accounts import Account
from models.calls import calling
from models.errors import FarSideError, NotFound, PermissionMissing, Rejected, Throttled, TokenInvalid
from models.locks import Locks
from models.secrets import Vault
from models.session import Database, vault_of

log = logging.getLogger(__name__)

EVERY = timedelta(hours=6)
SOON = timedelta(minutes=15)
"""When a check that got no answer is made again."""
WARNINGS = (14, 7, 1)
"""Days before a token's end at which people are told, once each."""


ALL = "*"
"""What is not told, where the network refuses to tell anything."""


@dataclass(frozen=True)
class _Newer:
    """A token that the network gave and that works."""

    offered: Offered
    health: Health


def accounts_to_check(session: Session, *, now: datetime) -> list[int]:
    """Ids of accounts whose token is to be checked: lost ones too, since some come back to life by themselves."""
    due = or_(Account.check_due_at.is_(None), Account.check_due_at <= now)
    return list(session.scalars(select(Account.id).where(~channels.paused(now), due)))


def check(
    database: Database,
    locks: Locks,
    network_with: Callable[[AccountRef], Network],
    consent_of: Callable[[str], Consent],
    account_id: int,
    *,
    clock: Callable[[], datetime],
) -> None:
    """Ask the network about the token of one account, for a newer one when its end is near, and to be told of what
    happens (webhooks).

    A newer token takes the old one's place only after the network has said that it works.
    """
    with calling(database, locks, "check", Account, account_id, clock=clock) as caller:
        if (account := caller.channel(even_lost=True)) is None:
            return
        soon = clock() + timedelta(days=max(WARNINGS))

        def call() -> tuple[Health, _Newer | None, tuple[str, ...] | None]:
            with database.read() as session:
                vault = vault_of(session)
            known = AccountRef(account.network, account.external_id, vault.open(account.token_closed))
            refresh = vault.open(account.refresh_closed) if account.refresh_closed else None
            health, newer, untold = network_with(known).health(), None, None
            ends = health.expires_at or account.token_expires_at
            if not health.valid or (ends is not None and ends <= soon):
                newer = _newer(network_with, consent_of, known, refresh)
            if newer is None and health.valid:
                health, untold = _listening(network_with(known), health)
            return health, newer, untold

        caller.ask(call, partial(_keep, token_closed=account.token_closed), _put_off)


def _put_off(_session: Session, account: Account, error: Exception, now: datetime) -> None:
    account.check_due_at = now + (SOON if isinstance(error, FarSideError) else EVERY)


def _listening(network: Network, health: Health) -> tuple[Health, tuple[str, ...] | None]:
    """Be told of what happens on the account, from now on or still: networks forget it without a word. Gives the health
    with what lacks for it, and what is not told all the same (None: nobody knows).

    Throttled and TokenInvalid are about the whole account: no answer to one question of the check.
    """
    try:
        return health, network.listen().refused
    except (Throttled, TokenInvalid):
        raise
    except PermissionMissing as error:
        return replace(health, missing=tuple(dict.fromkeys((*health.missing, error.name)))), None
    except FarSideError as error:
        log.warning("the network does not tell us of what happens: %r", error)
        return health, (ALL,) if isinstance(error, Rejected) else None


def _newer(
    network_with: Callable[[AccountRef], Network],
    consent_of: Callable[[str], Consent],
    known: AccountRef,
    refresh: str | None,
) -> _Newer | None:
    """A newer token that works, or None: the one at hand then stays. Throttled: nobody may call now."""
    try:
        offered = consent_of(known.network).refresh(known, refresh)
        if offered is None:
            return None
        health = network_with(replace(known, token=offered.token)).health()
    except NotFound:
        return None  # Only a person can renew it.
    except Throttled:
        raise
    except FarSideError as error:
        log.warning("no newer token for %s %s: %r", known.network, known.external_id, error)
        return None
    return _Newer(offered, health) if health.valid else None


def _take(account: Account, vault: Vault, offered: Offered) -> None:
    account.token_closed, account.token_expires_at = vault.close(offered.token), offered.expires_at
    if offered.refresh_token is not None:
        account.refresh_closed = vault.close(offered.refresh_token)
        account.refresh_expires_at = offered.refresh_expires_at
    account.expiry_warned = None


def _keep(
    session: Session,
    account: Account,
    answer: tuple[Health, _Newer | None, tuple[str, ...] | None],
    asked_at: datetime,
    now: datetime,
    *,
    token_closed: str,
) -> None:
    """Write down what the network said of the token that the account had, if it is still that one."""
    if account.token_closed != token_closed:
        return  # Connected again meanwhile: what was said is about the token that it had before.
    health, newer, untold = answer
    if untold is not None:
        account.untold = list(untold)
    if newer is not None:
        health = newer.health
        _take(account, vault_of(session), newer.offered)
        channels.notify(session, account, "token_renewed", now=now)
    account.token_expires_at = health.expires_at or account.token_expires_at
    if health.valid:
        if account.token_lost is not None:
            account.pull_due_at = now
        channels.accept_token(account, now=now)
        channels.set_missing(session, account, health.missing, now=now)
    else:
        channels.lose_token(session, account, health.reason or "invalid", asked_at=asked_at, now=now)
    account.checked_at, account.check_due_at = asked_at, now + EVERY
    if account.token_expires_at is None or not health.valid:
        return
    left = account.token_expires_at - now
    days = min((days for days in WARNINGS if left <= timedelta(days=days)), default=None)
    if days is None:
        account.expiry_warned = None
    elif account.expiry_warned is None or days < account.expiry_warned:
        account.expiry_warned = days
        channels.notify(session, account, "token_expires", now=now, days=days)

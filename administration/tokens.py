"""The accounts' tokens: checked, warned about in time, and renewed before their end where a network lets it be done."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from connectors.base import AccountRef, Consent, Health, Network, Offered
from models import audit, budget
from models.accounts import Account
from models.errors import FarSideError, NotFound, PermissionMissing, Throttled, TokenInvalid
from models.locks import Locks
from models.secrets import Vault
from models.session import Database, vault_of
from models.vocabulary import AccountState

log = logging.getLogger(__name__)

EVERY = timedelta(hours=6)
SOON = timedelta(minutes=15)
"""When a check that got no answer is made again."""
WARNINGS = (14, 7, 1)
"""Days before a token's end at which people are told, once each."""


@dataclass(frozen=True)
class _Newer:
    """A token that the network gave and that works."""

    offered: Offered
    health: Health


def checks_due(session: Session, *, now: datetime) -> list[int]:
    """Ids of accounts whose token is to be checked: dead ones too, since some come back to life by themselves."""
    calm = or_(Account.throttled_until.is_(None), Account.throttled_until <= now)
    due = or_(Account.check_due_at.is_(None), Account.check_due_at <= now)
    return list(session.scalars(select(Account.id).where(calm, due)))


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
    with locks.try_hold(f"check:{account_id}") as ours:
        if not ours:
            return
        try:
            _check(database, network_with, consent_of, account_id, clock=clock)
        except FarSideError as error:
            log.warning("the token of account %s could not be checked: %r", account_id, error)
            _check_again(database, account_id, clock() + SOON)
        except Exception:
            _check_again(database, account_id, clock() + EVERY)
            raise


def _check(
    database: Database,
    network_with: Callable[[AccountRef], Network],
    consent_of: Callable[[str], Consent],
    account_id: int,
    *,
    clock: Callable[[], datetime],
) -> None:
    asked_at = clock()
    with database.read() as session:
        account = session.get_one(Account, account_id)
        if budget.throttled(account, asked_at):
            return
        vault = vault_of(session)
        known = AccountRef(account.network, account.external_id, vault.open(account.token_closed))
        refresh = vault.open(account.refresh_closed) if account.refresh_closed else None
    try:
        health, newer = network_with(known).health(), None
        ends = health.expires_at or account.token_expires_at
        if not health.valid or (ends is not None and ends <= asked_at + timedelta(days=max(WARNINGS))):
            newer = _newer(network_with, consent_of, known, refresh)
        if newer is None and health.valid:
            health = _listening(network_with(known), health)
    except FarSideError as error:
        with database.write() as session:
            budget.hear(session, account_id, error, asked_at=asked_at, now=clock())
        raise
    now = clock()
    with database.write() as session:
        current = budget.held(session, account_id)
        if current.token_closed != account.token_closed:
            return  # Connected again meanwhile: what was said is about the token that it had before.
        if newer is not None:
            _take(current, vault, newer.offered, newer.health.missing, now=now)
            audit.note(session, "account_token_renewed", f"account:{account_id}", now=now, person_id=None)
            health = newer.health
        _keep(session, current, health, asked_at=asked_at, now=now)


def _listening(network: Network, health: Health) -> Health:
    """Be told of what happens on the account, from now on or still: networks forget it without a word.

    Throttled and TokenInvalid are about the whole account: no answer to one question of the check.
    """
    try:
        network.listen()
    except (Throttled, TokenInvalid):
        raise
    except PermissionMissing as error:
        return replace(health, missing=tuple(dict.fromkeys((*health.missing, error.name))))
    except FarSideError as error:
        log.warning("the network does not tell us of what happens: %r", error)
    return health


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


def _take(account: Account, vault: Vault, offered: Offered, missing: tuple[str, ...], *, now: datetime) -> None:
    account.token_closed, account.token_expires_at = vault.close(offered.token), offered.expires_at
    if offered.refresh_token is not None:
        account.refresh_closed = vault.close(offered.refresh_token)
        account.refresh_expires_at = offered.refresh_expires_at
    account.expiry_warned = None
    _say_missing(account, missing, now=now)


def _say_missing(account: Account, missing: tuple[str, ...], *, now: datetime) -> bool:
    """The token works, for all or for some of what is needed. Gives whether something new is missing."""
    state = AccountState.PERMISSION_MISSING if missing else AccountState.ACTIVE
    names = sorted(missing)
    told = names and names != account.missing
    if account.state != state or told:
        if account.state == AccountState.TOKEN_INVALID:
            account.pull_due_at = now
        account.state, account.state_since = state, now
        account.state_reason = ", ".join(names)[:200] or None
    account.missing = names
    return bool(told)


def _keep(session: Session, account: Account, health: Health, *, asked_at: datetime, now: datetime) -> None:
    """Write down what the network said of the token that the account has now."""
    account.token_expires_at = health.expires_at or account.token_expires_at
    if not health.valid:
        budget.lose_token(session, account.id, health.reason or "invalid", asked_at=asked_at, now=now)
    elif _say_missing(account, health.missing, now=now):
        budget.say(session, account, "permission_missing", now=now, missing=account.missing)
    account.checked_at, account.check_due_at = asked_at, now + EVERY
    if account.token_expires_at is None or not health.valid:
        return
    left = account.token_expires_at - now
    days = min((days for days in WARNINGS if left <= timedelta(days=days)), default=None)
    if days is None:
        account.expiry_warned = None
    elif account.expiry_warned is None or days < account.expiry_warned:
        account.expiry_warned = days
        budget.say(session, account, "token_expires", now=now, days=days)


def _check_again(database: Database, account_id: int, at: datetime) -> None:
    with database.write() as session:
        session.execute(update(Account).where(Account.id == account_id).values(check_due_at=at))

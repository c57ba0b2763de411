"""Pages of comments are read, in rounds that can stop anywhere and go on where they were."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache, partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.base import Network, Page, Progress
from connectors.registry import descriptor
from models import channels
from models.accounts import Account
from models.calls import calling
from models.errors import Rejected, Throttled
from models.locks import Locks
from models.session import Database
from moderation.intake import recheck
from moderation.intake.upserting import store

log = logging.getLogger(__name__)

CALLS, SLOW_CALLS, PROBE_CALLS = 10, 3, 2
"""Calls of one step, after which what other workers were told is looked at again: usually, when much of the budget is
spent, and when reading only asks how much is left; the second of these is made if the first one failed, or said that
there is enough again.
"""
SLOW_DOWN = 4
"""How many times longer the wait between two rounds is when much of the budget is spent."""
PROBE_EVERY = timedelta(minutes=15)
"""How often a reading that stopped asks how much is left. Windows are an hour and a day."""


def pull(
    database: Database,
    locks: Locks,
    network_of: Callable[[int], Network],
    account_id: int,
    *,
    clock: Callable[[], datetime],
    every: timedelta,
    said: Callable[[Progress], None] = lambda _: None,
    to_the_oldest: bool = False,
) -> int:
    """Read one account to the end of its round, each page and its cursor in one transaction.

    Gives how many comments the pages had; `said` hears how far the round is. A network that says no (throttled, dead
    token, one thread that fails) stops this account only, and the account says why; what was read before stays, and the
    next pull goes on from there. So do the first rounds of a new account, its backfill, which may take days; with
    `to_the_oldest`, one round of it follows the other here.
    """
    network_of, read, steps, more = cache(network_of), 0, 0, True
    with calling(database, locks, "pull", Account, account_id, clock=clock) as caller:
        # A person may try a token that was lost; what another worker was told since the last step stops this one too.
        while more and (account := caller.channel(even_lost=steps == 0)) is not None:
            wait = max(every, descriptor(account.network).pull_every)
            page, more = caller.ask(
                partial(_pull, network_of, account),
                partial(_store_page, every=wait, to_the_oldest=to_the_oldest),
                partial(_put_off, every=wait),
            )
            read, steps = read + len(page.comments), steps + 1
            if page.progress is not None:
                said(page.progress)
    return read


def accounts_to_pull(session: Session, *, now: datetime) -> list[int]:
    """Ids of accounts whose next pull is due and that may be called."""
    return list(session.scalars(select(Account.id).where(Account.pull_due_at <= now, channels.usable(now))))


def _pull(network_of: Callable[[int], Network], account: Account) -> Page:
    calls = PROBE_CALLS if account.near_limit else SLOW_CALLS if account.slow else CALLS
    return network_of(account.id).pull(account.cursor, calls)


def _store_page(
    session: Session,
    account: Account,
    page: Page,
    asked_at: datetime,
    now: datetime,
    *,
    every: timedelta,
    to_the_oldest: bool,
) -> tuple[Page, bool]:
    """Keep what a page says. Gives it, and whether the network is to be called again at once."""
    account.round_started_at = account.round_started_at or asked_at
    store(session, account, [*page.posts, *page.older, *page.comments], now=now)
    recheck.mark(session, account, page, listed_at=asked_at, now=now)
    account.cursor = page.cursor
    if account.pulled_at is None and page.progress is not None:
        account.backfill_done, account.backfill_total = page.progress.done, page.progress.total
    if not page.more:
        if page.whole and not page.backfilling:
            recheck.mark_unlisted(session, account, before=account.round_started_at, now=now)
            account.pulled_at = account.round_started_at
        account.round_started_at = None
    if page.usage is not None and page.usage.resume_at is not None:
        channels.pause(account, page.usage.resume_at, now=now)
    if page.usage is not None or page.error is None:
        # Some name the share only of budgets that are used: answers without it end what was said before.
        account.usage_percent = page.usage.percent if page.usage is not None else None
    channels.record_proven(session, account, page.proven, asked_at=asked_at, now=now)
    if page.missing:
        channels.add_missing(session, account, page.missing, asked_at=asked_at, now=now)
    if page.error is not None:
        log.warning("pull of account %s stopped: %r", account.id, page.error)
        channels.record_error(session, account, page.error, asked_at=asked_at, now=now)
        _put_off(session, account, page.error, now, every=every)
        return page, False
    channels.record_reading(account, asked_at=asked_at, now=now)
    if account.near_limit:
        account.pull_due_at = now + max(every, PROBE_EVERY) + account.jitter
        return page, False
    if not page.more:
        account.pull_due_at = now + every * (SLOW_DOWN if account.slow else 1)
    return page, not account.paused(now) and (page.more or (to_the_oldest and page.backfilling))


def _put_off(_session: Session, account: Account, error: Exception, now: datetime, *, every: timedelta) -> None:
    account.pull_due_at = now + (max(every, PROBE_EVERY) if account.near_limit else every)
    match error:
        case Throttled():
            account.pull_due_at = max(now + every, error.until + account.jitter)
        case Rejected() if account.token_lost is None:
            channels.set_refused(account, error.reason, now=now)

"""Pages of comments are read, in rounds that can stop anywhere and go on where they were."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connectors.base import Network, Page, Progress
from connectors.registry import descriptor
from models import budget
from models.accounts import Account
from models.errors import FarSideError, Rejected, Throttled
from models.locks import Locks
from models.session import Database
from models.vocabulary import AccountState
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
    with locks.try_hold(f"pull:{account_id}") as ours:
        if not ours:
            return 0
        with database.read() as session:
            every = max(every, descriptor(session.get_one(Account, account_id).network).pull_every)
        read, steps, asked_at = 0, 0, clock()
        try:
            network = network_of(account_id)
            more = True
            while more:
                with database.read() as session:
                    account = session.get_one(Account, account_id)
                # What another worker was told since the last step stops this one too. A person may try a dead token.
                dead = steps > 0 and account.state == AccountState.TOKEN_INVALID
                if dead or budget.throttled(account, clock()):
                    break
                asked_at = clock()
                page = network.pull(account.cursor, _calls(account))
                with database.write() as session:
                    usable = _store_page(session, account_id, page, asked_at=asked_at, now=clock(), every=every)
                    if page.error is not None:
                        _say_why(session, account_id, page.error, asked_at=asked_at, now=clock(), every=every)
                more = usable and page.error is None and (page.more or (to_the_oldest and page.backfilling))
                read, steps = read + len(page.comments), steps + 1
                if page.progress is not None:
                    said(page.progress)
        except FarSideError as error:
            with database.write() as session:
                _say_why(session, account_id, error, asked_at=asked_at, now=clock(), every=every)
        except Exception:
            # Nobody foresaw it: it is for the log, and this account is not tried again every few seconds.
            with database.write() as session:
                session.execute(update(Account).where(Account.id == account_id).values(pull_due_at=clock() + every))
            raise
        return read


def pulls_due(session: Session, *, now: datetime) -> list[int]:
    """Ids of accounts whose next pull is due and that may be called."""
    return list(session.scalars(select(Account.id).where(Account.pull_due_at <= now, budget.usable(now))))


def _calls(account: Account) -> int:
    percent = account.usage_percent or 0
    return CALLS if percent < budget.SLOW else SLOW_CALLS if percent < budget.STOP else PROBE_CALLS


def _store_page(
    session: Session, account_id: int, page: Page, *, asked_at: datetime, now: datetime, every: timedelta
) -> bool:
    """Keep what a page says. Gives whether the network may be called again at once."""
    account = budget.held(session, account_id)
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
    if page.usage is not None or page.error is None:
        # Some name the share only of budgets that are used: answers without it end what was said before.
        account.usage_percent = page.usage.percent if page.usage is not None else None
    if page.usage is not None and page.usage.resume_at is not None:
        # A pause that another worker was asked for meanwhile is not shortened by this older answer.
        account.throttled_until = max(account.throttled_until or page.usage.resume_at, page.usage.resume_at)
    if page.error is None and account.state == AccountState.TOKEN_INVALID and account.state_since <= asked_at:
        account.state, account.state_reason, account.state_since = AccountState.ACTIVE, None, now
    elif page.error is None and account.state == AccountState.ACTIVE and not budget.blocked(account, now):
        account.state_reason = None
    elif account.state_reason == budget.BLOCKED and not budget.blocked(account, now):
        account.state_reason = ", ".join(account.missing)[:200]
    if page.missing:
        budget.lack(session, account_id, page.missing, asked_at=asked_at, now=now)
    if budget.tight(account):
        account.pull_due_at = now + max(every, PROBE_EVERY) + budget.spread(account_id)
        return False
    if not page.more:
        slowly = account.usage_percent is not None and account.usage_percent >= budget.SLOW
        account.pull_due_at = now + every * (SLOW_DOWN if slowly else 1)
    return not budget.throttled(account, now)


def _say_why(
    session: Session, account_id: int, error: FarSideError, *, asked_at: datetime, now: datetime, every: timedelta
) -> None:
    account = budget.held(session, account_id)
    wait = max(every, PROBE_EVERY) if budget.tight(account) else every
    budget.hear(session, account_id, error, asked_at=asked_at, now=now)
    account.pull_due_at = now + wait
    match error:
        case Throttled():
            account.pull_due_at = max(account.pull_due_at, error.until + budget.spread(account_id))
        case Rejected() if account.state == AccountState.ACTIVE:
            # The token works and nothing is read all the same (a wrong app secret, a Page that is gone): the account
            # says so until a page is read.
            account.state_reason = error.reason[:200]
    log.warning("pull of account %s stopped: %r", account_id, error)

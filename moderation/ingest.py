"""Comments come in: webhook bodies are kept and parsed, pages are read, and what they say is stored."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select, tuple_, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from connectors.base import Change, Network, Page, Unreadable, Webhook
from models.accounts import Account, Delivery, SetAside
from models.errors import FarSideError, PermissionMissing, Rejected, Throttled, TokenInvalid
from models.locks import Locks
from models.session import Database
from models.vocabulary import AccountState, DeliveryState, NetworkName
from moderation.storing import cleaned, store

log = logging.getLogger(__name__)


def receive(session: Session, network: NetworkName, raw: bytes, *, now: datetime) -> None:
    """Keep one webhook body whose signature was checked. The caller commits before it answers 200."""
    session.add(Delivery(network=network, raw=raw, received_at=now))


def parse_due(database: Database, webhook_of: Callable[[NetworkName], Webhook], *, now: datetime) -> int:
    """Parse deliveries that wait, oldest first, in one transaction; gives how many do not wait any more.

    If one of them breaks the batch, each is tried alone, and the one at fault is kept, marked and said. When the
    database itself fails, that says nothing about a delivery: all of them go on waiting.
    """
    with database.read() as session:
        waiting = list(
            session.scalars(
                select(Delivery.id).where(Delivery.state == DeliveryState.RECEIVED).order_by(Delivery.id).limit(100)
            )
        )
    if not waiting:
        return 0
    try:
        with database.write() as session:
            return _parse(session, waiting, webhook_of, now=now)
    except OperationalError:
        raise
    except Exception:
        log.exception("a batch of %s deliveries failed; each is parsed alone", len(waiting))
        for delivery_id in waiting:
            _parse_alone(database, delivery_id, webhook_of, now=now)
    return len(waiting)


def _parse_alone(
    database: Database, delivery_id: int, webhook_of: Callable[[NetworkName], Webhook], *, now: datetime
) -> None:
    try:
        with database.write() as session:
            _parse(session, [delivery_id], webhook_of, now=now)
    except OperationalError:
        raise
    except Exception as error:
        log.exception("delivery %s cannot be stored", delivery_id)
        with database.write() as session:
            session.execute(
                update(Delivery)
                .where(Delivery.id == delivery_id)
                .values(state=DeliveryState.UNREADABLE, error=type(error).__name__)
            )


def _parse(session: Session, ids: Sequence[int], webhook_of: Callable[[NetworkName], Webhook], *, now: datetime) -> int:
    deliveries = session.scalars(
        select(Delivery)
        .where(Delivery.id.in_(ids), Delivery.state == DeliveryState.RECEIVED)
        .order_by(Delivery.id)
        .with_for_update(skip_locked=True)
    ).all()
    # What an earlier parsing of the same body set aside (its account was not known then) is said anew.
    session.execute(
        delete(SetAside).where(
            SetAside.delivery_id.in_([delivery.id for delivery in deliveries]), SetAside.settled_at.is_(None)
        )
    )
    changes: dict[tuple[NetworkName, str], list[tuple[int, Change]]] = defaultdict(list)
    for delivery in deliveries:
        network = NetworkName(delivery.network)
        delivery.state = DeliveryState.PARSED
        try:
            events = webhook_of(network).parse(delivery.raw or b"")
        except ValueError:
            delivery.state, delivery.error = DeliveryState.UNREADABLE, "not_json"
            continue
        for event in events:
            if isinstance(event.change, Unreadable) or event.account_external_id is None:
                reason = event.change.reason if isinstance(event.change, Unreadable) else "no_account"
                raw = event.change.raw if isinstance(event.change, Unreadable) else repr(event.change)
                _set_aside(session, delivery.id, network, event.account_external_id, reason, raw, now=now)
            else:
                changes[network, event.account_external_id].append((delivery.id, event.change))
    accounts = _accounts(session, changes)
    for (network, external_id), entries in sorted(changes.items()):
        account = accounts.get((network, external_id))
        if account is not None:
            store(session, account, [change for _, change in entries], now=now)
            continue
        # Kept until somebody adds the account: `reroute` then parses the whole delivery again.
        for delivery_id in sorted({delivery_id for delivery_id, _ in entries}):
            _set_aside(session, delivery_id, network, external_id, "unroutable", None, now=now)
    return len(deliveries)


def reroute(session: Session, account: Account, *, now: datetime) -> int:
    """A new account: deliveries that came for it before it was known are parsed again. Gives how many."""
    waiting = session.scalars(
        select(SetAside).where(
            SetAside.network == account.network,
            SetAside.account_external_id == account.external_id,
            SetAside.reason == "unroutable",
            SetAside.settled_at.is_(None),
        )
    ).all()
    for entry in waiting:
        entry.settled_at = now
    deliveries = [entry.delivery_id for entry in waiting]
    session.execute(update(Delivery).where(Delivery.id.in_(deliveries)).values(state=DeliveryState.RECEIVED))
    return len(waiting)


def pull(
    database: Database,
    locks: Locks,
    network_of: Callable[[int], Network],
    account_id: int,
    *,
    clock: Callable[[], datetime],
    every: timedelta,
    budget: int = 50,
) -> int:
    """Read one account to the end of its round, each page and its cursor in one transaction.

    Gives how many comments the pages had. A network that says no (throttled, dead token) stops this account only,
    and the account says why; what was read before stays, and the next pull goes on from there.
    """
    with locks.try_hold(f"pull:{account_id}") as ours:
        if not ours:
            return 0
        read = 0
        try:
            network = network_of(account_id)
            more = True
            while more:
                with database.read() as session:
                    cursor = session.scalar(select(Account.cursor).where(Account.id == account_id))
                started = clock()
                page = network.pull(cursor, budget)
                with database.write() as session:
                    _store_page(session, account_id, page, started=started, now=clock(), every=every)
                read += len(page.comments)
                # A network that asks for a pause in its answer is not asked again before it ends.
                resume_at = page.usage.resume_at if page.usage else None
                more = page.more and (resume_at is None or resume_at <= clock())
        except FarSideError as error:
            with database.write() as session:
                _say_why(session, account_id, error, now=clock(), every=every)
        except Exception:
            # Nobody foresaw it: it is for the log, and this account is not tried again every few seconds.
            with database.write() as session:
                session.execute(update(Account).where(Account.id == account_id).values(pull_due_at=clock() + every))
            raise
        return read


def pulls_due(session: Session, *, now: datetime) -> list[int]:
    """Ids of accounts whose next pull is due and that can be read."""
    return list(
        session.scalars(
            select(Account.id).where(
                Account.pull_due_at <= now,
                Account.state != AccountState.TOKEN_INVALID,
                Account.throttled_until.is_(None) | (Account.throttled_until <= now),
            )
        )
    )


def _store_page(
    session: Session, account_id: int, page: Page, *, started: datetime, now: datetime, every: timedelta
) -> None:
    account = session.execute(
        select(Account).where(Account.id == account_id).with_for_update(key_share=True)
    ).scalar_one()
    store(session, account, [*page.posts, *page.comments], now=now)
    account.cursor = page.cursor
    account.round_started_at = account.round_started_at or started
    if not page.more:
        account.pulled_at, account.round_started_at = account.round_started_at, None
        account.pull_due_at = now + every
    if page.usage is not None:
        account.usage_percent = page.usage.percent
        account.throttled_until = page.usage.resume_at
    if account.state == AccountState.TOKEN_INVALID:
        account.state, account.state_reason, account.state_since = AccountState.ACTIVE, None, now
    elif account.state == AccountState.ACTIVE:
        account.state_reason = None


def _say_why(session: Session, account_id: int, error: FarSideError, *, now: datetime, every: timedelta) -> None:
    account = session.get_one(Account, account_id)
    account.pull_due_at = now + every
    match error:
        case Throttled():
            account.throttled_until = error.until
        case TokenInvalid():
            account.state, account.state_since = AccountState.TOKEN_INVALID, now
            account.state_reason = error.reason[:200]
        case PermissionMissing():
            account.state, account.state_since = AccountState.PERMISSION_MISSING, now
            account.state_reason = error.name[:200]
        case Rejected() if account.state == AccountState.ACTIVE:
            # The token works and nothing is read all the same (a wrong app secret, a Page that is gone): the account
            # says so until a page is read.
            account.state_reason = error.reason[:200]
            log.warning("pull of account %s stopped: the network refuses it: %s", account_id, error.reason)
        case _:
            log.warning("pull of account %s stopped: %s", account_id, type(error).__name__)


def _accounts(session: Session, wanted: Collection[tuple[NetworkName, str]]) -> dict[tuple[NetworkName, str], Account]:
    statement = select(Account).where(tuple_(Account.network, Account.external_id).in_(wanted))
    return {(NetworkName(account.network), account.external_id): account for account in session.scalars(statement)}


def _set_aside(
    session: Session,
    delivery_id: int,
    network: NetworkName,
    account_external_id: str | None,
    reason: str,
    raw: str | None,
    *,
    now: datetime,
) -> None:
    session.add(
        SetAside(
            delivery_id=delivery_id,
            network=network,
            account_external_id=account_external_id,
            reason=reason,
            raw=cleaned(raw),
            at=now,
        )
    )

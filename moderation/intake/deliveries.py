"""Webhook bodies come in: they are kept as received and parsed later, and what they say is stored."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, select, tuple_, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from connectors.base import Change, Unreadable, Webhook
from models.accounts import Account, Delivery, SetAside
from models.session import Database
from models.text import cleaned
from models.vocabulary import DeliveryState
from moderation.intake.upserting import store

log = logging.getLogger(__name__)


def receive(session: Session, network: str, raw: bytes, *, now: datetime) -> None:
    """Keep one webhook body whose signature was checked. The caller commits before it answers 200."""
    session.add(Delivery(network=network, raw=raw, received_at=now))


def parse_due(database: Database, webhook_of: Callable[[str], Webhook], *, now: datetime) -> int:
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


def _parse_alone(database: Database, delivery_id: int, webhook_of: Callable[[str], Webhook], *, now: datetime) -> None:
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


def _parse(session: Session, ids: Sequence[int], webhook_of: Callable[[str], Webhook], *, now: datetime) -> int:
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
    changes: dict[tuple[str, str], list[tuple[int, Change]]] = defaultdict(list)
    for delivery in deliveries:
        network = delivery.network
        delivery.state = DeliveryState.PARSED
        try:
            events = webhook_of(network).parse(delivery.raw or b"")
        except ValueError:
            delivery.state, delivery.error = DeliveryState.UNREADABLE, "not_json"
            continue
        for event in events:
            of = event.network or network  # Networks of one company post to one address.
            if isinstance(event.change, Unreadable) or event.account_external_id is None:
                reason = event.change.reason if isinstance(event.change, Unreadable) else "no_account"
                raw = event.change.raw if isinstance(event.change, Unreadable) else repr(event.change)
                _set_aside(session, delivery.id, of, event.account_external_id, reason, raw, now=now)
            else:
                changes[of, event.account_external_id].append((delivery.id, event.change))
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


def _accounts(session: Session, wanted: Collection[tuple[str, str]]) -> dict[tuple[str, str], Account]:
    statement = select(Account).where(tuple_(Account.network, Account.external_id).in_(wanted))
    return {(account.network, account.external_id): account for account in session.scalars(statement)}


def _set_aside(
    session: Session,
    delivery_id: int,
    network: str,
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

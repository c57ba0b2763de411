"""How the city's accounts are: what is wrong and since when, until when all was read, what the network lets be done.

Everything is read from the rows that the automatic jobs write; nothing is called.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import Row, and_, func, or_, select
from sqlalchemy.orm import Session

from connectors.base import Capabilities
from connectors.registry import descriptor
from models.accounts import Account, Delivery, SetAside
from models.comments import SourcePost
from models.effects import Effect, still_open
from models.figures import AccountFigures, PostFigures, is_newest
from models.people import Borough, Person
from models.scope import Action, Viewer, visible
from models.secrets import SecretUnreadable
from models.vocabulary import DeliveryState, OperationKind, Pause

WARNED_DAYS, ALARMED_DAYS, URGENT_DAYS = 14, 7, 1
"""Days before a token's end from which its account says so, the queue and the posts say so, and it is urgent."""
BEHIND = timedelta(hours=1)
"""A page that was not read whole for so long says so: pulls are minutes apart."""
MEASURED = timedelta(days=30)
ALARMING = frozenset({"dead", "expiring", "vanished"})
"""Findings that the queue and the posts say too."""


class Level(StrEnum):
    """How much a finding matters, worst first."""

    PROBLEM = "problem"
    """Work has stopped, or stops today."""
    WARNING = "warning"
    PAUSE = "pause"
    """It passes by itself."""


@dataclass(frozen=True)
class Finding:
    """One thing that people should know about an account; `kind` chooses the sentence."""

    kind: str
    level: Level
    code: str = ""
    """Why, of what is dead or refused."""
    names: tuple[str, ...] = ()
    """Of missing permissions."""
    at: datetime | None = None
    """Since when, or until when."""
    days: int = 0


@dataclass(frozen=True)
class Card:
    """One account as its card shows it."""

    account: Account
    findings: Sequence[Finding]
    borough: str | None
    connected_by: str | None
    followers: AccountFigures | None
    measured: Row[int, int, int | None, int | None, int | None, int | None] | None
    """Sums over the posts of the last thirty days: posts, reach, reactions, comments, shares."""
    waiting: int
    """Actions that are owed to the network."""
    cannot: Mapping[str, frozenset[OperationKind]]
    """By reason."""

    @property
    def level(self) -> Level | None:
        """Of the worst finding; None: all is well."""
        return self.findings[0].level if self.findings else None

    @property
    def hidden(self) -> bool:
        """Whether a missing permission hides comments, so that not all of them are covered."""
        known = descriptor(self.account.network).permissions
        return any(known[name].reads for name in self.account.missing if name in known)

    def has(self, *kinds: str) -> bool:
        """Whether one of these is found."""
        return any(finding.kind in kinds for finding in self.findings)


@dataclass(frozen=True)
class Unknown:
    """Deliveries about an account that nobody connected: kept, and read when somebody does."""

    network: str
    external_id: str
    deliveries: int
    since: datetime


def cards(
    session: Session,
    viewer: Viewer,
    reference: Callable[[Account], object],
    *,
    zone: ZoneInfo,
    now: datetime,
) -> list[Card]:
    """Every account in the viewer's scope, those with a problem first. `reference` opens its token."""
    statement = visible(select(Account), viewer, Action.SEE_ACCOUNTS, Account)
    accounts = session.scalars(statement.order_by(Account.name, Account.id)).all()
    ids = [account.id for account in accounts]
    boroughs = {one.id: one.name for one in session.scalars(select(Borough))}
    by = {account.connected_by for account in accounts}
    people = dict(session.execute(select(Person.id, Person.name).where(Person.id.in_(by))).all())
    followers, measured = _followers(session, ids), _measured(session, ids, now - MEASURED)
    owed = select(Effect.channel_id, func.count()).where(still_open(Effect), Effect.channel_id.in_(ids))
    waiting = dict(session.execute(owed.group_by(Effect.channel_id)).all())
    made = []
    for account in accounts:
        found = findings(account, zone=zone, now=now)
        try:
            reference(account)
        except SecretUnreadable:
            found = [Finding("dead", Level.PROBLEM, "unreadable"), *(one for one in found if one.kind != "dead")]
        made.append(
            Card(
                account,
                found,
                boroughs.get(account.borough_id or 0),
                people.get(account.connected_by or 0),
                followers.get(account.id),
                measured.get(account.id),
                waiting.get(account.id, 0),
                _cannot(descriptor(account.network).capabilities),
            )
        )
    order = [*Level, None]
    return sorted(made, key=lambda card: order.index(card.level))


def findings(account: Account, *, zone: ZoneInfo, now: datetime) -> list[Finding]:
    """What people should know about an account, worst first. Nothing: it works, and all is read."""
    found: list[Finding] = []
    end = account.token_expires_at
    if account.token_lost is not None:
        return [Finding("dead", Level.PROBLEM, account.token_lost, at=account.token_since)]
    if end is not None and end <= now:
        return [Finding("dead", Level.PROBLEM, "expired", at=end)]
    if end is not None and (days := _days(now, end, zone)) <= WARNED_DAYS:
        found.append(Finding("expiring", Level.PROBLEM if days <= URGENT_DAYS else Level.WARNING, at=end, days=days))
    if account.missing:
        found.append(Finding("permission", Level.WARNING, names=tuple(account.missing), at=account.missing_since))
    if account.blocked(now):
        found.append(Finding("blocked", Level.PROBLEM, Pause.BLOCKED, at=account.paused_until))
    elif account.paused(now):
        found.append(Finding("throttled", Level.PAUSE, at=account.paused_until))
    if account.vanished_at is not None:
        found.append(Finding("vanished", Level.PROBLEM, at=account.vanished_at))
    if account.untold:
        found.append(Finding("untold", Level.WARNING, names=tuple(account.untold)))
    if account.refused is not None:
        found.append(Finding("refused", Level.PROBLEM, account.refused, at=account.refused_since))
    elif account.failing_since is not None and now - account.failing_since >= BEHIND:
        found.append(Finding("failing", Level.PROBLEM, account.failing or "", at=account.failing_since))
    elif not account.paused(now) and account.pulled_at is not None and now - account.pulled_at > BEHIND:
        found.append(Finding("behind", Level.WARNING, at=account.pulled_at))
    return sorted(found, key=lambda finding: list(Level).index(finding.level))


def alarms(session: Session, viewer: Viewer, *, zone: ZoneInfo, now: datetime) -> list[tuple[Account, Finding]]:
    """Accounts in the viewer's scope whose token is dead or ends within a week, or which seem to vanish: what the queue
    and the posts say.
    """
    near = and_(Account.token_expires_at.is_not(None), Account.token_expires_at <= now + timedelta(days=ALARMED_DAYS))
    urgent = or_(Account.token_lost.is_not(None), near, Account.vanished_at.is_not(None))
    statement = select(Account).where(urgent)
    accounts = session.scalars(visible(statement, viewer, Action.SEE_ACCOUNTS, Account).order_by(Account.name)).all()
    said = [(account, findings(account, zone=zone, now=now)) for account in accounts]
    return [(account, next(one for one in found if one.kind in ALARMING)) for account, found in said]


def unknown(session: Session) -> list[Unknown]:
    """Accounts that networks speak of and nobody connected, oldest first."""
    statement = (
        select(SetAside.network, SetAside.account_external_id, func.count(), func.min(SetAside.at))
        .where(SetAside.reason == "unroutable", SetAside.settled_at.is_(None))
        .group_by(SetAside.network, SetAside.account_external_id)
        .order_by(func.min(SetAside.id))
    )
    return [Unknown(network, name or "", count, since) for network, name, count, since in session.execute(statement)]


def unreadable(session: Session) -> tuple[int, int]:
    """How many changes, and how many whole deliveries, are kept because nobody could read them."""
    changes = select(func.count()).where(SetAside.reason != "unroutable", SetAside.settled_at.is_(None))
    whole = select(func.count()).where(Delivery.state == DeliveryState.UNREADABLE, Delivery.raw.is_not(None))
    return session.scalar(changes) or 0, session.scalar(whole) or 0


def _days(now: datetime, end: datetime, zone: ZoneInfo) -> int:
    """Nights between the two, as the city's calendar counts them: 0 is today."""
    return (end.astimezone(zone).date() - now.astimezone(zone).date()).days


def _cannot(capabilities: Capabilities) -> dict[str, frozenset[OperationKind]]:
    reasons: dict[str, set[OperationKind]] = defaultdict(set)
    for kind in OperationKind:
        if kind not in capabilities.operations:
            reasons[capabilities.why_not.get(kind, "not_supported")].add(kind)
    return {reason: frozenset(kinds) for reason, kinds in reasons.items()}


def _followers(session: Session, ids: Sequence[int]) -> dict[int, AccountFigures]:
    """The last row of each account."""
    statement = select(AccountFigures).where(AccountFigures.account_id.in_(ids), is_newest(AccountFigures))
    return {one.account_id: one for one in session.scalars(statement)}


def _measured(
    session: Session, ids: Sequence[int], since: datetime
) -> dict[int, Row[int, int, int | None, int | None, int | None, int | None]]:
    """Sums of the last row of each post written since then."""
    statement = (
        select(
            SourcePost.account_id,
            func.count().label("posts"),
            func.sum(PostFigures.reach).label("reach"),
            func.sum(PostFigures.reactions).label("reactions"),
            func.sum(PostFigures.comments).label("comments"),
            func.sum(PostFigures.shares).label("shares"),
        )
        .join(PostFigures, PostFigures.source_post_id == SourcePost.id)
        .where(SourcePost.account_id.in_(ids), SourcePost.created_at >= since, is_newest(PostFigures))
        .group_by(SourcePost.account_id)
    )
    return {row.account_id: row for row in session.execute(statement)}

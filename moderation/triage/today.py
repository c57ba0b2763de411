"""What a manager asks during the day: does the queue hold, who carries what, what waits for a second person, how
the day closes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Integer, Select, cast, extract, func, literal_column, select
from sqlalchemy.orm import Session, joinedload

from models.comments import Comment
from models.decisions import Decision, Proposal
from models.items import Claim, Item, in_state
from models.people import Person
from models.scope import Action, Viewer, visible
from models.vocabulary import DecisionKind, ItemState
from moderation.triage import listing, proposals
from moderation.triage.listing import Counts

QUARTER = timedelta(minutes=15)
MOST_DELAYS = 5000
"""Decisions of a day of which the median is taken: the last ones."""
SHOWN = 50
"""Proposals that are listed, the oldest ones."""


@dataclass(frozen=True)
class Quarter:
    """A quarter of an hour: what came, and what was decided."""

    start: datetime
    arrived: int
    decided: int


@dataclass(frozen=True)
class Load:
    """What one person has decided today, has open now, and is to do."""

    person_id: int
    name: str
    decided: int
    open: int
    assigned: int


@dataclass(frozen=True)
class Closing:
    """How the day closes: what was decided, how many 311 requests of it, how long the comments had waited (None: none
    was decided), and since when the oldest one waits (None: none does).
    """

    decided: int
    requests: int
    median: timedelta | None
    oldest: datetime | None


@dataclass(frozen=True)
class Today:
    """All of it, within one viewer's scope."""

    counts: Counts
    nobodys: int
    """Those that wait and are assigned to nobody."""
    near: int
    """Those whose time to be answered comes near its end."""
    quarters: Sequence[Quarter]
    loads: Sequence[Load]
    awaiting: Sequence[Proposal]
    """What waits for a second person, the oldest first."""
    closing: Closing


def today(session: Session, viewer: Viewer, zone: ZoneInfo, *, now: datetime) -> Today:
    """The day since midnight on the clocks of the City."""
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    several = [listing.Filter(assignee_id=listing.NOBODY), listing.Filter(due=listing.NEAR)]
    nobodys, near = listing.each(session, viewer, several, now=now)
    return Today(
        counts=listing.counts(session, viewer, now=now),
        nobodys=nobodys,
        near=near,
        quarters=_quarters(session, viewer, midnight, now=now),
        loads=_loads(session, viewer, midnight, now=now),
        awaiting=_awaiting(session, viewer),
        closing=closing(session, viewer, midnight, now=now),
    )


def closing(
    session: Session, viewer: Viewer, since: datetime, *, now: datetime, person_id: int | None = None
) -> Closing:
    """How the day closes for what the viewer sees; of one person's decisions alone, where `person_id` names them."""
    made = select(Decision.kind, Decision.at, Comment.received_at)
    if person_id is not None:
        made = made.where(Decision.person_id == person_id)
    rows = session.execute(_standing(made, viewer, since).order_by(Decision.at.desc()).limit(MOST_DELAYS)).all()
    waits = select(func.min(Item.queued_at)).where(in_state(Item, ItemState.WAITING), Item.queued_at <= now)
    return Closing(
        decided=len(rows),
        requests=sum(kind == DecisionKind.REQUEST for kind, _, _ in rows),
        median=median(at - received for _, at, received in rows) if rows else None,
        oldest=session.scalar(visible(waits, viewer, Action.SEE_COMMENTS, Item)),
    )


# -------------------------------------------------------------------------------------------------------------------


def _standing(statement: Select, viewer: Viewer, since: datetime) -> Select:  # type: ignore[type-arg]
    """Decisions since then that nobody took back."""
    undone = select(Decision.cancels_id).where(Decision.cancels_id.is_not(None), Decision.at >= since)
    statement = statement.join(Comment, Comment.id == Decision.comment_id).where(
        Decision.at >= since, Decision.kind != DecisionKind.CANCEL, Decision.id.not_in(undone)
    )
    return visible(statement, viewer, Action.SEE_COMMENTS, Comment)


def _quarters(session: Session, viewer: Viewer, midnight: datetime, *, now: datetime) -> list[Quarter]:
    """From the first quarter in which something happened to this one."""
    came = select(_quarter(session, Comment.received_at), func.count()).where(
        Comment.received_at >= midnight, Comment.by_city.is_(False)
    )
    came = visible(came, viewer, Action.SEE_COMMENTS, Comment).group_by(_quarter(session, Comment.received_at))
    made: Select = select(_quarter(session, Decision.at), func.count())  # type: ignore[type-arg]
    made = _standing(made, viewer, midnight).group_by(_quarter(session, Decision.at))
    arrived, decided = (Counter({int(place): n for place, n in session.execute(one)}) for one in (came, made))
    last = int(now.timestamp() // QUARTER.total_seconds())
    first = min((*arrived, *decided), default=last)
    return [
        Quarter(datetime.fromtimestamp(place * QUARTER.total_seconds(), UTC), arrived[place], decided[place])
        for place in range(first, last + 1)
    ]


def _quarter(session: Session, column: Any) -> ColumnElement[int]:
    """The number of a moment's quarter of an hour, counted from 1970."""
    # Written out: of a value that is given twice, no database knows that it groups by what it selects.
    seconds: ColumnElement[int] = literal_column(str(int(QUARTER.total_seconds())), Integer)
    if session.get_bind().dialect.name == "postgresql":
        return cast(func.floor(extract("epoch", column) / seconds), Integer)
    return cast(func.strftime(literal_column("'%s'"), column), Integer) // seconds


def _loads(session: Session, viewer: Viewer, midnight: datetime, *, now: datetime) -> list[Load]:
    made: Select = select(Decision.person_id, func.count())  # type: ignore[type-arg]
    opened = select(Claim.person_id, func.count()).join(Item, Item.id == Claim.item_id).where(Claim.until > now)
    given = select(Item.assignee_id, func.count()).where(
        in_state(Item, ItemState.WAITING), Item.assignee_id.is_not(None)
    )
    counted = [
        {person_id: count for person_id, count in session.execute(statement)}  # noqa: C416  # Rows are not pairs.
        for statement in (
            _standing(made, viewer, midnight).group_by(Decision.person_id),
            visible(opened, viewer, Action.SEE_COMMENTS, Item).group_by(Claim.person_id),
            visible(given, viewer, Action.SEE_COMMENTS, Item).group_by(Item.assignee_id),
        )
    ]
    people = select(Person.id, Person.name).where(Person.id.in_(set().union(*counted))).order_by(Person.name, Person.id)
    return [Load(one, name, *(count.get(one, 0) for count in counted)) for one, name in session.execute(people)]


def _awaiting(session: Session, viewer: Viewer) -> Sequence[Proposal]:
    statement = (
        proposals.whole()
        .join(Comment, Comment.id == Proposal.comment_id)
        .join(Item, Item.comment_id == Comment.id)
        .options(joinedload(Proposal.comment))
        .where(Proposal.answered_by_id.is_(None), Proposal.comment_version == Comment.version)
        .where(in_state(Item, ItemState.WAITING))
        .order_by(Proposal.at, Proposal.id)
        .limit(SHOWN)
    )
    return session.scalars(visible(statement, viewer, Action.SEE_COMMENTS, Comment)).all()

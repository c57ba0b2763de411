"""Which items a list holds, in which order, and how many: the statements behind the queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    bindparam,
    exists,
    false,
    func,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from models.base import Id, UtcDateTime
from models.comments import Comment
from models.decisions import Decision
from models.items import Item, in_state
from models.keyset import Keyset
from models.scope import Action, Viewer, visible
from models.search import FEW, few, said
from models.vocabulary import DecisionKind, ItemState
from moderation import items

DANGER = items.DANGER
URGENCIES = (DANGER, 1, 0)
"""Immediate danger, the same day, everything else: the order of the queue."""
NOBODY = 0
"""As an assignee: of those that are nobody's."""

MOST_URGENT = Keyset(Item.urgency, Item.queued_at, Item.id)
"""The place of an item that waits; `_first` says in which order."""
NEWEST = Keyset(Item.handled_at, Item.id, descending=True)
"""Of handled items: the last handled first."""

PAST, NEAR = "past", "near"
"""Of the time by which something should be answered."""

MOST_COUNTED = 1000
"""Counts are computed, and stop here: the page then says 999+."""


@dataclass(frozen=True)
class Filter:
    """What the list is narrowed to; every field is in the page's URL."""

    state: ItemState = ItemState.WAITING
    account_id: int | None = None
    source_post_id: int | None = None
    urgency: int | None = None
    snoozed: bool = False
    """Of those that wait: what is put off, and comes back later, instead of what waits now."""
    due: str = ""
    """Of those that wait: `PAST` their time to be answered, or `NEAR` it."""
    assignee_id: int | None = None
    """Whose it is, or `NOBODY`'s."""
    intention: str | None = None
    suggestion: str | None = None
    """What is proposed for it (`suggestion.proposed`)."""
    decision: str | None = None
    """What was decided about it, and stands."""
    words: str = ""
    gathered: bool = False
    """Without those that stand in the line of an event; immediate dangers stand by themselves too."""


@dataclass(frozen=True)
class Counts:
    """How many wait, how many of them are immediate dangers, the viewer’s own or late, and how many are put off; each
    at most `MOST_COUNTED`.
    """

    waiting: int
    danger: int
    snoozed: int = 0
    mine: int = 0
    late: int = 0


def counts(session: Session, viewer: Viewer, *, now: datetime) -> Counts:
    """How much waits, within the viewer's scope; one query."""
    mine = Filter(assignee_id=viewer.person_id or -1)
    several = (Filter(gathered=True), Filter(urgency=DANGER), Filter(snoozed=True), mine, Filter(due=PAST))
    return Counts(*_counts(session, viewer, several, now=now))


def found(session: Session, viewer: Viewer, wanted: Filter, *, now: datetime) -> tuple[int, int]:
    """How many a filter finds among those that wait, and among handled ones; each at most `MOST_COUNTED`."""
    several = (replace(wanted, state=ItemState.WAITING), replace(wanted, state=ItemState.HANDLED))
    waiting, handled = _counts(session, viewer, several, now=now)
    return waiting, handled


def each(session: Session, viewer: Viewer, several: Sequence[Filter], *, now: datetime) -> list[int]:
    """How many each filter finds, at most `MOST_COUNTED`: one query for all that look for no words and for the same
    person's items, if they look for somebody's.
    """
    together: dict[tuple[object, ...], list[int]] = {}
    for place, one in enumerate(several):
        alone = (place,) if one.words else ()
        together.setdefault((one.assignee_id or None, *alone), []).append(place)
    # What looks for nobody's in particular is counted with any of the others.
    nobodys = together.pop((None,), [])
    if nobodys:
        others = next((places for key, places in together.items() if len(key) == 1), None)
        if others is None:
            together[None,] = nobodys
        else:
            others += nobodys
    found = [0] * len(several)
    for places in together.values():
        counted = _counts(session, viewer, [several[place] for place in places], now=now)
        for place, count in zip(places, counted, strict=True):
            found[place] = count
    return found


def _counts(session: Session, viewer: Viewer, several: Sequence[Filter], *, now: datetime) -> Sequence[int]:
    """How many each filter finds. They differ in neither words nor assignees, if they name any."""
    few_have = next((_few(session, one) for one in several if one.words), None)
    assignee = next((one.assignee_id for one in several if one.assignee_id), None)
    statement = _counting(viewer.sight, tuple(_shape(one) for one in several), few_have, MOST_COUNTED)
    return session.execute(statement, {"now": now, "assignee": assignee}).one()


# -------------------------------------------------------------------------------------------------------------------


# Which items, in which order: statements that are made once for all who see the same, because to make one takes longer
# than to have it executed.
def walk(
    session: Session, viewer: Viewer, wanted: Filter, place: tuple[Any, ...] | None, *, now: datetime
) -> tuple[Select, dict[str, Any]]:  # type: ignore[type-arg]
    """Places of the first items behind a place, and what the statement is given with its `limit`."""
    scope, shape, few_have = viewer.sight, _shape(wanted), _few(session, wanted)
    given: dict[str, Any] = {"now": now, "assignee": wanted.assignee_id}
    if place is not None:
        given |= {"at": place[-2], "id": place[-1]}
    if wanted.state == ItemState.HANDLED:
        return _newest(scope, shape, few_have, placed=place is not None), given
    return _first(scope, shape, few_have, None if place is None else place[0]), given


def _shape(wanted: Filter) -> Filter:
    """What makes the statement another one: whose items are meant is given to it."""
    return replace(wanted, assignee_id=wanted.assignee_id and -1)


def _few(session: Session, wanted: Filter) -> Select[int] | None:
    """The comments that have the words looked for, where they are few."""
    return few(session, wanted.words) if wanted.words.strip() else None


@lru_cache(maxsize=128)
def _first(viewer: Viewer, wanted: Filter, few_have: Select[int] | None, level: int | None) -> Select:  # type: ignore[type-arg]
    """Those that wait, behind a place of an urgency (None: from the beginning). No index is walked down one column and
    up the next, so each urgency gives its own first ones, by one walk of the index each.
    """
    walks = []
    for urgency in URGENCIES:
        if (level is not None and urgency > level) or wanted.urgency not in (None, urgency):
            continue
        item = _narrowed(wanted, few_have)
        walk = select(item.id, item.urgency, item.queued_at).where(item.urgency == urgency)
        if urgency == level:
            walk = walk.where(tuple_(item.queued_at, item.id) > tuple_(_AT, _ID))
        walk = _filtered(walk, viewer, wanted, item, few_have).order_by(item.queued_at, item.id).limit(_LIMIT)
        walks.append(select(walk.subquery()))
    if not walks:
        return select(Item.id, Item.urgency, Item.queued_at).where(false())
    together = union_all(*walks).subquery()
    place = together.c
    return select(together).order_by(place.urgency.desc(), place.queued_at, place.id).limit(_LIMIT)


@lru_cache(maxsize=128)
def _newest(viewer: Viewer, wanted: Filter, few_have: Select[int] | None, *, placed: bool) -> Select:  # type: ignore[type-arg]
    """Handled ones."""
    item = _narrowed(wanted, few_have)
    walk = _filtered(select(item.id, item.handled_at), viewer, wanted, item, few_have)
    if placed:
        walk = walk.where(tuple_(item.handled_at, item.id) < tuple_(_AT, _ID))
    return walk.order_by(item.handled_at.desc(), item.id.desc()).limit(_LIMIT)


@lru_cache(maxsize=128)
def _counting(viewer: Viewer, several: tuple[Filter, ...], few_have: Select[int] | None, most: int) -> Select:  # type: ignore[type-arg]
    counted = []
    for wanted in several:
        item = _narrowed(wanted, few_have)
        inner = _filtered(select(item.id), viewer, wanted, item, few_have)
        if wanted.state == ItemState.WAITING and wanted.urgency is None and not wanted.due:
            # Their order begins with it: by each urgency, only the part of the index on one side of now is met.
            inner = inner.where(item.urgency.in_(URGENCIES))
        counted.append(select(func.count()).select_from(inner.limit(most).subquery()).scalar_subquery())
    return select(*counted)


_LIMIT = bindparam("limit", type_=Integer())
_NOW, _ASSIGNEE = bindparam("now", type_=UtcDateTime()), bindparam("assignee", type_=Id)
_AT, _ID = bindparam("at", type_=UtcDateTime()), bindparam("id", type_=Id)


def _narrowed(wanted: Filter, few_have: Select[int] | None) -> Any:
    """Items, or those few of them that have the words, or that are late; the limit, and the offset, keep databases from
    walking all the others in their order instead.
    """
    if few_have is not None:
        return aliased(Item, select(Item).where(Item.comment_id.in_(few_have)).limit(FEW + 1).subquery())
    if wanted.due and wanted.state == ItemState.WAITING:
        late = select(Item).where(in_state(Item, ItemState.WAITING), *_due(wanted.due, Item))
        return aliased(Item, late.offset(0).subquery())
    return Item


def _filtered(statement: Select, viewer: Viewer, wanted: Filter, item: Any, few_have: Select[int] | None) -> Select:  # type: ignore[type-arg]
    statement = visible(statement, viewer, Action.SEE_COMMENTS, item).where(in_state(item, wanted.state))
    if wanted.account_id is not None:
        statement = statement.where(item.account_id == wanted.account_id)
    if wanted.state == ItemState.WAITING:
        statement = statement.where(item.queued_at > _NOW if wanted.snoozed else item.queued_at <= _NOW)
        statement = statement.where(*_due(wanted.due, item))
    if wanted.urgency is not None:
        statement = statement.where(item.urgency == wanted.urgency)
    if wanted.assignee_id is not None:
        nobodys = wanted.assignee_id == NOBODY
        statement = statement.where(item.assignee_id.is_(None) if nobodys else item.assignee_id == _ASSIGNEE)
    if wanted.gathered and not any(grant.account_id for grant in viewer.grants):
        # Whoever has one account alone sees no event.
        statement = statement.where(or_(item.incident_id.is_(None), item.urgency == DANGER))
    if wanted.intention:
        statement = statement.where(item.intention == wanted.intention)
    if wanted.suggestion:
        statement = statement.where(item.suggestion == wanted.suggestion)
    many_have = bool(wanted.words.strip()) and few_have is None
    # What the city itself wrote waits for nobody, but is handled.
    if wanted.state != ItemState.WAITING or wanted.source_post_id is not None or wanted.decision or many_have:
        statement = statement.join(Comment, Comment.id == item.comment_id).where(Comment.by_city.is_(False))
    if wanted.source_post_id is not None:
        statement = statement.where(Comment.source_post_id == wanted.source_post_id)
    if wanted.decision:
        statement = statement.where(exists(stands(Decision.kind == wanted.decision).correlate(Comment)))
    return statement.where(said(wanted.words)) if many_have else statement


def _due(due: str, item: Any) -> list[ColumnElement[bool]]:
    """Of the time by which an item should be answered."""
    if due == PAST:
        return [item.answer_by <= _NOW]
    return [item.warn_at <= _NOW, item.answer_by > _NOW] if due == NEAR else []


def stands(*more: ColumnElement[bool]) -> Select[int]:
    """The decisions about a comment that nobody took back."""
    undoing = aliased(Decision)
    taken_back = exists().where(undoing.cancels_id == Decision.id)
    about = Decision.comment_id == Comment.id, Decision.kind != DecisionKind.CANCEL, ~taken_back
    return select(Decision.id).where(*about, *more)

"""An immediate danger reaches somebody outside Parvis: whoever is on call, then the next one, until somebody answers.

Who is told hears of it as of anything else (`models/notices.py`), but the letter waits for nothing and for no choice of
theirs (`administration/mailing.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, or_, select
from sqlalchemy.orm import Session, joinedload

from models import audit, notices
from models.alarms import Alarm, OnCall
from models.errors import Refused
from models.items import Item, in_state
from models.notices import Notice
from models.people import Person
from models.scope import Action, Viewer, reads, staff
from models.session import Database, take_turn, upsert
from models.text import cleaned
from models.vocabulary import ItemState, NoticeKind, Role
from moderation.items import DANGER
from moderation.triage import deciding

ROUNDS = 3
"""How many times each is told; after that it stays on top of the queue, as nobody's."""
LONGEST_PHONE = 40


@dataclass(frozen=True)
class Told:
    """Somebody who was told of an alarm."""

    name: str
    phone: str | None
    at: datetime
    seen: bool


# ------------------------------------------------------------------------------------------ who is on call
def roster(session: Session) -> Sequence[OnCall]:
    """Who is on call, in the order in which they are told."""
    statement = select(OnCall).options(joinedload(OnCall.person)).join(Person).where(Person.active)
    return session.scalars(statement.order_by(OnCall.place, OnCall.id)).all()


def candidates(session: Session) -> list[Viewer]:
    """Who may be on call: those who see every comment of the City and may answer for one."""
    everywhere = {"borough_id": None, "account_id": None}
    return [
        one
        for one in staff(session)
        if one.may_on(Action.SEE_COMMENTS, **everywhere) and one.may_on(Action.WRITE_NOTES, **everywhere)
    ]


def set_roster(session: Session, viewer: Viewer, wanted: Sequence[tuple[int, str]], *, now: datetime) -> None:
    """Who is on call from now on: ids of people in their order, each with a telephone or none.

    Refused: `on_call_twice`, `on_call_who` (they do not see every comment), `phone_too_long`.
    """
    ids = [person_id for person_id, _ in wanted]
    if len(set(ids)) < len(ids):
        raise Refused("on_call_twice", field="person")
    if not set(ids) <= {one.person_id for one in candidates(session)}:
        raise Refused("on_call_who", field="person")
    phones = [cleaned(phone) or None for _, phone in wanted]
    if any(phone and len(phone) > LONGEST_PHONE for phone in phones):
        raise Refused("phone_too_long", field="phone", most=str(LONGEST_PHONE))
    take_turn(session, "on_call")
    session.execute(delete(OnCall))
    session.add_all(
        OnCall(person_id=person_id, place=place, phone=phone)
        for place, (person_id, phone) in enumerate(zip(ids, phones, strict=True))
    )
    audit.note(session, "oncall.set", "city", now=now, person_id=viewer.person_id, people=ids)


# ------------------------------------------------------------------------------------------ an alarm
def current(session: Session, item: Item) -> Alarm | None:
    """The last alarm of an item, with who answered it; None: there was none."""
    statement = select(Alarm).options(joinedload(Alarm.answered_by)).where(Alarm.item_id == item.id)
    return session.scalar(statement.order_by(Alarm.id.desc()).limit(1))


def told(session: Session, alarm: Alarm, call: int | None = None) -> list[Told]:
    """Who was told of it, in that order, each the last time; or in one of its calls."""
    statement = (
        select(Person.name, OnCall.phone, Notice.at, Notice.seen_at)
        .select_from(Notice)
        .join(Person, Person.id == Notice.person_id)
        .outerjoin(OnCall, OnCall.person_id == Person.id)
        .where(Notice.alarm_id == alarm.id)
        .order_by(Notice.id)
    )
    if call is not None:
        statement = statement.where(Notice.key == _key(alarm, call))
    last = {name: Told(name, phone, at, seen is not None) for name, phone, at, seen in session.execute(statement)}
    return sorted(last.values(), key=lambda one: one.at)


def answer(session: Session, viewer: Viewer, comment_id: int, *, now: datetime) -> Alarm:
    """The viewer sees to it: nobody else is told. A second time is no other effect.

    Refused: `no_alarm`, `alarm_answered` (names who was faster).
    """
    _, item = deciding.load(session, viewer, comment_id, Action.WRITE_NOTES)
    who = deciding.acting(viewer)
    alarm = current(session, item) if item is not None else None
    if alarm is None or (alarm.ended_at is not None and alarm.answered_by_id is None):
        raise Refused("no_alarm")
    if alarm.answered_by_id is not None:
        if alarm.answered_by_id != who:
            raise Refused("alarm_answered", by=alarm.answered_by.name if alarm.answered_by else "–")
        return alarm
    alarm.answered_by_id = who
    _end(session, alarm, now=now)
    audit.note(session, "alarm.answered", f"comment:{comment_id}", now=now, person_id=who, alarm=alarm.id)
    return alarm


def call_due(database: Database, patience: timedelta, *, now: datetime) -> int:
    """End the alarms whose comment was decided, raise one for each immediate danger that has none, and tell the next
    one of those that nobody answered within `patience`; gives how many people were told.
    """
    with database.read() as session:
        raised, unanswered, over = (session.scalars(one).all() for one in (_new(), _unanswered(now), _over()))
    for alarm_id in over:
        with database.write() as session:
            alarm = _held(session, alarm_id)
            if alarm.ended_at is None:
                _end(session, alarm, now=now)
    calls = 0
    for item_id in raised:
        with database.write() as session:
            calls += _raise(session, item_id, patience, now=now)
    for alarm_id in unanswered:
        with database.write() as session:
            alarm = _held(session, alarm_id)
            if alarm.ended_at is None and alarm.next_at is not None and alarm.next_at <= now:
                calls += _call(session, alarm, patience, now=now)
    return calls


# -------------------------------------------------------------------------------------------------------------------
_DANGER = and_(in_state(Item, ItemState.WAITING), Item.urgency == DANGER)


def _new() -> Any:
    # One that came back to the queue since (its author wrote something else) is another.
    since = exists().where(Alarm.item_id == Item.id, or_(Alarm.ended_at.is_(None), Alarm.raised_at >= Item.queued_at))
    return select(Item.id).where(_DANGER, ~since).order_by(Item.id)


def _unanswered(now: datetime) -> Any:
    return select(Alarm.id).where(Alarm.ended_at.is_(None), Alarm.next_at <= now).order_by(Alarm.id)


def _over() -> Any:
    decided: ColumnElement[bool] = or_(
        Item.state == ItemState.HANDLED, and_(Item.state == ItemState.WAITING, Item.urgency < DANGER)
    )
    return select(Alarm.id).join(Item, Item.id == Alarm.item_id).where(Alarm.ended_at.is_(None), decided)


def _held(session: Session, alarm_id: int) -> Alarm:
    return session.scalars(select(Alarm).where(Alarm.id == alarm_id).with_for_update()).one()


def _raise(session: Session, item_id: int, patience: timedelta, *, now: datetime) -> int:
    row = {"item_id": item_id, "raised_at": now, "calls": 0}
    statement = upsert(session, Alarm).values(row).on_conflict_do_nothing().returning(Alarm.id)
    alarm_id = session.scalar(statement)
    if alarm_id is None:
        return 0  # Another worker was faster.
    return _call(session, _held(session, alarm_id), patience, now=now)


def _call(session: Session, alarm: Alarm, patience: timedelta, *, now: datetime) -> int:
    """Tell the next one; gives how many were told."""
    item = session.get_one(Item, alarm.item_id)
    turns = _turns(session, item)
    people = turns[alarm.calls % len(turns)] if turns else []
    alarm.calls += 1
    alarm.next_at = now + patience if alarm.calls < ROUNDS * len(turns) else None
    key = _key(alarm, alarm.calls)
    notices.tell(session, NoticeKind.DANGER, people, key=key, by_id=None, alarm_id=alarm.id, now=now)
    audit.note(session, "alarm.called", f"comment:{item.comment_id}", now=now, person_id=None, people=people)
    return len(people)


def _key(alarm: Alarm, call: int) -> str:
    return f"alarm:{alarm.id}:{call}"


def _turns(session: Session, item: Item) -> list[list[int]]:
    """Who is told, one turn after the other: each who is on call; where nobody is, all managers who see it at once."""
    scope = {"borough_id": item.borough_id, "account_id": item.account_id}
    seeing = (one for one in staff(session) if one.may_on(Action.SEE_COMMENTS, **scope))
    able = {one.person_id: one for one in seeing if reads(one, private=item.private, **scope)}
    on_call = [[one.person_id] for one in roster(session) if one.person_id in able]
    managers = [one.person_id for one in able.values() if one.person_id is not None and Role.MANAGER in one.roles]
    return on_call or ([managers] if managers else [])


def _end(session: Session, alarm: Alarm, *, now: datetime) -> None:
    alarm.ended_at, alarm.next_at = now, None
    notices.forget(session, (NoticeKind.DANGER,), alarm_id=alarm.id)

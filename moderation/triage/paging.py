"""An immediate danger reaches the city's pager too: each call to whoever is on call, and its end.

An alert holds no words of the comment. It is owed as any call is; since a pager knows an alert by its key, one whose
answer is lost is given again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session, joinedload

from connectors.alerts import Alert, Receiver
from connectors.base import Receipt
from models import channels, work
from models.alarms import Alarm, Pager
from models.effects import Effect
from models.errors import Gone
from models.session import Database
from models.vocabulary import EffectState, OperationKind, Outcome
from models.work import EffectHandler, Task
from moderation.triage import oncall

LATE = timedelta(hours=1)
"""An alert that could not leave for so long says nothing that is still of use."""
CALLED, ENDED = "danger.called", "danger.ended"

Words = Callable[[Sequence[str]], str]
"""What a pager shows of a call, with the names of whoever is called."""


def owe_due(database: Database, address: str | None, *, now: datetime) -> int:
    """Owe the alerts that are due to the pager of the settings (None: there is none); gives how many."""
    if address is None:
        return 0
    with database.read() as session:
        waiting = session.scalars(select(Alarm.id).where(_due()).order_by(Alarm.id)).all()
    made = 0
    for alarm_id in waiting:
        with database.write() as session:
            alarm = session.scalars(select(Alarm).where(Alarm.id == alarm_id, _due()).with_for_update()).one_or_none()
            if alarm is not None:  # No other worker was faster.
                _owe(session, channels.at_address(session, Pager, address, now=now), alarm, now=now)
                made += 1
    return made


def effect_handler(
    database: Database, pager_of: Callable[[int], Receiver], words: Words, link: Callable[[int], str]
) -> EffectHandler:
    """The outbox's part about alerts. `pager_of` opens the connector of a pager by its id; `link` leads to a comment
    by its id.
    """

    def send(task: Task) -> Receipt:
        with database.read() as session:
            alert = _alert(session, task, words, link)
        return pager_of(task.channel_id).send(alert)

    def find(_task: Task, _taken: Collection[str]) -> Receipt | None:
        return None  # A pager is not asked: given again, it is no second alert.

    return EffectHandler(frozenset({OperationKind.ALERT}), send=send, find=find, record=_record)


def last(session: Session) -> Effect | None:
    """The newest alert that was given, or refused; None: none was. What nobody needs to hear any more is none."""
    statement = select(Effect).where(Effect.operation == OperationKind.ALERT, Effect.first_sent_at.is_not(None))
    statement = statement.where(Effect.outcome.is_distinct_from(Outcome.GONE))
    return session.scalar(statement.order_by(Effect.id.desc()).limit(1))


# -------------------------------------------------------------------------------------------------------------------
def _due() -> ColumnElement[bool]:
    called = Alarm.ended_at.is_(None) & (Alarm.calls > Alarm.paged)
    over = Alarm.ended_at.is_not(None) & (Alarm.paged > 0) & ~Alarm.end_paged
    return or_(called, over)


def _owe(session: Session, pager_id: int, alarm: Alarm, *, now: datetime) -> None:
    over = alarm.ended_at is not None
    if over:
        alarm.end_paged = True
    else:
        alarm.paged = alarm.calls
    work.enqueue(
        session,
        key=f"page:{alarm.id}:{'end' if over else alarm.calls}",
        operation=OperationKind.ALERT,
        channel_id=pager_id,
        target=f"alarm:{alarm.id}",
        payload={"alarm_id": alarm.id, "call": None if over else alarm.calls},
        due_at=now,
        late_at=now + LATE,
    )


def _alert(session: Session, task: Task, words: Words, link: Callable[[int], str]) -> Alert:
    """What is to be told. Gone: a call that somebody has answered by now."""
    loaded = joinedload(Alarm.answered_by), joinedload(Alarm.item)
    alarm = session.get_one(Alarm, task.payload["alarm_id"], options=loaded)
    data = {"alarm": alarm.id, "link": link(alarm.item.comment_id or 0)}
    if task.payload["call"] is None:
        by = alarm.answered_by.name if alarm.answered_by else None
        return Alert(task.key, ENDED, alarm.ended_at or alarm.raised_at, data | {"answered_by": by})
    if alarm.ended_at is not None:
        raise Gone
    names = [one.name for one in oncall.told(session, alarm, task.payload["call"])]
    data |= {"call": task.payload["call"], "people": names, "summary": words(names)}
    return Alert(task.key, CALLED, alarm.raised_at, data)


def _record(session: Session, effect: Effect, now: datetime) -> None:
    if effect.state == EffectState.DONE:
        pager = channels.lock(session, Pager, effect.channel_id)
        channels.record_reading(pager, asked_at=effect.sent_at or now, now=now)

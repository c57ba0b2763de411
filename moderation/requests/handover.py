"""Requests are handed over to the outside 311 of the city, where there is one: each of them once, and its number there
becomes the only one that citizens see.

Locks are taken in this order, by everybody: the effect that carries a request, the replies that wait for its number,
the request, its comments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session, joinedload

from connectors.base import Receipt
from connectors.desks import NUMBER, TOKEN, Answer, Desk, Submission
from models import audit, channels, work
from models import desks as tables
from models.attributes import asked
from models.decisions import Decision
from models.desks import Handover
from models.effects import Effect, still_open
from models.errors import NotFound, Refused, Rejected, Transient
from models.items import DraftReply
from models.mail import MailServer
from models.requests311 import RequestChange, Service, ServiceRequest
from models.scope import Action, Viewer, visible
from models.session import Database, take_turn
from models.text import cleaned
from models.vocabulary import (
    DecisionKind,
    DraftState,
    EffectState,
    HandoverState,
    OperationKind,
    RequestNature,
    RequestStatus,
    StepBy,
)
from models.work import EffectHandler, Task

SOON = timedelta(seconds=30)
"""How soon a desk is asked about what it has just taken."""
WITHOUT_NUMBER = timedelta(days=1)
"""How long words that give a number wait for the desk to say it; then a person says what becomes of them."""
AT_ONCE = 100
"""Requests that one look takes up."""
BLANK = "{numero}"


@dataclass(frozen=True)
class Given:
    """The desk that the settings name; `key_print` tells one key from the next."""

    url: str
    key_print: str | None


def waits(session: Session) -> bool:
    """Whether a request has yet to be looked at."""
    return session.scalar(select(ServiceRequest.id).where(ServiceRequest.hand_over).limit(1)) is not None


def desk_changed(session: Session, given: Given) -> bool:
    """Whether the settings name another desk, or another key, than is kept."""
    same = tables.Desk.key_print.is_not_distinct_from(given.key_print)
    return session.scalar(select(tables.Desk.id).where(tables.Desk.url == given.url, same)) is None


def keep_desk(session: Session, given: Given, *, now: datetime) -> int:
    """The desk that the settings name, made where it is new; another key ends what was said of the one before."""
    take_turn(session, "desk")
    desk = session.scalar(select(tables.Desk).where(tables.Desk.url == given.url))
    if desk is None:
        desk = tables.Desk(
            url=given.url, key_print=given.key_print, token_since=now, created_at=now, services_due_at=now
        )
        session.add(desk)
        session.flush()
    elif desk.key_print != given.key_print:
        desk = channels.lock(session, tables.Desk, desk.id)
        desk.key_print = given.key_print
        channels.replace_token(desk, (), now=now)
    return desk.id


def hand_over_due(
    session: Session, desk_id: int | None, *, mail_id: int | None = None, now: datetime, undo: timedelta
) -> int:
    """Owe the desk, or the mail server where a unit gets letters, the requests that nobody has looked at yet (None:
    there is none); gives how many were looked at.

    What was opened before there was a desk stays; so does what asks for no work.
    """
    statement = select(ServiceRequest).where(ServiceRequest.hand_over).order_by(ServiceRequest.id).limit(AT_ONCE)
    statement = statement.options(joinedload(ServiceRequest.service))
    found = session.scalars(statement.with_for_update(of=ServiceRequest, key_share=True, skip_locked=True)).all()
    since = session.get_one(tables.Desk, desk_id).created_at if desk_id is not None else None
    for request in found:
        request.hand_over = False
        if not _goes(request) or request.outside_number:
            continue
        # A unit that gets letters has a system of its own: no desk takes its requests.
        by_mail, channel_id = request.service.mail is not None, desk_id
        if by_mail:
            channel_id = mail_id
        elif since is not None and request.opened_at < since:
            continue
        if channel_id is None:
            continue
        handover = Handover(request_id=request.id, desk_id=None if by_mail else desk_id, sent=1)
        session.add(handover)
        _owe(session, handover, channel_id, due_at=max(now, request.opened_at + undo))
    return len(found)


def _goes(request: ServiceRequest) -> bool:
    """Whether it asks for work, which another system may do."""
    return request.nature == RequestNature.REQUEST and request.status != RequestStatus.CANCELLED


def _owe(session: Session, handover: Handover, channel_id: int, *, due_at: datetime) -> None:
    operation = OperationKind.SUBMIT if handover.desk_id is not None else OperationKind.SUBMIT_MAIL
    effect = work.enqueue(
        session,
        key=f"{operation}:request:{handover.request_id}:{handover.sent}",
        operation=operation,
        channel_id=channel_id,
        target=f"request:{handover.request_id}",
        # Its words are read as it leaves: here they would be one copy more to dispose of.
        payload={"request_id": handover.request_id},
        due_at=due_at,
    )
    handover.effect_id = effect.id


# ------------------------------------------------------------------------------------------------------- the outbox
def effect_handler(database: Database, desk_of: Callable[[int], Desk]) -> EffectHandler:
    """The outbox's part about desks. `desk_of` opens the connector of a desk by its id."""

    def send(task: Task) -> Receipt:
        submission = _submission(database, task)
        if not submission.address and submission.latitude is None:
            # The standard takes nothing without a place, and none is made up.
            raise Rejected("place_missing")
        return desk_of(task.channel_id).submit(submission)

    def find(task: Task, taken: Collection[str]) -> Receipt | None:
        with database.read() as session:
            known = session.scalar(select(Handover).where(Handover.effect_id == task.effect_id))
        if known is not None and known.token is not None and not known.numbered:
            # It is there, and which of those that are listed it is, its token will say.
            raise Transient
        return desk_of(task.channel_id).find(_submission(database, task), task.since, {*taken, *_own(database, task)})

    return EffectHandler(frozenset({OperationKind.SUBMIT}), send=send, find=find, record=_record)


def _own(database: Database, task: Task) -> list[str]:
    """What the request is known by over there already: no second one."""
    with database.read() as session:
        said = session.scalar(
            select(ServiceRequest.outside_number).where(ServiceRequest.id == task.payload["request_id"])
        )
    return [] if said is None else [NUMBER + said]


def _submission(database: Database, task: Task) -> Submission:
    with database.read() as session:
        request = session.get_one(
            ServiceRequest, task.payload["request_id"], options=[joinedload(ServiceRequest.service)]
        )
    # What is sent once more is another one over there.
    again = task.key.rpartition(":")[2]
    return Submission(
        reference=request.number if again == "1" else f"{request.number}/{again}",
        follows=request.outside_number if again != "1" else None,
        service_code=request.service.outside_code or request.service_code,
        description=request.description or "",
        address=request.place,
        latitude=request.latitude,
        longitude=request.longitude,
        media_url=request.media_url,
        answers=tuple(_answers(request)),
    )


def _answers(request: ServiceRequest) -> Iterator[Answer]:
    answers = request.attributes or {}
    for one in asked(request.service.attributes):
        if (answer := answers.get(one.code)) is not None:
            several = isinstance(answer, list)
            values = tuple(answer) if isinstance(answer, list) else (answer,)
            yield Answer(one.code, one.question("fr"), values, one.shown(answer, "fr"), several=several)


def _record(session: Session, effect: Effect, now: datetime) -> None:
    handover = session.scalar(select(Handover).where(Handover.effect_id == effect.id))
    if handover is None:
        return
    if effect.state == EffectState.DONE and not effect.doubled:
        said = effect.remote_id or ""
        if said.startswith(NUMBER):
            number(session, handover, said.removeprefix(NUMBER), now=now)
        else:
            handover.token = said.removeprefix(TOKEN) if said.startswith(TOKEN) else None
        handover.look_due_at = now + SOON
    audit.note(
        session,
        "request.handed_over" if effect.state == EffectState.DONE else "request.not_handed_over",
        f"request:{handover.request_id}",
        now=now,
        person_id=None,
        effect=effect.id,
        outcome=effect.outcome,
    )


def number(session: Session, handover: Handover, said: str, *, now: datetime) -> ServiceRequest:
    """The request has a number over there: citizens see it and no other, and the replies that waited for it leave."""
    waiting = select(Effect).join(Decision, Decision.effect_id == Effect.id)
    waiting = waiting.where(
        Decision.request_id == handover.request_id,
        Decision.kind == DecisionKind.REQUEST,
        Effect.state == EffectState.READY,
        Effect.late_at.is_not(None),
    )
    replies = session.scalars(waiting.order_by(Effect.id).with_for_update(of=Effect)).all()
    request = session.execute(
        select(ServiceRequest)
        .where(ServiceRequest.id == handover.request_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).scalar_one()
    request.outside_number, handover.numbered, handover.absent_since = said, True, None
    said_before = DraftReply.request_id == request.id, DraftReply.state == DraftState.PROPOSED
    for draft in session.scalars(select(DraftReply).where(*said_before)):
        draft.text = draft.text and draft.text.replace(request.number, said)
    for reply in replies:
        reply.payload = {**reply.payload, "text": reply.payload.get("text", "").replace(BLANK, said)}
        reply.due_at, reply.late_at = max(now, reply.due_at - WITHOUT_NUMBER), None
    return request


def waits_for_number(session: Session, request: ServiceRequest) -> bool:
    """Whether the desk has yet to give the number by which citizens will know a request."""
    by_mail = session.get_one(Service, request.service_code).mail is not None
    if request.outside_number is not None or by_mail or not _goes(request):
        return False
    handover = session.scalar(
        select(Handover).options(joinedload(Handover.effect)).where(Handover.request_id == request.id)
    )
    on_its_way = (HandoverState.WAITING, HandoverState.CHECKED, HandoverState.NUMBERLESS)
    return request.hand_over if handover is None else handover.state in on_its_way


# ------------------------------------------------------------------------------------------------ what a person does
def write_number(
    session: Session, viewer: Viewer, number_here: str, outside: str, *, version: int, now: datetime
) -> None:
    """A person carried the request over, or found it there, and writes its number down.

    Refused: `request_changed`, `number_needed`, `number_taken` (there, or here by another request).
    """
    outside = (cleaned(outside) or "").strip()
    # What cannot be seen, or has neither letter nor digit, would be the number that its people type and follow.
    if len(outside) > 100 or re.search(r"\s", outside) or not outside.isprintable() or not re.search(r"\w", outside):
        raise Refused("number_needed", field="outside_number")
    handover = _worked(session, viewer, number_here)
    same = (ServiceRequest.outside_number == outside) | (ServiceRequest.number == outside.upper())
    if session.scalar(select(ServiceRequest.id).where(same, ServiceRequest.id != handover.request_id).limit(1)):
        raise Refused("number_taken", field="outside_number")
    if handover.effect_id is not None and not work.cancel(session, handover.effect_id):
        state = session.scalar(select(Effect.state).where(Effect.id == handover.effect_id))
        if state in (EffectState.CLAIMED, EffectState.SENDING, EffectState.UNKNOWN):
            raise Refused("on_its_way")
    request = number(session, handover, outside, now=now)
    if request.version != version:
        raise Refused("request_changed")
    request.version += 1
    request.hand_over, handover.person_id = False, viewer.person_id
    handover.look_due_at = now + SOON if handover.desk_id is not None else None
    audit.note(session, "request.outside_number", f"request:{request.id}", now=now, person_id=viewer.person_id)


def send_again(session: Session, viewer: Viewer, number_here: str, *, now: datetime) -> None:
    """Give the desk once more what it refused, what cannot be read there, or what is open again here after its end
    there. Refused: `not_failed`.
    """
    handover = _worked(session, viewer, number_here)
    effect = session.get(Effect, handover.effect_id) if handover.effect_id is not None else None
    if effect is None:
        raise Refused("not_failed")
    if not effect.failed and not (handover.numbered and opened_again(session, handover.request_id)):
        raise Refused("not_failed")
    _owe_again(session, handover, effect, now=now)
    audit.note(session, "request.sent_again", f"request:{handover.request_id}", now=now, person_id=viewer.person_id)


def opened_again(session: Session, request_id: int) -> bool:
    """Whether somebody who asked had the request opened again, and nothing became of it since."""
    last = select(RequestChange.by).where(RequestChange.request_id == request_id).order_by(RequestChange.id.desc())
    return session.scalar(last.limit(1)) == StepBy.CITIZEN


def take_up(session: Session, request_id: int, *, now: datetime) -> None:
    """What was let go (`let_go`) goes to the desk after all."""
    handover = session.scalar(
        select(Handover).options(joinedload(Handover.effect)).where(Handover.request_id == request_id)
    )
    if handover is None:
        session.execute(update(ServiceRequest).where(ServiceRequest.id == request_id).values(hand_over=True))
    elif handover.effect is not None and handover.effect.state == EffectState.CANCELLED and not handover.numbered:
        _owe_again(session, handover, handover.effect, now=now)


def _owe_again(session: Session, handover: Handover, before: Effect, *, now: datetime) -> None:
    channel_id = before.channel_id
    if handover.desk_id is None:  # The city may have another mail server by now.
        channel_id = session.scalar(select(func.max(MailServer.id))) or channel_id
    handover.sent += 1
    handover.exported_at = handover.acknowledged_at = None
    handover.numbered, handover.token, handover.person_id = False, None, None
    handover.seen = handover.seen_at = handover.look_due_at = handover.absent_since = None
    _owe(session, handover, channel_id, due_at=now)


def try_desk_again(session: Session, viewer: Viewer, *, now: datetime) -> None:
    """Somebody says that the desk's key works again: what waits for it goes on."""
    if viewer.person_id is None:
        raise Refused("people_decide")
    for desk_id in session.scalars(select(tables.Desk.id).where(tables.Desk.token_lost.is_not(None))).all():
        channels.replace_token(channels.lock(session, tables.Desk, desk_id), (), now=now)
        audit.note(session, "desk.tried_again", f"desk:{desk_id}", now=now, person_id=viewer.person_id)


def of_requests(session: Session, request_ids: Collection[int]) -> dict[int, Handover]:
    """How far each of these requests is, by its id."""
    statement = select(Handover).options(joinedload(Handover.effect)).where(Handover.request_id.in_(request_ids))
    return {one.request_id: one for one in session.scalars(statement)}


def desk_in_trouble(session: Session) -> tables.Desk | None:
    """The desk whose key is not accepted, while something waits for it."""
    waiting = exists().where(Effect.channel_id == tables.Desk.id, Effect.state == EffectState.READY, still_open(Effect))
    return session.scalar(select(tables.Desk).where(tables.Desk.token_lost.is_not(None), waiting).limit(1))


def _worked(session: Session, viewer: Viewer, number_here: str) -> Handover:
    """The hand-over of a request that the viewer works on, its effect held; a new one where it has none."""
    if viewer.person_id is None:
        raise Refused("people_decide")
    statement = select(ServiceRequest.id).where(ServiceRequest.number == number_here)
    request_id = session.scalar(visible(statement, viewer, Action.WORK_REQUESTS, ServiceRequest))
    if request_id is None:
        raise NotFound
    carried = select(Handover.effect_id).where(Handover.request_id == request_id).scalar_subquery()
    session.execute(select(Effect.id).where(Effect.id == carried).with_for_update())
    handover = session.scalar(select(Handover).where(Handover.request_id == request_id))
    if handover is None:
        handover = Handover(request_id=request_id, sent=1)
        session.add(handover)
        session.flush()
    return handover


def let_go(session: Session, request_id: int) -> None:
    """Undone before it left: the desk does not hear of it. The effect is held already (`hold_effect`)."""
    session.execute(update(ServiceRequest).where(ServiceRequest.id == request_id).values(hand_over=False))
    effect_id = session.scalar(select(Handover.effect_id).where(Handover.request_id == request_id))
    if effect_id is not None:
        work.cancel(session, effect_id)


def hold_effect(session: Session, request_id: int | None) -> None:
    """Lock what carries a request, before the request itself."""
    carried = select(Handover.effect_id).where(Handover.request_id == request_id).scalar_subquery()
    session.execute(select(Effect.id).where(Effect.id == carried).with_for_update())

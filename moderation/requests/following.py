"""What became of requests in the outside 311: asked by the clock, believed in its own order, told once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from connectors.desks import Desk as FarDesk
from connectors.desks import StatusSeen
from models import channels
from models.calls import Caller, calling
from models.desks import Desk, Handover
from models.effects import Effect
from models.locks import Locks
from models.requests311 import Service, ServiceRequest
from models.search import text_of
from models.session import Database
from models.vocabulary import CLOSED_STATUSES, RequestStatus
from moderation.requests import escalation, handover

AT_ONCE, TOKENS = 50, 10
"""Requests of one call, and tokens asked about one by one in one look."""
OPEN, CLOSED, KEPT = timedelta(minutes=10), timedelta(days=1), timedelta(days=30)
"""How often an open request is looked at, how often a closed one (it may be reopened), and for how long."""

SERVICES = timedelta(days=1)
"""How often the services of a desk are read."""

_Said = TypeVar("_Said")

REFUSED = frozenset({"refused", "rejected", "no_further_action", "not_councils_responsibility", "duplicate", "refusée"})
STARTED = frozenset(
    {"in_progress", "in_process", "investigating", "action_scheduled", "planned", "processing", "prise en charge"}
)
"""Words of desks for a status (mySociety, CitySDK, GeoReport Bulk, ours), in lower case."""


def desks_to_follow(session: Session, *, now: datetime) -> list[int]:
    """Ids of the desks that are due to be asked about something."""
    due = exists().where(Handover.desk_id == Desk.id, Handover.look_due_at <= now) | (Desk.services_due_at <= now)
    return list(session.scalars(select(Desk.id).where(due, channels.usable(now)).order_by(Desk.id)))


def follow(
    database: Database, locks: Locks, desk_of: Callable[[int], FarDesk], desk_id: int, *, clock: Callable[[], datetime]
) -> None:
    """Ask one desk about what is due, a bounded part at a time."""
    with calling(database, locks, "follow", Desk, desk_id, clock=clock) as caller:
        if (known := caller.channel()) is None:
            return
        desk, now = desk_of(desk_id), clock()
        if known.services_due_at <= now:
            caller.ask(desk.services, _name_services, _put_off_services)
        with database.read() as session:
            statement = (
                select(Handover.id, Handover.token, ServiceRequest.outside_number)
                .join(ServiceRequest, ServiceRequest.id == Handover.request_id)
                .where(Handover.desk_id == desk_id, Handover.look_due_at <= now)
                .order_by(Handover.look_due_at, Handover.id)
                .limit(AT_ONCE)
            )
            due = session.execute(statement).all()
        numbered = {number: handover_id for handover_id, _, number in due if number is not None}
        tokens = [(handover_id, token) for handover_id, token, number in due if number is None and token is not None]
        if numbered:
            seen = caller.ask(lambda: desk.statuses(list(numbered)), _read, _put_off(list(numbered.values())))
            for one in sorted(seen, key=lambda one: (one.number, one.at is not None, one.at)):
                with database.write() as session:
                    hear(session, numbered[one.number], one, now=clock())
            met = {one.number for one in seen}
            _later(database, [handover_id for number, handover_id in numbered.items() if number not in met], now=now)
        for handover_id, token in tokens[:TOKENS]:
            _number(database, caller, desk, handover_id, token, clock=clock)
        # Neither a number nor a token was given: nothing can be asked about it.
        _later(database, [handover_id for handover_id, token, number in due if not (number or token)], now=now)


def _number(
    database: Database,
    caller: Caller[Desk],
    desk: FarDesk,
    handover_id: int,
    token: str,
    *,
    clock: Callable[[], datetime],
) -> None:
    said = caller.ask(lambda: desk.number_for(token), _read, _put_off([handover_id]))
    if said is None:
        _later(database, [handover_id], now=clock())
        return
    with database.write() as session:
        row, now = session.get_one(Handover, handover_id), clock()
        if not row.numbered:
            # Another effect with the same words may have been given the number: it belongs to one.
            session.execute(select(Effect.id).where(Effect.id == row.effect_id).with_for_update())
            handover.number(session, row, said, now=now)
            row.look_due_at = now + handover.SOON


def _name_services(session: Session, desk: Desk, there: dict[str, str], asked_at: datetime, now: datetime) -> None:
    """Our services have the codes of those that are called the same over there."""
    _read(session, desk, there, asked_at, now)
    desk.services_due_at = now + SERVICES
    by_name = {text_of(name): code for code, name in there.items()}
    for service in session.scalars(select(Service).order_by(Service.code)):
        code = service.code if service.code in there else by_name.get(text_of(service.name))
        if code is not None and len(code) <= 200:
            service.outside_code = code


def _put_off_services(_session: Session, desk: Desk, _error: Exception, now: datetime) -> None:
    desk.services_due_at = now + timedelta(minutes=10)


def _read(_session: Session, desk: Desk, answer: _Said, asked_at: datetime, now: datetime) -> _Said:
    channels.record_reading(desk, asked_at=asked_at, now=now)
    # No desk says how much is left: it can be called again, and so all at once.
    desk.usage_percent = None
    return answer


def hear(session: Session, handover_id: int, seen: StatusSeen, *, now: datetime) -> bool:
    """What a desk says of a request; gives whether that changed anything. Said again, or older than what was heard, it
    does not.
    """
    row = session.get_one(Handover, handover_id)
    request = escalation.held(session, row.request_id)
    session.refresh(row)
    row.looked_at, row.absent_since = now, None
    digest = hashlib.sha256(f"{seen.closed}\n{seen.detail}\n{seen.note}".encode()).hexdigest()
    older = seen.at is not None and row.seen_at is not None and seen.at < row.seen_at
    at_once = seen.at is not None and seen.at == row.seen_at and row.seen is not None and not seen.closed
    changed = not older and digest != row.seen and not (at_once and request.status in CLOSED_STATUSES)
    if changed:
        row.seen, row.seen_at = digest, seen.at or row.seen_at
        escalation.hear(session, request, _status(seen, RequestStatus(request.status)), seen.note, now=now)
    over = request.status in CLOSED_STATUSES
    ends = over and request.closed_at is not None and request.closed_at < now - KEPT
    row.look_due_at = None if ends else now + (CLOSED if over else OPEN)
    return changed


def _status(seen: StatusSeen, here: RequestStatus) -> RequestStatus:
    """The status of ours that the desk's is."""
    if seen.closed:
        return RequestStatus.REFUSED if seen.detail in REFUSED else RequestStatus.DONE
    if seen.detail in STARTED or here in CLOSED_STATUSES:
        return RequestStatus.IN_PROGRESS
    return here


def _later(database: Database, handover_ids: list[int], *, now: datetime) -> None:
    """The desk does not show them. That is no proof that they are gone: they are asked about again."""
    if not handover_ids:
        return
    with database.write() as session:
        for row in session.scalars(select(Handover).where(Handover.id.in_(handover_ids)).order_by(Handover.id)):
            if row.token is not None or row.numbered:
                row.absent_since = row.absent_since or now
            row.looked_at = now
            waited = now - (row.absent_since or now)
            row.look_due_at = now + max(OPEN if row.numbered else handover.SOON, min(waited, CLOSED))
            if row.token is None and not row.numbered:
                row.look_due_at = None


def _put_off(handover_ids: list[int]) -> Callable[[Session, Desk, Exception, datetime], None]:
    def later(session: Session, _desk: Desk, _error: Exception, now: datetime) -> None:
        for row in session.scalars(select(Handover).where(Handover.id.in_(handover_ids))):
            row.look_due_at = now + timedelta(minutes=1)

    return later

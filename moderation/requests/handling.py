"""What an agent does with a request besides moving it on: say what it is really about, whose it is, and what
colleagues should know. Each is written down, and none of it is told to citizens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from models import audit, notices
from models.attributes import answered, asked
from models.base import next_version
from models.desks import Handover
from models.errors import NotFound, Refusals, Refused
from models.people import Borough
from models.requests311 import RequestNote, Service, ServiceRequest
from models.scope import Action, Viewer, staff, visible
from models.text import cleaned
from models.vocabulary import CLOSED_STATUSES, NoticeKind, Priority, RequestNature, RequestNoteKind
from moderation.requests import standards, units
from moderation.requests.escalation import asked_for, found_by, held

LONGEST_PLACE, LONGEST_NOTE, LONGEST_UNIT = 300, 4000, 100
"""Characters."""


def worked(session: Session, viewer: Viewer, number: str, *, version: int) -> ServiceRequest:
    """A request that the viewer works on, held, at its next version. Refused: `request_changed`, `people_decide`."""
    return next_version(held(session, _seen(session, viewer, number).id), version, "request_changed")


def correct(
    session: Session,
    viewer: Viewer,
    number: str,
    service_code: str,
    place: str,
    given: Mapping[str, Sequence[str]],
    nature: RequestNature | None = None,
    *,
    version: int,
    now: datetime,
    zone: ZoneInfo,
) -> None:
    """Say which service it is, where, what was answered, and of which nature it is (None: as it was). Another service
    has another standard, which counts from when the request was opened; answers to its own questions alone are kept.

    Refused: `request_changed`, `request_closed`, `place_too_long`, and those of `escalation.asked_for` and
    `models.attributes.answered`, all that is wrong at once.
    """
    request = worked(session, viewer, number, version=version)
    if request.status in CLOSED_STATUSES:
        raise Refused("request_closed", number=request.public_number)
    refusals, before = Refusals(), session.get_one(Service, request.service_code)
    service, answers, place = before, request.attributes or {}, (cleaned(place) or "").strip()
    with refusals.collect():
        service = before if service_code == before.code else asked_for(session, service_code)
        questions = asked(service.attributes)
        codes = {one.code for one in questions}
        # Of another service, what was asked on the page is not asked any more.
        kept = {code: said for code, said in given.items() if code in codes or service is before}
        answers = answered(questions, kept, whole=False, zone=zone)
    with refusals.collect():
        if len(place) > LONGEST_PLACE:
            raise Refused("place_too_long", field="place", most=str(LONGEST_PLACE))
    refusals.say()
    if service is not before:
        if not request.unit_given:
            request.unit = units.responsible(session, service, request.borough_id)
        request.service_code = service.code
        request.due_at = standards.promised(session, service, request.nature, request.opened_at, zone)
    if nature is not None and nature != request.nature:
        request.nature = nature
        # What turns out to be a request goes on to the outside 311, once.
        request.hand_over = not session.scalar(select(exists().where(Handover.request_id == request.id)))
    request.place, request.attributes = place or None, answers or None
    request.search_text = found_by(request, service)
    _write(session, viewer, request, RequestNoteKind.CORRECT, now=now, service=service.code)


def assignable(session: Session, request: ServiceRequest) -> list[Viewer]:
    """Who may be given a request: whoever works on those of its part of the city, by name."""
    scope = {"borough_id": request.borough_id, "account_id": request.account_id}
    return [one for one in staff(session) if one.may_on(Action.WORK_REQUESTS, **scope)]


def assign(
    session: Session, viewer: Viewer, number: str, person_id: int | None, *, version: int, now: datetime
) -> None:
    """Say whose a request is, and tell them; None: nobody's. Refused: `request_changed`, `assignee_unknown`."""
    request = worked(session, viewer, number, version=version)
    if person_id is not None and person_id not in {one.person_id for one in assignable(session, request)}:
        raise Refused("assignee_unknown", field="assignee")
    before, request.assignee_id = request.assignee_id, person_id
    _write(session, viewer, request, RequestNoteKind.ASSIGN, now=now, assignee_id=person_id)
    if person_id != before:
        notices.forget(session, [NoticeKind.REQUEST_ASSIGNED], request_id=request.id)
    if person_id not in (None, before):
        notices.tell(
            session, NoticeKind.REQUEST_ASSIGNED, [person_id], key=f"request:{request.id}:{request.version}",
            by_id=viewer.person_id, request_id=request.id, now=now,
        )  # fmt: skip


def note(session: Session, viewer: Viewer, number: str, text: str, *, now: datetime) -> None:
    """Leave words for colleagues. Refused: `note_empty`, `note_too_long`."""
    request = _seen(session, viewer, number)
    _write(session, viewer, request, RequestNoteKind.NOTE, text=_words(text, "internal"), now=now)


def transfer(
    session: Session,
    viewer: Viewer,
    number: str,
    unit: str,
    borough_id: int | None,
    reason: str,
    *,
    version: int,
    now: datetime,
) -> None:
    """Give a request to another unit or borough (None: the whole city), and say why; there, it is nobody's yet.
    The borough's own unit takes it where no other is named.

    Refused: `request_changed`, `request_closed`, and all of `transfer_nowhere`, `borough_unknown`, `note_empty`,
    `note_too_long` at once.
    """
    request = worked(session, viewer, number, version=version)
    if request.status in CLOSED_STATUSES:
        raise Refused("request_closed", number=request.public_number)
    refusals, why, unit = Refusals(), "", " ".join((cleaned(unit) or "").split())[:LONGEST_UNIT]
    with refusals.collect():
        if borough_id is not None and session.get(Borough, borough_id) is None:
            raise Refused("borough_unknown", field="borough", borough=str(borough_id))
    with refusals.collect():
        if borough_id == request.borough_id and unit in ("", request.unit or ""):
            raise Refused("transfer_nowhere", field="unit")
    with refusals.collect():
        why = _words(reason, "reason")
    refusals.say()
    there = units.responsible(session, session.get_one(Service, request.service_code), borough_id) or ""
    # The page sends the unit that has it: so nobody named another.
    if not unit or (unit == request.unit and not request.unit_given):
        unit = there
    request.unit_given = unit != there
    request.borough_id, request.unit, request.assignee_id = borough_id, unit or None, None
    notices.forget(session, [NoticeKind.REQUEST_ASSIGNED], request_id=request.id)
    given: dict[str, Any] = {"unit": unit or None, "borough_id": borough_id}
    _write(session, viewer, request, RequestNoteKind.TRANSFER, text=why, now=now, **given)


def prioritise(
    session: Session, viewer: Viewer, number: str, priority: Priority, *, version: int, now: datetime
) -> None:
    """Say how soon a request should be taken up. Refused: `request_changed`."""
    request = worked(session, viewer, number, version=version)
    request.priority = priority
    _write(session, viewer, request, RequestNoteKind.PRIORITY, now=now, priority=priority)


def _seen(session: Session, viewer: Viewer, number: str) -> ServiceRequest:
    if viewer.person_id is None:
        raise Refused("people_decide")
    statement = select(ServiceRequest).where(ServiceRequest.number == number)
    request = session.scalar(visible(statement, viewer, Action.WORK_REQUESTS, ServiceRequest))
    if request is None:
        raise NotFound
    return request


def _words(text: str, field: str) -> str:
    text = (cleaned(text) or "").replace("\r\n", "\n").strip()
    if not text:
        raise Refused("note_empty", field=field)
    if len(text) > LONGEST_NOTE:
        raise Refused("note_too_long", field=field, most=str(LONGEST_NOTE))
    return text


def _write(
    session: Session,
    viewer: Viewer,
    request: ServiceRequest,
    kind: RequestNoteKind,
    *,
    text: str | None = None,
    now: datetime,
    service: str | None = None,
    **given: Any,
) -> None:
    assert viewer.person_id is not None  # noqa: S101  For the types.
    session.add(RequestNote(request_id=request.id, kind=kind, text=text, person_id=viewer.person_id, at=now, **given))
    audit.note(
        session, f"request.{kind}", f"request:{request.id}", now=now, person_id=viewer.person_id,
        text=audit.digest(session, text), service=service, **given,
    )  # fmt: skip

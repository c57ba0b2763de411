"""Requests for a 311 system that nobody can write to: they leave in a file, what it took is acknowledged, and its
numbers and statuses come back in another file.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload

from models import audit, spreadsheets
from models.attributes import asked
from models.desks import Handover
from models.errors import NotFound, Refused
from models.requests311 import ServiceRequest
from models.scope import Action, Viewer, visible
from models.session import Database, take_turn
from models.text import cleaned
from models.vocabulary import CLOSED_STATUSES, RequestNature, RequestStatus
from moderation.requests import escalation, handover

COLUMNS = (
    "number", "service_code", "service", "status", "opened_at", "due_at", "borough", "place", "lat", "long",
    "description", "answers", "media_url",
)  # fmt: skip
MOST, LARGEST = 1000, 2 << 20
"""Lines of a file that leaves or comes back, and bytes of one that comes back."""
WORDS: Mapping[str, RequestStatus] = {
    "open": RequestStatus.IN_PROGRESS,
    "en cours": RequestStatus.IN_PROGRESS,
    "closed": RequestStatus.DONE,
    "réglée": RequestStatus.DONE,
    "reglee": RequestStatus.DONE,
    "terminée": RequestStatus.DONE,
    "terminee": RequestStatus.DONE,
    "non retenue": RequestStatus.REFUSED,
    "refusée": RequestStatus.REFUSED,
    "refusee": RequestStatus.REFUSED,
    **{str(one): one for one in RequestStatus if one is not RequestStatus.CANCELLED},
}
"""What other systems call a status, in lower case."""


@dataclass
class Report:
    """What a file that came back did."""

    numbered: int = 0
    moved: int = 0
    same: int = 0
    wrong: list[tuple[int, Refused]] = field(default_factory=list)
    """Lines that were left, with why."""


def waiting(session: Session, viewer: Viewer) -> int:
    """How many requests no file has taken yet, at most `MOST`."""
    return len(session.scalars(_unsent(viewer).with_only_columns(ServiceRequest.id).limit(MOST)).all())


def export(session: Session, viewer: Viewer, zone: ZoneInfo, *, now: datetime) -> str:
    """A file of what no other system has yet, and what it was asked for; nothing of who asked. Each leaves in one file,
    once, and waits to be acknowledged.
    """
    if viewer.person_id is None:
        raise Refused("people_decide")
    take_turn(session, "sheets")
    statement = _unsent(viewer).options(joinedload(ServiceRequest.service), joinedload(ServiceRequest.borough))
    found = session.scalars(
        statement.order_by(ServiceRequest.id).limit(MOST).with_for_update(of=ServiceRequest, key_share=True)
    ).all()
    written = io.StringIO()
    lines = csv.writer(written)
    lines.writerow(COLUMNS)
    for one in found:
        lines.writerow(map(spreadsheets.guarded, _line(one, zone)))
        one.hand_over = False
        session.add(Handover(request_id=one.id, exported_at=now, exported_by_id=viewer.person_id))
        audit.note(session, "request.exported", f"request:{one.id}", now=now, person_id=viewer.person_id)
    return written.getvalue()


def _unsent(viewer: Viewer) -> Select[ServiceRequest]:
    there = select(Handover.id).where(Handover.request_id == ServiceRequest.id).exists()
    statement = select(ServiceRequest).where(
        ServiceRequest.nature == RequestNature.REQUEST,
        ServiceRequest.status.not_in(CLOSED_STATUSES),
        ServiceRequest.outside_number.is_(None),
        ~there,
    )
    return visible(statement, viewer, Action.WORK_REQUESTS, ServiceRequest)


def _line(one: ServiceRequest, zone: ZoneInfo) -> Iterator[object]:
    answers = one.attributes or {}
    said = (
        f"{a.question('fr')} {a.shown(answers[a.code], 'fr')}"
        for a in asked(one.service.attributes)
        if a.code in answers
    )
    yield from (one.number, one.service.outside_code or one.service_code, one.service.name, str(one.status))
    yield from (at.astimezone(zone).isoformat(timespec="minutes") for at in (one.opened_at, one.due_at))
    yield from (one.borough.name if one.borough else "", one.place or "")
    yield from (one.latitude, one.longitude)
    yield from (one.description or "", " · ".join(said), one.media_url or "")


def acknowledge(session: Session, viewer: Viewer, number: str, *, now: datetime) -> None:
    """The other system has it. Refused: `not_exported`."""
    if viewer.person_id is None:
        raise Refused("people_decide")
    statement = select(ServiceRequest.id).where(ServiceRequest.number == number)
    request_id = session.scalar(visible(statement, viewer, Action.WORK_REQUESTS, ServiceRequest))
    if request_id is None:
        raise NotFound
    row = session.scalar(select(Handover).where(Handover.request_id == request_id).with_for_update())
    if row is None or row.exported_at is None:
        raise Refused("not_exported")
    row.acknowledged_at = row.acknowledged_at or now
    audit.note(session, "request.acknowledged", f"request:{request_id}", now=now, person_id=viewer.person_id)


def take_back(database: Database, viewer: Viewer, raw: bytes, *, now: datetime) -> Report:
    """Numbers and statuses of a file, each line by itself: what cannot be read of one keeps no other back. A line that
    says what is here already changes nothing. Refused: `sheet_columns`, of the file.
    """
    report = Report()
    for line, row in _rows(raw):
        try:
            with database.write() as session:
                _take(session, viewer, row, report, now=now)
        except Refused as error:
            report.wrong.append((line, error))
        except NotFound:
            report.wrong.append((line, Refused("request_unknown")))
    return report


def _take(session: Session, viewer: Viewer, row: Mapping[str, str], report: Report, *, now: datetime) -> None:
    statement = select(ServiceRequest).where(escalation.named(row["number"]))
    request = session.scalar(visible(statement, viewer, Action.WORK_REQUESTS, ServiceRequest))
    if request is None:
        raise NotFound
    said, note, outside = row["status"].casefold(), row["note"], row["outside_number"]
    status = WORDS.get(said)
    if said and status is None:
        raise Refused("status_word", said=said[:60])
    changed = False
    if outside and outside != request.outside_number:
        handover.write_number(session, viewer, request.number, outside, version=request.version, now=now)
        report.numbered, changed = report.numbered + 1, True
    if status is not None and status != request.status:
        escalation.progress(session, viewer, request.number, status, note, version=request.version, now=now)
        report.moved, changed = report.moved + 1, True
    row_of = session.scalar(select(Handover).where(Handover.request_id == request.id))
    if row_of is not None and row_of.exported_at is not None:
        row_of.acknowledged_at = row_of.acknowledged_at or now
    report.same += not changed


def _rows(raw: bytes) -> Iterator[tuple[int, dict[str, str]]]:
    if len(raw) > LARGEST:
        raise Refused("sheet_columns", field="file")
    names, found = spreadsheets.rows(raw)
    if len(found) > MOST or "number" not in names or not {"status", "outside_number"} & set(names):
        raise Refused("sheet_columns", field="file")
    wanted = ("number", "outside_number", "status", "note")
    for line, row in found:
        yield line, {name: (cleaned(row.get(name)) or "").strip() for name in wanted}

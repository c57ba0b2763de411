"""Requests for a unit whose system no program can write to: each leaves in one letter, and waits to be acknowledged.

A letter is owed as any call is, so it leaves once at most: a mail server cannot be asked what it took, and where its
answer is lost a person asks the unit, or sends it again. What comes back is written down as for files (`sheets`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session, joinedload

from connectors.base import Receipt
from connectors.letters import Letter, PostOffice
from models import audit, channels
from models.desks import Handover
from models.effects import Effect
from models.errors import Rejected
from models.mail import MailServer
from models.requests311 import ServiceRequest
from models.session import Database
from models.vocabulary import CLOSED_STATUSES, EffectState, OperationKind
from models.work import EffectHandler, Task

PATIENCE = timedelta(days=2)
"""How long what left in a letter or a file may go without anybody saying that it is there."""

Words = Callable[[ServiceRequest], tuple[str, str]]
"""The subject and the text of the letter about a request: what, where and in which words; never who."""


def effect_handler(database: Database, office_of: Callable[[int], PostOffice], words: Words) -> EffectHandler:
    """The outbox's part about these letters. `office_of` opens the connector of a mail server by its id."""

    def send(task: Task) -> Receipt:
        loaded = joinedload(ServiceRequest.service), joinedload(ServiceRequest.borough)
        with database.read() as session:
            request = session.get_one(ServiceRequest, task.payload["request_id"], options=loaded)
        if request.service.mail is None:
            raise Rejected("address_unset")
        subject, text = words(request)
        return office_of(task.channel_id).send(Letter(request.service.mail, subject, text, task.key))

    def find(_task: Task, _taken: Collection[str]) -> Receipt | None:
        raise Rejected("letter_lost")

    return EffectHandler(frozenset({OperationKind.SUBMIT_MAIL}), send=send, find=find, record=_record)


def _record(session: Session, effect: Effect, now: datetime) -> None:
    handover = session.scalar(select(Handover).where(Handover.effect_id == effect.id))
    if handover is None:
        return
    done = effect.state == EffectState.DONE
    if done:
        handover.exported_at = now
        server = channels.lock(session, MailServer, effect.channel_id)
        channels.record_reading(server, asked_at=effect.sent_at or now, now=now)
    audit.note(
        session, "request.handed_over" if done else "request.not_handed_over", f"request:{handover.request_id}",
        now=now, person_id=None, effect=effect.id, outcome=effect.outcome,
    )  # fmt: skip


def unheard(now: datetime) -> ColumnElement[bool]:
    """Requests that left too long ago for nobody to have said that the other system has them."""
    left = exists().where(
        Handover.request_id == ServiceRequest.id,
        Handover.exported_at < now - PATIENCE,
        Handover.acknowledged_at.is_(None),
        ~Handover.numbered,
    )
    return left & ServiceRequest.status.not_in(CLOSED_STATUSES)

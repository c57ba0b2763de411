"""Topics of which the city has said that no reply leaves by one person alone: a second one reads it first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, joinedload

from models import audit
from models.comments import VerdictRow
from models.errors import Refused
from models.learning import Correction
from models.requests311 import Requester, Service, ServiceRequest
from models.scope import Viewer
from models.session import take_turn
from models.templates import SensitiveTopic
from models.vocabulary import Group311, Intention

INTENTION, GROUP, SERVICE = "intention", "groupe", "service"


def topics(session: Session) -> Sequence[SensitiveTopic]:
    """All that the city has said, in its order, with who said it."""
    statement = select(SensitiveTopic).options(joinedload(SensitiveTopic.person)).order_by(SensitiveTopic.id)
    return session.scalars(statement).all()


def add(session: Session, viewer: Viewer, head: str, value: str, *, now: datetime) -> None:
    """From now on a second person reads the replies about it; said again, it is nothing new. Refused: `topic_unknown`,
    `people_decide`.
    """
    if viewer.person_id is None:
        raise Refused("people_decide")
    words: dict[str, set[str]] = {INTENTION: set(Intention), GROUP: set(Group311)}
    known = words.get(head, set())
    if value not in known and not (head == SERVICE and session.get(Service, value) is not None):
        raise Refused("topic_unknown", field="topic")
    take_turn(session, "sensitive")
    there = SensitiveTopic.head == head, SensitiveTopic.value == value
    if session.scalar(select(SensitiveTopic.id).where(*there)) is not None:
        return
    session.add(SensitiveTopic(head=head, value=value, person_id=viewer.person_id, at=now))
    audit.note(session, "sensitive.add", f"{head}:{value}", now=now, person_id=viewer.person_id)


def remove(session: Session, viewer: Viewer, head: str, value: str, *, now: datetime) -> None:
    """One person's reply about it is enough again; where it never was otherwise, nothing changes."""
    there = SensitiveTopic.head == head, SensitiveTopic.value == value
    if session.scalar(delete(SensitiveTopic).where(*there).returning(SensitiveTopic.id)) is not None:
        audit.note(session, "sensitive.remove", f"{head}:{value}", now=now, person_id=viewer.person_id)


def touches(
    session: Session,
    viewer: Viewer,
    comment_id: int,
    verdict: VerdictRow | None,
    corrected: Sequence[Correction],
    more: Collection[str] = (),
) -> bool:
    """Whether a second person reads this viewer’s reply to a comment. What the viewer took away of its labels
    counts as if it still stood; `more` are codes of services beside those of its requests.
    """
    said = {(one.head, one.value) for one in session.scalars(select(SensitiveTopic))}
    if not said:
        return False
    here = {(one.head, one.said) for one in corrected if one.person_id == viewer.person_id}
    if verdict is not None:
        here |= {(INTENTION, verdict.intention), (GROUP, verdict.group_311)}
    here |= {(SERVICE, code) for code in more}
    if any(head == SERVICE for head, _ in said):
        asked = (
            select(ServiceRequest.service_code)
            .join(Requester, Requester.request_id == ServiceRequest.id)
            .where(Requester.comment_id == comment_id, Requester.detached_at.is_(None))
        )
        here |= {(SERVICE, code) for code in session.scalars(asked)}
    return bool(said & here)

"""Whether copies of the city's data are made, and who must hear when they are not."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import notices
from models.audit import AuditEntry
from models.people import Membership, Person
from models.session import Database
from models.vocabulary import NoticeKind, Role

MADE = "backup_made"
"""What the journal calls a copy of the database."""
SUBJECT = "installation"
PATIENCE = 2
"""Times that copies may be late by before somebody is told: a machine may be off for a night."""


def last(session: Session) -> datetime | None:
    """When the last copy was made, as the journal has it; None: never."""
    made = select(AuditEntry.at).where(AuditEntry.subject == SUBJECT, AuditEntry.action == MADE)
    return session.scalar(made.order_by(AuditEntry.id.desc()).limit(1))


def warn_due(database: Database, every: timedelta | None, *, now: datetime) -> bool:
    """Tell whoever administers, once, that the last copy is too old; gives whether it is. `every`: how often copies are
    made; None: nobody asked for any.
    """
    if every is None:
        return False
    with database.read() as session:
        # Where none was ever made, since the city began.
        since = last(session) or session.scalar(select(AuditEntry.at).order_by(AuditEntry.id).limit(1))
        admins = session.scalars(
            select(Person.id).join(Membership).where(Person.active, Membership.role == Role.ADMIN)
        ).all()
    if since is None or now - since <= PATIENCE * every:
        return False
    with database.write() as session:
        key = f"backup:{since.isoformat()}"
        notices.tell(session, NoticeKind.BACKUP_LATE, admins, key=key, by_id=None, now=now)
    return True

"""When the last copy of the city's data was made (`administration.alerts` says when that is too long ago)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.audit import AuditEntry

MADE = "backup_made"
"""What the journal calls a copy of the database."""
SUBJECT = "installation"
PATIENCE = 2
"""Times that copies may be late by before somebody is told: a machine may be off for a night."""


def last(session: Session) -> datetime | None:
    """When the last copy was made, as the journal has it; None: never."""
    made = select(AuditEntry.at).where(AuditEntry.subject == SUBJECT, AuditEntry.action == MADE)
    return session.scalar(made.order_by(AuditEntry.id.desc()).limit(1))

"""The journal: what was done, by whom, sealed into a chain that an outsider cannot rewrite.

An entry is inserted unsealed in its action's own transaction; a tick seals entries in order within seconds, so that
the chain's head is no lock that everybody waits for. An entry holds ids, codes and keyed digests, never a citizen's
text or name: lawful disposal empties the texts where they stand, and the chain still verifies.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import NOBODY, Base, Id, String
from models.secrets import Vault
from models.session import vault_of

log = logging.getLogger(__name__)

FIRST = "0" * 64
"""What the first entry is chained to."""


class AuditEntry(Base):
    """One act. `sequence` and `seal` are null until the tick has sealed it."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index("ix_audit_entry_subject", "subject", "id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    """None: Parvis itself, or the operator's command line."""
    action: Mapped[str] = mapped_column(String(60), info=NOBODY)
    subject: Mapped[str] = mapped_column(String(80), info=NOBODY)
    """"comment:12", "post:3"…"""
    data: Mapped[dict[str, Any]] = mapped_column(info=NOBODY)
    sequence: Mapped[int | None] = mapped_column(unique=True)
    seal: Mapped[str | None] = mapped_column(String(64), info=NOBODY)
    sealed_with: Mapped[str | None] = mapped_column(String(8), info=NOBODY)
    """The name of the key (`Vault.names`), so that a seal of a lost key is not taken for a broken one."""


@dataclass(frozen=True)
class Verification:
    """What checking the chain found. `broken_at` is the sequence of the first entry that does not fit. `unread`: of the
    first so many entries the seals were made with keys that are not at hand; nobody can say whether they fit.
    """

    sealed: int
    unsealed: int
    broken_at: int | None
    head: str
    unread: int = 0


def note(session: Session, action: str, subject: str, *, now: datetime, person_id: int | None, **data: Any) -> None:
    """Write one entry in the caller's transaction. `data` takes ids, codes and digests only."""
    session.add(AuditEntry(at=now, person_id=person_id, action=action, subject=subject, data=data))


def digest(session: Session, text: str | None) -> str | None:
    """A keyed digest of a text, so that the entry proves the text without keeping it."""
    return None if text is None else vault_of(session).digest(text.encode())


def seal_due(session: Session, *, limit: int = 1000) -> int:
    """Seal up to `limit` entries, oldest first; the caller holds the sealing lock. Gives how many were sealed."""
    vault = vault_of(session)
    last = session.execute(
        select(AuditEntry.sequence, AuditEntry.seal)
        .where(AuditEntry.sequence.is_not(None))
        .order_by(AuditEntry.sequence.desc())
        .limit(1)
    ).first()
    sequence, seal = (last.sequence or 0, last.seal or FIRST) if last else (0, FIRST)
    entries = session.scalars(
        select(AuditEntry).where(AuditEntry.sequence.is_(None)).order_by(AuditEntry.id).limit(limit)
    ).all()
    for entry in entries:
        sequence += 1
        seal = vault.digest(_chained(seal, sequence, entry))
        entry.sequence, entry.seal, entry.sealed_with = sequence, seal, vault.names[0]
    if entries:
        # The chain cannot show by itself that its end was cut off; a head that stands in a log elsewhere can.
        log.info("journal sealed up to %s, head %s", sequence, seal)
    return len(entries)


def reseal(session: Session) -> Verification:
    """Seal the chain again with the first key, so that older keys can be taken away; the caller holds the sealing lock.

    A chain that does not verify is left as it is: new seals would hide where it was broken.
    """
    found = verify(session)
    if found.broken_at is not None or found.unread:
        return found
    vault, seal, sequence = vault_of(session), FIRST, 0
    while entries := session.scalars(
        select(AuditEntry).where(AuditEntry.sequence > sequence).order_by(AuditEntry.sequence).limit(1000)
    ).all():
        for entry in entries:
            sequence += 1
            seal = entry.seal = vault.digest(_chained(seal, sequence, entry))
            entry.sealed_with = vault.names[0]
        session.flush()
        session.expire_all()
    return verify(session)


def unsealed(session: Session) -> int:
    """How many entries wait for the sealing tick."""
    return session.scalar(select(func.count()).where(AuditEntry.sequence.is_(None))) or 0


def verify(session: Session) -> Verification:
    """Read the whole chain and check every seal."""
    vault: Vault = vault_of(session)
    seal, expected, broken_at, unread = FIRST, 0, None, 0
    statement = select(AuditEntry).where(AuditEntry.sequence.is_not(None)).order_by(AuditEntry.sequence)
    # Closed even when the reading stops at a break: on PostgreSQL it holds a cursor of the server.
    with session.scalars(statement.execution_options(yield_per=1000)) as entries:
        for entry in entries:
            expected += 1
            fits = entry.sequence == expected
            if entry.sealed_with not in vault.names and unread == expected - 1:
                unread += fits  # Older keys come first: later on, a name that nobody knows was changed.
            else:
                fits = fits and vault.matches(_chained(seal, expected, entry), entry.seal or "")
            if not fits:
                broken_at = expected
                break
            seal = entry.seal or FIRST
    sealed = expected - (broken_at is not None)
    return Verification(sealed, unsealed(session), broken_at, seal, unread)


def _chained(previous: str, sequence: int, entry: AuditEntry) -> bytes:
    fields = [previous, sequence, entry.id, entry.at.isoformat(), entry.person_id, entry.action, entry.subject]
    return json.dumps([*fields, entry.data], sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

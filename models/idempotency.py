"""What a program already asked for: the same key again gives what the first one made, and nothing is made twice."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, Index, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import NOBODY, Base, Id, String
from models.errors import Refused
from models.session import upsert

KEPT = timedelta(hours=24)


class IdempotencyKey(Base):
    """One key that a person's program gave with a request, and what that request made."""

    __tablename__ = "idempotency_key"
    __table_args__ = (Index("ix_idempotency_key_at", "at"),)

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True, info=NOBODY)
    request_hash: Mapped[str] = mapped_column(String(64), info=NOBODY)
    """Of the operation and its body: the same key with another body is a mistake of the program."""
    made_id: Mapped[int | None] = mapped_column(Id)
    """Row that the operation made; set in the same transaction."""
    at: Mapped[datetime]


def begin(session: Session, person_id: int, key: str, request_hash: str, *, now: datetime) -> IdempotencyKey:
    """Take the key in this transaction: `made_id` None means that the work is ours to do, and to write there.

    Somebody with the same key at the same moment waits here until the first one has committed. Refused:
    `idempotency_key_reused` when the key came with another request in the last 24 hours.
    """
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.at <= now - KEPT))
    values = {"person_id": person_id, "key": key, "request_hash": request_hash, "at": now}
    session.execute(upsert(session, IdempotencyKey).values(**values).on_conflict_do_nothing())
    row = session.scalars(
        select(IdempotencyKey).where(IdempotencyKey.person_id == person_id, IdempotencyKey.key == key)
    ).one()
    if row.request_hash != request_hash:
        raise Refused("idempotency_key_reused", field="Idempotency-Key")
    return row

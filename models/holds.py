"""The emergency pause: while it lasts, nothing of the city's leaves in its scope."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.accounts import Account
from models.base import NOBODY, Base, Id, Text
from models.people import Borough, Person


class Hold(Base):
    """One pause: of one account, of all accounts of one borough, or of the whole city (both null)."""

    __tablename__ = "hold"
    __table_args__ = (
        Index(
            "ix_hold_live", "began_at", sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")
        ),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    borough_id: Mapped[int | None] = mapped_column(ForeignKey("borough.id"))
    """Of one account, the account's: who works there sees it."""
    reason: Mapped[str] = mapped_column(Text, info=NOBODY)
    began_at: Mapped[datetime]
    began_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))

    account: Mapped[Account | None] = relationship(lazy="raise")
    borough: Mapped[Borough | None] = relationship(lazy="raise")
    began_by: Mapped[Person] = relationship(lazy="raise", foreign_keys=[began_by_id])
    ended_by: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[ended_by_id])

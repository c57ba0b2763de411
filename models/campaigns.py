"""Campaigns: an effort of communication, in whose name posts go out."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Date, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import NOBODY, Base, Id, String, Text
from models.people import Borough, Person


class Campaign(Base):
    """One effort, from its first day to its last, both of the city's calendar."""

    __tablename__ = "campaign"
    __table_args__ = (Index("ix_campaign_dates", "begins_on", "id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    borough_id: Mapped[int | None] = mapped_column(ForeignKey("borough.id"))
    """Its scope, with the account above; both null: the whole city's."""
    name: Mapped[str] = mapped_column(String(200), info=NOBODY)
    objective: Mapped[str] = mapped_column(Text, default="", info=NOBODY)
    theme: Mapped[str] = mapped_column(String(100), default="", info=NOBODY)
    unit: Mapped[str] = mapped_column(String(100), default="", info=NOBODY)
    """The service of the city that it is for."""
    begins_on: Mapped[dt.date] = mapped_column(Date)
    ends_on: Mapped[dt.date] = mapped_column(Date)
    budget: Mapped[int | None]
    """Dollars."""
    utm: Mapped[str | None] = mapped_column(String(60), info=NOBODY)
    """What links of its posts call it (`utm_campaign`); None: links go out as they are written."""
    created_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[dt.datetime]
    version: Mapped[int] = mapped_column(default=1)

    borough: Mapped[Borough | None] = relationship(lazy="raise")
    created_by: Mapped[Person] = relationship(lazy="raise")

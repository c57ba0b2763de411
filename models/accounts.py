"""The city's accounts on the networks, and what the networks sent us as it was received."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Id
from models.vocabulary import AccountState, DeliveryState, NetworkName


class Account(Base):
    """One page or profile of the city on one network."""

    __tablename__ = "account"
    __table_args__ = (UniqueConstraint("network", "external_id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    network: Mapped[NetworkName] = mapped_column(String(20))
    external_id: Mapped[str] = mapped_column(String(100))
    name: Mapped[str] = mapped_column(String(200))
    borough_id: Mapped[int | None] = mapped_column(ForeignKey("borough.id"))
    token_closed: Mapped[str] = mapped_column(Text)
    """The network's token, encrypted (`models.secrets.Vault`)."""
    state: Mapped[AccountState] = mapped_column(String(30), default=AccountState.ACTIVE)
    state_reason: Mapped[str | None] = mapped_column(String(200))
    state_since: Mapped[datetime]
    throttled_until: Mapped[datetime | None]
    usage_percent: Mapped[float | None]
    cursor: Mapped[str | None] = mapped_column(Text)
    """Where the next pull goes on; opaque, written with the comments that it covers."""
    pull_due_at: Mapped[datetime]
    pulled_at: Mapped[datetime | None]
    """Start of the last whole round of pulls: all that was on the page then is here ("couverture")."""
    round_started_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class Delivery(Base):
    """One webhook body as received: signature already checked, parsed later by work, kept 30 days."""

    __tablename__ = "delivery"
    __table_args__ = (Index("ix_delivery_state_id", "state", "id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    network: Mapped[NetworkName] = mapped_column(String(20))
    received_at: Mapped[datetime]
    raw: Mapped[bytes | None] = mapped_column(LargeBinary)
    """None once disposed of."""
    state: Mapped[DeliveryState] = mapped_column(String(20), default=DeliveryState.RECEIVED)
    error: Mapped[str | None] = mapped_column(String(200))


class SetAside(Base):
    """One change of a delivery that could not be stored: unreadable, or about an account that nobody added yet.

    An unroutable one is tried again when its account is added, so nothing that a citizen wrote is lost.
    """

    __tablename__ = "set_aside"
    __table_args__ = (Index("ix_set_aside_network_account", "network", "account_external_id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    delivery_id: Mapped[int | None] = mapped_column(ForeignKey("delivery.id"))
    network: Mapped[NetworkName] = mapped_column(String(20))
    account_external_id: Mapped[str | None] = mapped_column(String(100))
    reason: Mapped[str] = mapped_column(String(100))
    """"unroutable", or why it could not be read."""
    raw: Mapped[str | None] = mapped_column(Text)
    at: Mapped[datetime]
    settled_at: Mapped[datetime | None]

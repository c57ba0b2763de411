"""The city's accounts on the networks, and what the networks sent us as it was received."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import CITIZEN, NOBODY, Base, Id, String, Text
from models.channels import Channel
from models.vocabulary import DeliveryState, Tone


class Account(Channel):
    """One page or profile of the city on one network: a channel, whose health and budget are in `models.channels`."""

    __tablename__ = "account"
    __table_args__ = (UniqueConstraint("network", "external_id"),)
    __mapper_args__ = {"polymorphic_identity": "account"}  # noqa: RUF012

    id: Mapped[int] = mapped_column(ForeignKey("channel.id"), primary_key=True)
    network: Mapped[str] = mapped_column(String(20), info=NOBODY)
    external_id: Mapped[str] = mapped_column(String(100), info=NOBODY)
    name: Mapped[str] = mapped_column(String(200), info=NOBODY)
    borough_id: Mapped[int | None] = mapped_column(ForeignKey("borough.id"))
    token_closed: Mapped[str] = mapped_column(Text, info=NOBODY)
    """The network's token, encrypted (`models.secrets.Vault`)."""
    token_expires_at: Mapped[datetime | None]
    """None: it has no end, or the network did not say."""
    refresh_closed: Mapped[str | None] = mapped_column(Text, info=NOBODY)
    """What a newer token is asked with, encrypted; None: a person must consent again."""
    refresh_expires_at: Mapped[datetime | None]
    expiry_warned: Mapped[int | None]
    """Days before the token's end of the last warning (14, 7 or 1), so that each is said once."""
    untold: Mapped[list[str]] = mapped_column(default=list, info=NOBODY)
    """What the network was asked to tell by itself and does not (`connectors.base.Told`)."""
    signature: Mapped[str] = mapped_column(Text, default="", info=NOBODY)
    """What stands under everything that it publishes."""
    reply_signature: Mapped[str] = mapped_column(Text, default="", info=NOBODY)
    """What stands under every reply of it to a comment."""
    tone: Mapped[Tone] = mapped_column(String(4), default=Tone.VOUS)
    """How it speaks to people in its replies."""
    connected_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    """Whose consent the token carries; None: the operator's command line."""
    cursor: Mapped[str | None] = mapped_column(Text, info=NOBODY)
    """Where the next pull goes on; opaque, written with the comments that it covers."""
    pull_due_at: Mapped[datetime]
    pulled_at: Mapped[datetime | None]
    """Start of the last whole round of pulls: all that was on the page then is here ("couverture"); of older posts, as
    far as the number of their comments tells (`connectors.crawl`). None while the first rounds, the backfill, go on.
    """
    round_started_at: Mapped[datetime | None]
    talks_cursor: Mapped[str | None] = mapped_column(Text, info=NOBODY)
    """As `cursor`, of private conversations."""
    talks_due_at: Mapped[datetime | None]
    """When they are read next; None: now, where the network has any."""
    talks_read_at: Mapped[datetime | None]
    """Start of the last whole reading of them."""
    vanished_at: Mapped[datetime | None]
    """Since when a whole thread, or all its posts, seem to be gone: an alarm, and nothing leaves the queue for it."""
    backfill_done: Mapped[int | None]
    """Posts that the backfill has read, of `backfill_total`; both stay as they were when it ended."""
    backfill_total: Mapped[int | None]
    created_at: Mapped[datetime]


class ConsentHandshake(Base):
    """A person on their way through a network's consent dialog and back (OAuth 2). Used once, within its time."""

    __tablename__ = "consent_handshake"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    state_fingerprint: Mapped[str] = mapped_column(String(64), unique=True, info=NOBODY)
    """Of the `state` that the browser carries (`models.secrets.fingerprint`)."""
    verifier_closed: Mapped[str] = mapped_column(Text, info=NOBODY)
    """The PKCE secret, encrypted."""
    network: Mapped[str] = mapped_column(String(20), info=NOBODY)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    """When its code was exchanged: the same `state` is not taken twice."""
    offered_closed: Mapped[str | None] = mapped_column(Text, info=NOBODY)
    """The accounts that may be chosen, with their tokens, as encrypted JSON; None before, and again once chosen."""


class Delivery(Base):
    """One webhook body as received: signature already checked, parsed later by work, kept 30 days."""

    __tablename__ = "delivery"
    __table_args__ = (Index("ix_delivery_state_id", "state", "id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    network: Mapped[str] = mapped_column(String(20), info=NOBODY)
    received_at: Mapped[datetime]
    raw: Mapped[bytes | None] = mapped_column(LargeBinary, info=CITIZEN)
    """None once disposed of."""
    state: Mapped[DeliveryState] = mapped_column(String(20), default=DeliveryState.RECEIVED)
    error: Mapped[str | None] = mapped_column(String(200), info=NOBODY)


class SetAside(Base):
    """One change of a delivery that could not be stored: unreadable, or about an account that nobody added yet.

    An unroutable one is tried again when its account is added, so nothing that a citizen wrote is lost.
    """

    __tablename__ = "set_aside"
    __table_args__ = (Index("ix_set_aside_network_account", "network", "account_external_id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    delivery_id: Mapped[int | None] = mapped_column(ForeignKey("delivery.id"))
    network: Mapped[str] = mapped_column(String(20), info=NOBODY)
    account_external_id: Mapped[str | None] = mapped_column(String(100), info=NOBODY)
    reason: Mapped[str] = mapped_column(String(100), info=NOBODY)
    """"unroutable", or why it could not be read."""
    raw: Mapped[str | None] = mapped_column(Text, info=CITIZEN)
    at: Mapped[datetime]
    settled_at: Mapped[datetime | None]

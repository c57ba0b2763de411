"""The outside 311 of the city, and what became of each request on its way there."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import NOBODY, Base, Id, Link, String
from models.channels import Channel
from models.effects import Effect
from models.requests311 import ServiceRequest
from models.vocabulary import EffectState, HandoverState

_LOOK = "look_due_at IS NOT NULL"
_UNHEARD = "exported_at IS NOT NULL AND acknowledged_at IS NULL"


class Desk(Channel):
    """One outside 311 system: a channel, whose health is in `models.channels`."""

    __tablename__ = "desk"
    __mapper_args__ = {"polymorphic_identity": "desk"}  # noqa: RUF012

    id: Mapped[int] = mapped_column(ForeignKey("channel.id"), primary_key=True)
    url: Mapped[str] = mapped_column(Link(), unique=True, info=NOBODY)
    key_print: Mapped[str | None] = mapped_column(String(64), info=NOBODY)
    """Of the key that the city gave last (`models.secrets.fingerprint`): a new one ends what was said of the old."""
    created_at: Mapped[datetime]
    """Requests that were opened before are not handed over by themselves."""
    services_due_at: Mapped[datetime]
    """When its list of services is read again, for the codes that ours have there."""


class Handover(Base):
    """A request on its way to the outside 311, or there. The effect carries it; without one a person did."""

    __tablename__ = "handover"
    __table_args__ = (
        UniqueConstraint("request_id"),
        UniqueConstraint("effect_id"),
        Index("ix_handover_unheard", "exported_at", sqlite_where=text(_UNHEARD), postgresql_where=text(_UNHEARD)),
        Index("ix_handover_look", "desk_id", "look_due_at", sqlite_where=text(_LOOK), postgresql_where=text(_LOOK)),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("service_request.id"))
    desk_id: Mapped[int | None] = mapped_column(ForeignKey("desk.id"))
    effect_id: Mapped[int | None] = mapped_column(ForeignKey("effect.id"))
    sent: Mapped[int] = mapped_column(default=1)
    """How many times it was given to the outbox: once, and once more for each time that a person said so."""
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    """Who wrote the outside number down."""
    exported_at: Mapped[datetime | None]
    """When it left in a file or a letter, for a system that no program can write to."""
    exported_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    """Who took the file; None: it left in a letter by itself."""
    acknowledged_at: Mapped[datetime | None]
    """When that system said that it has it, or somebody did."""
    token: Mapped[str | None] = mapped_column(String(200), info=NOBODY)
    """What the desk gave in place of a number."""
    numbered: Mapped[bool] = mapped_column(default=False)
    """Whether the desk said its number (`ServiceRequest.outside_number`)."""
    seen_at: Mapped[datetime | None]
    """When the status that was seen last changed, by the desk's own clock: nothing older is believed."""
    seen: Mapped[str | None] = mapped_column(String(64), info=NOBODY)
    """Digest of what was seen last: the same again changes nothing."""
    looked_at: Mapped[datetime | None]
    look_due_at: Mapped[datetime | None]
    """When the desk is asked about it again; None: it is not."""
    absent_since: Mapped[datetime | None]
    """Since when the desk does not show it, although it gave it a number or a token."""

    request: Mapped[ServiceRequest] = relationship(lazy="raise")
    effect: Mapped[Effect | None] = relationship(lazy="raise")

    @property
    def state(self) -> HandoverState:
        """How far it is; needs the effect loaded."""
        if self.exported_at is not None and not self.numbered:
            return HandoverState.EXPORTED if self.acknowledged_at is None else HandoverState.ACKNOWLEDGED
        if self.effect is None or self.person_id is not None:
            return HandoverState.BY_HAND
        match self.effect.state:
            case EffectState.FAILED | EffectState.CANCELLED:
                return HandoverState.FAILED
            case EffectState.NEEDS_PERSON:
                return HandoverState.DOUBTFUL
            case EffectState.SENDING | EffectState.UNKNOWN:
                return HandoverState.CHECKED
            case EffectState.DONE:
                if self.effect.doubled:
                    return HandoverState.DOUBTFUL
                return HandoverState.CONFIRMED if self.numbered else HandoverState.NUMBERLESS
        return HandoverState.WAITING

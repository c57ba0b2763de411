"""The outbox: one row for each call that is owed to a channel. What a row may do next is in `models/work.py`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, Index, UniqueConstraint, literal_column, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import NOBODY, Base, Id, Link, String, citizen
from models.channels import Channel
from models.vocabulary import EffectState, OperationKind, Outcome

OPEN_STATES = (EffectState.READY, EffectState.CLAIMED, EffectState.SENDING, EffectState.UNKNOWN)
"""States in which something may still happen by itself."""

_OPEN = f"state IN ({', '.join(repr(state.value) for state in OPEN_STATES)})"
_READ = "read_due_at IS NOT NULL"
_LEASED = "lease_until IS NOT NULL"


class Effect(Base):
    """One outward call, recorded before it is made."""

    __tablename__ = "effect"
    __table_args__ = (
        # What exists on the network belongs to one effect only: two posts with the same words cannot both claim it.
        UniqueConstraint("channel_id", "remote_id"),
        # All that was ever done to one thing, for whoever opens it; and what must still be done to it, in order.
        Index("ix_effect_target", "channel_id", "target", "id"),
        # Done rows pile up; the indexes below hold only the few that are still alive.
        Index("ix_effect_open_due", "due_at", "id", sqlite_where=text(_OPEN), postgresql_where=text(_OPEN)),
        Index("ix_effect_late", "late_at", sqlite_where=text(_OPEN), postgresql_where=text(_OPEN)),
        Index("ix_effect_lease", "lease_until", sqlite_where=text(_LEASED), postgresql_where=text(_LEASED)),
        Index("ix_effect_read", "read_due_at", sqlite_where=text(_READ), postgresql_where=text(_READ)),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    key: Mapped[str] = mapped_column(String(100), unique=True, info=NOBODY)
    """Names the intent ("reply:decision:12"): the same intent twice is refused by the database."""
    operation: Mapped[OperationKind] = mapped_column(String(20))
    channel_id: Mapped[int] = mapped_column(ForeignKey("channel.id"))
    target: Mapped[str | None] = mapped_column(String(200), info=NOBODY)
    """What it acts on; two effects on one target go out in the order in which they were recorded."""
    payload: Mapped[dict[str, Any]] = mapped_column(info=citizen({}))
    """{"text", "link"} for what creates something, {} otherwise."""
    state: Mapped[EffectState] = mapped_column(String(20), default=EffectState.READY)
    due_at: Mapped[datetime]
    late_at: Mapped[datetime | None]
    """From then on it does not go out by itself any more."""

    owner: Mapped[str | None] = mapped_column(String(60), info=NOBODY)
    lease_until: Mapped[datetime | None]
    attempt: Mapped[int] = mapped_column(default=0)
    first_sent_at: Mapped[datetime | None]
    """Reading back looks from here on: an earlier attempt may show up late."""
    sent_at: Mapped[datetime | None]
    read_due_at: Mapped[datetime | None]
    """When the network is read to see whether it was applied, or whether it was applied twice."""
    reads: Mapped[int] = mapped_column(default=0)

    remote_id: Mapped[str | None] = mapped_column(String(200), info=NOBODY)
    """Of what it created; None for an act that creates nothing."""
    permalink: Mapped[str | None] = mapped_column(Link(), info=NOBODY)
    second_id: Mapped[str | None] = mapped_column(String(200), info=NOBODY)
    """Of another one with the same words that a later reading found, after it was sent more than once."""
    second_link: Mapped[str | None] = mapped_column(Link(), info=NOBODY)
    done_at: Mapped[datetime | None]
    """The network's own time, where it says one."""
    outcome: Mapped[Outcome | None] = mapped_column(String(20))
    """Why it waits, failed or needs a person; None: it was not tried yet, or is done, and once."""
    detail: Mapped[str | None] = mapped_column(String(200), info=NOBODY)
    """What the far side said of the outcome: its own code, or the name of a permission."""

    channel: Mapped[Channel] = relationship(lazy="raise")

    @property
    def failed(self) -> bool:
        """Whether it ended without being done: a person decides what comes next."""
        return self.state in (EffectState.FAILED, EffectState.NEEDS_PERSON)

    @property
    def doubled(self) -> bool:
        """Whether it stands there twice, and a person has yet to say what becomes of the second one."""
        return self.outcome == Outcome.DOUBLED


def still_open(effect: Any) -> ColumnElement[bool]:
    """Whether something may still happen to an effect (or an alias of it) by itself. The states are written out as the
    indexes say them: of values that are given apart, no database knows that those indexes are enough.
    """
    condition: ColumnElement[bool] = effect.state.in_([literal_column(repr(state.value)) for state in OPEN_STATES])
    return condition

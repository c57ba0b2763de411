"""What waits for a person: the items of the queue, who has one open, and the replies that are drafted for it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, Index, UniqueConstraint, bindparam, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import CITIZEN, Base, Id, String, Text
from models.comments import Comment
from models.effects import Effect
from models.people import Person
from models.requests311 import ServiceRequest
from models.subjects import OfSubject, one_subject
from models.vocabulary import DecisionKind, DraftState, Intention, ItemState

NARROWED = (None, "borough_id", "account_id", "intention", "suggestion", "assignee_id")
"""Columns that a list of items is narrowed by; None: the whole list."""


def _each_of(state: str, *place: str) -> list[Index]:
    """An index of the items of one state for each column that they are narrowed by, in the order of their list."""
    within = text(f"state = '{state}'")
    return [
        Index(
            f"ix_item_{state}" + (f"_{one.removesuffix('_id')}" if one else ""),
            *filter(None, (one, *place)),
            sqlite_where=within,
            postgresql_where=within,
        )
        for one in NARROWED
    ]


def _waiting(*columns: str) -> list[Index]:
    """An index of the items that wait, for each column."""
    within = text("state = 'waiting'")
    return [Index(f"ix_item_{one}", one, sqlite_where=within, postgresql_where=within) for one in columns]


class Item(OfSubject, Base):
    """One thing that waits, or waited, for a person. A subject has one: it comes back instead of being made again.

    `moderation/items.py` alone moves it, in a transaction that holds the row of its subject.
    """

    __tablename__ = "item"
    __table_args__ = (
        one_subject(),
        UniqueConstraint("comment_id"),
        CheckConstraint("state <> 'handled' OR handled_at IS NOT NULL", name="handled_when"),
        CheckConstraint("urgency < 2 OR snoozed_until IS NULL", name="danger_is_never_put_off"),
        CheckConstraint("(snoozed_until IS NULL) = (queued_before IS NULL)", name="put_off_whole"),
        # For each urgency, the oldest first; handled ones, the last first: keyset paging walks these.
        *_each_of("waiting", "urgency", "queued_at", "id"),
        *_each_of("handled", "handled_at", "id"),
        # Those that are late, or soon will be; and those whose clock is yet to be set.
        *_waiting("answer_by", "warn_at", "clock_id"),
        Index(
            "ix_item_received",
            "id",
            sqlite_where=text("state = 'received'"),
            postgresql_where=text("state = 'received'"),
        ),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    borough_id: Mapped[int | None] = mapped_column(ForeignKey("borough.id"))
    """Of the subject, as `account_id` is: the scope of the item."""
    state: Mapped[ItemState] = mapped_column(String(20), default=ItemState.RECEIVED)
    private: Mapped[bool] = mapped_column(default=False)
    """It is a private conversation, which fewer people see (`models/scope.py`)."""
    urgency: Mapped[int] = mapped_column(default=0)
    """As the classifier, or whoever corrected it, says: 2 immediate danger, 1 the same day, 0 everything else."""
    queued_at: Mapped[datetime]
    """When it last entered the queue: of one urgency, the oldest is first. In the future: it is put off, and comes back
    then by itself.
    """
    snoozed_until: Mapped[datetime | None]
    """It is put off, or was until then and nobody has decided since; `queued_before` is the place that it had."""
    queued_before: Mapped[datetime | None]
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    """Whose it is, as the team agreed; who has it open right now is its claim."""
    intention: Mapped[Intention | None] = mapped_column(String(30))
    """As the verdict has it."""
    suggestion: Mapped[DecisionKind | None] = mapped_column(String(20))
    """What is proposed: as the verdict says, or to send a reply that is drafted. The list is narrowed to these two."""
    handled_at: Mapped[datetime | None]
    """When it last left the queue; never null in a handled one."""
    answer_by: Mapped[datetime | None]
    """By when it should have its answer by the clocks of the city; None: nothing is promised, or `clock_id` says that
    nobody has looked yet.
    """
    warn_at: Mapped[datetime | None]
    """From when on it is said that this comes near."""
    clock_id: Mapped[int | None] = mapped_column(ForeignKey("service_clock.id"))
    """The version of the clocks that these two were set by; None: since its last change, none was."""
    classifying_until: Mapped[datetime | None]
    """A worker classifies it, and until then no other does."""
    incident_id: Mapped[int | None] = mapped_column(ForeignKey("incident.id"), index=True)
    """The event that it seems to be about: it stands in the line of that one."""
    problem_id: Mapped[int | None] = mapped_column(ForeignKey("effect.id"))
    """Why it came back: what was decided and did not happen."""
    version: Mapped[int] = mapped_column(default=1)
    """Counts its changes."""

    comment: Mapped[Comment | None] = relationship(lazy="raise")
    problem: Mapped[Effect | None] = relationship(lazy="raise")
    assignee: Mapped[Person | None] = relationship(lazy="raise")


def in_state(item: Any, state: ItemState) -> ColumnElement[bool]:
    """Whether an item (or an alias of it) is in a state. The state is written out: of a value that is given apart, no
    database knows that the indexes of one state are enough.
    """
    condition: ColumnElement[bool] = item.state == bindparam(None, state, String(20), literal_execute=True)
    return condition


class Claim(Base):
    """Who has an item open to decide on it. One live claim an item; it ends by itself."""

    __tablename__ = "claim"

    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    until: Mapped[datetime]

    person: Mapped[Person] = relationship(lazy="raise")


class DraftReply(OfSubject, Base):
    """Words proposed as a reply, with where they come from. They leave only when a person sends them."""

    __tablename__ = "draft_reply"
    __table_args__ = (one_subject(), Index("ix_draft_reply_comment", "comment_id", "id"))

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    text: Mapped[str | None] = mapped_column(Text, info=CITIZEN)
    """None: lawfully disposed of."""
    request_id: Mapped[int | None] = mapped_column(ForeignKey("service_request.id"), index=True)
    """The 311 request that it is about."""
    asks: Mapped[bool] = mapped_column(default=False)
    """Whether it asks for what is missing of the request, and does not tell of its end."""
    private: Mapped[bool] = mapped_column(default=False)
    """Whether it leaves as the network's one private reply, and not in the thread."""
    effect_id: Mapped[int | None] = mapped_column(ForeignKey("effect.id"))
    """The reply that did not leave, and whose words these are."""
    state: Mapped[DraftState] = mapped_column(String(20), default=DraftState.PROPOSED)
    decision_id: Mapped[int | None] = mapped_column(ForeignKey("decision.id"))
    """The decision that used or discarded it."""
    created_at: Mapped[datetime]

    request: Mapped[ServiceRequest | None] = relationship(lazy="raise")

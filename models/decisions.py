"""What people decided about what citizens write, what they proposed to one another, and the evidence that is kept."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import CITIZEN, NOBODY, Base, Id, String, Text
from models.comments import Attachment, Comment
from models.netiquette import RuleVersion
from models.people import Person
from models.requests311 import ServiceRequest
from models.subjects import OfSubject, one_subject
from models.vocabulary import DecisionKind

evidence_attachment = Table(
    "evidence_attachment",
    Base.metadata,
    Column("evidence_id", ForeignKey("evidence.id"), primary_key=True),
    Column("attachment_id", ForeignKey("attachment.id"), primary_key=True),
)


class Evidence(Base):
    """A text, a name and what the comment showed, as they were when a restriction was decided; disposed of apart from
    the decision.
    """

    __tablename__ = "evidence"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id"), index=True)
    text: Mapped[str | None] = mapped_column(Text, info=CITIZEN)
    author_name: Mapped[str | None] = mapped_column(String(200), info=CITIZEN)
    taken_at: Mapped[datetime]
    disposed_at: Mapped[datetime | None]

    attachments: Mapped[list[Attachment]] = relationship(
        lazy="raise", secondary=evidence_attachment, order_by=Attachment.position
    )


class Proposal(OfSubject, Base):
    """A decision that waits for a second person, and what that person said. It is answered once.

    It stands as long as nobody answered and its subject still reads as it did. Whoever asked takes it back by saying
    no themselves.
    """

    __tablename__ = "proposal"
    __table_args__ = (
        one_subject(),
        CheckConstraint("(answered_by_id IS NULL) = (confirmed IS NULL)", name="answered_whole"),
        CheckConstraint("kind <> 'hide' OR rule_version_id IS NOT NULL", name="a_restriction_cites"),
        Index("ix_proposal_comment", "comment_id", "id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    comment_version: Mapped[int]
    """The text it is about."""
    kind: Mapped[DecisionKind] = mapped_column(String(20))
    rule_version_id: Mapped[int | None] = mapped_column(ForeignKey("rule_version.id"))
    """Of a restriction: the article that it cites."""
    text: Mapped[str | None] = mapped_column(Text, info=CITIZEN)
    """Of a reply: its words; None: lawfully disposed of."""
    draft_id: Mapped[int | None] = mapped_column(Id)
    """Of a reply: the draft that it was made of (no reference: a draft refers to a decision, and that to this)."""
    template_id: Mapped[int | None] = mapped_column(ForeignKey("message_template.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime]
    form_key: Mapped[str | None] = mapped_column(String(64), unique=True, info=NOBODY)
    """As of a decision."""
    answered_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    answered_at: Mapped[datetime | None]
    confirmed: Mapped[bool | None]
    motive: Mapped[str | None] = mapped_column(Text, info=CITIZEN)
    """Why not, in the words of whoever said no."""

    comment: Mapped[Comment | None] = relationship(lazy="raise")
    person: Mapped[Person] = relationship(lazy="raise", foreign_keys=[person_id])
    answered_by: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[answered_by_id])
    rule_version: Mapped[RuleVersion | None] = relationship(lazy="raise")

    @property
    def open(self) -> bool:
        """Whether nobody answered yet."""
        return self.answered_by_id is None

    @property
    def withdrawn(self) -> bool:
        """Whether whoever asked took it back."""
        return self.confirmed is False and self.answered_by_id == self.person_id


class Batch(Base):
    """Decisions that one person took at once, about several comments; it is taken back at once too."""

    __tablename__ = "batch"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    kind: Mapped[DecisionKind] = mapped_column(String(20))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime]
    form_key: Mapped[str] = mapped_column(String(64), unique=True, info=NOBODY)
    """As of a decision."""


class Decision(OfSubject, Base):
    """What a person decided; never changed. An undo is another decision that names the one it cancels."""

    __tablename__ = "decision"
    __table_args__ = (
        one_subject(),
        Index("ix_decision_comment", "comment_id", "id"),
        Index("ix_decision_at", "at", "id"),
        UniqueConstraint("cancels_id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    comment_version: Mapped[int]
    """The text it was about."""
    kind: Mapped[DecisionKind] = mapped_column(String(20))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime]
    proposal_id: Mapped[int | None] = mapped_column(ForeignKey("proposal.id"), unique=True)
    """What it confirms, if that took two people."""
    rule_version_id: Mapped[int | None] = mapped_column(ForeignKey("rule_version.id"))
    evidence_id: Mapped[int | None] = mapped_column(ForeignKey("evidence.id"))
    effect_id: Mapped[int | None] = mapped_column(ForeignKey("effect.id"))
    request_id: Mapped[int | None] = mapped_column(ForeignKey("service_request.id"))
    cancels_id: Mapped[int | None] = mapped_column(ForeignKey("decision.id"))
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("batch.id"), index=True)
    template_id: Mapped[int | None] = mapped_column(ForeignKey("message_template.id"), index=True)
    """The wording of a saved reply that the answer was made of."""
    form_key: Mapped[str | None] = mapped_column(String(64), unique=True, info=NOBODY)
    """The key of the form that asked for it: a form sent twice is one decision."""
    suggested: Mapped[str | None] = mapped_column(String(20), info=NOBODY)
    """What was suggested then, so that agreement can be measured."""

    person: Mapped[Person] = relationship(lazy="raise")
    proposal: Mapped[Proposal | None] = relationship(lazy="raise")
    rule_version: Mapped[RuleVersion | None] = relationship(lazy="raise")
    comment: Mapped[Comment | None] = relationship(lazy="raise")
    request: Mapped[ServiceRequest | None] = relationship(lazy="raise")

"""What is asked about a post that is out already: other words, or that it be taken off its network."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import NOBODY, Base, Id, String, Text
from models.effects import Effect
from models.people import Person
from models.posts import Variant


class Amendment(Base):
    """One change of what stands in public on one account. It is kept as it was asked for, with what stood there."""

    __tablename__ = "amendment"
    __table_args__ = (Index("ix_amendment_variant", "variant_id", "id"), Index("ix_amendment_effect", "effect_id"))

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    variant_id: Mapped[int] = mapped_column(ForeignKey("variant.id"))
    before: Mapped[str] = mapped_column(Text, info=NOBODY)
    """The words that stood there when it was asked for."""
    text: Mapped[str | None] = mapped_column(Text, info=NOBODY)
    """The words that take their place; None: it is taken off the network."""
    motive: Mapped[str | None] = mapped_column(Text, info=NOBODY)
    content_hash: Mapped[str] = mapped_column(String(64), info=NOBODY)
    """Of what a yes is given to (`publishing/amending.py`)."""
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime]
    approved: Mapped[bool | None]
    """None: nobody has said yet."""
    answer: Mapped[str | None] = mapped_column(Text, info=NOBODY)
    answered_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    answered_at: Mapped[datetime | None]
    effect_id: Mapped[int | None] = mapped_column(ForeignKey("effect.id"))

    yeses: Mapped[list[AmendmentYes]] = relationship(
        lazy="selectin", cascade="all, delete-orphan", order_by="AmendmentYes.at"
    )
    """Those that were not enough alone, from the first."""
    variant: Mapped[Variant] = relationship(lazy="raise")
    person: Mapped[Person] = relationship(lazy="raise", foreign_keys=[person_id])
    answered_by: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[answered_by_id])
    effect: Mapped[Effect | None] = relationship(lazy="raise")

    @property
    def waits(self) -> bool:
        """Whether somebody has yet to say yes or no."""
        return self.approved is None

    def ask_again(self) -> None:
        """Nobody has said yes or no: what was said did not leave."""
        self.approved = self.answer = self.answered_by_id = self.answered_at = self.effect_id = None
        self.yeses.clear()


class AmendmentYes(Base):
    """A yes that another person must follow before the words change."""

    __tablename__ = "amendment_yes"

    amendment_id: Mapped[int] = mapped_column(ForeignKey("amendment.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    at: Mapped[datetime]
    answer: Mapped[str | None] = mapped_column(Text, info=NOBODY)

    person: Mapped[Person] = relationship(lazy="joined")

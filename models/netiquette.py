"""The city's netiquette: the articles by which it restricts what citizens write."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import NOBODY, Base, Id, String, Text
from models.vocabulary import Breach, Ground


class NetiquetteRule(Base):
    """One article of the city's netiquette; its words are in its versions."""

    __tablename__ = "netiquette_rule"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    code: Mapped[str] = mapped_column(String(20), unique=True, info=NOBODY)


class RuleVersion(Base):
    """An article as it read from one day to another. Decisions cite a version, so a reason never changes after."""

    __tablename__ = "rule_version"
    __table_args__ = (UniqueConstraint("rule_id", "number"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    rule_id: Mapped[int] = mapped_column(ForeignKey("netiquette_rule.id"))
    number: Mapped[int]
    title: Mapped[str] = mapped_column(String(200), info=NOBODY)
    text: Mapped[str] = mapped_column(Text, info=NOBODY)
    ground: Mapped[Ground] = mapped_column(String(20))
    breach: Mapped[Breach | None] = mapped_column(String(40))
    """What it is about, as the classifier names it; None: nothing that the classifier looks for."""
    actions: Mapped[list[str]] = mapped_column(info=NOBODY)
    """The restrictive `DecisionKind`s that it allows."""
    deciders: Mapped[list[str]] = mapped_column(info=NOBODY)
    """The `Role`s that may decide by it."""
    in_force_from: Mapped[datetime]
    in_force_until: Mapped[datetime | None]

    rule: Mapped[NetiquetteRule] = relationship(lazy="raise")

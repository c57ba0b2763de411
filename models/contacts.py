"""Telephones and addresses that are everybody's: the city's own, and those of other public bodies."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from models.base import NOBODY, Base, String


class PublicContact(Base):
    """One telephone or address that nobody's privacy is in, as `classifiers.patterns.contact` writes it."""

    __tablename__ = "public_contact"

    value: Mapped[str] = mapped_column(String(200), primary_key=True, info=NOBODY)
    name: Mapped[str] = mapped_column(String(200), info=NOBODY)
    """Who answers there."""

"""The city's streets, parks and buildings by name, from its open data: what a comment's place is found among."""

from __future__ import annotations

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import NOBODY, Base, Id, String


class NamedPlace(Base):
    """One of them, as the city writes it."""

    __tablename__ = "named_place"
    __table_args__ = (UniqueConstraint("kind", "name"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), info=NOBODY)
    """`PlaceKind`: street, park or building."""
    name: Mapped[str] = mapped_column(String(200), info=NOBODY)
    borough: Mapped[str | None] = mapped_column(String(200), info=NOBODY)
    """The name of its borough; None: it lies in several, or nobody said."""

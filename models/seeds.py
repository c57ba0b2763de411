"""What Parvis itself gave a city to begin with: where the city says something else since, the city edited it."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from models.base import NOBODY, Base, String


class Planted(Base):
    """One article, template, service or public contact as Parvis last gave it."""

    __tablename__ = "planted"

    kind: Mapped[str] = mapped_column(String(20), primary_key=True, info=NOBODY)
    code: Mapped[str] = mapped_column(String(80), primary_key=True, info=NOBODY)
    said: Mapped[dict[str, Any]] = mapped_column(info=NOBODY)
    """Columns of its row, or of its newest version, with their values."""

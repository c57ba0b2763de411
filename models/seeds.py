"""What Parvis itself gave a city to begin with: where the city says something else since, the city edited it."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, String


class Planted(Base):
    """One article, template, service or public contact as Parvis last gave it."""

    __tablename__ = "planted"

    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    code: Mapped[str] = mapped_column(String(80), primary_key=True)
    said: Mapped[dict[str, Any]]
    """Columns of its row, or of its newest version, with their values."""

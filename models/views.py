"""What a list was narrowed to, under a name."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import STAFF, Base, Id, String


class SavedView(Base):
    """Filters of the queue that somebody kept, for themselves or for the team."""

    __tablename__ = "saved_view"
    __table_args__ = (Index("ix_saved_view_person", "person_id", "name"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    """Whose it is; None: the team's."""
    name: Mapped[str] = mapped_column(String(60), info=STAFF)
    filters: Mapped[dict[str, Any]] = mapped_column(info=STAFF)
    """As the address of the list has them."""
    made_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    made_at: Mapped[datetime]

"""Pages of the web that posts link to, as they were last looked at."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import NOBODY, Base, Id, Link, String


class SeenLink(Base):
    """One address that somebody writes in a post."""

    __tablename__ = "seen_link"
    __table_args__ = (
        Index(
            "ix_seen_link_due",
            "due_at",
            sqlite_where=text("due_at IS NOT NULL"),
            postgresql_where=text("due_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    address: Mapped[str] = mapped_column(Link, unique=True, info=NOBODY)
    asked_at: Mapped[datetime]
    """When somebody last wrote it."""
    due_at: Mapped[datetime | None]
    """When it is to be looked at; None: not before somebody writes it again."""
    looked_at: Mapped[datetime | None]
    problem: Mapped[str | None] = mapped_column(String(50), info=NOBODY)
    """Why nobody finds it there (`connectors.sights.Sight`), or `unreachable`; None: it is there."""
    title: Mapped[str] = mapped_column(String(200), default="", info=NOBODY)
    summary: Mapped[str] = mapped_column(String(300), default="", info=NOBODY)
    pictured: Mapped[bool] = mapped_column(default=False)
    """Whether its card has a picture, below."""
    picture: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True, info=NOBODY)
    """A small JPEG."""

"""The sentences that citizens receive."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import NOBODY, Base, Id, String, Text


class MessageTemplate(Base):
    """A sentence that citizens receive; a new wording is a new version."""

    __tablename__ = "message_template"
    __table_args__ = (UniqueConstraint("code", "language", "version"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    code: Mapped[str] = mapped_column(String(40), info=NOBODY)
    language: Mapped[str] = mapped_column(String(5), info=NOBODY)
    version: Mapped[int]
    body: Mapped[str] = mapped_column(Text, info=NOBODY)
    """With `{name}`-like places, filled by `moderation.templates.render`."""
    created_at: Mapped[datetime]

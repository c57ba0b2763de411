"""What people say of how their request was dealt with, when they are asked."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import CITIZEN, NOBODY, Base, Id, String, Text
from models.requests311 import ServiceRequest


class Survey(Base):
    """One person, who was asked about one request or was not; looked at once."""

    __tablename__ = "survey"
    __table_args__ = (Index("ix_survey_request", "request_id"), Index("ix_survey_answered", "answered_at"))

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("service_request.id"))
    requester_id: Mapped[int] = mapped_column(ForeignKey("requester.id"), unique=True)
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id"), index=True)
    print: Mapped[str | None] = mapped_column(String(64), unique=True, info=NOBODY)
    """Of the link's token (`models.secrets.fingerprint`); None: they were not asked."""
    at: Mapped[datetime]
    score: Mapped[int | None]
    """0 to 10."""
    words: Mapped[str | None] = mapped_column(Text, info=CITIZEN)
    answered_at: Mapped[datetime | None]

    request: Mapped[ServiceRequest] = relationship(lazy="raise")

"""What the city asks of whoever wrote, once, by a link of their own; and what they answered."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import CITIZEN, NOBODY, Base, Id, String, Text
from models.comments import Comment
from models.requests311 import ServiceRequest


class Completion(Base):
    """One short form, opened by a link without an account and answered once."""

    __tablename__ = "completion"
    __table_args__ = (Index("ix_completion_request", "request_id"), Index("ix_completion_comment", "comment_id"))

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("service_request.id"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id"))
    """In which they asked."""
    print: Mapped[str] = mapped_column(String(64), unique=True, info=NOBODY)
    """Of the link's token (`models.secrets.fingerprint`): the token itself is in the message alone."""
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    """Who asked for it."""
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    place: Mapped[str | None] = mapped_column(String(300), info=CITIZEN)
    words: Mapped[str | None] = mapped_column(Text, info=CITIZEN)
    name: Mapped[str | None] = mapped_column(String(200), info=CITIZEN)
    email: Mapped[str | None] = mapped_column(String(254), info=CITIZEN)
    phone: Mapped[str | None] = mapped_column(String(40), info=CITIZEN)
    attributes: Mapped[dict[str, Any] | None] = mapped_column(info=CITIZEN)
    """As the request keeps them."""
    picture: Mapped[bytes | None] = mapped_column(LargeBinary, info=CITIZEN, deferred=True)
    """JPEG, drawn anew: nothing of the file is left but what is seen of it."""
    pictured: Mapped[bool] = mapped_column(default=False)
    """Whether there was a picture."""

    request: Mapped[ServiceRequest] = relationship(lazy="raise")
    comment: Mapped[Comment] = relationship(lazy="raise")

"""Private conversations: what one person and an account of the city write to each other.

A conversation is a comment of its own kind (`CommentKind.MESSAGE`), so that whatever waits, is decided, answered, asked
of 311 and disposed of as a comment is it too. What is only theirs stands here.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import CITIZEN, NOBODY, Base, Id, String, Text
from models.comments import Attachment, Comment


class Conversation(Base):
    """How far a conversation is; one row for each comment that is one."""

    __tablename__ = "conversation"

    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id"), primary_key=True)
    written_at: Mapped[datetime | None]
    """When the person last wrote: from then on counts the time in which they can be answered."""
    answered_at: Mapped[datetime | None]
    """When the account last wrote, here or in the network's own application."""
    delivered_until: Mapped[datetime | None]
    """The person received all that was written before then, as far as was told."""
    seen_until: Mapped[datetime | None]

    comment: Mapped[Comment] = relationship(lazy="raise")


class Message(Base):
    """One private message. Told twice it is kept once; one that its author took back keeps its words here."""

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("comment_id", "external_id"),
        Index("ix_message_said", "comment_id", "said_at", "id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id"))
    external_id: Mapped[str] = mapped_column(String(300), info=NOBODY)
    by_city: Mapped[bool] = mapped_column(default=False)
    """By Parvis, by somebody in the network's own application, or by an answering machine there."""
    text: Mapped[str | None] = mapped_column(Text, info=CITIZEN)
    """None: it has no words, they were never told, or lawfully disposed of."""
    said_at: Mapped[datetime]
    received_at: Mapped[datetime]
    taken_back_at: Mapped[datetime | None]
    settled: Mapped[bool] = mapped_column(default=False)
    """It waits for nobody: somebody decided about it, or it was answered before the account was connected."""

    attachments: Mapped[list[Attachment]] = relationship(lazy="raise", order_by=Attachment.position)

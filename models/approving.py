"""How posts are read before they go out: how many people approve them, and what is said of a passage."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.accounts import Account
from models.base import NOBODY, Base, Id, String, Text
from models.people import Person


class ApprovalRule(Base):
    """How many people approve what goes out on one account, or in campaigns of one theme. Of several rules that concern
    a post, the strictest holds.
    """

    __tablename__ = "approval_rule"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    theme: Mapped[str] = mapped_column(String(100), default="", info=NOBODY)
    """Of the campaign; "" with no account: every post."""
    people: Mapped[int] = mapped_column(default=1)
    manager_last: Mapped[bool] = mapped_column(default=False)
    """Whether the last of them is somebody of the management."""
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime]

    account: Mapped[Account | None] = relationship(lazy="raise")


class Remark(Base):
    """What somebody says of a passage of a post, as one account has it. It is over once that passage is not there any
    more, or when somebody says so.
    """

    __tablename__ = "remark"
    __table_args__ = (Index("ix_remark_post", "post_id", "id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    quote: Mapped[str] = mapped_column(Text, info=NOBODY)
    text: Mapped[str] = mapped_column(Text, info=NOBODY)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    settled_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))

    person: Mapped[Person] = relationship(lazy="raise", foreign_keys=[person_id])
    settled_by: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[settled_by_id])

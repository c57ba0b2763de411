"""What the city's own site announces, and what was made of it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import NOBODY, Base, Id, Link, String, Text
from models.people import Person
from models.posts import Post


class NewsFeed(Base):
    """One address that is read, and what it said the last time."""

    __tablename__ = "news_feed"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    address: Mapped[str] = mapped_column(String(500), unique=True, info=NOBODY)
    etag: Mapped[str | None] = mapped_column(String(200), info=NOBODY)
    modified: Mapped[str | None] = mapped_column(String(200), info=NOBODY)
    """Given back, so that the same is not sent again."""
    read_at: Mapped[datetime | None]
    due_at: Mapped[datetime]
    failing: Mapped[str | None] = mapped_column(String(50), info=NOBODY)
    """Code of why the last readings gave nothing; None: the last one was good."""
    failing_since: Mapped[datetime | None]


class NewsEntry(Base):
    """One piece of news: a person makes a draft of it, or sets it aside."""

    __tablename__ = "news_entry"
    __table_args__ = (UniqueConstraint("feed_id", "key"), Index("ix_news_entry_seen", "seen_at", "id"))

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    feed_id: Mapped[int] = mapped_column(ForeignKey("news_feed.id"))
    key: Mapped[str] = mapped_column(String(64), info=NOBODY)
    """What names it in its feed: seen again, it is the same."""
    title: Mapped[str] = mapped_column(String(300), info=NOBODY)
    summary: Mapped[str] = mapped_column(Text, info=NOBODY)
    link: Mapped[str | None] = mapped_column(Link(), info=NOBODY)
    published_at: Mapped[datetime | None]
    """As the feed says."""
    seen_at: Mapped[datetime]
    post_id: Mapped[int | None] = mapped_column(ForeignKey("post.id"))
    set_aside_at: Mapped[datetime | None]
    set_aside_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))

    post: Mapped[Post | None] = relationship(lazy="raise")
    set_aside_by: Mapped[Person | None] = relationship(lazy="raise")

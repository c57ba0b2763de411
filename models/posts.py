"""Campaign posts: the message, its form for each account, and the approvals bound to exact words."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Column, Date, ForeignKey, Index, Table, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.accounts import Account
from models.base import NOBODY, Base, Id, Json, Link, String, Text
from models.campaigns import Campaign
from models.effects import Effect
from models.holds import Hold
from models.media import Media
from models.people import Person
from models.vocabulary import LanguageException, Outcome, PostState

contributor = Table(
    "post_contributor",
    Base.metadata,
    Column("post_id", ForeignKey("post.id"), primary_key=True),
    Column("person_id", ForeignKey("person.id"), primary_key=True),
)
"""Everybody who wrote in a post: none of them approves it."""


class Post(Base):
    """One message of the city."""

    __tablename__ = "post"
    __table_args__ = (
        Index("ix_post_state", "state", "publish_at", "id"),
        Index("ix_post_campaign", "campaign_id", "id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    title: Mapped[str] = mapped_column(String(200), info=NOBODY)
    """For colleagues; never published."""
    state: Mapped[PostState] = mapped_column(String(20), default=PostState.DRAFT)
    author_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    publish_at: Mapped[datetime | None]
    """When the variants leave that have no time of their own: written with the post, or given to it once approved."""
    late_after_minutes: Mapped[int] = mapped_column(default=60)
    """The lateness window: later than this after its time, a person decides instead of the clock."""
    embargo_until: Mapped[datetime | None]
    """Before then it does not go out, whatever its time."""
    language_exception: Mapped[LanguageException | None] = mapped_column(String(20))
    """Why it may say something in another language than French; None: it says nothing in another one."""
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaign.id"))
    hold_id: Mapped[int | None] = mapped_column(ForeignKey("hold.id"))
    """The emergency pause that stopped it last; None: none has, since it was last scheduled."""
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    campaign: Mapped[Campaign | None] = relationship(lazy="raise")
    hold: Mapped[Hold | None] = relationship(lazy="raise")
    author: Mapped[Person] = relationship(lazy="raise")
    contributors: Mapped[list[Person]] = relationship(lazy="raise", secondary=contributor, order_by=Person.name)
    variants: Mapped[list[Variant]] = relationship(lazy="raise", back_populates="post", order_by="Variant.id")


class Variant(Base):
    """The form of a post for one account. It stays the same row while the post is edited."""

    __tablename__ = "variant"
    __table_args__ = (
        UniqueConstraint("post_id", "account_id"),
        Index("ix_variant_account", "account_id"),
        Index("ix_variant_published", "published_at"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    text: Mapped[str] = mapped_column(Text, info=NOBODY)
    link: Mapped[str | None] = mapped_column(Link(), info=NOBODY)
    first_comment: Mapped[str | None] = mapped_column(Text, info=NOBODY)
    """What the account itself writes under it, once it is published."""
    publish_at: Mapped[datetime | None]
    """Its own time; None: the post's."""
    effect_id: Mapped[int | None] = mapped_column(ForeignKey("effect.id"))
    comment_effect_id: Mapped[int | None] = mapped_column(ForeignKey("effect.id"))
    """Of the first comment: it is owed only once the post itself is out."""
    remote_id: Mapped[str | None] = mapped_column(String(200), info=NOBODY)
    permalink: Mapped[str | None] = mapped_column(Link(), info=NOBODY)
    published_at: Mapped[datetime | None]
    """The network's own time, where it says one."""
    taken_down_at: Mapped[datetime | None]
    """When it was taken off the network again; what it said stays here as the proof."""
    source_post_id: Mapped[int | None] = mapped_column(ForeignKey("source_post.id"))
    """What it became on the network: citizens' comments and the figures are about that."""

    post: Mapped[Post] = relationship(lazy="raise", back_populates="variants")
    account: Mapped[Account] = relationship(lazy="raise")
    effect: Mapped[Effect | None] = relationship(lazy="raise", foreign_keys=[effect_id])
    comment_effect: Mapped[Effect | None] = relationship(lazy="raise", foreign_keys=[comment_effect_id])
    pictures: Mapped[list[VariantPicture]] = relationship(
        lazy="raise", order_by="VariantPicture.position", cascade="all, delete-orphan"
    )

    @property
    def failure(self) -> Effect | None:
        """What was owed last, if it ended without being published."""
        return self.effect if self.effect is not None and self.effect.failed else None

    @property
    def doubled(self) -> Effect | None:
        """What was owed last, or its first comment, if it stands on the network twice."""
        return next((one for one in (self.effect, self.comment_effect) if one is not None and one.doubled), None)


class VariantPicture(Base):
    """One picture of a variant, in its place, with what is said of it to who does not see it."""

    __tablename__ = "variant_picture"
    __table_args__ = (Index("ix_variant_picture_media", "media_id"),)

    variant_id: Mapped[int] = mapped_column(ForeignKey("variant.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    media_id: Mapped[int] = mapped_column(ForeignKey("media.id"))
    alt_text: Mapped[str] = mapped_column(Text, info=NOBODY)

    media: Mapped[Media] = relationship(lazy="raise")


_WANTED = "due_at IS NOT NULL"


class Preparation(Base):
    """The files of an effect that publishes, sent ahead of its time. Other words, pictures or another time are another
    effect, so that what was prepared for this one is never shown with those.
    """

    __tablename__ = "preparation"
    __table_args__ = (
        Index(
            "ix_preparation_due",
            "due_at",
            sqlite_where=text(_WANTED),
            postgresql_where=text(_WANTED),
        ),
    )

    effect_id: Mapped[int] = mapped_column(ForeignKey("effect.id"), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    due_at: Mapped[datetime | None]
    """When something is to be sent, or asked about; None: nothing is."""
    things: Mapped[list[str]] = mapped_column(default=list, info=NOBODY)
    """What the network gave (`connectors.base.Prepared`)."""
    ready: Mapped[bool] = mapped_column(default=False)
    since: Mapped[datetime | None]
    """When the first of it was sent: a network keeps it for a while only."""
    connection: Mapped[str | None] = mapped_column(String(64), info=NOBODY)
    """Fingerprint of the account's closed token: what another connection sent is not used."""
    outcome: Mapped[Outcome | None] = mapped_column(String(20))
    """Why the last try came to nothing; None: it did not."""
    detail: Mapped[str | None] = mapped_column(String(200), info=NOBODY)


_UNREAD = "review_on IS NOT NULL AND reviewed_at IS NULL"


class Approval(Base):
    """A yes or a no about the exact content whose hash it carries; other words need another approval."""

    __tablename__ = "approval"
    __table_args__ = (
        Index("ix_approval_post", "post_id", "id"),
        Index("ix_approval_review", "review_on", sqlite_where=text(_UNREAD), postgresql_where=text(_UNREAD)),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"))
    content_hash: Mapped[str] = mapped_column(String(64), info=NOBODY)
    content: Mapped[list[Any]] = mapped_column(Json, info=NOBODY)
    """What was read: words, links, times and pictures of each account (`publishing/approval.py`)."""
    approved: Mapped[bool]
    final: Mapped[bool] = mapped_column(default=True)
    """Whether it said the last word: a yes that another person must follow does not."""
    comment: Mapped[str | None] = mapped_column(Text, info=NOBODY)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime]
    urgent: Mapped[bool] = mapped_column(default=False)
    """It went out without a second person; the comment is the motive, and somebody else reads it again."""
    review_on: Mapped[date | None] = mapped_column(Date)
    """The day on which it is to be read again at the latest."""
    reviewed_at: Mapped[datetime | None]
    reviewed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    review: Mapped[str | None] = mapped_column(Text, info=NOBODY)
    """What whoever read it again said of it."""

    person: Mapped[Person] = relationship(lazy="raise", foreign_keys=[person_id])
    reviewed_by: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[reviewed_by_id])
    post: Mapped[Post] = relationship(lazy="raise")

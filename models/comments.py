"""What citizens wrote, every version of it, what the classifier said, and what people decided."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    Index,
    LargeBinary,
    UniqueConstraint,
    and_,
    case,
    delete,
    exists,
    or_,
    text,
)
from sqlalchemy.ext.hybrid import hybrid_method, hybrid_property
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from models.accounts import Account
from models.base import CITIZEN, GONE, NOBODY, Base, Id, Link, String, Text, citizen
from models.vocabulary import (
    AttachmentKind,
    CommentKind,
    Feeling,
    HiddenBy,
    PictureState,
    PostKind,
)

BY_NAME = "name:"
"""What the key of an author begins with whose id is not known (a file, a network that does not say it): one name on one
network is taken to be one person."""

LAG = timedelta(minutes=2)
"""How long a network may go on showing what was before an act or a comment that it has accepted."""


class SourcePost(Base):
    """A post on the network under which citizens write: the city's own, or one that names it."""

    __tablename__ = "source_post"
    __table_args__ = (UniqueConstraint("account_id", "external_id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    external_id: Mapped[str] = mapped_column(String(200), info=NOBODY)
    text: Mapped[str | None] = mapped_column(Text, info=citizen(""))
    """None: not known; empty: somebody else's, lawfully disposed of with the last comment under it."""
    permalink: Mapped[str | None] = mapped_column(Link(), info=CITIZEN)
    created_at: Mapped[datetime | None]
    kind: Mapped[PostKind] = mapped_column(String(20), default=PostKind.POST)
    comment_count: Mapped[int | None]
    """As the network last said, hidden ones included."""
    ad_id: Mapped[str | None] = mapped_column(String(100), info=NOBODY)
    campaign_id: Mapped[str | None] = mapped_column(String(100), info=NOBODY)
    """Of the advertisement, bought elsewhere; so are the two below."""
    spend_micros: Mapped[int | None] = mapped_column(Id)
    """What it cost so far, in millionths of `currency`."""
    currency: Mapped[str | None] = mapped_column(String(3), info=NOBODY)
    listed_at: Mapped[datetime | None]
    """The last time that a round listed it; None: it is not expected in the listing (any more)."""
    read_at: Mapped[datetime | None]
    """When the last reading of its whole thread began: what was there then and was not met is rechecked."""
    doubted_at: Mapped[datetime | None]
    """Since when all comments of its thread seem to be gone, although the network counts some."""
    removed_at: Mapped[datetime | None]
    """When the last comment of its thread was rechecked and gone, the post itself being listed no more."""


class Author(Base):
    """Who wrote, as little as needed: the network's id and the name shown there."""

    __tablename__ = "author"
    __table_args__ = (UniqueConstraint("network", "external_id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    network: Mapped[str] = mapped_column(String(20), info=NOBODY)
    external_id: Mapped[str] = mapped_column(String(100), info=citizen(GONE))
    name: Mapped[str | None] = mapped_column(String(200), info=CITIZEN)
    """None: the network never said, or lawfully disposed of."""


class Presence:
    """Whether a comment is still on its network, as far as is known: of a row, of plain values, and in a query."""

    __slots__ = ()

    @hybrid_property
    def removed(self: Any) -> bool:
        """Whether it is gone."""
        return self.removed_at is not None and (self.present_at is None or self.removed_at >= self.present_at)

    @removed.inplace.expression
    @classmethod
    def _removed(cls: Any) -> ColumnElement[bool]:
        return and_(cls.removed_at.is_not(None), or_(cls.present_at.is_(None), cls.removed_at >= cls.present_at))

    @hybrid_method
    def missed(self: Any, read_at: datetime) -> bool:
        """Whether it was there when a reading of its whole thread began, and was not met since."""
        # Of a comment that only a change of its visibility told of, that is the first thing known.
        there_at = self.created_at if self.version else self.hidden_at
        if there_at is None or self.removed or self.disposed_at is not None:
            return False
        return there_at < read_at and (self.present_at is None or self.present_at < read_at)

    @missed.inplace.expression  # type: ignore[attr-defined,untyped-decorator]  # Its types know no `inplace`.
    @classmethod
    def _missed(cls: Any, read_at: datetime) -> ColumnElement[bool]:
        return and_(
            case((cls.version > 0, cls.created_at), else_=cls.hidden_at) < read_at,
            or_(cls.present_at.is_(None), cls.present_at < read_at),
            ~cls.removed,
            cls.disposed_at.is_(None),
        )


class Comment(Presence, Base):
    """One thing a citizen wrote. What changes on the network is kept with the time that the change was true."""

    __tablename__ = "comment"
    __table_args__ = (
        UniqueConstraint("account_id", "external_id"),
        # What came on one day, and what is older than the rule.
        Index("ix_comment_received", "received_at"),
        # What must be rechecked: few rows; and what answers something else.
        Index(
            "ix_comment_recheck",
            "account_id",
            "recheck_due_at",
            sqlite_where=text("recheck_due_at IS NOT NULL"),
            postgresql_where=text("recheck_due_at IS NOT NULL"),
        ),
        Index(
            "ix_comment_answer",
            "account_id",
            "parent_external_id",
            sqlite_where=text("parent_external_id IS NOT NULL"),
            postgresql_where=text("parent_external_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    borough_id: Mapped[int | None] = mapped_column(ForeignKey("borough.id"))
    external_id: Mapped[str] = mapped_column(String(200), info=NOBODY)
    source_post_id: Mapped[int | None] = mapped_column(ForeignKey("source_post.id"), index=True)
    parent_external_id: Mapped[str | None] = mapped_column(String(200), info=NOBODY)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("author.id"), index=True)
    by_city: Mapped[bool] = mapped_column(default=False)
    kind: Mapped[CommentKind] = mapped_column(String(20), default=CommentKind.COMMENT)
    rating: Mapped[int | None]
    """Of a review: 1 to 5."""
    rated_at: Mapped[datetime | None]
    """When the rating above was observed."""
    text: Mapped[str | None] = mapped_column(Text, info=CITIZEN)
    """The newest version's text (None: disposed of, or never said)."""
    search_text: Mapped[str | None] = mapped_column(Text, info=CITIZEN)
    """Words of the text and of the author's name, as `models/search.py` finds them."""
    permalink: Mapped[str | None] = mapped_column(Link(), info=CITIZEN)
    created_at: Mapped[datetime]
    received_at: Mapped[datetime]

    hidden: Mapped[bool] = mapped_column(default=False)
    hidden_at: Mapped[datetime | None]
    """When the visibility above was observed; an older observation changes nothing."""
    shown_at: Mapped[datetime | None]
    """The last time that it was seen, or made, visible to all."""
    hidden_here_at: Mapped[datetime | None]
    """When our own hide was done; None once our own unhide was."""
    hidden_there_at: Mapped[datetime | None]
    """The last time that the network told of a hide by the account itself."""
    removed_at: Mapped[datetime | None]
    """A tombstone: when the network said that it is gone."""
    present_at: Mapped[datetime | None]
    """The last time that a reading met it there; a removal older than that was undone."""
    recheck_due_at: Mapped[datetime | None]
    """It should have been met and was not: from then on the network is asked whether it is gone."""

    version: Mapped[int] = mapped_column(default=1)
    """Number of the newest text, so that a decision can say which one it was about."""
    disposed_at: Mapped[datetime | None]

    account: Mapped[Account] = relationship(lazy="raise")
    author: Mapped[Author | None] = relationship(lazy="raise")
    source_post: Mapped[SourcePost | None] = relationship(lazy="raise")
    verdict: Mapped[VerdictRow | None] = relationship(lazy="raise", back_populates="comment")
    attachments: Mapped[list[Attachment]] = relationship(
        lazy="raise",
        viewonly=True,
        primaryjoin="and_(Comment.id == Attachment.comment_id, Attachment.gone_at.is_(None))",
        order_by="Attachment.position",
    )
    """Those that stand in it now."""

    @property
    def hidden_by(self) -> HiddenBy | None:
        """Who hid it, as far as is known; None: it is not hidden.

        It was the city's decision if nobody saw it visible after our own hide, but for the time that a network may
        lag. What nobody claims is the network's doing, so that it is never counted as the city's.
        """
        if not self.hidden:
            return None
        if self.hidden_here_at and (self.shown_at is None or self.shown_at <= self.hidden_here_at + LAG):
            return HiddenBy.CITY
        there = self.hidden_there_at and (self.shown_at is None or self.shown_at <= self.hidden_there_at)
        return HiddenBy.OUTSIDE if there else HiddenBy.NETWORK


class CommentVersion(Base):
    """One text of a comment. Observed twice is stored once; the order is by when the text was true, not by arrival."""

    __tablename__ = "comment_version"
    __table_args__ = (Index("ix_comment_version_comment", "comment_id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id"))
    source: Mapped[str] = mapped_column(String(10), info=NOBODY)
    """"add", "edit" or "pull"."""
    text: Mapped[str | None] = mapped_column(Text, info=CITIZEN)
    said_at: Mapped[datetime | None]
    seen_at: Mapped[datetime]

    comment: Mapped[Comment] = relationship(lazy="raise")


class Attachment(Base):
    """What stands in a comment beside its words, and our own small picture of it: addresses on networks expire, and
    no reader's browser asks a network for anything.
    """

    __tablename__ = "attachment"
    __table_args__ = (
        Index("ix_attachment_comment", "comment_id", "position"),
        Index(
            "ix_attachment_fetch",
            "fetch_due_at",
            sqlite_where=text("fetch_due_at IS NOT NULL"),
            postgresql_where=text("fetch_due_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id"))
    message_id: Mapped[int | None] = mapped_column(ForeignKey("message.id"), index=True)
    """The private message that it stands in."""
    position: Mapped[int]
    """Its place in the comment, from 0."""
    kind: Mapped[AttachmentKind] = mapped_column(String(10))
    external_id: Mapped[str | None] = mapped_column(String(200), info=CITIZEN)
    address: Mapped[str | None] = mapped_column(Link(None), info=CITIZEN)
    """Where a person sees it on the network."""
    picture_address: Mapped[str | None] = mapped_column(Link(None), info=CITIZEN)
    """Where a still picture of it was last said to be."""
    description: Mapped[str | None] = mapped_column(Text, info=CITIZEN)
    """What the network says of it: its alternative text, its title."""
    seen_at: Mapped[datetime]
    """When it was first heard of, or a webhook last told of it."""
    gone_at: Mapped[datetime | None]
    """When it was not in the comment any more: its author changed it."""
    picture: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True, info=CITIZEN)
    """A JPEG (`connectors.pictures`)."""
    fetch_due_at: Mapped[datetime | None]
    """From then on the picture is to be fetched; None: it is kept, or nobody will try again."""
    tries: Mapped[int] = mapped_column(default=0)
    failure: Mapped[str | None] = mapped_column(String(50), info=NOBODY)
    """Why there is no picture: `gone`, `unreachable`, or why it was refused."""

    @property
    def pictured(self) -> PictureState:
        """Whether our picture of it is there."""
        if self.fetch_due_at is not None:
            return PictureState.AWAITED
        if self.failure is not None:
            return PictureState.MISSING
        return PictureState.NONE if self.picture_address is None else PictureState.KEPT


class VerdictRow(Base):
    """What is held of the newest text; one row a comment, replaced when the text or the model changes.

    What a person corrected stands here in the place of what the model said; `models/learning.py` keeps both.
    """

    __tablename__ = "verdict"
    __table_args__ = (
        Index("ix_verdict_at", "at"),
        Index(
            "ix_verdict_unexplained",
            "comment_id",
            sqlite_where=text("explained = 0"),
            postgresql_where=text("NOT explained"),
        ),
        Index(
            "ix_verdict_place",
            "place_key",
            "group_311",
            "at",
            sqlite_where=text("place_key IS NOT NULL"),
            postgresql_where=text("place_key IS NOT NULL"),
        ),
        Index(
            "ix_verdict_cross",
            "cross_key",
            "group_311",
            "at",
            sqlite_where=text("cross_key IS NOT NULL"),
            postgresql_where=text("cross_key IS NOT NULL"),
        ),
        Index(
            "ix_verdict_ungathered",
            "comment_id",
            sqlite_where=text("ungathered = 1"),
            postgresql_where=text("ungathered"),
        ),
        Index(
            "ix_verdict_unsolved",
            "comment_id",
            sqlite_where=text("unsolved = 1"),
            postgresql_where=text("unsolved"),
        ),
    )

    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id"), primary_key=True)
    version: Mapped[int]
    """Of the comment's text."""
    model: Mapped[str] = mapped_column(String(100), info=NOBODY)
    language: Mapped[str] = mapped_column(String(10), info=NOBODY)
    intention: Mapped[str | None] = mapped_column(String(30), info=NOBODY)
    group_311: Mapped[str | None] = mapped_column(String(40), info=NOBODY)
    urgency: Mapped[int]
    feeling: Mapped[Feeling | None] = mapped_column(String(10))
    """None: the model does not know."""
    scores: Mapped[dict[str, Any]] = mapped_column(info=NOBODY)
    """Probabilities: {"intention": p, "group": p, "urgency": p, "language": p, "breaches": {label: p}}."""
    certainty: Mapped[dict[str, Any]] = mapped_column(default=dict, info=NOBODY)
    """{"intention": {"band": "high" | "medium" | "low", "calibrated": bool}}, and so for "groupe" and for each
    breach that is shown: how sure, and whether this city's own decisions say so."""
    abstained: Mapped[bool] = mapped_column(default=False)
    """Whether the model did not know the intention, whatever somebody said since."""
    reasons: Mapped[list[Any]] = mapped_column(info=citizen([]))
    """The `Reason`s: [{"code", "params", "start", "end", "weight"}]."""
    explained: Mapped[bool] = mapped_column(default=True)
    """Whether they say which words moved the model; that is found a little later than the verdict."""
    place: Mapped[dict[str, Any] | None] = mapped_column(info=CITIZEN)
    """The place that the text names: {"kind", "text", "start", "end", "score", "names", "number", "borough"}."""
    unread: Mapped[bool] = mapped_column(default=False)
    """Whether something of the comment cannot be read by the classifier: a picture, or all of it."""
    place_key: Mapped[str | None] = mapped_column(String(200), info=CITIZEN)
    """What the place has in common with the same one in other texts (`moderation.places`)."""
    cross_key: Mapped[str | None] = mapped_column(String(200), info=CITIZEN)
    """So for the second street of a crossing."""
    ungathered: Mapped[bool] = mapped_column(default=False)
    """Whether nobody has yet looked if it is about an event that others write of."""
    unsolved: Mapped[bool] = mapped_column(default=False)
    """Whether it says that something is not solved, and nobody has looked yet if that is a request."""
    suggestion: Mapped[str | None] = mapped_column(String(20), info=NOBODY)
    """The `DecisionKind` that rules and verdict propose; a person decides."""
    suggested_breach: Mapped[str | None] = mapped_column(String(40), info=NOBODY)
    """The `Breach` for which a restriction is proposed; the rules in force say which article is about it."""
    at: Mapped[datetime]

    comment: Mapped[Comment] = relationship(lazy="raise", back_populates="verdict")


def forget_names(session: Session, author_ids: Collection[int | None]) -> None:
    """Authors known only by name who have no comment left are removed: their key is their name."""
    if author_ids:
        left = exists().where(Comment.author_id == Author.id)
        of_name = Author.external_id.startswith(BY_NAME, autoescape=True)
        session.execute(delete(Author).where(Author.id.in_(author_ids), of_name, ~left))

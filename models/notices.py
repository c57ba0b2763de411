"""What somebody must hear: a note that names them, a post that waits for them, a recurring file whose time has
come, a 311 request that is theirs.

A notice says what it is about and holds no words of anybody: who reads it is shown the thing itself, as far as they
may see it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint, and_, delete, or_, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from models.alarms import Alarm
from models.base import NOBODY, Base, Id, String
from models.dossiers import Occurrence
from models.items import Item
from models.notes import Note, ShiftNote
from models.people import Person
from models.posts import Post
from models.requests311 import ServiceRequest
from models.session import upsert
from models.vocabulary import NoticeKind

_UNSEEN = "seen_at IS NULL"


class Notice(Base):
    """One person, told of one thing once."""

    __tablename__ = "notice"
    __table_args__ = (
        UniqueConstraint("person_id", "key"),
        Index("ix_notice_person", "person_id", "id"),
        Index("ix_notice_note", "note_id"),
        Index("ix_notice_post", "post_id"),
        Index("ix_notice_alarm", "alarm_id"),
        Index("ix_notice_shift_note", "shift_note_id"),
        Index("ix_notice_request", "request_id"),
        Index("ix_notice_unseen", "person_id", sqlite_where=text(_UNSEEN), postgresql_where=text(_UNSEEN)),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    kind: Mapped[NoticeKind] = mapped_column(String(20))
    key: Mapped[str] = mapped_column(String(100), info=NOBODY)
    """Names what happened ("note:12", "submitted:3:4"): told twice, it is one notice."""
    note_id: Mapped[int | None] = mapped_column(ForeignKey("note.id"))
    post_id: Mapped[int | None] = mapped_column(ForeignKey("post.id"))
    occurrence_id: Mapped[int | None] = mapped_column(ForeignKey("occurrence.id"))
    alarm_id: Mapped[int | None] = mapped_column(ForeignKey("alarm.id"))
    shift_note_id: Mapped[int | None] = mapped_column(ForeignKey("shift_note.id"))
    request_id: Mapped[int | None] = mapped_column(ForeignKey("service_request.id"))
    """What it is about: one of these."""
    by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    """Who did it; None: Parvis by itself."""
    at: Mapped[datetime]
    effect_id: Mapped[int | None] = mapped_column(ForeignKey("effect.id"))
    """The letter that tells of it; None: none was owed."""
    seen_at: Mapped[datetime | None]

    by: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[by_id])
    note: Mapped[Note | None] = relationship(lazy="raise")
    post: Mapped[Post | None] = relationship(lazy="raise")
    occurrence: Mapped[Occurrence | None] = relationship(lazy="raise")
    alarm: Mapped[Alarm | None] = relationship(lazy="raise")
    shift_note: Mapped[ShiftNote | None] = relationship(lazy="raise")
    request: Mapped[ServiceRequest | None] = relationship(lazy="raise")


def tell(
    session: Session,
    kind: NoticeKind,
    people: Iterable[int],
    *,
    key: str,
    by_id: int | None,
    now: datetime,
    **about: int,
) -> None:
    """Tell these people of one thing, once each; nobody is told of what they did themselves. `about` is one of the
    columns that say what it is.
    """
    rows = [
        {"person_id": one, "kind": kind, "key": key, "by_id": by_id, "at": now, **about}
        for one in sorted(set(people) - {by_id})
    ]
    if rows:
        session.flush()
        session.execute(upsert(session, Notice).values(rows).on_conflict_do_nothing())


def forget(session: Session, kinds: Collection[NoticeKind], **about: int) -> None:
    """That is over: who has not read of it is not told any more. `about` is one of the columns that say what it is."""
    of = and_(*(getattr(Notice, name) == value for name, value in about.items()))
    session.execute(delete(Notice).where(of, Notice.kind.in_(kinds), Notice.seen_at.is_(None)))


def see(
    session: Session,
    person_id: int | None,
    *,
    now: datetime,
    comment_id: int | None = None,
    notice_id: int | None = None,
) -> None:
    """Somebody has read what they were told about a comment, one notice, or (neither) all that they were told."""
    statement = update(Notice).where(Notice.person_id == person_id, Notice.seen_at.is_(None))
    if comment_id is not None:
        notes = select(Note.id).where(Note.comment_id == comment_id)
        alarms = select(Alarm.id).join(Item, Item.id == Alarm.item_id).where(Item.comment_id == comment_id)
        statement = statement.where(or_(Notice.note_id.in_(notes), Notice.alarm_id.in_(alarms)))
    if notice_id is not None:
        statement = statement.where(Notice.id == notice_id)
    session.execute(statement.values(seen_at=now), execution_options={"synchronize_session": False})

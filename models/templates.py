"""The sentences that citizens receive, and the texts of urgent posts that are ready before they are needed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, ForeignKey, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from models.base import NOBODY, Base, Id, String, Text
from models.people import Person
from models.vocabulary import Intention, RequestStatus, Tone

FRENCH = "fr"


class MessageTemplate(Base):
    """A sentence that citizens receive; a new wording is a new version."""

    __tablename__ = "message_template"
    __table_args__ = (UniqueConstraint("code", "language", "version"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    code: Mapped[str] = mapped_column(String(40), info=NOBODY)
    language: Mapped[str] = mapped_column(String(5), info=NOBODY)
    version: Mapped[int]
    title: Mapped[str | None] = mapped_column(String(80), info=NOBODY)
    """Of a reply or an urgent post: what it is found by."""
    intention: Mapped[Intention | None] = mapped_column(String(30))
    """Of a reply: what comments it answers; None: any."""
    status: Mapped[RequestStatus | None] = mapped_column(String(20))
    """Of a note about a request: what the request has become."""
    service_code: Mapped[str | None] = mapped_column(String(60), info=NOBODY)
    """Of a note about a request: the service that it is about; None: any."""
    network: Mapped[str | None] = mapped_column(String(20), info=NOBODY)
    """Of a reply: the only network that it is for; None: any."""
    tone: Mapped[Tone | None] = mapped_column(String(4))
    """Of a reply: how it speaks to people; None: it reads alike in both ways."""
    retired: Mapped[bool] = mapped_column(default=False)
    """From this version on it is not offered any more."""
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    """Who worded it; None: it came with Parvis."""
    body: Mapped[str] = mapped_column(Text, info=NOBODY)
    """With `{name}`-like places, filled by `moderation.templates.render`."""
    created_at: Mapped[datetime]

    person: Mapped[Person | None] = relationship(lazy="raise")


class SensitiveTopic(Base):
    """Something of which the city has said that no reply leaves by one person alone."""

    __tablename__ = "sensitive_topic"
    __table_args__ = (UniqueConstraint("head", "value"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    head: Mapped[str] = mapped_column(String(10), info=NOBODY)
    """`intention`, `groupe` (of the 311) or `service`."""
    value: Mapped[str] = mapped_column(String(60), info=NOBODY)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime]

    person: Mapped[Person] = relationship(lazy="raise")


def newest(session: Session, language: str, *which: ColumnElement[bool]) -> dict[str, MessageTemplate]:
    """The newest wording of each template by its code, in the language if there is one and in French otherwise."""
    statement = (
        select(MessageTemplate)
        .where(MessageTemplate.language.in_([language, FRENCH]), *which)
        .order_by(MessageTemplate.language == language, MessageTemplate.version)
    )
    return {one.code: one for one in session.scalars(statement)}

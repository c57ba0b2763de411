"""Events: many comments about one thing that happened, told in one line, sent as one request, answered as one."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import CITIZEN, Base, Id, String
from models.comments import Comment
from models.requests311 import ServiceRequest
from models.vocabulary import Group311

_OPEN = "closed_at IS NULL"


class Incident(Base):
    """One event, as several people wrote of it: of one kind, at one place, within some hours. People decide about it;
    it only says what seems to belong together.
    """

    __tablename__ = "incident"
    __table_args__ = (
        Index("ix_incident_open", "group_311", "place_key", sqlite_where=text(_OPEN), postgresql_where=text(_OPEN)),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    """Always null: an event goes across accounts."""
    borough_id: Mapped[int | None] = mapped_column(ForeignKey("borough.id"))
    """Of all its comments, so that whoever sees one of them sees the line."""
    group_311: Mapped[Group311] = mapped_column(String(40))
    place_key: Mapped[str | None] = mapped_column(String(200), info=CITIZEN)
    """What the places of its comments have in common (`VerdictRow.place_key`)."""
    cross_key: Mapped[str | None] = mapped_column(String(200), info=CITIZEN)
    """The other street, where all of the first ones named the same crossing."""
    place: Mapped[str | None] = mapped_column(String(300), info=CITIZEN)
    """As the first of them wrote it, or as the city writes it; None: they named none."""
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    """When its first and its last comment were written."""
    request_id: Mapped[int | None] = mapped_column(ForeignKey("service_request.id"), index=True)
    """The request that was made of it."""
    closed_at: Mapped[datetime | None]
    closed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    """None: it ended with its request, or nobody wrote of it any more."""

    request: Mapped[ServiceRequest | None] = relationship(lazy="raise")


class IncidentComment(Base):
    """A comment that belongs to an event, or did until a person took it out: it is not put back by itself."""

    __tablename__ = "incident_comment"
    __table_args__ = (UniqueConstraint("comment_id"), Index("ix_incident_comment_incident", "incident_id", "id"))

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"))
    comment_id: Mapped[int] = mapped_column(ForeignKey("comment.id"))
    added_at: Mapped[datetime]
    taken_out_at: Mapped[datetime | None]
    taken_out_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))

    comment: Mapped[Comment] = relationship(lazy="raise")

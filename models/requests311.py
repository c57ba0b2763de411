"""311 requests: the services of the city's table, the requests, who asked, and what happened since."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from secrets import token_urlsafe
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import CITIZEN, NOBODY, Base, Id, Link, String, Text
from models.people import Borough, Person
from models.vocabulary import Group311, Priority, RequestNature, RequestNoteKind, RequestStatus, StepBy


class Service(Base):
    """One activity that a citizen can ask for. The table is the city's own, seeded, never code."""

    __tablename__ = "service"

    code: Mapped[str] = mapped_column(String(60), primary_key=True, info=NOBODY)
    name: Mapped[str] = mapped_column(String(200), info=NOBODY)
    name_en: Mapped[str] = mapped_column(String(200), default="", info=NOBODY)
    """In English; empty: as in French."""
    keywords: Mapped[str] = mapped_column(String(300), default="", info=NOBODY)
    """Other words that people say for it, in either language, between commas."""
    unit: Mapped[str | None] = mapped_column(String(100), info=NOBODY)
    """The unit of the city whose work it is, where a borough has none of its own (`ServiceUnit`)."""
    mail: Mapped[str | None] = mapped_column(String(254), info=NOBODY)
    """Where its requests leave in letters, because that unit's system takes nothing else; None: they do not."""
    group: Mapped[Group311] = mapped_column(String(40))
    days: Mapped[int]
    """Service standard in force; the earlier ones are `ServiceStandard`."""
    working_days: Mapped[bool] = mapped_column(default=False)
    """Whether its days are working days of Québec, rather than all of them."""
    attributes: Mapped[list[Any]] = mapped_column(default=list, info=NOBODY)
    """What it asks beside the place and the words (`models.attributes`), in order."""
    confidential: Mapped[bool] = mapped_column(default=False)
    """Who asks for it is not said in public, and neither is the number of a request."""
    active: Mapped[bool] = mapped_column(default=True)
    outside_code: Mapped[str | None] = mapped_column(String(200), info=NOBODY)
    """What the outside 311 calls it, where it has one of the same name; None: as here."""
    changed_at: Mapped[datetime | None]
    """When anything of it last changed: programs then read the services again."""
    version: Mapped[int] = mapped_column(default=1)
    """Counts changes: two people at once, one wins."""

    def called(self, language: str) -> str:
        """Its name as a person reads it; French where there is no other."""
        return (self.name_en if language.startswith("en") else "") or self.name


class ServiceUnit(Base):
    """The unit whose work a service is in one borough, where it is not the service's own."""

    __tablename__ = "service_unit"

    service_code: Mapped[str] = mapped_column(ForeignKey("service.code"), primary_key=True)
    borough_id: Mapped[int] = mapped_column(ForeignKey("borough.id"), primary_key=True)
    unit: Mapped[str] = mapped_column(String(100), info=NOBODY)


class ServiceStandard(Base):
    """A standard that a service had until it was changed: what was opened under it keeps its due date."""

    __tablename__ = "service_standard"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    service_code: Mapped[str] = mapped_column(ForeignKey("service.code"), index=True)
    days: Mapped[int]
    working_days: Mapped[bool]
    until: Mapped[datetime]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    """Who changed it; None: a newer Parvis, or a file."""


class RequestCounter(Base):
    """The last number given in a year; the row is locked while one is taken, so numbers have no holes and no twins."""

    __tablename__ = "request_counter"

    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]


class ServiceRequest(Base):
    """One 311 request, for one or many citizens."""

    __tablename__ = "service_request"
    __table_args__ = (
        Index("ix_service_request_status", "status", "due_at", "id"),
        Index("ix_service_request_service", "service_code", "status"),
        Index(
            "ix_service_request_hand_over",
            "id",
            sqlite_where=text("hand_over = 1"),
            postgresql_where=text("hand_over"),
        ),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    number: Mapped[str] = mapped_column(String(40), unique=True, info=NOBODY)
    outside_number: Mapped[str | None] = mapped_column(String(100), index=True, info=NOBODY)
    """In the city's other 311 system; once there is one, it is the only number that citizens see."""
    hand_over: Mapped[bool] = mapped_column(default=False)
    """Whether nobody has yet looked if it goes to the outside 311."""
    service_code: Mapped[str] = mapped_column(ForeignKey("service.code"))
    nature: Mapped[RequestNature] = mapped_column(String(20), default=RequestNature.REQUEST)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    borough_id: Mapped[int | None] = mapped_column(ForeignKey("borough.id"))
    place: Mapped[str | None] = mapped_column(String(300), info=CITIZEN)
    """As written or corrected by a person; never invented."""
    latitude: Mapped[float | None] = mapped_column(info=CITIZEN)
    longitude: Mapped[float | None] = mapped_column(info=CITIZEN)
    """Degrees, WGS 84, as a program sent them; never found from a text."""
    media_url: Mapped[str | None] = mapped_column(Link, info=CITIZEN)
    description: Mapped[str | None] = mapped_column(Text, info=CITIZEN)
    attributes: Mapped[dict[str, Any] | None] = mapped_column(info=CITIZEN)
    """What was answered of what its service asks, by the attribute's code."""
    status: Mapped[RequestStatus] = mapped_column(String(20), default=RequestStatus.ACCEPTED)
    citizen_note: Mapped[str | None] = mapped_column(Text, info=CITIZEN)
    """What the agent tells citizens about the outcome."""
    opened_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    key_id: Mapped[int | None] = mapped_column(ForeignKey("api_key.id"))
    """The program that sent it, where nobody of the city opened it."""
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    joined_to_id: Mapped[int | None] = mapped_column(ForeignKey("service_request.id"))
    """The request about the same thing that has its people now."""
    priority: Mapped[Priority] = mapped_column(String(20), default=Priority.NORMAL)
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    """Whose it is; None: nobody's yet."""
    unit: Mapped[str | None] = mapped_column(String(100), info=NOBODY)
    """The unit of the city whose it is: its service's in its borough, until it is transferred to another."""
    unit_given: Mapped[bool] = mapped_column(default=False)
    """Whether a person gave it to that unit: another service or borough does not take it from there."""
    search_text: Mapped[str | None] = mapped_column(Text, info=CITIZEN)
    """The words by which it is found: numbers, service, place, description."""
    version: Mapped[int] = mapped_column(default=1)
    """Counts changes: two agents at once, one wins."""

    @property
    def public_number(self) -> str:
        """The number that citizens know it by."""
        return self.outside_number or self.number

    service: Mapped[Service] = relationship(lazy="raise")
    borough: Mapped[Borough | None] = relationship(lazy="raise")
    assignee: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[assignee_id])
    requesters: Mapped[list[Requester]] = relationship(
        lazy="raise", back_populates="request", foreign_keys="Requester.request_id"
    )


class Requester(Base):
    """A citizen who asked for a request, by a comment or through a program; many of them, one request."""

    __tablename__ = "requester"
    __table_args__ = (UniqueConstraint("request_id", "comment_id"), Index("ix_requester_comment", "comment_id"))

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("service_request.id"))
    comment_id: Mapped[int | None] = mapped_column(ForeignKey("comment.id"))
    name: Mapped[str | None] = mapped_column(String(200), info=CITIZEN)
    email: Mapped[str | None] = mapped_column(String(254), info=CITIZEN)
    phone: Mapped[str | None] = mapped_column(String(40), info=CITIZEN)
    """How a program says to reach whoever asked through it; never given out again."""
    code: Mapped[str] = mapped_column(String(32), unique=True, default=partial(token_urlsafe, 18), info=NOBODY)
    """With it, they see what is theirs of the request on its public page; given to them alone."""
    added_at: Mapped[datetime]
    joined_from_id: Mapped[int | None] = mapped_column(ForeignKey("service_request.id"))
    """The request that they asked for first, before it was joined to this one."""
    reopened_at: Mapped[datetime | None]
    """When they last said by their code that it is not solved."""
    detached_at: Mapped[datetime | None]
    """Set when the decision that linked them is undone."""

    request: Mapped[ServiceRequest] = relationship(lazy="raise", back_populates="requesters", foreign_keys=[request_id])


class RequestChange(Base):
    """One step in the life of a request: who, when, to what, and the words for citizens."""

    __tablename__ = "request_change"
    __table_args__ = (Index("ix_request_change_request", "request_id", "id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("service_request.id"))
    status: Mapped[RequestStatus] = mapped_column(String(20))
    note: Mapped[str | None] = mapped_column(Text, info=CITIZEN)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    """None: nobody of the city."""
    by: Mapped[StepBy] = mapped_column(String(20), default=StepBy.PERSON)
    comment_id: Mapped[int | None] = mapped_column(ForeignKey("comment.id"), index=True)
    """In which a citizen said it."""
    at: Mapped[datetime]

    person: Mapped[Person | None] = relationship(lazy="raise")


class RequestNote(Base):
    """What was done with a request beside its status, and words that stay inside; it is never changed."""

    __tablename__ = "request_note"
    __table_args__ = (
        Index("ix_request_note_request", "request_id", "id"),
        Index("ix_request_note_kind", "kind", "request_id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("service_request.id"))
    kind: Mapped[RequestNoteKind] = mapped_column(String(20))
    text: Mapped[str | None] = mapped_column(Text, info=CITIZEN)
    """A note, or why it was transferred; None: it came without words, or they were lawfully disposed of."""
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    """Of an assignment: whose it is now (None: nobody's)."""
    unit: Mapped[str | None] = mapped_column(String(100), info=NOBODY)
    borough_id: Mapped[int | None] = mapped_column(ForeignKey("borough.id"))
    """Of a transfer: whose it was to be."""
    priority: Mapped[Priority | None] = mapped_column(String(20))
    at: Mapped[datetime]

    person: Mapped[Person] = relationship(lazy="raise", foreign_keys=[person_id])
    assignee: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=[assignee_id])
    borough: Mapped[Borough | None] = relationship(lazy="raise")

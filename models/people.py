"""Who works here: people, what they may do and where, and the proofs of who they are."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    Date,
    ForeignKey,
    Index,
    LargeBinary,
    Select,
    UniqueConstraint,
    exists,
    or_,
    select,
    text,
)
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from models.base import NOBODY, STAFF, Base, Id, String
from models.vocabulary import MailChoice, Role

MARKED = timedelta(days=7)
"""For how long after somebody else replaced a password what its person decides is marked."""


class Borough(Base):
    """An arrondissement or sector of the city: a scope, not a tenant."""

    __tablename__ = "borough"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    code: Mapped[str] = mapped_column(String(60), unique=True, info=NOBODY)
    name: Mapped[str] = mapped_column(String(200), info=NOBODY)
    outline: Mapped[list[Any] | None] = mapped_column(info=NOBODY, deferred=True)
    """Rings of [longitude, latitude], for the map; None: none is known."""


class Person(Base):
    """Somebody who signs in. Never deleted, only made inactive: decisions keep their author."""

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True, info=STAFF)
    """Folded to lower case."""
    name: Mapped[str] = mapped_column(String(200), info=STAFF)
    password_hash: Mapped[str | None] = mapped_column(String(400), info=STAFF)
    totp_closed: Mapped[str | None] = mapped_column(String(400), info=STAFF)
    """The second factor's secret, encrypted; None: not set up."""
    totp_last_step: Mapped[int | None]
    """The last accepted 30-second step, so that a code serves once."""
    active: Mapped[bool] = mapped_column(default=True)
    feed_fingerprint: Mapped[str | None] = mapped_column(String(64), unique=True, info=STAFF)
    """Of the secret in the address at which their calendar is read; None: none serves."""
    single_keys: Mapped[bool] = mapped_column(default=True)
    """Whether one-key shortcuts are on (WCAG 2.1.4)."""
    keys: Mapped[dict[str, Any]] = mapped_column(default=dict, info=NOBODY)
    """Their keys of the queue by the usual one, of those that they changed."""
    folds_hard_words: Mapped[bool] = mapped_column(default=False)
    """Whether words that are hard to read are folded until this person asks to read them."""
    blurs_pictures: Mapped[bool] = mapped_column(default=False)
    """Whether what citizens show is blurred until this person asks to see it."""
    language: Mapped[str] = mapped_column(String(5), default="fr_CA", info=NOBODY)
    mail: Mapped[MailChoice] = mapped_column(String(10), default=MailChoice.EACH)
    """How they get their notices by e-mail."""
    digest_on: Mapped[date | None] = mapped_column(Date)
    """Day of the city on which their last digest was owed."""
    created_at: Mapped[datetime]

    memberships: Mapped[list[Membership]] = relationship(lazy="raise", back_populates="person")
    identities: Mapped[list[DirectoryIdentity]] = relationship(lazy="raise", back_populates="person")


class Membership(Base):
    """One role in one scope: the whole city (both null), one borough, or one account."""

    __tablename__ = "membership"
    __table_args__ = (
        CheckConstraint("borough_id IS NULL OR account_id IS NULL", name="one_scope"),
        UniqueConstraint("person_id", "role", "borough_id", "account_id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    role: Mapped[Role] = mapped_column(String(20))
    borough_id: Mapped[int | None] = mapped_column(ForeignKey("borough.id"))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    from_directory: Mapped[bool] = mapped_column(default=False)
    """Whether a group of the city's directory gives it: it comes and goes with the group, at each sign-in."""

    person: Mapped[Person] = relationship(lazy="raise", back_populates="memberships")


class DirectoryIdentity(Base):
    """Who somebody is in the city's directory. The directory's own name of them is kept, and not their e-mail, which
    is somebody else's some day.
    """

    __tablename__ = "directory_identity"
    __table_args__ = (UniqueConstraint("issuer", "subject"), UniqueConstraint("person_id", "issuer"))

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    issuer: Mapped[str] = mapped_column(String(500), info=NOBODY)
    subject: Mapped[str] = mapped_column(String(255), info=STAFF)
    linked_at: Mapped[datetime]
    used_at: Mapped[datetime]

    person: Mapped[Person] = relationship(lazy="raise", back_populates="identities")


class SignIn(Base):
    """A server-side session: the browser has the token, we keep its fingerprint."""

    __tablename__ = "sign_in"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True, info=STAFF)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    """Last use, written at most once a minute."""
    expires_at: Mapped[datetime]
    """The absolute end, whatever the use."""
    revoked_at: Mapped[datetime | None]
    proved: Mapped[bool] = mapped_column(default=False)
    """Whether every factor asked of this person was given."""
    browser: Mapped[str] = mapped_column(String(60), default="", info=STAFF)
    """As the person knows it again among their sessions: "Firefox, Windows"."""
    directory: Mapped[bool] = mapped_column(default=False)
    """Whether the city's directory said who it is: the second factor is asked there."""


class Passkey(Base):
    """A key of somebody's on a device or in their keychain (WebAuthn). What we keep of it opens nothing."""

    __tablename__ = "passkey"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    credential_id: Mapped[str] = mapped_column(String(1400), unique=True, info=STAFF)
    """The key's own name, in base64url; at most 1,023 bytes (WebAuthn §4)."""
    public_key: Mapped[bytes] = mapped_column(LargeBinary, info=STAFF)
    """In COSE, as the key gave it."""
    sign_count: Mapped[int]
    """How often it says that it was used; 0 for ever: it does not count. It never goes back."""
    name: Mapped[str] = mapped_column(String(60), info=STAFF)
    """As its person calls it."""
    added_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class PasskeyChallenge(Base):
    """What a key is asked to sign: once, within minutes, for what it was asked for."""

    __tablename__ = "passkey_challenge"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True, info=NOBODY)
    adds: Mapped[bool]
    """Whether it adds a key; else it is answered by one that is known."""
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    """Whose key must answer; None: anybody's, unlocked by its person."""
    expires_at: Mapped[datetime] = mapped_column(index=True)


class SignInAttempt(Base):
    """A sign-in that failed, or is being checked, for throttling by e-mail and by address; forgotten after a day."""

    __tablename__ = "sign_in_attempt"
    __table_args__ = (Index("ix_sign_in_attempt_subject_at", "subject", "at"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    subject: Mapped[str] = mapped_column(String(64), info=STAFF)
    """Keyed digest of the e-mail or of the address."""
    at: Mapped[datetime]


class PersonalLink(Base):
    """A single-use link: an invitation or a password reset."""

    __tablename__ = "personal_link"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True, info=STAFF)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    purpose: Mapped[str] = mapped_column(String(20), info=NOBODY)
    """"invitation" or "reset"."""
    made_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    """The administrator; None: the operator's command line."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]
    """When the person confirmed having read that somebody else replaced their password."""
    letter_id: Mapped[int | None] = mapped_column(ForeignKey("effect.id"))
    """The letter that brings it; None: somebody copies it."""

    made_by: Mapped[Person | None] = relationship(lazy="raise", foreign_keys=made_by_id)


class AccessRequest(Base):
    """What an administrator asks for somebody who may approve or administer: another administrator says yes or no."""

    __tablename__ = "access_request"
    __table_args__ = (Index("ix_access_request_open", "answered_at", "id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    role: Mapped[Role | None] = mapped_column(String(20))
    """The role to give; None: a link to choose a password."""
    borough_id: Mapped[int | None] = mapped_column(ForeignKey("borough.id"))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    asked_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    asked_at: Mapped[datetime]
    answered_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    answered_at: Mapped[datetime | None]
    granted: Mapped[bool | None]

    person: Mapped[Person] = relationship(lazy="raise", foreign_keys=person_id)
    asked_by: Mapped[Person] = relationship(lazy="raise", foreign_keys=asked_by_id)


class ApiKey(Base):
    """A machine that calls us. The key is shown once; its fingerprint is kept."""

    __tablename__ = "api_key"
    __table_args__ = (
        # A revoked key leaves its name to the next one.
        Index(
            "uq_api_key_name",
            "name",
            unique=True,
            sqlite_where=text("revoked_at IS NULL"),
            postgresql_where=text("revoked_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(100), info=NOBODY)
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True, info=NOBODY)
    scopes: Mapped[list[str]] = mapped_column(info=NOBODY)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    """Last use, written at most once a minute."""
    revoked_at: Mapped[datetime | None]


def comes_in() -> ColumnElement[bool]:
    """People who have a way to sign in; the others were invited and have not come yet."""
    known = exists().where(DirectoryIdentity.person_id == Person.id)
    return or_(Person.password_hash.is_not(None), known)


def has_passkey() -> ColumnElement[bool]:
    """People who have one."""
    return exists().where(Passkey.person_id == Person.id).correlate(Person)


def resets(people: Collection[int]) -> Select[PersonalLink]:
    """The times that these people's passwords were replaced through a link that somebody else made, newest first."""
    return (
        select(PersonalLink)
        .where(
            PersonalLink.person_id.in_(people),
            PersonalLink.purpose == "reset",
            PersonalLink.used_at.is_not(None),
        )
        .options(joinedload(PersonalLink.made_by))
        .order_by(PersonalLink.used_at.desc())
    )


def reset_before(links: Iterable[PersonalLink], person_id: int | None, at: datetime) -> PersonalLink | None:
    """The replaced password, among `links`, under whose mark this person decided something: for a week after it."""
    for link in links:
        if link.person_id == person_id and link.used_at is not None and link.used_at <= at < link.used_at + MARKED:
            return link
    return None

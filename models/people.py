"""Who works here: people, what they may do and where, and the proofs of who they are."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, Id
from models.vocabulary import Role


class Borough(Base):
    """An arrondissement or sector of the city: a scope, not a tenant."""

    __tablename__ = "borough"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    code: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(200))


class Person(Base):
    """Somebody who signs in. Never deleted, only made inactive: decisions keep their author."""

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    """Folded to lower case."""
    name: Mapped[str] = mapped_column(String(200))
    password_hash: Mapped[str | None] = mapped_column(String(400))
    totp_closed: Mapped[str | None] = mapped_column(String(400))
    """The second factor's secret, encrypted; None: not set up."""
    totp_last_step: Mapped[int | None]
    """The last accepted 30-second step, so that a code serves once."""
    active: Mapped[bool] = mapped_column(default=True)
    single_keys: Mapped[bool] = mapped_column(default=True)
    """Whether one-key shortcuts are on (WCAG 2.1.4)."""
    blurs_pictures: Mapped[bool] = mapped_column(default=False)
    """Whether what citizens show is blurred until this person asks to see it."""
    language: Mapped[str] = mapped_column(String(5), default="fr_CA")
    created_at: Mapped[datetime]

    memberships: Mapped[list[Membership]] = relationship(lazy="raise", back_populates="person")


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

    person: Mapped[Person] = relationship(lazy="raise", back_populates="memberships")


class SignIn(Base):
    """A server-side session: the browser has the token, we keep its fingerprint."""

    __tablename__ = "sign_in"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    """Last use, written at most once a minute."""
    expires_at: Mapped[datetime]
    """The absolute end, whatever the use."""
    revoked_at: Mapped[datetime | None]
    proved: Mapped[bool] = mapped_column(default=False)
    """Whether every factor asked of this person was given."""


class SignInAttempt(Base):
    """A failed sign-in, for throttling by e-mail and by address; forgotten after a day."""

    __tablename__ = "sign_in_attempt"
    __table_args__ = (Index("ix_sign_in_attempt_subject_at", "subject", "at"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    subject: Mapped[str] = mapped_column(String(64))
    """Keyed digest of the e-mail or of the address."""
    at: Mapped[datetime]


class PersonalLink(Base):
    """A single-use link: an invitation or a password reset."""

    __tablename__ = "personal_link"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    purpose: Mapped[str] = mapped_column(String(20))
    """"invitation" or "reset"."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class ApiKey(Base):
    """A machine that calls us. The key is shown once; its fingerprint is kept."""

    __tablename__ = "api_key"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

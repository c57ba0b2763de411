"""Who is there: passwords, second factor, server-side sessions, throttling. The browser holds a random token, we keep
its fingerprint.

Limits: a session ends after 2 hours without use (a page that refreshes itself is no use) and in any case after
12 hours, a work day, as NIST SP 800-63B §2.2.3 asks at AAL2 for the absolute end. A password alone, for somebody who
has a second factor, opens nothing and waits 10 minutes for the code.

Throttling counts the attempts of the last 15 minutes that failed or are being checked: counted before, those that come
at once cannot all pass. Attempts from browsers that this person never used are counted by e-mail and by address; a
browser that once signed this person in carries a proof of it and is counted apart, so that a stranger who guesses
cannot lock the person out (OWASP's device cookie).

Who has a role that asks for a second factor is led to set one up at each sign-in, and from 7 days after they were added
comes to no other page: what somebody scripts on the first day works, and a telephone can be fetched.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache

import pyotp
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.orm import Session

from models import audit
from models.errors import Refused
from models.notices import Notice
from models.people import (
    ApiKey,
    Membership,
    Person,
    PersonalLink,
    SignIn,
    SignInAttempt,
    has_passkey,
    resets,
)
from models.scope import KEY_SCOPES, Grant, Viewer, grants_of
from models.secrets import Vault, fingerprint
from models.session import Database, take_turn
from models.text import cleaned
from models.vocabulary import Role

IDLE = timedelta(hours=2)
END = timedelta(hours=12)
CODE_WAIT = timedelta(minutes=10)
SEEN_EVERY = timedelta(minutes=1)
WINDOW = timedelta(minutes=15)
GRACE = timedelta(days=7)
"""How long somebody new may put the second factor off that their role asks for."""
FAILURES_BY_EMAIL = 10
FAILURES_BY_DEVICE = 10
FAILURES_BY_ADDRESS = 100
"""A whole city may be behind one address."""
FAILURES_BY_CODE = 5

passwords = PasswordHash((Argon2Hasher(),))


@cache
def _nobodys_hash() -> str:
    """Checked when the e-mail is unknown, so that the answer takes as long. Made once, and not at import: it is slow on
    purpose.
    """
    return passwords.hash(secrets.token_urlsafe(16))


class Outcome(StrEnum):
    """What became of an attempt to sign in."""

    IN = "in"
    CODE_NEEDED = "code_needed"
    WRONG = "wrong"
    THROTTLED = "throttled"


@dataclass(frozen=True)
class Attempt:
    """The outcome, and what the browser is given: the session's token and the proof that this browser is known."""

    outcome: Outcome
    token: str | None = None
    device: str | None = None
    language: str | None = None
    first: bool = False
    """Whether something is to be read or done before anything else."""


@dataclass(frozen=True)
class Browser:
    """What tries to sign in: where from, the proof of an earlier sign-in, and what its person will call it."""

    address: str
    device: str | None = None
    name: str = ""


@dataclass(frozen=True)
class Identity:
    """Who asks, with what the pages need of them. A key has no session."""

    viewer: Viewer
    sign_in_id: int | None = None
    email: str = ""
    single_keys: bool = False
    keys: Mapping[str, str] = field(default_factory=dict)
    """Of the queue, by the usual one: those that they changed."""
    blurs_pictures: bool = False
    folds_hard_words: bool = False
    lacks_factor: bool = False
    """Whether their role asks for a second factor that they have not set up."""
    factor_due: bool = False
    """Whether it must be set up before anything else."""
    unseen: int = 0
    """How many notices they have not read."""


_UNSEEN = (
    select(func.count())
    .where(Notice.person_id == Person.id, Notice.seen_at.is_(None))
    .correlate(Person)
    .scalar_subquery()
)


def sign_in(
    database: Database,
    vault: Vault,
    email: str,
    password: str,
    *,
    browser: Browser,
    factor_roles: Collection[Role] = (),
    now: datetime,
) -> Attempt:
    """Check e-mail and password. It opens its own transactions: hashing takes long and must hold none."""
    email = (cleaned(email) or "").strip().casefold()
    subjects = _subjects(vault, email, browser)
    with database.write() as session:
        counted = _count(session, subjects, now)
        found = session.execute(select(Person, has_passkey()).where(Person.email == email, Person.active)).first()
    person, passkey = found or (None, False)
    if counted is None:
        return Attempt(Outcome.THROTTLED)
    # 200 characters are more than anybody types: a longer one would only cost us time.
    hashed = person.password_hash if person and person.password_hash else _nobodys_hash()
    right, renewed = passwords.verify_and_update(password[:200], hashed)
    if person is None or not right or not person.password_hash:
        return Attempt(Outcome.WRONG)
    with database.write() as session:
        session.execute(delete(SignInAttempt).where(SignInAttempt.id.in_(counted)))
        if renewed:
            session.execute(update(Person).where(Person.id == person.id).values(password_hash=renewed))
        if person.totp_closed or passkey:
            return Attempt(Outcome.CODE_NEEDED, _open(session, person.id, now=now, proved=False, browser=browser.name))
        return welcome(session, vault, person, browser=browser.name, factor_roles=factor_roles, now=now)


def prove(
    database: Database, vault: Vault, token: str | None, code: str, *, browser: str = "", now: datetime
) -> Attempt:
    """Check the second factor of a sign-in that waits for it. A code serves once, and gives a new token."""
    with database.write() as session:
        found = waiting(session, token, now=now)
        if found is None:
            return Attempt(Outcome.WRONG)
        begun, person = found
        subjects = _own_subjects(vault, person.id)
        if _count(session, subjects, now) is None:
            begun.revoked_at = now  # Whoever got here has the password; they must show it again.
            return Attempt(Outcome.THROTTLED)
        if not _accept_code(session, vault, person, code, now=now):
            return Attempt(Outcome.CODE_NEEDED, token)
        begun.revoked_at = now
        session.execute(delete(SignInAttempt).where(SignInAttempt.subject.in_(subjects)))
        return welcome(session, vault, person, browser=browser, now=now)


def _accept_code(session: Session, vault: Vault, person: Person, code: str, *, now: datetime) -> bool:
    """Whether the code is right and was not used before; one step (30 s) of difference between clocks is accepted."""
    if not person.totp_closed:
        return False
    step = matching_step(vault.open(person.totp_closed), code, now=now)
    if step is None:
        return False
    newer = or_(Person.totp_last_step.is_(None), Person.totp_last_step < step)
    used = session.execute(
        update(Person).where(Person.id == person.id, newer).values(totp_last_step=step).returning(Person.id)
    ).first()
    return used is not None


def matching_step(secret: str, code: str, *, now: datetime) -> int | None:
    """The 30-second step that the code belongs to: this one, the one before or the one after."""
    totp, digits = pyotp.TOTP(secret), "".join(code.split())
    current = totp.timecode(now)
    steps = (current - 1, current, current + 1)
    fitting = (step for step in steps if hmac.compare_digest(totp.generate_otp(step).encode(), digits.encode()))
    return next(fitting, None)


def identify(
    database: Database,
    token: str | None,
    *,
    factor_roles: Collection[Role] = (),
    now: datetime,
    used: bool = True,
) -> Identity | None:
    """Who a browser's token belongs to; None: nobody, ended, revoked, made inactive, or its code is awaited."""
    if not token:
        return None
    with database.read() as session:
        found = session.execute(
            select(SignIn, Person, _UNSEEN, has_passkey())
            .join(Person, Person.id == SignIn.person_id)
            .where(SignIn.fingerprint == fingerprint(token), *_alive(now), Person.active)
        ).first()
        if found is None:
            return None
        sign_in_row, person, unseen, passkey = found
        memberships = session.scalars(select(Membership).where(Membership.person_id == person.id)).all()
    if used and now - sign_in_row.seen_at >= SEEN_EVERY:
        with database.write() as session:
            session.execute(update(SignIn).where(SignIn.id == sign_in_row.id).values(seen_at=now))
    roles = frozenset(Role(membership.role) for membership in memberships)
    viewer = Viewer(person_id=person.id, name=person.name, roles=roles, grants=grants_of(memberships))
    lacking = not (sign_in_row.directory or passkey) and _lacks_factor(person, roles, factor_roles)
    due = lacking and now - person.created_at >= GRACE
    tastes = person.single_keys, person.keys, person.blurs_pictures, person.folds_hard_words
    return Identity(viewer, sign_in_row.id, person.email, *tastes, lacking, due, unseen)


def identify_key(database: Database, key: str, *, now: datetime) -> Identity | None:
    """What an API key may read; None: not a key of ours, revoked, or past its time."""
    with database.read() as session:
        row = session.scalar(
            select(ApiKey).where(
                ApiKey.fingerprint == fingerprint(key),
                ApiKey.revoked_at.is_(None),
                or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > now),
            )
        )
    if row is None:
        return None
    if row.used_at is None or now - row.used_at >= SEEN_EVERY:
        with database.write() as session:
            session.execute(update(ApiKey).where(ApiKey.id == row.id).values(used_at=now))
    grants = frozenset(Grant(KEY_SCOPES[scope]) for scope in row.scopes if scope in KEY_SCOPES)
    return Identity(Viewer(None, row.name, frozenset(), grants, key_id=row.id))


def check_own(
    database: Database, vault: Vault, person_id: int, password: str, code: str | None = None, *, now: datetime
) -> None:
    """Refused unless somebody who is signed in gives the right password, and the right code where one is asked.

    Guesses of both are counted together, and like the codes of a sign-in.
    """
    subjects = _own_subjects(vault, person_id)
    with database.write() as session:
        counted = _count(session, subjects, now)
        person = session.get_one(Person, person_id)
    if counted is None:
        raise Refused("attempts_many", field="current")
    if not passwords.verify(password[:200], person.password_hash or _nobodys_hash()):
        raise Refused("password_wrong", field="current")
    with database.write() as session:
        right = code is None or _accept_code(session, vault, session.get_one(Person, person_id), code, now=now)
        if right:
            session.execute(delete(SignInAttempt).where(SignInAttempt.id.in_(counted)))
    if not right:
        raise Refused("code_wrong", field="code")


def waiting(session: Session, token: str | None, *, now: datetime) -> tuple[SignIn, Person] | None:
    """The sign-in of this browser that has a password and owes the second factor, and whose it is."""
    statement = (
        select(SignIn, Person)
        .join(Person, Person.id == SignIn.person_id)
        .where(
            SignIn.fingerprint == fingerprint(token or ""),
            SignIn.proved.is_(False),
            SignIn.revoked_at.is_(None),
            SignIn.expires_at > now,
            Person.active,
        )
    )
    found = session.execute(statement).first()
    return (found[0], found[1]) if found else None


def sign_out(session: Session, token: str, *, now: datetime) -> bool:
    """End this session; the token opens nothing any more. Gives whether the city's directory had opened it."""
    ended = session.scalar(
        update(SignIn)
        .where(SignIn.fingerprint == fingerprint(token), SignIn.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(SignIn.directory)
    )
    return bool(ended)


def sessions(session: Session, person_id: int, *, now: datetime) -> Sequence[SignIn]:
    """The open sessions of a person, the one used last first."""
    statement = select(SignIn).where(SignIn.person_id == person_id, *_alive(now))
    return session.scalars(statement.order_by(SignIn.seen_at.desc(), SignIn.id.desc())).all()


def end_sessions(
    session: Session, person_id: int, *, now: datetime, but: int | None = None, only: int | None = None
) -> None:
    """End every session of a person, every one but `but`, or `only` one."""
    statement = update(SignIn).where(SignIn.person_id == person_id, SignIn.revoked_at.is_(None))
    if but is not None:
        statement = statement.where(SignIn.id != but)
    if only is not None:
        statement = statement.where(SignIn.id == only)
    session.execute(statement.values(revoked_at=now))


def welcome(
    session: Session,
    vault: Vault,
    person: Person,
    *,
    browser: str = "",
    factor_roles: Collection[Role] = (),
    directory: bool = False,
    now: datetime,
) -> Attempt:
    """Open a session for somebody who has proved who they are, to us or to the city's `directory`."""
    session.execute(delete(SignInAttempt).where(SignInAttempt.at < now - timedelta(days=1)))
    facts = {"directory": True} if directory else {}
    audit.note(session, "signed_in", f"person:{person.id}", now=now, person_id=person.id, **facts)
    token = _open(session, person.id, now=now, proved=True, browser=browser, directory=directory)
    roles = session.scalars(select(Membership.role).where(Membership.person_id == person.id)).all()
    passkey = session.scalar(select(has_passkey()).where(Person.id == person.id))
    lacking = not (directory or passkey) and _lacks_factor(person, roles, factor_roles)
    first = lacking or bool(untold_resets(session, person.id))
    return Attempt(Outcome.IN, token, _new_device(vault, person.email), person.language, first)


def untold_resets(session: Session, person_id: int) -> Sequence[PersonalLink]:
    """The times that somebody else replaced this person's password, as long as the person has not read of it."""
    return session.scalars(resets([person_id]).where(PersonalLink.told_at.is_(None))).all()


def _lacks_factor(person: Person, roles: Iterable[str], asking: Collection[Role]) -> bool:
    return person.totp_closed is None and not set(asking).isdisjoint(roles)


def _alive(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (SignIn.proved.is_(True), SignIn.revoked_at.is_(None), SignIn.expires_at > now, SignIn.seen_at > now - IDLE)


def _open(
    session: Session, person_id: int, *, now: datetime, proved: bool, browser: str, directory: bool = False
) -> str:
    token = secrets.token_urlsafe(32)
    session.add(
        SignIn(
            fingerprint=fingerprint(token),
            person_id=person_id,
            created_at=now,
            seen_at=now,
            expires_at=now + (END if proved else CODE_WAIT),
            proved=proved,
            browser=browser[:60],
            directory=directory,
        )
    )
    return token


# ---------------------------------------------------------------------------------------------- throttling
def _new_device(vault: Vault, email: str) -> str:
    mark = secrets.token_urlsafe(16)
    return f"{mark}.{vault.digest(_device(mark, email))}"


def _known_device(vault: Vault, device: str | None, email: str) -> str | None:
    """The mark of a browser that once signed this person in; None for any other."""
    mark, _, proof = (device or "").partition(".")
    return mark if vault.matches(_device(mark, email), proof) else None


def _device(mark: str, email: str) -> bytes:
    return f"device\0{mark}\0{email}".encode()


def _subjects(vault: Vault, email: str, browser: Browser) -> dict[str, int]:
    """What an attempt is counted under, and how many are too many."""
    if known := _known_device(vault, browser.device, email):
        return {vault.digest(f"known\0{known}".encode()): FAILURES_BY_DEVICE}
    return {
        vault.digest(f"email\0{email}".encode()): FAILURES_BY_EMAIL,
        vault.digest(f"address\0{network_of(browser.address)}".encode()): FAILURES_BY_ADDRESS,
    }


def _own_subjects(vault: Vault, person_id: int) -> dict[str, int]:
    """The same for what somebody gives who showed their password once."""
    return {vault.digest(f"code\0{person_id}".encode()): FAILURES_BY_CODE}


def network_of(address: str) -> str:
    """The address, or for IPv6 the /64 that one client has whole."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else str(parsed)


def _count(session: Session, subjects: dict[str, int], now: datetime) -> list[int] | None:
    """Count an attempt before it is checked; None: there are too many. It stays when the attempt fails."""
    for subject in sorted(subjects):
        take_turn(session, subject)
    counts = session.execute(
        select(SignInAttempt.subject, func.count())
        .where(SignInAttempt.subject.in_(subjects), SignInAttempt.at > now - WINDOW)
        .group_by(SignInAttempt.subject)
    )
    if any(count >= subjects[subject] for subject, count in counts):
        return None
    attempts = [SignInAttempt(subject=subject, at=now) for subject in subjects]
    session.add_all(attempts)
    session.flush()
    return [attempt.id for attempt in attempts]

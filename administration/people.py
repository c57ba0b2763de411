"""People, their memberships and links; accounts of the city; API keys. Every change is in the journal."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyotp
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from administration import connecting
from administration.sign_in import accept_code, end_sessions, matching_step, passwords
from connectors.base import Offered
from models import audit
from models.accounts import Account, Connection
from models.errors import NotFound, Refused
from models.people import ApiKey, Borough, Membership, Person, PersonalLink
from models.scope import KEY_SCOPES
from models.secrets import SecretUnreadable, Vault, fingerprint
from models.vocabulary import Role

INVITATION_LASTS = timedelta(days=7)
RESET_LASTS = timedelta(days=1)
SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 200


@dataclass(frozen=True)
class Place:
    """Where a role holds: the whole city (both None), one borough, or one account."""

    borough_id: int | None = None
    account_id: int | None = None


CITY = Place()


def check_password(password: str, again: str, email: str) -> None:
    """Refused unless it is long enough, typed twice the same, and not the e-mail."""
    if len(password) < SHORTEST_PASSWORD:
        raise Refused("password_short", field="password", least=str(SHORTEST_PASSWORD))
    if len(password) > LONGEST_PASSWORD:
        raise Refused("password_long", field="password", most=str(LONGEST_PASSWORD))
    if password.strip().casefold() in {email, email.partition("@")[0]}:
        raise Refused("password_is_email", field="password")
    if password != again:
        raise Refused("passwords_differ", field="again")


def invite(
    session: Session,
    email: str,
    name: str,
    roles: Sequence[tuple[Role, Place]],
    *,
    by: int | None,
    now: datetime,
    language: str = "fr_CA",
) -> Person:
    """Add a person, with no password yet. Refused: the e-mail is not one, or is somebody's already."""
    email = email.strip().casefold()
    local, at, host = email.partition("@")
    if not (local and at and host) or any(character.isspace() for character in email) or len(email) > 254:
        raise Refused("email_unreadable", field="email")
    if session.scalar(select(Person.id).where(Person.email == email)) is not None:
        raise Refused("email_taken", field="email")
    name = name.strip()[:200] or local
    person = Person(email=email, name=name, created_at=now, language=language, active=True, single_keys=True)
    session.add(person)
    session.flush()
    audit.note(session, "person_added", f"person:{person.id}", now=now, person_id=by)
    for role, place in roles:
        add_membership(session, person.id, role, place, by=by, now=now)
    return person


def add_membership(
    session: Session, person_id: int, role: Role, place: Place, *, by: int | None, now: datetime
) -> None:
    """Give a role in a place; nothing when they have it already. Nobody changes their own."""
    _not_own(person_id, by)
    if place.borough_id is not None and place.account_id is not None:
        raise Refused("one_scope", field="scope")
    if role is Role.ADMIN and place != CITY:
        raise Refused("admin_everywhere", field="scope")
    if place.borough_id is not None and session.get(Borough, place.borough_id) is None:
        raise NotFound("borough")
    if place.account_id is not None and session.get(Account, place.account_id) is None:
        raise NotFound("account")
    person = _person(session, person_id)
    same = select(Membership.id).where(
        Membership.person_id == person.id,
        Membership.role == role,
        # The unique constraint does not see two nulls as equal.
        Membership.borough_id.is_not_distinct_from(place.borough_id),
        Membership.account_id.is_not_distinct_from(place.account_id),
    )
    if session.scalar(same) is not None:
        return
    session.add(Membership(person_id=person.id, role=role, borough_id=place.borough_id, account_id=place.account_id))
    audit.note(
        session,
        "membership_given",
        f"person:{person.id}",
        now=now,
        person_id=by,
        role=role,
        borough=place.borough_id,
        account=place.account_id,
    )


def remove_membership(session: Session, membership_id: int, *, by: int | None, now: datetime) -> int:
    """Take a role away; it has no effect any more from the next request on. Gives the person's id."""
    membership = session.get(Membership, membership_id)
    if membership is None:
        raise NotFound("membership")
    _not_own(membership.person_id, by)
    session.delete(membership)
    audit.note(
        session,
        "membership_taken",
        f"person:{membership.person_id}",
        now=now,
        person_id=by,
        role=membership.role,
        borough=membership.borough_id,
        account=membership.account_id,
    )
    return membership.person_id


def set_active(session: Session, person_id: int, active: bool, *, by: int | None, now: datetime) -> None:  # noqa: FBT001  # It is the value that is set.
    """Let a person in, or keep them out: their sessions end now and their links open nothing."""
    _not_own(person_id, by)
    person = _person(session, person_id)
    if person.active == active:
        return
    person.active = active
    if not active:
        end_sessions(session, person.id, now=now)
        _end_links(session, person.id, now=now)
    audit.note(
        session, "person_activated" if active else "person_deactivated", f"person:{person.id}", now=now, person_id=by
    )


# ---------------------------------------------------------------------------------------------- links and passwords
def new_link(session: Session, person_id: int, *, by: int | None, now: datetime) -> str:
    """The token of a single-use link: an invitation for who has no password, else a reset. Older ones end."""
    person = _person(session, person_id)
    if not person.active:
        raise Refused("person_inactive")
    _end_links(session, person.id, now=now)
    purpose, lasts = ("reset", RESET_LASTS) if person.password_hash else ("invitation", INVITATION_LASTS)
    token = secrets.token_urlsafe(32)
    session.add(
        PersonalLink(
            fingerprint=fingerprint(token),
            person_id=person.id,
            purpose=purpose,
            created_at=now,
            expires_at=now + lasts,
        )
    )
    audit.note(session, f"{purpose}_link_made", f"person:{person.id}", now=now, person_id=by)
    return token


def holder(session: Session, token: str, *, now: datetime) -> Person:
    """Whose link it is. NotFound: unknown, used, or past its time; all read the same."""
    person = session.scalar(
        select(Person)
        .join(PersonalLink, PersonalLink.person_id == Person.id)
        .where(
            PersonalLink.fingerprint == fingerprint(token),
            PersonalLink.used_at.is_(None),
            PersonalLink.expires_at > now,
            Person.active,
        )
    )
    if person is None:
        raise NotFound("link")
    return person


def use_link(session: Session, token: str, password_hash: str, *, now: datetime) -> None:
    """Set the password that the link is for; it serves once, and every open session ends."""
    person = holder(session, token, now=now)
    used = session.execute(
        update(PersonalLink)
        .where(PersonalLink.fingerprint == fingerprint(token), PersonalLink.used_at.is_(None))
        .values(used_at=now)
        .returning(PersonalLink.id)
    ).first()
    if used is None:
        raise NotFound("link")
    set_password(session, person, password_hash, by=person.id, now=now)


def set_password(
    session: Session, person: Person, password_hash: str, *, by: int | None, now: datetime, but: int | None = None
) -> None:
    """Change a password; every session but `but` ends."""
    person.password_hash = password_hash
    end_sessions(session, person.id, now=now, but=but)
    audit.note(session, "password_set", f"person:{person.id}", now=now, person_id=by)


def hash_password(password: str) -> str:
    """Argon2; takes about 50 ms, so never call it inside a transaction."""
    return passwords.hash(password)


# ---------------------------------------------------------------------------------------------- second factor
def turn_totp_on(session: Session, vault: Vault, person: Person, closed: str, code: str, *, now: datetime) -> None:
    """Keep the second factor's secret, closed by us when it was shown, once a code proves that the telephone has it."""
    try:
        step = matching_step(vault.open(closed), code, now=now)
    except SecretUnreadable:  # The form was not ours.
        step = None
    if step is None:
        raise Refused("code_wrong", field="code")
    person.totp_closed, person.totp_last_step = closed, step
    audit.note(session, "second_factor_on", f"person:{person.id}", now=now, person_id=person.id)


def turn_totp_off(session: Session, vault: Vault, person: Person, code: str, *, now: datetime) -> None:
    """Forget it; a code is asked, so that an unattended screen is not enough."""
    if not accept_code(session, vault, person, code, now=now):
        raise Refused("code_wrong", field="code")
    person.totp_closed = person.totp_last_step = None
    audit.note(session, "second_factor_off", f"person:{person.id}", now=now, person_id=person.id)


def without_second_factor(session: Session, roles: Collection[Role]) -> Sequence[Person]:
    """Who can sign in, has one of these roles, and has no second factor."""
    having = select(Membership.person_id).where(Membership.role.in_(roles))
    able = (Person.active, Person.password_hash.is_not(None), Person.totp_closed.is_(None))
    return session.scalars(select(Person).where(*able, Person.id.in_(having)).order_by(Person.email)).all()


def reset_totp(session: Session, person_id: int, *, by: int | None, now: datetime) -> None:
    """For who lost their telephone: the second factor is forgotten and every session ends."""
    _not_own(person_id, by)
    person = _person(session, person_id)
    person.totp_closed = person.totp_last_step = None
    end_sessions(session, person.id, now=now)
    audit.note(session, "second_factor_reset", f"person:{person.id}", now=now, person_id=by)


def totp_address(secret: str, email: str) -> str:
    """What the QR code says (`otpauth://`)."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="Parvis")


# ---------------------------------------------------------------------------------------------- accounts and keys
def borough_named(session: Session, code: str) -> Borough:
    """The borough with this code; Refused when there is none."""
    borough = session.scalar(select(Borough).where(Borough.code == code.strip().casefold()))
    if borough is None:
        raise Refused("borough_unknown", field="borough", borough=code)
    return borough


def add_borough(session: Session, code: str, name: str, *, now: datetime) -> Borough:
    """A borough or sector, to which accounts and people then belong; the same code again changes its name.

    Refused: `borough_code` (one to sixty letters, digits or hyphens).
    """
    code = code.strip().casefold()
    if not code.replace("-", "").isalnum() or len(code) > 60:
        raise Refused("borough_code", field="code")
    borough = session.scalar(select(Borough).where(Borough.code == code)) or Borough(code=code)
    borough.name = name.strip()[:200] or code
    session.add(borough)
    session.flush()
    audit.note(session, "borough_added", f"borough:{borough.id}", now=now, person_id=None)
    return borough


def add_account(
    session: Session,
    vault: Vault,
    network: str,
    external_id: str,
    *,
    name: str,
    token: str,
    borough_id: int | None,
    now: datetime,
) -> Account:
    """Connect an account of the city; one that is there already gets the new token and works again."""
    external_id, token = external_id.strip(), token.strip()
    if not external_id or len(external_id) > 100:
        raise Refused("external_id_unreadable", field="external_id")
    if not token or any(character.isspace() for character in token):
        raise Refused("token_unreadable", field="token")
    given = Offered(network, external_id, name, token, expires_at=None, missing=())
    account = connecting.connect(session, vault, given, borough_id=borough_id, by=None, now=now)
    account.name = name.strip()[:200] or external_id
    return account


def add_key(session: Session, name: str, scopes: Sequence[str], *, now: datetime) -> str:
    """A new API key, shown once. Refused: unknown scope, or the name is taken."""
    if not scopes or (strange := [scope for scope in scopes if scope not in KEY_SCOPES]):
        known = ", ".join(KEY_SCOPES)
        raise Refused("scope_unknown", field="scope", scope=", ".join(strange if scopes else []), known=known)
    name = name.strip()
    if not name or len(name) > 100:
        raise Refused("name_needed", field="name")
    key = f"parvis_{secrets.token_urlsafe(32)}"
    row = ApiKey(name=name, fingerprint=fingerprint(key), scopes=sorted(set(scopes)), created_at=now)
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        raise Refused("name_taken", field="name", name=name) from error
    audit.note(session, "key_added", f"key:{row.id}", now=now, person_id=None, scopes=row.scopes)
    return key


def rotate(session: Session, vault: Vault, *, now: datetime) -> int:
    """Close every stored secret again with the first key. Gives how many."""
    accounts = session.scalars(select(Account)).all()
    people = session.scalars(select(Person).where(Person.totp_closed.is_not(None))).all()
    for account in accounts:
        account.token_closed = vault.reclose(account.token_closed)
        account.refresh_closed = vault.reclose(account.refresh_closed) if account.refresh_closed else None
    for person in people:
        person.totp_closed = vault.reclose(person.totp_closed or "")
    # Whoever is in a network's dialog just now begins again.
    session.execute(delete(Connection))
    audit.note(session, "secrets_rotated", "installation", now=now, person_id=None, count=len(accounts) + len(people))
    return len(accounts) + len(people)


def _person(session: Session, person_id: int) -> Person:
    person = session.get(Person, person_id)
    if person is None:
        raise NotFound("person")
    return person


def _not_own(person_id: int, by: int | None) -> None:
    if person_id == by:
        raise Refused("own_memberships")


def _end_links(session: Session, person_id: int, *, now: datetime) -> None:
    session.execute(
        update(PersonalLink)
        .where(PersonalLink.person_id == person_id, PersonalLink.used_at.is_(None))
        .values(used_at=now)
    )

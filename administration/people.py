"""People, their roles, links and second factors; boroughs and accounts of the city. Every change is in the journal.

One administrator alone must not come to publish: what lets somebody approve or administer, a role or a link to choose
their password, waits until another administrator says yes, where there is one. The operator's command line is trusted.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyotp
from sqlalchemy import Select, delete, select, update
from sqlalchemy.orm import Session, joinedload

from administration import connecting
from administration.outlines import plain, shipped
from administration.sign_in import end_sessions, matching_step, passwords, untold_resets
from connectors.base import Offered
from models import audit
from models.accounts import Account
from models.audit import AuditEntry
from models.errors import NotFound, Refusals, Refused
from models.items import Claim, Item
from models.people import (
    AccessRequest,
    Borough,
    DirectoryIdentity,
    Membership,
    Passkey,
    Person,
    PersonalLink,
    comes_in,
    has_passkey,
)
from models.scope import ALLOWED, Action
from models.secrets import SecretUnreadable, Vault, fingerprint
from models.text import is_email
from models.vocabulary import Role

INVITATION_LASTS = timedelta(days=7)
RESET_LASTS = timedelta(days=1)
SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 200
FEWEST_GUESSES = 1_000_000
"""Under it, the usual lists of passwords get there."""
ZXCVBN_READS = 72
"""Characters; it takes no more."""
FRENCH_PASSWORDS = (
    "motdepasse",
    "azertyuiop",
    "azerty",
    "bonjour",
    "bienvenue",
    "soleil",
    "doudou",
    "administrateur",
    "parvis",
)
"""What its lists, made of English, do not have."""
TRUSTED = frozenset({Action.APPROVE_POSTS, Action.MANAGE_PEOPLE})
"""What makes an account worth taking over."""
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class RoleScope:
    """Where a role holds: the whole city (both None), one borough, or one account."""

    borough_id: int | None = None
    account_id: int | None = None


CITY = RoleScope()


def check_password(password: str, again: str, person: Person) -> None:
    """Refused unless it is long enough, typed twice the same, and not among the first that anybody tries."""
    wrong = Refusals()
    with wrong.collect():
        if len(password) < SHORTEST_PASSWORD:
            raise Refused("password_short", field="password", least=str(SHORTEST_PASSWORD))
        if len(password) > LONGEST_PASSWORD:
            raise Refused("password_long", field="password", most=str(LONGEST_PASSWORD))
        if password.strip().casefold() in {person.email, person.email.partition("@")[0]}:
            raise Refused("password_is_email", field="password")
        if _guesses(password, person) < FEWEST_GUESSES:
            raise Refused("password_common", field="password")
    with wrong.collect():
        if password != again:
            raise Refused("passwords_differ", field="again")
    wrong.say()


def _guesses(password: str, person: Person) -> float:
    """About how many attempts somebody needs who begins with the most frequent passwords."""
    from zxcvbn import zxcvbn  # noqa: PLC0415  # Its lists take a third of a second.

    near = re.findall(r"\w+", f"{person.email} {person.name}".casefold())
    return float(zxcvbn(password[:ZXCVBN_READS], [*near, *FRENCH_PASSWORDS])["guesses"])


def invite(
    session: Session,
    email: str,
    name: str,
    roles: Sequence[tuple[Role, RoleScope]],
    *,
    by: int | None,
    now: datetime,
    language: str = "fr_CA",
) -> Person:
    """Add a person, with no password yet. Refused: as `check_email` and `check_scope` say."""
    email, wrong = email.strip().casefold(), Refusals()
    with wrong.collect():
        check_email(session, email)
    for role, scope in roles:
        with wrong.collect():
            check_scope(role, scope)
    wrong.say()
    name = name.strip()[:200] or email.partition("@")[0]
    person = Person(email=email, name=name, created_at=now, language=language, active=True, single_keys=True)
    session.add(person)
    session.flush()
    audit.note(session, "person_added", f"person:{person.id}", now=now, person_id=by)
    for role, scope in roles:
        add_membership(session, person.id, role, scope, by=by, now=now)
    return person


def named(name: str) -> str:
    """A name as it is kept. Refused: there is none, or it is too long."""
    name = name.strip()
    if not name or len(name) > 100:
        raise Refused("name_needed", field="name")
    return name


def check_email(session: Session, email: str) -> None:
    """Refused: it is no address, or somebody's already."""
    email = email.strip().casefold()
    if not is_email(email):
        raise Refused("email_unreadable", field="email")
    if session.scalar(select(Person.id).where(Person.email == email)) is not None:
        raise Refused("email_taken", field="email")


def check_scope(role: Role, scope: RoleScope) -> None:
    """Refused: it is no scope, or not one of this role."""
    if scope.borough_id is not None and scope.account_id is not None:
        raise Refused("one_scope", field="scope")
    if role is Role.ADMIN and scope != CITY:
        raise Refused("admin_everywhere", field="scope")


def add_membership(
    session: Session, person_id: int, role: Role, scope: RoleScope, *, by: int | None, now: datetime
) -> bool:
    """Give a role in a scope; nothing when they have it already. Nobody changes their own.

    False: another administrator is asked first.
    """
    _not_own(person_id, by)
    check_scope(role, scope)
    if scope.borough_id is not None and session.get(Borough, scope.borough_id) is None:
        raise NotFound("borough")
    if scope.account_id is not None and session.get(Account, scope.account_id) is None:
        raise NotFound("account")
    person = _person(session, person_id)
    same = select(Membership.id).where(
        Membership.person_id == person.id,
        Membership.role == role,
        # The unique constraint does not see two nulls as equal.
        Membership.borough_id.is_not_distinct_from(scope.borough_id),
        Membership.account_id.is_not_distinct_from(scope.account_id),
    )
    if session.scalar(same) is not None:
        return True
    if by is not None and _trusted([role]) and _second_needed(session, by, now=now):
        _ask(session, person, role, scope, by=by, now=now)
        return False
    _give(session, person, role, scope, by=by, now=now)
    return True


def _give(
    session: Session,
    person: Person,
    role: Role,
    scope: RoleScope,
    *,
    by: int | None,
    now: datetime,
    confirmed_by: int | None = None,
) -> None:
    where = {"borough_id": scope.borough_id, "account_id": scope.account_id}
    session.add(Membership(person_id=person.id, role=role, **where))
    facts = {"role": role, "borough": scope.borough_id, "account": scope.account_id, "confirmed_by": confirmed_by}
    audit.note(session, "membership_given", f"person:{person.id}", now=now, person_id=by, **facts)


def remove_membership(session: Session, membership_id: int, *, by: int | None, now: datetime) -> int:
    """Take a role away; it has no effect any more from the next request on. Gives the person's id."""
    membership = session.get(Membership, membership_id)
    if membership is None:
        raise NotFound("membership")
    _not_own(membership.person_id, by)
    if membership.from_directory:
        raise Refused("role_of_directory")
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
    """Let a person in, or keep them out: sessions end now, links open nothing, and what they had open is free."""
    _not_own(person_id, by)
    person = _person(session, person_id)
    if person.active == active:
        return
    person.active = active
    facts = {}
    if not active:
        end_sessions(session, person.id, now=now)
        end_links(session, person.id, now=now)
        session.execute(delete(Claim).where(Claim.person_id == person.id))
        # What was theirs to do is anybody's again.
        session.execute(
            update(Item).where(Item.assignee_id == person.id).values(assignee_id=None, version=Item.version + 1)
        )
        admin = select(Membership.role).where(Membership.person_id == person.id, Membership.role == Role.ADMIN)
        facts = {"role": session.scalar(admin)}
    action = "person_activated" if active else "person_deactivated"
    audit.note(session, action, f"person:{person.id}", now=now, person_id=by, **facts)


# ---------------------------------------------------------------------------------------------- links and passwords
def new_link(session: Session, person_id: int, *, by: int | None, now: datetime) -> str | None:
    """The token of a single-use link: an invitation for who has no password, else a reset. Older ones end.

    None: another administrator is asked first, and gets the link.
    """
    _not_own(person_id, by)
    person = _person(session, person_id)
    if not person.active:
        raise Refused("person_inactive")
    roles = session.scalars(select(Membership.role).where(Membership.person_id == person.id)).all()
    asked = session.scalars(_open_requests().where(AccessRequest.person_id == person.id)).all()
    if by is not None and (_trusted(roles) or asked) and _second_needed(session, by, now=now):
        # A link that comes with a role comes when the role does.
        if not any(request.role for request in asked) or _comes_in(session, person):
            _ask(session, person, None, CITY, by=by, now=now)
        return None
    return _make_link(session, person, by=by, now=now)


def _make_link(session: Session, person: Person, *, by: int | None, now: datetime) -> str:
    end_links(session, person.id, now=now)
    known = _comes_in(session, person)
    purpose, lasts = ("reset", RESET_LASTS) if known else ("invitation", INVITATION_LASTS)
    token = secrets.token_urlsafe(32)
    session.add(
        PersonalLink(
            fingerprint=fingerprint(token),
            person_id=person.id,
            purpose=purpose,
            made_by_id=by,
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


def invited(session: Session, token: str, *, now: datetime) -> Person:
    """Whose invitation it is, of somebody who never came. NotFound: as `holder`, or it replaces a password."""
    person = holder(session, token, now=now)
    if not is_new(session, person):
        raise NotFound("link")
    return person


def is_new(session: Session, person: Person) -> bool:
    """Whether they were invited, and have no way yet to sign in."""
    return not _comes_in(session, person)


def use_link(session: Session, token: str, password_hash: str, *, now: datetime, name: str | None = None) -> None:
    """Set the password that the link is for; it serves once, and every open session ends. Somebody who comes for the
    first time says their `name` too.
    """
    person = holder(session, token, now=now)
    if name is not None and is_new(session, person):
        person.name = named(name)
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


def tell_resets(session: Session, person_id: int, *, now: datetime) -> None:
    """The person has read that somebody else replaced their password."""
    for link in untold_resets(session, person_id):
        link.told_at = now
    audit.note(session, "reset_read", f"person:{person_id}", now=now, person_id=person_id)


# ---------------------------------------------------------------------------------------------- a second administrator
def open_requests(session: Session) -> Sequence[AccessRequest]:
    """What waits for another administrator, oldest first."""
    people = (joinedload(AccessRequest.person), joinedload(AccessRequest.asked_by))
    return session.scalars(_open_requests().options(*people).order_by(AccessRequest.id)).all()


def answer(session: Session, request_id: int, *, granted: bool, by: int, now: datetime) -> str | None:
    """Say yes or no to what another administrator asks. Gives the link that a yes makes.

    Who asked may take it back. Nobody says yes to what they asked, or to what is about themselves.
    """
    request = session.scalar(_open_requests().where(AccessRequest.id == request_id).with_for_update())
    if request is None:
        raise NotFound("access request")
    person = _person(session, request.person_id)
    if granted:
        _not_own(person.id, by)
        if request.asked_by_id == by:
            raise Refused("own_request")
    request.answered_at, request.answered_by_id, request.granted = now, by, granted
    action = "access_granted" if granted else "access_refused"
    audit.note(session, action, f"person:{person.id}", now=now, person_id=by, request=request.id)
    if not granted:
        return None
    if request.role is not None:
        scope = RoleScope(request.borough_id, request.account_id)
        asker = request.asked_by_id
        _give(session, person, Role(request.role), scope, by=asker, now=now, confirmed_by=by)
        if _comes_in(session, person):
            return None
    return _make_link(session, person, by=request.asked_by_id, now=now)


def _ask(session: Session, person: Person, role: Role | None, scope: RoleScope, *, by: int, now: datetime) -> None:
    asked = {"person_id": person.id, "role": role, "borough_id": scope.borough_id, "account_id": scope.account_id}
    same = [getattr(AccessRequest, name).is_not_distinct_from(value) for name, value in asked.items()]
    if session.scalar(_open_requests().where(*same)) is None:
        session.add(AccessRequest(**asked, asked_by_id=by, asked_at=now))
        audit.note(session, "access_asked", f"person:{person.id}", now=now, person_id=by, role=role)


def _open_requests() -> Select[AccessRequest]:
    return select(AccessRequest).where(AccessRequest.answered_at.is_(None))


def _trusted(roles: Iterable[str]) -> bool:
    return any(ALLOWED[Role(role)] & TRUSTED for role in roles)


def _second_needed(session: Session, by: int, *, now: datetime) -> bool:
    """Whether there is another administrator to ask. Refused: there was one until `by` put them out lately."""
    others = select(Membership.person_id).where(Membership.role == Role.ADMIN, Membership.person_id != by)
    able = (Person.id.in_(others), Person.active, comes_in())
    if session.scalar(select(Person.id).where(*able).limit(1)) is not None:
        return True
    acts = select(AuditEntry).where(AuditEntry.person_id == by, AuditEntry.at > now - WEEK)
    removals = acts.where(AuditEntry.action.in_(["person_deactivated", "membership_taken"]))
    if any(entry.data.get("role") == Role.ADMIN for entry in session.scalars(removals)):
        raise Refused("administrator_removed")
    return False


# ---------------------------------------------------------------------------------------------- second factor
def turn_totp_on(
    session: Session, vault: Vault, person: Person, closed: str, code: str, *, now: datetime, but: int | None = None
) -> None:
    """Keep the second factor's secret, closed by us when it was shown, once a code proves that the telephone has it.

    Every session but `but` ends.
    """
    try:
        step = matching_step(vault.open(closed), code, now=now)
    except SecretUnreadable:  # The form was not ours.
        step = None
    if step is None:
        raise Refused("code_wrong", field="code")
    person.totp_closed, person.totp_last_step = closed, step
    end_sessions(session, person.id, now=now, but=but)
    audit.note(session, "second_factor_on", f"person:{person.id}", now=now, person_id=person.id)


def turn_totp_off(session: Session, person: Person, *, now: datetime, but: int | None = None) -> None:
    """Forget it, after `sign_in.check_own`: an unattended screen is not enough. Every session but `but` ends."""
    person.totp_closed = person.totp_last_step = None
    end_sessions(session, person.id, now=now, but=but)
    audit.note(session, "second_factor_off", f"person:{person.id}", now=now, person_id=person.id)


def without_second_factor(session: Session, roles: Collection[Role]) -> Sequence[Person]:
    """Who can sign in, has one of these roles, and has no second factor."""
    having = select(Membership.person_id).where(Membership.role.in_(roles))
    able = (Person.active, Person.password_hash.is_not(None), Person.totp_closed.is_(None), ~has_passkey())
    return session.scalars(select(Person).where(*able, Person.id.in_(having)).order_by(Person.email)).all()


def reset_factors(session: Session, person_id: int, *, by: int | None, now: datetime) -> None:
    """For who lost their telephone: the second factor and every passkey are forgotten, and every session ends."""
    _not_own(person_id, by)
    person = _person(session, person_id)
    person.totp_closed = person.totp_last_step = None
    session.execute(delete(Passkey).where(Passkey.person_id == person.id))
    end_sessions(session, person.id, now=now)
    audit.note(session, "second_factor_reset", f"person:{person.id}", now=now, person_id=by)


def totp_address(secret: str, email: str) -> str:
    """What the QR code says (`otpauth://`)."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="Parvis")


# ---------------------------------------------------------------------------------------------- the city's directory
def identities(session: Session, person_id: int) -> Sequence[DirectoryIdentity]:
    """Who a person is in the city's directory, if they are linked."""
    mine = select(DirectoryIdentity).where(DirectoryIdentity.person_id == person_id)
    return session.scalars(mine.order_by(DirectoryIdentity.id)).all()


def unlink(session: Session, person_id: int, *, by: int | None, now: datetime) -> None:
    """Whoever signs in with that account of the directory is not this person any more; every session ends, and the
    roles that its groups gave are gone. For an account that was linked to the wrong person, or given to another one.
    """
    _not_own(person_id, by)
    person = _person(session, person_id)
    session.execute(delete(DirectoryIdentity).where(DirectoryIdentity.person_id == person.id))
    session.execute(delete(Membership).where(Membership.person_id == person.id, Membership.from_directory))
    end_sessions(session, person.id, now=now)
    audit.note(session, "directory_unlinked", f"person:{person.id}", now=now, person_id=by)


# ---------------------------------------------------------------------------------------------- boroughs and accounts
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
    borough.outline = shipped().get(plain(borough.name)) or (borough.outline if borough.id else None)
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


def _comes_in(session: Session, person: Person) -> bool:
    return session.scalar(select(Person.id).where(Person.id == person.id, comes_in())) is not None


def _person(session: Session, person_id: int) -> Person:
    person = session.get(Person, person_id)
    if person is None:
        raise NotFound("person")
    return person


def _not_own(person_id: int, by: int | None) -> None:
    if person_id == by:
        raise Refused("own_memberships")


def end_links(session: Session, person_id: int, *, now: datetime) -> None:
    """What was sent to this person opens nothing any more."""
    session.execute(
        update(PersonalLink)
        .where(PersonalLink.person_id == person_id, PersonalLink.used_at.is_(None), PersonalLink.expires_at > now)
        .values(expires_at=now)
    )

"""People who sign in with the city's directory: who they are here, and the roles that their groups give.

An account of the directory is somebody here once it is *linked*: by an invitation that its person opened, by their
password, or, where the operator allows it, by their e-mail. From then on only the directory's own name of them counts.
Roles by group are the operator's setting, and trusted as the command line is (ADR 0026): no administrator can widen it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from administration import people, sign_in
from administration.people import RoleScope
from administration.sign_in import Attempt
from connectors.directories import Visitor
from models import audit
from models.errors import NotFound, Refused
from models.people import Borough, DirectoryIdentity, Membership, Person
from models.secrets import Vault
from models.session import take_turn
from models.text import is_email
from models.vocabulary import Role

log = logging.getLogger(__name__)

ByEmail = Literal["never", "verified", "trusted"]
"""Whose e-mail of the directory makes them the person who has it here: nobody's; that of whom the directory says that
it tried the address; anybody's.
"""


@dataclass(frozen=True)
class GroupRole:
    """What being in a group gives: a role, in the whole city or in the borough of that code."""

    group: str
    role: Role
    borough: str | None = None


@dataclass(frozen=True)
class Terms:
    """How this city takes whoever its directory names."""

    roles: Sequence[GroupRole] = ()
    by_email: ByEmail = "never"
    adds: bool = False
    """Whether somebody unknown is added, with no role but those of their groups."""


def enter(
    session: Session,
    vault: Vault,
    visitor: Visitor,
    terms: Terms,
    *,
    invitation: str | None = None,
    browser: str = "",
    now: datetime,
) -> Attempt:
    """Open a session for whoever the directory names. `invitation`: the token of the link that they came by.

    Refused: `directory_unknown`, `directory_unlinked` (somebody here has that e-mail), `directory_other` (and another
    account of the directory), `directory_no_email`, `directory_closed`.
    """
    take_turn(session, f"directory:{visitor.issuer}:{visitor.subject}")
    identity = _identity(session, visitor)
    if identity is None:
        identity = link(session, _meant(session, visitor, terms, invitation, now=now), visitor, now=now)
    person = session.get_one(Person, identity.person_id)
    if not person.active:
        raise Refused("directory_closed")
    identity.used_at = now
    _give_roles(session, person, visitor, terms, now=now)
    return sign_in.welcome(session, vault, person, browser=browser, directory=True, now=now)


def link(session: Session, person: Person, visitor: Visitor, *, now: datetime) -> DirectoryIdentity:
    """The account of the directory is this person from now on; an invitation that waited has done its work.

    Refused: `directory_taken` (it is somebody else), `directory_other` (the person is another account of it).
    """
    take_turn(session, f"directory:person:{person.id}")
    known = _identity(session, visitor)
    if known is not None and known.person_id != person.id:
        raise Refused("directory_taken")
    theirs = select(DirectoryIdentity).where(
        DirectoryIdentity.person_id == person.id, DirectoryIdentity.issuer == visitor.issuer
    )
    identity = session.scalar(theirs)
    if identity is not None and identity.subject != visitor.subject:
        raise Refused("directory_other")
    if identity is None:
        identity = DirectoryIdentity(
            person_id=person.id, issuer=visitor.issuer, subject=visitor.subject, linked_at=now, used_at=now
        )
        session.add(identity)
        session.flush()
        people.end_links(session, person.id, now=now)
        audit.note(session, "directory_linked", f"person:{person.id}", now=now, person_id=person.id)
    return identity


def unknown_boroughs(session: Session, terms: Terms) -> list[str]:
    """Codes that the setting names and that no borough has: their groups give nothing."""
    codes = {one.borough for one in terms.roles if one.borough is not None}
    return sorted(codes.difference(session.scalars(select(Borough.code))))


def _identity(session: Session, visitor: Visitor) -> DirectoryIdentity | None:
    return session.scalar(
        select(DirectoryIdentity).where(
            DirectoryIdentity.issuer == visitor.issuer, DirectoryIdentity.subject == visitor.subject
        )
    )


def _meant(session: Session, visitor: Visitor, terms: Terms, invitation: str | None, *, now: datetime) -> Person:
    """Whom an account that is linked to nobody yet is, or becomes."""
    if invitation is not None:
        try:
            return people.invited(session, invitation, now=now)
        except NotFound:
            log.info("an invitation that opens nothing came with somebody of the directory")
    email = (visitor.email or "").strip().casefold()
    person = session.scalar(select(Person).where(Person.email == email)) if email else None
    if person is not None:
        if not person.active:
            raise Refused("directory_closed")
        if terms.by_email == "trusted" or (terms.by_email == "verified" and visitor.email_verified):
            return person
        raise Refused("directory_unlinked")
    if not terms.adds:
        raise Refused("directory_unknown")
    if not is_email(email):
        raise Refused("directory_no_email")
    return people.invite(session, email, visitor.name or "", [], by=None, now=now)


def _give_roles(session: Session, person: Person, visitor: Visitor, terms: Terms, *, now: datetime) -> None:
    """The roles of the groups that they are in today, and no other that a group once gave."""
    boroughs = {code: number for number, code in session.execute(select(Borough.id, Borough.code))}
    wanted = {
        (one.role, RoleScope(boroughs[one.borough]) if one.borough is not None else people.CITY)
        for one in terms.roles
        if one.group in visitor.groups and (one.borough is None or one.borough in boroughs)
    }
    kept = session.scalars(select(Membership).where(Membership.person_id == person.id)).all()
    for one in kept:
        has = (Role(one.role), RoleScope(one.borough_id, one.account_id))
        if has in wanted:
            wanted.remove(has)
        elif one.from_directory:
            session.delete(one)
            _note(session, "membership_taken", person, *has, now=now)
    for role, scope in sorted(wanted, key=lambda each: (each[0], each[1].borough_id or 0)):
        session.add(Membership(person_id=person.id, role=role, borough_id=scope.borough_id, from_directory=True))
        _note(session, "membership_given", person, role, scope, now=now)
    session.flush()


def _note(session: Session, action: str, person: Person, role: Role, scope: RoleScope, *, now: datetime) -> None:
    facts = {"role": role, "borough": scope.borough_id, "account": scope.account_id, "directory": True}
    audit.note(session, action, f"person:{person.id}", now=now, person_id=None, **facts)

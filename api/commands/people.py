"""`parvis user`, `parvis account add` and `parvis key`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from administration import keys, people
from administration.people import CITY, RoleScope
from api.i18n import Dates, _
from api.wiring import Parvis
from connectors.registry import descriptor
from models import audit
from models.errors import NotFound, ParvisError, Refused
from models.people import Person
from models.vocabulary import Role
from moderation.intake.deliveries import reroute


def add_user(
    parvis: Parvis, email: str, role: str, *, name: str, boroughs: Sequence[str], password: str | None
) -> str | None:
    """Add a person. Gives the invitation link when no password is given."""
    if role not in set(Role):
        raise Refused("role_unknown", field="role", known=", ".join(Role))
    if password is not None:
        people.check_password(password, password, Person(email=email.strip().casefold(), name=name))
    hashed = None if password is None else people.hash_password(password)
    now = parvis.clock()
    with parvis.database.write() as session:
        scopes = [RoleScope(borough_id=people.borough_named(session, code).id) for code in boroughs] or [CITY]
        roles = [(Role(role), scope) for scope in scopes]
        person = people.invite(session, email, name, roles, by=None, now=now)
        if hashed is not None:
            people.set_password(session, person, hashed, by=None, now=now)
            return None
        return _link(parvis, session, person.id, now=now)


def link_user(parvis: Parvis, email: str, *, forget_second_factor: bool) -> str:
    """A link to choose a password, for who has lost theirs, and their telephone where that is said."""
    now = parvis.clock()
    with parvis.database.write() as session:
        person_id = session.scalar(select(Person.id).where(Person.email == email.strip().casefold()))
        if person_id is None:
            raise NotFound(email)
        if forget_second_factor:
            people.reset_factors(session, person_id, by=None, now=now)
        return _link(parvis, session, person_id, now=now)


def _link(parvis: Parvis, session: Session, person_id: int, *, now: datetime) -> str:
    return f"{parvis.settings.base_url}/invitation/{people.new_link(session, person_id, by=None, now=now)}"


def add_key(parvis: Parvis, name: str, scopes: Sequence[str], *, last_day: str | None) -> str:
    """Make an API key that serves until the end of `last_day`, a date of the city like 2027-06-30."""
    expires_at = None
    if last_day is not None:
        try:
            day = date.fromisoformat(last_day) + timedelta(days=1)
        except (ValueError, OverflowError) as error:
            raise Refused("date_unreadable", field="expires") from error
        expires_at = datetime.combine(day, time.min, parvis.settings.zone)
    with parvis.database.write() as session:
        return keys.add_key(session, name, scopes, expires_at=expires_at, now=parvis.clock())


def list_keys(parvis: Parvis) -> Iterator[str]:
    """A line for each key there ever was."""
    dates, now = Dates(parvis.settings.zone), parvis.clock()
    with parvis.database.read() as session:
        for row in keys.keys(session):
            if row.revoked_at:
                state = _("revoked on %(at)s", at=dates.moment(row.revoked_at))
            elif row.expires_at is None:
                state = _("serves without an end")
            else:
                end = dates.day(row.expires_at - timedelta(seconds=1))
                state = _("serves until %(day)s", day=end) if row.expires_at > now else _("ended on %(day)s", day=end)
            used = _("last used %(at)s", at=dates.moment(row.used_at)) if row.used_at else _("never used")
            yield f"{row.name}\t{', '.join(row.scopes)}\t{state}\t{used}"


def add_account(parvis: Parvis, network: str, external_id: str, *, name: str, token: str, borough: str | None) -> int:
    """Connect an account. Gives its number."""
    known = descriptor(network)
    why = known.justification(parvis.networks.of(known.settings)) if known.justification is not None else None
    now = parvis.clock()
    with parvis.database.write() as session:
        borough_id = people.borough_named(session, borough).id if borough else None
        row = people.add_account(
            session,
            parvis.vault,
            network,
            external_id,
            name=name,
            token=token,
            borough_id=borough_id,
            now=now,
        )
        reroute(session, row, now=now)
        if why is not None:
            audit.note(session, "public_reading_on", f"account:{row.id}", now=now, person_id=None, justification=why)
        return row.id


def rotate(parvis: Parvis) -> tuple[int, audit.Verification]:
    """Close every stored secret, and seal the journal, with the first key. Gives how many secrets, and the journal."""
    with parvis.locks.try_hold("tick:seal") as ours:
        if not ours:
            raise ParvisError(_("The journal is being sealed: try again in a moment."))
        with parvis.database.write() as session:
            count = keys.rotate(session, parvis.vault, now=parvis.clock())
            return count, audit.reseal(session)

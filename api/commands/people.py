"""`parvis user add`, `parvis account add` and `parvis key rotate`."""

from __future__ import annotations

from collections.abc import Sequence

from administration import people
from administration.people import CITY, Place
from api.i18n import _
from api.wiring import Parvis
from connectors.registry import descriptor
from models import audit
from models.errors import ParvisError, Refused
from models.vocabulary import Role
from moderation.intake.deliveries import reroute


def add_user(
    parvis: Parvis, email: str, role: str, *, name: str, boroughs: Sequence[str], password: str | None
) -> str | None:
    """Add a person. Gives the invitation link when no password is given."""
    if role not in set(Role):
        raise Refused("role_unknown", field="role", known=", ".join(Role))
    if password is not None:
        people.check_password(password, password, email.strip().casefold())
    hashed = None if password is None else people.hash_password(password)
    now = parvis.clock()
    with parvis.database.write() as session:
        places = [Place(borough_id=people.borough_named(session, code).id) for code in boroughs] or [CITY]
        roles = [(Role(role), place) for place in places]
        person = people.invite(session, email, name, roles, by=None, now=now)
        if hashed is not None:
            people.set_password(session, person, hashed, by=None, now=now)
            return None
        return f"{parvis.settings.base_url}/invitation/{people.new_link(session, person.id, by=None, now=now)}"


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
            count = people.rotate(session, parvis.vault, now=parvis.clock())
            return count, audit.reseal(session)

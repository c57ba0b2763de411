"""The people, boroughs and accounts of the demonstration's city, and the emptying of it for a new start."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from administration.seeds import plant
from connectors.standin.player import Story
from models import tables
from models.accounts import Account
from models.decisions import Decision
from models.people import Borough, Membership, Person
from models.session import vault_of
from models.vocabulary import Role

MODERATOR = "nadia@sainte-rive.example"
SECOND_MODERATOR = "simon@sainte-rive.example"
OFFICER = "camille@sainte-rive.example"
MANAGER = "helene@sainte-rive.example"
AGENT = "omar@sainte-rive.example"
ADMIN = "mireille@sainte-rive.example"

PEOPLE = {
    MODERATOR: ("Nadia Bouchard", (Role.MODERATOR,)),
    SECOND_MODERATOR: ("Simon Lévesque", (Role.MODERATOR,)),
    OFFICER: ("Camille Roy", (Role.COMMUNICATIONS,)),
    MANAGER: ("Hélène Gauthier", (Role.MANAGER, Role.APPROVER)),
    AGENT: ("Omar Haddad", (Role.AGENT311,)),
    ADMIN: ("Mireille Côté", (Role.ADMIN,)),
}
"""Six people, one click apart; nobody has a password, so nobody can sign in to a demonstration from elsewhere."""

BOROUGHS = {"moulin": ("vieux-moulin", "Vieux-Moulin")}
"""By the story's label of the Page: the page of a borough belongs to it, the city's own to nobody's borough."""


def settle(session: Session, story: Story, *, now: datetime) -> None:
    """Put the city there, in an empty database."""
    plant(session, now=now - timedelta(days=1))
    for email, (name, roles) in PEOPLE.items():
        person = Person(email=email, name=name, created_at=now)
        session.add(person)
        session.flush()
        session.add_all(Membership(person_id=person.id, role=role) for role in roles)
    for label, page in story.pages.items():
        borough_id = None
        if label in BOROUGHS:
            code, name = BOROUGHS[label]
            borough = Borough(code=code, name=name)
            session.add(borough)
            session.flush()
            borough_id = borough.id
        session.add(
            Account(
                network="facebook",
                external_id=page.id,
                name=page.name,
                borough_id=borough_id,
                token_closed=vault_of(session).close(page.token),
                token_since=now,
                created_at=now,
                # The webhooks speak first; what they did not say is found by the first pull.
                pull_due_at=now + timedelta(seconds=3),
            )
        )


def clear(session: Session) -> None:
    """Empty every table; only a demonstration is ever emptied."""
    # The one table that refers to itself: an undo names the decision that it cancels.
    session.execute(update(Decision).values(cancels_id=None))
    for table in reversed(tables.metadata.sorted_tables):
        session.execute(delete(table))


def person(session: Session, email: str) -> Person | None:
    """One of the six, by e-mail."""
    return session.scalar(select(Person).where(Person.email == email)) if email in PEOPLE else None

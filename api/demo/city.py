"""The people, boroughs, streets and accounts of the demonstration's city, and the emptying of it for a new start."""

from __future__ import annotations

from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from administration import gazetteer, keys, outlines
from administration.seeds import plant
from connectors.standin.player import Story
from models import tables
from models.accounts import Account
from models.clocks import ServiceClock
from models.decisions import Decision
from models.people import ApiKey, Borough, Membership, Person
from models.scope import Action, Grant, Viewer
from models.session import vault_of
from models.vocabulary import Intention, RequestNature, Role
from moderation.requests import exchange
from moderation.requests.exchange import Sent

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
"""Six people, one click apart; nobody knows their passwords, so nobody signs in to a demonstration from elsewhere."""

BOROUGHS = {
    "vieux-moulin": "Vieux-Moulin",
    "le-port": "Le Port",
    "les-pins": "Les Pins",
    "haute-rive": "Haute-Rive",
    "cote-boisee": "Côte-Boisée",
}
"""Names by code; their outlines stand in `outlines.geojson`, the city's streets in `places.csv`. All are made up."""

PAGES = {"moulin": "vieux-moulin"}
"""By the story's label of a Page, the borough that it belongs to; the city's own belongs to none."""

HOURS = {
    "week": [*[[8 * 60, 20 * 60]] * 5, [9 * 60, 17 * 60], None],
    "days": [],
    "on_holidays": False,
    "respond": {Intention.SERVICE_REQUEST: 4, Intention.QUESTION: 4, Intention.DISSATISFACTION: 8, "same_day": 2},
    "resolve": {RequestNature.COMPLAINT: 120},
}
"""When the service of the city is open, and by when it answers, in hours of opening."""

BY_APP = (
    Sent("arbre-tombe", "46.968", "-70.902", "rue du Quai", "Une grosse branche bloque la moitié de la rue."),
    Sent("panier-vider", "46.936", "-70.902", "boulevard des Pins", "La poubelle de l’abribus déborde."),
    Sent("feu-circulation", "46.986", "-70.812", "Saint-Joseph et Lafontaine", "Le feu piéton ne s’allume plus."),
)
"""Requests that the city's own application sent before the morning began, each from where somebody stood."""


def settle(session: Session, story: Story, *, password_hash: str, prefix: str, zone: ZoneInfo, now: datetime) -> None:
    """Put the city there, in an empty database. `password_hash` is everybody's: whoever has none has not come yet."""
    plant(session, now=now - timedelta(days=1))
    boroughs = {code: Borough(code=code, name=name) for code, name in BOROUGHS.items()}
    session.add_all(boroughs.values())
    session.flush()
    here = files(__package__)
    outlines.take(session, (here / "outlines.geojson").read_bytes())
    gazetteer.store(session, gazetteer.read(Path(str(here / "places.csv"))))
    session.add(ServiceClock(**HOURS, at=now - timedelta(days=1)))
    _asked_by_app(session, prefix=prefix, zone=zone, now=now - timedelta(hours=2))
    for email, (name, roles) in PEOPLE.items():
        person = Person(email=email, name=name, password_hash=password_hash, created_at=now)
        session.add(person)
        session.flush()
        session.add_all(Membership(person_id=person.id, role=role) for role in roles)
    for label, page in story.pages.items():
        session.add(
            Account(
                network="instagram" if page.of else "facebook",
                external_id=page.id,
                name=page.name,
                borough_id=boroughs[PAGES[label]].id if label in PAGES else None,
                token_closed=vault_of(session).close(story.pages[page.of].token if page.of else page.token),
                token_since=now,
                created_at=now,
                # The webhooks speak first; what they did not say is found by the first pull.
                pull_due_at=now + timedelta(seconds=3),
            )
        )


def _asked_by_app(session: Session, *, prefix: str, zone: ZoneInfo, now: datetime) -> None:
    keys.add_key(session, "Application mobile", ["open311"], now=now)
    key_id = session.scalars(select(ApiKey.id)).one()
    app = Viewer(None, "Application mobile", frozenset(), frozenset({Grant(Action.EXCHANGE_REQUESTS)}), key_id)
    for sent in BY_APP:
        exchange.submit(session, app, sent, now=now, prefix=prefix, zone=zone)


def clear(session: Session) -> None:
    """Empty every table; only a demonstration is ever emptied."""
    # The one table that refers to itself: an undo names the decision that it cancels.
    session.execute(update(Decision).values(cancels_id=None))
    for table in reversed(tables.metadata.sorted_tables):
        session.execute(delete(table))


def person(session: Session, email: str) -> Person | None:
    """One of the six, by e-mail."""
    return session.scalar(select(Person).where(Person.email == email)) if email in PEOPLE else None

"""The secret address at which somebody's own calendar program reads what goes out: one a person, taken back at will."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models import audit
from models.errors import Refused
from models.people import Person
from models.scope import Action, Viewer, viewer_of
from models.secrets import fingerprint


def make(session: Session, viewer: Viewer, *, now: datetime) -> str:
    """A new secret, shown once; the one before serves no more. Refused: `people_decide`."""
    token = secrets.token_urlsafe(32)
    _person(session, viewer).feed_fingerprint = fingerprint(token)
    audit.note(session, "feed.made", f"person:{viewer.person_id}", now=now, person_id=viewer.person_id)
    return token


def revoke(session: Session, viewer: Viewer, *, now: datetime) -> None:
    """Nothing is read there any more."""
    _person(session, viewer).feed_fingerprint = None
    audit.note(session, "feed.revoked", f"person:{viewer.person_id}", now=now, person_id=viewer.person_id)


def has_one(session: Session, viewer: Viewer) -> bool:
    """Whether an address of theirs serves."""
    return _person(session, viewer).feed_fingerprint is not None


def reader(session: Session, token: str) -> Viewer | None:
    """Who reads with this secret: what its person may see of posts today, and nothing else. None: it serves no more."""
    loaded = select(Person).options(selectinload(Person.memberships))
    person = session.scalar(loaded.where(Person.feed_fingerprint == fingerprint(token), Person.active))
    if person is None:
        return None
    viewer = viewer_of(person)
    return replace(viewer, grants=frozenset(one for one in viewer.grants if one.action == Action.SEE_POSTS))


def _person(session: Session, viewer: Viewer) -> Person:
    if viewer.person_id is None:
        raise Refused("people_decide")
    return session.get_one(Person, viewer.person_id)

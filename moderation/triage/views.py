"""Views of the queue that are kept under a name: one's own, and the team's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from models import audit
from models.errors import NotFound, Refused
from models.scope import Action, Viewer
from models.session import take_turn
from models.text import cleaned
from models.views import SavedView
from moderation.triage import deciding

MOST = 12
"""Views of one person, and of the team: what is counted again each time that they are shown."""
LONGEST = 60
"""Characters of a name."""


def views(session: Session, viewer: Viewer) -> Sequence[SavedView]:
    """The viewer's own and then the team's, by name."""
    mine = or_(SavedView.person_id == viewer.person_id, SavedView.person_id.is_(None))
    statement = select(SavedView).where(mine).order_by(SavedView.person_id.is_(None), SavedView.name, SavedView.id)
    return session.scalars(statement).all()


def save(
    session: Session, viewer: Viewer, name: str, filters: Mapping[str, str], *, team: bool, now: datetime
) -> SavedView:
    """Keep filters under a name; those that had it are replaced.

    Refused: `name_needed`, `nothing_narrowed`, `too_many_views`, `not_for_team` (who only reads keeps views of their
    own).
    """
    person_id, name = deciding.acting(viewer), " ".join((cleaned(name) or "").split())
    if not 0 < len(name) <= LONGEST:
        raise Refused("name_needed", field="name")
    if not filters:
        raise Refused("nothing_narrowed")
    if team and not viewer.may(Action.WRITE_NOTES):
        raise Refused("not_for_team")
    take_turn(session, "views")
    owner = None if team else person_id
    of_owner = SavedView.person_id.is_not_distinct_from(owner)
    view = session.scalar(select(SavedView).where(of_owner, SavedView.name == name))
    if view is None:
        if (session.scalar(select(func.count()).select_from(SavedView).where(of_owner)) or 0) >= MOST:
            raise Refused("too_many_views", most=str(MOST))
        view = SavedView(person_id=owner, name=name)
        session.add(view)
    view.filters, view.made_by_id, view.made_at = dict(filters), person_id, now
    session.flush()
    audit.note(session, "view.save", f"view:{view.id}", now=now, person_id=person_id, team=team)
    return view


def forget(session: Session, viewer: Viewer, view_id: int, *, now: datetime) -> None:
    """Keep a view no more; NotFound when it is somebody else's own. Refused: `not_for_team`."""
    view = session.get(SavedView, view_id)
    if view is None or view.person_id not in (None, viewer.person_id):
        raise NotFound
    if view.person_id is None and not viewer.may(Action.WRITE_NOTES):
        raise Refused("not_for_team")
    audit.note(session, "view.forget", f"view:{view.id}", now=now, person_id=viewer.person_id)
    session.delete(view)

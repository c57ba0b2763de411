"""Where somebody may do something: in the whole city, in a borough, on an account."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.errors import Refused
from models.people import Borough
from models.scope import Action, Viewer, visible

Places = tuple[bool, Sequence[Borough], Sequence[Account]]
"""Whether the whole city, which boroughs, and which accounts."""


def places(session: Session, viewer: Viewer, action: Action) -> Places:
    """Where the viewer may."""
    everywhere = viewer.may_on(action, borough_id=None, account_id=None)
    boroughs = [
        borough
        for borough in session.scalars(select(Borough).order_by(Borough.name))
        if viewer.may_on(action, borough_id=borough.id, account_id=None)
    ]
    accounts = visible(select(Account).order_by(Account.name), viewer, action, Account)
    return everywhere, boroughs, session.scalars(accounts).all()


def borough_of(
    session: Session, viewer: Viewer, action: Action, *, account_id: int | None, borough_id: int | None
) -> int | None:
    """The borough of a place (an account's own), if the viewer may there. Refused: `place_not_yours`, also of a place
    that is both.
    """
    if account_id is not None and borough_id is not None:
        raise Refused("place_not_yours", field="place")
    place: Account | Borough | None = None
    if account_id is not None:
        place = account = session.get(Account, account_id)
        borough_id = account.borough_id if account is not None else None
    elif borough_id is not None:
        place = session.get(Borough, borough_id)
    somewhere = account_id is not None or borough_id is not None
    if (somewhere and place is None) or not viewer.may_on(action, borough_id=borough_id, account_id=account_id):
        raise Refused("place_not_yours", field="place")
    return borough_id

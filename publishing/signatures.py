"""What stands under everything that an account says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import audit
from models.accounts import Account
from models.errors import NotFound, Refused
from models.scope import Action, Viewer, visible
from publishing.drafting import closed

LONGEST = 200


def accounts(session: Session, viewer: Viewer) -> Sequence[Account]:
    """Those of the viewer that publish, by name."""
    statement = visible(select(Account).order_by(Account.name), viewer, Action.WRITE_POSTS, Account)
    return [one for one in session.scalars(statement) if closed(one) is None]


def sign(session: Session, viewer: Viewer, account_id: int, signature: str, *, now: datetime) -> Account:
    """Give an account its signature; empty: none. What is written already keeps what it says. Refused:
    `longer_than_kept`.
    """
    account = session.scalar(
        visible(select(Account).where(Account.id == account_id), viewer, Action.WRITE_POSTS, Account)
    )
    if account is None:
        raise NotFound
    signature = signature.replace("\0", "").replace("\r\n", "\n").strip()
    if len(signature) > LONGEST:
        raise Refused("longer_than_kept", field="signature", most=str(LONGEST))
    account.signature = signature
    audit.note(session, "account.signed", f"account:{account_id}", now=now, person_id=viewer.person_id)
    return account

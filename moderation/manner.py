"""How each account of the city answers people: in which tone, and signed by whom."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import audit
from models.accounts import Account
from models.errors import NotFound, Refused
from models.scope import Action, Viewer, visible
from models.text import cleaned
from models.vocabulary import Tone

LONGEST = 200
"""Characters of a signature."""


def accounts(session: Session, viewer: Viewer) -> Sequence[Account]:
    """Those whose replies the viewer words, by name."""
    return session.scalars(visible(select(Account).order_by(Account.name), viewer, Action.EDIT_REPLIES, Account)).all()


def speak(session: Session, viewer: Viewer, account_id: int, tone: str, signature: str, *, now: datetime) -> None:
    """Say how an account answers from now on; replies that were decided before leave as they are. No signature: none.

    Refused: `tone_unknown`, `longer_than_kept`.
    """
    mine = visible(select(Account).where(Account.id == account_id), viewer, Action.EDIT_REPLIES, Account)
    account = session.scalar(mine.with_for_update(of=Account))
    if account is None:
        raise NotFound
    signature = (cleaned(signature) or "").replace("\r\n", "\n").strip()
    if tone not in set(Tone):
        raise Refused("tone_unknown", field="tone")
    if len(signature) > LONGEST:
        raise Refused("longer_than_kept", field="signature", most=str(LONGEST))
    account.tone, account.reply_signature = Tone(tone), signature
    audit.note(
        session, "account.manner", f"account:{account_id}", now=now, person_id=viewer.person_id, tone=tone,
        signed=bool(signature),
    )  # fmt: skip

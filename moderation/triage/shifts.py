"""The end of a shift: what somebody did, what is still theirs, and words for whoever comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, joinedload

from models import audit, notices
from models.accounts import Account
from models.comments import Comment
from models.errors import Refused
from models.items import Item, in_state
from models.notes import ShiftNote
from models.notices import Notice
from models.scope import Action, Viewer, staff, visible
from models.session import take_turn
from models.vocabulary import ItemState, NoticeKind
from moderation.triage import deciding, teamwork
from moderation.triage.today import Closing, closing

SHOWN = 200
"""Comments of one person that are listed, and handed over at once."""
KEPT = timedelta(days=30)
"""How long words for the next shift are kept."""


@dataclass(frozen=True)
class Shift:
    """What a person decided since midnight, and the comments that are assigned to them and wait."""

    closing: Closing
    theirs: Sequence[Comment]


def shift(session: Session, viewer: Viewer, zone: ZoneInfo, *, now: datetime) -> Shift:
    """The viewer's own day, on the clocks of the City."""
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    mine = (
        select(Comment)
        .join(Item, Item.comment_id == Comment.id)
        .options(joinedload(Comment.account), joinedload(Comment.author))
        .where(in_state(Item, ItemState.WAITING), Item.assignee_id == viewer.person_id)
        .order_by(Item.queued_at, Item.id)
        .limit(SHOWN)
    )
    theirs = session.scalars(visible(mine, viewer, Action.SEE_COMMENTS, Comment)).all()
    return Shift(closing(session, viewer, midnight, now=now, person_id=viewer.person_id), theirs)


def end(
    session: Session, viewer: Viewer, text: str, *, give_back: bool, form_key: str, now: datetime
) -> ShiftNote | None:
    """Leave words for whoever comes next, and (`give_back`) the viewer's own comments to nobody in particular; a form
    that is sent twice is one. What a colleague has open stays the viewer's.

    Refused: `shift_empty` (neither words nor comments), `longer_than_kept`.
    """
    who = deciding.acting(viewer)
    take_turn(session, f"shift:{who}")
    before = session.scalar(select(ShiftNote).where(ShiftNote.form_key == form_key))
    if before is not None:
        if before.person_id != who:
            raise Refused("form_key_reused")
        return before
    words = teamwork.words_of(text)
    if words is None and not give_back:
        raise Refused("shift_empty", field="text")
    if give_back:
        _give_back(session, viewer, form_key, now=now)
    if words is None:
        return None
    said = ShiftNote(person_id=who, at=now, text=words, form_key=form_key)
    session.add(said)
    session.flush()
    told = _colleagues(session, viewer)
    notices.tell(session, NoticeKind.SHIFT, told, key=f"shift:{said.id}", by_id=who, shift_note_id=said.id, now=now)
    digest = audit.digest(session, words)
    audit.note(session, "shift.ended", f"shift_note:{said.id}", now=now, person_id=who, text=digest)
    return said


def unread(session: Session, viewer: Viewer) -> Sequence[Notice]:
    """Words of earlier shifts that the viewer has not read, the oldest first."""
    statement = (
        select(Notice)
        .options(joinedload(Notice.by), joinedload(Notice.shift_note))
        .where(Notice.person_id == viewer.person_id, Notice.kind == NoticeKind.SHIFT, Notice.seen_at.is_(None))
    )
    return session.scalars(statement.order_by(Notice.id)).all()


def forget_due(session: Session, *, now: datetime) -> None:
    """Forget words for shifts that are long over, and who was told of them."""
    old = select(ShiftNote.id).where(ShiftNote.at < now - KEPT)
    session.execute(delete(Notice).where(Notice.shift_note_id.in_(old)))
    session.execute(delete(ShiftNote).where(ShiftNote.at < now - KEPT))


# -------------------------------------------------------------------------------------------------------------------
def _give_back(session: Session, viewer: Viewer, form_key: str, *, now: datetime) -> None:
    mine = select(Item.comment_id).where(in_state(Item, ItemState.WAITING), Item.assignee_id == viewer.person_id)
    for comment_id in session.scalars(mine.order_by(Item.comment_id).limit(SHOWN)).all():
        if comment_id is not None:
            key = f"{form_key[:40]}:{comment_id}"
            try:
                teamwork.assign(session, viewer, comment_id, None, before_id=viewer.person_id, form_key=key, now=now)
            except Refused:
                continue  # A colleague has it open, or has just decided.


def _colleagues(session: Session, viewer: Viewer) -> set[int]:
    """Whoever decides on, or manages, an account on which the viewer decides."""
    places = [
        {"borough_id": borough_id, "account_id": account_id}
        for account_id, borough_id in session.execute(select(Account.id, Account.borough_id))
    ]
    mine = [place for place in places if viewer.may_on(Action.WRITE_NOTES, **place)]
    return {
        one.person_id
        for one in staff(session)
        if one.person_id is not None
        and any(one.may_on(action, **place) for action in (Action.DECIDE, Action.SEE_TEAM) for place in mine)
    }

"""What a team does with an item besides deciding: say whose it is, put it off, leave a note. Each can be taken back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from models import audit, notices
from models.comments import Comment
from models.errors import NotFound, Refused
from models.items import Item
from models.notes import Note
from models.notices import Notice
from models.people import Person
from models.scope import Action, Viewer, reads, staff
from models.text import cleaned
from models.vocabulary import CommentKind, ItemState, NoteKind, NoticeKind
from moderation import items
from moderation.triage import deciding

LONGEST = 4000
"""Characters of a note."""
FARTHEST = timedelta(days=92)
"""For how long something is put off at most."""


@dataclass(frozen=True)
class Colleague:
    """Somebody who sees an item, and whether they may decide about it too."""

    person_id: int
    name: str
    decides: bool


def colleagues(session: Session, comment: Comment) -> list[Colleague]:
    """Who may be told of a comment or given it, by name."""
    private = comment.kind == CommentKind.MESSAGE
    scope = {"borough_id": comment.borough_id, "account_id": comment.account_id}
    return [
        Colleague(one.person_id, one.name, one.may_on(Action.DECIDE, **scope))
        for one in staff(session)
        if one.person_id is not None
        and one.may_on(Action.SEE_COMMENTS, **scope)
        and reads(one, private=private, **scope)
    ]


def mentioned(text: str, people: Sequence[Colleague]) -> set[int]:
    """Whom a text names: `@` and the whole name, or the first name alone where nobody else has it."""
    names: dict[str, set[int]] = {}
    for one in people:
        for name in {one.name, one.name.partition(" ")[0]}:
            names.setdefault(name.casefold(), set()).add(one.person_id)
    known = sorted((name for name, who in names.items() if name and len(who) == 1), key=len, reverse=True)
    if not known:
        return set()
    pattern = rf"(?<!\w)@({'|'.join(map(re.escape, known))})(?!\w)"
    return {who for found in re.findall(pattern, text.casefold()) for who in names[found]}


MORNING, NOON = time(8, 30), time(13)
"""When a day begins at the City, and its afternoon; on the clocks of the City."""


@dataclass(frozen=True)
class Later:
    """A moment to which something may be put off, and its name."""

    name: str
    at: datetime


def laters(now: datetime, zone: ZoneInfo) -> list[Later]:
    """The moments that are offered: in an hour, this afternoon, tomorrow, on Monday, each of them once."""
    here = now.astimezone(zone)
    to_monday = 7 - here.weekday()
    offered = [
        Later("hour", now + timedelta(hours=1)),
        Later("afternoon", datetime.combine(here, NOON, zone)),
        Later("tomorrow", datetime.combine(here + timedelta(days=1), MORNING, zone)),
        Later("monday", datetime.combine(here + timedelta(days=to_monday), MORNING, zone)),
    ]
    kept: dict[datetime, Later] = {}
    for one in offered:
        if one.at > now:
            kept.setdefault(one.at, one)
    return list(kept.values())


# ------------------------------------------------------------------------------------------ what is done
def note(session: Session, viewer: Viewer, comment_id: int, text: str, *, form_key: str, now: datetime) -> Note:
    """Leave words for colleagues; whoever they name is told. Refused: `note_empty`."""
    comment, _ = deciding.load(session, viewer, comment_id, Action.WRITE_NOTES)
    if (before := _same_form(session, viewer, comment_id, form_key)) is not None:
        return before
    words = words_of(text)
    if words is None:
        raise Refused("note_empty", field="text")
    return _write(session, viewer, comment, Note(kind=NoteKind.NOTE, text=words, form_key=form_key), now=now)


def assign(
    session: Session,
    viewer: Viewer,
    comment_id: int,
    assignee_id: int | None,
    *,
    before_id: int | None,
    text: str = "",
    form_key: str,
    now: datetime,
) -> Note:
    """Say whose it is (None: nobody's), with words if there are any; whoever gets it is told. `before_id` is whose it
    was as the page showed it.

    Refused: `already_decided`, `claimed`, `assigned_meanwhile` (names whose it is now), `not_a_colleague`.
    """
    comment, item = deciding.load(session, viewer, comment_id, Action.WRITE_NOTES)
    if (before := _same_form(session, viewer, comment_id, form_key)) is not None:
        return before
    item = _waiting(session, viewer, comment, item, now=now)
    if item.assignee_id != before_id:
        now_of = session.get(Person, item.assignee_id) if item.assignee_id else None
        raise Refused("assigned_meanwhile", by=now_of.name if now_of else "–")
    if assignee_id is not None and not any(
        one.decides and one.person_id == assignee_id for one in colleagues(session, comment)
    ):
        raise Refused("not_a_colleague", field="assignee_id")
    items.assign(item, assignee_id)
    said = Note(kind=NoteKind.ASSIGN, text=words_of(text), form_key=form_key)
    said.assignee_id, said.assignee_before_id = assignee_id, before_id
    deciding.close(session, item)
    return _write(session, viewer, comment, said, now=now)


def snooze(
    session: Session,
    viewer: Viewer,
    comment_id: int,
    until: datetime,
    *,
    text: str = "",
    form_key: str,
    now: datetime,
) -> Note:
    """Put it off: it leaves the queue and stands in it again from `until` on.

    Refused: `already_decided`, `claimed`, `danger_waits`, `snooze_time` (it must come, within `FARTHEST`).
    """
    comment, item = deciding.load(session, viewer, comment_id)
    if (before := _same_form(session, viewer, comment_id, form_key)) is not None:
        return before
    item = _waiting(session, viewer, comment, item, now=now)
    if item.urgency == items.DANGER:
        raise Refused("danger_waits")
    if not now < until <= now + FARTHEST:
        raise Refused("snooze_time", field="until", most=str(FARTHEST.days))
    items.snooze(item, until)
    deciding.close(session, item)
    said = Note(kind=NoteKind.SNOOZE, text=words_of(text), until=until, form_key=form_key)
    return _write(session, viewer, comment, said, now=now)


def take_back(session: Session, viewer: Viewer, note_id: int, *, now: datetime) -> Note:
    """Undo it: whose it was it is again, what was put off waits again, words are not shown any more. A second time is
    no other effect.

    Refused: `not_yours` (words of somebody else), `not_undoable` (something came after it).
    """
    found = session.get(Note, note_id)
    if found is None or found.comment_id is None:
        raise NotFound
    snoozes = found.kind == NoteKind.SNOOZE
    needed = Action.DECIDE if snoozes else Action.WRITE_NOTES
    comment, item = deciding.load(session, viewer, found.comment_id, needed)
    session.refresh(found)
    if found.taken_back_at is not None:
        return found
    if found.kind == NoteKind.NOTE and found.person_id != viewer.person_id:
        raise Refused("not_yours")
    if found.kind != NoteKind.NOTE:
        last = select(Note.id).where(Note.comment_id == comment.id, Note.kind == found.kind, _STANDS)
        newest = session.scalar(last.order_by(Note.id.desc()).limit(1))
        if item is None or item.state != ItemState.WAITING or newest != found.id:
            raise Refused("not_undoable")
        deciding.refuse_if_claimed(session, viewer, item, now=now)
        if snoozes:
            items.wake(item)
        else:
            items.assign(item, found.assignee_before_id)
    found.taken_back_at = now
    notices.forget(session, (NoticeKind.ASSIGNED, NoticeKind.NAMED), note_id=found.id)
    _audit(session, viewer, comment, found, "comment.note_back", now=now)
    return found


# ------------------------------------------------------------------------------------------ who is told
def about(session: Session, comment_id: int) -> Sequence[Note]:
    """What stands of all that was done with a comment so, oldest first."""
    statement = (
        select(Note)
        .options(joinedload(Note.person), joinedload(Note.assignee))
        .where(Note.comment_id == comment_id, _STANDS)
        .order_by(Note.id)
    )
    return session.scalars(statement).all()


def told(session: Session, said: Note) -> list[str]:
    """The names of those who are told of it."""
    statement = select(Person.name).join(Notice, Notice.person_id == Person.id).where(Notice.note_id == said.id)
    return list(session.scalars(statement.order_by(Person.name)))


# -------------------------------------------------------------------------------------------------------------------

_STANDS = Note.taken_back_at.is_(None)


def _waiting(session: Session, viewer: Viewer, comment: Comment, item: Item | None, *, now: datetime) -> Item:
    """The item, if it waits for somebody and nobody else has it open."""
    deciding.refuse_if_claimed(session, viewer, item, now=now)
    if item is None or item.state == ItemState.HANDLED:
        raise deciding.handled(session, comment)
    if item.state != ItemState.WAITING:
        raise Refused("text_changed")
    return item


def words_of(text: str) -> str | None:
    """Words as they are kept; None: there are none. Refused: `longer_than_kept`."""
    words = (cleaned(text) or "").replace("\r\n", "\n").strip()
    if len(words) > LONGEST:
        raise Refused("longer_than_kept", field="text", most=str(LONGEST))
    return words or None


def _same_form(session: Session, viewer: Viewer, comment_id: int, form_key: str) -> Note | None:
    before = session.scalar(select(Note).where(Note.form_key == form_key))
    if before is not None and (before.comment_id, before.person_id) != (comment_id, viewer.person_id):
        raise Refused("form_key_reused")
    return before


def _write(session: Session, viewer: Viewer, comment: Comment, said: Note, *, now: datetime) -> Note:
    said.comment_id, said.person_id, said.at = comment.id, deciding.acting(viewer), now
    session.add(said)
    session.flush()
    named = mentioned(said.text, colleagues(session, comment)) if said.text else set()
    given = {said.assignee_id} if said.assignee_id else set()
    for kind, people in ((NoticeKind.ASSIGNED, given), (NoticeKind.NAMED, named - given)):
        notices.tell(session, kind, people, key=f"note:{said.id}", by_id=said.person_id, note_id=said.id, now=now)
    _audit(session, viewer, comment, said, f"comment.{said.kind}", now=now)
    return said


def _audit(session: Session, viewer: Viewer, comment: Comment, said: Note, action: str, *, now: datetime) -> None:
    audit.note(
        session,
        action,
        f"comment:{comment.id}",
        now=now,
        person_id=viewer.person_id,
        note=said.id,
        assignee=said.assignee_id,
        until=said.until.isoformat() if said.until else None,
        text=audit.digest(session, said.text),
    )

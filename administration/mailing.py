"""Notices by e-mail: each as it comes, or a digest a day, as their reader chose. A letter says what kind of thing waits
and leads to it; it holds no words of anybody.

A letter is owed as any call is (`models/work.py`), so it leaves once at most. A server cannot be asked what it took:
where its answer is lost, the letter is not sent again, and the notice stands on `/avis` all the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import and_, exists, func, or_, select, update
from sqlalchemy.orm import Session, joinedload, selectinload

from administration.notices import OF_OPERATIONS, readable
from connectors.base import Receipt
from connectors.letters import Letter, PostOffice
from models import channels, work
from models.alarms import Alarm
from models.effects import Effect
from models.errors import Gone
from models.mail import MailServer
from models.notices import Notice
from models.people import Person, PersonalLink
from models.scope import viewer_of
from models.session import Database, vault_of
from models.vocabulary import EffectState, MailChoice, NoticeKind, OperationKind
from models.work import EffectHandler, Task

AWHILE = timedelta(minutes=2)
"""How long a notice waits for its reader to see it before a letter tells of it."""
OLDEST = timedelta(days=4)
"""What is older is no news: it stands on `/avis`."""
LATE = timedelta(hours=24)
"""A letter that could not leave for so long does not leave any more."""
DIGEST_AT = dt.time(7, 30)
"""On the city's clocks."""
PRESSING = frozenset({NoticeKind.APPROVAL_NEAR, NoticeKind.URGENT, NoticeKind.DANGER, *OF_OPERATIONS})
"""What waits for nothing: no digest holds it back."""
TO_ALL = frozenset({NoticeKind.DANGER})
"""What reaches those too who want no letters: they are on call."""


@dataclass(frozen=True)
class Told:
    """One thing that a letter tells of."""

    kind: NoticeKind
    path: str


@dataclass(frozen=True)
class Invitation:
    """The link by which somebody comes for the first time, or chooses another password."""

    name: str
    token: str
    expires_at: datetime


InvitationWords = Callable[[str, Invitation], tuple[str, str]]
"""As `Words`, of a letter that brings a link."""
Words = Callable[[str, Sequence[Told]], tuple[str, str]]
"""The subject and the text of a letter, in a language."""


def due(session: Session, zone: ZoneInfo, *, now: datetime) -> dict[int, bool]:
    """Who is to get a letter now, and whether it is their digest."""
    here = now.astimezone(zone)
    waits = (Notice.seen_at.is_(None), Notice.effect_id.is_(None), Notice.at > now - OLDEST)
    people = select(Person.id).where(Person.active)
    at_once = exists().where(
        Notice.person_id == Person.id,
        *waits,
        or_(
            and_(Person.mail == MailChoice.EACH, Notice.at <= now - AWHILE),
            Notice.kind.in_(PRESSING),
        ),
    )
    on_call = exists().where(Notice.person_id == Person.id, *waits, Notice.kind.in_(TO_ALL))
    wanted = or_(and_(Person.mail != MailChoice.NONE, at_once), on_call)
    found = dict.fromkeys(session.scalars(people.where(wanted)), False)
    if here.time() >= DIGEST_AT:
        daily = people.where(
            Person.mail == MailChoice.DIGEST,
            or_(Person.digest_on.is_(None), Person.digest_on < here.date()),
            exists().where(Notice.person_id == Person.id, *waits),
        )
        found |= dict.fromkeys(session.scalars(daily), True)
    return found


def owe(session: Session, server_id: int, people: dict[int, bool], zone: ZoneInfo, *, now: datetime) -> list[int]:
    """Owe each of these people one letter about all that they have not seen; ids of the effects."""
    made = []
    for person_id, digest in sorted(people.items()):
        person = session.scalars(select(Person).where(Person.id == person_id).with_for_update()).one()
        waits = select(Notice.id).where(
            Notice.person_id == person_id,
            Notice.seen_at.is_(None),
            Notice.effect_id.is_(None),
            Notice.at > now - OLDEST,
        )
        if person.mail != MailChoice.EACH and not digest:
            waits = waits.where(Notice.kind.in_(PRESSING if person.mail == MailChoice.DIGEST else TO_ALL))
        ids = list(session.scalars(waits.order_by(Notice.id)))
        if not ids:
            continue  # Another worker was faster.
        if digest:
            person.digest_on = now.astimezone(zone).date()
        effect = work.enqueue(
            session,
            key=f"mail:{person_id}:{ids[-1]}",
            operation=OperationKind.MAIL,
            channel_id=server_id,
            target=f"person:{person_id}",
            # What it says is read as it leaves, as far as its reader may still see it.
            payload={"person_id": person_id, "notices": ids},
            due_at=now,
            late_at=now + LATE,
        )
        session.execute(update(Notice).where(Notice.id.in_(ids)).values(effect_id=effect.id))
        made.append(effect.id)
    return made


def owe_due(database: Database, address: str | None, zone: ZoneInfo, *, now: datetime) -> int:
    """Owe the letters that are due to the server of the settings (None: there is none); gives how many."""
    if address is None:
        return 0
    with database.read() as session:
        people = due(session, zone, now=now)
    if not people:
        return 0
    with database.write() as session:
        return len(owe(session, channels.at_address(session, MailServer, address, now=now), people, zone, now=now))


def effect_handler(
    database: Database, office_of: Callable[[int], PostOffice], words: Words, invitation_words: InvitationWords
) -> EffectHandler:
    """The outbox's part about letters. `office_of` opens the connector of a server by its id."""

    def send(task: Task) -> Receipt:
        if "link_id" in task.payload:
            letter = _invitation(database, task, invitation_words)
        else:
            letter = _letter(database, task, words)
        return office_of(task.channel_id).send(letter)

    def find(_task: Task, _taken: Collection[str]) -> Receipt | None:
        # No mail server says what it took. A letter too few is read on `/avis`; a letter too many is a nuisance that
        # nobody could stop.
        raise Gone

    return EffectHandler(frozenset({OperationKind.MAIL}), send=send, find=find, record=_record)


# -------------------------------------------------------------------------------------------------------------------
def _letter(database: Database, task: Task, words: Words) -> Letter:
    """What is to be told now. Gone: nothing any more, or nobody."""
    with database.read() as session:
        whose = select(Person).options(selectinload(Person.memberships))
        person = session.scalar(whose.where(Person.id == task.payload["person_id"], Person.active))
        if person is None:
            raise Gone
        loaded = (
            joinedload(Notice.note),
            joinedload(Notice.occurrence),
            joinedload(Notice.request),
            joinedload(Notice.alarm).joinedload(Alarm.item),
        )
        statement = select(Notice).options(*loaded).where(Notice.id.in_(task.payload["notices"]))
        unseen = statement.where(Notice.seen_at.is_(None), readable(viewer_of(person))).order_by(Notice.id.desc())
        told = list(dict.fromkeys(Told(one.kind, _path(one)) for one in session.scalars(unseen)))
        if not told:
            raise Gone
        subject, text = words(person.language, told)
        return Letter(person.email, subject, text, task.key)


def _invitation(database: Database, task: Task, words: InvitationWords) -> Letter:
    """The link, as long as it is the person's. Gone: it was used, a newer one is, or they are let in no more."""
    with database.read() as session:
        link = session.get_one(PersonalLink, task.payload["link_id"])
        person = session.get_one(Person, link.person_id)
        newest = session.scalar(select(func.max(PersonalLink.id)).where(PersonalLink.person_id == person.id))
        if link.used_at is not None or link.id != newest or not person.active:
            raise Gone
        token = vault_of(session).open(task.payload["token_closed"])
        subject, text = words(person.language, Invitation(person.name, token, link.expires_at))
        return Letter(person.email, subject, text, task.key)


def _path(notice: Notice) -> str:
    if notice.kind in OF_OPERATIONS:
        return OF_OPERATIONS[notice.kind]
    if notice.note is not None:
        return f"/commentaires/{notice.note.comment_id}"
    if notice.request is not None:
        return f"/requetes/{notice.request.number}"
    if notice.alarm is not None:
        return f"/commentaires/{notice.alarm.item.comment_id}"
    if notice.shift_note_id is not None:
        return "/avis"
    if notice.occurrence is not None:
        return f"/dossiers/{notice.occurrence.dossier_id}"
    return f"/publications/{notice.post_id}"


def without_token(payload: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a letter that leaves no more, or has left."""
    return {name: value for name, value in payload.items() if name != "token_closed"}


def _record(session: Session, effect: Effect, now: datetime) -> None:
    if effect.state == EffectState.DONE:
        server = channels.lock(session, MailServer, effect.channel_id)
        channels.record_reading(server, asked_at=effect.sent_at or now, now=now)
    effect.payload = without_token(effect.payload)

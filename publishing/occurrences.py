"""Each time that a recurring file comes: its draft, what is done for it elsewhere, and what is late."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload, selectinload

from models import audit, notices
from models.comments import Comment
from models.dossiers import Dossier, Occurrence, OccurrenceTask
from models.errors import NotFound, Refused
from models.figures import PostFigures, is_newest
from models.opening import moment
from models.people import Person
from models.posts import Post
from models.scope import Action, Viewer, viewer_of, visible
from models.session import Database, upsert
from models.vocabulary import NoticeKind, NotMade, OutsideTask
from publishing import dossiers, planning
from publishing.drafting import Draft, Written
from publishing.drafting import whole as whole_post
from publishing.report import asked

log = logging.getLogger(__name__)

AT_ONCE = 200
"""Files that one tick looks at."""
MOST = 200
QUESTIONS = 20
"""Questions that are shown of those asked under a post."""


@dataclass(frozen=True)
class Before:
    """The last time that a file went out: what was said, what the networks counted, what was asked under it."""

    occurrence: Occurrence
    post: Post
    figures: Mapping[int, PostFigures]
    """By id of the variant."""
    questions: Sequence[Comment]


# ------------------------------------------------------------------------------------------ by the clock
def make_due(database: Database, zone: ZoneInfo, *, now: datetime) -> int:
    """Make what has come within its lead time, each in a transaction of its own; gives how many."""
    today, made = now.astimezone(zone).date(), 0
    with database.read() as session:
        due = select(Dossier.id).where(Dossier.due_on <= today, Dossier.archived_at.is_(None))
        ids = session.scalars(due.order_by(Dossier.due_on, Dossier.id).limit(AT_ONCE)).all()
    for dossier_id in ids:
        try:
            while _make_next(database, zone, dossier_id, today=today, now=now):
                made += 1
        except Exception:
            # One that cannot be made must not keep the others from being made.
            log.exception("dossier %s: its draft was not made", dossier_id)
    return made


def _make_next(database: Database, zone: ZoneInfo, dossier_id: int, *, today: dt.date, now: datetime) -> bool:
    with database.write() as session:
        # Two workers at once: the second one waits here, and then finds nothing due.
        statement = select(Dossier).options(selectinload(Dossier.accounts)).where(Dossier.id == dossier_id)
        due = statement.where(Dossier.due_on <= today, Dossier.archived_at.is_(None)).with_for_update(of=Dossier)
        dossier = session.scalar(due)
        if dossier is None or dossier.next_on is None:
            return False
        day = dossier.next_on
        occurrence = _insert(session, dossier, day, now=now)
        if occurrence is not None:
            if day < today:
                # No burst of stale drafts after a long sleep: each day that passed is said, and a person decides.
                occurrence.problem = NotMade.MISSED
            else:
                _draft_by_itself(session, zone, dossier, occurrence, now=now)
            notices.tell(
                session,
                NoticeKind.DOSSIER_DUE,
                [dossier.owner_id],
                key=f"occurrence:{occurrence.id}",
                by_id=None,
                now=now,
                occurrence_id=occurrence.id,
            )
        dossiers.advance(session, dossier, day)
        return occurrence is not None


def _draft_by_itself(session: Session, zone: ZoneInfo, dossier: Dossier, made: Occurrence, *, now: datetime) -> None:
    """In its owner's name. What its owner may not write, or nobody can, is a person's to look at."""
    if not dossier.accounts:
        return
    whose = select(Person).options(selectinload(Person.memberships)).where(Person.id == dossier.owner_id)
    owner = session.scalars(whose).one()
    if not owner.active:
        made.problem = NotMade.OWNER_GONE
        return
    try:
        with session.begin_nested():
            _draft(session, viewer_of(owner), zone, dossier, made, now=now)
    except Refused as error:
        log.warning("dossier %s: its draft was refused, %s", dossier.id, error.code)
        made.problem = NotMade.REFUSED


# ------------------------------------------------------------------------------------------ by people
def make(
    session: Session, viewer: Viewer, dossier_id: int, day: dt.date, zone: ZoneInfo, *, now: datetime
) -> Occurrence:
    """Make it for a day that somebody gives, or what could not be made by itself. Refused: `occurrence_known` when that
    day has its draft, and what `planning.create` refuses.
    """
    dossier = dossiers.load(session, viewer, dossier_id)
    occurrence = _insert(session, dossier, day, now=now)
    if occurrence is None:
        same = select(Occurrence).where(Occurrence.dossier_id == dossier_id, Occurrence.day == day)
        occurrence = session.scalars(same).one()
        if occurrence.post_id is not None or not dossier.accounts:
            raise Refused("occurrence_known", field="day")
    if dossier.accounts:
        _draft(session, viewer, zone, dossier, occurrence, now=now)
    occurrence.problem = None
    if dossier.next_on == day:
        dossiers.advance(session, dossier, day)
    return occurrence


def remember(session: Session, viewer: Viewer, dossier_id: int, post_id: int, zone: ZoneInfo, *, now: datetime) -> None:
    """A post that was written without the file is its last time: the next one is made from it. Refused:
    `post_timeless`.
    """
    dossier = dossiers.load(session, viewer, dossier_id)
    post = planning.detail(session, viewer, post_id).post
    at = next((one.published_at for one in post.variants if one.published_at), post.publish_at)
    if at is None:
        raise Refused("post_timeless")
    occurrence = _insert(session, dossier, at.astimezone(zone).date(), now=now, tasks=False)
    if occurrence is not None:
        occurrence.post_id = post.id


def settle(session: Session, viewer: Viewer, occurrence_id: int, *, now: datetime) -> Occurrence:
    """Nothing more is to be done about it: it is not late any more."""
    found = _load(session, viewer, occurrence_id)
    if found.settled_at is None:
        found.settled_at, found.settled_by_id = now, viewer.person_id
        audit.note(session, "occurrence.settled", f"occurrence:{found.id}", now=now, person_id=viewer.person_id)
    return found


def mark(
    session: Session, viewer: Viewer, occurrence_id: int, kind: OutsideTask, *, done: bool, now: datetime
) -> Occurrence:
    """Something outside of the networks is done, or was not after all."""
    found = _load(session, viewer, occurrence_id)
    task = session.get(OccurrenceTask, (occurrence_id, kind), with_for_update=True)
    if task is None:
        raise NotFound
    if done != (task.done_at is not None):
        task.done_at, task.done_by_id = (now, viewer.person_id) if done else (None, None)
        said = {"task": str(kind), "done": done}
        audit.note(session, "occurrence.task", f"occurrence:{found.id}", now=now, person_id=viewer.person_id, **said)
    return found


# ------------------------------------------------------------------------------------------ reading
def late(session: Session, viewer: Viewer, *, today: dt.date) -> Sequence[Occurrence]:
    """What of the viewer's files is not done, of this week and before, the oldest first."""
    statement = _whole(dossiers.unfinished(today)).limit(MOST)
    return session.scalars(visible(statement, viewer, Action.SEE_POSTS, Dossier)).all()


def of_dossier(session: Session, dossier_id: int) -> Sequence[Occurrence]:
    """All times that a file came, the last first. The file itself was read as the viewer's."""
    statement = _whole(select(Occurrence)).where(Occurrence.dossier_id == dossier_id)
    return session.scalars(statement.order_by(Occurrence.day.desc()).limit(MOST)).all()


def before(session: Session, viewer: Viewer, dossier_id: int, *, day: dt.date) -> Before | None:
    """The last time before that day that the file had a post which the viewer may see."""
    posts = visible(select(Post.id), viewer, Action.SEE_POSTS, Post)
    statement = _whole(select(Occurrence)).where(
        Occurrence.dossier_id == dossier_id, Occurrence.day < day, Occurrence.post_id.in_(posts)
    )
    occurrence = session.scalar(statement.order_by(Occurrence.day.desc()).limit(1))
    if occurrence is None:
        return None
    post = session.scalars(whole_post(select(Post)).where(Post.id == occurrence.post_id)).one()
    there = {one.source_post_id: one.id for one in post.variants if one.source_post_id is not None}
    counted = select(PostFigures).where(PostFigures.source_post_id.in_(there), is_newest(PostFigures))
    return Before(
        occurrence,
        post,
        {there[one.source_post_id]: one for one in session.scalars(counted)},
        asked(session, viewer, list(there), QUESTIONS),
    )


# -------------------------------------------------------------------------------------------------------------------
def _insert(
    session: Session, dossier: Dossier, day: dt.date, *, now: datetime, tasks: bool = True
) -> Occurrence | None:
    """The occurrence of that day, if this is the first that is made; the database says so."""
    row = {"dossier_id": dossier.id, "day": day, "made_at": now}
    made = upsert(session, Occurrence).values(row).on_conflict_do_nothing().returning(Occurrence.id)
    id_ = session.scalar(made)
    if id_ is None:
        return None
    occurrence = session.get_one(Occurrence, id_)
    if tasks:
        session.add_all(OccurrenceTask(occurrence_id=id_, kind=OutsideTask(kind)) for kind in dossier.tasks)
    session.flush()
    return occurrence


def _draft(
    session: Session, viewer: Viewer, zone: ZoneInfo, dossier: Dossier, occurrence: Occurrence, *, now: datetime
) -> None:
    """Its post, from what the file says or what was written the last time; with no time where its own has passed."""
    at = moment(occurrence.day, dossier.hour, zone)
    post = planning.create(
        session, viewer, _written(session, dossier, occurrence.day, at if at > now else None), now=now
    )
    occurrence.post_id = post.id


def _written(session: Session, dossier: Dossier, day: dt.date, at: datetime | None) -> Draft:
    statement = select(Post).join(Occurrence, Occurrence.post_id == Post.id)
    last = session.scalar(
        whole_post(statement)
        .where(Occurrence.dossier_id == dossier.id, Occurrence.day < day)
        .order_by(Occurrence.day.desc())
        .limit(1)
    )
    copy = planning.copied(last) if last is not None else Draft("", {})
    common = dossier.text or next((one.text for one in copy.variants.values() if one.text), "")
    words = {account.id: Written(common) for account in dossier.accounts}
    if not dossier.text:
        words |= {account: one for account, one in copy.variants.items() if account in words}
    return replace(
        copy,
        title=dossier.name,
        variants=words,
        link=dossier.link or copy.link,
        campaign_id=dossier.campaign_id,
        publish_at=at,
    )


def _load(session: Session, viewer: Viewer, occurrence_id: int) -> Occurrence:
    statement = select(Occurrence).join(Dossier, Dossier.id == Occurrence.dossier_id)
    statement = statement.options(joinedload(Occurrence.dossier)).where(Occurrence.id == occurrence_id)
    found = session.scalar(visible(statement.with_for_update(of=Occurrence), viewer, Action.WRITE_POSTS, Dossier))
    if found is None:
        raise NotFound
    return found


def _whole(statement: Select[Occurrence]) -> Select[Occurrence]:
    return statement.options(
        joinedload(Occurrence.dossier).joinedload(Dossier.owner),
        joinedload(Occurrence.post),
        joinedload(Occurrence.settled_by),
        selectinload(Occurrence.tasks).joinedload(OccurrenceTask.done_by),
    )

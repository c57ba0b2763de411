"""Events are found in what comes in, and decided about as one: one request, everybody who wrote a requester of it, one
holding reply to all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import exists, func, or_, select, update
from sqlalchemy.orm import Session, joinedload

from models import audit
from models.comments import Comment, VerdictRow
from models.decisions import Decision
from models.errors import NotFound, Refused
from models.incidents import Incident, IncidentComment
from models.items import Item, in_state
from models.requests311 import Service, ServiceRequest
from models.scope import Action, Viewer, visible
from models.search import text_of
from models.session import Database, take_turn
from models.vocabulary import CLOSED_STATUSES, CommentKind, DecisionKind, Intention, ItemState, RequestStatus
from moderation import items, places
from moderation.requests import escalation
from moderation.requests.escalation import named_place
from moderation.triage import deciding, queue, together
from moderation.triage.deciding import CapabilitiesOf, Choice, Terms
from moderation.triage.queue import Listed
from moderation.triage.together import Outcome

PEOPLE, PEOPLE_AROUND = 3, 5
"""Who must have written of one thing for it to be an event: at a place that they name, and without one."""
WITHIN, BURST = timedelta(hours=12), timedelta(hours=1)
"""Between two comments of one event at most, likewise."""
AT_ONCE, MOST = 200, 300
"""Comments that one look takes up, and comments of one place that it compares."""
LINES = 20
"""Events that the queue shows."""
_BESIDE = frozenset({Intention.PRAISE, Intention.OFF_TOPIC, Intention.SUGGESTION})
"""Who wants these writes of no event."""


# ------------------------------------------------------------------------------------------------------ what is found
def waits(session: Session) -> bool:
    """Whether a comment has yet to be compared with others."""
    return session.scalar(select(VerdictRow.comment_id).where(VerdictRow.ungathered).limit(1)) is not None


def gather_due(database: Database, *, now: datetime) -> int:
    """Compare what was read with what others wrote of the same kind and place; gives how many were looked at.

    A bounded part at a time; what a person took out of an event stays out. A crossing is compared with what is on
    either street.
    """
    with database.write() as session:
        take_turn(session, "incidents")
        waiting = select(VerdictRow.comment_id, VerdictRow.group_311, VerdictRow.place_key, VerdictRow.cross_key)
        waiting = (
            waiting.add_columns(Comment.borough_id)
            .join(Comment, Comment.id == VerdictRow.comment_id)
            .where(VerdictRow.ungathered)
        )
        found = session.execute(waiting.order_by(VerdictRow.comment_id).limit(AT_ONCE)).all()
        kinds = {(one.group_311, key, one.borough_id) for one in found for key in (one.place_key, one.cross_key) if key}
        for group, key, borough_id in sorted(kinds, key=str):
            _gather(session, group or "", key, borough_id, now=now)
        looked = VerdictRow.comment_id.in_([row[0] for row in found])
        session.execute(update(VerdictRow).where(looked).values(ungathered=False), execution_options=_APART)
    return len(found)


_APART = {"synchronize_session": False}


def _gather(session: Session, group: str, key: str, borough_id: int | None, *, now: datetime) -> None:
    around = places.is_around(key)
    enough, within = (PEOPLE_AROUND, BURST) if around else (PEOPLE, WITHIN)
    known = (
        select(Comment)
        .join(VerdictRow, VerdictRow.comment_id == Comment.id)
        .join(Item, Item.comment_id == Comment.id)
        .options(joinedload(Comment.verdict))
        .where(
            VerdictRow.group_311 == group,
            or_(VerdictRow.place_key == key, VerdictRow.cross_key == key),
            VerdictRow.at >= now - WITHIN,
            VerdictRow.version == Comment.version,
            VerdictRow.intention.is_(None) | VerdictRow.intention.not_in(_BESIDE),
            Comment.borough_id.is_not_distinct_from(borough_id),
            Comment.created_at >= now - 2 * within,
            Comment.kind != CommentKind.MESSAGE,
            Comment.by_city.is_(False),
            ~Comment.removed,
            in_state(Item, ItemState.WAITING),
            ~exists().where(IncidentComment.comment_id == Comment.id),
        )
        .order_by(Comment.id)
        .limit(MOST)
    )
    comments = session.scalars(known.with_for_update(of=Comment)).unique().all()
    if not comments:
        return
    newest = max(one.created_at for one in comments)
    event = session.scalar(
        select(Incident)
        .where(
            Incident.group_311 == group,
            or_(Incident.place_key == key, Incident.cross_key == key),
            Incident.closed_at.is_(None),
            Incident.borough_id.is_not_distinct_from(borough_id),
            Incident.last_at >= newest - within,
        )
        .order_by(Incident.id.desc())
        .limit(1)
    )
    if around and not (comments := _of_one_word(session, group, comments, event)):
        return
    if event is None:
        newest = max(one.created_at for one in comments)
        near = [one for one in comments if one.created_at >= newest - within]
        people = len({one.author_id or -one.id for one in near})
        if people < enough or (around and people <= _usual(session, group, key, borough_id, newest)):
            return
        comments, first = near, min(one.created_at for one in near)
        event = Incident(borough_id=borough_id, group_311=group, place_key=key, first_at=first, last_at=newest)
        named = [{one.verdict.place_key, one.verdict.cross_key} for one in near if one.verdict is not None]
        event.cross_key = next(iter(set.intersection(*named) - {key, None}), None)
        place = places.sector(key, places.sectors(session)) if around else named_place(near[0].verdict)
        event.place = (place or "")[:300] or None
        session.add(event)
        session.flush()
        audit.note(session, "incident.found", f"incident:{event.id}", now=now, person_id=None, comments=len(near))
    for comment in comments:
        session.add(IncidentComment(incident_id=event.id, comment_id=comment.id, added_at=now))
        items.gather(items.of_comment(session, comment.id), event.id)
        event.first_at = min(event.first_at, comment.created_at)
        event.last_at = max(event.last_at, comment.created_at)


def _of_one_word(
    session: Session, group: str, comments: Sequence[Comment], event: Incident | None
) -> Sequence[Comment]:
    """Of comments that name no place, those with the one word that most of them share of those by which the services of
    the group are asked for (« eau »); once there is an event, the word of its own comments.
    """
    telling = escalation.telling(session.scalars(select(Service.name).where(Service.group == group)))
    texts: Sequence[str | None] = [one.text for one in comments]
    if event is not None:
        of_it = select(Comment.text).join(IncidentComment, IncidentComment.comment_id == Comment.id)
        texts = session.scalars(of_it.where(IncidentComment.incident_id == event.id).limit(together.MOST)).all()
    said = Counter(word for text in texts for word in _words(text) & telling)
    word = max(said, key=lambda one: (said[one], one), default=None)
    return [one for one in comments if word in _words(one.text)]


def _words(text: str | None) -> frozenset[str]:
    return frozenset(text_of(text).split())


def _usual(session: Session, group: str, key: str, borough_id: int | None, newest: datetime) -> int:
    """How many people wrote so without a place in the day before: what they write every hour is no event."""
    person = func.coalesce(Comment.author_id, -Comment.id)
    before = select(func.count(person.distinct())).join(VerdictRow, VerdictRow.comment_id == Comment.id)
    return session.scalar(
        before.where(
            Comment.kind != CommentKind.MESSAGE,
            VerdictRow.place_key == key,
            VerdictRow.group_311 == group,
            Comment.borough_id.is_not_distinct_from(borough_id),
            Comment.created_at < newest - BURST,
            Comment.created_at >= newest - BURST - 2 * WITHIN,
        )
    ) or 0  # fmt: skip


def close_due(database: Database, *, now: datetime) -> int:
    """End the events whose request has ended, and those that nobody writes of any more; what still waits of them is in
    the queue again. Gives how many ended.
    """
    with database.read() as session:
        over = ServiceRequest.status.in_(CLOSED_STATUSES - {RequestStatus.CANCELLED})
        ended = select(Incident.id).outerjoin(ServiceRequest, ServiceRequest.id == Incident.request_id)
        old = Incident.last_at < now - 2 * WITHIN
        ids = session.scalars(ended.where(Incident.closed_at.is_(None), over | old).limit(AT_ONCE)).all()
    for incident_id in ids:
        with database.write() as session:
            event = session.get_one(Incident, incident_id, with_for_update=True)
            if event.closed_at is None:
                _close(session, event, None, now=now)
    return len(ids)


def _close(session: Session, event: Incident, person_id: int | None, *, now: datetime) -> None:
    event.closed_at, event.closed_by_id = now, person_id
    items.scatter(session, event.id)
    audit.note(session, "incident.closed", f"incident:{event.id}", now=now, person_id=person_id)


# --------------------------------------------------------------------------------------------------- what people see
@dataclass(frozen=True)
class Line:
    """One event as the queue shows it: how many people wrote of it and are not answered, how many comments."""

    event: Incident
    people: int
    comments: int


@dataclass(frozen=True)
class Seen:
    """One event, with the comments that wait, each with why it would be left, and those that were decided about."""

    event: Incident
    waiting: Sequence[tuple[Listed, Refused | None]]
    decided: Sequence[Comment]
    people: int
    quarters: Sequence[tuple[datetime, int, int]]
    """Comments and people by quarter of an hour, for whoever staffs the day."""


def lines(session: Session, viewer: Viewer, action: Action = Action.SEE_COMMENTS) -> list[Line]:
    """The events of which something waits, the newest first."""
    # By their ids: many items wait and few are in an event, and a database that joins may begin with the many.
    open_ones = visible(select(Incident.id).where(Incident.closed_at.is_(None)), viewer, action, Incident)
    ids = session.scalars(open_ones.order_by(Incident.last_at.desc(), Incident.id.desc())).all()
    if not ids:
        return []
    person = func.coalesce(Comment.author_id, -Comment.id)
    statement = (
        select(Incident, func.count(person.distinct()), func.count())
        .join(Item, Item.incident_id == Incident.id)
        .join(Comment, Comment.id == Item.comment_id)
        .where(Item.incident_id.in_(ids), func.coalesce(Item.state, "") == ItemState.WAITING)
        .group_by(Incident.id)
        .order_by(Incident.last_at.desc(), Incident.id.desc())
        .limit(LINES)
    )
    return [Line(*row) for row in session.execute(statement)]


def seen(session: Session, viewer: Viewer, incident_id: int, capabilities_of: CapabilitiesOf, *, now: datetime) -> Seen:
    """One event; NotFound when it is not there or not the viewer's."""
    event = _of(session, viewer, incident_id, Action.SEE_COMMENTS)
    members = select(Comment).join(IncidentComment, IncidentComment.comment_id == Comment.id)
    members = members.options(joinedload(Comment.author), joinedload(Comment.account))
    members = members.where(IncidentComment.incident_id == event.id, IncidentComment.taken_out_at.is_(None))
    comments = session.scalars(members.order_by(Comment.created_at, Comment.id)).all()
    open_ones = select(Item.comment_id).where(Item.incident_id == event.id, in_state(Item, ItemState.WAITING))
    waiting = set(session.scalars(open_ones))
    listed = queue.chosen(session, viewer, [one.id for one in comments if one.id in waiting][: together.MOST], now=now)
    quarters: dict[datetime, list[Comment]] = {}
    for one in comments:
        at = one.created_at
        quarters.setdefault(at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0), []).append(one)
    return Seen(
        event=event,
        waiting=[(line, together.why_not(line, DecisionKind.REQUEST, capabilities_of)) for line in listed],
        decided=[one for one in comments if one.id not in waiting],
        people=len({one.author_id or -one.id for one in comments}),
        quarters=[(at, len(some), len({one.author_id or -one.id for one in some})) for at, some in quarters.items()],
    )


# ------------------------------------------------------------------------------------------------ what a person does
@dataclass(frozen=True)
class Wanted:
    """What a person wants of an event: a request of a service at a place, or an open one that is joined; and the words
    that hold everybody.
    """

    service_code: str | None = None
    place: str = ""
    request_number: str | None = None
    text: str = ""


def decide(
    session: Session,
    viewer: Viewer,
    incident_id: int,
    versions: Mapping[int, int],
    wanted: Wanted,
    terms: Terms,
    *,
    form_key: str,
    now: datetime,
) -> Outcome:
    """Make one request of an event, or join one, for all the comments that the person read (`versions`); each is
    answered, one after the other. Taken back as a batch. Refused as `together.decide_each`, and `incident_closed`.
    """
    event = _of(session, viewer, incident_id, Action.DECIDE)
    if event.closed_at is not None:
        raise Refused("incident_closed")
    members = select(Item.comment_id).where(Item.incident_id == event.id, Item.comment_id.in_(versions))
    mine = set(session.scalars(members))
    number = wanted.request_number
    if event.request is not None and event.request.status not in CLOSED_STATUSES:
        number = event.request.number
    first = Choice(
        DecisionKind.REQUEST, 0, text=wanted.text, service_code=wanted.service_code, place=wanted.place,
        request_number=number,
    )  # fmt: skip
    choices = {one: replace(first, version=version) for one, version in versions.items() if one in mine}

    def join(choice: Choice, opened: Decision) -> Choice:
        joined = _number(session, opened.request_id)
        return replace(choice, service_code=None, place="", request_number=joined)

    outcome = together.decide_each(
        session, viewer, choices, DecisionKind.REQUEST, terms, form_key=form_key, spacing=terms.spacing, then=join,
        now=now,
    )  # fmt: skip
    if outcome.decisions:
        event.request_id = outcome.decisions[0].request_id
        audit.note(
            session, "incident.request", f"incident:{event.id}", now=now, person_id=viewer.person_id,
            request=event.request_id, batch=outcome.batch.id,
        )  # fmt: skip
    elif outcome.left:
        # What is wrong with the form is wrong for everybody.
        why = next(iter(outcome.left.values()))
        if why.params.get("field"):
            raise why
    return outcome


def take_out(session: Session, viewer: Viewer, incident_id: int, comment_id: int, *, now: datetime) -> None:
    """A comment is about something else: it waits by itself again, and is not put back."""
    person_id = deciding.acting(viewer)
    event = _of(session, viewer, incident_id, Action.DECIDE)
    _, item = deciding.load(session, viewer, comment_id)
    member = session.scalar(
        select(IncidentComment).where(
            IncidentComment.comment_id == comment_id,
            IncidentComment.incident_id == event.id,
            IncidentComment.taken_out_at.is_(None),
        )
    )
    if member is None:
        raise NotFound
    member.taken_out_at, member.taken_out_by_id = now, person_id
    items.gather(item, None)
    audit.note(
        session, "incident.take_out", f"incident:{event.id}", now=now, person_id=person_id, comment=comment_id
    )  # fmt: skip


def close(session: Session, viewer: Viewer, incident_id: int, *, now: datetime) -> None:
    """It is no event, or over: what still waits of it is in the queue again."""
    person_id = deciding.acting(viewer)
    event = _of(session, viewer, incident_id, Action.DECIDE)
    if event.closed_at is None:
        _close(session, event, person_id, now=now)


def _of(session: Session, viewer: Viewer, incident_id: int, action: Action) -> Incident:
    statement = select(Incident).options(joinedload(Incident.request)).where(Incident.id == incident_id)
    event = session.scalar(visible(statement, viewer, action, Incident))
    if event is None:
        raise NotFound
    return event


def _number(session: Session, request_id: int | None) -> str | None:
    return session.scalar(select(ServiceRequest.number).where(ServiceRequest.id == request_id))

"""Comments become 311 requests: one request for many citizens, an agent who works it, and the outcome told in the
thread where each of them wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, exists, or_, select
from sqlalchemy.orm import Session, aliased, joinedload

from connectors.registry import capabilities
from models import audit
from models.accounts import Account
from models.comments import Comment, VerdictRow
from models.decisions import Decision
from models.errors import NotFound, Refused
from models.requests311 import RequestChange, RequestCounter, Requester, Service, ServiceRequest
from models.scope import Action, Viewer, visible
from models.search import text_of
from models.session import upsert
from models.text import READ_CHARACTERS, chunks, cleaned, stem
from models.vocabulary import CLOSED_STATUSES, DecisionKind, ItemState, Language, RequestNature, RequestStatus, StepBy
from moderation import drafts, items, places
from moderation.requests import handover, standards, units
from moderation.templates import render, template

NEARBY = timedelta(days=14)
"""An open request for the same kind of service this recent may be about the same event."""

LONGEST_NOTE = 4000
"""Characters of what citizens are told."""

NEXT: dict[RequestStatus, frozenset[RequestStatus]] = {
    RequestStatus.ACCEPTED: frozenset({RequestStatus.IN_PROGRESS, RequestStatus.DONE, RequestStatus.REFUSED}),
    RequestStatus.IN_PROGRESS: frozenset({RequestStatus.DONE, RequestStatus.REFUSED}),
    RequestStatus.DONE: frozenset({RequestStatus.IN_PROGRESS}),
    RequestStatus.REFUSED: frozenset({RequestStatus.IN_PROGRESS}),
    RequestStatus.CANCELLED: frozenset(),
}
"""The changes that an agent may make; back to in progress is a reopening."""

ANSWERS = {RequestStatus.DONE: "request_done", RequestStatus.REFUSED: "request_refused"}
"""The template that drafts the answer in the thread, by outcome."""

UNEXPLAINED = "request_closed"
"""The one where the outside 311 closed it without a word."""

UNSAID = "request_confidential"
"""The one in public about a confidential service."""

_NO_SERVICE = (
    *("and", "autre", "aux", "city", "des", "for", "its", "les", "new", "non", "not", "off", "one", "other", "out"),
    *("par", "pas", "pour", "rue", "sous", "street", "sujet", "sur", "the", "une", "ville", "with"),
)
_SMALL = frozenset(stem(word) for word in _NO_SERVICE)
"""Words of a service's name by which no text asks for it, as stems; a street is only where it is."""

_WRITTEN = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
"""A word as somebody wrote it."""


def services(session: Session) -> list[Service]:
    """The city's active services, by group and name."""
    statement = select(Service).where(Service.active).order_by(Service.group, Service.name)
    return list(session.scalars(statement))


def likeliest(known: Sequence[Service], group: str | None, text: str) -> list[Service]:
    """Services that share a word with a text, the likeliest first; it is the one that a moderator is offered.

    Longer words weigh more: in "le trottoir de la rue Cartier", the street is only where it is. Its other words weigh
    half of those of its names; the group that the verdict names weighs as a short word. Of two that share as much, the
    shorter name says less that is not in the text.
    """
    said = {stem(word) for _, words in chunks(text) for word in words}

    def shared(service: Service) -> int:
        names = _stems(f"{service.name} {service.name_en or ''}")
        others = _stems(service.keywords or "") - names
        letters = 2 * _letters(names, said) + _letters(others, said)
        return letters + 4 * (letters > 0 and service.group == group)

    rank = {service.code: (-shared(service), len(service.name), service.name) for service in known}
    return sorted((service for service in known if rank[service.code][0]), key=lambda service: rank[service.code])


def offered(known: Sequence[Service], group: str | None, text: str) -> list[tuple[Service, list[str]]]:
    """The three likeliest services, each with the words of the text that it shares."""
    return [(service, _shared(service, text)) for service in likeliest(known, group, text)[:3]]


def _shared(service: Service, text: str) -> list[str]:
    stems = {stemmed for _, stemmed in _stems(f"{service.name} {service.name_en or ''} {service.keywords or ''}")}
    found = {
        whole.casefold(): whole
        for whole in _WRITTEN.findall(text[:READ_CHARACTERS])
        if any(stem(word) in stems for _, words in chunks(whole) for word in words)
    }
    return list(found.values())[:3]


@lru_cache(maxsize=2048)
def _stems(names: str) -> frozenset[tuple[str, str]]:
    """Words of a service that say something, each with its stem."""
    words = {(word, stem(word)) for _, words in chunks(names) for word in words if len(word) > 2}
    return frozenset((word, stemmed) for word, stemmed in words if stemmed not in _SMALL)


def _letters(words: frozenset[tuple[str, str]], said: set[str]) -> int:
    return sum(len(word) for word, stemmed in words if stemmed in said)


def telling(names: Iterable[str]) -> frozenset[str]:
    """The stems of the words by which services of these names are asked for."""
    return frozenset(stemmed for name in names for _, stemmed in _stems(name))


def similar(session: Session, viewer: Viewer, comment: Comment, *, now: datetime) -> list[ServiceRequest]:
    """Open requests that may be about the same event: recent, of the group that the verdict names, in the same
    borough (or city-wide, as the comment is). A person decides; nothing is merged by itself. Requests of the same
    thread come first.
    """
    group = comment.verdict.group_311 if comment.verdict else None
    same_thread = (
        select(Requester.id)
        .join(Comment, Comment.id == Requester.comment_id)
        .where(
            Requester.request_id == ServiceRequest.id,
            Requester.detached_at.is_(None),
            Comment.source_post_id == comment.source_post_id,
        )
        .exists()
    )
    statement = (
        select(ServiceRequest)
        .join(Service, Service.code == ServiceRequest.service_code)
        .options(joinedload(ServiceRequest.service))
        .where(
            ServiceRequest.status.not_in(CLOSED_STATUSES),
            ServiceRequest.opened_at >= now - NEARBY,
            or_(
                ServiceRequest.borough_id.is_not_distinct_from(comment.borough_id),
                ServiceRequest.borough_id == places.borough_of(session, comment),
            ),
            Service.group == group if group else same_thread,
        )
        .order_by(same_thread.desc(), ServiceRequest.opened_at.desc())
        .limit(50)
    )
    found = session.scalars(visible(statement, viewer, Action.SEE_REQUESTS, ServiceRequest)).all()
    # Of those, what is at the place that the comment names, then in the same thread, before what is only of the kind.
    here = {comment.verdict.place_key, comment.verdict.cross_key} if comment.verdict else set()
    there = {one.id: bool(here & places.written(one.place)) for one in found}
    return sorted(found, key=lambda one: not there[one.id])[:5]


def named_place(verdict: VerdictRow | None) -> str:
    """The place that a text names, as the city writes it where it knows it; empty: it names none."""
    place = verdict.place if verdict else None
    if not place:
        return ""
    name = " / ".join(place["names"])
    return f"{place['number']}, {name}" if name and place["number"] else name or place["text"]


def open_or_join(
    session: Session,
    viewer: Viewer,
    comment: Comment,
    service_code: str | None,
    place: str,
    nature: RequestNature,
    number: str | None,
    *,
    now: datetime,
    prefix: str,
    zone: ZoneInfo,
) -> ServiceRequest:
    """Open a request for a comment, or add its author to the one with `number`.

    Refused: `service_needed`, `service_unknown`, `request_unknown`, `request_closed`.
    """
    if number:
        request = session.scalar(
            visible(_held().where(named(number.strip())), viewer, Action.SEE_REQUESTS, ServiceRequest)
        )
        if request is None:
            raise Refused("request_unknown", field="request_number")
        if request.status in CLOSED_STATUSES:
            raise Refused("request_closed", field="request_number", number=request.number)
    else:
        request = _open(session, viewer, comment, service_code, place, nature, now=now, prefix=prefix, zone=zone)
    _add_requester(session, request, comment, now=now)
    return request


def found_by(request: ServiceRequest, service: Service) -> str:
    """The words by which a request is found (`models.search`)."""
    return text_of(request.number, service.name, service.name_en, request.place, request.description)


def named(number: str) -> ColumnElement[bool]:
    """The request of a number, ours or the outside 311's."""
    return or_(ServiceRequest.number == number, ServiceRequest.outside_number == number)


def held(session: Session, request_id: int) -> ServiceRequest:
    """A request as it is now, and nobody else's to change until the transaction ends."""
    return session.scalars(_held().where(ServiceRequest.id == request_id)).one()


def hold(session: Session, which: ColumnElement[bool]) -> None:
    """Lock a request until the transaction ends; whoever needs it together with comments takes it first."""
    session.execute(_held().where(which))


def _held() -> Select[ServiceRequest]:
    # Its key stays free to be referred to: a reply that names a request does not wait for its agent.
    statement = select(ServiceRequest).with_for_update(key_share=True)
    return statement.execution_options(populate_existing=True)


def _open(
    session: Session,
    viewer: Viewer,
    comment: Comment,
    service_code: str | None,
    place: str,
    nature: RequestNature,
    *,
    now: datetime,
    prefix: str,
    zone: ZoneInfo,
) -> ServiceRequest:
    service = asked_for(session, service_code)
    if viewer.person_id is None:
        raise Refused("people_decide")
    said = (cleaned(place) or "").strip()[:300] or None
    # The borough that was read goes with the place that was read; of another one, Parvis does not know it.
    as_read = said is not None and said == named_place(comment.verdict)
    request = ServiceRequest(
        account_id=comment.account_id,
        borough_id=places.borough_of(session, comment) if as_read else comment.borough_id,
        place=said,
        nature=nature,
        description=comment.text,
        opened_by_id=viewer.person_id,
    )
    return register(session, request, service, now=now, prefix=prefix, zone=zone)


def asked_for(session: Session, service_code: str | None) -> Service:
    """The service of a code, if it can be asked for. Refused: `service_needed`, `service_unknown`."""
    if not service_code:
        raise Refused("service_needed", field="service_code")
    service = session.get(Service, service_code)
    if service is None or not service.active:
        raise Refused("service_unknown", field="service_code")
    return service


def register(
    session: Session, request: ServiceRequest, service: Service, *, now: datetime, prefix: str, zone: ZoneInfo
) -> ServiceRequest:
    """Open a request of which everything is said but its number and its times."""
    request.service_code, request.hand_over = service.code, True
    request.unit = units.responsible(session, service, request.borough_id)
    # What a program sends has its nature by default, which the row is only given when it is kept.
    nature = request.nature or RequestNature.REQUEST
    request.opened_at, request.due_at = now, standards.promised(session, service, nature, now, zone)
    request.number = _next_number(session, prefix, now=now)
    request.search_text = found_by(request, service)
    session.add(request)
    session.flush()
    first = RequestStatus.ACCEPTED
    by = StepBy.PROGRAM if request.opened_by_id is None else StepBy.PERSON
    session.add(
        RequestChange(request_id=request.id, status=first, person_id=request.opened_by_id, by=by, note=None, at=now)
    )
    return request


def _next_number(session: Session, prefix: str, *, now: datetime) -> str:
    """Numbers like LEV-2026-000123: one after the other, given in the transaction that opens the request, so that a
    rollback leaves no hole. The year is counted in UTC: a request opened on New Year's Eve at night has the new one.
    """
    # One statement: the first request of a year has no row that two could lock.
    statement = (
        upsert(session, RequestCounter)
        .values(year=now.year, last=1)
        .on_conflict_do_update(index_elements=[RequestCounter.year], set_={"last": RequestCounter.last + 1})
        .returning(RequestCounter.last)
    )
    return f"{prefix}-{now.year}-{session.execute(statement).scalar_one():06d}"


def _add_requester(session: Session, request: ServiceRequest, comment: Comment, *, now: datetime) -> None:
    known = session.scalar(
        select(Requester).where(Requester.request_id == request.id, Requester.comment_id == comment.id)
    )
    if known is None:
        session.add(Requester(request_id=request.id, comment_id=comment.id, added_at=now))
    else:
        known.detached_at = None


def leave(session: Session, viewer: Viewer, request_id: int, comment: Comment, *, now: datetime) -> None:
    """Undo: the comment asks for this request no more, and one that nobody asks for and nobody began is cancelled."""
    request = held(session, request_id)
    if request.joined_to_id is not None:
        # Its people are another's now: there the comment asks no more.
        request = held(session, request.joined_to_id)
        request_id = request.id
    requesters = session.scalars(
        select(Requester).where(Requester.request_id == request_id, Requester.detached_at.is_(None))
    ).all()
    for requester in requesters:
        if requester.comment_id == comment.id:
            requester.detached_at = now
    others = any(requester.comment_id != comment.id for requester in requesters)
    if not others and request.status == RequestStatus.ACCEPTED:
        handover.let_go(session, request_id)
        _change(session, request, RequestStatus.CANCELLED, None, person_id=_person(viewer), now=now)


def progress(
    session: Session, viewer: Viewer, number: str, status: RequestStatus, note: str, *, version: int, now: datetime
) -> ServiceRequest:
    """An agent moves a request on; closing it drafts the answer for every thread in which somebody asked.

    Refused: `request_changed` (somebody was faster), `status_not_next`, `note_needed` (closing is explained),
    `note_too_long`.
    """
    request = session.scalar(
        visible(
            _held().where(ServiceRequest.number == number),
            viewer,
            Action.WORK_REQUESTS,
            ServiceRequest,
        )
    )
    if request is None:
        raise NotFound
    if request.version != version:
        raise Refused("request_changed")
    if status not in NEXT[RequestStatus(request.status)]:
        raise Refused("status_not_next", field="status")
    note = (cleaned(note) or "").strip()
    if len(note) > LONGEST_NOTE:
        raise Refused("note_too_long", field="note", most=str(LONGEST_NOTE))
    if status in CLOSED_STATUSES and not note:
        raise Refused("note_needed", field="note")
    _change(session, request, status, note or None, person_id=_person(viewer), now=now)
    _tell(session, request, now=now)
    return request


def hear(session: Session, request: ServiceRequest, status: RequestStatus, note: str, *, now: datetime) -> None:
    """The outside 311 says where a request stands; the request is held. One that was opened by mistake stays so."""
    note = (cleaned(note) or "").strip()
    if request.status == RequestStatus.CANCELLED or (request.status == status and not note):
        return
    before = request.status
    _change(session, request, status, note or None, by=StepBy.DESK, now=now)
    if before != status:
        _tell(session, request, now=now)


def reopen(
    session: Session, request: ServiceRequest, *, by: StepBy, comment_id: int | None = None, now: datetime
) -> None:
    """A closed request is worked on again; it is held. Answers about its end that did not leave do not."""
    _change(session, request, RequestStatus.IN_PROGRESS, None, by=by, comment_id=comment_id, now=now)
    _tell(session, request, now=now)


def _tell(session: Session, request: ServiceRequest, *, now: datetime) -> None:
    """Whoever asked hears of what the request has become: a draft in each thread, or none any more."""
    for comment in session.scalars(
        select(Comment)
        .join(Requester, Requester.comment_id == Comment.id)
        .where(Requester.request_id == request.id, Requester.detached_at.is_(None))
        .order_by(Comment.id)
        .with_for_update(of=Comment)
    ).all():
        if request.status in ANSWERS:
            propose_reply(session, comment, request, now=now)
        else:
            _withdraw_reply(session, comment, request, now=now)


def refuse_in_public(session: Session, request: ServiceRequest | None, text: str) -> None:
    """Refused `number_confidential`: whose request it is, and that there is one, is not said in public."""
    if request is None:
        return
    said = [number for number in (request.number, request.outside_number) if number and number in text]
    if said and session.get_one(Service, request.service_code).confidential:
        raise Refused("number_confidential", field="text")


def sentence(note: str) -> str:
    """A note as the answer says it: the words that follow begin a sentence of their own. requests.js shows the same."""
    return f"{note}." if re.search(r"[\w)»]$", note) and "://" not in note.rsplit(maxsplit=1)[-1] else note


def propose_reply(session: Session, comment: Comment, request: ServiceRequest, *, now: datetime) -> None:
    """Put a comment back in the queue with the drafted answer about a closed request, where one can be given."""
    network = session.get_one(Account, comment.account_id).network
    if comment.removed or request.status not in ANSWERS or not capabilities(network).operations:
        return
    language = session.scalar(select(VerdictRow.language).where(VerdictRow.comment_id == comment.id))
    code = ANSWERS[RequestStatus(request.status)] if request.citizen_note else UNEXPLAINED
    if session.get_one(Service, request.service_code).confidential:
        # Neither the number nor what became of it: they are told elsewhere.
        code = UNSAID
    body = template(session, code, language or Language.FRENCH)
    text = render(body, {"numero": request.public_number, "note": sentence(request.citizen_note or "")})
    drafts.propose(session, comment, text, request_id=request.id, now=now)
    items.bring_back(items.of_comment(session, comment.id), comment, now)


def _withdraw_reply(session: Session, comment: Comment, request: ServiceRequest, *, now: datetime) -> None:
    """Reopened before the answer went out: the draft would say something that is not true any more. The item goes on
    waiting if it has another reason to: words that nobody decided about, something that failed, another draft.
    """
    item = items.of_comment(session, comment.id)
    if (
        not drafts.discard_about(session, request.id, comment.id, asking=False)
        or item is None
        or item.state != ItemState.WAITING
    ):
        return
    undoing = aliased(Decision)
    decided = select(Decision.id).where(
        Decision.comment_id == comment.id,
        Decision.comment_version == comment.version,
        Decision.kind != DecisionKind.CANCEL,
        ~exists().where(undoing.cancels_id == Decision.id),
    )
    if item.problem_id is None and session.scalar(decided.limit(1)) and not drafts.proposed(session, [comment.id]):
        items.finish(item, now=now)


def _person(viewer: Viewer) -> int:
    if viewer.person_id is None:
        raise Refused("people_decide")
    return viewer.person_id


def _change(
    session: Session,
    request: ServiceRequest,
    status: RequestStatus,
    note: str | None,
    *,
    person_id: int | None = None,
    by: StepBy = StepBy.PERSON,
    comment_id: int | None = None,
    now: datetime,
) -> None:
    request.status = status
    request.version += 1
    request.citizen_note = note or request.citizen_note
    request.closed_at = now if status in CLOSED_STATUSES else None
    session.add(
        RequestChange(
            request_id=request.id, status=status, note=note, person_id=person_id, by=by, comment_id=comment_id, at=now
        )
    )
    audit.note(
        session,
        f"request.{status}",
        f"request:{request.id}",
        now=now,
        person_id=person_id,
        by=by,
        note=audit.digest(session, note),
    )

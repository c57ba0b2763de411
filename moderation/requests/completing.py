"""What is missing of a request is asked of whoever wrote: by a link of their own in the network's one private reply,
where it has one; else in the thread, by the number and the official form.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session, joinedload

from connectors.base import Capabilities
from models import audit
from models.attributes import answered, asked
from models.comments import Author, Comment, VerdictRow
from models.completions import Completion
from models.conversations import Conversation
from models.effects import Effect, still_open
from models.errors import NotFound, Refusals, Refused
from models.requests311 import Requester, Service, ServiceRequest
from models.scope import Action, Viewer, visible
from models.secrets import fingerprint
from models.text import cleaned
from models.vocabulary import CLOSED_STATUSES, CommentKind, EffectState, Language, OperationKind
from moderation import conversations, drafts, items
from moderation.requests.escalation import found_by, held
from moderation.templates import first_name, render, template

OPEN = timedelta(days=14)
"""For how long a link is answered."""
LONGEST: Mapping[str, int] = {"place": 300, "words": 4000, "name": 200, "email": 254, "phone": 40}
"""Characters."""


@dataclass(frozen=True)
class Links:
    """Where citizens are sent: to Parvis, and to the city's official form, where it has one."""

    base_url: str = ""
    form_url: str | None = None


@dataclass(frozen=True)
class Given:
    """What a citizen typed; an empty text is one that was not."""

    place: str = ""
    words: str = ""
    name: str = ""
    email: str = ""
    phone: str = ""
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)


def ask(
    session: Session,
    viewer: Viewer,
    request: ServiceRequest,
    comment: Comment,
    able: Capabilities,
    links: Links,
    *,
    now: datetime,
) -> None:
    """Draft the words that ask whoever wrote for what is missing; a moderator reads and sends them.

    In private where the network lets the city write to somebody once for each comment and has not been asked to yet.
    Refused: `people_decide`, `request_closed`, `not_possible_there` (it takes no reply at all, or a confidential
    service would be named in public).
    """
    if viewer.person_id is None:
        raise Refused("people_decide")
    if request.status in CLOSED_STATUSES:
        raise Refused("request_closed", number=request.public_number)
    private = private_here(session, comment, able, now=now)
    service = session.get_one(Service, request.service_code)
    if comment.removed or (not private and (OperationKind.REPLY not in able.operations or service.confidential)):
        raise Refused("not_possible_there")
    language = session.scalar(select(VerdictRow.language).where(VerdictRow.comment_id == comment.id))
    language = language or Language.FRENCH
    withdraw(session, request.id, comment.id, now=now)
    code, link = "details_public", links.form_url
    if private:
        token = secrets.token_urlsafe(32)
        session.add(
            Completion(
                request_id=request.id,
                comment_id=comment.id,
                print=fingerprint(token),
                person_id=viewer.person_id,
                made_at=now,
                expires_at=now + OPEN,
            )
        )
        code, link = "details_private", f"{links.base_url}/completer/{token}"
    elif link is None:
        code = "details_phone"
    author = session.scalar(select(Author.name).where(Author.id == comment.author_id))
    body = template(session, code, language).replace(" {prenom}", f" {first_name(author)}".rstrip())
    text = render(body, {"numero": request.public_number, "service": service.called(language), "lien": link or ""})
    drafts.propose(session, comment, text, request_id=request.id, asks=True, private=private, now=now)
    items.bring_back(items.of_comment(session, comment.id), comment, now)
    audit.note(
        session, "request.asked", f"request:{request.id}", now=now, person_id=viewer.person_id,
        comment=comment.id, private=private,
    )  # fmt: skip


def ask_later(
    session: Session,
    viewer: Viewer,
    comment_id: int,
    capabilities_of: Callable[[str], Capabilities],
    links: Links,
    *,
    number: str | None = None,
    now: datetime,
) -> None:
    """Ask, once a request is open. An agent names it by its `number`; without one it is the last that a moderator's
    comment asked for.

    NotFound: it is not theirs. Refused: as `ask`, and `nobody_to_ask` where the comment asked for no such request.
    """
    of, action, table = (
        (Comment.id == comment_id, Action.DECIDE, Comment)
        if number is None
        else (ServiceRequest.number == number, Action.WORK_REQUESTS, ServiceRequest)
    )
    if session.scalar(visible(select(table.id).where(of), viewer, action, table)) is None:
        raise NotFound
    asks = and_(
        Requester.request_id == ServiceRequest.id,
        Requester.comment_id == comment_id,
        Requester.detached_at.is_(None),
    )
    theirs = select(ServiceRequest).join(Requester, asks).order_by(ServiceRequest.id.desc()).limit(1)
    if number is not None:
        theirs = theirs.where(ServiceRequest.number == number)
    request = session.scalar(theirs.with_for_update(of=ServiceRequest, key_share=True))
    if request is None:
        raise Refused("nobody_to_ask")
    comment = session.scalars(
        select(Comment).options(joinedload(Comment.account)).where(Comment.id == comment_id).with_for_update(of=Comment)
    ).one()
    ask(session, viewer, request, comment, capabilities_of(comment.account.network), links, now=now)


def private_here(session: Session, comment: Comment, able: Capabilities, *, now: datetime) -> bool:
    """Whether the city may write to somebody in private about a comment: once, and not long after it; in a private
    conversation, as long as it can be answered.
    """
    if comment.kind == CommentKind.MESSAGE:
        closed = conversations.window(session.get_one(Conversation, comment.id), able).closed(now)
        return OperationKind.MESSAGE in able.operations and not closed
    if OperationKind.PRIVATE_REPLY not in able.operations or comment.created_at <= now - timedelta(able.private_days):
        return False
    written = select(Effect.id).where(
        Effect.channel_id == comment.account_id,
        Effect.target == comment.external_id,
        Effect.operation == OperationKind.PRIVATE_REPLY,
        or_(still_open(Effect), Effect.state.in_((EffectState.DONE, EffectState.NEEDS_PERSON))),
    )
    return session.scalar(written.limit(1)) is None


def withdraw(session: Session, request_id: int, comment_id: int, *, now: datetime) -> None:
    """Links about it that nobody used lead nowhere any more."""
    mine = Completion.request_id == request_id, Completion.comment_id == comment_id, Completion.used_at.is_(None)
    session.execute(update(Completion).where(*mine, Completion.expires_at > now).values(expires_at=now))


def opened(session: Session, token: str, *, now: datetime) -> Completion:
    """The form of a link, its request and service loaded. NotFound: there is none; Refused: `link_used`,
    `link_expired`.
    """
    statement = (
        select(Completion)
        .options(joinedload(Completion.request).joinedload(ServiceRequest.service), joinedload(Completion.comment))
        .where(Completion.print == fingerprint(token))
    )
    found = session.scalar(statement)
    if found is None:
        raise NotFound
    if found.used_at is not None:
        raise Refused("link_used")
    if found.expires_at <= now or found.comment.disposed_at is not None:
        raise Refused("link_expired")
    return found


def complete(
    session: Session, token: str, given: Given, picture: bytes | None, *, now: datetime, zone: ZoneInfo
) -> None:
    """Keep what a citizen answered, once. What the request had no place or answer for, it has now; a person's words
    stay theirs. `picture` was drawn anew.

    Refused: as `opened`; all of `completion_empty`, `longer_than_kept`, `email_unreadable` and those of
    `models.attributes.answered` at once.
    """
    found = opened(session, token, now=now)
    request = held(session, found.request_id)
    session.refresh(found, ["used_at"], with_for_update=True)
    if found.used_at is not None:
        raise Refused("link_used")
    refusals, said, answers = Refusals(), dict[str, str](), {}
    for name, most in LONGEST.items():
        said[name] = (cleaned(getattr(given, name)) or "").replace("\r\n", "\n").strip()
        with refusals.collect():
            if len(said[name]) > most:
                raise Refused("longer_than_kept", field=name, most=str(most))
    with refusals.collect():
        if said["email"] and ("@" not in said["email"] or any(letter.isspace() for letter in said["email"])):
            raise Refused("email_unreadable", field="email")
    service = session.get_one(Service, request.service_code)
    with refusals.collect():
        answers = answered(asked(service.attributes), given.attributes, whole=False, zone=zone)
    if not (any(said.values()) or answers or picture):
        with refusals.collect():
            raise Refused("completion_empty", field="place")
    refusals.say()
    for name, words in said.items():
        setattr(found, name, words or None)
    found.attributes, found.picture, found.pictured, found.used_at = answers or None, picture, picture is not None, now
    request.place = request.place or found.place
    request.attributes = {**answers, **(request.attributes or {})} or None
    request.search_text = found_by(request, service)
    request.version += 1
    requester = session.scalar(
        select(Requester).where(Requester.comment_id == found.comment_id, Requester.request_id == request.id)
    )
    if requester is not None:
        requester.name, requester.email = found.name or requester.name, found.email or requester.email
        requester.phone = found.phone or requester.phone
    audit.note(session, "request.completed", f"request:{request.id}", now=now, person_id=None, completion=found.id)


def of_requests(session: Session, request_ids: Collection[int]) -> Sequence[Completion]:
    """What was asked by links about these requests, and what was answered; the newest first."""
    statement = select(Completion).where(Completion.request_id.in_(request_ids))
    return session.scalars(statement.order_by(Completion.id.desc())).all()


def of_comment(session: Session, comment_id: int, request_ids: Collection[int]) -> Sequence[Completion]:
    """The same, of one who wrote; no query where there is no request."""
    return [one for one in of_requests(session, request_ids) if one.comment_id == comment_id] if request_ids else ()


def picture(session: Session, viewer: Viewer, completion_id: int) -> bytes:
    """What somebody showed. NotFound: there is none, or its request is not the viewer's to see."""
    statement = (
        select(Completion.picture)
        .join(ServiceRequest, ServiceRequest.id == Completion.request_id)
        .where(Completion.id == completion_id)
    )
    found = session.scalar(visible(statement, viewer, Action.SEE_REQUESTS, ServiceRequest))
    if found is None:
        raise NotFound
    return found

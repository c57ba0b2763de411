"""What a moderator looks at: the list, one item with all that is around it, and whether anything changed."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, ScalarSelect, Select, exists, func, select, tuple_
from sqlalchemy.orm import Session, aliased, joinedload

from models.comments import Author, Claim, Comment, CommentVersion, Decision, RuleVersion, VerdictRow
from models.effects import Effect
from models.errors import NotFound, Refused
from models.learning import Correction
from models.people import Person
from models.requests311 import Requester, Service, ServiceRequest
from models.scope import Action, Viewer, visible
from models.text import cleaned
from models.vocabulary import CommentState, DecisionKind, EffectState
from moderation.intake.merging import texts
from moderation.requests.escalation import likeliest, services, similar
from moderation.triage.classification import corrections
from moderation.triage.deciding import asked_to_hide

MOST_COUNTED = 1000
"""Counts are computed, and stop here: the page then says 999+."""

HISTORY = timedelta(days=365)
"""How far back an author's earlier comments are shown."""


@dataclass(frozen=True)
class Filter:
    """What the list is narrowed to; every field is in the page's URL."""

    state: CommentState = CommentState.WAITING
    account_id: int | None = None
    source_post_id: int | None = None
    lane: int | None = None
    intention: str | None = None
    suggestion: str | None = None
    words: str = ""


@dataclass(frozen=True)
class Listed:
    """One line of the list; everything it shows was loaded with it."""

    comment: Comment
    claimed_by: str | None
    claimed_by_me: bool
    asked_by: str | None
    """Who asked to hide this text, while a second person is awaited."""
    answered_outside: bool
    """The city answered it in the network's own application."""


@dataclass(frozen=True)
class QueuePage:
    """Part of the list, in its order, and where the next part begins (None: nowhere)."""

    items: tuple[Listed, ...]
    after: str | None


@dataclass(frozen=True)
class Counts:
    """How many wait, and how many of them are immediate danger; each at most `MOST_COUNTED`."""

    waiting: int
    danger: int


@dataclass(frozen=True)
class Item:
    """One comment with all that a decision needs."""

    comment: Comment
    versions: Sequence[CommentVersion]
    """Each text that it had, once, in the order in which they were true."""
    thread: Sequence[Comment]
    """Other comments of the same conversation, oldest first."""
    history: Sequence[Comment]
    """The author's other comments of the last year, newest first."""
    decisions: Sequence[Decision]
    corrections: Sequence[Correction]
    """What people said of the labels of this text, oldest first."""
    effects: Sequence[Effect]
    claimed_by: str | None
    asked: Decision | None
    """Somebody's request to hide this text, that waits for a second person."""
    similar: Sequence[ServiceRequest]
    requests: Sequence[ServiceRequest]
    """311 requests that this comment asked for."""
    services: Sequence[Service]
    """Services that share a word with it, the likeliest first."""
    answered_outside: bool
    """The city answered it in the network's own application."""


def page(
    session: Session, viewer: Viewer, wanted: Filter, *, now: datetime, after: str | None = None, limit: int = 50
) -> QueuePage:
    """One page of the list: danger first, then oldest first (handled ones: newest first). One query, whatever its
    length. `after` is a place that an earlier page gave; a broken one is Refused `cursor_invalid`.
    """
    handled = wanted.state == CommentState.HANDLED
    keys = (Comment.lane, Comment.queued_at, Comment.id)
    statement = (
        _filtered(select(Comment, Claim, _asked_by(), _answered_outside()), viewer, wanted)
        .outerjoin(Claim, Claim.comment_id == Comment.id)
        .options(
            joinedload(Comment.account),
            joinedload(Comment.author),
            joinedload(Comment.source_post),
            joinedload(Comment.verdict),
            joinedload(Claim.person),
        )
        .limit(limit + 1)
    )
    if handled:
        statement = statement.order_by(Comment.id.desc())
        if after is not None:
            statement = statement.where(Comment.id < _place(after, handled=True)[0])
    else:
        statement = statement.order_by(*keys)
        if after is not None:
            statement = statement.where(tuple_(*keys) > _place(after, handled=False))
    rows = session.execute(statement).all()
    items = tuple(
        _listed(comment, claim, asked_by, viewer, outside=outside, now=now)
        for comment, claim, asked_by, outside in rows[:limit]
    )
    more = len(rows) > limit
    return QueuePage(items, _after(items[-1].comment, handled=handled) if more else None)


def counts(session: Session, viewer: Viewer) -> Counts:
    """How much waits, within the viewer's scope."""

    def count(wanted: Filter) -> int:
        inner = _filtered(select(Comment.id), viewer, wanted).limit(MOST_COUNTED).subquery()
        return session.scalar(select(func.count()).select_from(inner)) or 0

    return Counts(count(Filter()), count(Filter(lane=0)))


def done_since(session: Session, viewer: Viewer, since: datetime) -> dict[DecisionKind, int]:
    """How many decisions of each kind stand since then, within the viewer's scope; undone ones count for nothing."""
    undone = select(Decision.cancels_id).where(Decision.cancels_id.is_not(None))
    statement: Select = (  # type: ignore[type-arg]  # Two columns: the types know them, `visible` does not.
        select(Decision.kind, func.count())
        .join(Comment, Comment.id == Decision.comment_id)
        .where(Decision.at >= since, Decision.kind != DecisionKind.CANCEL, Decision.id.not_in(undone))
        .group_by(Decision.kind)
    )
    rows = session.execute(visible(statement, viewer, Action.SEE_COMMENTS, Comment))
    return {DecisionKind(kind): count for kind, count in rows}


def item(session: Session, viewer: Viewer, comment_id: int, *, now: datetime) -> Item:
    """One comment and what is around it; NotFound when it is not there or not the viewer's."""
    statement = (
        select(Comment)
        .options(
            joinedload(Comment.account),
            joinedload(Comment.author),
            joinedload(Comment.source_post),
            joinedload(Comment.verdict),
        )
        .where(Comment.id == comment_id)
    )
    comment = session.scalar(visible(statement, viewer, Action.SEE_COMMENTS, Comment))
    if comment is None:
        raise NotFound
    claim = session.scalar(
        select(Claim)
        .options(joinedload(Claim.person))
        .where(Claim.comment_id == comment_id, Claim.until > now, Claim.person_id != viewer.person_id)
    )
    return Item(
        comment=comment,
        versions=texts(
            session.scalars(select(CommentVersion).where(CommentVersion.comment_id == comment_id)).all(),
        ),
        thread=_thread(session, viewer, comment),
        history=_history(session, viewer, comment, now=now),
        decisions=session.scalars(
            select(Decision)
            .options(
                joinedload(Decision.person),
                joinedload(Decision.rule_version).joinedload(RuleVersion.rule),
                joinedload(Decision.request),
            )
            .where(Decision.comment_id == comment_id)
            .order_by(Decision.id)
        ).all(),
        corrections=corrections(session, [comment_id]),
        effects=session.scalars(
            select(Effect)
            .where(Effect.account_id == comment.account_id, Effect.target == comment.external_id)
            .order_by(Effect.id)
        ).all(),
        claimed_by=claim.person.name if claim else None,
        asked=asked_to_hide(session, comment),
        similar=similar(session, viewer, comment, now=now),
        requests=session.scalars(
            visible(
                select(ServiceRequest)
                .join(Requester, Requester.request_id == ServiceRequest.id)
                .options(joinedload(ServiceRequest.service))
                .where(Requester.comment_id == comment_id, Requester.detached_at.is_(None))
                .order_by(ServiceRequest.id),
                viewer,
                Action.SEE_REQUESTS,
                ServiceRequest,
            )
        ).all(),
        services=likeliest(
            services(session), comment.verdict.group_311 if comment.verdict else None, comment.text or ""
        ),
        answered_outside=bool(session.scalar(select(_answered_outside()).where(Comment.id == comment_id))),
    )


# -------------------------------------------------------------------------------------------------------------------


def _filtered(statement: Select, viewer: Viewer, wanted: Filter) -> Select:  # type: ignore[type-arg]
    statement = visible(statement, viewer, Action.SEE_COMMENTS, Comment).where(
        Comment.state == wanted.state, Comment.by_city.is_(False)
    )
    if wanted.account_id is not None:
        statement = statement.where(Comment.account_id == wanted.account_id)
    if wanted.source_post_id is not None:
        statement = statement.where(Comment.source_post_id == wanted.source_post_id)
    if wanted.lane is not None:
        statement = statement.where(Comment.lane == wanted.lane)
    if wanted.intention:
        statement = statement.where(Comment.verdict.has(VerdictRow.intention == wanted.intention))
    if wanted.suggestion:
        statement = statement.where(Comment.verdict.has(VerdictRow.suggestion == wanted.suggestion))
    for word in (cleaned(wanted.words) or "").split():
        # Thin on purpose: the French search (folded, stemmed, indexed) replaces it in the issue that brings it.
        pattern = "%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        named = Comment.author.has(Author.name.ilike(pattern, escape="\\"))
        statement = statement.where(Comment.text.ilike(pattern, escape="\\") | named)
    return statement


def _asked_by() -> ScalarSelect[str | None]:
    """The name of whoever asked to hide the text as it is now; the same rule as `triage.asked_to_hide`, for a list."""
    answer = aliased(Decision)
    return (
        select(Person.name)
        .join(Decision, Decision.person_id == Person.id)
        .where(
            Decision.comment_id == Comment.id,
            Decision.comment_version == Comment.version,
            Decision.kind == DecisionKind.ASK_HIDE,
            ~select(answer.id).where(answer.cancels_id == Decision.id).exists(),
        )
        .order_by(Decision.id.desc())
        .limit(1)
        .correlate(Comment)
        .scalar_subquery()
    )


def _answered_outside() -> ColumnElement[bool]:
    """Whether the account answered a comment, by no effect of ours. While the outcome of a reply of ours is not known,
    its answer may be that one, and nothing is said.
    """
    answer, ours, leaving = aliased(Comment), aliased(Effect), aliased(Effect)
    return exists(
        select(answer.id).where(
            answer.account_id == Comment.account_id,
            answer.parent_external_id == Comment.external_id,
            answer.by_city,
            ~answer.removed,
            ~exists().where(ours.account_id == answer.account_id, ours.remote_id == answer.external_id),
            ~exists().where(
                leaving.account_id == Comment.account_id,
                leaving.target == Comment.external_id,
                leaving.state.in_([EffectState.CLAIMED, EffectState.SENDING, EffectState.UNKNOWN]),
            ),
        )
    ).correlate(Comment)


def _listed(
    comment: Comment, claim: Claim | None, asked_by: str | None, viewer: Viewer, *, outside: bool, now: datetime
) -> Listed:
    live = claim is not None and claim.until > now
    mine = claim is not None and live and claim.person_id == viewer.person_id
    claimed_by = claim.person.name if claim is not None and live and not mine else None
    return Listed(comment, claimed_by, mine, asked_by, outside)


def _thread(session: Session, viewer: Viewer, comment: Comment) -> Sequence[Comment]:
    if comment.source_post_id is None:
        return []
    root = comment.parent_external_id or comment.external_id
    same = (Comment.external_id == root) | (Comment.parent_external_id == root)
    statement = (
        select(Comment)
        .options(joinedload(Comment.author))
        .where(
            Comment.account_id == comment.account_id,
            Comment.source_post_id == comment.source_post_id,
            same,
            Comment.id != comment.id,
        )
        .order_by(Comment.created_at, Comment.id)
        .limit(50)
    )
    return session.scalars(visible(statement, viewer, Action.SEE_COMMENTS, Comment)).all()


def _history(session: Session, viewer: Viewer, comment: Comment, *, now: datetime) -> Sequence[Comment]:
    if comment.author_id is None:
        return []
    statement = (
        select(Comment)
        .where(Comment.author_id == comment.author_id, Comment.id != comment.id, Comment.created_at >= now - HISTORY)
        .order_by(Comment.created_at.desc())
        .limit(10)
    )
    return session.scalars(visible(statement, viewer, Action.SEE_COMMENTS, Comment)).all()


def _after(comment: Comment, *, handled: bool) -> str:
    place = (
        (comment.id,) if handled else (comment.lane, (comment.queued_at or comment.received_at).isoformat(), comment.id)
    )
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _place(after: str, *, handled: bool) -> tuple[int | datetime, ...]:
    """The place that `_after` wrote; what a person or a program made up is refused, never guessed."""
    try:
        place = json.loads(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)))
        if handled:
            (comment_id,) = place
            return (_id(comment_id),)
        lane, queued_at, comment_id = place
        return _id(lane), datetime.fromisoformat(queued_at).astimezone(UTC), _id(comment_id)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Refused("cursor_invalid", field="after") from error


def _id(value: object) -> int:
    """A number that the database can compare with its ids; a larger one would be its error, not a refusal."""
    if not isinstance(value, int) or not 0 <= value < 2**63:
        raise ValueError(value)
    return value

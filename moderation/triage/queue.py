"""What a moderator looks at: the list, one comment with all that is around it, and whether anything changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    ScalarSelect,
    Select,
    and_,
    bindparam,
    exists,
    false,
    func,
    or_,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.orm import Session, aliased, joinedload, load_only, selectinload

from models.accounts import Account
from models.base import Id, UtcDateTime
from models.comments import Attachment, Author, Comment, CommentVersion, VerdictRow
from models.decisions import Decision, Proposal
from models.effects import Effect
from models.errors import NotFound
from models.items import Claim, DraftReply, Item, in_state
from models.keyset import Keyset
from models.learning import Correction
from models.netiquette import RuleVersion
from models.people import Person
from models.requests311 import Requester, Service, ServiceRequest
from models.scope import Action, Viewer, visible
from models.search import FEW, few, said
from models.vocabulary import AttachmentKind, CommentKind, DecisionKind, DraftState, EffectState, ItemState
from moderation import drafts
from moderation.intake.merging import texts
from moderation.requests.escalation import likeliest, services, similar
from moderation.triage import proposals
from moderation.triage.classification import corrections
from moderation.triage.suggestion import proposed

URGENCIES = (2, 1, 0)
"""Immediate danger, the same day, everything else: the order of the queue."""
DANGER = URGENCIES[0]

MOST_URGENT = Keyset(Item.urgency, Item.queued_at, Item.id)
"""The place of an item that waits; `_first` says in which order."""
NEWEST = Keyset(Item.handled_at, Item.id, descending=True)
"""Of handled items: the last handled first."""

MOST_COUNTED = 1000
"""Counts are computed, and stop here: the page then says 999+."""

HISTORY = timedelta(days=365)
"""How far back an author's earlier comments are shown."""


@dataclass(frozen=True)
class Filter:
    """What the list is narrowed to; every field is in the page's URL."""

    state: ItemState = ItemState.WAITING
    account_id: int | None = None
    source_post_id: int | None = None
    urgency: int | None = None
    intention: str | None = None
    suggestion: str | None = None
    """What is proposed for it (`suggestion.proposed`)."""
    decision: str | None = None
    """What was decided about it, and stands."""
    words: str = ""


@dataclass(frozen=True)
class Listed:
    """One line of the list; everything it shows was loaded with it."""

    item: Item
    comment: Comment
    claimed_by: str | None
    claimed_by_me: bool
    drafted: bool
    """Whether a reply is drafted for it."""
    proposal: Proposal | None
    """The newest one about this text, with who asked and who answered."""
    answered_outside: bool
    """The city answered it in the network's own application."""
    shows: AttachmentKind | None
    """What stands in it beside its words, the first of them."""
    decision: Decision | None
    """Of a handled one: the last decision that stands, with who decided."""

    @property
    def suggestion(self) -> DecisionKind | None:
        """What is proposed to whoever opens it."""
        return proposed(self.comment.verdict, drafted=self.drafted)


@dataclass(frozen=True)
class QueuePage:
    """Part of the list, in its order, and where the next part begins (None: nowhere)."""

    lines: tuple[Listed, ...]
    after: str | None


@dataclass(frozen=True)
class Counts:
    """How many wait, and how many of them are immediate danger; each at most `MOST_COUNTED`."""

    waiting: int
    danger: int


@dataclass(frozen=True)
class Detail:
    """One comment with all that a decision needs."""

    comment: Comment
    item: Item | None
    """None: it never waited for anybody."""
    drafts: Sequence[DraftReply]
    """Replies that are proposed, the oldest first."""
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
    proposal: Proposal | None
    """As of a line of the list."""
    proposals: Sequence[Proposal]
    """All that was proposed about it, oldest first."""
    similar: Sequence[ServiceRequest]
    requests: Sequence[ServiceRequest]
    """311 requests that this comment asked for."""
    services: Sequence[Service]
    """Services that share a word with it, the likeliest first."""
    answered_outside: bool
    """The city answered it in the network's own application."""

    @property
    def suggestion(self) -> DecisionKind | None:
        """As of a line of the list."""
        return proposed(self.comment.verdict, drafted=bool(self.drafts))


def page(
    session: Session,
    viewer: Viewer,
    wanted: Filter,
    *,
    now: datetime,
    after: str | None = None,
    limit: int = 50,
    whole: bool = True,
) -> QueuePage:
    """One page of the list: danger first, then oldest first (handled ones: the last handled first). Three queries,
    four for handled ones, and one more for words, whatever its length. `after` is a place that an earlier page gave; a
    broken one is Refused `cursor_invalid`. Without `whole`, only what the page of the queue shows is loaded.
    """
    order = NEWEST if wanted.state == ItemState.HANDLED else MOST_URGENT
    walk, given = _walk(session, viewer, wanted, order.place(after))
    found, following = order.cut(session.execute(walk, {**given, "limit": limit + 1}).all(), limit)
    ids = [one.id for one in found]
    rows = {row[0].id: row for row in session.execute(_lines(whole), {"ids": ids})}
    comment_ids = [row[1].id for row in rows.values()]
    outside = _answered_outside(session, comment_ids)
    decided = _standing(session, comment_ids) if wanted.state == ItemState.HANDLED else {}
    lines = [
        _listed(*rows[item_id], decided=decided, outside=outside, viewer=viewer, now=now)
        for item_id in ids
        if item_id in rows
    ]
    return QueuePage(tuple(lines), following)


def counts(session: Session, viewer: Viewer) -> Counts:
    """How much waits, within the viewer's scope."""
    return Counts(_count(session, viewer, Filter()), _count(session, viewer, Filter(urgency=DANGER)))


def found(session: Session, viewer: Viewer, wanted: Filter) -> tuple[int, int]:
    """How many a filter finds among those that wait, and among handled ones; each at most `MOST_COUNTED`."""
    return (
        _count(session, viewer, replace(wanted, state=ItemState.WAITING)),
        _count(session, viewer, replace(wanted, state=ItemState.HANDLED)),
    )


def _count(session: Session, viewer: Viewer, wanted: Filter) -> int:
    statement = _counting(_sight(viewer), wanted, _few(session, wanted), MOST_COUNTED)
    return session.scalar(statement) or 0


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


def detail(session: Session, viewer: Viewer, comment_id: int, *, now: datetime) -> Detail:
    """One comment and what is around it; NotFound when it is not there or not the viewer's."""
    statement: Select = (  # type: ignore[type-arg]  # Three entities.
        select(Comment, Item, Claim)
        .outerjoin(Item, Item.comment_id == Comment.id)
        .outerjoin(Claim, Claim.item_id == Item.id)
        .options(
            joinedload(Comment.account),
            joinedload(Comment.author),
            joinedload(Comment.source_post),
            joinedload(Comment.verdict),
            selectinload(Comment.attachments),
            joinedload(Item.problem),
            joinedload(Claim.person),
        )
        .where(Comment.id == comment_id)
    )
    row = session.execute(visible(statement, viewer, Action.SEE_COMMENTS, Comment)).one_or_none()
    if row is None:
        raise NotFound
    comment, item, claim = row
    asked = proposals.about(session, comment_id)
    return Detail(
        comment=comment,
        item=item,
        drafts=drafts.proposed(session, [comment_id]),
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
                joinedload(Decision.proposal).joinedload(Proposal.person),
            )
            .where(Decision.comment_id == comment_id)
            .order_by(Decision.id)
        ).all(),
        corrections=corrections(session, [comment_id]),
        effects=session.scalars(
            select(Effect)
            .where(Effect.channel_id == comment.account_id, Effect.target == comment.external_id)
            .order_by(Effect.id)
        ).all(),
        claimed_by=_claimed(claim, viewer, now=now)[0],
        proposal=next((one for one in reversed(asked) if one.comment_version == comment.version), None),
        proposals=asked,
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
        answered_outside=comment_id in _answered_outside(session, [comment_id]),
    )


def picture(session: Session, viewer: Viewer, comment_id: int, attachment_id: int) -> bytes:
    """Our picture of what a comment shows, a JPEG; NotFound when there is none or it is not the viewer's."""
    statement = (
        select(Attachment.picture)
        .join(Comment, Comment.id == Attachment.comment_id)
        .where(Comment.id == comment_id, Attachment.id == attachment_id, Attachment.picture.is_not(None))
    )
    content = session.scalar(visible(statement, viewer, Action.SEE_COMMENTS, Comment))
    if content is None:
        raise NotFound
    return content


# -------------------------------------------------------------------------------------------------------------------


# Which items, in which order: statements that are made once for all who see the same, because to make one takes longer
# than to have it executed.
def _walk(
    session: Session, viewer: Viewer, wanted: Filter, place: tuple[Any, ...] | None
) -> tuple[Select, dict[str, Any]]:  # type: ignore[type-arg]
    """Places of the first items behind a place, and what the statement is given with its `limit`."""
    scope, few_have = _sight(viewer), _few(session, wanted)
    if wanted.state == ItemState.HANDLED:
        given = {} if place is None else {"at": place[0], "id": place[1]}
        return _newest(scope, wanted, few_have, placed=place is not None), given
    given = {} if place is None else {"at": place[1], "id": place[2]}
    return _first(scope, wanted, few_have, None if place is None else place[0]), given


def _sight(viewer: Viewer) -> Viewer:
    """Whoever sees the same."""
    return replace(viewer, person_id=None, name="")


def _few(session: Session, wanted: Filter) -> Select[int] | None:
    """The comments that have the words looked for, where they are few."""
    return few(session, wanted.words) if wanted.words.strip() else None


@lru_cache(maxsize=128)
def _first(viewer: Viewer, wanted: Filter, few_have: Select[int] | None, level: int | None) -> Select:  # type: ignore[type-arg]
    """Those that wait, behind a place of an urgency (None: from the beginning). No index is walked down one column and
    up the next, so each urgency gives its own first ones, by one walk of the index each.
    """
    walks = []
    for urgency in URGENCIES:
        if (level is not None and urgency > level) or wanted.urgency not in (None, urgency):
            continue
        item = _narrowed(few_have)
        walk = select(item.id, item.urgency, item.queued_at).where(item.urgency == urgency)
        if urgency == level:
            walk = walk.where(tuple_(item.queued_at, item.id) > tuple_(_AT, _ID))
        walk = _filtered(walk, viewer, wanted, item, few_have).order_by(item.queued_at, item.id).limit(_LIMIT)
        walks.append(select(walk.subquery()))
    if not walks:
        return select(Item.id, Item.urgency, Item.queued_at).where(false())
    together = union_all(*walks).subquery()
    place = together.c
    return select(together).order_by(place.urgency.desc(), place.queued_at, place.id).limit(_LIMIT)


@lru_cache(maxsize=128)
def _newest(viewer: Viewer, wanted: Filter, few_have: Select[int] | None, *, placed: bool) -> Select:  # type: ignore[type-arg]
    """Handled ones."""
    item = _narrowed(few_have)
    walk = _filtered(select(item.id, item.handled_at), viewer, wanted, item, few_have)
    if placed:
        walk = walk.where(tuple_(item.handled_at, item.id) < tuple_(_AT, _ID))
    return walk.order_by(item.handled_at.desc(), item.id.desc()).limit(_LIMIT)


@lru_cache(maxsize=128)
def _counting(viewer: Viewer, wanted: Filter, few_have: Select[int] | None, most: int) -> Select[int]:
    item = _narrowed(few_have)
    inner = _filtered(select(item.id), viewer, wanted, item, few_have).limit(most).subquery()
    return select(func.count()).select_from(inner)


_LIMIT = bindparam("limit", type_=Integer())
_AT, _ID = bindparam("at", type_=UtcDateTime()), bindparam("id", type_=Id)


def _narrowed(few_have: Select[int] | None) -> Any:
    """Items, or those few of them; the limit keeps databases from walking all the others in their order instead."""
    if few_have is None:
        return Item
    return aliased(Item, select(Item).where(Item.comment_id.in_(few_have)).limit(FEW + 1).subquery())


def _filtered(statement: Select, viewer: Viewer, wanted: Filter, item: Any, few_have: Select[int] | None) -> Select:  # type: ignore[type-arg]
    statement = visible(statement, viewer, Action.SEE_COMMENTS, item).where(in_state(item, wanted.state))
    if wanted.account_id is not None:
        statement = statement.where(item.account_id == wanted.account_id)
    if wanted.urgency is not None:
        statement = statement.where(item.urgency == wanted.urgency)
    if wanted.intention:
        statement = statement.where(item.intention == wanted.intention)
    if wanted.suggestion:
        statement = statement.where(item.suggestion == wanted.suggestion)
    many_have = bool(wanted.words.strip()) and few_have is None
    # What the city itself wrote waits for nobody, but is handled.
    if wanted.state != ItemState.WAITING or wanted.source_post_id is not None or wanted.decision or many_have:
        statement = statement.join(Comment, Comment.id == item.comment_id).where(Comment.by_city.is_(False))
    if wanted.source_post_id is not None:
        statement = statement.where(Comment.source_post_id == wanted.source_post_id)
    if wanted.decision:
        statement = statement.where(exists(_stands(Decision.kind == wanted.decision).correlate(Comment)))
    return statement.where(said(wanted.words)) if many_have else statement


@cache
def _lines(whole: bool) -> Select:  # type: ignore[type-arg]  # noqa: FBT001 - a key
    """Lines of the list by the ids of their items, with all that a line shows."""

    def only(*columns: Any) -> list[Any]:
        return [] if whole else [load_only(*columns, raiseload=True)]

    of_comment = only(
        Comment.version, Comment.text, Comment.kind, Comment.rating, Comment.created_at, Comment.hidden,
        Comment.hidden_here_at, Comment.hidden_there_at, Comment.shown_at, Comment.removed_at, Comment.present_at,
    )  # fmt: skip
    shown = [
        *only(Item.version, Item.urgency, Item.handled_at),
        *of_comment,
        joinedload(Comment.account).options(*only(Account.network, Account.name)),
        joinedload(Comment.author).options(*only(Author.name)),
        joinedload(Comment.verdict).options(
            *only(VerdictRow.intention, VerdictRow.suggestion, VerdictRow.suggested_breach)
        ),
        joinedload(Item.problem),
        joinedload(Claim.person).options(*only(Person.name)),
        joinedload(Proposal.person).options(*only(Person.name)),
        joinedload(Proposal.answered_by).options(*only(Person.name)),
    ]
    if whole:
        shown += [
            joinedload(Comment.source_post),
            joinedload(Proposal.rule_version).joinedload(RuleVersion.rule),
        ]
    return (
        select(Item, Comment, Claim, Proposal, _drafted(), _shows())
        .join(Comment, Comment.id == Item.comment_id)
        .outerjoin(Claim, Claim.item_id == Item.id)
        .outerjoin(Proposal, Proposal.id == _newest_proposal())
        .where(Item.id.in_(bindparam("ids", expanding=True)))
        .options(*shown)
    )


def _drafted() -> ColumnElement[bool]:
    drafted = DraftReply.comment_id == Comment.id, DraftReply.state == DraftState.PROPOSED
    return exists(select(DraftReply.id).where(*drafted)).correlate(Comment)


def _stands(*more: ColumnElement[bool]) -> Select[int]:
    """The decisions about a comment that nobody took back."""
    undoing = aliased(Decision)
    taken_back = exists().where(undoing.cancels_id == Decision.id)
    about = Decision.comment_id == Comment.id, Decision.kind != DecisionKind.CANCEL, ~taken_back
    return select(Decision.id).where(*about, *more)


def _standing(session: Session, comment_ids: Sequence[int]) -> dict[int | None, Decision]:
    """The last decision about each comment that stands, with who decided."""
    newest = _stands().order_by(Decision.id.desc()).limit(1).correlate(Comment).scalar_subquery()
    statement = (
        select(Decision)
        .join(Comment, Decision.id == newest)
        .options(joinedload(Decision.person), joinedload(Decision.rule_version).joinedload(RuleVersion.rule))
        .where(Comment.id.in_(comment_ids))
    )
    return {one.comment_id: one for one in session.scalars(statement)}


def _newest_proposal() -> ScalarSelect[int]:
    about = Proposal.comment_id == Comment.id, Proposal.comment_version == Comment.version
    return select(func.max(Proposal.id)).where(*about).correlate(Comment).scalar_subquery()


def _answered_outside(session: Session, comment_ids: Collection[int]) -> frozenset[int]:
    """Those of the comments that the account answered, by no effect of ours. While the outcome of a reply of ours to
    one is not known, its answer may be that one, and nothing is said of it.
    """
    return frozenset(session.scalars(_outside(), {"ids": list(comment_ids)}))


@cache
def _outside() -> Select[int]:
    answer, ours, leaving = aliased(Comment), aliased(Effect), aliased(Effect)
    ours_of_answer = select(ours.id).where(ours.channel_id == answer.account_id, ours.remote_id == answer.external_id)
    leaving_to_it = select(leaving.id).where(
        leaving.channel_id == Comment.account_id,
        leaving.target == Comment.external_id,
        leaving.state.in_([EffectState.CLAIMED, EffectState.SENDING, EffectState.UNKNOWN]),
    )
    told = and_(answer.account_id == Comment.account_id, answer.parent_external_id == Comment.external_id)
    return (
        select(Comment.id)
        .join(answer, told)
        .where(
            Comment.id.in_(bindparam("ids", expanding=True)),
            answer.by_city,
            ~answer.removed,
            ~exists(ours_of_answer.correlate(answer)),
            ~exists(leaving_to_it.correlate(Comment)),
        )
    )


def _shows() -> ScalarSelect[AttachmentKind]:
    """What a comment shows, as `Listed` says it."""
    first = select(Attachment.kind).where(Attachment.comment_id == Comment.id, Attachment.gone_at.is_(None))
    return first.order_by(Attachment.position).limit(1).correlate(Comment).scalar_subquery()


def _listed(
    item: Item,
    comment: Comment,
    claim: Claim | None,
    proposal: Proposal | None,
    drafted: bool,  # noqa: FBT001
    shows: AttachmentKind | None,
    *,
    decided: Mapping[int | None, Decision],
    outside: Collection[int],
    viewer: Viewer,
    now: datetime,
) -> Listed:
    claimed_by, mine = _claimed(claim, viewer, now=now)
    return Listed(
        item, comment, claimed_by, mine, drafted, proposal, comment.id in outside, shows, decided.get(comment.id)
    )


def _claimed(claim: Claim | None, viewer: Viewer, *, now: datetime) -> tuple[str | None, bool]:
    """Who else has an item open, and whether the viewer has."""
    if claim is None or claim.until <= now:
        return None, False
    mine = claim.person_id == viewer.person_id
    return None if mine else claim.person.name, mine


def _thread(session: Session, viewer: Viewer, comment: Comment) -> Sequence[Comment]:
    if comment.source_post_id is None and comment.kind != CommentKind.REVIEW:
        return []
    root = comment.parent_external_id or comment.external_id
    same = (Comment.external_id == root) | (Comment.parent_external_id == root)
    # A review stands under no post, and what answers it under the review.
    near = or_(Comment.source_post_id == comment.source_post_id, Comment.kind == CommentKind.REVIEW)
    statement = (
        select(Comment)
        .options(joinedload(Comment.author))
        .where(
            Comment.account_id == comment.account_id,
            true() if comment.kind == CommentKind.REVIEW else near,
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

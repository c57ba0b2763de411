"""What a moderator looks at: the list, one comment with all that is around it, and whether anything changed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    ScalarSelect,
    Select,
    and_,
    exists,
    func,
    or_,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

from models.comments import Attachment, Comment, CommentVersion, VerdictRow
from models.decisions import Decision, Proposal
from models.effects import Effect
from models.errors import NotFound
from models.items import Claim, DraftReply, Item
from models.keyset import Keyset
from models.learning import Correction
from models.netiquette import RuleVersion
from models.requests311 import Requester, Service, ServiceRequest
from models.scope import Action, Viewer, visible
from models.search import found_by
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
    session: Session, viewer: Viewer, wanted: Filter, *, now: datetime, after: str | None = None, limit: int = 50
) -> QueuePage:
    """One page of the list: danger first, then oldest first (handled ones: the last handled first). Two queries, three
    for handled ones, whatever its length. `after` is a place that an earlier page gave; a broken one is Refused
    `cursor_invalid`.
    """
    statement = (
        select(Item, Comment, Claim, Proposal, _drafted(), _shows())
        .join(Comment, Comment.id == Item.comment_id)
        .outerjoin(Claim, Claim.item_id == Item.id)
        .outerjoin(Proposal, Proposal.id == _newest_proposal())
        .options(
            joinedload(Comment.account),
            joinedload(Comment.author),
            joinedload(Comment.source_post),
            joinedload(Comment.verdict),
            joinedload(Item.problem),
            joinedload(Claim.person),
            joinedload(Proposal.person),
            joinedload(Proposal.answered_by),
            joinedload(Proposal.rule_version).joinedload(RuleVersion.rule),
        )
    )
    if wanted.state == ItemState.HANDLED:
        order, statement = NEWEST, NEWEST.part(_filtered(statement, viewer, wanted), after, limit)
    else:
        order, first = MOST_URGENT, _first(viewer, wanted, MOST_URGENT.place(after), limit + 1)
        statement = statement.where(Item.id.in_(first)).order_by(Item.urgency.desc(), Item.queued_at, Item.id)
        statement = statement.limit(limit + 1)
    rows, following = order.cut(session.execute(statement).all(), limit, of=lambda row: row[0])
    ids = [row[1].id for row in rows]
    outside = _answered_outside(session, ids)
    decided = _standing(session, ids) if wanted.state == ItemState.HANDLED else {}
    lines = (_listed(*row, decided.get(row[1].id), outside=outside, viewer=viewer, now=now) for row in rows)
    return QueuePage(tuple(lines), following)


def _first(viewer: Viewer, wanted: Filter, place: tuple[Any, ...] | None, limit: int) -> CompoundSelect[tuple[int]]:
    """Ids of what comes first behind a place. No index is walked down one column and up the next, so each urgency gives
    its own first ones, by one walk of the index each.
    """
    walks = []
    for level in URGENCIES:
        if place is not None and level > place[0]:
            continue
        walk = select(Item.id).join(Comment, Comment.id == Item.comment_id).where(Item.urgency == level)
        walk = _filtered(walk, viewer, wanted).order_by(Item.queued_at, Item.id).limit(limit)
        if place is not None and level == place[0]:
            walk = walk.where(tuple_(Item.queued_at, Item.id) > place[1:])
        walks.append(select(walk.subquery().c.id))
    return union_all(*walks)


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
    ids = select(Item.id).join(Comment, Comment.id == Item.comment_id)
    inner = _filtered(ids, viewer, wanted).limit(MOST_COUNTED).subquery()
    return session.scalar(select(func.count()).select_from(inner)) or 0


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


def _filtered(statement: Select, viewer: Viewer, wanted: Filter) -> Select:  # type: ignore[type-arg]
    statement = visible(statement, viewer, Action.SEE_COMMENTS, Item).where(
        Item.state == wanted.state, Comment.by_city.is_(False)
    )
    if wanted.account_id is not None:
        statement = statement.where(Item.account_id == wanted.account_id)
    if wanted.source_post_id is not None:
        statement = statement.where(Comment.source_post_id == wanted.source_post_id)
    if wanted.urgency is not None:
        statement = statement.where(Item.urgency == wanted.urgency)
    if wanted.intention:
        statement = statement.where(Comment.verdict.has(VerdictRow.intention == wanted.intention))
    if wanted.suggestion:
        suggested = Comment.verdict.has(VerdictRow.suggestion == wanted.suggestion)
        replies = wanted.suggestion == DecisionKind.REPLY
        statement = statement.where(or_(suggested, _drafted()) if replies else and_(suggested, ~_drafted()))
    if wanted.decision:
        statement = statement.where(exists(_stands(Decision.kind == wanted.decision).correlate(Comment)))
    if wanted.words.strip():
        statement = statement.where(found_by(wanted.words))
    return statement


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
    answer, ours, leaving = aliased(Comment), aliased(Effect), aliased(Effect)
    ours_of_answer = select(ours.id).where(ours.channel_id == answer.account_id, ours.remote_id == answer.external_id)
    leaving_to_it = select(leaving.id).where(
        leaving.channel_id == Comment.account_id,
        leaving.target == Comment.external_id,
        leaving.state.in_([EffectState.CLAIMED, EffectState.SENDING, EffectState.UNKNOWN]),
    )
    told = and_(answer.account_id == Comment.account_id, answer.parent_external_id == Comment.external_id)
    statement = (
        select(Comment.id)
        .join(answer, told)
        .where(
            Comment.id.in_(comment_ids),
            answer.by_city,
            ~answer.removed,
            ~exists(ours_of_answer.correlate(answer)),
            ~exists(leaving_to_it.correlate(Comment)),
        )
    )
    return frozenset(session.scalars(statement))


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
    decision: Decision | None,
    *,
    outside: Collection[int],
    viewer: Viewer,
    now: datetime,
) -> Listed:
    claimed_by, mine = _claimed(claim, viewer, now=now)
    return Listed(item, comment, claimed_by, mine, drafted, proposal, comment.id in outside, shows, decision)


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

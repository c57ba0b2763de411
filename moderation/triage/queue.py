"""What a moderator looks at: the list, one comment with all that is around it, and whether anything changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    ScalarSelect,
    Select,
    bindparam,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy.orm import Session, aliased, joinedload, load_only

from models.accounts import Account
from models.alarms import Alarm
from models.base import SOUGHT, UtcDateTime
from models.clocks import AwayNotice
from models.comments import Attachment, Author, Comment, CommentVersion, VerdictRow
from models.completions import Completion
from models.decisions import Decision, Proposal
from models.effects import Effect
from models.errors import NotFound
from models.items import Claim, DraftReply, Item
from models.learning import Correction
from models.netiquette import RuleVersion
from models.notes import Note
from models.people import Person
from models.requests311 import Requester, Service, ServiceRequest
from models.scope import Action, Viewer, visible
from models.vocabulary import AttachmentKind, CommentKind, DecisionKind, DraftState, EffectState, ItemState
from moderation import conversations, drafts
from moderation.intake.merging import texts
from moderation.requests import completing
from moderation.requests.escalation import offered, services, similar
from moderation.triage import away, oncall, proposals, teamwork
from moderation.triage.classification import corrections
from moderation.triage.listing import DANGER, MOST_URGENT, NEWEST, Filter, stands, walk
from moderation.triage.suggestion import proposed

HISTORY = timedelta(days=365)
"""How far back an author's earlier comments are shown."""


@dataclass(frozen=True)
class Listed:
    """One line of the list; everything it shows was loaded with it."""

    item: Item
    comment: Comment
    claimed_by: str | None
    claimed_by_me: bool
    theirs: bool
    """It is somebody else's to do. An immediate danger is everybody's."""
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
    notes: Sequence[Note]
    """What colleagues did with it without deciding, oldest first; what was taken back is left out."""
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
    completions: Sequence[Completion]
    """What its author was asked by a link of their own, and answered; the newest first."""
    together: int
    """Answers about the request of the first draft that wait, of which this is one."""
    catalogue: Sequence[Service]
    """The services that the city offers, by group and name."""
    likely: Sequence[tuple[Service, list[str]]]
    """Of these, the three that share most with it, each with the words that it shares."""
    answered_outside: bool
    """The city answered it in the network's own application."""
    talk: conversations.Talk | None
    """Of a private conversation: what was written in it."""
    away: AwayNotice | None
    """What was answered to it by itself, while the service was closed."""
    alarm: Alarm | None
    """Of an immediate danger: who is reached for it, and who sees to it."""

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
    """One page of the list: danger first, then oldest first (handled ones: the last handled first). Two queries,
    three for handled ones, and one more for words, whatever its length. `after` is a place that an earlier page gave; a
    broken one is Refused `cursor_invalid`. Without `whole`, only what the page of the queue shows is loaded.
    """
    order = NEWEST if wanted.state == ItemState.HANDLED else MOST_URGENT
    statement, given = walk(session, viewer, wanted, order.place(after), now=now)
    found, following = order.cut(session.execute(statement, {**given, "limit": limit + 1}).all(), limit)
    ids = [one.id for one in found]
    rows = {row[0].id: row for row in session.execute(_lines(whole), {"ids": ids})}
    comment_ids = [row[1].id for row in rows.values()]
    decided = _standing(session, comment_ids) if wanted.state == ItemState.HANDLED else {}
    lines = [_listed(*rows[one], decided=decided, viewer=viewer, now=now) for one in ids if one in rows]
    return QueuePage(tuple(lines), following)


def chosen(session: Session, viewer: Viewer, comment_ids: Collection[int], *, now: datetime) -> Sequence[Listed]:
    """Lines of comments that somebody picked, in that order; what is not the viewer's to decide is left out."""
    mine = select(Item.id).where(Item.comment_id.in_(comment_ids))
    ids = session.scalars(visible(mine, viewer, Action.DECIDE, Item)).all()
    rows = {row[1].id: row for row in session.execute(_lines(whole=True), {"ids": ids})}
    found = [rows[one] for one in comment_ids if one in rows]
    return [_listed(*row, decided={}, viewer=viewer, now=now) for row in found]


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
    row = session.execute(_opened(viewer.sight), {"comment": comment_id}).unique().one_or_none()
    if row is None:
        raise NotFound
    comment, item, claim, answered_outside = row
    asked = proposals.about(session, comment_id)
    proposed_here = drafts.proposed(session, [comment_id])
    of_target = {"account": comment.account_id, "target": comment.external_id}
    effects = session.scalars(_EFFECTS, of_target).all()
    return Detail(
        comment=comment,
        item=item,
        drafts=proposed_here,
        together=drafts.about(session, proposed_here[0].request_id) if proposed_here else 0,
        versions=texts(
            session.scalars(_VERSIONS, {"comment": comment_id}).all(),
        ),
        thread=_thread(session, viewer, comment),
        history=_history(session, viewer, comment, now=now),
        decisions=session.scalars(_DECISIONS, {"comment": comment_id}).all(),
        notes=teamwork.about(session, comment_id),
        corrections=corrections(session, [comment_id]),
        effects=effects,
        claimed_by=_claimed(claim, viewer, now=now)[0],
        proposal=next((one for one in reversed(asked) if one.comment_version == comment.version), None),
        proposals=asked,
        similar=similar(session, viewer, comment, now=now),
        requests=(requests := session.scalars(_requests(viewer.sight), {"comment": comment_id}).all()),
        completions=completing.of_comment(session, comment_id, [one.id for one in requests]),
        catalogue=(catalogue := services(session)),
        likely=offered(catalogue, comment.verdict.group_311 if comment.verdict else None, comment.text or ""),
        talk=conversations.of_comment(session, comment),
        answered_outside=answered_outside,
        away=away.of_comment(session, comment_id) if any(map(away.is_notice, effects)) else None,
        alarm=oncall.current(session, item) if item is not None and item.urgency == DANGER else None,
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
        *only(
            Item.version,
            Item.state,
            Item.urgency,
            Item.handled_at,
            Item.snoozed_until,
            Item.assignee_id,
            Item.answer_by,
            Item.warn_at,
        ),
        *of_comment,
        joinedload(Comment.account).options(*only(Account.network, Account.name)),
        joinedload(Comment.author).options(*only(Author.name)),
        joinedload(Comment.verdict).options(
            *only(
                VerdictRow.intention,
                VerdictRow.suggestion,
                VerdictRow.suggested_breach,
                VerdictRow.urgency,
                VerdictRow.scores,
            )
        ),
        joinedload(Item.problem),
        joinedload(Item.assignee).options(*only(Person.name)),
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
        select(Item, Comment, Claim, Proposal, _drafted(), _shows(), _answered_outside())
        .join(Comment, Comment.id == Item.comment_id)
        .outerjoin(Claim, Claim.item_id == Item.id)
        .outerjoin(Proposal, Proposal.id == _newest_proposal())
        .where(Item.id.in_(bindparam("ids", expanding=True)))
        .options(*shown)
    )


def _drafted() -> ColumnElement[bool]:
    drafted = DraftReply.comment_id == Comment.id, DraftReply.state == DraftState.PROPOSED
    return exists(select(DraftReply.id).where(*drafted)).correlate(Comment)


def _standing(session: Session, comment_ids: Sequence[int]) -> dict[int | None, Decision]:
    """The last decision about each comment that stands, with who decided."""
    newest = stands().order_by(Decision.id.desc()).limit(1).correlate(Comment).scalar_subquery()
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


def _answered_outside() -> ColumnElement[bool]:
    """Whether the account answered a comment, by no effect of ours. While the outcome of a reply of ours to it is not
    known, its answer may be that one, and nothing is said of it.
    """
    answer, ours, leaving = aliased(Comment), aliased(Effect), aliased(Effect)
    ours_of_answer = select(ours.id).where(ours.channel_id == answer.account_id, ours.remote_id == answer.external_id)
    leaving_to_it = select(leaving.id).where(
        leaving.channel_id == Comment.account_id,
        leaving.target == Comment.external_id,
        leaving.state.in_([EffectState.CLAIMED, EffectState.SENDING, EffectState.UNKNOWN]),
    )
    answers = select(answer.id).where(
        answer.account_id == Comment.account_id,
        answer.parent_external_id == Comment.external_id,
        answer.by_city,
        ~answer.removed,
        ~exists(ours_of_answer.correlate(answer)),
        ~exists(leaving_to_it.correlate(Comment)),
    )
    return or_(exists(answers.correlate(Comment)), conversations.answered_outside())


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
    answered: bool,  # noqa: FBT001
    *,
    decided: Mapping[int | None, Decision],
    viewer: Viewer,
    now: datetime,
) -> Listed:
    claimed_by, mine = _claimed(claim, viewer, now=now)
    theirs = item.assignee_id not in (None, viewer.person_id) and item.urgency != DANGER
    decision = decided.get(comment.id)
    return Listed(item, comment, claimed_by, mine, theirs, drafted, proposal, answered, shows, decision)


def _claimed(claim: Claim | None, viewer: Viewer, *, now: datetime) -> tuple[str | None, bool]:
    """Who else has an item open, and whether the viewer has."""
    if claim is None or claim.until <= now:
        return None, False
    mine = claim.person_id == viewer.person_id
    return None if mine else claim.person.name, mine


def _thread(session: Session, viewer: Viewer, comment: Comment) -> Sequence[Comment]:
    if comment.source_post_id is None and comment.kind != CommentKind.REVIEW:
        return []
    given = {"account": comment.account_id, "root": comment.parent_external_id or comment.external_id}
    given |= {"comment": comment.id, "post": comment.source_post_id}
    return session.scalars(_near(viewer.sight, review=comment.kind == CommentKind.REVIEW), given).all()


def _history(session: Session, viewer: Viewer, comment: Comment, *, now: datetime) -> Sequence[Comment]:
    if comment.author_id is None:
        return []
    given = {"author": comment.author_id, "comment": comment.id, "since": now - HISTORY}
    return session.scalars(_earlier(viewer.sight), given).all()


# What is around one comment: statements that are made once, as those of the list are.
_COMMENT, _ACCOUNT = bindparam("comment", type_=SOUGHT), bindparam("account", type_=SOUGHT)
_VERSIONS = select(CommentVersion).where(CommentVersion.comment_id == _COMMENT)
_EFFECTS = select(Effect).where(Effect.channel_id == _ACCOUNT, Effect.target == bindparam("target")).order_by(Effect.id)
_DECISIONS = (
    select(Decision)
    .options(
        joinedload(Decision.person),
        joinedload(Decision.rule_version).joinedload(RuleVersion.rule),
        joinedload(Decision.request),
        joinedload(Decision.proposal).joinedload(Proposal.person),
    )
    .where(Decision.comment_id == _COMMENT)
    .order_by(Decision.id)
)


@lru_cache(maxsize=128)
def _opened(viewer: Viewer) -> Select:  # type: ignore[type-arg]  # Three entities and a column.
    statement: Select = (  # type: ignore[type-arg]
        select(Comment, Item, Claim, _answered_outside())
        .outerjoin(Item, Item.comment_id == Comment.id)
        .outerjoin(Claim, Claim.item_id == Item.id)
        .options(
            joinedload(Comment.account),
            joinedload(Comment.author),
            joinedload(Comment.source_post),
            joinedload(Comment.verdict),
            joinedload(Comment.attachments),
            joinedload(Item.problem),
            joinedload(Item.assignee),
            joinedload(Claim.person),
        )
        .where(Comment.id == _COMMENT)
    )
    return visible(statement, viewer, Action.SEE_COMMENTS, Comment)


@lru_cache(maxsize=128)
def _requests(viewer: Viewer) -> Select[ServiceRequest]:
    statement = (
        select(ServiceRequest)
        .join(Requester, Requester.request_id == ServiceRequest.id)
        .options(joinedload(ServiceRequest.service))
        .where(Requester.comment_id == _COMMENT, Requester.detached_at.is_(None))
        .order_by(ServiceRequest.id)
    )
    return visible(statement, viewer, Action.SEE_REQUESTS, ServiceRequest)


@lru_cache(maxsize=128)
def _near(viewer: Viewer, *, review: bool) -> Select[Comment]:
    # Each by its index: of the two in one condition, SQLite would read all comments of the account.
    root: BindParameter[str] = bindparam("root")
    of_account = select(Comment.id).where(Comment.account_id == _ACCOUNT)
    same = of_account.where(Comment.external_id == root).union(of_account.where(Comment.parent_external_id == root))
    statement = (
        select(Comment)
        .options(joinedload(Comment.author), joinedload(Comment.verdict))
        .where(Comment.id.in_(same), Comment.id != _COMMENT)
        .order_by(Comment.created_at, Comment.id)
        .limit(50)
    )
    if not review:
        # A review stands under no post, and what answers it under the review.
        of_post = Comment.source_post_id == bindparam("post", type_=SOUGHT)
        statement = statement.where(or_(of_post, Comment.kind == CommentKind.REVIEW))
    return visible(statement, viewer, Action.SEE_COMMENTS, Comment)


@lru_cache(maxsize=128)
def _earlier(viewer: Viewer) -> Select[Comment]:
    statement = (
        select(Comment)
        .options(joinedload(Comment.verdict))
        .where(
            Comment.author_id == bindparam("author", type_=SOUGHT),
            Comment.id != _COMMENT,
            Comment.created_at >= bindparam("since", type_=UtcDateTime()),
        )
        .order_by(Comment.created_at.desc())
        .limit(10)
    )
    return visible(statement, viewer, Action.SEE_COMMENTS, Comment)

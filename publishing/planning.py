"""Posts are written, submitted, approved by somebody else, and given an hour.

An approval is bound to the hash of the exact content: other words, pictures, another account, link or time, and it is
void.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, exists, func, select
from sqlalchemy.orm import Session, joinedload

from connectors.pictures import frame
from connectors.registry import capabilities
from models import audit, work
from models.approving import Remark
from models.base import next_version
from models.comments import Comment
from models.effects import Effect
from models.errors import NotFound, Refusals, Refused
from models.figures import PostMark
from models.items import Item
from models.keyset import Keyset
from models.people import Person
from models.posts import Approval, Post, Preparation, Variant
from models.scope import Action, Viewer, visible
from models.session import take_turn
from models.vocabulary import EffectState, ItemState, MediaKind, OperationKind, PostState
from publishing import approval, checks, holding, preparing, steps, telling
from publishing.campaigns import untagged
from publishing.drafting import Draft, Pictured, Written, author, take_back, whole, write
from publishing.preview import Sketch, of_variant

NEWEST = Keyset(Post.id, descending=True)

EDITABLE = frozenset({PostState.DRAFT, PostState.SUBMITTED, PostState.APPROVED, PostState.TO_REVIEW})

MOVABLE = EDITABLE | {PostState.SCHEDULED}


def create(session: Session, viewer: Viewer, draft: Draft, *, now: datetime) -> Post:
    """Keep a new draft, finished or not: what a network would refuse of it is said when it is submitted. Refused:
    `no_account`, `link_invalid`, `window_unreadable`, `account_unknown`, `media_unknown`, `alt_too_long`, and what
    `closed` says.
    """
    post = Post(title="", author_id=author(viewer), created_at=now, variants=[], contributors=[])
    session.add(post)
    write(session, viewer, post, draft)
    session.flush()
    audit.note(session, "post.created", f"post:{post.id}", now=now, person_id=viewer.person_id)
    return post


def edit(session: Session, viewer: Viewer, post_id: int, draft: Draft, *, version: int, now: datetime) -> Post:
    """Change what of a post has not left; it is a draft again, and any approval of other words is void.

    Refused: what `create` refuses; `post_not_editable`, also when what is published already would change.
    """
    post = load(session, viewer, post_id, Action.WRITE_POSTS, version)
    if post.state not in EDITABLE:
        raise Refused("post_not_editable")
    write(session, viewer, post, draft)
    post.state = PostState.DRAFT
    telling.settled(session, post)
    note(session, viewer, post, "edited", now=now)
    return post


def duplicate(session: Session, viewer: Viewer, post_id: int, *, now: datetime) -> Post:
    """A new draft with the words and pictures of a post, and no time. Refused: what `create` refuses."""
    statement = visible(whole(select(Post)).where(Post.id == post_id), viewer, Action.WRITE_POSTS, Post)
    post = session.scalar(statement)
    if post is None:
        raise NotFound
    return create(session, viewer, copied(post), now=now)


def copied(post: Post) -> Draft:
    """The words and pictures of a post as somebody would write them again, without a time."""
    shown = next((one.pictures for one in post.variants if one.pictures), [])
    return Draft(
        title=post.title,
        variants={
            one.account_id: Written(one.text, None, one.first_comment or "", pictured=bool(one.pictures))
            for one in post.variants
        },
        link=untagged(post),
        campaign_id=post.campaign_id,
        pictures=[Pictured(one.media_id, one.alt_text) for one in shown],
        late_after_minutes=post.late_after_minutes,
        embargo_until=post.embargo_until,
        language_exception=post.language_exception,
    )


def submit(session: Session, viewer: Viewer, post_id: int, *, version: int, now: datetime) -> Post:
    """Ask for approval. Refused: `post_not_draft`, and what `checks.blocking` finds, all of it at once."""
    post = load(session, viewer, post_id, Action.WRITE_POSTS, version)
    if post.state != PostState.DRAFT:
        raise Refused("post_not_draft")
    wrong = Refusals()
    for refused in checks.refusals(sketches(post), now=now):
        with wrong.collect():
            raise refused
    wrong.say()
    post.state = PostState.SUBMITTED
    note(session, viewer, post, "submitted", now=now)
    telling.asked(session, post, by_id=viewer.person_id, now=now)
    return post


def judge(
    session: Session, viewer: Viewer, post_id: int, *, approved: bool, comment: str, version: int, now: datetime
) -> Post:
    """Approve, or send back with a reason; never by somebody who wrote in it. Where several people approve it, it is
    approved by the last of them. A passage that somebody remarked on is reason enough.

    Refused: `post_not_submitted`, `own_post`, `reason_needed`, and what `steps.Steps.refusal` says.
    """
    post = load(session, viewer, post_id, Action.APPROVE_POSTS, version)
    if post.state != PostState.SUBMITTED:
        raise Refused("post_not_submitted")
    if viewer.person_id in {person.id for person in post.contributors}:
        raise Refused("own_post")
    remarked = session.scalar(
        select(
            exists().where(Remark.post_id == post.id, Remark.person_id == viewer.person_id, Remark.settled_at.is_(None))
        )
    )
    if not approved and not comment.strip() and not remarked:
        raise Refused("reason_needed", field="comment")
    there = steps.of_post(session, post)
    if approved and (why_not := there.refusal(viewer)) is not None:
        raise why_not
    final = not approved or there.left <= 1
    content = approval.content_hash(post)
    session.add(
        Approval(
            post_id=post.id,
            content_hash=content,
            content=approval.content(post),
            approved=approved,
            final=final,
            comment=comment.strip() or None,
            person_id=author(viewer),
            at=now,
        )
    )
    if final:
        post.state = PostState.APPROVED if approved else PostState.DRAFT
        telling.answered(session, post, approved=approved, by_id=viewer.person_id, now=now)
    else:
        session.flush()
        telling.asked(session, post, by_id=viewer.person_id, now=now)
    note(session, viewer, post, "approved" if approved else "sent_back", now=now, content=content)
    return post


def schedule(
    session: Session,
    viewer: Viewer,
    post_id: int,
    publish_at: datetime | None,
    *,
    version: int,
    now: datetime,
    despite_hold: bool = False,
) -> Post:
    """Owe one effect for each account, due at its time and late after its window.

    `publish_at` None: the times are those that were approved. A post that came back for review is given a new time
    the same way; accounts on which it already stands are left alone. Refused: `post_not_approved` (also when the
    content or the time is not what was approved), `time_needed`, `time_passed`, `post_leaving` while a part of it is
    on its way from an earlier time; `held` during an emergency pause, unless somebody who may pause says otherwise
    (`despite_hold`).
    """
    take_turn(session, holding.TURN)
    post = load(session, viewer, post_id, Action.WRITE_POSTS, version)
    if publish_at is not None:
        post.publish_at = publish_at
    if post.state not in (PostState.APPROVED, PostState.TO_REVIEW) or not approval_stands(session, post):
        raise Refused("post_not_approved")
    left = [variant for variant in post.variants if variant.published_at is None]
    owe(session, viewer, post, left, now=now, despite_hold=despite_hold)
    note(session, viewer, post, "scheduled", now=now, publish_at=publish_at.isoformat() if publish_at else None)
    return post


def move(
    session: Session,
    viewer: Viewer,
    post_id: int,
    publish_at: datetime,
    *,
    since: datetime | None,
    version: int,
    now: datetime,
) -> Post:
    """Give another time to what of a post is planned at `since` (None: to what has none yet) and has not left.

    Who moves it writes in it. A draft stays one. What was approved for any time is scheduled at once; what was approved
    for its time waits for approval again, all of it. Refused: `post_not_movable`, `time_passed`, `post_leaving`, and
    during an emergency pause `held`.
    """
    take_turn(session, holding.TURN)
    post = load(session, viewer, post_id, Action.WRITE_POSTS, version)
    left = [one for one in post.variants if one.published_at is None]
    moved = [one for one in left if (one.publish_at or post.publish_at) == since]
    if post.state not in MOVABLE or not moved:
        raise Refused("post_not_movable")
    if publish_at < now:
        raise Refused("time_passed", field="publish_at")
    # The common time stays that of what is out.
    common = all(one.published_at is None or one.publish_at is not None for one in post.variants)
    for variant in moved:
        if variant.publish_at is None and common:
            post.publish_at = publish_at
        else:
            variant.publish_at = publish_at
    asks = False
    if post.state not in (PostState.DRAFT, PostState.SUBMITTED):
        if approval_stands(session, post):
            owe(session, viewer, post, moved if post.state == PostState.SCHEDULED else left, now=now)
        else:
            for variant in left:
                take_back(session, variant)
            post.state, asks = PostState.SUBMITTED, True
    writer = session.get_one(Person, author(viewer))
    if writer not in post.contributors:
        post.contributors.append(writer)
    if asks:
        telling.asked(session, post, by_id=viewer.person_id, now=now)
    told = since.isoformat() if since else None
    note(session, viewer, post, "moved", now=now, since=told, publish_at=publish_at.isoformat())
    return post


def put_back(session: Session, viewer: Viewer, post_id: int, *, version: int, now: datetime) -> Post:
    """Make a draft again of what came back for review and is not to go out as it is."""
    post = load(session, viewer, post_id, Action.WRITE_POSTS, version)
    if post.state != PostState.TO_REVIEW or any(variant.published_at for variant in post.variants):
        raise Refused("post_not_reviewed")
    for variant in post.variants:
        take_back(session, variant)
    post.state, post.publish_at = PostState.DRAFT, None
    note(session, viewer, post, "put_back", now=now)
    return post


def unschedule(session: Session, viewer: Viewer, post_id: int, *, version: int, now: datetime) -> Post:
    """Take what has not left of a scheduled post out of the schedule; refused `post_leaving` while a part of it is on
    its way. What is left of a post that is published in part is for a person to review.
    """
    post = load(session, viewer, post_id, Action.WRITE_POSTS, version)
    if post.state != PostState.SCHEDULED:
        raise Refused("post_not_scheduled")
    left = [variant for variant in post.variants if variant.published_at is None]
    for variant in left:
        take_back(session, variant)
    post.state = PostState.APPROVED if len(left) == len(post.variants) else PostState.TO_REVIEW
    if not time_approved(session, post):
        post.publish_at = None
    note(session, viewer, post, "unscheduled", now=now)
    return post


def settle_second(
    session: Session, viewer: Viewer, post_id: int, variant_id: int, *, take_back: bool, version: int, now: datetime
) -> Post:
    """Say what becomes of a post that stands twice on an account: its second copy is deleted there, or stays.

    Refused: `not_doubled`.
    """
    post = load(session, viewer, post_id, Action.WRITE_POSTS, version)
    effect = next((one.doubled for one in post.variants if one.id == variant_id), None)
    if effect is None:
        raise Refused("not_doubled")
    work.settle_second(session, effect, take_back=take_back, now=now)
    if all(one.published_at and not one.doubled for one in post.variants):
        post.state = PostState.PUBLISHED
    note(session, viewer, post, "second", now=now, taken_back=str(take_back))
    return post


def approval_stands(session: Session, post: Post) -> bool:
    """Whether the last approval says yes to the content as it is now. A yes that was given before there was a time
    holds for any time.
    """
    return _approved_hash(session, post) in (approval.content_hash(post), approval.content_hash(post, timed=False))


def time_approved(session: Session, post: Post) -> bool:
    """Whether the last approval says yes to this very time: no other can be given without another approval."""
    return post.publish_at is not None and _approved_hash(session, post) == approval.content_hash(post)


def _approved_hash(session: Session, post: Post) -> str | None:
    last = session.scalar(select(Approval).where(Approval.post_id == post.id).order_by(Approval.id.desc()).limit(1))
    return last.content_hash if last is not None and last.approved and last.final else None


def posts(
    session: Session,
    viewer: Viewer,
    *,
    state: PostState | None = None,
    campaign_id: int | None = None,
    after: str | None = None,
    limit: int = 200,
) -> tuple[Sequence[Post], str | None]:
    """Part of the viewer's posts, newest first, and the cursor behind it. Refused: `cursor_invalid`."""
    statement = visible(whole(select(Post)), viewer, Action.SEE_POSTS, Post)
    if state is not None:
        statement = statement.where(Post.state == state)
    if campaign_id is not None:
        statement = statement.where(Post.campaign_id == campaign_id)
    return NEWEST.read(session, statement, after, limit)


def sketches(post: Post) -> list[Sketch]:
    """What each account shows of a post, or would."""
    return [of_variant(variant, post) for variant in post.variants]


@dataclass(frozen=True)
class PostDetail:
    """One post with its approvals and what became of each account's part."""

    post: Post
    approvals: Sequence[Approval]
    effects: dict[int, Effect]
    """By id of the variant."""
    comments: dict[int, tuple[int, int]]
    """By id of the variant: how many of citizens' comments under it the viewer may see, and how many of them wait."""
    marks: dict[int, list[PostMark]]
    """By id of the variant: what its network counted at each age."""
    ahead: dict[int, Preparation]
    """By id of the variant: what was sent ahead of what has not left."""


def detail(session: Session, viewer: Viewer, post_id: int) -> PostDetail:
    """One post; NotFound when it is not there or not the viewer's."""
    statement = visible(whole(select(Post)).where(Post.id == post_id), viewer, Action.SEE_POSTS, Post)
    post = session.scalar(statement)
    if post is None:
        raise NotFound
    approvals = session.scalars(
        select(Approval)
        .options(joinedload(Approval.person), joinedload(Approval.reviewed_by))
        .where(Approval.post_id == post_id)
        .order_by(Approval.id)
    ).all()
    owed = {variant.effect_id: variant.id for variant in post.variants if variant.effect_id is not None}
    effects = session.scalars(select(Effect).where(Effect.id.in_(owed))).all()
    ready = [effect.id for effect in effects if effect.state == EffectState.READY]
    ahead = session.scalars(select(Preparation).where(Preparation.effect_id.in_(ready))).all()
    there = {variant.source_post_id: variant.id for variant in post.variants if variant.source_post_id is not None}
    waiting = func.sum(case((Item.state == ItemState.WAITING, 1), else_=0))
    under = select(Comment.source_post_id, func.count(), waiting).group_by(Comment.source_post_id)
    under = under.outerjoin(Item, Item.comment_id == Comment.id)
    under = under.where(Comment.source_post_id.in_(there), Comment.by_city.is_(False))
    counted = visible(under, viewer, Action.SEE_COMMENTS, Comment)
    marks: dict[int, list[PostMark]] = {}
    for one in session.scalars(select(PostMark).where(PostMark.source_post_id.in_(there)).order_by(PostMark.hours)):
        marks.setdefault(there[one.source_post_id], []).append(one)
    return PostDetail(
        post,
        approvals,
        {owed[effect.id]: effect for effect in effects},
        {there[source_post_id]: (all_, wait) for source_post_id, all_, wait in session.execute(counted)},
        marks,
        {owed[one.effect_id]: one for one in ahead},
    )


# ------------------------------------------------------------------------------------------ parts of a step


def load(session: Session, viewer: Viewer, post_id: int, action: Action, version: int) -> Post:
    """The post to change, at its next version."""
    # Whoever records an outcome holds the effect before the post: the same order here, or the two would lock up.
    owed = select(Variant.effect_id).where(Variant.post_id == post_id)
    session.execute(select(Effect.id).where(Effect.id.in_(owed)).order_by(Effect.id).with_for_update())
    statement = whole(select(Post)).where(Post.id == post_id).with_for_update(of=Post)
    return next_version(session.scalar(visible(statement, viewer, action, Post)), version, "post_changed")


def owe(
    session: Session,
    viewer: Viewer,
    post: Post,
    variants: Sequence[Variant],
    *,
    now: datetime,
    despite_hold: bool = False,
) -> None:
    """One effect for each of these parts of a post. Refused: `held`, `time_needed`, `time_passed`, `embargoed`,
    `post_leaving`.
    """
    hold = holding.holding(session, [variant.account_id for variant in variants])
    if hold is not None and not (despite_hold and viewer.may(Action.HOLD_POSTS)):
        raise Refused("held", reason=hold.reason)
    post.state, post.hold_id = PostState.SCHEDULED, None
    for variant in variants:
        at = variant.publish_at or post.publish_at
        if at is None:
            raise Refused("time_needed", field="publish_at")
        if at < now:
            raise Refused("time_passed", field="publish_at")
        if post.embargo_until is not None and at < post.embargo_until:
            raise Refused("embargoed", field="publish_at")
        take_back(session, variant)
        variant.effect = work.enqueue(
            session,
            key=f"publish:variant:{variant.id}:{post.version}",
            operation=OperationKind.PUBLISH,
            channel_id=variant.account_id,
            target=None,
            payload={"text": variant.text, "link": variant.link, "pictures": _framed(variant)},
            due_at=at,
            late_at=at + timedelta(minutes=post.late_after_minutes),
        )
        preparing.plan(session, variant, variant.effect, now=now)


def _framed(variant: Variant) -> list[dict[str, Any]]:
    """The pictures that are owed, each with the part of it that its network shows; or the film, which is whole."""
    ratios = capabilities(variant.account.network).ratios
    return [
        {"id": one.media_id, "alt": one.alt_text, "box": None, "kind": MediaKind.VIDEO}
        if one.media.filmed
        else {"id": one.media_id, "alt": one.alt_text, "box": frame(one.media.width, one.media.height, ratios)}
        for one in variant.pictures
    ]


def note(session: Session, viewer: Viewer, post: Post, action: str, *, now: datetime, **data: str | None) -> None:
    """Write down what was done with a post."""
    audit.note(session, f"post.{action}", f"post:{post.id}", now=now, person_id=viewer.person_id, **data)

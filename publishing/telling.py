"""Who hears of a post: those who may approve it, those who wrote in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import String, cast, exists, func, literal, select
from sqlalchemy.orm import Session

from models import notices
from models.amendments import Amendment
from models.notices import Notice
from models.posts import Approval, Post, Variant, contributor
from models.scope import Action, staff
from models.session import Database
from models.vocabulary import NoticeKind, PostState
from publishing import steps
from publishing.drafting import whole

WAITING = (NoticeKind.APPROVAL_ASKED, NoticeKind.APPROVAL_NEAR)
NEAR = (timedelta(hours=2), timedelta(hours=24))
"""How long before its hour a post that waits for approval is told of again."""


def approvers(session: Session, post: Post, amendment: Amendment | None = None) -> list[int]:
    """Who may say the next yes to a post, or to a change of it: wherever it goes, and not whoever wrote in it or has
    said yes already.
    """
    wrote = {person.id for person in post.contributors}
    there = steps.of_amendment(session, post, amendment) if amendment else steps.of_post(session, post)
    goes = [(variant.account.borough_id, variant.account_id) for variant in post.variants]
    return [
        one.person_id
        for one in staff(session)
        if one.person_id is not None
        and one.person_id not in wrote
        and there.refusal(one) is None
        and all(one.may_on(Action.APPROVE_POSTS, borough_id=where, account_id=account) for where, account in goes)
    ]


def asked(
    session: Session, post: Post, *, by_id: int | None, now: datetime, amendment: Amendment | None = None
) -> None:
    """Approval of it, or of a change of it, is asked for: those who may give it hear of it, and nobody else does."""
    settled(session, post)
    key, kind = f"asked:{post.id}:{post.version}", NoticeKind.APPROVAL_ASKED
    notices.tell(session, kind, approvers(session, post, amendment), key=key, by_id=by_id, post_id=post.id, now=now)


def settled(session: Session, post: Post) -> None:
    """Nobody is asked any more: it was answered, or is written anew."""
    notices.forget(session, WAITING, post_id=post.id)


def answered(session: Session, post: Post, *, approved: bool, by_id: int | None, now: datetime) -> None:
    """Somebody said yes, or what to change: whoever wrote in it hears of it."""
    settled(session, post)
    kind, writers = NoticeKind.APPROVED if approved else NoticeKind.SENT_BACK, [one.id for one in post.contributors]
    key = f"answered:{post.id}:{post.version}"
    notices.tell(session, kind, writers, key=key, by_id=by_id, post_id=post.id, now=now)


def returned(session: Session, post_id: int, key: str, *, by_id: int | None = None, now: datetime) -> None:
    """A part of it did not go out as it was meant to: whoever wrote in it hears of it. `key` names what happened."""
    wrote = session.scalars(select(contributor.c.person_id).where(contributor.c.post_id == post_id)).all()
    notices.tell(session, NoticeKind.NOT_SENT, wrote, key=key, by_id=by_id, post_id=post_id, now=now)


def taken_down(session: Session, post: Post, *, by_id: int | None, now: datetime) -> None:
    """Somebody takes what is out off a network: whoever wrote in it hears of it, and nobody is asked about it."""
    settled(session, post)
    key, wrote = f"taken_down:{post.id}:{post.version}", [one.id for one in post.contributors]
    notices.tell(session, NoticeKind.TAKEN_DOWN, wrote, key=key, by_id=by_id, post_id=post.id, now=now)


def not_changed(session: Session, post: Post, key: str, *, now: datetime) -> None:
    """What is out could not be changed there: whoever wrote in it hears of it."""
    wrote = [one.id for one in post.contributors]
    notices.tell(session, NoticeKind.NOT_CHANGED, wrote, key=key, by_id=None, post_id=post.id, now=now)


def remarked(session: Session, post: Post, key: str, *, by_id: int | None, now: datetime) -> None:
    """Something is said of a passage: whoever wrote in it hears of it."""
    wrote = [one.id for one in post.contributors]
    notices.tell(session, NoticeKind.REMARKED, wrote, key=key, by_id=by_id, post_id=post.id, now=now)


def remind_due(database: Database, zone: ZoneInfo, *, now: datetime) -> int:
    """Tell those who may approve a post, once more as its hour comes near, and on the day on which one that went out
    without them is to be read again; gives how many posts.
    """
    today = now.astimezone(zone).date()
    with database.read() as session:
        waiting, unread = near(session, now=now), reviews(session, today)
    if waiting or unread:
        with database.write() as session:
            remind(session, NoticeKind.APPROVAL_NEAR, dict(waiting), now=now)
            again = {one.post_id: f"review:{one.id}" for one in unread}
            remind(session, NoticeKind.REVIEW_DUE, again, now=now)
    return len(waiting) + len(unread)


def urgent(session: Session, post: Post, *, by_id: int | None, now: datetime) -> None:
    """It goes out without a second person: those who would have approved it hear of it at once, and so does whoever
    else wrote in it.
    """
    settled(session, post)
    told = {*approvers(session, post), *(one.id for one in post.contributors)}
    key = f"urgent:{post.id}:{post.version}"
    notices.tell(session, NoticeKind.URGENT, told, key=key, by_id=by_id, post_id=post.id, now=now)


def reviews(session: Session, today: date) -> list[Approval]:
    """Urgent posts that are to be read again by today, and that nobody was told of for that."""
    told = exists().where(Notice.key == literal("review:").concat(cast(Approval.id, String)))
    due = select(Approval).where(Approval.review_on <= today, Approval.reviewed_at.is_(None), ~told)
    return list(session.scalars(due.order_by(Approval.id)))


def near(session: Session, *, now: datetime) -> list[tuple[int, str]]:
    """Posts that wait for approval although their hour comes near, and that nobody was told of again: id, and the name
    of what is to be told.
    """
    at = func.min(func.coalesce(Variant.publish_at, Post.publish_at))
    waiting = select(Post.id, at).join(Variant, Variant.post_id == Post.id)
    waiting = waiting.where(Post.state == PostState.SUBMITTED, Variant.published_at.is_(None)).group_by(Post.id)
    found = []
    for post_id, due in session.execute(waiting.having(at.between(now, now + NEAR[-1]))):
        span = next(one for one in NEAR if due - now <= one)
        key = f"near:{post_id}:{due.timestamp():.0f}:{span.total_seconds():.0f}"
        # Who was asked within that time needs no reminder; and each reminder is told once.
        heard = exists().where(
            Notice.post_id == post_id,
            (Notice.key == key) | ((Notice.kind == NoticeKind.APPROVAL_ASKED) & (Notice.at > due - span)),
        )
        if not session.scalar(select(heard)):
            found.append((post_id, key))
    return found


def remind(session: Session, kind: NoticeKind, keys: Mapping[int, str], *, now: datetime) -> None:
    """Tell those who may approve these posts; by the post's id, the name of what they are told."""
    for post in session.scalars(whole(select(Post)).where(Post.id.in_(keys))):
        told = approvers(session, post)
        notices.tell(session, kind, told, key=keys[post.id], by_id=None, post_id=post.id, now=now)

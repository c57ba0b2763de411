"""Who hears of a post: those who may approve it, those who wrote in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session, selectinload

from models import notices
from models.notices import Notice
from models.posts import Post, Variant, contributor
from models.scope import Action, staff
from models.session import Database
from models.vocabulary import NoticeKind, PostState

WAITING = (NoticeKind.APPROVAL_ASKED, NoticeKind.APPROVAL_NEAR)
NEAR = (timedelta(hours=2), timedelta(hours=24))
"""How long before its hour a post that waits for approval is told of again."""


def approvers(session: Session, post: Post) -> list[int]:
    """Who may approve a post: wherever it goes, and not whoever wrote in it."""
    wrote = {person.id for person in post.contributors}
    goes = [(variant.account.borough_id, variant.account_id) for variant in post.variants]
    return [
        one.person_id
        for one in staff(session)
        if one.person_id is not None
        and one.person_id not in wrote
        and all(one.may_on(Action.APPROVE_POSTS, borough_id=where, account_id=account) for where, account in goes)
    ]


def asked(session: Session, post: Post, *, by_id: int | None, now: datetime) -> None:
    """Approval is asked for: those who may give it hear of it."""
    key, kind = f"asked:{post.id}:{post.version}", NoticeKind.APPROVAL_ASKED
    notices.tell(session, kind, approvers(session, post), key=key, by_id=by_id, post_id=post.id, now=now)


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


def remind_due(database: Database, *, now: datetime) -> int:
    """Tell those who may approve a post, once more as its hour comes near; gives how many posts."""
    with database.read() as session:
        waiting = near(session, now=now)
    if waiting:
        with database.write() as session:
            remind(session, waiting, now=now)
    return len(waiting)


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


def remind(session: Session, waiting: Sequence[tuple[int, str]], *, now: datetime) -> None:
    """Tell those who may approve these posts once more."""
    loaded = (selectinload(Post.contributors), selectinload(Post.variants).joinedload(Variant.account))
    posts = select(Post).options(*loaded).where(Post.id.in_([post_id for post_id, _ in waiting]))
    keys = dict(waiting)
    for post in session.scalars(posts.where(Post.state == PostState.SUBMITTED)):
        told = approvers(session, post)
        kind = NoticeKind.APPROVAL_NEAR
        notices.tell(session, kind, told, key=keys[post.id], by_id=None, post_id=post.id, now=now)

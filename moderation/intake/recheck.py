"""What should have been met and was not is asked about, one by one, before it is called gone.

A listing that leaves something out is no proof: networks lag, cut pages short and lose cursors. So a comment that a
whole reading of its thread did not meet is only suspected, and the network is asked about that one comment. The post
itself is asked about in the same way: when a round lists it no more, one comment of its thread is asked about, and all
the others only if that one is gone.

Nor is a probe alone: "not there, or not yours to see" is one answer. Both must say so, the probe and a listing. And
what seems to vanish whole (all comments of a thread that the network still counts, all posts of an account) is an
alarm: a right was lost more likely than everything was deleted, and nothing leaves the queue.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache, partial

from sqlalchemy import ColumnElement, exists, func, select, update
from sqlalchemy.orm import Session

from connectors.base import CommentRemoved, CommentSeen, Network, Page
from models import channels, source_posts
from models.accounts import Account
from models.calls import calling
from models.comments import LAG, Comment, SourcePost
from models.errors import FarSideError, Gone, PermissionMissing, Rejected, Throttled, TokenInvalid
from models.locks import Locks
from models.session import Database
from models.vocabulary import CommentKind, PostKind
from moderation.intake.upserting import store

PROBES, SLOW_PROBES = 20, 5
"""Probes of one account at one time, each of them a call: usually, and when much of its budget is spent."""
AGAIN = timedelta(hours=12)
"""When something that the network refuses to show is asked about again."""

LATER = timedelta(minutes=15)
"""When something is asked about again of which the network could not tell this time."""
FAILURES = 3
"""Failures in a row that say that the network is down, and not only one comment beyond reach."""

_AS_IS = {"synchronize_session": False}
"""Nothing of what is updated here is read again in its session."""


def mark(session: Session, account: Account, page: Page, *, listed_at: datetime, now: datetime) -> None:
    """Keep what a page was listed or read whole, and suspect what was not met; in the transaction of its cursor."""
    listed = [post.external_id for post in page.posts if post.has_thread]
    session.execute(
        update(SourcePost)
        .where(SourcePost.account_id == account.id, SourcePost.external_id.in_(listed))
        .values(listed_at=listed_at, removed_at=None),
        execution_options=_AS_IS,
    )
    for thread in page.threads:
        post = source_posts.meet(session, account.id, [thread.post_external_id])[thread.post_external_id]
        post.read_at = max(post.read_at or thread.began_at, thread.began_at)
        if session.scalar(select(_met(post))):
            post.doubted_at = None
        suspected = (
            Comment.source_post_id == post.id,
            Comment.missed(post.read_at),
            Comment.recheck_due_at.is_(None),
            # A visitor's post stands above its thread, and not in it.
            Comment.kind == CommentKind.COMMENT,
        )
        session.execute(update(Comment).where(*suspected).values(recheck_due_at=now + LAG), execution_options=_AS_IS)


def mark_unlisted(session: Session, account: Account, *, before: datetime, now: datetime) -> None:
    """At the end of a round that began at `before`: of each post that earlier rounds listed and this one did not, one
    comment is to be asked about. It may be too old for the listing, or gone with its whole thread.
    """
    ours = (SourcePost.account_id == account.id, SourcePost.listed_at.is_not(None))
    known = session.scalar(select(func.count()).where(*ours)) or 0
    listed = session.scalar(select(exists().where(*ours, SourcePost.listed_at >= before)))
    vanished = known > 1 and not listed
    doubted = exists().where(SourcePost.account_id == account.id, SourcePost.doubted_at.is_not(None))
    _alarm(session, account, vanished=vanished or bool(session.scalar(select(doubted))), now=now)
    if vanished:
        return
    unlisted = select(SourcePost.id).where(SourcePost.account_id == account.id, SourcePost.listed_at < before)
    there = exists().where(Comment.source_post_id == SourcePost.id, ~Comment.removed)
    session.execute(
        update(SourcePost)
        .where(SourcePost.account_id == account.id, SourcePost.listed_at < before, ~there)
        .values(listed_at=None),
        execution_options=_AS_IS,
    )
    first = select(func.min(Comment.id)).where(Comment.source_post_id.in_(unlisted), ~Comment.removed)
    session.execute(
        update(Comment)
        .where(Comment.id.in_(first.group_by(Comment.source_post_id)), Comment.recheck_due_at.is_(None))
        .values(recheck_due_at=now + LAG),
        execution_options=_AS_IS,
    )


def accounts_to_recheck(session: Session, *, now: datetime) -> list[int]:
    """Ids of accounts with something to recheck, and calls left for it: people's acts and readings go first."""
    waiting = exists().where(Comment.account_id == Account.id, Comment.recheck_due_at <= now)
    return list(session.scalars(select(Account.id).where(channels.usable(now), channels.calm(), waiting)))


def recheck(
    database: Database,
    locks: Locks,
    network_of: Callable[[int], Network],
    account_id: int,
    *,
    clock: Callable[[], datetime],
) -> int:
    """Ask about what one account should have met, the longest suspected first; gives how many were asked about.

    What is gone becomes a tombstone, what is there is stored as seen. A probe that fails leaves its comment suspected,
    for later, and the others have their turn.
    """
    network_of, probed, failures = cache(network_of), 0, 0
    with calling(database, locks, "recheck", Account, account_id, clock=clock) as caller:
        if (account := caller.channel(spare=True)) is None:
            return 0
        with database.read() as session:
            due = select(Comment.id, Comment.external_id).where(
                Comment.account_id == account_id, Comment.recheck_due_at <= clock()
            )
            most = SLOW_PROBES if account.slow else PROBES
            waiting = session.execute(due.order_by(Comment.recheck_due_at, Comment.id).limit(most)).all()
        for comment_id, external_id in waiting:
            if caller.channel(spare=True) is None:
                break
            try:
                caller.ask(
                    partial(_probe, network_of, account_id, external_id),
                    partial(_record, comment_id=comment_id, external_id=external_id),
                    partial(_put_off, comment_id=comment_id),
                )
            except (Rejected, PermissionMissing):
                failures = 0
            except (Throttled, TokenInvalid):
                break
            except FarSideError:
                failures += 1
                if failures == FAILURES:
                    break
            else:
                failures = 0
            probed += 1
    return probed


def _probe(network_of: Callable[[int], Network], account_id: int, external_id: str) -> CommentSeen | None:
    try:
        return network_of(account_id).probe(external_id)
    except Gone:
        return None


def _put_off(session: Session, _account: Account, error: Exception, now: datetime, *, comment_id: int) -> None:
    passing = isinstance(error, FarSideError) and not isinstance(error, Rejected | PermissionMissing)
    if not isinstance(error, Throttled | TokenInvalid):
        _recheck_at(session, comment_id, now + (LATER if passing else AGAIN))


def _recheck_at(session: Session, comment_id: int, at: datetime | None) -> None:
    session.execute(update(Comment).where(Comment.id == comment_id).values(recheck_due_at=at), execution_options=_AS_IS)


def _record(
    session: Session,
    account: Account,
    found: CommentSeen | None,
    asked_at: datetime,
    now: datetime,
    *,
    comment_id: int,
    external_id: str,
) -> None:
    """Keep what one probe told of the comment, and what that tells of its post."""
    post = session.scalar(
        select(SourcePost).join(Comment, Comment.source_post_id == SourcePost.id).where(Comment.id == comment_id)
    )
    unlisted = post is not None and _unlisted(session, account, post, comment_id)
    # The network may have said it itself meanwhile: no reading will miss what is gone already.
    known = session.scalar(select(Comment.removed).where(Comment.id == comment_id))
    if found is None and not (known or unlisted or _missed(session, account, post, comment_id, now=now)):
        _recheck_at(session, comment_id, now + LATER)
        return
    seen = CommentRemoved(external_id, asked_at) if found is None else replace(found, source="pull")
    store(session, account, [seen], now=now)
    _recheck_at(session, comment_id, None)  # Whatever the network calls it, it was asked about.
    if post is None or not unlisted:
        return
    rest = (Comment.source_post_id == post.id, ~Comment.removed)
    if found is not None:
        post.listed_at = None  # It is there, and only too old for the listing.
    elif session.scalar(select(Comment.id).where(*rest).limit(1)) is None:
        post.listed_at, post.removed_at = None, asked_at
    else:
        session.execute(
            update(Comment).where(*rest, Comment.recheck_due_at.is_(None)).values(recheck_due_at=now),
            execution_options=_AS_IS,
        )


def _unlisted(session: Session, account: Account, post: SourcePost, comment_id: int) -> bool:
    """Whether the last whole round did not list a post, and listed others. One of which only webhooks told, before any
    round could list it, is expected in a round that began after its comment came.
    """
    if account.pulled_at is None or account.vanished_at is not None:
        return False
    if post.listed_at is not None:
        return post.listed_at < account.pulled_at
    if post.read_at is not None or post.kind != PostKind.POST:
        return False
    came = session.scalar(select(Comment.received_at).where(Comment.id == comment_id))
    others = exists().where(SourcePost.account_id == account.id, SourcePost.listed_at >= account.pulled_at)
    return came is not None and came < account.pulled_at and bool(session.scalar(select(others)))


def _missed(session: Session, account: Account, post: SourcePost | None, comment_id: int, *, now: datetime) -> bool:
    """Whether the last whole reading of its thread says too that a comment is gone.

    A reading that met nothing more of the thread does not, unless the network counts no comment there either.
    """
    if post is None or post.read_at is None:
        return False
    missed = session.scalars(
        select(Comment.id).where(
            Comment.source_post_id == post.id, Comment.kind == CommentKind.COMMENT, Comment.missed(post.read_at)
        )
    ).all()
    if comment_id not in missed:
        return False
    if post.comment_count == 0 or session.scalar(select(_met(post))):
        return True
    if len(missed) == 1:
        return post.comment_count is None
    post.doubted_at = post.doubted_at or now
    _alarm(session, account, vanished=True, now=now)
    return False


def _met(post: SourcePost) -> ColumnElement[bool]:
    """Whether the last whole reading of a thread met something in it."""
    return exists().where(
        Comment.source_post_id == post.id,
        Comment.kind == CommentKind.COMMENT,
        ~Comment.removed,
        Comment.present_at >= post.read_at,
    )


def _alarm(session: Session, account: Account, *, vanished: bool, now: datetime) -> None:
    """Say once that a thread or the account seems to vanish whole, or that it does not any more."""
    if vanished and account.vanished_at is None:
        channels.notify(session, account, "vanished", now=now)
    account.vanished_at = (account.vanished_at or now) if vanished else None

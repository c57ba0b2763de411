"""What should have been met and was not is looked at, one by one, before it is called gone.

A listing that leaves something out is no proof: networks lag, cut pages short and lose cursors. So a comment that a
whole reading of its thread did not meet is only suspected, and the network is asked about that one comment. The post
itself is asked about in the same way: when a round lists it no more, one comment of its thread is looked at, and all
the others only if that one is gone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import exists, func, or_, select, update
from sqlalchemy.orm import Session

from connectors.base import CommentRemoved, CommentSeen, Network, Page
from models import budget
from models.accounts import Account
from models.comments import LAG, Comment, SourcePost
from models.errors import FarSideError, Gone, PermissionMissing, Rejected, Throttled, TokenInvalid
from models.locks import Locks
from models.session import Database
from models.vocabulary import AccountState, CommentKind, PostKind
from moderation.intake.upserting import store

log = logging.getLogger(__name__)

LOOKS, SLOW_LOOKS = 20, 5
"""Looks of one account in one sweep, each of them a call: usually, and when much of its budget is spent."""
AGAIN = timedelta(hours=12)
"""When something that the network refuses to show is looked at again."""

LATER = timedelta(minutes=15)
"""When something is looked at again of which the network could not tell this time."""
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
        post = session.scalar(
            select(SourcePost).where(
                SourcePost.account_id == account.id, SourcePost.external_id == thread.post_external_id
            )
        )
        if post is None:
            post = SourcePost(account_id=account.id, external_id=thread.post_external_id, kind=PostKind.POST)
            session.add(post)
            session.flush()
        post.read_at = max(post.read_at or thread.began_at, thread.began_at)
        suspected = (
            Comment.source_post_id == post.id,
            Comment.missed(post.read_at),
            Comment.look_due_at.is_(None),
            # A visitor's post stands above its thread, and not in it.
            Comment.kind == CommentKind.COMMENT,
        )
        session.execute(update(Comment).where(*suspected).values(look_due_at=now + LAG), execution_options=_AS_IS)


def mark_unlisted(session: Session, account: Account, *, before: datetime, now: datetime) -> None:
    """At the end of a round that began at `before`: of each post that earlier rounds listed and this one did not, one
    comment is to be looked at. It may be too old for the listing, or gone with its whole thread.
    """
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
        .where(Comment.id.in_(first.group_by(Comment.source_post_id)), Comment.look_due_at.is_(None))
        .values(look_due_at=now + LAG),
        execution_options=_AS_IS,
    )


def sweeps_due(session: Session, *, now: datetime) -> list[int]:
    """Ids of accounts with something to look at, and calls left for it: people's acts and readings go first."""
    calm = or_(Account.usage_percent.is_(None), Account.usage_percent < budget.STOP)
    waiting = exists().where(Comment.account_id == Account.id, Comment.look_due_at <= now)
    return list(session.scalars(select(Account.id).where(budget.usable(now), calm, waiting)))


def sweep(
    database: Database,
    locks: Locks,
    network_of: Callable[[int], Network],
    account_id: int,
    *,
    clock: Callable[[], datetime],
) -> int:
    """Look at what one account should have met, the longest suspected first; gives how many were looked at.

    What is gone becomes a tombstone, what is there is stored as seen. A look that fails leaves its comment suspected,
    for later, and the others have their turn.
    """
    with locks.try_hold(f"sweep:{account_id}") as ours:
        if not ours:
            return 0
        with database.read() as session:
            account = session.get_one(Account, account_id)
            waiting = select(Comment.id, Comment.external_id).where(
                Comment.account_id == account_id, Comment.look_due_at <= clock()
            )
            slowly = (account.usage_percent or 0) >= budget.SLOW
            rows = session.execute(
                waiting.order_by(Comment.look_due_at, Comment.id).limit(SLOW_LOOKS if slowly else LOOKS)
            ).all()
        network, failures = network_of(account_id), 0
        for looked, (comment_id, external_id) in enumerate(rows):
            if not _may_look(database, account_id, clock()):
                return looked
            asked_at = clock()
            try:
                found = network.probe(external_id)
            except Gone:
                found = None
            except FarSideError as error:
                log.warning("look at comment %s of account %s: %r", comment_id, account_id, error)
                stopped = isinstance(error, Throttled | TokenInvalid)
                refused = isinstance(error, Rejected | PermissionMissing)
                with database.write() as session:
                    budget.hear(session, account_id, error, asked_at=asked_at, now=clock())
                    if not stopped:
                        _next_look(session, comment_id, clock() + (AGAIN if refused else LATER))
                failures = 0 if refused else failures + 1
                if stopped or failures == FAILURES:
                    return looked
                continue
            except Exception:
                with database.write() as session:
                    _next_look(session, comment_id, clock() + AGAIN)
                raise
            failures = 0
            with database.write() as session:
                _settle(session, account_id, comment_id, external_id, found, asked_at=asked_at, now=clock())
        return len(rows)


def _may_look(database: Database, account_id: int, now: datetime) -> bool:
    with database.read() as session:
        account = session.get_one(Account, account_id)
        dead = account.state == AccountState.TOKEN_INVALID
        return not (dead or budget.throttled(account, now) or budget.tight(account))


def _next_look(session: Session, comment_id: int, at: datetime | None) -> None:
    session.execute(update(Comment).where(Comment.id == comment_id).values(look_due_at=at), execution_options=_AS_IS)


def _settle(
    session: Session,
    account_id: int,
    comment_id: int,
    external_id: str,
    found: CommentSeen | None,
    *,
    asked_at: datetime,
    now: datetime,
) -> None:
    """Keep what one look told of the comment, and what that tells of its post."""
    account = budget.held(session, account_id)
    seen = CommentRemoved(external_id, asked_at) if found is None else replace(found, source="pull")
    store(session, account, [seen], now=now)
    _next_look(session, comment_id, None)  # Whatever the network calls it, it was looked at.
    post = session.scalar(
        select(SourcePost).join(Comment, Comment.source_post_id == SourcePost.id).where(Comment.id == comment_id)
    )
    if post is None or post.listed_at is None or account.pulled_at is None or post.listed_at >= account.pulled_at:
        return
    # The last whole round did not list it.
    rest = (Comment.source_post_id == post.id, ~Comment.removed)
    if found is not None:
        post.listed_at = None  # It is there, and only too old for the listing.
    elif session.scalar(select(Comment.id).where(*rest).limit(1)) is None:
        post.listed_at, post.removed_at = None, asked_at
    else:
        session.execute(
            update(Comment).where(*rest, Comment.look_due_at.is_(None)).values(look_due_at=now),
            execution_options=_AS_IS,
        )

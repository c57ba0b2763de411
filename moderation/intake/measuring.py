"""What the networks count is asked for once a day and kept, so that a year can be told when they have forgotten it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from connectors.base import Figures, Network
from models import channels
from models.accounts import Account
from models.calls import calling
from models.comments import SourcePost
from models.errors import PermissionMissing, Rejected
from models.figures import MARKS, AccountFigures, PostFigures, PostMark
from models.locks import Locks
from models.posts import Variant
from models.session import Database
from models.vocabulary import PostKind

log = logging.getLogger(__name__)

LATE = 0.5
"""Of the age at a mark: how much later a count still stands for it."""
POSTS = 50
"""The newest posts are measured; the figures of older ones hardly move any more."""


def accounts_to_measure(session: Session, *, now: datetime) -> list[int]:
    """Ids of accounts that were not measured yet on this day (UTC), have calls left for it, and are read already."""
    measured = exists().where(AccountFigures.account_id == Account.id, AccountFigures.day == now.date())
    mine = (channels.usable(now), channels.calm(), Account.pulled_at.is_not(None), ~measured)
    return list(session.scalars(select(Account.id).where(*mine)))


def accounts_to_mark(session: Session, *, now: datetime) -> list[int]:
    """Ids of accounts with a post of ours that has come to a mark and was not counted there yet. What comes much later
    than its mark is not taken for it.
    """
    mine = (channels.usable(now), channels.calm())
    waiting = select(Account.id).join(Variant, Variant.account_id == Account.id)
    return list(session.scalars(waiting.where(*mine, or_(*(_marked(one, now) for one in MARKS))).distinct()))


def mark(
    database: Database,
    locks: Locks,
    network_of: Callable[[int], Network],
    account_id: int,
    *,
    clock: Callable[[], datetime],
) -> None:
    """Keep what the network counts of an account's posts that have come to a mark."""
    with calling(database, locks, "mark", Account, account_id, clock=clock) as caller:
        if caller.channel(spare=True) is None:
            return
        now, posts, marks = clock(), dict[str, int](), list[tuple[int, int]]()
        with database.read() as session:
            for hours in MARKS:
                due = select(SourcePost.external_id, SourcePost.id).join(
                    Variant, Variant.source_post_id == SourcePost.id
                )
                for external_id, id_ in session.execute(
                    due.where(Variant.account_id == account_id, _marked(hours, now)).limit(POSTS)
                ):
                    posts[external_id] = id_
                    marks.append((id_, hours))
        if posts:
            asked = list(posts)[:POSTS]
            caller.ask(
                lambda: _figures(network_of(account_id), asked),
                partial(_store_marks, posts={one: posts[one] for one in asked}, marks=marks),
            )


def measure(
    database: Database,
    locks: Locks,
    network_of: Callable[[int], Network],
    account_id: int,
    *,
    clock: Callable[[], datetime],
) -> None:
    """Keep what the network counts today for one account and its newest posts. A network that refuses for good is
    asked again tomorrow.
    """
    with calling(database, locks, "measure", Account, account_id, clock=clock) as caller:
        if caller.channel(spare=True) is None:
            return
        with database.read() as session:
            newest = select(SourcePost.external_id, SourcePost.id).where(
                SourcePost.account_id == account_id,
                SourcePost.kind != PostKind.MENTIONING,
                SourcePost.removed_at.is_(None),
                SourcePost.created_at.is_not(None),
            )
            posts = {
                row.external_id: row.id
                for row in session.execute(newest.order_by(SourcePost.created_at.desc()).limit(POSTS))
            }
        caller.ask(lambda: _figures(network_of(account_id), list(posts)), partial(_store, posts=posts))


def _marked(hours: int, now: datetime) -> ColumnElement[bool]:
    """Whether a variant has come to a mark lately, and nothing is kept of it there."""
    since, until = now - timedelta(hours=hours * (1 + LATE)), now - timedelta(hours=hours)
    kept = exists().where(PostMark.source_post_id == Variant.source_post_id, PostMark.hours == hours)
    there = Variant.source_post_id.is_not(None)
    return and_(there, Variant.published_at > since, Variant.published_at <= until, ~kept)


def _figures(network: Network, posts: list[str]) -> Figures:
    try:
        return network.figures(posts)
    except (PermissionMissing, Rejected) as error:
        # Figures are no part of the daily work: an account without them is not said to be in trouble.
        log.info("an account is not measured today: %r", error)
        return Figures(None, {})


def _store(
    session: Session,
    account: Account,
    figures: Figures,
    asked_at: datetime,
    _now: datetime,
    *,
    posts: Mapping[str, int],
) -> None:
    day = asked_at.date()
    session.merge(AccountFigures(account_id=account.id, day=day, at=asked_at, followers=figures.followers))
    for external_id, counts in figures.posts.items():
        if external_id in posts:
            session.merge(PostFigures(source_post_id=posts[external_id], day=day, at=asked_at, **asdict(counts)))


def _store_marks(
    session: Session,
    _account: Account,
    figures: Figures,
    asked_at: datetime,
    _now: datetime,
    *,
    posts: Mapping[str, int],
    marks: Sequence[tuple[int, int]],
) -> None:
    counted = {posts[name]: asdict(counts) for name, counts in figures.posts.items() if name in posts}
    for source_post_id, hours in marks:
        if source_post_id in posts.values():
            counts = counted.get(source_post_id, {})
            session.merge(PostMark(source_post_id=source_post_id, hours=hours, at=asked_at, **counts))

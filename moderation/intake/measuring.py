"""What the networks count is asked for once a day and kept, so that a year can be told when they have forgotten it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from functools import partial

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from connectors.base import Figures, Network
from models import channels
from models.accounts import Account
from models.calls import calling
from models.comments import SourcePost
from models.errors import PermissionMissing, Rejected
from models.figures import AccountFigures, PostFigures
from models.locks import Locks
from models.session import Database
from models.vocabulary import PostKind

log = logging.getLogger(__name__)

POSTS = 50
"""The newest posts are measured; the figures of older ones hardly move any more."""


def accounts_to_measure(session: Session, *, now: datetime) -> list[int]:
    """Ids of accounts that were not measured yet on this day (UTC), have calls left for it, and are read already."""
    measured = exists().where(AccountFigures.account_id == Account.id, AccountFigures.day == now.date())
    mine = (channels.usable(now), channels.calm(), Account.pulled_at.is_not(None), ~measured)
    return list(session.scalars(select(Account.id).where(*mine)))


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

"""The files of a scheduled post are sent some minutes ahead, so that it leaves with one call on its second.

Nobody sees what was sent ahead, and sent twice it harms nothing; what makes it public is the effect alone, and that one
sends the files itself where they were not, or cannot be used any more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, select, update
from sqlalchemy.orm import Session

from connectors.base import Media, Network, Prepared, Publication
from connectors.registry import descriptor
from models import calls, channels, work
from models.accounts import Account
from models.effects import Effect
from models.errors import Throttled, Transient
from models.locks import Locks
from models.posts import Preparation, Variant
from models.secrets import fingerprint
from models.session import Database
from models.vocabulary import EffectState
from models.work import Task
from publishing.album import Album, named

log = logging.getLogger(__name__)

AHEAD = timedelta(minutes=15)
"""Networks say that they take in a file within five minutes: time for as much again, and for another try."""
SOON = timedelta(seconds=30)
"""What leaves sooner than that sends its own files."""
LOOK = timedelta(seconds=15)
"""Between two questions about what a network is still at work on."""
AGAIN = timedelta(minutes=2)
"""After a failure."""
SPARE = timedelta(minutes=10)
"""How long before a network forgets what it was sent that is not used any more."""


def plan(session: Session, variant: Variant, effect: Effect, *, now: datetime) -> None:
    """Have the files of what is owed sent ahead, where there are any, the network allows it, and there is time."""
    if not variant.pictures or descriptor(variant.account.network).kept is None or effect.due_at <= now + SOON:
        return
    session.add(Preparation(effect_id=effect.id, account_id=variant.account_id, due_at=effect.due_at - AHEAD))


def accounts_to_prepare(session: Session, *, now: datetime) -> list[int]:
    """Ids of accounts with something to send ahead, or to ask about."""
    due = select(Preparation.account_id).join(Account, Account.id == Preparation.account_id)
    due = due.where(Preparation.due_at <= now, channels.usable(now)).distinct()
    return list(session.scalars(due))


def prepare(
    database: Database,
    locks: Locks,
    network_of: Callable[[int], Network],
    album: Album,
    account_id: int,
    *,
    clock: Callable[[], datetime],
) -> None:
    """Send ahead what is due of one account, what leaves first before the rest."""
    with calls.calling(database, locks, "prepare", Account, account_id, clock=clock) as caller:
        while caller.channel() is not None and (effect_id := _next(database, account_id, clock())) is not None:
            _prepare(database, caller, network_of, album, effect_id, clock())


def _next(database: Database, account_id: int, now: datetime) -> int | None:
    """The effect whose files are sent next; what left, was taken back or leaves at once is not waited for any more."""
    due = (Preparation.account_id == account_id, Preparation.due_at <= now)
    waiting = and_(Effect.state == EffectState.READY, Effect.due_at > now + SOON, Effect.first_sent_at.is_(None))
    of_effect = select(Preparation.effect_id).join(Effect, Effect.id == Preparation.effect_id).where(*due)
    with database.read() as session:
        found = session.scalar(of_effect.where(waiting).order_by(Effect.due_at, Effect.id).limit(1))
        over = session.scalars(of_effect.where(~waiting)).all()
    if over:
        with database.write() as session:
            session.execute(update(Preparation).where(Preparation.effect_id.in_(over)).values(due_at=None))
    return found


def _prepare(
    database: Database,
    caller: calls.Caller[Account],
    network_of: Callable[[int], Network],
    album: Album,
    effect_id: int,
    now: datetime,
) -> None:
    with database.read() as session:
        effect = session.get_one(Effect, effect_id)
        row = session.get_one(Preparation, effect_id)
        account = session.get_one(Account, row.account_id)
        connection = fingerprint(account.token_closed)
        so_far = Prepared(tuple(row.things), ready=False) if row.things and _stands(row, account, now) else None
        since = row.since if so_far is not None else now

    def send() -> Prepared:
        shown = effect.payload["pictures"]
        # What was sent is only asked about: no file is read again.
        with nullcontext(list(map(named, shown))) if so_far is not None else album.laid_out(shown) as media:
            return network_of(account.id).prepare(publication(effect.payload, media), so_far)

    def keep(session: Session, account: Account, given: Prepared, asked_at: datetime, now: datetime) -> None:
        channels.record_proven(session, account, given.proven, asked_at=asked_at, now=now)
        if given.resume_at is not None:
            channels.pause(account, given.resume_at, now=now)
        row = session.get_one(Preparation, effect_id, with_for_update=True)
        row.things, row.ready, row.since, row.connection = list(given.things), given.ready, since, connection
        row.due_at, row.outcome, row.detail = None if given.ready else now + LOOK, None, None

    def put_off(session: Session, _: Account, error: Exception, now: datetime) -> None:
        row = session.get_one(Preparation, effect_id, with_for_update=True)
        row.things, row.ready, row.since, row.connection = [], False, None, None
        row.outcome, row.detail = work.meaning(error)
        row.detail = row.detail and row.detail[:200]
        again = error.until if isinstance(error, Throttled) else now + AGAIN
        row.due_at = max(again, now + error.after) if isinstance(error, Transient) else again

    caller.ask(send, keep, put_off)


def given(database: Database, task: Task, now: datetime) -> Prepared | None:
    """What was sent ahead for an effect, if it can be used; None: its files leave with it."""
    with database.read() as session:
        row = session.get(Preparation, task.effect_id)
        if row is None or not row.ready or not _stands(row, session.get_one(Account, row.account_id), now):
            return None
        return Prepared(tuple(row.things))


def forget(database: Database, effect_id: int) -> None:
    """The network does not take what it was sent ahead for an effect."""
    with database.write() as session:
        session.execute(update(Preparation).where(Preparation.effect_id == effect_id).values(ready=False, things=[]))


def _stands(row: Preparation, account: Account, now: datetime) -> bool:
    """Whether the network still has it, for the connection that the account has now."""
    kept = descriptor(account.network).kept
    young = kept is not None and row.since is not None and row.since <= now < row.since + kept - SPARE
    return young and row.connection == fingerprint(account.token_closed)


def publication(payload: Mapping[str, Any], media: Sequence[Media]) -> Publication:
    """What an effect publishes."""
    return Publication(text=payload["text"], link=payload["link"], media=tuple(media))

"""Our own small pictures of what comments show are fetched, soon: the addresses that networks give expire."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.accounts import Account
from models.comments import Attachment, Comment
from models.errors import Gone, Rejected, Transient
from models.locks import Locks
from models.session import Database
from models.vocabulary import CommentKind

log = logging.getLogger(__name__)

AT_ONCE = 20
"""Pictures of one account in one turn, so that others have theirs."""
TRIES = 3
AGAIN = timedelta(minutes=10)
"""Before another try; of an address that expired, the comment is rechecked meanwhile and gives another."""


def accounts_to_fetch(session: Session, *, now: datetime) -> list[int]:
    """Ids of accounts with pictures to fetch."""
    due = select(Comment.account_id).join(Attachment, Attachment.comment_id == Comment.id)
    return list(session.scalars(due.where(Attachment.fetch_due_at <= now).distinct()))


def fetch(
    database: Database,
    locks: Locks,
    picture_of: Callable[[str, str], bytes],
    account_id: int,
    *,
    clock: Callable[[], datetime],
) -> int:
    """Fetch what is due of one account, the newest first; gives how many pictures are kept of it.

    `picture_of` gives a JPEG from the name of a network and an address (`connectors.registry.picture`).
    """
    with locks.try_hold(f"fetch:{account_id}") as ours:
        if not ours:
            return 0
        with database.read() as session:
            network = session.get_one(Account, account_id).network
            due = session.execute(
                select(Attachment.id, Attachment.picture_address)
                .join(Comment, Comment.id == Attachment.comment_id)
                .where(Comment.account_id == account_id, Attachment.fetch_due_at <= clock())
                .order_by(Attachment.id.desc())
                .limit(AT_ONCE)
            ).all()
        kept = 0
        for attachment_id, address in due:
            picture = failure = None
            try:
                picture = picture_of(network, address or "")
            except Rejected as error:
                failure = error.reason
            except Gone:
                failure = "gone"
            except Transient:
                failure = "unreachable"
            with database.write() as session:
                kept += _record(session, attachment_id, picture, failure, now=clock())
        return kept


def _record(session: Session, attachment_id: int, picture: bytes | None, failure: str | None, *, now: datetime) -> bool:
    # The comment before what is in it, as in everything that stores.
    of_comment = select(Comment).join(Attachment, Attachment.comment_id == Comment.id)
    comment = session.scalars(of_comment.where(Attachment.id == attachment_id).with_for_update(of=Comment)).one()
    attachment = session.get_one(Attachment, attachment_id)
    if attachment.fetch_due_at is None:
        return False  # Its author took it away meanwhile, or it was disposed of.
    attachment.tries += 1
    if picture is None:
        log.info("picture of attachment %s: %s", attachment_id, failure)
    if failure in ("gone", "unreachable") and attachment.tries < TRIES:
        attachment.fetch_due_at = now + AGAIN * attachment.tries
        if failure == "gone" and comment.kind != CommentKind.MESSAGE:
            comment.recheck_due_at = comment.recheck_due_at or now
        return False
    attachment.picture, attachment.failure, attachment.fetch_due_at = picture, failure, None
    return picture is not None

"""Comments come in: webhook bodies are parsed and pages are read, and everything is stored once, whatever the order.

Networks repeat, reorder and lose what they tell us. So a comment's end state is a function of the *set* of
observations, not of their sequence: texts are ordered by when they were true on the network, visibility and removal
by when they were observed, and a removal that comes before its own add leaves a tombstone that the add fills.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from connectors.base import (
    Change,
    CommentRemoved,
    CommentSeen,
    Network,
    Page,
    PostSeen,
    Unreadable,
    VisibilityChanged,
    Webhook,
)
from models.accounts import Account, Delivery, SetAside
from models.comments import Author, Comment, CommentVersion, SourcePost
from models.errors import FarSideError, PermissionMissing, Throttled, TokenInvalid
from models.locks import Locks
from models.session import Database
from models.vocabulary import AccountState, CommentState, DeliveryState, NetworkName

log = logging.getLogger(__name__)

_RANK = {"add": 0, "pull": 1, "edit": 2}
"""Which observation wins when two texts were true in the same second (webhooks count in seconds)."""


def receive(session: Session, network: NetworkName, raw: bytes, *, now: datetime) -> None:
    """Keep one webhook body whose signature was checked. The caller commits before it answers 200."""
    session.add(Delivery(network=network, raw=raw, received_at=now))


def parse_due(database: Database, webhook_of: Callable[[NetworkName], Webhook], *, now: datetime) -> int:
    """Parse deliveries that wait, oldest first, in one transaction; gives how many were taken up.

    If one of them breaks the batch, each is tried alone, and the one at fault is kept, marked and said.
    """
    with database.read() as session:
        waiting = list(
            session.scalars(
                select(Delivery.id).where(Delivery.state == DeliveryState.RECEIVED).order_by(Delivery.id).limit(100)
            )
        )
    if not waiting:
        return 0
    try:
        with database.write() as session:
            _parse(session, waiting, webhook_of, now=now)
    except Exception:
        log.exception("a batch of %s deliveries failed; each is parsed alone", len(waiting))
        for delivery_id in waiting:
            _parse_alone(database, delivery_id, webhook_of, now=now)
    return len(waiting)


def _parse_alone(
    database: Database, delivery_id: int, webhook_of: Callable[[NetworkName], Webhook], *, now: datetime
) -> None:
    try:
        with database.write() as session:
            _parse(session, [delivery_id], webhook_of, now=now)
    except Exception as error:
        log.exception("delivery %s cannot be stored", delivery_id)
        with database.write() as session:
            session.execute(
                update(Delivery)
                .where(Delivery.id == delivery_id)
                .values(state=DeliveryState.UNREADABLE, error=type(error).__name__)
            )


def _parse(
    session: Session, ids: Sequence[int], webhook_of: Callable[[NetworkName], Webhook], *, now: datetime
) -> None:
    deliveries = session.scalars(
        select(Delivery)
        .where(Delivery.id.in_(ids), Delivery.state == DeliveryState.RECEIVED)
        .order_by(Delivery.id)
        .with_for_update(skip_locked=True)
    ).all()
    changes: dict[tuple[NetworkName, str], list[tuple[int, Change]]] = defaultdict(list)
    for delivery in deliveries:
        network = NetworkName(delivery.network)
        delivery.state = DeliveryState.PARSED
        try:
            events = webhook_of(network).parse(delivery.raw or b"")
        except ValueError:
            delivery.state, delivery.error = DeliveryState.UNREADABLE, "not_json"
            continue
        for event in events:
            if isinstance(event.change, Unreadable) or event.account_external_id is None:
                reason = event.change.reason if isinstance(event.change, Unreadable) else "no_account"
                raw = event.change.raw if isinstance(event.change, Unreadable) else repr(event.change)
                _set_aside(session, delivery.id, network, event.account_external_id, reason, raw, now=now)
            else:
                changes[network, event.account_external_id].append((delivery.id, event.change))
    for (network, external_id), entries in sorted(changes.items()):
        account = _account(session, network, external_id)
        if account is not None:
            store(session, account, [change for _, change in entries], now=now)
            continue
        # Kept until somebody adds the account: `reroute` then parses the whole delivery again.
        for delivery_id in sorted({delivery_id for delivery_id, _ in entries}):
            _set_aside(session, delivery_id, network, external_id, "unroutable", None, now=now)


def reroute(session: Session, account: Account, *, now: datetime) -> int:
    """A new account: deliveries that came for it before it was known are parsed again. Gives how many."""
    waiting = session.scalars(
        select(SetAside).where(
            SetAside.network == account.network,
            SetAside.account_external_id == account.external_id,
            SetAside.reason == "unroutable",
            SetAside.settled_at.is_(None),
        )
    ).all()
    for entry in waiting:
        entry.settled_at = now
    deliveries = [entry.delivery_id for entry in waiting]
    session.execute(update(Delivery).where(Delivery.id.in_(deliveries)).values(state=DeliveryState.RECEIVED))
    return len(waiting)


def pull(
    database: Database,
    locks: Locks,
    network_of: Callable[[int], Network],
    account_id: int,
    *,
    clock: Callable[[], datetime],
    every: timedelta,
    budget: int = 50,
) -> int:
    """Read one account to the end of its round, each page and its cursor in one transaction.

    Gives how many comments the pages had. A network that says no (throttled, dead token) stops this account only,
    and the account says why; what was read before stays, and the next pull goes on from there.
    """
    with locks.try_hold(f"pull:{account_id}") as ours:
        if not ours:
            return 0
        read = 0
        try:
            network = network_of(account_id)
            more = True
            while more:
                with database.read() as session:
                    cursor = session.scalar(select(Account.cursor).where(Account.id == account_id))
                started = clock()
                page = network.pull(cursor, budget)
                with database.write() as session:
                    _store_page(session, account_id, page, started=started, now=clock(), every=every)
                read += len(page.comments)
                more = page.more
        except FarSideError as error:
            with database.write() as session:
                _say_why(session, account_id, error, now=clock(), every=every)
        return read


def pulls_due(session: Session, *, now: datetime) -> list[int]:
    """Ids of accounts whose next pull is due and that can be read."""
    return list(
        session.scalars(
            select(Account.id).where(
                Account.pull_due_at <= now,
                Account.state != AccountState.TOKEN_INVALID,
                Account.throttled_until.is_(None) | (Account.throttled_until <= now),
            )
        )
    )


def _store_page(
    session: Session, account_id: int, page: Page, *, started: datetime, now: datetime, every: timedelta
) -> None:
    account = session.execute(select(Account).where(Account.id == account_id).with_for_update()).scalar_one()
    store(session, account, [*page.posts, *page.comments], now=now)
    account.cursor = page.cursor
    account.round_started_at = account.round_started_at or started
    if not page.more:
        account.pulled_at, account.round_started_at = account.round_started_at, None
        account.pull_due_at = now + every
    if page.usage is not None:
        account.usage_percent = page.usage.percent
        account.throttled_until = page.usage.resume_at
    if account.state == AccountState.TOKEN_INVALID:
        account.state, account.state_reason, account.state_since = AccountState.ACTIVE, None, now


def _say_why(session: Session, account_id: int, error: FarSideError, *, now: datetime, every: timedelta) -> None:
    account = session.get_one(Account, account_id)
    account.pull_due_at = now + every
    match error:
        case Throttled():
            account.throttled_until = error.until
        case TokenInvalid():
            account.state, account.state_reason, account.state_since = AccountState.TOKEN_INVALID, error.reason, now
        case PermissionMissing():
            account.state, account.state_since = AccountState.PERMISSION_MISSING, now
            account.state_reason = error.name
        case _:
            log.warning("pull of account %s stopped: %s", account_id, type(error).__name__)


# Storing -----------------------------------------------------------------------------------------------------------


def store(session: Session, account: Account, changes: Iterable[Change], *, now: datetime) -> None:
    """Store what was observed about one account. Storing the same again, or in another order, changes nothing."""
    # One writer an account at a time: two workers with the same comment would otherwise both insert it.
    session.execute(select(Account.id).where(Account.id == account.id).with_for_update())
    changes = list(changes)
    posts = _posts(session, account, changes)
    comments = _comments(session, account, changes)
    authors = _authors(session, account, changes)
    for change in changes:
        if isinstance(change, PostSeen | Unreadable):
            continue
        comment = comments.get(change.external_id)
        if comment is None:
            comment = _new(account, change.external_id, now=now)
            session.add(comment)
            comments[change.external_id] = comment
        if change.post_external_id is not None:
            comment.source_post = posts[change.post_external_id]
        match change:
            case CommentSeen():
                _observe(session, comment, change, authors, now=now)
            case CommentRemoved():
                comment.removed_at = max(comment.removed_at or change.at, change.at)
            case VisibilityChanged():
                _set_visibility(comment, change.hidden, change.at)
        _settle(comment)
    session.flush()


def _new(account: Account, external_id: str, *, now: datetime) -> Comment:
    return Comment(
        account_id=account.id,
        borough_id=account.borough_id,
        external_id=external_id,
        created_at=now,
        received_at=now,
        state=CommentState.HANDLED,
        hidden=False,
        by_city=False,
        version=0,
        lane=2,
        source_post=None,
        author=None,
    )


def _observe(
    session: Session, comment: Comment, seen: CommentSeen, authors: dict[str, Author], *, now: datetime
) -> None:
    first = comment.version == 0
    if seen.said_at is not None and (first or seen.said_at < comment.created_at):
        comment.created_at = seen.said_at
    comment.parent_external_id = seen.parent_external_id or comment.parent_external_id
    comment.permalink = seen.permalink or comment.permalink
    comment.by_city = comment.by_city or seen.by_account
    if seen.author_external_id is not None:
        author = authors[seen.author_external_id]
        author.name = cleaned(seen.author_name) or author.name
        comment.author = author
    if seen.hidden is not None:
        _set_visibility(comment, seen.hidden, seen.seen_at)
    if seen.text is not None or first:
        _add_text(session, comment, seen, now=now)
    if seen.source == "pull":
        was_removed = comment.removed
        comment.present_at = max(comment.present_at or seen.seen_at, seen.seen_at)
        if was_removed and not comment.removed and not comment.by_city:
            comment.state, comment.queued_at = CommentState.RECEIVED, comment.queued_at or now


def _add_text(session: Session, comment: Comment, seen: CommentSeen, *, now: datetime) -> None:
    """Keep one more text, unless it is known, and let the one that was true last stand in the comment."""
    text = cleaned(seen.text)
    known: list[CommentVersion] = []
    if comment.version:
        if seen.source == "pull" and text == comment.text:
            return
        if comment in session.new:
            session.flush()
        known = list(session.scalars(select(CommentVersion).where(CommentVersion.comment_id == comment.id)))
        if any(
            (v.source, v.text, v.said_at, v.seen_at) == (seen.source, text, seen.said_at, seen.seen_at) for v in known
        ):
            return
    version = CommentVersion(comment=comment, source=seen.source, text=text, said_at=seen.said_at, seen_at=seen.seen_at)
    session.add(version)
    newest = max([*known, version], key=lambda candidate: _true_at(comment, candidate))
    if comment.version and newest.text == comment.text:
        return
    comment.text = newest.text
    comment.version += 1
    if comment.disposed_at is None:
        comment.state = CommentState.RECEIVED
        comment.queued_at = comment.queued_at or now


def _true_at(comment: Comment, version: CommentVersion) -> tuple[datetime, int, str]:
    """Orders texts by when they were true.

    An edit's `said_at` is the time of the edit on some networks and still the creation on others; only when it is
    later than the creation does it tell anything, else the notification's own time does. A pull that found the text
    standing confirms it until then.
    """
    at = version.seen_at
    if version.source == "add":
        at = version.said_at or version.seen_at
    elif version.source == "edit" and version.said_at is not None and version.said_at > comment.created_at:
        at = version.said_at
    if version.text == comment.text and comment.present_at is not None:
        at = max(at, comment.present_at)
    return at.replace(microsecond=0), _RANK[version.source], version.text or ""


def _set_visibility(comment: Comment, hidden: bool, at: datetime) -> None:  # noqa: FBT001
    if comment.hidden_at is None or at >= comment.hidden_at:
        comment.hidden, comment.hidden_at = hidden, at


def _settle(comment: Comment) -> None:
    """The city's own comments and what is gone need nobody; what came back, or changed, does."""
    waiting = comment.state in (CommentState.RECEIVED, CommentState.WAITING)
    if waiting and (comment.by_city or comment.removed):
        comment.state = CommentState.HANDLED


def cleaned(text: str | None) -> str | None:
    """What every database can keep: no NUL, no half of a surrogate pair; all else stays as the citizen wrote it."""
    if text is None:
        return None
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")


def _account(session: Session, network: NetworkName, external_id: str) -> Account | None:
    return session.scalar(select(Account).where(Account.network == network, Account.external_id == external_id))


def _set_aside(
    session: Session,
    delivery_id: int,
    network: NetworkName,
    account_external_id: str | None,
    reason: str,
    raw: str | None,
    *,
    now: datetime,
) -> None:
    session.add(
        SetAside(
            delivery_id=delivery_id,
            network=network,
            account_external_id=account_external_id,
            reason=reason,
            raw=cleaned(raw),
            at=now,
        )
    )


def _posts(session: Session, account: Account, changes: Sequence[Change]) -> dict[str, SourcePost]:
    seen = {change.external_id: change for change in changes if isinstance(change, PostSeen)}
    wanted = set(seen) | {
        change.post_external_id
        for change in changes
        if not isinstance(change, PostSeen | Unreadable) and change.post_external_id is not None
    }
    posts = {
        post.external_id: post
        for post in session.scalars(
            select(SourcePost).where(SourcePost.account_id == account.id, SourcePost.external_id.in_(wanted))
        )
    }
    for external_id in sorted(wanted):
        post = posts.get(external_id)
        if post is None:
            post = SourcePost(account_id=account.id, external_id=external_id)
            session.add(post)
            posts[external_id] = post
        said = seen.get(external_id)
        if said is not None:
            post.text = cleaned(said.text) or post.text
            post.permalink = said.permalink or post.permalink
            post.created_at = said.created_at or post.created_at
    return posts


def _comments(session: Session, account: Account, changes: Sequence[Change]) -> dict[str, Comment]:
    wanted = {change.external_id for change in changes if not isinstance(change, PostSeen | Unreadable)}
    statement = select(Comment).where(Comment.account_id == account.id, Comment.external_id.in_(wanted))
    return {comment.external_id: comment for comment in session.scalars(statement)}


def _authors(session: Session, account: Account, changes: Sequence[Change]) -> dict[str, Author]:
    wanted = {
        change.author_external_id
        for change in changes
        if isinstance(change, CommentSeen) and change.author_external_id is not None
    }
    if not wanted:
        return {}
    # Authors are shared by the accounts of a network, so two accounts' workers may meet on one: the database decides.
    insert: Any = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    rows = [{"network": account.network, "external_id": external_id} for external_id in sorted(wanted)]
    session.execute(insert(Author).values(rows).on_conflict_do_nothing())
    statement = select(Author).where(Author.network == account.network, Author.external_id.in_(wanted))
    return {author.external_id: author for author in session.scalars(statement)}

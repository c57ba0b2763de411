"""What was observed on the networks is stored once, and the order in which it was told changes nothing.

Networks repeat, reorder and lose what they tell us. So a comment's end state is a function of the *set* of
observations, not of their sequence: texts are ordered by when they were true on the network, visibility and removal
by when they were observed, and a removal that comes before its own add leaves a tombstone that the add fills. So is
the suspicion that it is gone: what was there when its thread was read whole, and was not met since.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from connectors.base import Change, CommentRemoved, CommentSeen, PostSeen, Unreadable, VisibilityChanged
from models.accounts import Account, SetAside
from models.comments import LAG, Author, Comment, CommentVersion, SourcePost
from models.vocabulary import CommentKind, CommentState, PostKind

log = logging.getLogger(__name__)

LONGEST_NAME, LONGEST_LINK = 200, 500
"""Characters that the columns take; PostgreSQL refuses more."""


def store(session: Session, account: Account, changes: Iterable[Change], *, now: datetime) -> None:
    """Store what was observed about one account. Storing the same again, or in another order, changes nothing.

    A change that cannot be stored is set aside alone, so that it holds back neither its neighbours nor the cursor.
    """
    # One writer an account at a time: two workers with the same comment would otherwise both insert it. The key stays
    # free to be referred to: a decision that owes an effect must not wait for a batch that waits for its comment.
    session.execute(select(Account.id).where(Account.id == account.id).with_for_update(key_share=True))
    changes = list(changes)
    try:
        with session.begin_nested():
            _store(session, account, changes, now=now)
    except OperationalError:
        raise
    except Exception:
        log.exception("%s changes of account %s failed; each is stored alone", len(changes), account.id)
        for change in changes:
            _store_alone(session, account, change, now=now)


def _store_alone(session: Session, account: Account, change: Change, *, now: datetime) -> None:
    try:
        with session.begin_nested():
            _store(session, account, [change], now=now)
    except OperationalError:
        raise
    except Exception as error:
        log.exception("a change of account %s cannot be stored", account.id)
        # A pull meets the same one in every round: it is set aside once.
        reason = f"not_stored:{type(error).__name__}:{getattr(change, 'external_id', '')}"
        about = {"network": account.network, "account_external_id": account.external_id}
        about["reason"] = (cleaned(reason) or "")[:100]
        if session.scalar(select(SetAside.id).filter_by(**about, settled_at=None).limit(1)) is None:
            session.add(SetAside(**about, raw=cleaned(repr(change)), at=now))


def _store(session: Session, account: Account, changes: Sequence[Change], *, now: datetime) -> None:
    comments = _comments(session, account, changes)
    posts = _posts(session, account, changes, comments)
    versions = _versions(session, comments, changes)
    authors = _authors(session, account, changes)
    for change in changes:
        if isinstance(change, PostSeen | Unreadable):
            continue
        comment = comments.get(change.external_id)
        if comment is None:
            comment = comments[change.external_id] = _new(account, change.external_id, now=now)
            session.add(comment)
        post = posts.get(change.post_external_id or comment.source_post_id)
        if post is not None:
            comment.source_post = post
        match change:
            case CommentSeen():
                _observe(comment, change, versions[change.external_id], authors, now=now)
            case CommentRemoved():
                comment.removed_at = max(comment.removed_at or change.at, change.at)
            case VisibilityChanged():
                set_visibility(comment, change.hidden, change.at)
                if change.hidden and change.by_account:
                    comment.hidden_there_at = max(comment.hidden_there_at or change.at, change.at)
        settle(comment)
        if _suspected(comment, post):
            comment.look_due_at = comment.look_due_at or now + LAG
        else:
            comment.look_due_at = None
    for of_comment in versions.values():
        session.add_all(of_comment)
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
        kind=CommentKind.COMMENT,
        source_post=None,
        author=None,
    )


def _observe(
    comment: Comment, seen: CommentSeen, versions: list[CommentVersion], authors: dict[str, Author], *, now: datetime
) -> None:
    comment.parent_external_id = seen.parent_external_id or comment.parent_external_id
    comment.permalink = _link(seen.permalink) or comment.permalink
    comment.by_city = comment.by_city or seen.by_account
    # No observation takes back that it is a review or a mention: webhooks tell of both as of any comment.
    comment.kind = max(CommentKind(comment.kind), seen.kind, key=list(CommentKind).index)
    if seen.rating is not None and (
        comment.rated_at is None or (seen.seen_at, seen.rating) > (comment.rated_at, comment.rating)
    ):
        comment.rating, comment.rated_at = seen.rating, seen.seen_at
    if seen.hidden is not None:
        set_visibility(comment, seen.hidden, seen.seen_at)
    was_removed = comment.removed
    if seen.source == "pull":
        comment.present_at = max(comment.present_at or seen.seen_at, seen.seen_at)
    if comment.disposed_at is not None:
        # Lawfully disposed of: what the network still shows is not taken back in.
        return
    if seen.author_external_id is not None:
        comment.author = authors[seen.author_external_id]
    _keep(comment, seen, versions)
    newest = max(versions, key=_true_at(versions))
    comment.created_at = _created_at(versions)
    if not comment.version or newest.text != comment.text:
        comment.text = newest.text
        comment.version += 1
        _wait(comment, now=now)
    elif was_removed and not comment.removed:
        _wait(comment, now=now)


def _wait(comment: Comment, *, now: datetime) -> None:
    """It is to be read again; one that had left the queue goes to its end, one that waits keeps its place."""
    if comment.state == CommentState.HANDLED:
        comment.queued_at = now
    comment.state = CommentState.RECEIVED


def settle(comment: Comment) -> None:
    """The city's own comments and what is gone need nobody."""
    waiting = comment.state in (CommentState.RECEIVED, CommentState.WAITING)
    if waiting and (comment.by_city or comment.removed):
        comment.state = CommentState.HANDLED


def _suspected(comment: Comment, post: SourcePost | None) -> bool:
    """Whether it was there when its thread was read whole, and was not met since. `sweep` says the same in SQL."""
    # Of a comment that only a change of its visibility told of, that is the first thing known.
    there_at = comment.created_at if comment.version else comment.hidden_at
    if post is None or post.read_at is None or there_at is None or comment.removed or comment.disposed_at is not None:
        return False
    return there_at < post.read_at and (comment.present_at is None or comment.present_at < post.read_at)


def set_visibility(comment: Comment, hidden: bool, at: datetime) -> None:  # noqa: FBT001
    """Keep that it was hidden, or visible to all, at that time."""
    if not hidden:
        comment.shown_at = max(comment.shown_at or at, at)
    # Networks count in seconds: of two observations of one second, "hidden" stands, whichever came first.
    if comment.hidden_at is None or (at, hidden) > (comment.hidden_at, comment.hidden):
        comment.hidden, comment.hidden_at = hidden, at


# Versions of a text ------------------------------------------------------------------------------------------------


def _keep(comment: Comment, seen: CommentSeen, versions: list[CommentVersion]) -> None:
    """Add one observation to what is known of the texts.

    Every edit is kept. An add and the pulls that found the same text standing are one version, so that rounds of
    pulls over the same page add nothing: its `said_at` is the earliest time told, its `seen_at` the last time that a
    pull saw it there.
    """
    text = cleaned(seen.text)
    said_at = seen.said_at
    if seen.source == "edit":
        same = [
            v
            for v in versions
            if v.source == "edit" and (v.text, v.said_at, v.seen_at) == (text, said_at, seen.seen_at)
        ]
        if same:
            return
    else:
        said_at = said_at or seen.seen_at
        standing = next((v for v in versions if v.source != "edit" and v.text == text), None)
        if standing is not None:
            standing.said_at = min(standing.said_at or said_at, said_at)
            if standing.source == seen.source == "pull":
                standing.seen_at = max(standing.seen_at, seen.seen_at)
            elif seen.source == "pull":
                standing.source, standing.seen_at = "pull", seen.seen_at
            elif standing.source == "add":
                standing.seen_at = min(standing.seen_at, seen.seen_at)
            return
    versions.append(
        CommentVersion(comment=comment, source=seen.source, text=text, said_at=said_at, seen_at=seen.seen_at)
    )


def _created_at(versions: Sequence[CommentVersion]) -> datetime:
    return min(version.said_at or version.seen_at for version in versions)


def _true_at(versions: Sequence[CommentVersion]) -> Callable[[CommentVersion], tuple[Any, ...]]:
    """The order in which texts were true, as a key that is higher for the later one.

    What an add said came first. A pull's text was true when it was read. An edit's `said_at` is the time of the edit
    on some networks and still the creation on others: it tells something where an edit of this comment says a time
    later than the creation, else the notification's own time does. Webhooks count in seconds; in the same second, an
    edit came after what a pull read. A text that the network did not say never replaces one that it did.
    """
    created_at = _created_at(versions)
    edits_tell = any(v.source == "edit" and v.said_at is not None and v.said_at > created_at for v in versions)

    def key(version: CommentVersion) -> tuple[Any, ...]:
        said_at = version.said_at or version.seen_at
        at = said_at if version.source == "add" or (version.source == "edit" and edits_tell) else version.seen_at
        told = version.text is not None
        rank = ("add", "pull", "edit").index(version.source)
        return told, rank > 0, at.replace(microsecond=0), rank, version.seen_at, version.text or ""

    return key


def texts(versions: Sequence[CommentVersion]) -> list[CommentVersion]:
    """Each text that a comment had, once, the oldest first."""
    latest: dict[str, CommentVersion] = {}
    for version in sorted(versions, key=_true_at(versions)) if versions else ():
        if version.text is not None:
            latest.pop(version.text, None)
            latest[version.text] = version
    return list(latest.values())


def cleaned(text: str | None) -> str | None:
    """What every database can keep: no NUL, no half of a surrogate pair; all else stays as the citizen wrote it."""
    if text is None:
        return None
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")


def _link(link: str | None) -> str | None:
    """A link that is too long to be kept whole would lead nowhere."""
    return cleaned(link) if link is not None and len(link) <= LONGEST_LINK else None


# What a batch is about, each in one query -------------------------------------------------------------------------


def _posts(
    session: Session, account: Account, changes: Sequence[Change], comments: dict[str, Comment]
) -> dict[str | int | None, SourcePost]:
    """The posts that a batch is about, or whose comments it is about: by their external ids, and by their own."""
    said = [change for change in changes if isinstance(change, PostSeen)]
    wanted = {change.external_id for change in said} | {
        change.post_external_id
        for change in changes
        if not isinstance(change, PostSeen | Unreadable) and change.post_external_id is not None
    }
    known = {comment.source_post_id for comment in comments.values() if comment.source_post_id is not None}
    statement = select(SourcePost).where(
        SourcePost.account_id == account.id, SourcePost.external_id.in_(wanted) | SourcePost.id.in_(known)
    )
    posts: dict[str | int | None, SourcePost] = {}
    for post in session.scalars(statement):
        posts[post.external_id] = posts[post.id] = post
    for external_id in sorted(wanted - posts.keys()):
        posts[external_id] = SourcePost(account_id=account.id, external_id=external_id, kind=PostKind.POST)
        session.add(posts[external_id])
    for change in said:
        _learn(posts[change.external_id], change)
    return posts


def _learn(post: SourcePost, said: PostSeen) -> None:
    post.text = cleaned(said.text) or post.text
    post.permalink = _link(said.permalink) or post.permalink
    post.created_at = said.created_at or post.created_at
    # A webhook says of a reel or an advertisement that it is a post.
    post.kind = said.kind if said.kind is not PostKind.POST else post.kind
    post.comment_count = post.comment_count if said.comments is None else said.comments
    if said.ad is not None:
        post.ad_id, post.campaign_id = said.ad.ad_id, said.ad.campaign_id or post.campaign_id
        if said.ad.spend is not None:
            post.spend_micros, post.currency = int(said.ad.spend * 1_000_000), said.ad.currency


def _comments(session: Session, account: Account, changes: Sequence[Change]) -> dict[str, Comment]:
    """The comments that are known, locked: a verdict or a decision that comes meanwhile waits for the newer text."""
    wanted = {change.external_id for change in changes if not isinstance(change, PostSeen | Unreadable)}
    statement = select(Comment).where(Comment.account_id == account.id, Comment.external_id.in_(wanted))
    # What this session read before it had the lock may be out of date.
    statement = statement.order_by(Comment.id).with_for_update().execution_options(populate_existing=True)
    return {comment.external_id: comment for comment in session.scalars(statement)}


def _versions(
    session: Session, comments: dict[str, Comment], changes: Sequence[Change]
) -> defaultdict[str, list[CommentVersion]]:
    by_id = {
        comments[change.external_id].id: change.external_id
        for change in changes
        if isinstance(change, CommentSeen) and change.external_id in comments
    }
    versions: defaultdict[str, list[CommentVersion]] = defaultdict(list)
    for version in session.scalars(select(CommentVersion).where(CommentVersion.comment_id.in_(by_id))):
        versions[by_id[version.comment_id]].append(version)
    return versions


def _authors(session: Session, account: Account, changes: Sequence[Change]) -> dict[str, Author]:
    """Authors of the batch, with the name that was heard last."""
    names: dict[str, str | None] = {}
    for change in changes:
        if isinstance(change, CommentSeen) and change.author_external_id is not None:
            name = (cleaned(change.author_name) or "")[:LONGEST_NAME] or None
            names[change.author_external_id] = name or names.get(change.author_external_id)
    if not names:
        return {}
    # Authors are shared by the accounts of a network, so two accounts' workers may meet on one: the database decides.
    insert: Any = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    rows = [
        {"network": account.network, "external_id": external_id, "name": names[external_id]}
        for external_id in sorted(names)
    ]
    session.execute(insert(Author).values(rows).on_conflict_do_nothing())
    statement = select(Author).where(Author.network == account.network, Author.external_id.in_(names))
    authors = {author.external_id: author for author in session.scalars(statement)}
    for external_id, author in authors.items():
        author.name = names[external_id] or author.name
    return authors

"""What was observed on the networks is stored once, and the order in which it was told changes nothing.

The rules are in `merging`; here is what a batch of observations is about, read in a few queries, and what changed of
it, written in a few more. Ten thousand comments a round pass here, so they are plain values and not mapped objects.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from connectors.base import Change, CommentSeen, PostSeen, Public, Talk, Unreadable
from models import search, source_posts
from models.accounts import Account, SetAside
from models.comments import BY_NAME, Attachment, Author, Comment, CommentVersion, SourcePost, forget_names
from models.session import upsert
from models.text import cleaned, web_link
from models.vocabulary import ItemState, PostKind
from moderation import items
from moderation.intake import messages
from moderation.intake.merging import CommentState, Observation, Shown, Version, merge

log = logging.getLogger(__name__)

LONGEST_NAME = 200
"""Characters that the column takes; PostgreSQL refuses more."""
LONGEST_KEY = 100

_OF_COMMENT = tuple(one.name for one in fields(CommentState) if one.name not in ("versions", "shown", "waits"))
_OF_VERSION, _OF_SHOWN = (tuple(one.name for one in fields(part)) for part in (Version, Shown))
_known_row, _version_row, _shown_row = (attrgetter(*names) for names in (_OF_COMMENT, _OF_VERSION, _OF_SHOWN))
_AS_GIVEN = {"render_nulls": True}
"""All rows in one statement, whatever is not known of some of them."""


def store(
    session: Session, account: Account, changes: Iterable[Change], *, now: datetime, history: bool = False
) -> None:
    """Store what was observed about one account. Storing the same again, or in another order, changes nothing.

    A change that cannot be stored is set aside alone, so that it holds back neither its neighbours nor the cursor.
    `history`: private messages are from before the account was connected.
    """
    # One writer an account at a time: two workers with the same comment would otherwise both insert it. The key stays
    # free to be referred to: a decision that owes an effect must not wait for a batch that waits for its comment.
    session.execute(select(Account.id).where(Account.id == account.id).with_for_update(key_share=True))
    changes = list(changes)
    try:
        with session.begin_nested():
            _store(session, account, changes, now=now, history=history)
    except OperationalError:
        raise
    except Exception:
        log.exception("%s changes of account %s failed; each is stored alone", len(changes), account.id)
        for change in changes:
            _store_alone(session, account, change, now=now, history=history)


def _store_alone(session: Session, account: Account, change: Change, *, now: datetime, history: bool) -> None:
    try:
        with session.begin_nested():
            _store(session, account, [change], now=now, history=history)
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


def _store(session: Session, account: Account, changes: Sequence[Change], *, now: datetime, history: bool) -> None:
    told = [change for change in changes if isinstance(change, Talk)]
    messages.store(session, account, told, now=now, history=history)
    public = [change for change in changes if not isinstance(change, Talk)]
    if told and not public:
        return
    observations = [change for change in public if not isinstance(change, PostSeen | Unreadable)]
    if not all(change.external_id for change in observations):
        raise ValueError("no id")  # What several citizens wrote would be one comment.
    comments = _comments(session, account, observations)
    before = {one.id: _known_row(one) for one in comments.values()}
    versions_before = {of.id: _version_row(of) for one in comments.values() for of in one.versions}
    shown_before = {of.id: _shown_row(of) for one in comments.values() for of in one.shown}
    posts = _posts(session, account, public, comments.values())
    authors, names, renamed = _authors(session, account, observations, comments)
    wrote_before = {one.author_id for one in comments.values()}
    said_before = {one.id: (one.text, one.author_id) for one in comments.values()}
    for change in observations:
        known = comments.get(change.external_id)
        if known is None:
            known = comments[change.external_id] = CommentState(None, change.external_id, now)
        post = posts.get(change.post_external_id or known.source_post_id)
        if post is not None:
            known.source_post_id = post.id
        merge(
            known,
            change,
            author_id=authors.get(change.external_id),
            read_at=None if post is None else post.read_at,
            now=now,
        )
    for one in comments.values():
        if one.disposed_at is None and (one.text, one.author_id) != said_before.get(one.id):
            one.search_text = search.text_of(one.text, names.get(one.author_id))
    new = [one for one in comments.values() if one.id is None]
    # What the city wrote, and what was gone before its words came, never waited for anybody.
    nobodys = {one.external_id for one in comments.values() if not one.version or (one.id is None and one.by_city)}
    _insert(session, account, new, now=now)
    _update(session, Comment, _OF_COMMENT, before, map(_known_row, comments.values()))
    _find_by(session, {author_id: names[author_id] for author_id in renamed})
    for waits, state in ((True, ItemState.RECEIVED), (False, ItemState.HANDLED)):
        moved = [one.id for one in comments.values() if one.waits is waits and one.external_id not in nobodys]
        items.put(session, [one for one in moved if one is not None], state, now=now)
    forget_names(session, wrote_before - {None} - {one.author_id for one in comments.values()})
    versions = [(one.id, of) for one in comments.values() for of in one.versions]
    _write(session, CommentVersion, _OF_VERSION, versions_before, versions, _version_row)
    shown = [(one.id, of) for one in comments.values() for of in one.shown]
    _write(session, Attachment, _OF_SHOWN, shown_before, shown, _shown_row)


# What a batch is about, each in one query -------------------------------------------------------------------------


def _posts(
    session: Session, account: Account, changes: Sequence[Public], comments: Iterable[CommentState]
) -> dict[str | int | None, SourcePost]:
    """The posts that a batch is about, or whose comments it is about: by their external ids, and by their own."""
    said = [change for change in changes if isinstance(change, PostSeen)]
    wanted = {change.external_id for change in said} | {
        change.post_external_id
        for change in changes
        if not isinstance(change, PostSeen | Unreadable) and change.post_external_id is not None
    }
    known = {comment.source_post_id for comment in comments if comment.source_post_id is not None}
    posts: dict[str | int | None, SourcePost] = dict(source_posts.meet(session, account.id, wanted).items())
    posts |= {post.id: post for post in posts.values()}
    elsewhere = known - posts.keys()
    if elsewhere:
        posts |= {one.id: one for one in session.scalars(select(SourcePost).where(SourcePost.id.in_(elsewhere)))}
    for change in said:
        _learn(posts[change.external_id], change)
    session.flush()
    return posts


def _learn(post: SourcePost, said: PostSeen) -> None:
    if post.text != "":  # What was disposed of does not come back with the next listing.
        post.text = cleaned(said.text) or post.text
        post.permalink = web_link(said.permalink) or post.permalink
    post.created_at = said.created_at or post.created_at
    # A webhook says of a reel or an advertisement that it is a post.
    post.kind = said.kind if said.kind is not PostKind.POST else post.kind
    post.comment_count = post.comment_count if said.comments is None else said.comments
    if said.ad is not None:
        post.ad_id, post.campaign_id = said.ad.ad_id, said.ad.campaign_id or post.campaign_id
        if said.ad.spend is not None:
            post.spend_micros, post.currency = int(said.ad.spend * 1_000_000), said.ad.currency


def _comments(session: Session, account: Account, observations: Sequence[Observation]) -> dict[str, CommentState]:
    """The comments that are known, locked: a verdict or a decision that comes meanwhile waits for the newer text."""
    wanted = {change.external_id for change in observations}
    statement = select(*(getattr(Comment, name) for name in _OF_COMMENT))
    statement = statement.where(Comment.account_id == account.id, Comment.external_id.in_(wanted))
    comments = [CommentState(*row) for row in session.execute(statement.order_by(Comment.id).with_for_update())]
    by_id = {one.id: one for one in comments}
    of_version = select(CommentVersion.comment_id, *(getattr(CommentVersion, name) for name in _OF_VERSION))
    for comment_id, *row in session.execute(of_version.where(CommentVersion.comment_id.in_(by_id))):
        by_id[comment_id].versions.append(Version(*row))
    told = any(isinstance(change, CommentSeen) and change.attachments is not None for change in observations)
    if told or any(not one.text and one.present_at is None for one in comments):
        of_shown = select(Attachment.comment_id, *(getattr(Attachment, name) for name in _OF_SHOWN))
        for comment_id, *row in session.execute(of_shown.where(Attachment.comment_id.in_(by_id))):
            by_id[comment_id].shown.append(Shown(*row))
    return {one.external_id: one for one in comments}


def _authors(
    session: Session, account: Account, observations: Sequence[Observation], comments: Mapping[str, CommentState]
) -> tuple[dict[str, int], dict[int | None, str | None], set[int]]:
    """Ids of the authors of the batch by the external ids of their comments, their names by their ids, and which had
    another name before; they get the name that was heard last.

    The network's id of an author is taken wherever it was told of the comment, before or now; else the name.
    """
    told: dict[str, tuple[str | None, str | None]] = {}
    for change in observations:
        known = comments.get(change.external_id)
        # Of what was disposed of, the name does not come back either.
        if isinstance(change, CommentSeen) and (known is None or known.disposed_at is None):
            identity, name = told.get(change.external_id, (None, None))
            heard = (cleaned(change.author_name) or "").strip()[:LONGEST_NAME] or None
            told[change.external_id] = change.author_external_id or identity, heard or name
    of_author = select(Author.id, Author.external_id, Author.name).order_by(Author.id)
    wrote = {one.author_id for one in comments.values()} - {None}
    before = {one.id: one for one in session.execute(of_author.where(Author.id.in_(wrote)))}
    keys: dict[str, str] = {}
    names: dict[str, str | None] = {}
    for comment, (identity, name) in told.items():
        known = comments.get(comment)
        was = before.get(known.author_id) if known is not None else None
        known_by_name = was is not None and was.external_id.startswith(BY_NAME)
        called = name or (was.name if was is not None and known_by_name else None)
        by_name = f"{BY_NAME}{called}"[:LONGEST_KEY] if called else None
        key = identity or (was.external_id if was is not None and not known_by_name else by_name)
        if key is not None:
            keys[comment], names[key] = key, called or names.get(key)
    named: dict[int | None, str | None] = {one.id: one.name for one in before.values()}
    if not names:
        return {}, named, set()
    # Authors are shared by the accounts of a network, so two accounts' workers may meet on one: the database decides.
    rows = [
        {"network": account.network, "external_id": external_id, "name": names[external_id]}
        for external_id in sorted(names)
    ]
    session.connection().execute(upsert(session, Author).on_conflict_do_nothing(), rows)
    found = session.execute(of_author.where(Author.network == account.network, Author.external_id.in_(names))).all()
    said = [
        {"id": one.id, "name": names[one.external_id]}
        for one in found
        if names[one.external_id] not in (None, one.name)
    ]
    if said:
        session.execute(update(Author), said)
    ids = {one.external_id: one.id for one in found}
    named |= {one.id: names[one.external_id] or one.name for one in found}
    return {comment: ids[key] for comment, key in keys.items()}, named, {one["id"] for one in said}


# What a batch changed, each in one statement ----------------------------------------------------------------------


def _insert(session: Session, account: Account, new: Sequence[CommentState], *, now: datetime) -> None:
    """Insert comments, and give each its id."""
    if not new:
        return
    of_account = {"account_id": account.id, "borough_id": account.borough_id, "received_at": now}
    rows = [{**of_account, **dict(zip(_OF_COMMENT[1:], _known_row(one)[1:], strict=True))} for one in new]
    session.execute(insert(Comment), rows, execution_options=_AS_GIVEN)
    statement = select(Comment.external_id, Comment.id).where(
        Comment.account_id == account.id, Comment.external_id.in_([one.external_id for one in new])
    )
    ids = {row.external_id: row.id for row in session.execute(statement)}
    for one in new:
        one.id = ids[one.external_id]


def _find_by(session: Session, names: Mapping[int, str | None]) -> None:
    """Have all that an author wrote found by the author's new name."""
    if names:
        wrote = session.execute(select(Comment.id, Comment.text, Comment.author_id).where(Comment.author_id.in_(names)))
        found = [{"id": one.id, "search_text": search.text_of(one.text, names[one.author_id])} for one in wrote]
        if found:
            session.execute(update(Comment), found)


def _write(
    session: Session,
    table: type[CommentVersion | Attachment],
    names: Sequence[str],
    before: Mapping[int | None, tuple[Any, ...]],
    parts: Sequence[tuple[int | None, Any]],
    row: Callable[[Any], tuple[Any, ...]],
) -> None:
    """Insert the parts of comments that have no id, each with its comment's, and write what differs of the others."""
    new = [
        {"comment_id": comment_id, **dict(zip(names[1:], row(of)[1:], strict=True))}
        for comment_id, of in parts
        if of.id is None
    ]
    if new:
        session.execute(insert(table), new, execution_options=_AS_GIVEN)
    _update(session, table, names, before, (row(of) for _, of in parts))


def _update(
    session: Session,
    table: type[Comment | CommentVersion | Attachment],
    names: Sequence[str],
    before: Mapping[int | None, tuple[Any, ...]],
    after: Iterable[tuple[Any, ...]],
) -> None:
    """Write what differs from before, of the rows that were there; `names` are their columns, the key first."""
    changed = []
    for row in after:
        was = before.get(row[0], row)
        if was != row:
            differs = {name: now for name, then, now in zip(names, was, row, strict=True) if then != now}
            changed.append({"id": row[0], **differs})
    # Rows of which the same columns changed are written together.
    changed.sort(key=lambda row: (tuple(row), row["id"]))
    if changed:
        session.execute(update(table), changed)

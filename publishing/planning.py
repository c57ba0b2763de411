"""Posts are written, submitted, approved by somebody else, and given an hour.

An approval is bound to the hash of the exact content: other words, another account, another link, and it is void.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload, selectinload

from connectors.registry import capabilities
from models import audit, work
from models.accounts import Account
from models.effects import OPEN_STATES, Effect
from models.errors import NotFound, Refused
from models.keyset import Keyset
from models.posts import Approval, Post, Variant
from models.scope import Action, Viewer, visible
from models.vocabulary import EffectKind, PostState

NEWEST = Keyset(Post.id, descending=True)

EDITABLE = frozenset({PostState.DRAFT, PostState.SUBMITTED, PostState.APPROVED, PostState.TO_REVIEW})


@dataclass(frozen=True)
class Draft:
    """What an officer writes: one text for each account, by the account's id."""

    title: str
    texts: dict[int, str]
    link: str | None = None


def closed(account: Account) -> Refused | None:
    """Why nothing that is written here can be published on an account: a draft has words and a link, and no picture.

    `media_needed`, or `read_only`; None: it can.
    """
    able = capabilities(account.network)
    if not able.publish:
        return Refused("read_only", field="accounts", name=account.name)
    return Refused("media_needed", field="accounts", name=account.name) if able.needs_media else None


def create(session: Session, viewer: Viewer, draft: Draft, *, now: datetime) -> Post:
    """Keep a new draft. Refused: `title_empty`, `no_account`, `text_empty`, `text_too_long`, `link_invalid`,
    `account_unknown`, and what `closed` says.
    """
    post = Post(title=_title(draft), author_id=_person(viewer), created_at=now, state=PostState.DRAFT)
    session.add(post)
    session.flush()
    _write_variants(session, viewer, post, draft)
    audit.note(session, "post.created", f"post:{post.id}", now=now, person_id=viewer.person_id)
    return post


def edit(session: Session, viewer: Viewer, post_id: int, draft: Draft, *, version: int, now: datetime) -> Post:
    """Change a post that has not left; it is a draft again, and any approval of the old words is void."""
    post = _load(session, viewer, post_id, Action.WRITE_POSTS, version)
    if post.state not in EDITABLE or any(variant.published_at is not None for variant in post.variants):
        raise Refused("post_not_editable")
    post.title = _title(draft)
    for variant in post.variants:
        _take_back(session, variant)
        session.delete(variant)
    session.flush()
    _write_variants(session, viewer, post, draft)
    post.state = PostState.DRAFT
    _note(session, viewer, post, "edited", now=now)
    return post


def submit(session: Session, viewer: Viewer, post_id: int, *, version: int, now: datetime) -> Post:
    """Ask for approval."""
    post = _load(session, viewer, post_id, Action.WRITE_POSTS, version)
    if post.state != PostState.DRAFT:
        raise Refused("post_not_draft")
    post.state = PostState.SUBMITTED
    _note(session, viewer, post, "submitted", now=now)
    return post


def judge(
    session: Session, viewer: Viewer, post_id: int, *, approved: bool, comment: str, version: int, now: datetime
) -> Post:
    """Approve or send back, never one's own words. Refused: `post_not_submitted`, `own_post`, `reason_needed`."""
    post = _load(session, viewer, post_id, Action.APPROVE_POSTS, version)
    if post.state != PostState.SUBMITTED:
        raise Refused("post_not_submitted")
    if viewer.person_id in _writers(session, post):
        raise Refused("own_post")
    if not approved and not comment.strip():
        raise Refused("reason_needed", field="comment")
    content = content_hash(post)
    session.add(
        Approval(
            post_id=post.id,
            content_hash=content,
            approved=approved,
            comment=comment.strip() or None,
            person_id=_person(viewer),
            at=now,
        )
    )
    post.state = PostState.APPROVED if approved else PostState.DRAFT
    _note(session, viewer, post, "approved" if approved else "sent_back", now=now, content=content)
    return post


def schedule(
    session: Session, viewer: Viewer, post_id: int, publish_at: datetime, *, version: int, now: datetime
) -> Post:
    """Give an approved post its time: one effect is owed for each account, due then and late after its window.

    A post that came back for review is given a new time the same way; accounts on which it already stands are left
    alone. Refused: `post_not_approved` (also when the content is not what was approved), `time_passed`,
    `post_leaving` while a part of it is on its way from an earlier time.
    """
    post = _load(session, viewer, post_id, Action.WRITE_POSTS, version)
    if post.state not in (PostState.APPROVED, PostState.TO_REVIEW) or not approval_stands(session, post):
        raise Refused("post_not_approved")
    if publish_at < now:
        raise Refused("time_passed", field="publish_at")
    post.publish_at, post.state = publish_at, PostState.SCHEDULED
    post.version += 1
    for variant in post.variants:
        if variant.published_at is not None:
            continue
        _take_back(session, variant)
        variant.failure = None
        variant.effect_id = work.owe(
            session,
            key=f"publish:variant:{variant.id}:{post.version}",
            kind=EffectKind.PUBLISH,
            account_id=variant.account_id,
            target=None,
            payload={"text": variant.text, "link": variant.link},
            due_at=publish_at,
            late_at=publish_at + timedelta(minutes=post.late_after_minutes),
        ).id
    _note(session, viewer, post, "scheduled", now=now, publish_at=publish_at.isoformat())
    return post


def unschedule(session: Session, viewer: Viewer, post_id: int, *, version: int, now: datetime) -> Post:
    """Take a scheduled post back to approved; refused `post_leaving` once a part of it is on its way."""
    post = _load(session, viewer, post_id, Action.WRITE_POSTS, version)
    if post.state != PostState.SCHEDULED:
        raise Refused("post_not_scheduled")
    for variant in post.variants:
        if variant.published_at is not None:
            raise Refused("post_leaving")
        _take_back(session, variant)
    post.state, post.publish_at = PostState.APPROVED, None
    _note(session, viewer, post, "unscheduled", now=now)
    return post


def content_hash(post: Post) -> str:
    """What an approval is bound to: every account's exact text and link, in the order of the accounts."""
    content = sorted((variant.account_id, variant.text, variant.link or "") for variant in post.variants)
    return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()


def approval_stands(session: Session, post: Post) -> bool:
    """Whether the last approval says yes to the content as it is now."""
    last = session.scalar(select(Approval).where(Approval.post_id == post.id).order_by(Approval.id.desc()).limit(1))
    return last is not None and last.approved and last.content_hash == content_hash(post)


def posts(
    session: Session, viewer: Viewer, *, state: PostState | None = None, after: str | None = None, limit: int = 200
) -> tuple[Sequence[Post], str | None]:
    """Part of the viewer's posts, newest first, and the cursor behind it. Refused: `cursor_invalid`."""
    statement = visible(_whole(select(Post)), viewer, Action.SEE_POSTS, Post)
    if state is not None:
        statement = statement.where(Post.state == state)
    return NEWEST.read(session, statement, after, limit)


@dataclass(frozen=True)
class PostDetail:
    """One post with its approvals and what became of each account's part."""

    post: Post
    approvals: Sequence[Approval]
    effects: dict[int, Effect]
    """By id of the variant."""


def detail(session: Session, viewer: Viewer, post_id: int) -> PostDetail:
    """One post; NotFound when it is not there or not the viewer's."""
    statement = visible(_whole(select(Post)).where(Post.id == post_id), viewer, Action.SEE_POSTS, Post)
    post = session.scalar(statement)
    if post is None:
        raise NotFound
    approvals = session.scalars(
        select(Approval).options(joinedload(Approval.person)).where(Approval.post_id == post_id).order_by(Approval.id)
    ).all()
    owed = {variant.effect_id: variant.id for variant in post.variants if variant.effect_id is not None}
    effects = session.scalars(select(Effect).where(Effect.id.in_(owed))).all()
    return PostDetail(post, approvals, {owed[effect.id]: effect for effect in effects})


# -------------------------------------------------------------------------------------------------------------------


def _whole(statement: Select[Post]) -> Select[Post]:
    return statement.options(joinedload(Post.author), selectinload(Post.variants).joinedload(Variant.account))


def _load(session: Session, viewer: Viewer, post_id: int, action: Action, version: int) -> Post:
    # Whoever records an outcome holds the effect before the post: the same order here, or the two would lock up.
    owed = select(Variant.effect_id).where(Variant.post_id == post_id)
    session.execute(select(Effect.id).where(Effect.id.in_(owed)).order_by(Effect.id).with_for_update())
    statement = _whole(select(Post)).where(Post.id == post_id).with_for_update(of=Post)
    post = session.scalar(visible(statement, viewer, action, Post))
    if post is None:
        raise NotFound
    if post.version != version:
        raise Refused("post_changed")
    return post


def _take_back(session: Session, variant: Variant) -> None:
    """What a variant still owed will not leave any more; refused `post_leaving` when nobody can say that."""
    if variant.effect_id is None:
        return
    if not work.cancel(session, variant.effect_id):
        state = session.scalar(select(Effect.state).where(Effect.id == variant.effect_id))
        if state in OPEN_STATES:
            raise Refused("post_leaving")
    variant.effect_id = None


def _writers(session: Session, post: Post) -> set[int | None]:
    """Everybody whose words are in a post: who began it, and who changed it since, as the journal knows."""
    statement = select(audit.AuditEntry.person_id).where(
        audit.AuditEntry.subject == f"post:{post.id}", audit.AuditEntry.action == "post.edited"
    )
    return {post.author_id, *session.scalars(statement)}


def _write_variants(session: Session, viewer: Viewer, post: Post, draft: Draft) -> None:
    if not draft.texts:
        raise Refused("no_account", field="accounts")
    link = (draft.link or "").strip() or None
    if link is not None and not link.startswith(("https://", "http://")):
        raise Refused("link_invalid", field="link")
    statement = visible(select(Account).where(Account.id.in_(draft.texts)), viewer, Action.WRITE_POSTS, Account)
    accounts = {account.id: account for account in session.scalars(statement)}
    for account_id, written in draft.texts.items():
        account = accounts.get(account_id)
        if account is None:
            raise Refused("account_unknown", field="accounts")
        if (why_not := closed(account)) is not None:
            raise why_not
        text = written.replace("\r\n", "\n").strip()
        if not text:
            raise Refused("text_empty", field="text")
        if len(text) > (most := capabilities(account.network).longest_text):
            raise Refused("text_too_long", field="text", most=str(most))
        session.add(Variant(post_id=post.id, account_id=account_id, text=text, link=link))
    session.flush()
    session.expire(post, ["variants"])
    session.refresh(post, ["variants"])


def _title(draft: Draft) -> str:
    title = draft.title.strip()
    if not title:
        raise Refused("title_empty", field="title")
    return title[:200]


def _person(viewer: Viewer) -> int:
    if viewer.person_id is None:
        raise Refused("people_decide")
    return viewer.person_id


def _note(session: Session, viewer: Viewer, post: Post, action: str, *, now: datetime, **data: str) -> None:
    post.version += 1
    audit.note(session, f"post.{action}", f"post:{post.id}", now=now, person_id=viewer.person_id, **data)

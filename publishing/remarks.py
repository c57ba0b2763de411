"""What is said of a passage of a post: it stands at its words, and is over when they are not there any more."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload

from models.approving import Remark
from models.errors import NotFound, Refused
from models.posts import Post, Variant
from models.scope import Action, Viewer, visible
from models.vocabulary import PostState
from publishing import planning, telling
from publishing.drafting import author, whole

LONGEST_QUOTE, LONGEST = 500, 2000
OPEN = frozenset({PostState.DRAFT, PostState.SUBMITTED})
"""States in which words may still change because of it."""


def add(
    session: Session, viewer: Viewer, post_id: int, account_id: int, quote: str, text: str, *, now: datetime
) -> Remark:
    """Somebody who approves says something of a passage, as the words of one account have it, its blanks aside.

    Refused: `remarks_over`, `passage_unknown`, `remark_empty`, `longer_than_kept`.
    """
    post = _post(session, viewer, post_id, Action.APPROVE_POSTS)
    variant = next((one for one in post.variants if one.account_id == account_id), None)
    if post.state not in OPEN or variant is None:
        raise Refused("remarks_over")
    quote, text = quote.replace("\0", "").strip(), text.replace("\0", "").strip()
    if not 0 < len(quote) <= LONGEST_QUOTE or not any(_found(quote, words) for words in _words(variant)):
        raise Refused("passage_unknown", field="quote", most=str(LONGEST_QUOTE))
    if not text:
        raise Refused("remark_empty", field="remark")
    if len(text) > LONGEST:
        raise Refused("longer_than_kept", field="remark", most=str(LONGEST))
    remark = Remark(post_id=post.id, account_id=account_id, quote=quote, text=text, person_id=author(viewer), at=now)
    session.add(remark)
    session.flush()
    planning.note(session, viewer, post, "remarked", now=now)
    telling.remarked(session, post, f"remark:{remark.id}", by_id=viewer.person_id, now=now)
    return remark


def settle(session: Session, viewer: Viewer, post_id: int, remark_id: int, *, now: datetime) -> Remark:
    """Somebody who writes says that it is over; said twice, the first stays."""
    post = _post(session, viewer, post_id, Action.WRITE_POSTS)
    remark = session.scalar(_whole().where(Remark.id == remark_id, Remark.post_id == post.id))
    if remark is None:
        raise NotFound
    if remark.settled_at is None:
        remark.settled_at, remark.settled_by_id = now, author(viewer)
        planning.note(session, viewer, post, "remark_settled", now=now)
    return remark


def remarks(session: Session, post: Post) -> tuple[list[Remark], list[Remark]]:
    """Those that hold, and those that are over: settled, or about words that are not there any more."""
    holding, over = list[Remark](), list[Remark]()
    by_account = {variant.account_id: variant for variant in post.variants}
    for one in session.scalars(_whole().where(Remark.post_id == post.id).order_by(Remark.id)):
        variant = by_account.get(one.account_id)
        there = variant is not None and any(_found(one.quote, words) for words in _words(variant))
        (holding if there and one.settled_at is None else over).append(one)
    return holding, over


def passages(words: str, quotes: Sequence[str]) -> list[tuple[str, bool]]:
    """The words in pieces, each with whether something is said of it."""
    spans = sorted(span for quote in quotes if (found := _found(quote, words)) for span in [found.span()])
    pieces, at = list[tuple[str, bool]](), 0
    for start, end in spans:
        if end <= at:
            continue
        pieces += [(words[at : max(at, start)], False), (words[max(at, start) : end], True)]
        at = end
    return [piece for piece in (*pieces, (words[at:], False)) if piece[0]]


def _found(quote: str, words: str) -> re.Match[str] | None:
    """Blanks and ends of lines count as one blank: a selection on a page does not tell them apart."""
    return re.search(r"\s+".join(map(re.escape, quote.split())), words) if quote.strip() else None


def _words(variant: Variant) -> tuple[str, str]:
    return variant.text, variant.first_comment or ""


def _post(session: Session, viewer: Viewer, post_id: int, action: Action) -> Post:
    post = session.scalar(visible(whole(select(Post)).where(Post.id == post_id), viewer, action, Post))
    if post is None:
        raise NotFound
    return post


def _whole() -> Select[Remark]:
    return select(Remark).options(joinedload(Remark.person), joinedload(Remark.settled_by))

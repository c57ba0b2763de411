"""What came of a campaign: what the networks counted of each of its posts, and what citizens wrote under them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from models.campaigns import Campaign
from models.comments import Comment, VerdictRow
from models.figures import COUNTS, PostFigures, is_newest
from models.items import Item
from models.posts import Post, Variant
from models.scope import Action, Viewer, visible
from models.vocabulary import Feeling, Intention
from publishing import campaigns
from publishing.drafting import whole

QUESTIONS = 30
"""That are listed with a campaign."""
MOST = 1000
"""Posts of one campaign that are reported."""


@dataclass(frozen=True)
class Line:
    """One post on one account, once it is out."""

    post: Post
    variant: Variant
    figures: PostFigures | None
    """As the network last counted; None: it has not yet, or does not say."""
    comments: int
    """Of citizens under it, as far as the viewer may see them."""
    questions: int
    """Of them, those that ask something."""


@dataclass(frozen=True)
class Report:
    """What came of a campaign."""

    campaign: Campaign
    lines: Sequence[Line]
    totals: Mapping[str, int | None]
    """Sums of what the networks count; None: no network says. People reached are not summed: they may be the same."""
    intentions: Mapping[Intention | None, int]
    """What citizens wanted in all of it, the most frequent first; None: it is not known."""
    feelings: Mapping[Feeling | None, int]
    """What they felt in all of it, as far as it was read; None: it is not known."""
    questions: Sequence[Comment]
    """What citizens asked under it, the first of them."""
    awaited: int
    """Posts of it that are not out, or not whole."""


def report(session: Session, viewer: Viewer, campaign_id: int) -> Report:
    """One campaign's; NotFound when it is not there or not the viewer's."""
    campaign = campaigns.campaign(session, viewer, campaign_id)
    statement = visible(whole(select(Post)), viewer, Action.SEE_POSTS, Post).where(Post.campaign_id == campaign_id)
    posts = session.scalars(statement.order_by(Post.id).limit(MOST)).all()
    out = [(post, one) for post in posts for one in post.variants if one.published_at is not None]
    there = [one.source_post_id for _, one in out if one.source_post_id is not None]
    counted = select(PostFigures).where(PostFigures.source_post_id.in_(there), is_newest(PostFigures))
    figures = {one.source_post_id: one for one in session.scalars(counted)}
    under = select(Comment.source_post_id, Item.intention, func.count()).outerjoin(Item, Item.comment_id == Comment.id)
    under = under.where(Comment.source_post_id.in_(there), Comment.by_city.is_(False))
    grouped = visible(under, viewer, Action.SEE_COMMENTS, Comment).group_by(Comment.source_post_id, Item.intention)
    said: dict[int, dict[Intention | None, int]] = {}
    wanted: dict[Intention | None, int] = {}
    for source_post_id, intention, many in session.execute(grouped):
        kind = Intention(intention) if intention is not None else None
        said.setdefault(source_post_id or 0, {})[kind] = many
        wanted[kind] = wanted.get(kind, 0) + many
    feel = select(VerdictRow.feeling, func.count()).join(Comment, Comment.id == VerdictRow.comment_id)
    feel = feel.where(Comment.source_post_id.in_(there), Comment.by_city.is_(False)).group_by(VerdictRow.feeling)
    felt = {one: many for one, many in session.execute(visible(feel, viewer, Action.SEE_COMMENTS, Comment))}  # noqa: C416
    lines = [
        Line(
            post,
            one,
            figures.get(one.source_post_id or 0),
            sum(said.get(one.source_post_id or 0, {}).values()),
            said.get(one.source_post_id or 0, {}).get(Intention.QUESTION, 0),
        )
        for post, one in sorted(out, key=lambda pair: (pair[1].published_at, pair[1].id))
    ]
    totals: dict[str, int | None] = {}
    for name in COUNTS[1:]:
        known = [value for one in lines if one.figures and (value := getattr(one.figures, name)) is not None]
        totals[name] = sum(known) if known else None
    ranked = dict(sorted(wanted.items(), key=lambda pair: (-pair[1], str(pair[0]))))
    awaited = sum(any(one.published_at is None for one in post.variants) for post in posts)
    feelings = {one: felt[one] for one in (*Feeling, None) if one in felt}
    return Report(campaign, lines, totals, ranked, feelings, asked(session, viewer, there), awaited)


def asked(session: Session, viewer: Viewer, posts: Collection[int], most: int = QUESTIONS) -> Sequence[Comment]:
    """Questions of citizens under posts as the networks have them, oldest first, as far as the viewer may see them."""
    found = select(Comment).join(Item, Item.comment_id == Comment.id).options(joinedload(Comment.account))
    found = found.where(Comment.source_post_id.in_(posts), Comment.by_city.is_(False))
    found = found.where(Item.intention == Intention.QUESTION, Comment.text.is_not(None), Comment.disposed_at.is_(None))
    return session.scalars(visible(found.order_by(Comment.id).limit(most), viewer, Action.SEE_COMMENTS, Comment)).all()

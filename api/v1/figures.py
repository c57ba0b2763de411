"""Figures for a dashboard elsewhere."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Self

from fastapi import APIRouter, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.deps import Installation, Now, ReadSession, require
from api.v1.contract import NEXT_LINK, READS, After, Limit, Moment, Number, Page, Shown, listed
from models.accounts import Account
from models.comments import SourcePost
from models.figures import PostFigures, is_newest
from models.keyset import Keyset
from models.scope import Action, Viewer, visible
from models.vocabulary import PostKind
from moderation.learning.drift import bounds_of, drift

router = APIRouter(prefix="/figures", tags=["figures"])

NEWEST = Keyset(SourcePost.id, descending=True)


class WeekShown(Shown):
    """Comments that the model read in the week that begins at `start` (Monday, midnight of the city)."""

    start: Moment
    read: int
    abstained: int
    """Of them, those whose intention it did not know."""
    handled: int
    """Of them, those that people have decided since."""
    corrected: dict[str, int]
    """Of the decided ones, how many were corrected, by output of the classifier."""


class GateShown(Shown):
    """What an automatic rule would rest on: decisions, right ones, and the least precision that they prove."""

    shown: int
    right: int
    bound: float
    opens: bool
    missing: int


class LabelShown(Shown):
    """What one label of the model in use is worth, over the whole city."""

    head: str
    label: str
    decided: int
    calibrated: bool
    missing: int
    """Decisions missing before its scores are calibrated."""
    gate: GateShown
    followed: int


class ModelShown(Shown):
    """One version of the model, and how many comments it has read in these weeks."""

    version: str
    read: int


class Analysis(Shown):
    """How well the classifier does."""

    weeks: list[WeekShown]
    labels: list[LabelShown]
    models: list[ModelShown]
    calibrated_at: Moment | None


@router.get("/analysis", operation_id="getAnalysis", responses=READS)
def analysis(
    session: ReadSession, parvis: Installation, viewer: Annotated[Viewer, require(Action.SEE_ANALYSIS)], now: Now
) -> Analysis:
    """Abstentions and corrections of the last twelve weeks, oldest first, and what each label is worth."""
    found = drift(session, viewer, bounds_of(now, parvis.settings.zone))
    return Analysis(
        weeks=[WeekShown.model_validate(week) for week in found.weeks],
        labels=[LabelShown.model_validate(label) for label in found.labels],
        models=[ModelShown(version=version, read=read) for version, read in found.models],
        calibrated_at=found.calibrated_at,
    )


class CountedShown(Shown):
    """What the network counted of one post since it was published, as of its last measure; null: it does not say."""

    day: dt.date
    """Of the measure, in UTC: one a day is kept."""
    at: Moment
    reach: int | None
    """People who saw it."""
    views: int | None
    reactions: int | None
    comments: int | None
    shares: int | None
    clicks: int | None


class SourcePostShown(Shown):
    """A post on the network, under which citizens write. An advertisement is bought elsewhere; here it is only read."""

    id: int
    account_id: int
    external_id: str
    kind: PostKind
    """"ad": it exists only as an advertisement; "mentioning": somebody else's, which names the city."""
    text: str | None
    """The city's words; null for somebody else's, which are those of the comment."""
    permalink: str | None
    created_at: Moment | None
    removed_at: Moment | None
    """When it was found to be gone."""
    comment_count: int | None
    """As the network last said, hidden ones included."""
    ad_id: str | None
    campaign_id: str | None
    """Of the advertisement for this post, as its network names it."""
    spend_micros: int | None
    """What the advertisement cost so far, in millionths of `currency`: 12340000 is 12.34."""
    currency: str | None
    """ISO 4217, like "CAD"."""
    figures: CountedShown | None
    """Null: it was not measured yet."""

    @classmethod
    def of(cls, post: SourcePost, figures: PostFigures | None) -> Self:
        shown = {name: getattr(post, name) for name in cls.model_fields.keys() - {"text", "figures"}}
        return cls(
            **shown,
            text=None if post.kind == PostKind.MENTIONING else post.text,
            figures=None if figures is None else CountedShown.model_validate(figures),
        )


def newest_figures(session: Session, post_ids: Sequence[int]) -> dict[int, PostFigures]:
    """The last measure of each of these posts that was ever measured."""
    statement = select(PostFigures).where(PostFigures.source_post_id.in_(post_ids), is_newest(PostFigures))
    return {one.source_post_id: one for one in session.scalars(statement)}


@router.get("/posts", operation_id="listPostFigures", responses={200: {"headers": NEXT_LINK}, **READS})
def posts(
    request: Request,
    response: Response,
    session: ReadSession,
    viewer: Annotated[Viewer, require(Action.SEE_ACCOUNTS)],
    account: Number | None = None,
    limit: Limit = 50,
    after: After = None,
) -> Page[SourcePostShown]:
    """The city's posts as the networks show them, with their last figures and what advertising them cost; the last one
    that Parvis found comes first. A key needs `accounts:read`: the accounts' page shows the sums of these.
    """
    statement = (
        select(SourcePost)
        .join(Account, Account.id == SourcePost.account_id)
        .where(SourcePost.kind != PostKind.MENTIONING)
    )
    if account is not None:
        statement = statement.where(SourcePost.account_id == account)
    statement = visible(statement, viewer, Action.SEE_ACCOUNTS, Account)
    shown, following = NEWEST.read(session, statement, after, limit)
    figures = newest_figures(session, [row.id for row in shown])
    return listed(request, response, [SourcePostShown.of(row, figures.get(row.id)) for row in shown], following)

"""Campaigns, for other programs: what they are for, when, and how far their posts are."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.deps import ReadSession, require
from api.v1.contract import NEXT_LINK, READS, READS_ONE, After, Limit, Moment, Page, PathId, Shown, listed
from models.scope import Action, Viewer
from models.vocabulary import PostState
from publishing import campaigns

router = APIRouter(prefix="/campaigns", tags=["posts"])

Reader = Annotated[Viewer, require(Action.SEE_POSTS)]


class CampaignShown(Shown):
    """One campaign, from its first day to its last in the city's calendar; of a borough or an account, or (both null)
    of the whole city. The budget is in dollars; `utm` is its name in links, null: they go out as they are written.
    """

    id: int
    name: str
    objective: str
    theme: str
    unit: str
    begins_on: dt.date
    ends_on: dt.date
    budget: int | None
    utm: str | None
    account_id: int | None
    borough_id: int | None
    created_at: Moment
    version: int


class CampaignWhole(CampaignShown):
    """One campaign, and how many of its posts stand in each state, as far as they may be seen."""

    posts: dict[PostState, int]


@router.get("", operation_id="listCampaigns", responses={200: {"headers": NEXT_LINK}, **READS})
def list_campaigns(
    request: Request,
    response: Response,
    session: ReadSession,
    viewer: Reader,
    since: Annotated[dt.date | None, Query(description="Only those that were not over before that day.")] = None,
    limit: Limit = 50,
    after: After = None,
) -> Page[CampaignShown]:
    """Campaigns, newest first."""
    shown, following = campaigns.campaigns(session, viewer, since=since, after=after, limit=limit)
    return listed(request, response, [CampaignShown.model_validate(row) for row in shown], following)


@router.get("/{campaign_id}", operation_id="getCampaign", responses=READS_ONE)
def one(campaign_id: PathId, session: ReadSession, viewer: Reader) -> CampaignWhole:
    """One campaign; its posts are at `/posts?campaign=`."""
    found = campaigns.campaign(session, viewer, campaign_id)
    shown = CampaignShown.model_validate(found)
    return CampaignWhole(**dict(shown), posts=dict(campaigns.counts(session, viewer, [campaign_id])[campaign_id]))

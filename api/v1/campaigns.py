"""Campaigns, for other programs: what they are for, when, and how far their posts are."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from sqlalchemy.orm import Session

from api.deps import Now, ReadSession, WriteSession, require
from api.v1.contract import (
    CHANGES,
    CREATES,
    NEXT_LINK,
    READS,
    READS_ONE,
    VERSION_HEADER,
    After,
    Key,
    Limit,
    Matching,
    Moment,
    Number,
    Page,
    PathId,
    Sent,
    Shown,
    changed,
    listed,
    once,
    tagged,
    version_in,
    words,
)
from models.scope import Action, Viewer
from models.vocabulary import PostState
from publishing import campaigns

router = APIRouter(prefix="/campaigns", tags=["posts"])

Reader = Annotated[Viewer, require(Action.SEE_POSTS)]
Writer = Annotated[Viewer, require(Action.WRITE_POSTS)]


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


class NewCampaign(Sent):
    """What is said of a campaign; of an account, of a borough, or (neither) of the whole city. Its place stays."""

    name: Annotated[str, words(campaigns.LONGEST_NAME)]
    begins_on: dt.date
    ends_on: dt.date
    objective: Annotated[str, words(4000)] = ""
    theme: Annotated[str, words(campaigns.LONGEST_WORDS)] = ""
    unit: Annotated[str, words(campaigns.LONGEST_WORDS)] = ""
    budget: Annotated[int, Field(ge=0, le=campaigns.LARGEST_BUDGET)] | None = None
    utm: Annotated[str, words(campaigns.LONGEST_UTM)] = ""
    account_id: Number | None = None
    borough_id: Number | None = None

    def outline(self) -> campaigns.Outline:
        """As the trade takes it."""
        days = (self.begins_on, self.ends_on)
        return campaigns.Outline(self.name, *days, self.objective, self.theme, self.unit, self.budget, self.utm)


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


@router.get("/{campaign_id}", operation_id="getCampaign", responses={200: {"headers": VERSION_HEADER}, **READS_ONE})
def one(campaign_id: PathId, response: Response, session: ReadSession, viewer: Reader) -> CampaignWhole:
    """One campaign; its posts are at `/posts?campaign=`."""
    return _shown(session, response, viewer, campaign_id)


@router.post(
    "", status_code=201, operation_id="createCampaign", responses={201: {"headers": VERSION_HEADER}, **CREATES}
)
def create(
    body: NewCampaign, response: Response, session: WriteSession, viewer: Writer, now: Now, key: Key = None
) -> CampaignWhole:
    """Begin a campaign."""

    def make() -> int:
        place = {"account_id": body.account_id, "borough_id": body.borough_id}
        return campaigns.create(session, viewer, body.outline(), **place, now=now).id

    campaign_id = once(session, viewer.person_id, key, "createCampaign", body, make, now=now)
    response.headers["Location"] = f"/api/v1/campaigns/{campaign_id}"
    return _shown(session, response, viewer, campaign_id)


@router.put("/{campaign_id}", operation_id="editCampaign", responses={200: {"headers": VERSION_HEADER}, **CHANGES})
def edit(
    campaign_id: PathId,
    body: NewCampaign,
    response: Response,
    session: WriteSession,
    viewer: Writer,
    now: Now,
    matching: Matching = None,
) -> CampaignWhole:
    """Say it anew."""
    version = version_in(matching)
    changed(lambda: campaigns.edit(session, viewer, campaign_id, body.outline(), version=version, now=now))
    session.flush()
    return _shown(session, response, viewer, campaign_id)


def _shown(session: Session, response: Response, viewer: Viewer, campaign_id: int) -> CampaignWhole:
    found = campaigns.campaign(session, viewer, campaign_id)
    tagged(response, found.version)
    shown = CampaignShown.model_validate(found)
    return CampaignWhole(**dict(shown), posts=dict(campaigns.counts(session, viewer, [campaign_id])[campaign_id]))

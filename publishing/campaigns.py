"""Campaigns: what they are for and from when to when; and the name by which links of their posts are counted."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, urlencode, urlsplit

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from connectors.registry import capabilities
from models import audit
from models.accounts import Account
from models.base import next_version
from models.campaigns import Campaign
from models.errors import NotFound, Refusals, Refused
from models.keyset import Keyset
from models.posts import Post
from models.scope import Action, Viewer, visible
from models.text import web_link
from models.vocabulary import PostState
from publishing.places import borough_of

NEWEST = Keyset(Campaign.id, descending=True)
LONGEST_NAME, LONGEST_WORDS, LONGEST_UTM = 200, 100, 60
LARGEST_BUDGET = 10**9
"""Dollars."""

_UTM = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True)
class Outline:
    """What is said of a campaign. `budget` is in dollars, the dates are the city's."""

    name: str
    begins_on: dt.date
    ends_on: dt.date
    objective: str = ""
    theme: str = ""
    unit: str = ""
    budget: int | None = None
    utm: str = ""


def create(
    session: Session,
    viewer: Viewer,
    outline: Outline,
    *,
    account_id: int | None = None,
    borough_id: int | None = None,
    now: datetime,
) -> Campaign:
    """Begin one, in the whole city unless a place is given. Refused: `campaign_name`, `dates_reversed`,
    `budget_unreadable`, `utm_unreadable`, `longer_than_kept`, `place_not_yours`, `people_decide`.
    """
    if viewer.person_id is None:
        raise Refused("people_decide")
    borough_id = borough_of(session, viewer, Action.WRITE_POSTS, account_id=account_id, borough_id=borough_id)
    campaign = Campaign(account_id=account_id, borough_id=borough_id, created_by_id=viewer.person_id, created_at=now)
    _outline(campaign, outline)
    session.add(campaign)
    session.flush()
    audit.note(session, "campaign.created", f"campaign:{campaign.id}", now=now, person_id=viewer.person_id)
    return campaign


def edit(
    session: Session, viewer: Viewer, campaign_id: int, outline: Outline, *, version: int, now: datetime
) -> Campaign:
    """Say it anew. Links of posts that are written already stay as they were approved. Refused: what `create` refuses,
    and `campaign_changed`.
    """
    campaign = _load(session, viewer, campaign_id, version)
    _outline(campaign, outline)
    audit.note(session, "campaign.edited", f"campaign:{campaign.id}", now=now, person_id=viewer.person_id)
    return campaign


def remove(session: Session, viewer: Viewer, campaign_id: int, *, version: int, now: datetime) -> None:
    """Forget one that no post belongs to. Refused: `campaign_used`, `campaign_changed`."""
    campaign = _load(session, viewer, campaign_id, version)
    if session.scalar(select(Post.id).where(Post.campaign_id == campaign_id).limit(1)) is not None:
        raise Refused("campaign_used")
    audit.note(session, "campaign.removed", f"campaign:{campaign.id}", now=now, person_id=viewer.person_id)
    session.delete(campaign)


def campaigns(
    session: Session, viewer: Viewer, *, since: dt.date | None = None, after: str | None = None, limit: int = 200
) -> tuple[Sequence[Campaign], str | None]:
    """Part of the viewer's campaigns, newest first, and the cursor behind it. Refused: `cursor_invalid`.

    `since`: only those that were not over before that day.
    """
    statement = visible(select(Campaign).options(joinedload(Campaign.borough)), viewer, Action.SEE_POSTS, Campaign)
    if since is not None:
        statement = statement.where(Campaign.ends_on >= since)
    return NEWEST.read(session, statement, after, limit)


def writable(session: Session, viewer: Viewer) -> Sequence[Campaign]:
    """Those in which the viewer may write, by name."""
    named = select(Campaign).order_by(Campaign.name, Campaign.id)
    return session.scalars(visible(named, viewer, Action.WRITE_POSTS, Campaign)).all()


def campaign(session: Session, viewer: Viewer, campaign_id: int) -> Campaign:
    """One campaign; NotFound when it is not there or not the viewer's."""
    statement = select(Campaign).where(Campaign.id == campaign_id)
    statement = statement.options(joinedload(Campaign.borough), joinedload(Campaign.created_by))
    found = session.scalar(visible(statement, viewer, Action.SEE_POSTS, Campaign))
    if found is None:
        raise NotFound
    return found


def counts(session: Session, viewer: Viewer, ids: Sequence[int]) -> Mapping[int, Mapping[PostState, int]]:
    """How many posts in each state the viewer sees of each of these campaigns."""
    statement = select(Post.campaign_id, Post.state, func.count()).where(Post.campaign_id.in_(ids))
    counted: dict[int, dict[PostState, int]] = {id_: {} for id_ in ids}
    grouped = visible(statement.group_by(Post.campaign_id, Post.state), viewer, Action.SEE_POSTS, Post)
    for id_, state, many in session.execute(grouped):
        if id_ is not None:
            counted[id_][PostState(state)] = many
    return counted


def tagged(link: str | None, campaign: Campaign | None, account: Account) -> str | None:
    """The link as it goes out on an account: it says from which network and for which campaign somebody comes. One in
    which somebody wrote such words by hand stays as it is, and so does one that nobody can follow there.
    """
    if link is None or campaign is None or campaign.utm is None or not capabilities(account.network).links:
        return link
    parts = urlsplit(link)
    if any(name.startswith("utm_") for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
        return link
    said = _said(campaign.utm, account.network)
    whole = parts._replace(query=f"{parts.query}&{said}" if parts.query else said).geturl()
    return whole if web_link(whole) else link


def untagged(post: Post) -> str | None:
    """The link of a post as it was typed; the inverse of `tagged`."""
    for variant in post.variants:
        link = variant.link
        if link is None or post.campaign is None or post.campaign.utm is None:
            return link
        parts = urlsplit(link)
        said = _said(post.campaign.utm, variant.account.network)
        if parts.query == said or parts.query.endswith(f"&{said}"):
            return parts._replace(query=parts.query[: -len(said)].removesuffix("&")).geturl()
        return link
    return None


# ------------------------------------------------------------------------------------------------------------------


def _said(utm: str, network: str) -> str:
    return urlencode({"utm_source": network, "utm_medium": "social", "utm_campaign": utm})


def _outline(campaign: Campaign, outline: Outline) -> None:
    wrong, name, utm = Refusals(), outline.name.strip(), outline.utm.strip()
    with wrong.collect():
        if not 1 <= len(name) <= LONGEST_NAME:
            raise Refused("campaign_name", field="name", most=str(LONGEST_NAME))
    for field in ("theme", "unit"):
        with wrong.collect():
            if len(getattr(outline, field).strip()) > LONGEST_WORDS:
                raise Refused("longer_than_kept", field=field, most=str(LONGEST_WORDS))
    with wrong.collect():
        if outline.ends_on < outline.begins_on:
            raise Refused("dates_reversed", field="ends_on")
    with wrong.collect():
        if outline.budget is not None and not 0 <= outline.budget <= LARGEST_BUDGET:
            raise Refused("budget_unreadable", field="budget")
    with wrong.collect():
        if utm and (len(utm) > LONGEST_UTM or not _UTM.fullmatch(utm)):
            raise Refused("utm_unreadable", field="utm", most=str(LONGEST_UTM))
    wrong.say()
    campaign.name, campaign.objective = name, outline.objective.strip()
    campaign.theme, campaign.unit = outline.theme.strip(), outline.unit.strip()
    campaign.begins_on, campaign.ends_on = outline.begins_on, outline.ends_on
    campaign.budget, campaign.utm = outline.budget, utm or None


def _load(session: Session, viewer: Viewer, campaign_id: int, version: int) -> Campaign:
    """The campaign to change, at its next version."""
    statement = select(Campaign).where(Campaign.id == campaign_id).with_for_update()
    found = session.scalar(visible(statement, viewer, Action.WRITE_POSTS, Campaign))
    return next_version(found, version, "campaign_changed")

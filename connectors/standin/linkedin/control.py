"""The hand behind the pretend LinkedIn: `/_control/linkedin` makes company pages, and members who name them.

Posts, comments, faults and the journal are those of all networks (`connectors.standin.control`).
"""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter
from pydantic import BaseModel

from connectors.standin.linkedin.state import SCOPES, Organization, mention, organization
from connectors.standin.state import Standin
from connectors.standin.wire import there


class NewOrganization(BaseModel):
    id: str
    name: str
    token: str
    scopes: tuple[str, ...] = SCOPES
    expires_at: int = 0
    dead: int | None = None
    role: str = "ADMINISTRATOR"
    followers: int = 0
    polls: int = 0
    urn_field: str = "commentUrn"
    names_hidden: bool = False
    deletes: bool = True
    old_errors: bool = False
    refreshable: bool = False


class Mention(BaseModel):
    organization: str
    by: str
    text: str


def linkedin_control(state: Standin) -> APIRouter:
    router = APIRouter(prefix="/linkedin")

    @router.post("/organizations")
    def organizations(body: list[NewOrganization]) -> dict[str, list[str]]:
        """Given again, a page has this token and these rights from now on."""
        return {"organizations": [organization(state, **one.model_dump()).id for one in body]}

    @router.post("/mention")
    def mentioned(body: Mention) -> dict[str, str]:
        """A member publishes a post that names the page."""
        page = there(Organization, body.organization, state.pages)
        notification = mention(state, page, state.person(body.by), body.text)
        return {"id": str(notification["generatedActivity"])}

    @router.get("/organizations/{identity}")
    def one(identity: str) -> dict[str, object]:
        """What the page likes, and what was sent to it."""
        page = there(Organization, identity, state.pages)
        with state.lock:
            sent = [{**asdict(asset), "parts": sum(map(len, asset.parts.values()))} for asset in page.assets.values()]
            return {"likes": sorted(page.likes), "assets": sent, "subscription": page.subscription}

    return router

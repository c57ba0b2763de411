"""The hand behind the pretend Instagram: `/_control/instagram` makes accounts, media of all kinds, and mentions.

Comments, edits, removals, faults and the journal are those of all networks (`connectors.standin.control`).
"""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from connectors.standin.instagram.state import Media, Product, Profile, profile
from connectors.standin.state import PageOfCity, Standin
from connectors.standin.wire import there


class NewProfile(BaseModel):
    id: str
    name: str
    """Its user name."""
    page: str
    """Id of the Page that it is linked to: its token opens the account."""
    followers: int = 0
    quota: int = 50
    polls: int = 0
    """How many times the status of a new container is IN_PROGRESS."""
    slow: float = 0.0
    """For how many seconds it is."""
    discreet: bool = False
    """Comments come without `from`."""
    old_webhooks: bool = False
    total_values: bool = False
    """Insights come as `total_value`."""


class NewMedia(BaseModel):
    profile: str
    text: str
    product: Product = "FEED"
    age: float = 0.0
    """Seconds before now."""
    figures: dict[str, int] = {}


class Named(BaseModel):
    profile: str
    by: str
    """Id or name of a citizen."""
    text: str
    """With @ and the user name, it is told."""
    tell: bool = True


def instagram_control(state: Standin) -> APIRouter:
    router = APIRouter(prefix="/instagram")

    @router.post("/profiles")
    def profiles(body: list[NewProfile]) -> dict[str, list[str]]:
        """Given again, an account is as it is said from now on; its media stay its own."""
        with state.lock:
            made = []
            for one in body:
                page = there(PageOfCity, one.page, state.pages)
                made.append(profile(state, page, **one.model_dump(exclude={"page"})).id)
            return {"profiles": made}

    @router.post("/media")
    def media(body: NewMedia) -> dict[str, str]:
        with state.lock:
            made = state.post(there(Profile, body.profile, state.pages), body.text, at=state.now() - body.age)
            if isinstance(made, Media):
                made.product = body.product
                made.figures |= body.figures
            return {"id": made.id}

    @router.post("/mention")
    def mentioned(body: Named) -> dict[str, str]:
        """Somebody publishes a picture of their own, whose words may name the city."""
        with state.lock:
            on, by = there(Profile, body.profile, state.pages), state.person(body.by)
            return {"id": on.mention(state, by, body.text, tell=body.tell).id}

    return router

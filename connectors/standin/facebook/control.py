"""What only Pages have, for the hand behind the pretend networks: `/_control/facebook/`."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from connectors.standin.people import NETWORK, Ad
from connectors.standin.state import Comment, PageOfCity, Post, Standin
from connectors.standin.wire import there


class NewPost(BaseModel):
    page: str
    text: str
    form: Literal["post", "reel", "video", "ad"] = "post"
    age: float = 0.0
    """Seconds before now."""
    figures: dict[str, int] = {}
    """By name of the metric, and `reactions` and `shares`."""


class NewAd(BaseModel):
    post: str
    account: str
    """Like act_123."""
    campaign: str
    spend: str
    currency: str = "CAD"


class Said(BaseModel):
    page: str
    by: str
    """Id or name of a citizen."""
    text: str
    positive: bool = True
    """Of a review."""
    tell: bool = True


class Hidden(BaseModel):
    comment: str
    hidden: bool = True


def facebook_control(state: Standin) -> APIRouter:
    router = APIRouter(prefix="/facebook")

    @router.post("/post")
    def post(body: NewPost) -> dict[str, str]:
        """A reel, a video or an advertisement too; an advertisement is in no feed."""
        with state.lock:
            page = there(PageOfCity, body.page, state.pages)
            made = state.post(page, body.text, at=state.now() - body.age, form=body.form)
            made.figures |= body.figures
            return {"id": made.id}

    @router.post("/ad")
    def ad(body: NewAd) -> dict[str, str]:
        """Bought for a post that is there."""
        with state.lock:
            post = there(Post, body.post, state.posts)
            made = Ad(str(state.number()), body.account, body.campaign, post.id, body.spend, body.currency)
            state.ads.append(made)
            return {"id": made.id}

    @router.post("/mention")
    def mention(body: Said) -> dict[str, str]:
        """Somebody names the Page in a post of their own."""
        with state.lock:
            page = there(PageOfCity, body.page, state.pages)
            made = state.post(page, body.text, writer=state.person(body.by), tell=body.tell)
            return {"id": made.id}

    @router.post("/review")
    def review(body: Said) -> dict[str, str]:
        with state.lock:
            page, by = there(PageOfCity, body.page, state.pages), state.person(body.by)
            return {"id": state.review(page, by, body.text, positive=body.positive, tell=body.tell).id}

    @router.post("/hide")
    def hide(body: Hidden) -> dict[str, bool]:
        """Facebook hides a comment by itself, or shows it again."""
        with state.lock:
            state.hide(there(Comment, body.comment, state.comments), NETWORK, hidden=body.hidden)
        return {"ok": True}

    return router

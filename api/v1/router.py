"""The addresses of version 1, and who may knock: a signed-in person's browser session, or a key that reads."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response, Security
from fastapi.security import APIKeyCookie, HTTPBearer

from api.deps import CurrentViewer, Now
from api.turns import WINDOW, Turns
from api.v1 import (
    accounts,
    campaigns,
    comments,
    conversations,
    corrections,
    decisions,
    dossiers,
    exports,
    figures,
    holds,
    incidents,
    items,
    media,
    posts,
    proposals,
    requests,
)

# They say in the OpenAPI document what `api.deps` asks for; the asking itself is there.
_KEY = HTTPBearer(scheme_name="key", description="An API key of `parvis key add`: reads only.", auto_error=False)
_SESSION = APIKeyCookie(
    name="parvis",
    scheme_name="session",
    description="A person's session cookie (`__Host-parvis` over https), with an `Origin` that is ours on writes.",
    auto_error=False,
)


async def in_turn(request: Request, response: Response, viewer: CurrentViewer, now: Now) -> None:
    """Count the requests of a key, and say what is left (draft-ietf-httpapi-ratelimit-headers-10). 429: nothing is."""
    if viewer.key_id is None:
        return
    turns: Turns = request.app.state.key_turns
    left = turns.take(str(viewer.key_id), now=now)
    response.headers["RateLimit-Policy"] = f'"key";q={turns.most};w={WINDOW.total_seconds():.0f}'
    response.headers["RateLimit"] = f'"key";r={left.turns};t={left.seconds}'


router = APIRouter(prefix="/api/v1", dependencies=[Security(_KEY), Security(_SESSION), Depends(in_turn)])
for part in (
    comments,
    conversations,
    items,
    corrections,
    decisions,
    proposals,
    requests,
    posts,
    campaigns,
    dossiers,
    holds,
    incidents,
    media,
    accounts,
    figures,
    exports,
):
    router.include_router(part.router)

"""The addresses of version 1, and who may knock: a signed-in person's browser session, or a key that reads."""

from __future__ import annotations

from fastapi import APIRouter, Security
from fastapi.security import APIKeyCookie, HTTPBearer

from api.v1 import (
    accounts,
    campaigns,
    comments,
    conversations,
    corrections,
    decisions,
    dossiers,
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

router = APIRouter(prefix="/api/v1", dependencies=[Security(_KEY), Security(_SESSION)])
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
):
    router.include_router(part.router)

"""Which pretend networks there are: who answers, has a hand of its own, posts where; how a city speaks to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from fastapi import APIRouter

from connectors.standin.facebook.control import facebook_control
from connectors.standin.instagram import profiles
from connectors.standin.instagram.control import instagram_control
from connectors.standin.instagram.state import profile
from connectors.standin.instagram_public import web
from connectors.standin.linkedin import consent, pages
from connectors.standin.linkedin import webhooks as linkedin
from connectors.standin.linkedin.control import linkedin_control
from connectors.standin.linkedin.state import CLIENT_ID, CLIENT_SECRET
from connectors.standin.meta import graph
from connectors.standin.meta import webhooks as meta
from connectors.standin.open311 import server as open311
from connectors.standin.open311.control import open311_control
from connectors.standin.state import Fault, Standin
from connectors.standin.wire import Answer, Call, Told

Speaker = Callable[[Standin, Call, Fault | None], Answer]
CONTROLS: tuple[Callable[[Standin], APIRouter], ...] = (
    facebook_control,
    instagram_control,
    linkedin_control,
    open311_control,
)
_SPEAKERS: dict[str, Speaker] = {
    "ig-api-upload": profiles.upload,
    "rest": pages.answer,
    "dms-uploads": pages.answer,
    "oauth": consent.answer,
    "open311": open311.answer,
}
"""By the first part of the path: each network has its own host outside. What is not here is Graph."""


class Hook(Protocol):
    """What is posted to one address, `/webhooks/<route>`. `verify` asks whether an address is the city's."""

    TOPICS: Sequence[str]
    MOST: int
    """Changes of one body."""

    def body_of(self, changes: Sequence[Told], now: float) -> bytes: ...

    def headers(self, state: Standin, body: bytes) -> dict[str, str]: ...

    def verify(self, url: str, token: str) -> bool: ...


linked = profile
"""Makes an account whose calls carry the token of a Page."""
HOOKS: Mapping[str, Hook] = {"meta": meta, "linkedin": linkedin}  # type: ignore[dict-item]  # Modules that are one.
"""By the end of the address."""


def speaker_of(call: Call) -> Speaker:
    """Who answers."""
    return web.answer if call.headers.get("host") in web.HOSTS else _SPEAKERS.get(call.version, graph.answer)


def route_of(topic: str) -> str:
    """Where the changes of a topic are posted."""
    return next(route for route, hook in HOOKS.items() if topic in hook.TOPICS)


def settings(state: Standin, address: str) -> dict[str, str]:
    """The settings with which a city speaks to the networks at this address (`connectors.base.setting`)."""
    return {
        "graph_base_url": address,
        "meta_dialog_url": address,
        "meta_app_id": state.app_id,
        "meta_app_secret": state.app_secret,
        "meta_verify_token": state.verify_token,
        "linkedin_base_url": address,
        "linkedin_auth_url": f"{address}/oauth/v2",
        "linkedin_client_id": CLIENT_ID,
        "linkedin_client_secret": CLIENT_SECRET,
    }

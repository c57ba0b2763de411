"""How a person connects Pages and the Instagram accounts that are linked to them: Meta's dialog, then tokens.

https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow, and for tokens without an end
https://developers.facebook.com/docs/facebook-login/guides/access-tokens/get-long-lived. One dialog serves both
networks: an Instagram account is reached with the token of its Page.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from connectors.base import AccountRef, Offered
from connectors.meta.answers import pages
from connectors.meta.graph import Graph, GraphSettings, missing_of
from connectors.meta.permissions import (
    FOR_INSTAGRAM,
    FOR_PAGES,
    IG_DELETE,
    IG_TALK,
    LIST,
    READ_COSTS,
    SUBSCRIBE,
)
from connectors.wire import as_id, as_mapping, as_text, as_time
from models.errors import NotFound, Transient

ASKED = tuple(dict.fromkeys((LIST, SUBSCRIBE, *FOR_PAGES, *FOR_INSTAGRAM)))
OPTIONAL = (IG_TALK, IG_DELETE)
"""Asked too, and not missed: without them only private replies and deleted posts of Instagram are refused."""
FOR_COSTS = (READ_COSTS,)
"""Asked only of a city that shows what its advertisements cost; comments under them are read everywhere."""


class MetaConsent:
    """`connectors.base.Consent` for Facebook and Instagram. Meta's dialog has no PKCE for an app with a secret."""

    def __init__(self, settings: GraphSettings) -> None:
        if not (settings.app_id and settings.app_secret):
            raise NotFound("no application of Meta's in the settings")
        self._settings = settings

    def address(self, *, redirect_uri: str, state: str, verifier: str) -> str:
        """`auth_type=rerequest` asks again for what was refused before."""
        del verifier
        settings = self._settings
        asked = {
            "client_id": settings.app_id or "",
            "redirect_uri": redirect_uri,
            "state": state,
            "scope": ",".join((*ASKED, *OPTIONAL, *(FOR_COSTS if settings.ad_accounts else ()))),
            "response_type": "code",
            "auth_type": "rerequest",
        }
        return f"{settings.dialog_url.rstrip('/')}/{settings.version}/dialog/oauth?{urlencode(asked)}"

    def exchange(self, *, code: str, redirect_uri: str, verifier: str) -> tuple[Offered, ...]:
        """The Pages that the person chose, each followed by its Instagram account, if it has one."""
        del verifier
        short = self._token(redirect_uri=redirect_uri, code=code)
        user = self._token(grant_type="fb_exchange_token", fb_exchange_token=short)
        graph = Graph(self._settings, user)
        said = graph.debug_token() or {}
        offered: list[Offered] = []
        args = {"fields": "id,name,access_token,instagram_business_account{id,username}", "limit": "100"}
        for page in pages(graph, "me/accounts", LIST, name=None, **args):
            for item in page:
                offered += _offered(item, said)
        return tuple(offered)

    def refresh(self, account: AccountRef, refresh_token: str | None) -> Offered | None:
        """Never: the token of a Page has no end of its own, and only a person can give a new one when it dies."""
        del account, refresh_token
        return None

    def _token(self, **asked: str) -> str:
        settings = self._settings
        identity = {"client_id": settings.app_id or "", "client_secret": settings.app_secret or ""}
        answer = Graph(settings, "").as_app("oauth/access_token", **identity, **asked)
        if not (token := as_text(answer.get("access_token"))):
            raise Transient
        return token


def _offered(item: Mapping[str, Any], said: Mapping[str, Any]) -> list[Offered]:
    """A Page without a token is one where this person may do nothing."""
    page, token = as_id(item.get("id")), as_text(item.get("access_token"))
    if page is None or not token:
        return []
    name = as_text(item.get("name")) or page
    until = _end(said)
    found = [Offered("facebook", page, name, token, until, missing_of(said, FOR_PAGES, page))]
    linked = as_mapping(item.get("instagram_business_account"))
    if (account := as_id(linked.get("id"))) is not None:
        missing = missing_of(said, FOR_INSTAGRAM, account, page)
        user_name = as_text(linked.get("username")) or name
        found.append(Offered("instagram", account, user_name, token, until, missing))
    return found


def _end(said: Mapping[str, Any]) -> datetime | None:
    """A Page's token does not end; the access to its data does, ninety days after the person was last seen."""
    return as_time(said.get("data_access_expires_at")) if said.get("data_access_expires_at") else None

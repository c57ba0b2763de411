"""Graph for Pages, as Meta speaks it, over the state of `connectors.standin.state`: a call in, an answer out."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from functools import lru_cache
from typing import Any

from connectors.standin.facebook import pages
from connectors.standin.facebook.publishing import receive
from connectors.standin.instagram import profiles
from connectors.standin.meta import consent
from connectors.standin.state import FIELDS, Fault, PageOfCity, Standin
from connectors.standin.wire import Answer, Call, GraphError, missing, seconds, unknown_path

OLDEST_VERSION = 21
SMALL = 30
"""Rows of a page that Graph still makes when it says that too much was asked for."""


def answer(state: Standin, call: Call, fault: Fault | None) -> Answer:
    """What Graph answers. Faults that only spoil the way back are the server's business, not this one's."""
    with state.lock:
        state.settle()
        if call.path == "dialog/oauth":
            return consent.dialog(state, call)
        state.calls += 1
        headers = {"facebook-api-version": call.version, **_usage(state, fault)}
        try:
            if fault is not None:
                _refuse(fault, call)
            return Answer(200, _route(state, call, fault), headers)
        except GraphError as error:
            return Answer(error.status, error.body, headers)


def _refuse(fault: Fault, call: Call) -> None:
    """The faults that refuse before anything is applied."""
    match fault.kind:
        case "throttle":
            raise GraphError(403, 32, "(#32) Page request limit reached")
        case "token_expired":
            message = "Error validating access token: Session has expired."
            raise GraphError(400, 190, message, error_subcode=fault.subcode)
        case "permission":
            raise GraphError(403, 200, "(#200) Requires pages_manage_engagement permission to manage the object")
        case "blocked":
            raise GraphError(400, 368, "The action attempted has been deemed abusive or is otherwise disallowed")
        case "unseen":
            raise missing(call.path.partition("/")[0])
        case "duplicate":
            raise GraphError(400, 506, "(#506) Duplicate status message", error_subcode=1455006)
        case "500_before":
            raise GraphError(500, 1, "An unknown error occurred")
        case "too_much" if (seconds(call.params.get("limit")) or 0) > SMALL:
            raise GraphError(500, 1, "Please reduce the amount of data you're asking for, then retry your request")
        case "503":
            raise GraphError(503, 2, "Service temporarily unavailable", is_transient=True)


def _usage(state: Standin, fault: Fault | None) -> dict[str, str]:
    throttled = fault is not None and fault.kind == "throttle"
    percent = 100 if throttled else state.spent()
    minutes = max(1, round(fault.seconds / 60)) if throttled and fault else state.regain_minutes
    return dict(_spent(next(iter(state.pages), "0"), percent, minutes))


@lru_cache(maxsize=1_000)
def _spent(page: str, percent: float, minutes: int) -> tuple[tuple[str, str], ...]:
    """Names and values of the headers: every answer has them, and most have the same."""
    counts = {"call_count": percent, "total_cputime": percent // 2, "total_time": percent // 2}
    entry = {"type": "pages", **counts, "estimated_time_to_regain_access": minutes}
    return ("x-app-usage", json.dumps(counts)), ("x-business-use-case-usage", json.dumps({page: [entry]}))


def _route(state: Standin, call: Call, fault: Fault | None) -> Any:
    if call.version == "video-upload":
        return receive(state, call)
    if (version := re.fullmatch(r"v(\d+)\.\d+", call.version)) is None:
        raise unknown_path(call.path)
    if int(version[1]) < OLDEST_VERSION:
        raise GraphError(400, 2635, "(#2635) You are calling a deprecated version of the Ads API. Please update.")
    token = call.params.get("access_token", "")
    _check_proof(state, token, call.params.get("appsecret_proof"))
    if call.path == "oauth/access_token":
        return consent.access_token(state, call)
    if call.path == "me/accounts":
        return consent.accounts(state, call, token)
    if call.path == "debug_token":
        return {"data": _debug(state, token, call.params.get("input_token", ""))}
    if call.path == f"{state.app_id}/subscriptions":
        return _subscriptions(state, token)
    page = _page_of(state, token)
    if (said := profiles.route(state, call, page, fault)) is not None:
        return said
    lag = fault.seconds if fault is not None and fault.kind == "lag" else 0.0
    first, _, edge = call.path.partition("/")
    first = page.id if first == "me" else first
    if first in state.pages:
        return pages.on_page(state, call, page, first, edge, lag)
    if first.startswith("act_"):
        return pages.on_ad_account(state, call, page, first, edge)
    return pages.on_thing(state, call, page, first, edge, lag)


def _page_of(state: Standin, token: str) -> PageOfCity:
    if not token:
        raise GraphError(400, 2500, "An active access token must be used to query information about the current user.")
    for page in state.pages.values():
        if page.token == token:
            if (dead := _dead(state, page)) is not None:
                raise GraphError(400, 190, "Error validating access token", error_subcode=dead)
            return page
    raise GraphError(400, 190, "Invalid OAuth access token - Cannot parse access token")


def _dead(state: Standin, page: PageOfCity) -> int | None:
    return 463 if page.expires_at and page.expires_at <= state.now() else page.dead


def _check_proof(state: Standin, token: str, proof: str | None) -> None:
    """The proof is not demanded, but a wrong one is refused."""
    right = hmac.new(state.app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
    if proof is not None and not hmac.compare_digest(proof.encode(), right.encode()):
        raise GraphError(400, 100, "Invalid appsecret_proof provided in the API argument", "GraphMethodException")


APP_FIELDS = {"page": FIELDS, "instagram": ("comments", "mentions", "messages", "messaging_seen")}
"""What the app is told of, by its own settings."""


def _subscriptions(state: Standin, token: str) -> dict[str, Any]:
    """What the app is told of, by its own settings."""
    if token != f"{state.app_id}|{state.app_secret}":
        raise GraphError(400, 15, "(#15) This method must be called with an app access_token.")
    return {
        "data": [
            {"object": name, "active": True, "fields": [{"name": one, "version": "v26.0"} for one in told]}
            for name, all_ in APP_FIELDS.items()
            if (told := [one for one in all_ if f"{name}:{one}" not in state.app_lacks])
        ]
    }


def _debug(state: Standin, token: str, inspected: str) -> dict[str, Any]:
    if token != f"{state.app_id}|{state.app_secret}":
        raise GraphError(400, 100, "(#100) You must provide an app access token, or a user access token")
    if (grant := state.grants.get(inspected)) is not None:
        return consent.debug(state, grant)
    page = next((one for one in state.pages.values() if one.token == inspected), None)
    if page is None:
        error = {"code": 190, "message": "The access token could not be decrypted"}
        return {"error": error, "is_valid": False, "scopes": []}
    dead, accounts = _dead(state, page), profiles.linked(state, page)
    error = {"error": {"code": 190, "message": "Error validating access token", "subcode": dead}}
    return ({} if dead is None else error) | {
        "app_id": state.app_id,
        "type": "PAGE",
        "application": "Parvis",
        "data_access_expires_at": 0,
        "expires_at": page.expires_at,
        "is_valid": dead is None,
        "profile_id": page.id,
        "scopes": list(page.scopes),
        "granular_scopes": [
            {"scope": scope, "target_ids": accounts if scope.startswith("instagram_") else [page.id]}
            for scope in page.scopes
        ],
    }

"""LinkedIn's versioned REST API, as it speaks, over the state that all pretend networks share.

The bodies of errors are those that people report: https://github.com/ComposioHQ/composio/issues/3231 for 426,
https://github.com/Arisamiga/Linkedin-RSS/issues/5 for 422, and for 403
https://github.com/linkedin-developers/linkedin-api-python-client/issues/47.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from connectors.standin.linkedin import organizations
from connectors.standin.linkedin.feed import Feed
from connectors.standin.linkedin.organizations import Pages
from connectors.standin.linkedin.state import EXPIRED, REVOKED
from connectors.standin.linkedin.wire import (
    RestError,
    denied,
    duplicate,
    illegal,
    old_errors,
    token_error,
)
from connectors.standin.state import Fault, Standin
from connectors.standin.wire import Answer, Call

OLDEST_VERSION = "202512"
RESOURCES: dict[str, tuple[type[Feed | Pages], Callable[..., Answer]]] = {
    "posts": (Feed, Feed.posts),
    "socialActions": (Feed, Feed.comments),
    "socialMetadata": (Feed, Feed.metadata),
    "reactions": (Feed, Feed.reactions),
    "images": (Pages, Pages.assets),
    "videos": (Pages, Pages.assets),
    "documents": (Pages, Pages.assets),
    "networkSizes": (Pages, Pages.followers),
    "organizationalEntityFollowerStatistics": (Pages, Pages.follower_statistics),
    "organizationalEntityShareStatistics": (Pages, Pages.share_statistics),
    "organizationalEntityNotifications": (Pages, Pages.notifications),
    "eventSubscriptions": (Pages, Pages.subscriptions),
    "organizationAcls": (Pages, Pages.acls),
    "organizations": (Pages, Pages.organizations),
}


def answer(state: Standin, call: Call, fault: Fault | None) -> Answer:
    """What LinkedIn answers. Faults that only spoil the way back are the server's business, not this one's."""
    with state.lock:
        state.settle()
        state.calls += 1
        try:
            if call.version == "dms-uploads":
                _refuse(call, fault)
                return organizations.upload(state, call)
            _check(call)
            _refuse(call, fault)
            given = _spoken(state, call, fault.seconds if fault is not None and fault.kind == "lag" else 0.0)
        except RestError as error:
            given = error.answer(old=old_errors(state), now=state.now())
        given.headers |= {"x-li-uuid": "AAYStandIn==", "x-li-fabric": "pretend"}
        return _circling(given, call, fault)


def _spoken(state: Standin, call: Call, lag: float) -> Answer:
    resource, _, rest = call.path.partition("/")
    if resource not in RESOURCES:
        raise RestError(404, "RESOURCE_NOT_FOUND", f"No virtual resource found for {resource}")
    kind, speak = RESOURCES[resource]
    return speak(kind(state, call, lag), rest)


def _check(call: Call) -> None:
    version = call.headers.get("linkedin-version", "")
    if re.fullmatch(r"20\d{4}", version) is None:
        said = "A version must be present. Please specify a version by adding the LinkedIn-Version header."
        raise RestError(400, "VERSION_MISSING", said)
    if version < OLDEST_VERSION:
        raise RestError(426, "NONEXISTENT_VERSION", f"Requested version {version}01 is not active")
    if call.headers.get("x-restli-protocol-version") != "2.0.0":
        raise illegal("Resource method could not be resolved from request parameters.")
    if "urn:" in urlsplit(call.url).path:
        raise illegal("Invalid URN in the path: its colons must be percent-encoded")


def _refuse(call: Call, fault: Fault | None) -> None:
    """The faults that refuse before anything is applied."""
    match fault.kind if fault is not None else None:
        case "throttle":
            raise RestError(429, "", None)  # From the way in, and with no body.
        case "throttle_403":
            raise RestError(403, "ACCESS_DENIED", "Throttle limit for calls to this resource is reached.")
        case "throttle_day":
            said = "Resource level throttle APPLICATION DAY limit for calls to this resource is reached."
            raise RestError(429, "TOO_MANY_REQUESTS", said, 101)
        case "token_expired":
            raise token_error(REVOKED if fault is not None and fault.subcode == REVOKED else EXPIRED)
        case "permission":
            raise denied(call)
        case "duplicate":
            raise duplicate("urn:li:share:7141138937766391808")
        case "500_before":
            raise RestError(500, "INTERNAL_SERVER_ERROR", "Internal Server Error", 0)
        case "503":
            raise RestError(503, "SERVICE_UNAVAILABLE", "Service Unavailable", 0)


def _circling(given: Answer, call: Call, fault: Fault | None) -> Answer:
    """A page with nothing in it that has a next one, and a next one that is the same."""
    kind = fault.kind if fault is not None else None
    if kind in ("empty_page", "repeated_cursor") and isinstance(given.body, dict) and "paging" in given.body:
        here = f"/rest/{call.path}?{urlsplit(call.url).query}"
        given.body["paging"]["links"] = [{"rel": "next", "type": "application/json", "href": here}]
        if kind == "empty_page":
            given.body["elements"] = []
    return given

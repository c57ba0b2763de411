"""What Meta's answers say that is no data: errors as ours, and how much of the budget is spent.

Codes and actions come from Meta's page on error handling,
https://developers.facebook.com/docs/graph-api/guides/error-handling, and usage headers from its page on rate limiting,
https://developers.facebook.com/docs/graph-api/overview/rate-limiting.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.base import Usage
from connectors.crawl import TooMuch
from models.errors import (
    Ambiguous,
    Blocked,
    FarSideError,
    Gone,
    PermissionMissing,
    Rejected,
    Throttled,
    TokenInvalid,
    Transient,
)

logger = logging.getLogger(__name__)

THROTTLED = frozenset({4, 17, 32, 341, 613}) | frozenset(range(80000, 80015))
TOKEN = frozenset({102, 104, 190, 450, 452})
PERMISSION = frozenset({10}) | frozenset(range(200, 300))
PERMISSIONS = re.compile(r"\b(?:pages|business|instagram|ads)_[a-z_]+|\bread_insights\b")
RESTRICTED = re.compile(r"temporar|restricted|disabled|suspended|locked|unavailable|try again later", re.IGNORECASE)
"""How Meta says under a permission's code that it has shut something for a while; no permission helps."""
BLOCKED = re.compile(r"temporarily (?:been )?blocked|too fast|deemed abusive|misus", re.IGNORECASE)
BLOCKS = frozenset({1390008, 1404006, 1404112, 2207050, 2207051})
"""Subcodes that say the same as 368, whatever the code beside them: not this act is refused, but this account."""
NOT_THERE = frozenset({2069030, 2069031, 2069033})
"""Subcodes of 200: not supported on this object."""
REFUSALS = frozenset(
    {12, 21, 24, 33, 100, 192, 194, 274, 352, 803, 1705, 2500, 9004, 9005, 9007, 33001, 36000, 36001, 36003, 36007}
)
"""Codes by which Meta refuses a call before anything happens, from the pages named above and Instagram's. After a
write, any other code is no proof that nothing was applied: the network is read first.
"""
TOKEN_REASONS = {
    458: "app_removed",
    459: "checkpoint",
    460: "password_changed",
    463: "expired",
    464: "checkpoint",
    466: "revoked",
    467: "logged_out",
    492: "role_lost",
}
DEAD = re.compile(r"access token|session (?:has|is|was|does)|not authorized application", re.IGNORECASE)
"""How Meta says without a token's code that the token died."""
ABSENT = re.compile(r"object with id|aliases you requested|cannot be loaded", re.IGNORECASE)
"""How it says without a subcode that something is not there, or not to be seen."""
THROTTLE_PAUSE = timedelta(minutes=5)
"""How long to stop when Meta does not say how long."""
PUBLISHING = {
    1366046: "photo_format",
    1346003: "abusive",
    1404078: "publishing_authorization",
    1404102: "community_standards",
    1366051: "already_posted",
    1609008: "own_link",
    2061006: "bad_url",
    4854002: "confirm_identity",
}
"""Subcodes of refused publications that a person can do something about; the others keep their numbers."""
INSTAGRAM = {
    2207004: "too_large",
    2207005: "photo_format",
    2207006: "media_not_found",
    2207009: "aspect_ratio",
    2207010: "caption_too_long",
    2207023: "media_type",
    2207026: "video_format",
    2207028: "carousel_items",
    2207040: "too_many_mentions",
    2207042: "daily_limit",
    2207052: "media_not_public",
}
"""The same for Instagram, whatever the code beside them (4 is not always "too many calls"):
https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/error-codes."""
PRIVATE_REPLY = {10900: "already_replied", 10902: "cannot_reply", 10903: "cannot_reply", 551: "unavailable"}
CLOSED = "window_closed"
WINDOW_CLOSED = frozenset({2018278, 2534022})
"""Subcodes of code 10 that say "too late for a message", not "permission missing"."""
TEMPORARY = frozenset({1363047, 1609010, 2207001, 2207003, 2207008, 2207020, 2207027, 2207032, 2207053})
"""Subcodes that mean "try later", whatever their code; nothing says that nothing was published."""
BLOCK_PAUSE = timedelta(hours=6)
"""Code 368 (blocked for a while by Meta's policies) asks for hours, not minutes."""


def by_status(status: int, headers: Mapping[str, str], *, write: bool) -> FarSideError:
    """An answer that says nothing readable: for a write it may have been applied."""
    if status == 429:
        return Throttled(throttled_until(headers, datetime.now(UTC)))
    return Ambiguous() if write else Transient(reason=f"HTTP {status}")


def failure_of(body: object, status: int, headers: Mapping[str, str], *, write: bool, permission: str) -> FarSideError:
    """Meta's error body as one of ours. A code that Meta defines as a refusal is believed whatever the status."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return by_status(status, headers, write=write)
    message = str(error.get("message", ""))
    code, subcode = _integer(error.get("code")), _integer(error.get("error_subcode"))
    if code is None and (named := re.search(r"\(#(\d+)\)", message)):
        code = int(named[1])  # Some bodies have no code but in their sentence.
    known = _stopped(code, subcode, message, headers, write=write, permission=permission)
    if known is None:
        known = _unclear(code, subcode, message, write=write) or _named(code, subcode, message)
    if known is not None:
        return known
    if error.get("is_transient") is True or status >= 500:
        return Ambiguous() if write else Transient(reason=str(code or f"HTTP {status}"))
    if status == 429:
        return by_status(status, headers, write=write)
    if write and code not in REFUSALS:
        return Ambiguous()
    if code is None:
        return Rejected("unnamed")
    return Rejected(str(code) if subcode is None else f"{code}/{subcode}")


def _stopped(
    code: int | None, subcode: int | None, message: str, headers: Mapping[str, str], *, write: bool, permission: str
) -> FarSideError | None:
    """What stops the account, or all of them: nothing was applied."""
    now = datetime.now(UTC)
    if code == 368 or subcode in BLOCKS or (write and BLOCKED.search(message)):
        return Blocked(now + BLOCK_PAUSE)  # The next act would be refused too.
    if subcode in INSTAGRAM:
        return Rejected(INSTAGRAM[subcode])
    if write and subcode in PUBLISHING:
        return Rejected(PUBLISHING[subcode])
    if code in THROTTLED:
        return Throttled(throttled_until(headers, now))
    if code in TOKEN or (code in {None, 2500} and DEAD.search(message)):
        return TokenInvalid(token_reason(subcode))
    if code == 10 and subcode in WINDOW_CLOSED:
        return Rejected(CLOSED)
    if code == 3:
        return Rejected("app_not_approved")
    if code in PERMISSION:
        return _forbidden(subcode, message, write=write, permission=permission)
    if code == 2635:
        # Every account meets it at once, and only the operator can help: PARVIS_GRAPH_VERSION.
        logger.critical("Meta does not serve this version of the Graph API any more: %s", message)
        return Rejected("version")
    return None


def _forbidden(subcode: int | None, message: str, *, write: bool, permission: str) -> FarSideError:
    """What a permission's code says; a text that names several permissions says less than what the call needed."""
    if subcode in NOT_THERE:
        return Rejected("not_supported_there")
    named = set(PERMISSIONS.findall(message))
    if not named and RESTRICTED.search(message):
        return Transient() if write else Rejected("restricted")
    return PermissionMissing(named.pop() if len(named) == 1 else permission)


def _unclear(code: int | None, subcode: int | None, message: str, *, write: bool) -> FarSideError | None:
    """What may have been applied, and for a read may pass later."""
    if write and (code == 506 or subcode == 1455006):
        return Ambiguous()  # "Duplicate": perhaps of the very call whose answer was lost.
    if code == 1 and not write and "reduce the amount of data" in message:
        return TooMuch()
    if code in {1, 2} or subcode in TEMPORARY:
        return Ambiguous() if write else Transient(reason=str(code))
    return None


def _named(code: int | None, subcode: int | None, message: str) -> FarSideError | None:
    """Refusals that have a name of their own."""
    if code == 100 and subcode in {33, 2018292}:  # 2018292: a private reply to a comment that is not there.
        return Gone()
    if code in {33, 100, 803} and subcode is None and ABSENT.search(message):
        return Gone()
    name = PRIVATE_REPLY.get(code or 0)
    return Rejected(name) if name else None


def token_reason(subcode: object) -> str:
    """Why a token died, from the subcode of error 190."""
    return TOKEN_REASONS.get(subcode if isinstance(subcode, int) else 0, "invalid")


def throttled_until(headers: Mapping[str, str], now: datetime) -> datetime:
    """When calls may go on after a refusal for too many calls."""
    spent = usage(headers, now)
    return spent.resume_at if spent and spent.resume_at else now + THROTTLE_PAUSE


def usage(headers: Mapping[str, str], now: datetime) -> Usage | None:
    """The highest percentage of all usage headers (names in lower case), and the latest time that they give.

    `x-page-usage` is the name of `x-app-usage` for Page tokens before 2019. `estimated_time_to_regain_access` is in
    minutes.
    """
    entries: list[Mapping[str, Any]] = []
    for name in ("x-app-usage", "x-page-usage", "x-business-use-case-usage"):
        try:
            value = json.loads(headers.get(name, "null"))
        except ValueError:
            continue
        if isinstance(value, dict):
            lists = [item for item in value.values() if isinstance(item, list)]
            entries += [entry for item in lists for entry in item if isinstance(entry, dict)] or [value]
    if not entries:
        return None
    spent = [_number(entry.get(key)) for entry in entries for key in ("call_count", "total_cputime", "total_time")]
    minutes = max(_number(entry.get("estimated_time_to_regain_access")) for entry in entries)
    # A year is more than any wait that makes sense, and keeps the sum inside the calendar.
    return Usage(max(spent), now + timedelta(minutes=min(minutes, 525_600)) if minutes > 0 else None)


def _integer(value: object) -> int | None:
    try:
        return int(value) if isinstance(value, int | str) else None
    except ValueError:
        return None


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0

"""What LinkedIn's refusals mean, as one name per kind of failure.

https://learn.microsoft.com/linkedin/shared/api-guide/concepts/error-handling. A body is `{"status", "message",
"serviceErrorCode", "code"}`, before the versions `{"errorCode", "message", "requestId", "status", "timestamp"}`, and
sometimes there is none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from models.errors import (
    Ambiguous,
    FarSideError,
    Gone,
    PermissionMissing,
    Rejected,
    Throttled,
    TokenInvalid,
    Transient,
)

PAUSE = timedelta(minutes=15)
"""How long to stop after a 429 that names no limit: it came from the way in, not from a quota of the day."""
_TOKEN_REASONS = {65601: "revoked", 65602: "expired"}


RESTRICTED = re.compile(r"temporar|restricted|suspended|disabled|locked|blocked", re.IGNORECASE)
"""How LinkedIn says that it has shut something for a while; no permission helps."""
REFUSALS = re.compile(
    r"missing|invalid|illegal|malformed|unsupported|unpermitted|nonexistent|not_found|required|too_|exceed|length|format"
)
"""What the names hold by which LinkedIn refuses a call before anything happens. After a write, any other is no proof
that nothing was applied: the network is read first.
"""


def by_status(status: int, *, write: bool) -> FarSideError:
    """An answer that says nothing readable: a write may have been applied."""
    return Ambiguous() if write else Transient(reason=f"HTTP {status}")


def failure_of(
    status: int, headers: Mapping[str, str], raw: bytes, *, write: bool, permission: str, now: datetime
) -> FarSideError:
    """One answer that is no success. `permission` is what the call needs; header names are in lower case.

    A body that is no JSON comes from something between LinkedIn and us, whose status says nothing of LinkedIn.
    """
    body = _mapping(raw)
    if status >= 500 or status < 400 or (body is None and status != 429):
        return by_status(status, write=write)
    said = body or {}
    message, code, number = str(said.get("message", "")), str(said.get("code", "")), said.get("serviceErrorCode")
    if status == 429 or (status == 403 and re.search(r"throttle", message, re.IGNORECASE)):
        return Throttled(_until(headers, message, now))
    match status:
        case 401:
            return TokenInvalid(token_reason(number, f"{code} {message}"))
        case 403 if RESTRICTED.search(message) and "permission" not in message:
            return Transient() if write else Rejected("restricted")
        case 403:
            return PermissionMissing(permission)
        case 404 | 410:
            return Gone()
        case 426:
            return Rejected("version_sunset")
        case 422 if re.search(r"duplicate", json.dumps(said), re.IGNORECASE):
            # Perhaps of the very call whose answer was lost.
            return Ambiguous() if write else Rejected("duplicate")
    named = code.lower() or (str(number) if isinstance(number, int) else "")
    if write and not (REFUSALS.search(named) or (named and status == 422)):
        return Ambiguous()
    return Rejected(named or str(status))


def token_reason(number: object, said: str) -> str:
    """Why a token died."""
    if isinstance(number, int) and number in _TOKEN_REASONS:
        return _TOKEN_REASONS[number]
    known = re.search(r"expired|revoked", said, re.IGNORECASE)
    return known[0].lower() if known else "invalid"


def _mapping(raw: bytes) -> dict[str, Any] | None:
    """The body, empty if there is none; None when it is no JSON object."""
    if not raw.strip():
        return {}
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _until(headers: Mapping[str, str], message: str, now: datetime) -> datetime:
    """Quotas are of a day and start again at 00:00 UTC; only their refusals name a limit."""
    if (after := headers.get("retry-after", "")).isdigit():
        return now + timedelta(seconds=min(int(after), 86_400))
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return midnight if re.search(r"limit", message, re.IGNORECASE) else now + PAUSE

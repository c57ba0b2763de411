"""What comes over the wire from any network: values of JSON, which may be anything; answers that are cut short;
requests that never left.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import requests
import urllib3.exceptions


def whole(response: requests.Response, seconds: float) -> requests.Response:
    """The answer, made with `stream=True`, with all of its body. ReadTimeout: it is not whole after so many seconds.

    What `requests` calls a timeout is for each piece: an answer that drips would hold a worker for as long as it likes.
    """
    until, parts = time.monotonic() + seconds, list[bytes]()
    try:
        while part := response.raw.read1(65_536, decode_content=True):
            parts.append(part)
            if time.monotonic() > until:
                response.close()
                raise requests.ReadTimeout
    except urllib3.exceptions.HTTPError:
        response.close()
        raise requests.ConnectionError from None
    response.raw = BytesIO(b"".join(parts))
    return response


def never_sent(error: requests.RequestException) -> bool:
    """Whether the request provably did not leave: no connection was made, or its certificate was refused."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(reason, urllib3.exceptions.ProxyError):
        reason = reason.original_error
    if isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError):
        return True
    return isinstance(reason, urllib3.exceptions.SSLError) and any(
        isinstance(cause, ssl.SSLCertVerificationError) for cause in reason.args
    )


def as_mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def as_id(value: object) -> str | None:
    """Ids are strings of digits and underscores; old bodies have numbers."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return as_text(value) or None


def as_text(value: object) -> str | None:
    """Text that every database can keep: no NUL, no half of a surrogate pair."""
    if not isinstance(value, str):
        return None
    return (
        value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )


def as_time(value: object) -> datetime | None:
    """Unix seconds, unix milliseconds, or ISO 8601, as Graph and its webhooks have them."""
    try:
        if isinstance(value, str) and not value.isdigit():
            read = datetime.fromisoformat(value)
            return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            return None
        number = float(value)
        return datetime.fromtimestamp(number / 1000 if number > 1e11 else number, UTC)
    except (ValueError, OverflowError, OSError):
        return None

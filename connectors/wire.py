"""What comes over the wire from any network: values of JSON, which may be anything; answers that are cut short;
requests that never left.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter

from connectors.base import Prepared, Publication
from models.errors import Transient


class _Kept(HTTPAdapter):
    """Connections that stay open between calls, for all threads: a new one costs more than the call itself. Each is
    used again only while the far side has it open. What the environment says of proxies and certificates is read once.
    """

    def send(self, request: requests.PreparedRequest, *given: Any, **how: Any) -> requests.Response:
        parts = urlsplit(str(request.url))
        how["proxies"], verify = _surroundings(f"{parts.scheme}://{parts.netloc}")
        how["verify"] = how.get("verify", True) and verify
        return super().send(request, *given, **how)


@lru_cache(maxsize=256)
def _surroundings(origin: str) -> tuple[Mapping[str, str], bool | str]:
    """The proxies between us and an address, and where the certificates are by which we know it (True: the usual)."""
    found = requests.Session().merge_environment_settings(origin, {}, None, None, None)
    return found["proxies"], found["verify"] is None or found["verify"]


_kept = _Kept(pool_connections=32, pool_maxsize=32)


def over_kept_connections(session: requests.Session) -> requests.Session:
    """The session, whose calls go over connections that outlive it."""
    session.trust_env = False
    for scheme in ("https://", "http://"):
        session.mount(scheme, _kept)
    return session


def whole(response: requests.Response, seconds: float, most: int | None = None) -> requests.Response:
    """The answer, made with `stream=True`, with all of its body. ReadTimeout: it is not whole after so many seconds;
    ConnectionError: it was cut, or has more than `most` bytes.

    What `requests` calls a timeout is for each piece: an answer that drips would hold a worker for as long as it likes.
    """
    until, parts, size = time.monotonic() + seconds, list[bytes](), 0
    try:
        while part := response.raw.read1(65_536, decode_content=True):
            parts.append(part)
            size += len(part)
            if most is not None and size > most:
                response.close()
                raise requests.ConnectionError
            if time.monotonic() > until:
                response.close()
                raise requests.ReadTimeout
    except urllib3.exceptions.HTTPError:
        response.close()
        raise requests.ConnectionError from None
    response.raw = BytesIO(b"".join(parts))
    return response


def ready(
    prepare: Callable[[Publication, Prepared | None], Prepared], publication: Publication, pauses: Sequence[float]
) -> Prepared:
    """The files of a publication, sent and taken in: asked about at once and after each pause (seconds) but the first.
    Transient: that is not enough.
    """
    prepared = prepare(publication, None)
    for pause in pauses[1:]:
        if prepared.ready:
            break
        time.sleep(pause)
        prepared = prepare(publication, prepared)
    if not prepared.ready:
        raise Transient(timedelta(minutes=5))
    return prepared


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

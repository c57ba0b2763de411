"""Meta's Graph API as a transport, for every network that Meta runs; the only file that imports facebook-sdk.

facebook-sdk 3.1.0 is the only way out to Graph, and it needs four things from above: an API version of this decade, a
timeout, the status and headers that it throws away, and one name per kind of failure. It never retries, and neither
do we: whoever owns the work decides (`models.errors`). Codes and actions come from Meta's page on error handling,
https://developers.facebook.com/docs/graph-api/guides/error-handling, and usage headers from its page on rate limiting,
https://developers.facebook.com/docs/graph-api/overview/rate-limiting.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
import ssl
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import requests
import urllib3.exceptions

from connectors.base import Usage
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

with warnings.catch_warnings():
    # A regular expression of the package is not a raw string; Python says so when it compiles the file for the first
    # time, and nothing else is silenced.
    warnings.filterwarnings("ignore", r"invalid escape sequence '\\d'", DeprecationWarning)
    import facebook

THROTTLED = frozenset({4, 17, 32, 341, 613}) | frozenset(range(80000, 80015))
TOKEN = frozenset({102, 190, 450, 452})
PERMISSION = frozenset({3, 10}) | frozenset(range(200, 300))
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
THROTTLE_PAUSE = timedelta(minutes=5)
"""How long to stop when Meta does not say how long."""
BLOCK_PAUSE = timedelta(hours=6)
"""Code 368 (blocked for a while by Meta's policies) asks for hours, not minutes."""

_SECRET = re.compile(r"((?:access_token|appsecret_proof|input_token|client_secret)=)[^&\s\"']+")


class _NoTokens(logging.Filter):
    """The SDK puts the token in the query string, and urllib3 writes whole paths at DEBUG."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = _SECRET.sub(r"\1***", record.getMessage()), ()
        return True


logging.getLogger("urllib3.connectionpool").addFilter(_NoTokens())


@dataclass(frozen=True)
class GraphSettings:
    """Where Graph is and how it is spoken to. `version` is "v26.0"; `timeout` is (connect, read) in seconds.

    Without `app_secret` calls carry no `appsecret_proof`; without `app_id` too, the health of a token is only whether
    it opens its own page.
    """

    base_url: str = "https://graph.facebook.com"
    version: str = "v26.0"
    app_id: str | None = None
    app_secret: str | None = field(default=None, repr=False)
    timeout: tuple[float, float] = (5.0, 30.0)


class _Session(requests.Session):
    """Sends to the configured base, and remembers the status and headers of the last answer."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self.base_url = base_url.rstrip("/") + "/"
        self.status = 0
        self.answered: Mapping[str, str] = {}

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        self.status, self.answered = 0, {}
        kwargs["allow_redirects"] = False  # A write that is sent elsewhere would arrive as a read.
        path = str(url).removeprefix(facebook.FACEBOOK_GRAPH_URL)
        # No hook does this: a hook of ours would hold the session, and the session its connections.
        response = super().request(method, self.base_url + path, *args, **kwargs)
        self.status, self.answered = response.status_code, dict(response.headers.lower_items())
        # Meta labels some JSON text/javascript, which the SDK refuses, and an answer without a label makes it fall
        # over. All that we ask for is JSON, so that what is not JSON fails in one way: it does not decode.
        response.headers["content-type"] = "application/json"
        return response


class _SDK(facebook.GraphAPI):  # type: ignore[misc]  # The package has no types.
    """The SDK with a living version (its own list ends in 2018), a proof of the secret, and no change to arguments."""

    def __init__(self, settings: GraphSettings, token: str) -> None:
        super().__init__(access_token=token, timeout=settings.timeout, session=_Session(settings.base_url))
        self.version = settings.version
        self.app_secret = settings.app_secret

    def request(
        self,
        path: str,
        args: Mapping[str, str] | None = None,
        post_args: Mapping[str, str] | None = None,
        files: None = None,
        method: str | None = None,
    ) -> Any:
        query, body = dict(args or {}), dict(post_args) if post_args else None
        carrier = query if body is None else body
        if self.app_secret is not None:
            token = str(carrier.get("access_token", self.access_token))
            proof = hmac.new(self.app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
            carrier["appsecret_proof"] = proof
        return super().request(path, query, body, files, method)


class Graph:
    """Calls with one token. An instance serves one thread at a time, because it remembers the last answer."""

    def __init__(self, settings: GraphSettings, token: str) -> None:
        self._settings = settings
        self._token = token
        self._sdk = _SDK(settings, token)

    def read(self, path: str, permission: str, **args: str) -> dict[str, Any]:
        """GET an object. Errors: all of `models.errors` but `Ambiguous`; `permission` is what the call needs."""
        answer = self._call("GET", path, args, permission)
        if not isinstance(answer, dict):
            raise Transient
        return answer

    def write(self, method: str, path: str, permission: str, **args: str) -> Any:
        """POST or DELETE, once. Booleans go as "true" and "false": the SDK would send Python's words."""
        return self._call(method, path, args, permission)

    def debug_token(self) -> dict[str, Any] | None:
        """What Meta says of the token (fields of `GET /debug_token`), or None when the app is not configured.

        TokenInvalid would be about the app's own token, so that the identifiers of the app are wrong: `Rejected`.
        """
        app_id, secret = self._settings.app_id, self._settings.app_secret
        if app_id is None or secret is None:
            return None
        args = {"input_token": self._token, "access_token": f"{app_id}|{secret}"}
        try:
            answer = self._call("GET", "debug_token", args, "")
        except TokenInvalid:
            raise Rejected("app") from None
        data = as_mapping(answer).get("data")
        if not isinstance(data, dict):
            raise Transient
        return data

    @property
    def usage(self) -> Usage | None:
        """What the last answer said of the budget; None when it said nothing."""
        return usage(self._sdk.session.answered, datetime.now(UTC))

    def _call(self, method: str, path: str, args: Mapping[str, str], permission: str) -> Any:
        full = f"{self._sdk.version}/{quote(path, safe='/_')}"
        write = method != "GET"
        session: _Session = self._sdk.session
        failure: FarSideError
        try:
            if method == "POST":
                answer = self._sdk.request(full, post_args=args, method=method)
            else:
                answer = self._sdk.request(full, args, method=method)
            if 200 <= session.status < 300:
                return answer
            failure = _by_status(session.status, session.answered, write=write)
        except facebook.GraphAPIError as error:
            failure = failure_of(error.result, session.status, session.answered, write=write, permission=permission)
        except requests.RequestException as error:
            if session.status:
                failure = _by_status(session.status, session.answered, write=write)
            else:
                failure = Transient() if not write or never_sent(error) else Ambiguous()
        except ValueError:
            failure = _by_status(session.status, session.answered, write=write)
        # Raised out here, the error has no context: those of requests carry addresses, and addresses carry the token.
        raise failure


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


def _by_status(status: int, headers: Mapping[str, str], *, write: bool) -> FarSideError:
    """An answer that says nothing readable: for a write it may have been applied."""
    if status == 429:
        return Throttled(throttled_until(headers, datetime.now(UTC)))
    return Ambiguous() if write else Transient()


def failure_of(body: object, status: int, headers: Mapping[str, str], *, write: bool, permission: str) -> FarSideError:
    """Meta's error body as one of ours. A code that Meta defines as a refusal is believed whatever the status."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return _by_status(status, headers, write=write)
    message = str(error.get("message", ""))
    code, subcode = _integer(error.get("code")), _integer(error.get("error_subcode"))
    if code is None and (named := re.match(r"\(#(\d+)\)", message)):
        code = int(named[1])  # Some bodies have no code but in their sentence.
    now = datetime.now(UTC)
    if code in THROTTLED:
        return Throttled(throttled_until(headers, now))
    if code in TOKEN:
        return TokenInvalid(token_reason(subcode))
    if code in PERMISSION:
        said = re.search(r"\b(?:pages|business|instagram)_[a-z_]+|\bread_insights\b", message)
        return PermissionMissing(said[0] if said else permission)
    if code == 100 and subcode == 33:
        return Gone()
    if code == 368:
        # A refused write is shown to a person and not tried again: the same text would be refused for ever.
        return Rejected("blocked") if write else Throttled(now + BLOCK_PAUSE)
    if write and (code == 506 or subcode == 1455006):
        return Ambiguous()  # "Duplicate": perhaps of the very call whose answer was lost.
    if code in (1, 2) or error.get("is_transient") is True or status >= 500:
        return Ambiguous() if write else Transient()
    if status == 429:
        return _by_status(status, headers, write=write)
    if code is None:
        return Rejected("unnamed")
    return Rejected(str(code) if subcode is None else f"{code}/{subcode}")


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

"""LinkedIn's versioned REST API as a transport; the only file that imports python-linkedin-v2.

python-linkedin-v2 0.9.4 is the only way out to LinkedIn; all that is left of it is `make_request` and the address of
the consent dialog: its requests put the token in the address, name no version, call every body JSON and open a new
connection each; its errors turn an empty 429 into a success. Like Graph's, this transport makes a read again, never a
write.
"""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from linkedin_v2 import linkedin
from linkedin_v2.models import AccessToken

from connectors.base import setting
from connectors.linkedin.errors import failure_of
from connectors.wire import as_mapping, never_sent, over_kept_connections, whole
from models.errors import Ambiguous, FarSideError, Rejected, Transient
from models.vocabulary import N_

logger = logging.getLogger(__name__)

PROTOCOL = "2.0.0"


def _month(value: str) -> str:
    if not (len(value) == 6 and value.isascii() and value.isdigit() and value.startswith("20")):
        raise ValueError(N_("must be a month like 202609"))
    return value


@dataclass(frozen=True)
class LinkedInSettings:
    """Where LinkedIn is and how it is spoken to. `auth_url` asks for consent and gives tokens; `version` is a month,
    like "202609", and LinkedIn keeps each for a year; `timeout` is (connect, read) in seconds.

    Without `client_id` and `client_secret` no account can be connected, no webhook is believed, and the health of a
    token is only whether it opens its own page.
    """

    base_url: str = setting("linkedin_base_url", "https://api.linkedin.com")
    auth_url: str = setting("linkedin_auth_url", "https://www.linkedin.com/oauth/v2")
    version: str = setting("linkedin_version", "202609", read=_month)
    client_id: str | None = setting("linkedin_client_id")
    client_secret: str | None = setting("linkedin_client_secret", secret=True)
    timeout: tuple[float, float] = (5.0, 30.0)
    retries: tuple[float, ...] = (0.5, 2.0)
    """The longest wait before each new try of a read, in seconds."""
    looks: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0)
    """Seconds between the looks at a file that LinkedIn is taking in: a minute in all, less than a worker's lease."""


@dataclass(frozen=True)
class Done:
    """A write that LinkedIn accepted. `created` is what the header `x-restli-id` names; most bodies are empty."""

    created: str | None
    body: Mapping[str, Any]
    etag: str | None


class _SDK(linkedin.LinkedInApplication):  # type: ignore[misc]  # The package has no types.
    """The SDK with a version, the token in a header, and one session."""

    def __init__(self, settings: LinkedInSettings, token: str) -> None:
        authentication = linkedin.LinkedInAuthentication(settings.client_id, settings.client_secret, "")
        authentication.token = AccessToken(token, None)
        super().__init__(authentication=authentication)
        self.settings = settings
        self.session = over_kept_connections(requests.Session())

    def make_request(
        self,
        method: str,
        url: str,
        data: bytes | None = None,
        params: None = None,
        headers: Mapping[str, str] | None = None,
        timeout: tuple[float, float] | None = None,
    ) -> requests.Response:
        """`url` has its query: Rest.li's lists and keys would not come through `params` as they are."""
        token = self.authentication.token.access_token
        patience = timeout or self.settings.timeout
        answer = self.session.request(
            method,
            url,
            data=data,
            params=params,
            headers={"Authorization": f"Bearer {token}", **(headers or {})},
            timeout=patience,
            allow_redirects=False,  # A write that is sent elsewhere would arrive as a read.
            stream=True,
        )
        return whole(answer, sum(patience))


class LinkedIn:
    """Calls with one token. Paths are under `/rest/`; every part of them that is an URN goes through `encoded`."""

    def __init__(self, settings: LinkedInSettings, token: str) -> None:
        self._settings = settings
        self._sdk = _SDK(settings, token)
        self.proven = set[str]()
        """Permissions that a call needed which succeeded. A listing with nothing in it proves none."""

    def read(self, path: str, permission: str, *, batch: bool = False) -> dict[str, Any]:
        """GET an object. Errors: all of `models.errors` but `Ambiguous`; `permission` is what the call needs."""
        for pause in self._settings.retries:
            try:
                return self.once(path, permission, batch=batch)
            except Transient:
                time.sleep(random.uniform(pause / 2, pause))
        return self.once(path, permission, batch=batch)

    def once(self, path: str, permission: str, *, batch: bool = False) -> dict[str, Any]:
        """`read` in one try, for callers who count their calls and will come back."""
        headers = {"X-RestLi-Method": "BATCH_GET"} if batch else {}
        answer = self._call("GET", self._url(path), permission, headers=headers)
        try:
            body = answer.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise Transient
        if body.get("elements") != []:
            self.proven.add(permission)
        return body

    def write(
        self, method: str, path: str, permission: str, body: Mapping[str, Any] | None = None, *, partial: bool = False
    ) -> Done:
        """POST or DELETE, once; `partial` is Rest.li's way to change some fields."""
        headers = {"X-RestLi-Method": "PARTIAL_UPDATE"} if partial else {}
        data = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        done = _done(self._call(method, self._url(path), permission, data=data, headers=headers))
        self.proven.add(permission)
        return done

    def prepare(self, path: str, permission: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """POST something that nobody sees yet: a lost answer is `Transient`, since all of it can be made again."""
        try:
            return self.write("POST", path, permission, body).body
        except Ambiguous:
            raise Transient from None

    def upload(self, url: str, content: bytes, permission: str) -> str | None:
        """PUT bytes where LinkedIn said; the ETag that it gives. Nobody sees them yet: see `prepare`.

        Rejected: the address is nobody that may have the token.
        """
        host = urlsplit(url).hostname or ""
        if host != urlsplit(self._settings.base_url).hostname and not f".{host}".endswith(".linkedin.com"):
            raise Rejected("upload_host")
        try:
            answer = self._call("PUT", url, permission, content, {"Content-Type": "application/octet-stream"})
        except Ambiguous:
            raise Transient from None
        return _done(answer).etag

    def token_status(self) -> dict[str, Any] | None:
        """What LinkedIn says of the token (`POST introspectToken`), or None when the app is not configured."""
        if self._settings.client_id is None or self._settings.client_secret is None:
            return None
        return as_app(self._settings, "introspectToken", token=self._sdk.authentication.token.access_token)

    def _url(self, path: str) -> str:
        return f"{self._settings.base_url.rstrip('/')}/rest/{path}"

    def _call(
        self,
        method: str,
        url: str,
        permission: str,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        versions = {"LinkedIn-Version": self._settings.version, "X-Restli-Protocol-Version": PROTOCOL}
        write = method != "GET"
        failure: FarSideError
        try:
            answer = self._sdk.make_request(method, url, data=data, headers={**versions, **(headers or {})})
            if 200 <= answer.status_code < 300 and not _refuses(answer):
                return answer
            failure = _failure(answer, write=write, permission=permission)
        except requests.RequestException as error:
            failure = Transient() if not write or never_sent(error) else Ambiguous()
        # Raised out here, the error has no context: those of requests hold the request, which holds the token.
        raise failure


def as_app(settings: LinkedInSettings, endpoint: str, **form: str) -> dict[str, Any]:
    """POST a form to one of the OAuth endpoints, in the app's name. Nothing that people see is made by it.

    `Rejected("app")`: the app's identifiers are wrong, or there are none; `Rejected(error)`: what LinkedIn says of the
    form, like "invalid_request" for a code that was used.
    """
    if settings.client_id is None or settings.client_secret is None:
        raise Rejected("app")
    form |= {"client_id": settings.client_id, "client_secret": settings.client_secret}
    failure: FarSideError
    try:
        url = f"{settings.auth_url.rstrip('/')}/{endpoint}"
        answer = requests.post(url, data=form, timeout=settings.timeout, allow_redirects=False)
        said = as_mapping(answer.json())
        if answer.status_code == 200 and isinstance(said, dict):
            return said
        failure = _refused(answer, said)
    except (requests.RequestException, ValueError):
        failure = Transient()
    raise failure


def consent_address(settings: LinkedInSettings, redirect_uri: str, state: str, permissions: tuple[str, ...]) -> str:
    """Where LinkedIn asks for consent. The state is ours: the package makes one up and forgets it."""
    authentication = linkedin.LinkedInAuthentication(settings.client_id or "", "", redirect_uri, list(permissions))
    authentication.AUTHORIZATION_URL = f"{settings.auth_url.rstrip('/')}/authorization"
    authentication.state = state
    return str(authentication.authorization_url)


def encoded(urn: str) -> str:
    """An URN inside a path, a list or a key."""
    return quote(urn, safe="")


def _refused(answer: requests.Response, said: Mapping[str, Any]) -> FarSideError:
    if answer.status_code >= 500 or answer.status_code == 429:
        return Transient()
    if said.get("error") == "invalid_client" or answer.status_code == 401:
        return Rejected("app")
    return Rejected(str(said.get("error") or answer.status_code))


def _refuses(answer: requests.Response) -> bool:
    """Whether a body is an error though its status says that all is well: something between LinkedIn and us says so."""
    if "json" not in answer.headers.get("content-type", "") or "x-restli-id" in answer.headers:
        return False
    try:
        said = as_mapping(answer.json())
    except ValueError:
        return False
    return "serviceErrorCode" in said or "error" in said


def _failure(answer: requests.Response, *, write: bool, permission: str) -> FarSideError:
    headers = dict(answer.headers.lower_items())
    logger.warning("LinkedIn answers %s (x-li-uuid %s)", answer.status_code, headers.get("x-li-uuid"))
    return failure_of(
        answer.status_code, headers, answer.content, write=write, permission=permission, now=datetime.now(UTC)
    )


def _done(answer: requests.Response) -> Done:
    try:
        body = as_mapping(answer.json()) if answer.content else {}
    except ValueError:
        body = {}
    return Done(answer.headers.get("x-restli-id"), body, answer.headers.get("etag"))

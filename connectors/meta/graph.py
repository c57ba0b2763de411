"""Meta's Graph API as a transport, for every network that Meta runs; the only file that imports facebook-sdk.

facebook-sdk 3.1.0 is the only way out to Graph, and it needs four things from above: an API version of this decade, a
timeout, the status and headers that it throws away, and one name per kind of failure (`connectors.meta.errors`). A
read that failed for a moment is made again, at most twice and a little later; a write never is, whoever owns the work
decides (`models.errors`).
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import random
import re
import time
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from urllib.parse import quote, urlsplit

import requests

from connectors.base import Prepared, Receipt, Told, Usage, setting
from connectors.crawl import TooMuch
from connectors.meta.errors import by_status, failure_of, token_reason, usage
from connectors.meta.permissions import SUBSCRIBE
from connectors.wire import as_mapping, as_time, never_sent, over_kept_connections, whole
from models.errors import Ambiguous, FarSideError, PermissionMissing, Rejected, TokenInvalid, Transient
from models.vocabulary import N_

logger = logging.getLogger(__name__)

__all__ = [
    "FilePart",
    "Graph",
    "GraphSettings",
    "end_of",
    "missing_of",
    "token_reason",
]

with warnings.catch_warnings():
    # A regular expression of the package is not a raw string; Python says so when it compiles the file for the first
    # time, and nothing else is silenced.
    warnings.filterwarnings("ignore", r"invalid escape sequence '\\d'", DeprecationWarning)
    import facebook

_SECRET = re.compile(r"((?:access_token|appsecret_proof|input_token|client_secret|fb_exchange_token|code)=)[^&\s\"']+")


_Said = TypeVar("_Said", Receipt, Prepared)
FilePart = tuple[str, BinaryIO, str]
"""A part of a form that is a file: its name, its open content, its type."""
UPLOADS = "rupload.facebook.com"
MESSAGES = ("messages", "message_echoes", "message_deliveries", "message_reads")
"""Of private ones: refused to an app that may not read them, which is told of the rest all the same."""
FIELDS = ("feed", "mention", "ratings", *MESSAGES)
"""What the app is told of about a Page. Meta replaces what was subscribed to before, so that all who ask must ask for
the same: Instagram's webhooks go through the Page that the account is linked to.
"""
APP_FIELDS = {"page": FIELDS, "instagram": ("comments", "mentions", "messages", "messaging_seen")}
"""What the app itself must be told of, by the kind of object."""


class _NoTokens(logging.Filter):
    """The SDK puts the token in the query string, and urllib3 writes whole paths at DEBUG."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = _SECRET.sub(r"\1***", record.getMessage()), ()
        return True


logging.getLogger("urllib3.connectionpool").addFilter(_NoTokens())


def _version(value: str) -> str:
    number = value.strip().removeprefix("v")
    major, dot, minor = number.partition(".")
    if not (dot and major.isdigit() and minor.isdigit()):
        raise ValueError(N_("must be like v26.0"))
    return f"v{number}"


def _ad_accounts(value: str) -> tuple[str, ...]:
    accounts = tuple(part.strip() for part in value.split(",") if part.strip())
    if not all(part.startswith("act_") and part[4:].isdigit() for part in accounts):
        raise ValueError(N_("must be like act_123,act_456"))
    return accounts


@dataclass(frozen=True)
class GraphSettings:
    """Where Graph is and how it is spoken to. `version` is "v26.0"; `timeout` is (connect, read) in seconds.

    Without `app_secret` calls carry no `appsecret_proof`; without `app_id` too, the health of a token is only whether
    it opens its own page.
    """

    base_url: str = setting("graph_base_url", "https://graph.facebook.com")
    version: str = setting("graph_version", "v26.0", read=_version)
    app_id: str | None = setting("meta_app_id")
    app_secret: str | None = setting("meta_app_secret", secret=True)
    verify_token: str | None = setting("meta_verify_token", secret=True)
    """What Meta says when it asks whether the address of the webhooks is ours."""
    dialog_url: str = setting("meta_dialog_url", "https://www.facebook.com")
    """Where Meta asks a person of the city which Pages and which rights Parvis gets."""
    ad_accounts: tuple[str, ...] = setting("meta_ad_accounts", (), read=_ad_accounts)
    """Ids like act_123: advertisements bought there are read, with what they cost. Parvis buys none."""
    timeout: tuple[float, float] = (5.0, 30.0)
    retries: tuple[float, ...] = (0.5, 2.0)
    """The longest wait before each new try of a read, in seconds."""


class _Session(requests.Session):
    """Sends to the configured base, and remembers the status and headers of the last answer, and the usage that was
    said last: an answer that does not come says nothing of it.
    """

    def __init__(self, base_url: str, timeout: tuple[float, float]) -> None:
        super().__init__()
        over_kept_connections(self)
        self.base_url = base_url.rstrip("/") + "/"
        self.timeout = timeout
        self.status = 0
        self.answered: Mapping[str, str] = {}
        self.usage: Usage | None = None

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        self.status, self.answered = 0, {}
        kwargs |= {"stream": True, "allow_redirects": False}  # A write that is sent elsewhere would arrive as a read.
        url = str(url)
        if url.startswith(facebook.FACEBOOK_GRAPH_URL):
            url = self.base_url + url.removeprefix(facebook.FACEBOOK_GRAPH_URL)
        # No hook does this: a hook of ours would hold the session, and the session its connections.
        response = super().request(method, url, *args, **kwargs)
        self.status, self.answered = response.status_code, dict(response.headers.lower_items())
        self.usage = usage(self.answered, datetime.now(UTC)) or self.usage
        whole(response, sum(self.timeout))
        # Meta labels some JSON text/javascript, which the SDK refuses, and an answer without a label makes it fall
        # over. All that we ask for is JSON, so that what is not JSON fails in one way: it does not decode.
        response.headers["content-type"] = "application/json"
        return response


class _SDK(facebook.GraphAPI):  # type: ignore[misc]  # The package has no types.
    """The SDK with a living version (its own list ends in 2018), a proof of the secret, and no change to arguments."""

    def __init__(self, settings: GraphSettings, token: str) -> None:
        super().__init__(
            access_token=token, timeout=settings.timeout, session=_Session(settings.base_url, settings.timeout)
        )
        self.version = settings.version
        self.app_secret = settings.app_secret

    def request(
        self,
        path: str,
        args: Mapping[str, str] | None = None,
        post_args: Mapping[str, str] | None = None,
        files: Mapping[str, Any] | None = None,
        method: str | None = None,
    ) -> Any:
        query, body = dict(args or {}), dict(post_args) if post_args is not None else None
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
        self.proven = set[str]()
        """Permissions that a call needed which succeeded. A listing with nothing in it proves none."""

    def read(self, path: str, permission: str, **args: str) -> dict[str, Any]:
        """GET an object. Errors: all of `models.errors` but `Ambiguous`; `permission` is what the call needs."""
        for pause in self._settings.retries:
            try:
                return self.once(path, permission, **args)
            except TooMuch:
                raise
            except Transient:
                time.sleep(random.uniform(pause / 2, pause))
        return self.once(path, permission, **args)

    def once(self, path: str, permission: str, **args: str) -> dict[str, Any]:
        """`read` in one try, for callers who count their calls and will come back."""
        answer = self._call("GET", path, args, permission)
        if not isinstance(answer, dict):
            raise Transient
        return answer

    def write(self, method: str, path: str, permission: str, **args: str | FilePart) -> Any:
        """POST or DELETE, once. Booleans go as "true" and "false": the SDK would send Python's words."""
        return self._call(method, path, args, permission)

    def prepare(self, path: str, permission: str, **args: str | FilePart) -> dict[str, Any]:
        """POST something that nobody sees yet: a lost answer is `Transient`, since all of it can be made again."""
        try:
            answer = self._call("POST", path, args, permission)
        except Ambiguous:
            raise Transient from None
        if not isinstance(answer, dict):
            raise Transient
        return answer

    def upload(self, url: str, file: Path, permission: str) -> None:
        """Send the bytes of a video where Graph said (`upload_url`). Nobody sees it yet: see `prepare`.

        Rejected: the address is nobody that may have the token.
        """
        host = urlsplit(url).hostname
        if host not in {UPLOADS, urlsplit(self._settings.base_url).hostname}:
            raise Rejected("upload_host")
        headers = {"Authorization": f"OAuth {self._token}", "offset": "0", "file_size": str(file.stat().st_size)}
        session: _Session = self._sdk.session
        failure: FarSideError
        try:
            with file.open("rb") as content:
                answer = session.post(url, data=content, headers=headers, timeout=self._settings.timeout)
            if answer.status_code == 200 and as_mapping(answer.json()).get("success") is True:
                return
            failure = failure_of(answer.json(), session.status, session.answered, write=True, permission=permission)
        except (requests.RequestException, ValueError):
            failure = by_status(session.status, session.answered, write=False) if session.status else Transient()
        try:
            raise Transient() if isinstance(failure, Ambiguous) else failure
        finally:
            del failure

    def subscribe(self, page: str, kind: str) -> Told:
        """Have the app told what happens on a Page, by its webhooks, and see whether the app itself is told of objects
        of this kind. Without the app's secret nobody here could check who tells.

        https://developers.facebook.com/docs/graph-api/reference/page/subscribed_apps
        """
        if self._settings.app_secret is None:
            return Told(told=False)
        path, refused = f"{page}/subscribed_apps", list[str]()
        try:
            self.prepare(path, SUBSCRIBE, subscribed_fields=",".join(FIELDS))
        except (Rejected, PermissionMissing) as error:
            if isinstance(error, Rejected) and error.reason.partition("/")[0] != "100":
                raise
            # One field that is refused takes the others with it: each is asked for by itself. What stood before stays
            # where one is refused, and is replaced where it is taken, so that each try names those that were.
            taken = list[str]()
            for field in FIELDS:
                try:
                    self.prepare(path, SUBSCRIBE, subscribed_fields=",".join([*taken, field]))
                    taken.append(field)
                except (Rejected, PermissionMissing):
                    refused.append(field)
            if not taken:
                raise
        return Told(told=True, refused=(*refused, *self._app_lacks(kind)))

    def _app_lacks(self, kind: str) -> tuple[str, ...]:
        """What the app's own settings do not have it told of; nothing where they cannot be read.

        https://developers.facebook.com/docs/graph-api/reference/app/subscriptions
        """
        try:
            answer = self.as_app(f"{self._settings.app_id}/subscriptions")
        except FarSideError as error:
            logger.info("what the app is told of cannot be read: %r", error)
            return ()
        if not isinstance(answer.get("data"), list):
            return ()
        of_kind = [one for one in map(as_mapping, _listed(answer["data"])) if one.get("object") == kind]
        told = {
            str(as_mapping(field).get("name", field))
            for one in of_kind
            if one.get("active") is not False
            for field in _listed(one.get("fields"))
        }
        return tuple(f"app:{field}" for field in APP_FIELDS[kind] if field not in told)

    def as_app(self, path: str, **args: str) -> dict[str, Any]:
        """GET with the app's own identifiers. `Rejected("app")`: they are wrong, or there are none."""
        app_id, secret = self._settings.app_id, self._settings.app_secret
        if app_id is None or secret is None:
            raise Rejected("app")
        try:
            answer = self._call("GET", path, {**args, "access_token": f"{app_id}|{secret}"}, "")
        except TokenInvalid:
            raise Rejected("app") from None
        if not isinstance(answer, dict):
            raise Transient
        return answer

    def debug_token(self) -> dict[str, Any] | None:
        """What Meta says of the token (fields of `GET /debug_token`), or None when the app is not configured.

        TokenInvalid would be about the app's own token, so that the identifiers of the app are wrong: `Rejected`.
        """
        if self._settings.app_id is None or self._settings.app_secret is None:
            return None
        data = self.as_app("debug_token", input_token=self._token).get("data")
        if not isinstance(data, dict):
            raise Transient
        return data

    @property
    def usage(self) -> Usage | None:
        """What was last said of the budget; None when no answer said anything."""
        session: _Session = self._sdk.session
        return session.usage

    def whole(self, receipt: _Said) -> _Said:
        """A receipt that says as well which permissions its calls proved, and until when Meta wants no call, if one of
        the answers to the act said so.
        """
        until = self.usage.resume_at if self.usage is not None else None
        if until is None or (receipt.resume_at is not None and receipt.resume_at >= until):
            until = receipt.resume_at
        return replace(receipt, resume_at=until, proven=frozenset(self.proven))

    def _call(self, method: str, path: str, args: Mapping[str, str | FilePart], permission: str) -> Any:
        files = {name: value for name, value in args.items() if isinstance(value, tuple)}
        said = {name: value for name, value in args.items() if isinstance(value, str)}
        full = f"{self._sdk.version}/{quote(path, safe='/_')}"
        write = method != "GET"
        session: _Session = self._sdk.session
        failure: FarSideError
        try:
            if method == "POST":
                answer = self._sdk.request(full, post_args=said, files=files or None, method=method)
            else:
                answer = self._sdk.request(full, said, method=method)
            if 200 <= session.status < 300:
                if permission and as_mapping(answer).get("data") != []:
                    self.proven.add(permission)
                return answer
            failure = by_status(session.status, session.answered, write=write)
        except facebook.GraphAPIError as error:
            failure = failure_of(error.result, session.status, session.answered, write=write, permission=permission)
        except requests.RequestException as error:
            if session.status:
                failure = by_status(session.status, session.answered, write=write)
            else:
                failure = Transient() if not write or never_sent(error) else Ambiguous()
        except ValueError:
            failure = by_status(session.status, session.answered, write=write)
        # Raised out here, the error has no context: those of requests carry addresses, and addresses carry the token.
        try:
            raise failure
        finally:
            del failure  # Or this frame and its error would hold each other, and the connections, until collected.


def end_of(data: Mapping[str, Any]) -> datetime | None:
    """When a token ends, from what `debug_token` says of it: its own end or that of its access to data, whichever comes
    first. 0 is no end.
    """
    ends = [as_time(data.get(key)) for key in ("expires_at", "data_access_expires_at") if data.get(key)]
    return min((end for end in ends if end is not None), default=None)


def missing_of(data: Mapping[str, Any], needed: Iterable[str], *objects: str, about: str = "") -> tuple[str, ...]:
    """Which permissions a token lacks for these objects, from what `debug_token` says of it. `about`: what the names
    of the permissions begin with that are granted by ids of their kind.
    """
    granted = {str(scope) for scope in _listed(data.get("scopes"))}
    for entry in map(as_mapping, _listed(data.get("granular_scopes"))):
        # A permission may be granted for some objects only; without a list it is for all of them.
        scope, listed = str(entry.get("scope")), _listed(entry.get("target_ids"))
        if listed and scope.startswith(about) and not set(objects) & set(map(str, listed)):
            granted.discard(scope)
    return tuple(name for name in needed if name not in granted)


def _listed(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []

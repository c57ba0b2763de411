"""What stands around every request: its id and language, its size, where it comes from, and the answer's headers."""

from __future__ import annotations

import logging
import time
from secrets import token_hex

import structlog
from fastapi.routing import iter_route_contexts
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.i18n import FRENCH, LANGUAGES, _, language
from api.problems import problem_response
from api.settings import Settings
from publishing.library import LARGEST

BODY_LIMIT = 1_048_576
"""Bytes. Nothing that is sent to Parvis is larger: the largest batches of webhooks hold a thousand small changes."""
UPLOAD_LIMIT = LARGEST + BODY_LIMIT
"""But a picture, or several light ones."""
UPLOADS = frozenset({"/comptes/importation"})
LIBRARY = frozenset({"/medias", "/api/v1/media"})
"""Where films come in too."""
GONE = 499
"""What is counted when who asked has left before the end of the request."""
LANGUAGE_COOKIE = "parvis_language"


def content_security_policy(*dialogs: str, pictures: str = "") -> str:
    """What a page may load and send. `dialogs` are other origins that a form of this page may end at, `pictures` one
    that it shows pictures of.
    """
    targets = " ".join(["'self'", *sorted(set(dialogs))])
    shown = " ".join(filter(None, ["'self'", "data:", pictures]))
    return (
        f"default-src 'self'; img-src {shown}; script-src 'self'; style-src 'self'; object-src 'none'; "
        f"base-uri 'none'; form-action {targets}; frame-ancestors 'none'"
    )


_HEADERS = {
    "content-security-policy": content_security_policy(),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
}
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_METHODS = _SAFE | {"POST", "PUT", "PATCH", "DELETE"}

log = logging.getLogger("parvis.door")


def session_cookie(settings: Settings) -> str:
    """The name of the cookie that keeps somebody signed in."""
    return settings.cookie("parvis")


def library_limit(film_mb: int) -> int:
    """How many bytes may be sent to the library at once: one film, or one picture, or several lighter ones."""
    return max(film_mb * 1024**2, LARGEST) + BODY_LIMIT


def body_limit(path: str, film_mb: int) -> int:
    """How many bytes may be sent to an address."""
    if path in LIBRARY:
        return library_limit(film_mb)
    return UPLOAD_LIMIT if path in UPLOADS or path.startswith("/completer/") else BODY_LIMIT


class BodyLimit:
    """Stops reading what is longer than it said, or said nothing of its length."""

    def __init__(self, app: ASGIApp, *, film_mb: int) -> None:
        limits = {BODY_LIMIT, UPLOAD_LIMIT, library_limit(film_mb)}
        self._film_mb = film_mb
        self._by_limit = {most: RequestBodyLimitMiddleware(app, most) for most in limits}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._by_limit[body_limit(scope.get("path", ""), self._film_mb)](scope, receive, send)


class EdgeMiddleware:
    """The outermost layer. An error that nobody expected becomes an answer here, so that it has these headers too."""

    def __init__(self, app: ASGIApp, *, settings: Settings, metrics: CollectorRegistry) -> None:
        self._app = app
        self._origin = settings.base_url
        self._film_mb = settings.film_mb
        self._https = settings.https
        self._cookie = session_cookie(settings)
        self._language_cookie = settings.cookie(LANGUAGE_COOKIE)
        self._names = _Routes()
        self._served = Counter(
            "parvis_http_requests", "Requests served", ["method", "route", "status"], registry=metrics
        )
        self._seconds = Histogram(
            "parvis_http_request_seconds", "Time to answer", ["method", "route"], registry=metrics
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        request.state.id = token_hex(8)
        cookies = request.cookies  # As the routes read them: two readings of one header could differ.
        chosen = cookies.get(self._language_cookie, FRENCH)
        language.set(chosen if chosen in LANGUAGES else FRENCH)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request=request.state.id)
        started, status = time.perf_counter(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._add_headers(MutableHeaders(scope=message), request)
            await send(message)

        try:
            refusal = self._refusal(request, signed_in=self._cookie in cookies)
            answer: ASGIApp = refusal or self._app
            await answer(scope, receive, send_with_headers)
        except ClientDisconnect:
            status = GONE
        except Exception:
            method, route = self._names(scope)
            log.exception("unexpected", extra={"method": method, "route": route})
            if status:
                raise  # Part of the answer has left: the connection must be cut.
            response = problem_response(request, 500, "internal")
            await response(scope, receive, send_with_headers)
        finally:
            seconds, (method, route) = time.perf_counter() - started, self._names(scope)
            self._served.labels(method, route, status).inc()
            self._seconds.labels(method, route).observe(seconds)
            if route not in {"/healthz", "/readyz", "/static"}:
                facts = {"method": method, "route": route, "status": status, "ms": round(seconds * 1000, 1)}
                log.info("served", extra=facts)

    def _refusal(self, request: Request, *, signed_in: bool) -> ASGIApp | None:
        """The answer to a request that goes no further: too large, or sent by another site."""
        length, most = request.headers.get("content-length", "0"), body_limit(request.url.path, self._film_mb)
        if not length.isdecimal() or len(length) > 19 or int(length) > most:
            detail = _("What was sent is larger than %(most)s MB.", most=most >> 20)
            if request.url.path in LIBRARY:
                each = {"picture": LARGEST >> 20, "film": self._film_mb}
                detail = _("A picture has at most %(picture)s MB, and a film %(film)s MB.", **each)
            return problem_response(request, 413, detail=detail)
        if request.method not in _SAFE and not self._ours(request.headers, signed_in=signed_in):
            return problem_response(request, 403, "cross_site")
        return None

    def _ours(self, headers: Headers, *, signed_in: bool) -> bool:
        """Whether a page of ours sent this, as far as the browser says. A machine sends neither header nor cookie.

        A key in `Authorization` is never sent by a browser by itself, and the cookie is not looked at beside it.
        """
        if "authorization" in headers:
            return True
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site is not None:
            return site in {"same-origin", "none"}
        if origin is not None:
            return origin == self._origin
        return not signed_in

    def _add_headers(self, headers: MutableHeaders, request: Request) -> None:
        for name, value in _HEADERS.items():
            headers.setdefault(name, value)  # A page may have a content security policy of its own.
        if self._https:
            headers["strict-transport-security"] = "max-age=31536000"
        headers["x-request-id"] = request.state.id
        # What is on a page of Parvis is for the person who asked, now: nothing is kept unless the route says so.
        headers.setdefault("cache-control", "no-cache" if request.url.path.startswith("/static/") else "no-store")


class _Routes:
    """Names of what is asked for, for logs and metrics. A path may hold a personal link, and anybody may make up a path
    or a method: what is not of the router is one name.
    """

    def __init__(self) -> None:
        self._paths: dict[int, str | None] = {}

    def __call__(self, scope: Scope) -> tuple[str, str]:
        """The method, and the whole template of the route."""
        if not self._paths and "app" in scope:
            contexts = iter_route_contexts(scope["app"].routes)
            self._paths = {id(context.original_route): context.path_format or context.path for context in contexts}
        path = "/static" if scope["path"].startswith("/static/") else self._paths.get(id(scope.get("route")))
        return scope["method"] if scope["method"] in _METHODS else "other", path or "unknown"

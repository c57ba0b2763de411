"""Errors as answers: RFC 9457 problem documents for machines, pages in French for people."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy import exc
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from api import georeport
from api.i18n import N_, _
from api.messages import refusal
from api.pages import render
from api.settings import masked
from models.errors import NotFound, ParvisError, Refused

JSON_PREFIXES = ("/api/", "/webhooks/", "/open311/", "/healthz", "/readyz", "/metrics")


RETRY_AFTER = 5
"""Seconds after which somebody who was not served may come again."""

log = logging.getLogger("parvis.door")


class SignedOut(ParvisError):
    """Nobody is signed in, or the key is not known: 401, or the sign-in page."""


class FactorDue(ParvisError):
    """Known, and must set up a second factor before anything else: 403, or the page for it."""


class Busy(ParvisError):
    """Too much of this is asked at once: 503, and when to come again."""


class Forbidden(ParvisError):
    """Known, and not allowed to do this anywhere: 403."""


_PROBLEMS: Mapping[str, tuple[str, str]] = {
    "bad_request": (N_("Unreadable request"), N_("The request could not be read.")),
    "signed_out": (N_("Sign-in needed"), N_("Sign in, or give a valid API key.")),
    "factor_due": (N_("Second factor needed"), N_("Your role asks for a second factor. Set it up first.")),
    "forbidden": (N_("Access denied"), N_("Your role does not allow this.")),
    "cross_site": (
        N_("Access denied"),
        N_("This form was sent from another site. Open the page again and send it from there."),
    ),
    "not_found": (N_("Not found"), N_("There is nothing at this address, or it is not yours to see.")),
    "method_not_allowed": (N_("Method not allowed"), N_("This address does not take that method.")),
    "version_changed": (N_("Changed meanwhile"), N_("Somebody has changed this since you read it. Read it again.")),
    "version_needed": (N_("Version needed"), N_("Say which version you read, in If-Match.")),
    "too_large": (N_("Too large"), N_("More was sent than is taken here.")),
    "refused": (N_("Not possible"), N_("This could not be done.")),
    "invalid": (N_("Fields to correct"), N_("Some fields are missing or cannot be read.")),
    "throttled": (N_("Too many attempts"), N_("Wait a few minutes, then try again.")),
    "busy": (
        N_("Busy"),
        N_("This cannot be taken right now. Nothing was changed; try again in a few seconds."),
    ),
    "internal": (N_("Unexpected error"), N_("Something failed on our side. What you sent was not kept; try again.")),
}
_CODES = {
    400: "bad_request",
    401: "signed_out",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "refused",
    412: "version_changed",
    413: "too_large",
    422: "invalid",
    428: "version_needed",
    429: "throttled",
    503: "busy",
}


def wants_json(request: Request) -> bool:
    """Whether a machine asks: by address, because people and machines have different ones."""
    return request.url.path.startswith(JSON_PREFIXES)


def problem_response(
    request: Request,
    status: int,
    code: str | None = None,
    *,
    detail: str | None = None,
    errors: Sequence[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer to a request that failed: `code` is stable, `detail` a sentence in the reader's language."""
    code = code or _CODES.get(status, "bad_request" if status < 500 else "internal")
    title, usual = _PROBLEMS.get(code) or _PROBLEMS[_CODES.get(status, "internal")]
    detail = detail or _(usual)
    if request.url.path.startswith(georeport.PREFIX):
        said = [one["detail"] for one in errors if "detail" in one] or [detail]
        return georeport.failed(request.url.path, status, said, headers)
    if wants_json(request):
        body: dict[str, Any] = {
            "type": f"urn:parvis:problem:{code}",
            "title": _(title),
            "status": status,
            "code": code,
            "detail": detail,
            "request": request.state.id,
        }
        if errors:
            body["errors"] = list(errors)
        return JSONResponse(body, status, headers, media_type="application/problem+json")
    values = {"heading": _(title), "detail": detail, "code": code, "request_id": request.state.id}
    if "hx-request" in request.headers:
        # The page stays as it is, and the sentence joins its messages.
        aimed = {"HX-Retarget": "#toasts", "HX-Reswap": "beforeend", **(headers or {})}
        return render(request, "toast.html", status=status, headers=aimed, **values)
    return render(request, "error.html", status=status, headers=headers, **values)


def _refused(request: Request, error: Refused) -> Response:
    field = error.params.get("field")
    detail = refusal(error)
    several = [one for one in (error, *error.others) if one.params.get("field")]
    errors = [{"field": one.params["field"], "code": one.code, "detail": refusal(one)} for one in several]
    return problem_response(request, 422 if field else 409, error.code, detail=detail, errors=errors)


def _not_found(request: Request, error: Exception) -> Response:
    return problem_response(request, 404)


def _forbidden(request: Request, error: Exception) -> Response:
    return problem_response(request, 403)


def _signed_out(request: Request, error: Exception) -> Response:
    if wants_json(request):
        return problem_response(request, 401, headers={"WWW-Authenticate": "Bearer"})
    return _led(request, "/connexion")


def _factor_due(request: Request, error: Exception) -> Response:
    return problem_response(request, 403, "factor_due") if wants_json(request) else _led(request, "/compte/avant")


def _led(request: Request, where: str) -> Response:
    """To a page that comes before the one asked for, and knows which that is."""
    if "hx-request" in request.headers:
        return Response(status_code=401, headers={"HX-Redirect": where})
    # What a network's dialog sent back serves once, and is in no address that we write.
    if request.method == "GET" and request.url.path != "/" and "code" not in request.query_params:
        asked = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
        where = f"{where}?{urlencode({'suite': asked})}"
    return RedirectResponse(where, 303)


def _http(request: Request, error: HTTPException) -> Response:
    return problem_response(request, error.status_code, headers=error.headers)


def _busy(request: Request, error: Exception) -> Response:
    return problem_response(request, 503, "busy", headers={"retry-after": str(RETRY_AFTER)})


def _away(request: Request, error: Exception) -> Response:
    """The database is locked, full or away, or all its connections are taken: what was asked is not wrong."""
    why = getattr(error, "orig", error)
    if getattr(why, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_READONLY}:
        raise error  # What was asked of it is wrong: our fault.
    log.error("the database takes nothing", extra={"why": masked(str(why))})
    return _busy(request, error)


def _invalid(request: Request, error: RequestValidationError) -> Response:
    errors = [
        {"field": ".".join(str(part) for part in fault["loc"][1:]) or str(fault["loc"][0]), "code": fault["type"]}
        for fault in error.errors()
    ]
    status = 400 if any(fault["type"] == "json_invalid" for fault in error.errors()) else 422
    return problem_response(request, status, errors=errors)


def install(app: FastAPI) -> None:
    """Every error that can reach the door has its answer; `security.EdgeMiddleware` answers what nobody expected."""
    handlers: Mapping[type[Exception], Callable[[Request, Any], Response]] = {
        Refused: _refused,
        NotFound: _not_found,
        Forbidden: _forbidden,
        SignedOut: _signed_out,
        FactorDue: _factor_due,
        Busy: _busy,
        exc.OperationalError: _away,
        exc.TimeoutError: _away,
        HTTPException: _http,
        RequestValidationError: _invalid,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)

"""LinkedIn's consent dialog and its tokens (OAuth 2), https://learn.microsoft.com/linkedin/shared/authentication.

Nothing is kept of a code but the grant that it became: a code says by itself what it is for, and is signed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from html import escape
from typing import Any
from urllib.parse import urlencode

from connectors.standin.linkedin.state import (
    CLIENT_ID,
    CLIENT_SECRET,
    EXPIRED,
    REVOKED,
    SCOPES,
    Grant,
    grant_of,
    grants,
    new_grant,
)
from connectors.standin.linkedin.wire import empty
from connectors.standin.people import ISSUED
from connectors.standin.state import Fault, Standin
from connectors.standin.wire import Answer, Call

CODE_LIFE = 30 * 60
"""Seconds that a code lives."""
PAGE = """<!DOCTYPE html>
<html lang="fr"><meta charset="utf-8"><title>LinkedIn (réseau simulé)</title>
<h1>LinkedIn (réseau simulé)</h1>
<p>L’application <strong>Parvis</strong> demande&nbsp;: {scopes}.</p>
<form method="post" action="/oauth/v2/authorization">{fields}
<button name="decision" value="allow">Autoriser</button> <button name="decision" value="refuse">Refuser</button>
</form></html>"""


def answer(state: Standin, call: Call, fault: Fault | None) -> Answer:
    """`/oauth/v2/authorization` for a browser; `accessToken` and `introspectToken` for the application."""
    with state.lock:
        state.calls += 1
        if fault is not None and fault.kind in ("500_before", "503"):
            return Answer(500 if fault.kind == "500_before" else 503, {"error": "server_error"})
        match call.method, call.path:
            case (("GET" | "POST"), "v2/authorization"):
                return _authorization(state, call)
            case "POST", "v2/accessToken":
                return _access_token(state, call.params)
            case "POST", "v2/introspectToken":
                return _introspect(state, call.params)
        return empty(404)


def _authorization(state: Standin, call: Call) -> Answer:
    asked = call.params
    scopes = asked.get("scope", "").split()
    if asked.get("client_id") != CLIENT_ID or asked.get("response_type") != "code" or not asked.get("redirect_uri"):
        return _shown(400, "<p>Bummer, something went wrong.</p>")
    given: dict[str, str] = {}
    if unknown := sorted(set(scopes) - set(SCOPES)):
        said = f'Scope "{unknown[0]}" is not authorized for your application'
        given = {"error": "unauthorized_scope_error", "error_description": said}
    elif call.method == "GET":
        names = ("client_id", "response_type", "redirect_uri", "state", "scope")
        fields = "".join(f'<input type="hidden" name="{one}" value="{escape(asked.get(one, ""))}">' for one in names)
        return _shown(200, PAGE.format(scopes=escape(", ".join(scopes)), fields=fields))
    elif asked.get("decision") == "allow":
        given = {"code": _code(asked["redirect_uri"], scopes, state.now() + CODE_LIFE)}
    else:
        said = "The user cancelled the authorization"
        given = {"error": "user_cancelled_authorize", "error_description": said}
    joint = "&" if "?" in asked["redirect_uri"] else "?"
    query = urlencode(given | {"state": asked.get("state", "")})
    return empty(303, location=f"{asked['redirect_uri']}{joint}{query}")


def _shown(status: int, page: str) -> Answer:
    return Answer(status, None, raw=page.encode(), content_type="text/html; charset=utf-8")


def _code(redirect_uri: str, scopes: list[str], ends_at: float) -> str:
    about = [redirect_uri, scopes, ends_at, secrets.token_hex(8)]
    packed = base64.urlsafe_b64encode(json.dumps(about).encode()).decode().rstrip("=")
    return f"{packed}.{_signature(packed)}"


def _signature(packed: str) -> str:
    return f"{ISSUED}-{hmac.new(CLIENT_SECRET.encode(), packed.encode(), hashlib.sha256).hexdigest()[:32]}"


def _access_token(state: Standin, asked: Mapping[str, str]) -> Answer:
    if not _is_app(asked):
        return Answer(401, {"error": "invalid_client", "error_description": "Client authentication failed"})
    if asked.get("grant_type") == "refresh_token":
        known = next((one for one in grants(state) if one.refresh_token == asked.get("refresh_token")), None)
        if known is None or known.refresh_expires_at <= state.now():
            said = "The provided authorization grant or refresh token is invalid, expired or revoked"
            return Answer(400, {"error": "invalid_request", "error_description": said})
        return _given(state, new_grant(state, f"{ISSUED}-{secrets.token_urlsafe(24)}", known.scopes, keep=known))
    code = asked.get("code", "")
    packed, _, signature = code.partition(".")
    token = f"{ISSUED}-{hashlib.sha256(code.encode()).hexdigest()[:40]}"
    fresh = packed and hmac.compare_digest(signature.encode(), _signature(packed).encode())
    if fresh and grant_of(state, f"AQ-{token}") is None:
        redirect_uri, scopes, ends_at, _ = json.loads(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
        if redirect_uri == asked.get("redirect_uri") and ends_at > state.now():
            return _given(state, new_grant(state, token, tuple(scopes)))
    said = (
        "Unable to retrieve access token: appid/redirect uri/code verifier does not match authorization code. "
        "Or authorization code expired. Or external member binding exists"
    )
    return Answer(400, {"error": "invalid_request", "error_description": said})


def _given(state: Standin, grant: Grant) -> Answer:
    now = int(state.now())
    body: dict[str, Any] = {"access_token": grant.token, "expires_in": grant.expires_at - now}
    if grant.refresh_token is not None:
        body |= {"refresh_token": grant.refresh_token, "refresh_token_expires_in": grant.refresh_expires_at - now}
    return Answer(200, body | {"scope": ",".join(grant.scopes), "token_type": "Bearer"})


def _introspect(state: Standin, asked: Mapping[str, str]) -> Answer:
    if not _is_app(asked):
        return Answer(401, {"error": "invalid_client", "error_description": "Client authentication failed"})
    found = grant_of(state, asked.get("token", ""))
    if found is None:
        return Answer(200, {"active": False})
    grant, _, error = found
    status = {None: "active", EXPIRED: "expired", REVOKED: "revoked"}.get(error, "revoked")
    about = {"client_id": CLIENT_ID, "auth_type": "3L", "scope": ",".join(grant.scopes), "status": status}
    ends = {"expires_at": grant.expires_at} if grant.expires_at else {}
    return Answer(200, {"active": error is None, **about, **ends})


def _is_app(asked: Mapping[str, str]) -> bool:
    return asked.get("client_id") == CLIENT_ID and asked.get("client_secret") == CLIENT_SECRET

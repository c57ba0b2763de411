"""Meta's consent dialog on the pretend networks, and what its code becomes.

https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow. The dialog is a plain page: a person
of the city is signed in already, chooses Pages and permissions, and says yes or no, with or without JavaScript.
"""

from __future__ import annotations

from html import escape
from typing import Any
from urllib.parse import urlencode, urlsplit

from connectors.standin.instagram import profiles
from connectors.standin.people import ISSUED, Grant
from connectors.standin.state import PageOfCity, Standin
from connectors.standin.wire import Answer, Call, GraphError, fields, paged

SHORT, LONG = 2 * 3600, 60 * 86_400
"""Seconds that a user's token lives: as the code gives it, and after its exchange."""
CODE_LIFE = 600
DATA_ACCESS = 90 * 86_400
ACCOUNT = "id,name,access_token,category,tasks"
PAGE = """<!DOCTYPE html>
<html lang="fr"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Facebook (réseau simulé)</title>
<h1>Facebook (réseau simulé)</h1>
<p>L’application <strong>Parvis</strong> demande l’accès aux pages de la ville.</p>
<form method="post">{hidden}
<fieldset><legend>Pages</legend>{pages}</fieldset>
<fieldset><legend>Permissions</legend>{scopes}</fieldset>
<button name="answer" value="yes">Autoriser</button> <button name="answer" value="no">Refuser</button>
</form></html>"""
REFUSED = """<!DOCTYPE html>
<html lang="fr"><meta charset="utf-8"><title>Facebook (réseau simulé)</title>
<h1>Demande refusée</h1><p>{why}</p></html>"""


def dialog(state: Standin, call: Call) -> Answer:
    """`GET` shows it; `POST` is the person's answer, which goes back to the application with the browser."""
    asked = call.params
    back = urlsplit(asked.get("redirect_uri", ""))
    if asked.get("client_id") != state.app_id or back.scheme not in {"http", "https"} or not back.hostname:
        return _html(400, REFUSED.format(why="Cette application ou cette adresse de retour n’est pas connue."))
    scopes = tuple(filter(None, asked.get("scope", "").replace(" ", ",").split(",")))
    if call.method == "GET":
        return _html(200, _page(state, asked, scopes))
    said = {"state": asked.get("state", "")}
    if asked.get("answer") != "yes":
        refusal = {"error": "access_denied", "error_code": "200", "error_reason": "user_denied"}
        return _back(asked["redirect_uri"], refusal | {"error_description": "Permissions error"} | said)
    code = f"AQ{ISSUED}{state.number()}{state.chance.getrandbits(64):x}"
    state.grants[code] = Grant(
        tuple(scope for scope in scopes if f"scope_{scope}" in asked),
        tuple(page.id for page in _pages(state) if f"page_{page.id}" in asked),
        asked["redirect_uri"],
        state.now() + CODE_LIFE,
    )
    return _back(asked["redirect_uri"], {"code": code} | said)


def access_token(state: Standin, call: Call) -> dict[str, Any]:
    """A code for a short token, or a short token for a long one."""
    asked = call.params
    if asked.get("client_id") != state.app_id or asked.get("client_secret") != state.app_secret:
        raise GraphError(400, 101, "Error validating client secret.")
    exchanges = asked.get("grant_type") == "fb_exchange_token"
    given = asked.get("fb_exchange_token" if exchanges else "code", "")
    grant = state.grants.get(given)
    if grant is None or grant.until < state.now():
        if exchanges:
            raise GraphError(400, 190, "Error validating access token: Session has expired.", error_subcode=463)
        raise GraphError(400, 100, "This authorization code has expired or been used.", error_subcode=36009)
    if not exchanges:
        if asked.get("redirect_uri") != grant.redirect_uri:
            raise GraphError(400, 100, "Error validating verification code.", error_subcode=36008)
        del state.grants[given]  # It serves once.
    life = LONG if exchanges else SHORT
    token = f"EAA{ISSUED}{state.number()}{state.chance.getrandbits(128):x}"
    state.grants[token] = Grant(grant.scopes, grant.pages, grant.redirect_uri, state.now() + life)
    return {"access_token": token, "token_type": "bearer", "expires_in": life}


def accounts(state: Standin, call: Call, token: str) -> dict[str, Any]:
    """The Pages that were chosen, each with a token: a dead one is replaced, and the rights are those given now."""
    grant = _grant(state, token)
    if "pages_show_list" not in grant.scopes:
        raise GraphError(403, 200, "(#200) Requires pages_show_list permission to manage the object")
    chosen = [page for page in _pages(state) if page.id in grant.pages]
    return paged(call, chosen, lambda page: fields(call.params.get("fields"), _account(state, page, grant), ACCOUNT))


def debug(state: Standin, grant: Grant) -> dict[str, Any]:
    """`GET /debug_token` of a user's token."""
    return {
        "app_id": state.app_id,
        "type": "USER",
        "is_valid": grant.until > state.now(),
        "expires_at": int(grant.until),
        "data_access_expires_at": int(state.now() + DATA_ACCESS),
        "scopes": list(grant.scopes),
        "granular_scopes": [{"scope": scope, "target_ids": _targets(state, grant, scope)} for scope in grant.scopes],
    }


def _targets(state: Standin, grant: Grant, scope: str) -> list[str]:
    if not scope.startswith("instagram_"):
        return list(grant.pages)
    return [one for page in _pages(state) if page.id in grant.pages for one in profiles.linked(state, page)]


def _account(state: Standin, page: PageOfCity, grant: Grant) -> dict[str, Any]:
    if page.dead is not None or 0 < page.expires_at <= state.now():
        page.token = f"EAAP{ISSUED}{state.number()}{state.chance.getrandbits(128):x}"
    page.dead, page.expires_at, page.scopes = None, 0, grant.scopes
    seen: dict[str, Any] = {
        "id": page.id,
        "name": page.name,
        "access_token": page.token,
        "category": "Government organization",
        "tasks": ["MODERATE", "CREATE_CONTENT", "MANAGE", "MESSAGING", "ADVERTISE", "ANALYZE"],
    }
    if linked := profiles.linked(state, page):
        seen["instagram_business_account"] = {"id": linked[0], "username": state.pages[linked[0]].name}
    return seen


def _grant(state: Standin, token: str) -> Grant:
    if (grant := state.grants.get(token)) is None:
        raise GraphError(400, 190, "Invalid OAuth access token - Cannot parse access token")
    if grant.until < state.now():
        raise GraphError(400, 190, "Error validating access token: Session has expired.", error_subcode=463)
    return grant


def _pages(state: Standin) -> list[PageOfCity]:
    """Pages alone: accounts of other networks are kept beside them, as kinds of their own."""
    return [page for page in state.pages.values() if type(page) is PageOfCity]


def _page(state: Standin, asked: dict[str, str] | Any, scopes: tuple[str, ...]) -> str:
    kept = {name: asked.get(name, "") for name in ("client_id", "redirect_uri", "state", "scope")}
    hidden = "".join(f'<input type="hidden" name="{name}" value="{escape(kept[name])}">' for name in kept)
    pages = "".join(_choice(f"page_{page.id}", page.name) for page in _pages(state))
    return PAGE.format(hidden=hidden, pages=pages, scopes="".join(_choice(f"scope_{one}", one) for one in scopes))


def _choice(name: str, words: str) -> str:
    return f'<p><label><input type="checkbox" name="{escape(name)}" checked> {escape(words)}</label></p>'


def _back(address: str, said: dict[str, str]) -> Answer:
    return Answer(302, None, {"location": f"{address}{'&' if '?' in address else '?'}{urlencode(said)}"}, raw=b"")


def _html(status: int, page: str) -> Answer:
    return Answer(status, None, {}, raw=page.encode(), content_type="text/html; charset=utf-8")

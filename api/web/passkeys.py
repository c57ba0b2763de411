"""Passkeys: adding and forgetting one's own, and coming in with one. What the browser needs for it is JSON."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from administration import passkeys, sign_in
from administration.passkeys import Party
from administration.sign_in import Outcome
from api.deps import HashingTurn, Installation, KnownIdentity, Now, session_token
from api.i18n import N_, _
from api.messages import refusal
from api.web.account import account_page
from api.web.sign_in import browser_name, enter, first_page, inside, own, sign_in_page
from api.wiring import Parvis
from models.errors import NotFound, Refused

router = APIRouter(include_in_schema=False)

Text = Annotated[str, Form()]
FAILED = N_("This passkey was not recognized. Try again, or use your password.")


def _party(parvis: Parvis) -> Party:
    """NotFound: people reach us at a number, and keys answer to names alone."""
    if parvis.party is None:
        raise NotFound("passkeys")
    return parvis.party


def _json(text: str) -> Response:
    return Response(text, media_type="application/json")


@router.post("/connexion/cle/defi")
def ask(request: Request, parvis: Installation, now: Now, second: Text = "") -> Response:
    """`second`: after the password, on the page that asks for the code."""
    request.app.state.challenge_turns.take(sign_in.network_of(request.client.host if request.client else ""), now=now)
    token = session_token(request) if second else None
    with parvis.database.write() as session:
        return _json(passkeys.ask(session, _party(parvis), token, now=now))


@router.post("/connexion/cle")
def come_in(
    request: Request, parvis: Installation, now: Now, credential: Text = "", suite: Text = "/", second: Text = ""
) -> Response:
    token, browser = (session_token(request) if second else None), browser_name(request)
    attempt = passkeys.enter(parvis.database, parvis.vault, _party(parvis), token, credential, browser=browser, now=now)
    if attempt.outcome is Outcome.IN:
        return enter(attempt, parvis.settings, inside(suite))
    return sign_in_page(request, inside(suite), status=401, error=_(FAILED))


@router.post("/compte/cles/defi")
def ask_new(parvis: Installation, turn: HashingTurn, identity: KnownIdentity, now: Now, current: Text = "") -> Response:
    """The password is asked here, before the device makes a key; the page says in place what is wrong."""
    party = _party(parvis)
    with parvis.database.read() as session:
        person_id = own(session, identity).id
    try:
        sign_in.check_own(parvis.database, parvis.vault, person_id, current, now=now)
        with parvis.database.write() as session:
            return _json(passkeys.ask_new(session, party, own(session, identity), now=now))
    except Refused as error:
        return JSONResponse({"detail": refusal(error)}, 422)


@router.post("/compte/cles")
def add(
    request: Request,
    parvis: Installation,
    identity: KnownIdentity,
    now: Now,
    name: Text = "",
    credential: Text = "",
    suite: Text = "",
) -> Response:
    """`suite`: the page before which a second factor is asked for, which comes next."""
    try:
        with parvis.database.write() as session:
            passkeys.keep(
                session, _party(parvis), own(session, identity), name, credential, now=now, but=identity.sign_in_id
            )
    except Refused as error:
        with parvis.database.read() as session:
            if suite:
                return first_page(request, session, identity, inside(suite), error=error)
            return account_page(request, parvis, session, identity, form="passkey", error=error)
    return RedirectResponse(inside(suite or "/compte?fait=passkey-added"), 303)


@router.post("/compte/cles/{passkey_id}/retirer")
def remove(
    request: Request,
    passkey_id: int,
    parvis: Installation,
    turn: HashingTurn,
    identity: KnownIdentity,
    now: Now,
    current: Text = "",
) -> Response:
    with parvis.database.read() as session:
        person_id = own(session, identity).id
    try:
        sign_in.check_own(parvis.database, parvis.vault, person_id, current, now=now)
        with parvis.database.write() as session:
            passkeys.remove(session, own(session, identity), passkey_id, now=now, but=identity.sign_in_id)
    except Refused as error:
        with parvis.database.read() as session:
            return account_page(request, parvis, session, identity, form=f"passkey-{passkey_id}", error=error)
    return RedirectResponse("/compte?fait=passkey-removed", 303)

"""What a person settles for themselves: password, second factor, language, one-key shortcuts."""

from __future__ import annotations

from typing import Annotated

import pyotp
import segno
from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from administration import people, sign_in
from administration.sign_in import Identity
from api.deps import CurrentIdentity, Installation, Now, ReadSession, WriteSession
from api.i18n import LANGUAGES
from api.pages import render
from api.problems import Forbidden
from api.security import LANGUAGE_COOKIE
from api.web.sign_in import YEAR
from api.wiring import Parvis
from models.errors import Refused
from models.people import Person

router = APIRouter(include_in_schema=False)

Text = Annotated[str, Form()]


def _self(session: Session, identity: Identity) -> Person:
    person = session.get(Person, identity.viewer.person_id)
    if person is None:  # A key has no account page.
        raise Forbidden
    return person


def _page(request: Request, parvis: Parvis, person: Person, error: Refused | None = None) -> Response:
    secret = pyotp.random_base32()
    address = people.totp_address(secret, person.email)
    return render(
        request,
        "account.html",
        status=422 if error else 200,
        person=person,
        secret=secret,
        sealed=parvis.vault.close(secret),
        qr=segno.make(address, micro=False).svg_data_uri(scale=5),
        error=error,
    )


def _again(request: Request, parvis: Parvis, identity: Identity, error: Refused) -> Response:
    """The page with what is wrong; read anew, because what was refused was rolled back."""
    with parvis.database.read() as session:
        return _page(request, parvis, _self(session, identity), error)


@router.get("/compte")
def show(request: Request, parvis: Installation, session: ReadSession, identity: CurrentIdentity) -> Response:
    return _page(request, parvis, _self(session, identity))


@router.post("/compte/mot-de-passe")
def change_password(
    request: Request,
    parvis: Installation,
    identity: CurrentIdentity,
    now: Now,
    current: Text = "",
    password: Text = "",
    again: Text = "",
) -> Response:
    with parvis.database.read() as session:
        person = _self(session, identity)
    try:
        people.check_password(password, again, person.email)
        sign_in.check_own_password(parvis.database, parvis.vault, person.id, current, now=now)
    except Refused as error:
        return _again(request, parvis, identity, error)
    hashed = people.hash_password(password)  # Takes long, so between two transactions.
    with parvis.database.write() as session:
        person = _self(session, identity)
        people.set_password(session, person, hashed, by=person.id, now=now, but=identity.sign_in_id)
    return RedirectResponse("/compte?fait=password", 303)


@router.post("/compte/second-facteur")
def turn_on(
    request: Request, parvis: Installation, identity: CurrentIdentity, now: Now, sealed: Text = "", code: Text = ""
) -> Response:
    with parvis.database.read() as session:
        person = _self(session, identity)
    if person.totp_closed:
        return RedirectResponse("/compte", 303)
    try:
        with parvis.database.write() as session:
            person = _self(session, identity)
            people.turn_totp_on(session, parvis.vault, person, sealed, code, now=now)
    except Refused as error:
        return _again(request, parvis, identity, error)
    return RedirectResponse("/compte?fait=second-factor-on", 303)


@router.post("/compte/second-facteur/retirer")
def turn_off(request: Request, parvis: Installation, identity: CurrentIdentity, now: Now, code: Text = "") -> Response:
    try:
        with parvis.database.write() as session:
            person = _self(session, identity)
            people.turn_totp_off(session, parvis.vault, person, code, now=now)
    except Refused as error:
        return _again(request, parvis, identity, error)
    return RedirectResponse("/compte?fait=second-factor-off", 303)


@router.post("/compte/preferences")
def prefer(
    parvis: Installation,
    session: WriteSession,
    identity: CurrentIdentity,
    language: Text = "",
    single_keys: Text = "",
    blurs_pictures: Text = "",
) -> Response:
    person = _self(session, identity)
    person.single_keys, person.blurs_pictures = single_keys == "on", blurs_pictures == "on"
    if language in LANGUAGES:
        person.language = language
    response = RedirectResponse("/compte?fait=saved", 303)
    response.set_cookie(LANGUAGE_COOKIE, person.language, max_age=YEAR, secure=parvis.settings.https)
    return response

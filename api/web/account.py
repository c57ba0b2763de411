"""What a person settles for themselves: password, second factor, sessions, language, one-key shortcuts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from administration import passkeys, people, sign_in
from administration.sign_in import Identity
from api.deps import CurrentIdentity, HashingTurn, Installation, KnownIdentity, Now, ReadSession, WriteSession
from api.i18n import LANGUAGES
from api.pages import render
from api.web.factor import enrolment
from api.web.sign_in import first_page, inside, keep_language, own
from api.wiring import Parvis
from models.errors import Refusals, Refused
from models.people import Person, resets
from models.vocabulary import MailChoice

router = APIRouter(include_in_schema=False)

Text = Annotated[str, Form()]


def account_page(
    request: Request,
    parvis: Parvis,
    session: Session,
    identity: Identity,
    *,
    form: str = "",
    error: Refused | None = None,
    sealed: str | None = None,
) -> Response:
    """The page; `form` is the one that was refused."""
    person = own(session, identity)
    return render(
        request,
        "account.html",
        status=422 if error else 200,
        person=person,
        factor=None if person.totp_closed else enrolment(parvis, person, sealed),
        passkeys=passkeys.keys(session, person.id),
        has_directory=parvis.settings.directory is not None,
        identities=people.identities(session, person.id),
        sessions=sign_in.sessions(session, person.id, now=parvis.clock()),
        resets=session.scalars(resets([person.id])).all(),
        mails=parvis.settings.mail is not None,
        mail_choices=list(MailChoice),
        form=form,
        error=error,
    )


@router.get("/compte")
def show(request: Request, parvis: Installation, session: ReadSession, identity: CurrentIdentity) -> Response:
    return account_page(request, parvis, session, identity)


def _changed(
    request: Request, parvis: Parvis, identity: Identity, form: str, done: str, change: Callable[[Person], None]
) -> Response:
    """Do what a form asks; refused, the page comes back with the sentence beside that form."""
    with parvis.database.read() as session:
        person = own(session, identity)
    try:
        change(person)
    except Refused as error:
        with parvis.database.read() as session:
            return account_page(request, parvis, session, identity, form=form, error=error)
    return RedirectResponse(f"/compte?fait={done}", 303)


@router.post("/compte/mot-de-passe")
def change_password(
    request: Request,
    parvis: Installation,
    turn: HashingTurn,
    identity: CurrentIdentity,
    now: Now,
    current: Text = "",
    password: Text = "",
    again: Text = "",
) -> Response:
    def change(person: Person) -> None:
        wrong = Refusals()
        with wrong.collect():
            sign_in.check_own(parvis.database, parvis.vault, person.id, current, now=now)
        with wrong.collect():
            people.check_password(password, again, person)
        wrong.say()
        hashed = people.hash_password(password)  # Takes long, so between two transactions.
        with parvis.database.write() as session:
            person = own(session, identity)
            people.set_password(session, person, hashed, by=person.id, now=now, but=identity.sign_in_id)

    return _changed(request, parvis, identity, "password", "password", change)


@router.post("/compte/second-facteur")
def turn_on(
    request: Request,
    parvis: Installation,
    turn: HashingTurn,
    identity: KnownIdentity,
    now: Now,
    current: Text = "",
    sealed: Text = "",
    code: Text = "",
    suite: Text = "",
) -> Response:
    """`suite`: the page before which it is asked for, which comes next."""
    with parvis.database.read() as session:
        person = own(session, identity)
    if person.totp_closed:
        return RedirectResponse(inside(suite or "/compte"), 303)
    try:
        sign_in.check_own(parvis.database, parvis.vault, person.id, current, now=now)
        with parvis.database.write() as session:
            person = own(session, identity)
            people.turn_totp_on(session, parvis.vault, person, sealed, code, now=now, but=identity.sign_in_id)
    except Refused as error:
        with parvis.database.read() as session:
            if suite:
                return first_page(request, session, identity, inside(suite), sealed=sealed, error=error)
            return account_page(request, parvis, session, identity, form="factor", error=error, sealed=sealed)
    return RedirectResponse(inside(suite or "/compte?fait=second-factor-on"), 303)


@router.post("/compte/second-facteur/retirer")
def turn_off(
    request: Request,
    parvis: Installation,
    turn: HashingTurn,
    identity: CurrentIdentity,
    now: Now,
    current: Text = "",
    code: Text = "",
) -> Response:
    def change(person: Person) -> None:
        sign_in.check_own(parvis.database, parvis.vault, person.id, current, code, now=now)
        with parvis.database.write() as session:
            people.turn_totp_off(session, own(session, identity), now=now, but=identity.sign_in_id)

    return _changed(request, parvis, identity, "factor", "second-factor-off", change)


@router.post("/compte/sessions/{session_id}/fermer")
def close_session(session_id: int, session: WriteSession, identity: CurrentIdentity, now: Now) -> Response:
    sign_in.end_sessions(session, own(session, identity).id, only=session_id, now=now)
    return RedirectResponse("/compte?fait=session-closed", 303)


@router.post("/compte/sessions/fermer")
def close_others(session: WriteSession, identity: CurrentIdentity, now: Now) -> Response:
    sign_in.end_sessions(session, own(session, identity).id, but=identity.sign_in_id, now=now)
    return RedirectResponse("/compte?fait=sessions-closed", 303)


@router.post("/compte/preferences")
def prefer(
    parvis: Installation,
    session: WriteSession,
    identity: CurrentIdentity,
    language: Text = "",
    single_keys: Text = "",
    blurs_pictures: Text = "",
    folds_hard_words: Text = "",
    mail: Text = "",
) -> Response:
    person = own(session, identity)
    person.single_keys, person.blurs_pictures = single_keys == "on", blurs_pictures == "on"
    person.folds_hard_words = folds_hard_words == "on"
    if language in LANGUAGES:
        person.language = language
    if mail in set(MailChoice):
        person.mail = MailChoice(mail)
    response = RedirectResponse("/compte?fait=saved", 303)
    keep_language(response, parvis.settings, person.language)
    return response

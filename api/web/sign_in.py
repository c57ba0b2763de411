"""Coming in and going out: e-mail and password, the second factor's code, personal links."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from administration import passkeys, people, sign_in
from administration.sign_in import Attempt, Browser, Identity, Outcome
from api.deps import (
    HashingTurn,
    Installation,
    KnownIdentity,
    Now,
    ReadSession,
    WriteSession,
    parvis_of,
    session_token,
)
from api.i18n import N_, _
from api.pages import render
from api.problems import Forbidden
from api.security import LANGUAGE_COOKIE, session_cookie
from api.settings import Settings
from api.web.factor import enrolment
from models.errors import Refusals, Refused
from models.people import Person

router = APIRouter(include_in_schema=False)

Text = Annotated[str, Form()]
YEAR = 365 * 24 * 3600
DEVICE_COOKIE = "parvis_device"
"""Says that somebody signed in from this browser before."""
_FAILURES = {
    Outcome.WRONG: (401, N_("This e-mail and this password do not go together.")),
    Outcome.THROTTLED: (429, N_("Too many attempts. Wait a few minutes, then try again.")),
    Outcome.CODE_NEEDED: (401, N_("The code is not right, or was used already.")),
}
_BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari"}
_SYSTEMS = {
    "Windows": "Windows",
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Mac OS": "Mac",
    "Linux": "Linux",
}


def inside(path: str) -> str:
    """Where to go after signing in: a page of ours, whatever the address says."""
    ours = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if ours else "/"


def browser_name(request: Request) -> str:
    """What a person will know this browser by, like "Firefox, Windows"; "" when it says nothing that we know."""
    said = request.headers.get("user-agent", "")
    known = (next((name for mark, name in marks.items() if mark in said), "") for marks in (_BROWSERS, _SYSTEMS))
    return ", ".join(filter(None, known))


def enter(attempt: Attempt, settings: Settings, where: str) -> Response:
    """Go on with what the attempt gives the browser."""
    if attempt.first:
        where = f"/compte/avant?{urlencode({'suite': where})}"
    response = RedirectResponse(where, 303)
    secure = settings.https
    if attempt.token:
        response.set_cookie(session_cookie(settings), attempt.token, secure=secure, httponly=True)
    if attempt.device:
        name = settings.cookie(DEVICE_COOKIE)
        response.set_cookie(name, attempt.device, max_age=YEAR, secure=secure, httponly=True)
    if attempt.language:
        keep_language(response, settings, attempt.language)
    return response


def keep_language(response: Response, settings: Settings, language: str) -> None:
    """The sign-in page comes in the language that the last person chose."""
    response.set_cookie(settings.cookie(LANGUAGE_COOKIE), language, max_age=YEAR, secure=settings.https)


def sign_in_page(
    request: Request, where: str, *, status: int = 200, email: str = "", error: str | None = None
) -> Response:
    """The ways in; `where`: the page that comes after."""
    has_directory = parvis_of(request).settings.directory is not None
    return render(
        request, "sign_in.html", status=status, next=where, email=email, error=error, has_directory=has_directory
    )


@router.get("/connexion")
def ask_password(request: Request, suite: str = "/") -> Response:
    return sign_in_page(request, inside(suite))


@router.post("/connexion")
def check_password(
    request: Request,
    parvis: Installation,
    turn: HashingTurn,
    now: Now,
    email: Text = "",
    password: Text = "",
    suite: Text = "/",
) -> Response:
    attempt = sign_in.sign_in(
        parvis.database,
        parvis.vault,
        email,
        password,
        browser=Browser(
            address=request.client.host if request.client else "",
            device=request.cookies.get(parvis.settings.cookie(DEVICE_COOKIE)),
            name=browser_name(request),
        ),
        factor_roles=parvis.settings.second_factor_roles,
        now=now,
    )
    if attempt.outcome is Outcome.IN:
        return enter(attempt, parvis.settings, inside(suite))
    if attempt.outcome is Outcome.CODE_NEEDED:
        return enter(attempt, parvis.settings, f"/connexion/code?{urlencode({'suite': inside(suite)})}")
    status, sentence = _FAILURES[attempt.outcome]
    return sign_in_page(request, inside(suite), status=status, email=email, error=_(sentence))


@router.get("/connexion/code")
def ask_code(request: Request, session: ReadSession, now: Now, suite: str = "/") -> Response:
    return _code_page(request, session, inside(suite), now=now)


def _code_page(
    request: Request, session: Session, where: str, *, now: datetime, status: int = 200, error: str | None = None
) -> Response:
    """The second factors that whoever gave their password here has."""
    found = sign_in.waiting(session, session_token(request), now=now)
    if found is None:
        return RedirectResponse("/connexion", 303)
    _begun, person = found
    return render(
        request,
        "code.html",
        status=status,
        next=where,
        error=error,
        has_code=person.totp_closed is not None,
        has_keys=bool(passkeys.keys(session, person.id)),
    )


@router.post("/connexion/code")
def check_code(request: Request, parvis: Installation, now: Now, code: Text = "", suite: Text = "/") -> Response:
    token, browser = session_token(request), browser_name(request)
    attempt = sign_in.prove(parvis.database, parvis.vault, token, code, browser=browser, now=now)
    if attempt.outcome is Outcome.IN:
        return enter(attempt, parvis.settings, inside(suite))
    if attempt.outcome is Outcome.WRONG:  # The wait is over, or never began.
        return RedirectResponse("/connexion", 303)
    status, sentence = _FAILURES[attempt.outcome]
    if attempt.outcome is Outcome.THROTTLED:  # So is the wait: the password comes first again.
        return sign_in_page(request, inside(suite), status=status, error=_(sentence))
    with parvis.database.read() as session:
        return _code_page(request, session, inside(suite), now=now, status=status, error=_(sentence))


@router.get("/compte/avant")
def show_first(request: Request, session: ReadSession, identity: KnownIdentity, suite: str = "/") -> Response:
    """What a person reads or does before anything else: who replaced their password, a second factor to set up."""
    return first_page(request, session, identity, inside(suite))


@router.post("/compte/avant")
def read_first(session: WriteSession, identity: KnownIdentity, now: Now, suite: Text = "/") -> Response:
    people.tell_resets(session, own(session, identity).id, now=now)
    return RedirectResponse(f"/compte/avant?{urlencode({'suite': inside(suite)})}", 303)


def own(session: Session, identity: Identity) -> Person:
    """The person who asks. Forbidden: a key."""
    person = session.get(Person, identity.viewer.person_id)
    if person is None:
        raise Forbidden
    return person


def first_page(
    request: Request,
    session: Session,
    identity: Identity,
    where: str,
    *,
    sealed: str | None = None,
    error: Refused | None = None,
) -> Response:
    """The page, or where the person was going when nothing is left to do on it."""
    parvis = parvis_of(request)
    person = own(session, identity)
    resets = sign_in.untold_resets(session, person.id)
    asked = identity.lacks_factor
    if not resets and not asked:
        return RedirectResponse(where, 303)
    return render(
        request,
        "first.html",
        status=422 if error else 200,
        next=where,
        resets=resets,
        person=person,
        factor=enrolment(parvis, person, sealed) if asked else None,
        last_day=person.created_at + sign_in.GRACE,
        error=error,
    )


@router.post("/deconnexion")
def leave(request: Request, parvis: Installation, session: WriteSession, now: Now) -> Response:
    token = session_token(request)
    by_directory = bool(token) and sign_in.sign_out(session, token or "", now=now)
    # A form may not end elsewhere: the way out of the directory is a link of that page.
    done = "signed-out-here" if by_directory and parvis.settings.directory else "signed-out"
    response = RedirectResponse(f"/connexion?fait={done}", 303)
    response.delete_cookie(session_cookie(parvis.settings), secure=parvis.settings.https, httponly=True)
    return response


@router.get("/invitation/{token}")
def show_link(request: Request, token: str, session: ReadSession, now: Now) -> Response:
    """Only looks: programs that read mail open links before people do."""
    person = people.holder(session, token, now=now)
    return _link_page(request, person, token, new=people.is_new(session, person))


@router.post("/invitation/{token}")
def use_link(
    request: Request,
    token: str,
    parvis: Installation,
    turn: HashingTurn,
    now: Now,
    name: Text = "",
    password: Text = "",
    again: Text = "",
) -> Response:
    with parvis.database.read() as session:
        person = people.holder(session, token, now=now)
        new = people.is_new(session, person)
    wrong = Refusals()
    try:
        with wrong.collect():
            name = people.named(name) if new and name else ""
        with wrong.collect():
            people.check_password(password, again, person)
        wrong.say()
    except Refused as error:
        return _link_page(request, person, token, new=new, name=name, error=error)
    hashed = people.hash_password(password)  # Takes long, so between two transactions.
    with parvis.database.write() as session:
        people.use_link(session, token, hashed, now=now, name=name or None)
    return RedirectResponse("/connexion?fait=welcome", 303)


def _link_page(
    request: Request, person: Person, token: str, *, new: bool, name: str | None = None, error: Refused | None = None
) -> Response:
    """`new`: of somebody who comes for the first time, and may come by the city's directory instead."""
    return render(
        request,
        "invitation.html",
        status=422 if error else 200,
        person=person,
        token=token,
        new=new,
        name=person.name if name is None else name,
        error=error,
        has_directory=new and parvis_of(request).settings.directory is not None,
    )

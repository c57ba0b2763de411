"""Coming in and going out: e-mail and password, the second factor's code, personal links."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from administration import people, sign_in
from administration.sign_in import Attempt, Outcome
from api.deps import Installation, Now, ReadSession, WriteSession, session_token
from api.i18n import N_, _
from api.pages import render
from api.security import LANGUAGE_COOKIE, session_cookie
from api.settings import Settings
from models.errors import Refused
from models.people import Person

router = APIRouter(include_in_schema=False)

Text = Annotated[str, Form()]
YEAR = 365 * 24 * 3600
_FAILURES = {
    Outcome.WRONG: (401, N_("This e-mail and this password do not go together.")),
    Outcome.THROTTLED: (429, N_("Too many attempts. Wait a few minutes, then try again.")),
    Outcome.CODE_NEEDED: (401, N_("The code is not right, or was used already.")),
}


def inside(path: str) -> str:
    """Where to go after signing in: a page of ours, whatever the address says."""
    ours = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if ours else "/"


def device_cookie(settings: Settings) -> str:
    """Name of the cookie that says that somebody signed in from this browser before."""
    return "__Host-parvis_device" if settings.https else "parvis_device"


def enter(attempt: Attempt, settings: Settings, where: str) -> Response:
    """Go on with what the attempt gives the browser."""
    response = RedirectResponse(where, 303)
    if attempt.token:
        response.set_cookie(session_cookie(settings), attempt.token, secure=settings.https, httponly=True)
    if attempt.device:
        response.set_cookie(device_cookie(settings), attempt.device, max_age=YEAR, secure=settings.https, httponly=True)
    if attempt.language:
        response.set_cookie(LANGUAGE_COOKIE, attempt.language, max_age=YEAR, secure=settings.https)
    return response


@router.get("/connexion")
def ask_password(request: Request, suite: str = "/") -> Response:
    return render(request, "sign_in.html", next=inside(suite), email="", error=None)


@router.post("/connexion")
def check_password(
    request: Request, parvis: Installation, now: Now, email: Text = "", password: Text = "", suite: Text = "/"
) -> Response:
    attempt = sign_in.sign_in(
        parvis.database,
        parvis.vault,
        email,
        password,
        address=request.client.host if request.client else "",
        device=request.cookies.get(device_cookie(parvis.settings)),
        now=now,
    )
    if attempt.outcome is Outcome.IN:
        return enter(attempt, parvis.settings, inside(suite))
    if attempt.outcome is Outcome.CODE_NEEDED:
        response = enter(attempt, parvis.settings, "/connexion/code")
        response.set_cookie("parvis_next", inside(suite), max_age=600, secure=parvis.settings.https, httponly=True)
        return response
    status, sentence = _FAILURES[attempt.outcome]
    return render(request, "sign_in.html", status=status, next=inside(suite), email=email, error=_(sentence))


@router.get("/connexion/code")
def ask_code(request: Request, session: ReadSession, now: Now) -> Response:
    if not sign_in.waits_for_code(session, session_token(request), now=now):
        return RedirectResponse("/connexion", 303)
    return render(request, "code.html", error=None)


@router.post("/connexion/code")
def check_code(request: Request, parvis: Installation, now: Now, code: Text = "") -> Response:
    attempt = sign_in.prove(parvis.database, parvis.vault, session_token(request), code, now=now)
    if attempt.outcome is Outcome.IN:
        response = enter(attempt, parvis.settings, inside(request.cookies.get("parvis_next", "/")))
        response.delete_cookie("parvis_next")
        return response
    if attempt.outcome is Outcome.WRONG:  # The wait is over, or never began.
        return RedirectResponse("/connexion", 303)
    status, sentence = _FAILURES[attempt.outcome]
    return render(request, "code.html", status=status, error=_(sentence))


@router.post("/deconnexion")
def leave(request: Request, parvis: Installation, session: WriteSession, now: Now) -> Response:
    token = session_token(request)
    if token:
        sign_in.sign_out(session, token, now=now)
    response = RedirectResponse("/connexion?fait=signed-out", 303)
    response.delete_cookie(session_cookie(parvis.settings), secure=parvis.settings.https, httponly=True)
    return response


@router.get("/invitation/{token}")
def show_link(request: Request, token: str, session: ReadSession, now: Now) -> Response:
    """Only looks: programs that read mail open links before people do."""
    return _link_page(request, people.holder(session, token, now=now), token)


@router.post("/invitation/{token}")
def use_link(
    request: Request, token: str, parvis: Installation, now: Now, password: Text = "", again: Text = ""
) -> Response:
    with parvis.database.read() as session:
        person = people.holder(session, token, now=now)
    try:
        people.check_password(password, again, person.email)
    except Refused as error:
        return _link_page(request, person, token, error)
    hashed = people.hash_password(password)  # Takes long, so between two transactions.
    with parvis.database.write() as session:
        people.use_link(session, token, hashed, now=now)
    return RedirectResponse("/connexion?fait=welcome", 303)


def _link_page(request: Request, person: Person, token: str, error: Refused | None = None) -> Response:
    status = 422 if error else 200
    return render(request, "invitation.html", status=status, person=person, token=token, error=error)

"""Coming in by the city's directory, and out of it. What a browser carries on the way is sealed, and ends soon."""

from __future__ import annotations

import hmac
import json
import logging
import secrets
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from administration import directory, sign_in
from administration.sign_in import Identity
from api.deps import CurrentIdentity, HashingTurn, Installation, Now
from api.messages import refusal
from api.pages import render
from api.web.sign_in import browser_name, enter, inside, own, sign_in_page
from api.wiring import Parvis
from connectors.directories import Directory, Visitor
from models.errors import FarSideError, NotFound, Refused, Transient
from models.secrets import SecretUnreadable

router = APIRouter(include_in_schema=False)
log = logging.getLogger("parvis.directory")

Text = Annotated[str, Form()]
COOKIE = "parvis_directory"
LASTS = timedelta(minutes=10)
"""How long the way there and back may take."""
RETURN = "/connexion/annuaire/retour"


def _directory(parvis: Parvis) -> Directory:
    """NotFound: the city has none."""
    if parvis.directory is None:
        raise NotFound("directory")
    return parvis.directory


def _carry(response: Response, parvis: Parvis, now: datetime, **values: Any) -> Response:
    """Have the browser bring these values back: nobody can read them, change them, or bring them late."""
    settings = parvis.settings
    sealed = parvis.vault.close(json.dumps({**values, "until": (now + LASTS).timestamp()}))
    lasts = int(LASTS.total_seconds())
    response.set_cookie(settings.cookie(COOKIE), sealed, max_age=lasts, secure=settings.https, httponly=True)
    return response


def _carried(request: Request, parvis: Parvis, now: datetime) -> dict[str, Any]:
    """Refused `directory_over`: nothing of ours, or too late."""
    try:
        values = json.loads(parvis.vault.open(request.cookies.get(parvis.settings.cookie(COOKIE), "")))
    except SecretUnreadable as error:
        raise Refused("directory_over") from error
    if not isinstance(values, dict) or values.get("until", 0) < now.timestamp():
        raise Refused("directory_over")
    return values


def _forget(response: Response, parvis: Parvis) -> Response:
    settings = parvis.settings
    response.delete_cookie(settings.cookie(COOKIE), secure=settings.https, httponly=True)
    return response


def _unheard(error: FarSideError) -> Refused:
    """What somebody reads where the directory gave no answer, or none that is to be believed."""
    log.warning("the directory: %r", getattr(error, "reason", None) or error)
    if isinstance(error, Transient):
        return Refused("directory_silent")
    if getattr(error, "reason", "") == "groups_many":
        return Refused("directory_groups_many")
    return Refused("directory_strange")


@router.get("/connexion/annuaire")
def begin(
    request: Request, parvis: Installation, now: Now, suite: str = "/", invitation: str = "", relier: str = ""
) -> Response:
    """Leave for the directory. A link, and no form: browsers look at where forms end."""
    state, nonce, verifier = (secrets.token_urlsafe(size) for size in (32, 32, 64))
    try:
        where = _directory(parvis).dialog(
            redirect_uri=parvis.settings.base_url + RETURN, state=state, nonce=nonce, verifier=verifier
        )
    except FarSideError as error:
        return sign_in_page(request, inside(suite), status=503, error=refusal(_unheard(error)))
    return _carry(
        RedirectResponse(where, 303),
        parvis,
        now,
        state=state,
        nonce=nonce,
        verifier=verifier,
        where=inside(suite)[:2_000],
        invitation=invitation[:100],
        link=relier == "oui",
    )


@router.get(RETURN)
def come_back(
    request: Request,
    parvis: Installation,
    now: Now,
    state: str = "",
    code: str = "",
    error: str = "",
    iss: str = "",
) -> Response:
    """The directory sends the person back. Its code is exchanged with nothing open, and leaves the address at once."""
    known, where = _directory(parvis), "/"
    try:
        way = _carried(request, parvis, now)
        where = way.get("where", where)
        _believe(
            way, state, issuers={iss, parvis.settings.oidc_issuer} - {""}, refused=error if code else error or "code"
        )
        visitor = _asked(parvis, known, way, code, now)
        if way["link"]:
            return _carry(RedirectResponse("/compte/annuaire", 303), parvis, now, visitor=_packed(visitor))
        with parvis.database.write() as session:
            attempt = directory.enter(
                session,
                parvis.vault,
                visitor,
                parvis.directory_terms,
                invitation=way["invitation"] or None,
                browser=browser_name(request),
                now=now,
            )
    except Refused as refused:
        return _forget(sign_in_page(request, where, status=403, error=refusal(refused)), parvis)
    return _forget(enter(attempt, parvis.settings, where), parvis)


def _believe(way: dict[str, Any], state: str, *, issuers: set[str | None], refused: str) -> None:
    """Refused unless this browser began the way, and the directory that it went to sends it back with a code."""
    # Without this, a link could sign somebody in as somebody else.
    if not hmac.compare_digest(way.get("state", "").encode(), state.encode()) or not state:
        raise Refused("directory_over")
    if len(issuers) > 1:  # RFC 9207
        raise Refused("directory_strange")
    if refused:
        log.warning("the directory let nobody in: %.60r", refused)
        raise Refused("directory_denied")


def _asked(parvis: Parvis, known: Directory, way: dict[str, Any], code: str, now: datetime) -> Visitor:
    try:
        return known.visitor(
            code=code,
            redirect_uri=parvis.settings.base_url + RETURN,
            nonce=way["nonce"],
            verifier=way["verifier"],
            now=now,
        )
    except FarSideError as error:
        raise _unheard(error) from error


@router.get("/connexion/annuaire/sortie")
def leave(parvis: Installation) -> Response:
    """Leave the directory too, where it has a way out: whoever sits here next must say who they are."""
    try:
        where = _directory(parvis).way_out(return_to=f"{parvis.settings.base_url}/connexion")
    except FarSideError:
        where = None
    return RedirectResponse(where or "/connexion?fait=signed-out", 303)


# ------------------------------------------------------------------------------------------------- linking
def _packed(visitor: Visitor) -> dict[str, Any]:
    return {**asdict(visitor), "groups": []}  # They count when somebody signs in.


def _visitor(values: dict[str, Any]) -> Visitor:
    if "visitor" not in values:
        raise Refused("directory_over")
    return Visitor(**{**values["visitor"], "groups": frozenset()})


@router.get("/compte/annuaire")
def show_link(request: Request, parvis: Installation, identity: CurrentIdentity, now: Now) -> Response:
    """Whether this account of the directory is theirs: they give their password here once more."""
    try:
        visitor = _visitor(_carried(request, parvis, now))
    except Refused:
        return RedirectResponse("/compte", 303)
    with parvis.database.read() as session:
        return _link_page(request, session, identity, visitor)


@router.post("/compte/annuaire")
def keep_link(
    request: Request,
    parvis: Installation,
    turn: HashingTurn,
    identity: CurrentIdentity,
    now: Now,
    current: Text = "",
) -> Response:
    """An unattended screen is not enough to come in by another account for ever."""
    try:
        visitor = _visitor(_carried(request, parvis, now))
    except Refused:
        return RedirectResponse("/compte", 303)
    try:
        sign_in.check_own(parvis.database, parvis.vault, identity.viewer.person_id or 0, current, now=now)
        with parvis.database.write() as session:
            directory.link(session, own(session, identity), visitor, now=now)
    except Refused as error:
        with parvis.database.read() as session:
            return _link_page(request, session, identity, visitor, error)
    return _forget(RedirectResponse("/compte?fait=directory-linked", 303), parvis)


def _link_page(
    request: Request, session: Session, identity: Identity, visitor: Visitor, error: Refused | None = None
) -> Response:
    person, status = own(session, identity), 422 if error else 200
    return render(request, "directory.html", status=status, person=person, visitor=visitor, error=error)

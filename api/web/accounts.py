"""The city's accounts: how each one is, and the way through a network's dialog that connects them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from administration import accounts, connecting
from api import account_words
from api.deps import Installation, Now, ReadSession, Sent, WriteSession, require, whole
from api.pages import render
from api.security import content_security_policy
from api.wiring import Parvis
from connectors.base import Consent
from connectors.registry import descriptor, names
from models.accounts import Account
from models.errors import NotFound, Refused
from models.people import Borough
from models.scope import Action, Viewer, visible
from moderation.intake.deliveries import reroute

router = APIRouter(prefix="/comptes", include_in_schema=False)

Reader = Annotated[Viewer, require(Action.SEE_ACCOUNTS)]
# Connecting gives a token to the whole installation; so is the choice of its borough.
Connector = Annotated[Viewer, require(Action.MANAGE_ACCOUNTS, whole_city=True)]

DENIED = frozenset({"access_denied", "user_cancelled_authorize", "user_cancelled_login"})
"""What networks say when the person said no: RFC 6749 §4.1.2.1, and what some say in its place."""


# ------------------------------------------------------------------------------------------------- looking
@router.get("")
def show(request: Request, parvis: Installation, session: ReadSession, viewer: Reader) -> Response:
    """A card an account; it is live."""
    return _page(request, parvis, session, viewer)


@router.get("/alertes")
def show_alarms(request: Request, parvis: Installation, session: ReadSession, viewer: Reader) -> Response:
    """The line on top of the queue and of the posts, which asks for itself again."""
    return render(request, "accounts/alarm.html", **alarm_values(parvis, session, viewer))


def alarm_values(parvis: Parvis, session: Session, viewer: Viewer) -> dict[str, Any]:
    """What a page needs to say it on top; nothing for whoever has no account to see."""
    if not viewer.may(Action.SEE_ACCOUNTS):
        return {}
    found = accounts.alarms(session, viewer, zone=parvis.settings.zone, now=parvis.clock())
    return {"alarms": found, "account_words": account_words}


@router.post("/{account_id}/verification")
def check_now(account_id: int, session: WriteSession, viewer: Reader, now: Now) -> Response:
    """The next tick asks the network about the token; the page shows what it said."""
    _seen(session, viewer, account_id).check_due_at = now
    return RedirectResponse(f"/comptes?fait=check-asked#compte-{account_id}", 303)


@router.post("/{account_id}/lecture")
def read_now(account_id: int, session: WriteSession, viewer: Reader, now: Now) -> Response:
    """The next tick reads it; a pause that the network asked for is still kept."""
    _seen(session, viewer, account_id).pull_due_at = now
    return RedirectResponse(f"/comptes?fait=reading-asked#compte-{account_id}", 303)


@router.post("/inconnus")
def disown(
    session: WriteSession,
    viewer: Connector,
    now: Now,
    network: Annotated[str, Form()],
    external_id: Annotated[str, Form(max_length=100)],
) -> Response:
    """An account that networks speak of is not the city's."""
    connecting.disown(session, network, external_id, by=_person(viewer), now=now)
    return RedirectResponse("/comptes?fait=saved", 303)


# ------------------------------------------------------------------------------------------------- connecting
@router.post("/connexion")
def begin(
    request: Request, parvis: Installation, viewer: Connector, now: Now, network: Annotated[str, Form()] = ""
) -> Response:
    """Leave for the network's dialog."""
    name = descriptor(network).name
    try:
        consent = _consent(parvis, name)
    except Refused as error:
        return _again(request, parvis, viewer, error)
    with parvis.database.write() as session:
        state, verifier = connecting.begin(session, parvis.vault, name, by=_person(viewer), now=now)
    address = consent.address(redirect_uri=_return_to(parvis, network), state=state, verifier=verifier)
    return RedirectResponse(address, 303)


@router.get("/retour/{network}")
def come_back(
    request: Request,
    parvis: Installation,
    viewer: Connector,
    network: str,
    state: str = "",
    code: str = "",
    error: str = "",
) -> Response:
    """The network sends the person back. The code is exchanged with nothing open, and leaves the address at once."""
    by = _person(viewer)
    try:
        consent = _consent(parvis, network)
        if error or not code:
            with parvis.database.write() as session:
                connecting.refuse(session, network, state, by=by, now=parvis.clock())
            return _again(request, parvis, viewer, _said_no(error))
        connection_id = connecting.exchange(
            parvis.database,
            parvis.vault,
            consent,
            network,
            state=state,
            code=code,
            redirect_uri=_return_to(parvis, network),
            by=by,
            clock=parvis.clock,
        )
    except Refused as refused:
        return _again(request, parvis, viewer, refused)
    return RedirectResponse(f"/comptes/connexion/{connection_id}", 303)


@router.get("/connexion/{connection_id}")
def show_choice(request: Request, parvis: Installation, viewer: Connector, connection_id: int) -> Response:
    """What the network lets be connected."""
    try:
        return _choice(request, parvis, viewer, connection_id)
    except Refused as error:
        return _again(request, parvis, viewer, error)


@router.post("/connexion/{connection_id}")
def choose(
    request: Request,
    parvis: Installation,
    viewer: Connector,
    now: Now,
    connection_id: int,
    form: Sent,
) -> Response:
    """Connect what was chosen, all of it or nothing."""
    try:
        chosen = {str(name): whole(str(form.get(f"borough-{name}", ""))) for name in form.getlist("accounts")}
        with parvis.database.write() as session:
            for account in connecting.choose(session, parvis.vault, connection_id, chosen, by=_person(viewer), now=now):
                reroute(session, account, now=now)
    except Refused as error:
        if error.code == "nothing_chosen":
            return _choice(request, parvis, viewer, connection_id, error=error)
        return _again(request, parvis, viewer, error)
    return RedirectResponse("/comptes?fait=connected", 303)


# ------------------------------------------------------------------------------------------------- what pages show
def _page(
    request: Request, parvis: Parvis, session: Session, viewer: Viewer, *, error: Refused | None = None
) -> Response:
    may_connect = viewer.may_on(Action.MANAGE_ACCOUNTS, borough_id=None, account_id=None)
    dialogs = _dialogs(parvis) if may_connect else {}
    whole_city = viewer.may_on(Action.SEE_ACCOUNTS, borough_id=None, account_id=None)
    zone, now = parvis.settings.zone, parvis.clock()
    return render(
        request,
        "accounts/list.html",
        status=409 if error else 200,
        # The form that leaves for a dialog is redirected to it, and browsers look at where forms end.
        headers={"content-security-policy": content_security_policy(*dialogs.values())},
        cards=accounts.cards(session, viewer, parvis.reference, zone=zone, now=now),
        unknown=accounts.unknown(session) if whole_city else [],
        unreadable=sum(accounts.unreadable(session)) if whole_city else 0,
        account_words=account_words,
        dialogs=dialogs,
        may_connect=may_connect,
        may_import=viewer.may_on(Action.IMPORT_COMMENTS, borough_id=None, account_id=None),
        today=now.astimezone(zone).date(),
        zone=zone,
        now=now,
        error=error,
    )


def _again(request: Request, parvis: Parvis, viewer: Viewer, error: Refused) -> Response:
    """The accounts, with what did not go as asked on top."""
    with parvis.database.read() as session:
        return _page(request, parvis, session, viewer, error=error)


def _choice(
    request: Request, parvis: Parvis, viewer: Viewer, connection_id: int, *, error: Refused | None = None
) -> Response:
    with parvis.database.read() as session:
        offered = connecting.offered(session, parvis.vault, connection_id, by=_person(viewer), now=parvis.clock())
        networks = {one.network for one in offered.values()}
        ours = session.scalars(select(Account).where(Account.network.in_(networks)).order_by(Account.name)).all()
        known = {connecting.key(account.network, account.external_id): account for account in ours}
        boroughs = session.scalars(select(Borough).order_by(Borough.name)).all()
    return render(
        request,
        "accounts/choose.html",
        status=422 if error else 200,
        connection_id=connection_id,
        offered=offered,
        known=known,
        absent=[account for name, account in known.items() if name not in offered and account.token_lost is not None],
        boroughs=boroughs,
        account_words=account_words,
        error=error,
    )


def _dialogs(parvis: Parvis) -> Mapping[str, str]:
    """Where each network's dialog is (scheme and host), of those that can be connected."""
    found = {}
    for name in names():
        try:
            parts = urlsplit(parvis.consent_of(name).address(redirect_uri="", state="", verifier=""))
        except NotFound:
            continue
        found[name] = f"{parts.scheme}://{parts.netloc}"
    return found


def _return_to(parvis: Parvis, network: str) -> str:
    """The address that is written in the network's application."""
    return f"{parvis.settings.base_url}/comptes/retour/{network}"


def _seen(session: Session, viewer: Viewer, account_id: int) -> Account:
    statement = visible(select(Account).where(Account.id == account_id), viewer, Action.SEE_ACCOUNTS, Account)
    account = session.scalar(statement)
    if account is None:
        raise NotFound("account")
    return account


def _person(viewer: Viewer) -> int:
    if viewer.person_id is None:  # A key opens no page.
        raise NotFound("person")
    return viewer.person_id


def _consent(parvis: Parvis, network: str) -> Consent:
    try:
        return parvis.consent_of(network)
    except NotFound as error:
        raise Refused("network_not_configured") from error


def _said_no(code: str) -> Refused:
    """What a network's own refusal reads like. Anybody can write in our address: only a code is repeated."""
    if code in DENIED:
        return Refused("consent_denied")
    return Refused("consent_failed", why=code if re.fullmatch(r"[a-z_]{1,60}", code) else "?")

"""Who works here: the administrator invites people, gives and takes roles, lets in and keeps out; API keys.

What makes somebody able to approve or to administer waits for a second administrator's yes (`administration.people`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from administration import invitations, keys, people
from administration.people import CITY, RoleScope
from api.deps import Installation, Now, ReadSession, WriteSession, parvis_of, require, whole
from api.pages import render
from api.wiring import Parvis
from models.accounts import Account
from models.errors import NotFound, Refusals, Refused
from models.people import Borough, Membership, Passkey, Person
from models.scope import Action, Viewer
from models.vocabulary import Role

router = APIRouter(prefix="/personnes", include_in_schema=False)

Text = Annotated[str, Form()]
# Somebody who manages people of one borough could give themselves the rest through another person.
Admin = Annotated[Viewer, require(Action.MANAGE_PEOPLE, whole_city=True)]


def _role(text: str) -> Role:
    if text not in set(Role):
        raise Refused("role_unknown", field="role", known=", ".join(Role))
    return Role(text)


def _scope(text: str) -> RoleScope:
    """What the form says: city, borough:3, or account:5."""
    if text == "city":
        return CITY
    kind, _, named = text.partition(":")
    number = whole(named)
    if kind not in {"borough", "account"} or number is None:
        raise Refused("scope_unreadable", field="scope")
    return RoleScope(borough_id=number) if kind == "borough" else RoleScope(account_id=number)


def _page(
    request: Request,
    session: Session,
    *,
    status: int = 200,
    link: str | None = None,
    error: Refused | None = None,
    form: Mapping[str, Any] | None = None,
) -> Response:
    everybody = session.scalars(
        select(Person)
        .options(selectinload(Person.memberships), selectinload(Person.identities))
        .order_by(Person.active.desc(), Person.name)
    ).all()
    asked = people.open_requests(session)
    return render(
        request,
        "people.html",
        status=status,
        everybody=everybody,
        asked=asked,
        keyed=set(session.scalars(select(Passkey.person_id).distinct())),
        asked_for={one.person_id for one in asked},
        waiting=invitations.waiting(session),
        mails=parvis_of(request).settings.mail is not None,
        now=parvis_of(request).clock(),
        boroughs={borough.id: borough for borough in session.scalars(select(Borough).order_by(Borough.name))},
        accounts={account.id: account for account in session.scalars(select(Account).order_by(Account.name))},
        roles=list(Role),
        link=link,
        error=error,
        form=form or {},
    )


def _with_link(
    request: Request,
    parvis: Parvis,
    session: Session,
    token: str | None,
    person_id: int | None = None,
    *,
    by_hand: bool = False,
) -> Response:
    """The page with a new link, which is shown once, here: only its fingerprint is kept. Without one, it was asked.

    An invitation goes by e-mail where the city has a mail server, unless somebody brings it `by_hand`.
    """
    if token is None:
        return _saved(person_id, "confirmation-asked")
    session.flush()
    now, mail = parvis.clock(), parvis.settings.mail
    person = people.holder(session, token, now=now)
    if mail is not None and not by_hand and people.is_new(session, person):
        invitations.send(session, parvis.vault, mail.address, token, now=now)
        return _saved(None, "invitation-sent")
    return _page(request, session, status=201, link=f"{parvis.settings.base_url}/invitation/{token}")


def _saved(person_id: int | None, notice: str = "saved") -> Response:
    where = f"#personne-{person_id}" if person_id else ""
    return RedirectResponse(f"/personnes?fait={notice}{where}", 303)


@router.get("")
def show(request: Request, session: ReadSession, viewer: Admin) -> Response:
    return _page(request, session)


@router.post("")
def invite(
    request: Request,
    parvis: Installation,
    viewer: Admin,
    now: Now,
    email: Text = "",
    name: Text = "",
    role: Annotated[list[str] | None, Form()] = None,
    scope: Text = "city",
) -> Response:
    chosen, roles, scopes, wrong = role or [""], list[Role](), list[RoleScope](), Refusals()
    try:
        with parvis.database.write() as session:
            with wrong.collect():
                roles += [_role(one) for one in dict.fromkeys(chosen)]
            with wrong.collect():
                scopes.append(_scope(scope))
            with wrong.collect():
                given = [(one, where) for where in scopes for one in roles]
                person = people.invite(session, email, name, given, by=viewer.person_id, now=now)
            wrong.say()
            token = people.new_link(session, person.id, by=viewer.person_id, now=now)
            return _with_link(request, parvis, session, token, person.id)
    except Refused as error:
        form = {"email": email, "name": name, "roles": chosen, "scope": scope}
        with parvis.database.read() as session:
            return _page(request, session, status=422, error=error, form=form)


@router.post("/{person_id}/roles")
def give_role(
    person_id: int, session: WriteSession, viewer: Admin, now: Now, role: Text = "", scope: Text = ""
) -> Response:
    given = people.add_membership(session, person_id, _role(role), _scope(scope), by=viewer.person_id, now=now)
    return _saved(person_id, "saved" if given else "confirmation-asked")


@router.post("/{person_id}/roles/{membership_id}/retirer")
def take_role(person_id: int, membership_id: int, session: WriteSession, viewer: Admin, now: Now) -> Response:
    membership = session.get(Membership, membership_id)
    if membership is None or membership.person_id != person_id:
        raise NotFound("membership")
    people.remove_membership(session, membership_id, by=viewer.person_id, now=now)
    return _saved(person_id)


@router.post("/{person_id}/acces")
def set_access(person_id: int, session: WriteSession, viewer: Admin, now: Now, active: Text = "") -> Response:
    people.set_active(session, person_id, active == "on", by=viewer.person_id, now=now)
    return _saved(person_id)


@router.post("/{person_id}/lien")
def make_link(
    request: Request,
    person_id: int,
    parvis: Installation,
    session: WriteSession,
    viewer: Admin,
    now: Now,
    by_hand: Text = "",
) -> Response:
    token = people.new_link(session, person_id, by=viewer.person_id, now=now)
    return _with_link(request, parvis, session, token, person_id, by_hand=by_hand == "on")


@router.post("/{person_id}/invitation/retirer")
def withdraw(person_id: int, session: WriteSession, viewer: Admin, now: Now) -> Response:
    invitations.withdraw(session, person_id, by=viewer.person_id or 0, now=now)
    return _saved(None)


@router.post("/{person_id}/second-facteur/retirer")
def reset_second_factor(person_id: int, session: WriteSession, viewer: Admin, now: Now) -> Response:
    people.reset_factors(session, person_id, by=viewer.person_id, now=now)
    return _saved(person_id)


@router.post("/{person_id}/annuaire/retirer")
def unlink(person_id: int, session: WriteSession, viewer: Admin, now: Now) -> Response:
    people.unlink(session, person_id, by=viewer.person_id, now=now)
    return _saved(person_id)


@router.post("/demandes/{request_id}")
def answer(
    request: Request,
    request_id: int,
    parvis: Installation,
    session: WriteSession,
    viewer: Admin,
    now: Now,
    granted: Text = "",
) -> Response:
    token = people.answer(session, request_id, granted=granted == "yes", by=viewer.person_id or 0, now=now)
    return _with_link(request, parvis, session, token) if token else _saved(None)


@router.get("/cles")
def show_keys(request: Request, session: ReadSession, viewer: Admin, now: Now) -> Response:
    """Keys are made on the command line: who may not read comments must not make what reads them."""
    return render(request, "keys.html", keys=keys.keys(session), now=now)


@router.post("/cles/revocation")
def revoke_key(session: WriteSession, viewer: Admin, now: Now, name: Text = "") -> Response:
    keys.revoke(session, name, by=viewer.person_id, now=now)
    return RedirectResponse("/personnes/cles?fait=saved", 303)

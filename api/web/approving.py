"""How posts are read before they go out: what is said of a passage, and how many people approve."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.deps import Installation, Now, ReadSession, WriteSession, require, whole
from api.pages import render
from api.web.amendments import Row
from api.web.posts import Approver, Writer, post_page
from api.web.queue import Words
from models.accounts import Account
from models.campaigns import Campaign
from models.errors import Refused
from models.scope import Action, Viewer
from publishing import remarks, steps

router = APIRouter(include_in_schema=False)

Setter = Annotated[Viewer, require(Action.SET_STEPS, whole_city=True)]


@router.post("/publications/{post_id}/remarques")
def remark(
    request: Request,
    viewer: Approver,
    parvis: Installation,
    now: Now,
    post_id: int,
    account: Row,
    quote: Words = "",
    remark: Words = "",
) -> Response:
    """Say something of a passage, as one account has it."""
    try:
        with parvis.database.write() as session:
            remarks.add(session, viewer, post_id, account, quote, remark, now=now)
    except Refused as error:
        with parvis.database.read() as session:
            return post_page(
                request,
                parvis,
                session,
                viewer,
                post_id,
                now=now,
                error=error,
                remarking=account,
                quote=quote,
                typed=remark,
            )
    return RedirectResponse(f"/publications/{post_id}?fait=remarked", 303)


@router.post("/publications/{post_id}/remarques/{remark_id}/reglement")
def settle(viewer: Writer, session: WriteSession, now: Now, post_id: int, remark_id: int) -> Response:
    """Say that it is over."""
    remarks.settle(session, viewer, post_id, remark_id, now=now)
    return RedirectResponse(f"/publications/{post_id}?fait=remark-settled", 303)


@router.get("/approbation")
def show_rules(request: Request, viewer: Setter, session: ReadSession) -> Response:
    """How many people approve a post, by account and by theme."""
    del viewer
    return _page(request, session)


@router.post("/approbation")
def set_rule(
    request: Request,
    viewer: Setter,
    parvis: Installation,
    now: Now,
    account: Words = "",
    theme: Words = "",
    people: Words = "",
    manager_last: Annotated[bool, Form()] = False,  # noqa: FBT002
) -> Response:
    """Make a rule, or make the one about the same account or theme anew."""
    typed = {"account": account, "theme": theme, "people": people, "manager_last": manager_last}
    try:
        with parvis.database.write() as session:
            steps.add(
                session,
                viewer,
                account_id=whole(account),
                theme=theme,
                people=whole(people) or 0,
                manager_last=manager_last,
                now=now,
            )
    except Refused as error:
        with parvis.database.read() as session:
            return _page(request, session, error=error, typed=typed)
    return RedirectResponse("/approbation?fait=rule-set", 303)


@router.post("/approbation/{rule_id}/suppression")
def remove_rule(viewer: Setter, session: WriteSession, now: Now, rule_id: int) -> Response:
    """Forget a rule."""
    steps.remove(session, viewer, rule_id, now=now)
    return RedirectResponse("/approbation?fait=rule-removed", 303)


def _page(
    request: Request, session: Session, *, error: Refused | None = None, typed: dict[str, object] | None = None
) -> Response:
    themes = session.scalars(select(Campaign.theme).where(Campaign.theme != "").distinct().order_by(Campaign.theme))
    return render(
        request,
        "posts/steps.html",
        status=422 if error else 200,
        rules=steps.rules(session),
        accounts=session.scalars(select(Account).order_by(Account.name)).all(),
        themes=themes.all(),
        most=steps.MOST,
        error=error,
        typed=typed or {},
    )

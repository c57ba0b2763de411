"""Who is on call for an immediate danger, and the answer of whoever sees to one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from api.deps import Installation, Now, ReadSession, Sent, WriteSession, require, whole
from api.pages import render
from api.web.queue import CurrentView
from api.web.team import Manager
from api.web.teamwork import Writer
from api.wiring import Parvis
from models.errors import Refused
from models.scope import Action, Viewer
from moderation.triage import oncall, paging

router = APIRouter(include_in_schema=False)

Setter = Annotated[Viewer, require(Action.SET_ON_CALL, whole_city=True)]
MORE = 3
"""Empty lines below those who are on call already."""
MOST = 20


@router.get("/equipe/garde")
def show(request: Request, viewer: Manager, parvis: Installation, session: ReadSession) -> Response:
    """The page."""
    lines = [(str(one.person_id), one.phone or "") for one in oncall.roster(session)]
    return _page(request, viewer, parvis, session, lines)


@router.post("/equipe/garde")
def change(
    request: Request, viewer: Setter, parvis: Installation, session: WriteSession, now: Now, sent: Sent
) -> Response:
    """Who is on call from now on; what was refused is shown again as it was typed."""
    people, phones = ([str(one) for one in sent.getlist(name)][:MOST] for name in ("person", "phone"))
    lines = [(person, phone.replace("\0", "")) for person, phone in zip(people, phones, strict=False) if person]
    try:
        oncall.set_roster(session, viewer, [(whole(person) or 0, phone) for person, phone in lines], now=now)
    except Refused as error:
        return _page(request, viewer, parvis, session, lines, error)
    return RedirectResponse("/equipe/garde?fait=saved", 303)


@router.post("/commentaires/{comment_id}/alarme")
def answer(viewer: Writer, session: WriteSession, view: CurrentView, now: Now, comment_id: int) -> Response:
    """The viewer sees to an immediate danger: nobody else is told of it."""
    oncall.answer(session, viewer, comment_id, now=now)
    return RedirectResponse(view.link(f"/commentaires/{comment_id}", fait="alarm-answered"), 303)


def _page(
    request: Request,
    viewer: Viewer,
    parvis: Parvis,
    session: Session,
    lines: Sequence[tuple[str, str]],
    error: Refused | None = None,
) -> Response:
    return render(
        request,
        "oncall.html",
        status=422 if error else 200,
        error=error,
        lines=[*lines, *[("", "")] * min(MORE, MOST - len(lines))],
        people=oncall.candidates(session),
        minutes=parvis.settings.danger_minutes,
        mail=parvis.settings.mail is not None,
        pager=parvis.settings.pager,
        alert=paging.last(session) if parvis.settings.pager else None,
        may_set=viewer.may_on(Action.SET_ON_CALL, borough_id=None, account_id=None),
        longest=oncall.LONGEST_PHONE,
    )

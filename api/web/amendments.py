"""What is out already: worded anew once somebody else has approved it, or taken off its network."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from api.deps import Installation, Now, require
from api.web.posts import Approver, Version, Writer, post_page
from api.web.queue import Words
from models.errors import Refused
from models.scope import Action, Viewer
from publishing import amending

router = APIRouter(prefix="/publications", include_in_schema=False)

Remover = Annotated[Viewer, require(Action.TAKE_DOWN_POSTS)]
Row = Annotated[int, Form(gt=0, lt=2**63)]


@router.post("/{post_id}/correction")
def propose(
    request: Request,
    viewer: Writer,
    parvis: Installation,
    now: Now,
    post_id: int,
    version: Version,
    variant: Row,
    text: Words = "",
) -> Response:
    """Ask for other words on one account."""
    try:
        with parvis.database.write() as session:
            amending.propose(session, viewer, post_id, variant, text, version=version, now=now)
    except Refused as error:
        with parvis.database.read() as session:
            return post_page(
                request, parvis, session, viewer, post_id, now=now, error=error, amending_of=variant, typed=text
            )
    return RedirectResponse(f"/publications/{post_id}?fait=amended", 303)


@router.post("/{post_id}/correction/avis")
def judge(
    request: Request,
    viewer: Approver,
    parvis: Installation,
    now: Now,
    post_id: int,
    version: Version,
    amendment: Row,
    approved: Annotated[bool, Form()],
    answer: Words = "",
) -> Response:
    """Say yes to these very words, or no and why."""
    try:
        with parvis.database.write() as session:
            judged = amending.judge(
                session, viewer, post_id, amendment, approved=approved, comment=answer, version=version, now=now
            )
            said = "sent-back" if not approved else "saved" if judged.waits else "amendment-approved"
    except Refused as error:
        with parvis.database.read() as session:
            return post_page(request, parvis, session, viewer, post_id, now=now, error=error, typed=answer)
    return RedirectResponse(f"/publications/{post_id}?fait={said}", 303)


@router.post("/{post_id}/retrait")
def take_down(
    request: Request,
    viewer: Remover,
    parvis: Installation,
    now: Now,
    post_id: int,
    version: Version,
    variant: Row,
    motive: Words = "",
) -> Response:
    """Take it off one network, for a reason that is kept."""
    try:
        with parvis.database.write() as session:
            amending.take_down(session, viewer, post_id, variant, motive, version=version, now=now)
    except Refused as error:
        with parvis.database.read() as session:
            return post_page(
                request, parvis, session, viewer, post_id, now=now, error=error, amending_of=variant, typed=motive
            )
    return RedirectResponse(f"/publications/{post_id}?fait=taken-down", 303)

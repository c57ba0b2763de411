"""The first page of a new installation: what is done, and what comes next."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from administration import start
from api.deps import Installation, ReadSession, require
from api.pages import render
from api.wiring import Parvis
from connectors import registry
from models.errors import NotFound
from models.scope import Action, Viewer

router = APIRouter(include_in_schema=False)

Starter = Annotated[Viewer, require(Action.MANAGE_ACCOUNTS)]


def progress(parvis: Parvis, session: Session) -> start.Progress:
    """How far this installation is."""
    return start.progress(
        session,
        applications=any(_has_dialog(parvis, name) for name in registry.names()),
        factor_roles=parvis.settings.second_factor_roles,
    )


def _has_dialog(parvis: Parvis, network: str) -> bool:
    with suppress(NotFound):
        parvis.consent_of(network)
        return True
    return False


@router.get("/mise-en-route")
def show(request: Request, parvis: Installation, session: ReadSession, viewer: Starter) -> Response:
    """Each step with what to do for it, until all are done."""
    return render(request, "start.html", progress=progress(parvis, session))

"""The city's netiquette as it reads today: a public page, so that anybody sees by which rules one hides."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.deps import Now, ReadSession
from api.pages import render
from moderation.netiquette import in_force

router = APIRouter(include_in_schema=False)


@router.get("/netiquette")
def show(request: Request, session: ReadSession, now: Now) -> Response:
    """Every article in force, with its ground."""
    return render(request, "netiquette.html", rules=in_force(session, now=now))

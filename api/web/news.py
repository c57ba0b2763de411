"""The news of the city's own site: each piece becomes a draft, or is set aside."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from api.deps import Installation, Now, ReadSession, WriteSession, require
from api.pages import render
from models.scope import Action, Viewer
from publishing import news

router = APIRouter(prefix="/communiques", include_in_schema=False)

Writer = Annotated[Viewer, require(Action.WRITE_POSTS)]


@router.get("")
def show_news(request: Request, viewer: Writer, parvis: Installation, session: ReadSession) -> Response:
    """What waits, and whether the site could be read."""
    address = parvis.settings.news_url
    return render(
        request, "posts/news.html", address=address, feed=news.feed(session, address), entries=news.entries(session)
    )


@router.post("/{entry_id}/classement")
def set_aside(viewer: Writer, session: WriteSession, now: Now, entry_id: int) -> Response:
    """Nothing is to be made of it."""
    news.set_aside(session, viewer, entry_id, now=now)
    return RedirectResponse("/communiques?fait=news-aside", 303)

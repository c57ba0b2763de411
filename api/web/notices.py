"""What the viewer was told, by colleagues and by Parvis itself."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from administration import notices
from api.deps import CurrentViewer, Now, ReadSession, WriteSession, whole
from api.pages import render
from api.web.queue import Words
from models.errors import NotFound
from models.notices import see

router = APIRouter(prefix="/avis", include_in_schema=False)


@router.get("")
def show_notices(request: Request, viewer: CurrentViewer, session: ReadSession) -> Response:
    """The newest first."""
    told = notices.notices(session, viewer)
    return render(request, "notices.html", notices=told, of_operations=notices.OF_OPERATIONS)


@router.post("/lus")
def mark_read(
    viewer: CurrentViewer,
    session: WriteSession,
    now: Now,
    comment_id: Words = "",
    notice_id: Words = "",
    suite: Words = "",
) -> Response:
    """Those about one comment, one notice, or all of them, are read."""
    about = {"comment_id": whole(comment_id), "notice_id": whole(notice_id)}
    if any(said and about[name] is None for name, said in (("comment_id", comment_id), ("notice_id", notice_id))):
        # What is no number names nothing: it must not read as "all of them".
        raise NotFound
    see(session, viewer.person_id, **about, now=now)
    return RedirectResponse("/" if suite == "/" else "/avis", 303)

"""What the city answered to comments like one that waits, proposed to whoever answers it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.deps import Now, ReadSession
from api.pages import render
from api.web.queue import CurrentView, Decider, is_part
from models.comments import Comment
from moderation.triage import alike

router = APIRouter(include_in_schema=False)


@router.get("/commentaires/{comment_id}/semblable")
def show(
    request: Request, viewer: Decider, session: ReadSession, view: CurrentView, now: Now, comment_id: int
) -> Response:
    """The likest answers; as a part, the likest one alone, which the reply box takes."""
    found = alike.answered_alike(session, viewer, comment_id, now=now)
    name = "queue/alike.html" if is_part(request) else "queue/alike_page.html"
    comment = session.get_one(Comment, comment_id)
    return render(request, name, found=found, comment=comment, view=view)

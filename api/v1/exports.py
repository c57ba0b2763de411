"""Whole lists as files, for programs and people. Each export is noted in the journal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response, StreamingResponse
from pydantic import AwareDatetime
from sqlalchemy.orm import Session

from api.deps import Installation, Now, WriteSession, require
from api.exports import COMMENTS, DECISIONS, MEDIA, POSTS, REQUESTS, WRITERS, Format, Sheet, read
from api.v1.contract import READS
from api.wiring import Parvis
from models import audit
from models.scope import Viewer

router = APIRouter(prefix="/exports", tags=["exports"])


@dataclass(frozen=True)
class Asked:
    """Which file somebody asked for."""

    parvis: Parvis
    session: Session
    now: datetime
    format: Format
    since: datetime | None
    until: datetime | None

    def file(self, sheet: Sheet, viewer: Viewer) -> Response:
        """The file, on its way; who took it stands in the journal before its first byte."""
        audit.note(
            self.session,
            "export",
            sheet.name,
            now=self.now,
            person_id=viewer.person_id,
            key=viewer.key_id,
            format=self.format,
        )
        lines = read(self.parvis.database, viewer, sheet, self.since, self.until)
        name = f"parvis-{sheet.name}-{self.now:%Y-%m-%d}.{self.format}"
        return StreamingResponse(
            WRITERS[self.format](lines, self.parvis.settings.zone),
            media_type=MEDIA[self.format],
            headers={"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"},
        )


def _asked(
    parvis: Installation,
    session: WriteSession,
    now: Now,
    form: Annotated[Format, Query(alias="format")] = Format.CSV,
    since: Annotated[AwareDatetime | None, Query(description="Rows of this time or later.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Rows before this time.")] = None,
) -> Asked:
    return Asked(parvis, session, now, form, since, until)


Wanted = Annotated[Asked, Depends(_asked, scope="function")]
FILE: dict[str, Any] = {
    "response_class": StreamingResponse,
    "responses": {200: {"content": {media.partition(";")[0]: {} for media in MEDIA.values()}}, **READS},
}


@router.get("/comments", operation_id="exportComments", **FILE)
def comments(asked: Wanted, viewer: Annotated[Viewer, require(COMMENTS.action)]) -> Response:
    """Comments by the time at which they were written, each with its newest text, its state and its verdict."""
    return asked.file(COMMENTS, viewer)


@router.get("/decisions", operation_id="exportDecisions", **FILE)
def decisions(asked: Wanted, viewer: Annotated[Viewer, require(DECISIONS.action)]) -> Response:
    """Decisions about comments, by their time."""
    return asked.file(DECISIONS, viewer)


@router.get("/requests", operation_id="exportRequests", **FILE)
def requests(asked: Wanted, viewer: Annotated[Viewer, require(REQUESTS.action)]) -> Response:
    """311 requests, by the time at which they were opened."""
    return asked.file(REQUESTS, viewer)


@router.get("/posts", operation_id="exportPosts", **FILE)
def posts(asked: Wanted, viewer: Annotated[Viewer, require(POSTS.action)]) -> Response:
    """Posts, a line for each account that they go to, by the time at which they were begun."""
    return asked.file(POSTS, viewer)

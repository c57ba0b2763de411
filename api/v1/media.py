"""The media library: pictures, what is said of each, and their bytes."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.deps import Installation, Now, RawBody, ReadSession, WriteSession, require
from api.v1.contract import (
    CHANGES,
    CREATES,
    NEXT_LINK,
    READS,
    READS_ONE,
    VERSION_HEADER,
    After,
    Limit,
    Matching,
    Moment,
    Page,
    PathId,
    Sent,
    Shown,
    changed,
    listed,
    tagged,
    version_in,
    words,
)
from api.web.media import PICTURE_HEADERS
from models.scope import Action, Viewer
from publishing import library

router = APIRouter(prefix="/media", tags=["media"])

Reader = Annotated[Viewer, require(Action.SEE_POSTS)]
Writer = Annotated[Viewer, require(Action.WRITE_POSTS)]


class MediaShown(Shown):
    """One picture of the library: a JPEG, drawn anew from the file that came; `sha256` is of its bytes."""

    id: int
    name: str
    sha256: str
    width: int
    height: int
    size: int
    alt_fr: str | None
    alt_en: str | None
    lettering: str | None
    credit: str | None
    rights_until: dt.date | None
    created_at: Moment
    version: int


class MediaSaid(Sent):
    """What is said of a picture: what it shows, the words in it, whose it is, and the last day on which it may be
    published.
    """

    alt_fr: Annotated[str, words(library.LONGEST_ALT)] = ""
    alt_en: Annotated[str, words(library.LONGEST_ALT)] = ""
    lettering: Annotated[str, words(library.LONGEST_ALT)] = ""
    credit: Annotated[str, words(200)] = ""
    rights_until: dt.date | None = None


@router.get("", operation_id="listMedia", responses={200: {"headers": NEXT_LINK}, **READS})
def media(
    request: Request,
    response: Response,
    session: ReadSession,
    viewer: Reader,
    q: Annotated[str, Query(max_length=200, description="Words to look for.")] = "",
    limit: Limit = 50,
    after: After = None,
) -> Page[MediaShown]:
    """Pictures, newest first."""
    found, following = library.media(session, viewer, words=q, after=after, limit=limit)
    return listed(request, response, [MediaShown.model_validate(row) for row in found], following)


@router.post(
    "",
    status_code=201,
    operation_id="addMedia",
    responses={201: {"headers": VERSION_HEADER}, **CREATES},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
def add(
    response: Response,
    viewer: Writer,
    parvis: Installation,
    now: Now,
    body: RawBody,
    name: Annotated[str, Query(max_length=200, description="Of the file.")] = "image",
) -> MediaShown:
    """Keep a picture; one that is there already is answered as it is."""
    drawn = library.read(name, body)
    with parvis.database.write() as session:
        kept = library.add(session, viewer, drawn, now=now)
    tagged(response, kept.version)
    response.headers["Location"] = f"/api/v1/media/{kept.id}"
    return MediaShown.model_validate(kept)


@router.get("/{media_id}", operation_id="getMedia", responses={200: {"headers": VERSION_HEADER}, **READS_ONE})
def one(media_id: PathId, response: Response, session: ReadSession, viewer: Reader) -> MediaShown:
    """One picture, as it is said."""
    found = library.detail(session, viewer, media_id).media
    tagged(response, found.version)
    return MediaShown.model_validate(found)


@router.get(
    "/{media_id}/content",
    operation_id="getMediaContent",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}, **READS_ONE},
)
def content(media_id: PathId, session: ReadSession, viewer: Reader) -> Response:
    """Its bytes."""
    found = library.content(session, viewer, media_id, small=False)
    return Response(found, media_type="image/jpeg", headers=PICTURE_HEADERS)


@router.put("/{media_id}", operation_id="describeMedia", responses={200: {"headers": VERSION_HEADER}, **CHANGES})
def describe(
    media_id: PathId,
    body: MediaSaid,
    response: Response,
    session: WriteSession,
    viewer: Writer,
    now: Now,
    matching: Matching = None,
) -> MediaShown:
    """Say what it shows and whose it is; posts that show it keep what they say."""
    version, said = version_in(matching), library.Said(**body.model_dump())
    found = changed(lambda: library.describe(session, viewer, media_id, said, version=version, now=now))
    tagged(response, found.version)
    return MediaShown.model_validate(found)


@router.delete("/{media_id}", status_code=204, operation_id="removeMedia", responses=CHANGES)
def remove(media_id: PathId, session: WriteSession, viewer: Writer, now: Now, matching: Matching = None) -> Response:
    """Forget a picture that no post shows."""
    version = version_in(matching)
    changed(lambda: library.remove(session, viewer, media_id, version=version, now=now))
    return Response(status_code=204)

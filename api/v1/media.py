"""The media library: pictures and films, what is said of each, and their bytes."""

from __future__ import annotations

import datetime as dt
from contextlib import ExitStack
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.deps import BodyFile, Installation, Now, ReadSession, WriteSession, require
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
from api.web.media import CAPTION_HEADERS, PICTURE_HEADERS, play, read
from models.scope import Action, Viewer
from publishing import library
from publishing.captions import LONGEST as LONGEST_CAPTIONS

router = APIRouter(prefix="/media", tags=["media"])

Reader = Annotated[Viewer, require(Action.SEE_POSTS)]
Writer = Annotated[Viewer, require(Action.WRITE_POSTS)]

BYTES = {"schema": {"type": "string", "format": "binary"}}


class MediaShown(Shown):
    """One picture of the library: a JPEG, drawn anew from the file that came; or (`milliseconds` is not null) one film:
    an MP4, written anew. `sha256` and `size` are of its bytes, `captions_sha256` of its captions.
    """

    id: int
    name: str
    sha256: str
    width: int
    height: int
    size: int
    milliseconds: int | None
    captions_sha256: str | None
    alt_fr: str | None
    alt_en: str | None
    lettering: str | None
    credit: str | None
    rights_until: dt.date | None
    created_at: Moment
    version: int


class MediaSaid(Sent):
    """What is said of a picture or a film: what it shows, the words in it, whose it is, and the last day on which it
    may be published. `captions` of a film are SRT or WebVTT: "" takes them away, null leaves them as they are.
    """

    alt_fr: Annotated[str, words(library.LONGEST_ALT)] = ""
    alt_en: Annotated[str, words(library.LONGEST_ALT)] = ""
    lettering: Annotated[str, words(library.LONGEST_ALT)] = ""
    credit: Annotated[str, words(200)] = ""
    rights_until: dt.date | None = None
    captions: Annotated[str, words(LONGEST_CAPTIONS)] | None = None


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
    """Pictures and films, newest first."""
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
    body: BodyFile,
    name: Annotated[str, Query(max_length=200, description="Of the file.")] = "image",
) -> MediaShown:
    """Keep a picture (JPEG, PNG, WebP, GIF) or a film (MP4 or MOV, of H.264 and AAC); one that is there already is
    answered as it is.
    """
    with ExitStack() as stack:
        came = read(stack, parvis, name, body, said=False)
        (kept,) = library.keep(parvis.database, viewer, [came], now=now)
    tagged(response, kept.version)
    response.headers["Location"] = f"/api/v1/media/{kept.id}"
    return MediaShown.model_validate(kept)


@router.get("/{media_id}", operation_id="getMedia", responses={200: {"headers": VERSION_HEADER}, **READS_ONE})
def one(media_id: PathId, response: Response, session: ReadSession, viewer: Reader) -> MediaShown:
    """One picture or film, as it is said."""
    found = library.detail(session, viewer, media_id).media
    tagged(response, found.version)
    return MediaShown.model_validate(found)


@router.get(
    "/{media_id}/content",
    operation_id="getMediaContent",
    response_class=Response,
    responses={
        200: {"content": dict.fromkeys(("image/jpeg", "video/mp4"), BYTES)},
        206: {"content": {"video/mp4": BYTES}, "description": "The part of a film that `Range` asks for."},
        **READS_ONE,
    },
)
def content(media_id: PathId, request: Request, parvis: Installation, viewer: Reader) -> Response:
    """Its bytes."""
    with parvis.database.read() as session:
        if not library.detail(session, viewer, media_id).media.filmed:
            found = library.content(session, viewer, media_id, small=False)
            return Response(found, media_type="image/jpeg", headers=PICTURE_HEADERS)
        reel = library.film(session, viewer, media_id)
    return play(request, parvis, reel)


@router.get(
    "/{media_id}/captions",
    operation_id="getMediaCaptions",
    response_class=Response,
    responses={200: {"content": {"text/vtt": {"schema": {"type": "string"}}}}, **READS_ONE},
)
def captions_of(media_id: PathId, session: ReadSession, viewer: Reader) -> Response:
    """The captions of a film, as WebVTT."""
    return Response(library.captions_of(session, viewer, media_id), media_type="text/vtt", headers=CAPTION_HEADERS)


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
    version, said = version_in(matching), library.Said(**body.model_dump(exclude={"captions"}))
    found = changed(lambda: library.describe(session, viewer, media_id, said, version=version, now=now))
    if body.captions is not None:
        found = library.caption(session, viewer, media_id, body.captions, version=found.version, now=now)
    tagged(response, found.version)
    return MediaShown.model_validate(found)


@router.delete("/{media_id}", status_code=204, operation_id="removeMedia", responses=CHANGES)
def remove(media_id: PathId, session: WriteSession, viewer: Writer, now: Now, matching: Matching = None) -> Response:
    """Forget a picture or a film that no post shows."""
    version = version_in(matching)
    changed(lambda: library.remove(session, viewer, media_id, version=version, now=now))
    return Response(status_code=204)

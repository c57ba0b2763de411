"""The media library: pictures and films come in, are said what they show, and are chosen for posts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import date, datetime
from typing import IO, Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile

from api import ranges
from api.deps import Installation, Now, ReadSession, Sent, WriteSession, require
from api.pages import render
from api.wiring import Parvis
from connectors.films import is_film
from models.errors import NotFound, Refusals, Refused
from models.media import Media
from models.scope import Action, Viewer
from publishing import captions, films, library, links

router = APIRouter(prefix="/medias", include_in_schema=False)

Reader = Annotated[Viewer, require(Action.SEE_POSTS)]
Writer = Annotated[Viewer, require(Action.WRITE_POSTS)]
Version = Annotated[int, Form()]
For = Literal["publication", "mediatheque"]
"""Which part of a page is asked for: what a post picks, or what the library shows. None: the whole page."""

PICTURE_HEADERS = {
    "cache-control": "private, max-age=31536000, immutable",
    "content-security-policy": "default-src 'none'; sandbox",
    "cross-origin-resource-policy": "same-origin",
}
"""A picture never changes; and whatever it held, it is a picture and nothing else. Nor does a film."""


@router.get("")
def show_library(
    request: Request,
    viewer: Reader,
    session: ReadSession,
    now: Now,
    parvis: Installation,
    mots: str = "",
    suite: str | None = None,
    pour: For | None = None,
) -> Response:
    """The pictures and films that the viewer may see, the newest first."""
    mots = mots.replace("\0", "")[:200]
    found, following = library.media(session, viewer, words=mots, after=suite)
    return render(
        request,
        "media/choices.html" if pour == "publication" else "media/list.html",
        media=found,
        following=following,
        words=mots,
        may_write=viewer.may(Action.WRITE_POSTS),
        today=_today(now, parvis.settings.zone),
        **limits(parvis),
    )


@router.post("")
def add(
    request: Request, viewer: Writer, parvis: Installation, now: Now, form: Sent, pour: For | None = None
) -> Response:
    """Keep pictures and films: all of those that were sent, or none."""
    wrong, came = Refusals(), list[library.Drawn]()
    with ExitStack() as stack:
        for file in form.getlist("files"):
            if isinstance(file, UploadFile) and file.filename:
                with wrong.collect():
                    said = (file.content_type or "").startswith("video/")
                    came.append(read(stack, parvis, file.filename, file.file, said=said))
        wrong.say()
        if not came:
            raise Refused("picture_needed", field="files")
        kept = library.keep(parvis.database, viewer, came, now=now)
    if pour is None:
        return RedirectResponse("/medias?fait=pictures-added", 303)
    return _fragment(request, pour, kept, today=_today(now, parvis.settings.zone))


def read(stack: ExitStack, parvis: Parvis, name: str, file: IO[bytes], *, said: bool) -> library.Drawn:
    """The picture or the film that a file holds; what is made of it goes with the stack. `said`: who sends it calls it
    a film.
    """
    head = file.read(16)
    file.seek(0)
    if said or is_film(head) or name.lower().endswith((".mp4", ".mov", ".m4v")):
        return stack.enter_context(library.read_film(name, file, parvis.settings.film_mb))
    return library.read(name, file.read(library.LARGEST + 1))


@router.get("/publiques/{name}")
def show_public(request: Request, parvis: Installation, name: str) -> Response:
    """What is on its way to a network which fetches it itself, at an address that it alone was given."""
    if name.endswith(".mp4"):
        return play(request, parvis, parvis.album.film(name.removesuffix(".mp4")))
    if not name.endswith(".jpg"):
        raise NotFound
    content = parvis.album.sealed(name.removesuffix(".jpg"))
    return Response(content, media_type="image/jpeg", headers=PICTURE_HEADERS)


@router.get("/liens/{link_id}")
def show_card(_: Reader, session: ReadSession, link_id: int) -> Response:
    """The picture of the card of a page that a post links to."""
    return Response(links.picture(session, link_id), media_type="image/jpeg", headers=PICTURE_HEADERS)


@router.get("/{media_id}")
def show_media(
    request: Request,
    viewer: Reader,
    session: ReadSession,
    parvis: Installation,
    now: Now,
    media_id: int,
    pour: For | None = None,
) -> Response:
    """One picture: what is said of it, and the posts that show it."""
    if pour is None:
        return _page(request, session, viewer, media_id, today=_today(now, parvis.settings.zone))
    found = library.detail(session, viewer, media_id).media
    return _fragment(request, pour, [found], today=_today(now, parvis.settings.zone))


@router.get("/{media_id}/image")
def show_picture(
    viewer: Reader, session: ReadSession, media_id: int, taille: Literal["petite"] | None = None
) -> Response:
    """The JPEG itself, or a small one."""
    content = library.content(session, viewer, media_id, small=taille is not None)
    return Response(content, media_type="image/jpeg", headers=PICTURE_HEADERS)


@router.get("/{media_id}/film")
def show_film(request: Request, viewer: Reader, parvis: Installation, media_id: int) -> Response:
    """The film itself, or the part of it that a player asks for."""
    with parvis.database.read() as session:
        reel = library.film(session, viewer, media_id)
    return play(request, parvis, reel)


def play(request: Request, parvis: Parvis, reel: library.Reel) -> Response:
    """The bytes of a film; each part is read when it leaves, in a transaction of its own."""

    def part(first: int, last: int) -> Iterator[bytes]:
        return films.content(parvis.database, reel.film_id, first, last)

    return ranges.answer(request, part, size=reel.size, tag=reel.sha256, mime=films.MIME, headers=PICTURE_HEADERS)


@router.get("/{media_id}/sous-titres")
def show_captions(viewer: Reader, session: ReadSession, media_id: int) -> Response:
    """The captions of a film, as a player takes them."""
    return Response(library.captions_of(session, viewer, media_id), media_type="text/vtt", headers=CAPTION_HEADERS)


@router.post("/{media_id}/sous-titres")
def caption(
    request: Request, viewer: Writer, parvis: Installation, now: Now, form: Sent, media_id: int, version: Version
) -> Response:
    """Give a film its captions; without a file, it has none any more."""
    file = form.get("captions")
    content = file.file.read(4 * captions.LONGEST + 1) if isinstance(file, UploadFile) else b""
    try:
        with parvis.database.write() as session:
            library.caption(session, viewer, media_id, content, version=version, now=now)
    except Refused as error:
        with parvis.database.read() as session:
            today = _today(now, parvis.settings.zone)
            return _page(request, session, viewer, media_id, today=today, error=error)
    return RedirectResponse(f"/medias/{media_id}?fait=saved", 303)


@router.post("/{media_id}")
def describe(
    request: Request, viewer: Writer, parvis: Installation, now: Now, form: Sent, media_id: int, version: Version
) -> Response:
    """Say what it shows and whose it is."""
    try:
        with parvis.database.write() as session:
            library.describe(session, viewer, media_id, _said(form), version=version, now=now)
    except Refused as error:
        with parvis.database.read() as session:
            today = _today(now, parvis.settings.zone)
            return _page(request, session, viewer, media_id, today=today, form=form, error=error)
    return RedirectResponse(f"/medias/{media_id}?fait=saved", 303)


@router.post("/{media_id}/suppression")
def remove(viewer: Writer, session: WriteSession, now: Now, media_id: int, version: Version) -> Response:
    """Forget a picture or a film that no post shows."""
    library.remove(session, viewer, media_id, version=version, now=now)
    return RedirectResponse("/medias?fait=picture-removed", 303)


CAPTION_HEADERS = {**PICTURE_HEADERS, "cache-control": "private, no-cache"}
"""They change, unlike what they are shown on."""
KINDS = "image/jpeg,image/png,image/gif,image/webp,video/mp4,video/quicktime,.m4v"


def limits(parvis: Parvis) -> Mapping[str, Any]:
    """What the browser looks at before anything is sent."""
    return {"heaviest": library.LARGEST, "heaviest_film": parvis.settings.film_mb * 1024**2, "kinds": KINDS}


def _said(form: FormData) -> library.Said:
    def field(name: str) -> str:
        value = form.get(name, "")
        return value.replace("\0", "") if isinstance(value, str) else ""

    try:
        until = date.fromisoformat(field("rights_until")) if field("rights_until") else None
    except ValueError as error:
        raise Refused("date_unreadable", field="rights_until") from error
    return library.Said(field("alt_fr"), field("alt_en"), field("credit"), until, field("lettering"))


def _fragment(request: Request, pour: For, media: list[Media], *, today: date) -> Response:
    name = "media/picked.html" if pour == "publication" else "media/tiles.html"
    picked = [(one, one.alt_fr or "") for one in media]
    return render(request, name, media=media, pictures=picked, today=today)


def _page(
    request: Request,
    session: Session,
    viewer: Viewer,
    media_id: int,
    *,
    today: date,
    form: FormData | None = None,
    error: Refused | None = None,
) -> Response:
    detail = library.detail(session, viewer, media_id)
    status = 200 if error is None else 422 if error.params.get("field") else 409
    values = form or {
        name: getattr(detail.media, name) or "" for name in ("alt_fr", "alt_en", "lettering", "credit", "rights_until")
    }
    return render(
        request,
        "media/detail.html",
        status=status,
        detail=detail,
        values=values,
        error=error,
        may_write=viewer.may(Action.WRITE_POSTS),
        today=today,
        longest=library.LONGEST_ALT,
    )


def _today(now: datetime, zone: ZoneInfo) -> date:
    return now.astimezone(zone).date()

"""The media library: pictures and films come in, are said what they show and whose they are, are seen by who may."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import IO, Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from connectors import pictures
from connectors.films import rewritten
from connectors.pictures import Drawing
from models import audit, search
from models.base import next_version
from models.errors import NotFound, Refusals, Refused, Rejected
from models.keyset import Keyset
from models.media import Media
from models.posts import Post, Variant, VariantPicture
from models.scope import Action, Viewer, visible
from models.session import Database
from publishing import captions, films

NEWEST = Keyset(Media.id, descending=True)

LARGEST = 25 * 1024 * 1024
"""Bytes of a picture that comes in: what a good camera makes, and no more."""
LARGE = Drawing(side=2048, quality=90, most=50_000_000, faithful=True)
"""What is published: networks show no more points, and make their own smaller ones of it."""
SMALL = Drawing(side=480, quality=80, most=LARGE.most)
LONGEST_ALT = 1000
"""Characters. Networks keep more, and whoever listens to it does not want more."""


@dataclass(frozen=True)
class Drawn:
    """A picture that came in, drawn anew; nothing of the file is left but what is seen of it."""

    name: str
    content: bytes
    small: bytes
    width: int
    height: int

    @property
    def sha256(self) -> str:
        """Of what is published."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def size(self) -> int:
        """Bytes of what is published."""
        return len(self.content)


@dataclass(frozen=True)
class Filmed(Drawn):
    """A film that came in, written anew: `content` and `small` are of one image of it."""

    path: Path
    """Of the file, for as long as it lies there."""
    milliseconds: int
    digest: str

    @property
    def sha256(self) -> str:
        return self.digest

    @property
    def size(self) -> int:
        return self.path.stat().st_size


@dataclass(frozen=True)
class Said:
    """What is said of a picture or a film."""

    alt_fr: str = ""
    alt_en: str = ""
    credit: str = ""
    rights_until: dt.date | None = None
    lettering: str = ""
    """What stands written in it."""


def read(name: str, content: bytes) -> Drawn:
    """Draw the picture that a file holds; it takes a second or two of work, and no session.

    Refused: `picture_heavy` (more bytes than `LARGEST`), `picture_too_large` (more points), `picture_unreadable`.
    """
    name = _called(name, "image")
    if len(content) > LARGEST:
        raise Refused("picture_heavy", field="files", name=name, most=str(LARGEST // 1024**2))
    try:
        large = pictures.drawn(content, LARGE)
        small = pictures.drawn(large, SMALL)
    except Rejected as error:
        code = "picture_too_large" if error.reason == "too_large" else "picture_unreadable"
        raise Refused(code, field="files", name=name, most=str(LARGE.most // 10**6)) from error
    return Drawn(name, large, small, *pictures.size(large))


@contextmanager
def read_film(name: str, file: IO[bytes], most_mb: int) -> Iterator[Filmed]:
    """The film that a file holds, written anew, for the block; it takes seconds of work, and no session.

    Refused: `film_heavy` (more than `most_mb` megabytes), and what `connectors.films.rewritten` says.
    """
    name = _called(name, "film")
    with TemporaryDirectory(prefix="parvis-") as place:
        folder = Path(place)
        source, most = folder / "source", most_mb * 1024**2
        with source.open("wb") as copy:
            while part := file.read(films.PART):
                if copy.tell() + len(part) > most:
                    raise Refused("film_heavy", field="files", name=name, most=str(most_mb))
                copy.write(part)
        try:
            made = rewritten(source, folder)
            poster = pictures.drawn(made.poster, LARGE)
            small = pictures.drawn(poster, SMALL)
        except Refused as error:
            raise Refused(error.code, **{**error.params, "field": "files", "name": name}) from error
        except Rejected as error:
            raise Refused("film_unreadable", field="files", name=name) from error
        source.unlink()
        with made.path.open("rb") as film:
            digest = hashlib.file_digest(film, "sha256").hexdigest()
        yield Filmed(name, poster, small, made.width, made.height, made.path, made.milliseconds, digest)


def _called(name: str, otherwise: str) -> str:
    return PurePath(name.replace("\\", "/").replace("\0", "")).name[-200:] or otherwise


def keep(database: Database, viewer: Viewer, came: Sequence[Drawn], *, now: datetime) -> list[Media]:
    """Keep pictures and films, all or none. The bytes of a film are written before, part by part, so that nobody waits
    for all of them; without a row that names them they are nothing.
    """
    stored = dict[str, int]()
    for one in came:
        if isinstance(one, Filmed):
            with database.read() as session:
                known = _known(session, viewer, one)
            if known is None and one.sha256 not in stored:
                stored[one.sha256] = films.store(database, one.path, now=now)
    with database.write() as session:
        return [add(session, viewer, one, film_id=stored.get(one.sha256), now=now) for one in came]


def add(session: Session, viewer: Viewer, drawn: Drawn, *, now: datetime, film_id: int | None = None) -> Media:
    """Keep a picture, in the scope of whoever adds it; the one that is there already, if it came before. The bytes of a
    film are kept before, as `film_id`.
    """
    if (known := _known(session, viewer, drawn)) is not None:
        return known
    filmed = drawn if isinstance(drawn, Filmed) else None
    if filmed is not None and film_id is None:
        raise Refused("media_changed")  # It was there a moment ago.
    account_id, borough_id = _scope(viewer)
    media = Media(
        account_id=account_id,
        borough_id=borough_id,
        name=drawn.name,
        sha256=drawn.sha256,
        content=drawn.content,
        small=drawn.small,
        width=drawn.width,
        height=drawn.height,
        size=drawn.size,
        film_id=film_id,
        milliseconds=filmed.milliseconds if filmed is not None else None,
        search_text=search.text_of(drawn.name),
        added_by_id=viewer.person_id,
        created_at=now,
    )
    session.add(media)
    session.flush()
    audit.note(session, "media.added", f"media:{media.id}", now=now, person_id=viewer.person_id, sha256=media.sha256)
    return media


def _known(session: Session, viewer: Viewer, drawn: Drawn) -> Media | None:
    """What is there already of the same bytes, where the viewer writes."""
    if viewer.person_id is None:
        raise Refused("people_decide")
    there = visible(select(Media).where(Media.sha256 == drawn.sha256), viewer, Action.WRITE_POSTS, Media)
    return session.scalar(there.order_by(Media.id).limit(1))


def describe(session: Session, viewer: Viewer, media_id: int, said: Said, *, version: int, now: datetime) -> Media:
    """Say what a picture or a film shows, and whose it is. Posts that use it keep what they said: that was approved.

    Refused: `alt_too_long`, `credit_too_long`, `media_changed`.
    """
    media = _load(session, viewer, media_id, version)
    wrong = Refusals()
    for name in ("alt_fr", "alt_en"):
        with wrong.collect():
            if len(getattr(said, name).strip()) > LONGEST_ALT:
                raise Refused("alt_too_long", field=name, most=str(LONGEST_ALT))
    for name, most in (("credit", 200), ("lettering", LONGEST_ALT)):
        with wrong.collect():
            if len(getattr(said, name).strip()) > most:
                raise Refused("credit_too_long", field=name, most=str(most))
    wrong.say()
    media.alt_fr, media.alt_en = said.alt_fr.strip() or None, said.alt_en.strip() or None
    media.lettering = said.lettering.strip() or None
    media.credit, media.rights_until = said.credit.strip() or None, said.rights_until
    media.search_text = search.text_of(media.name, media.alt_fr, media.alt_en, media.lettering, media.credit)
    audit.note(session, "media.described", f"media:{media.id}", now=now, person_id=viewer.person_id)
    return media


def caption(
    session: Session, viewer: Viewer, media_id: int, content: bytes | str, *, version: int, now: datetime
) -> Media:
    """Give a film its captions, from SRT or WebVTT; nothing at all takes them away. An approval of a post that shows it
    does not cover other captions.

    Refused: what `captions.read` says, `captions_of_picture`, `media_changed`.
    """
    media = _load(session, viewer, media_id, version)
    if media.milliseconds is None:
        if content:
            raise Refused("captions_of_picture", field="captions")
        return media
    media.captions = captions.read(content, media.milliseconds) if content else None
    media.captions_sha256 = hashlib.sha256(media.captions.encode()).hexdigest() if media.captions else None
    audit.note(session, "media.captioned", f"media:{media.id}", now=now, person_id=viewer.person_id)
    return media


def remove(session: Session, viewer: Viewer, media_id: int, *, version: int, now: datetime) -> None:
    """Forget a picture or a film that no post shows. Refused: `media_used`, `media_changed`."""
    media = _load(session, viewer, media_id, version)
    if session.scalar(select(VariantPicture.media_id).where(VariantPicture.media_id == media_id).limit(1)):
        raise Refused("media_used")
    audit.note(session, "media.removed", f"media:{media.id}", now=now, person_id=viewer.person_id, sha256=media.sha256)
    session.delete(media)
    if media.film_id is not None:
        session.flush()
        films.forget(session, media.film_id)


def media(
    session: Session, viewer: Viewer, *, words: str = "", after: str | None = None, limit: int = 60
) -> tuple[Sequence[Media], str | None]:
    """Part of the viewer's pictures and films, newest first, and the cursor behind it. Refused: `cursor_invalid`.

    `words` are looked for in the name, in what it shows and in whose it is.
    """
    statement = visible(select(Media), viewer, Action.SEE_POSTS, Media)
    for word in search.text_of(words).split()[:8]:
        statement = statement.where((" " + Media.search_text).contains(f" {word}", autoescape=True))
    return NEWEST.read(session, statement, after, limit)


def some(session: Session, viewer: Viewer, ids: Sequence[int]) -> Sequence[Media]:
    """Those of these pictures and films that the viewer may see."""
    return session.scalars(visible(select(Media).where(Media.id.in_(ids)), viewer, Action.SEE_POSTS, Media)).all()


@dataclass(frozen=True)
class MediaDetail:
    """One picture or film, and the posts that show it, newest first, as far as the viewer may see them."""

    media: Media
    posts: Sequence[Post]


def detail(session: Session, viewer: Viewer, media_id: int) -> MediaDetail:
    """NotFound when it is not there or not the viewer's."""
    statement = select(Media).options(joinedload(Media.added_by)).where(Media.id == media_id)
    found = session.scalar(visible(statement, viewer, Action.SEE_POSTS, Media))
    if found is None:
        raise NotFound
    showing = select(Variant.post_id).join(VariantPicture).where(VariantPicture.media_id == media_id)
    posts = select(Post).where(Post.id.in_(showing)).order_by(Post.id.desc()).limit(50)
    return MediaDetail(found, session.scalars(visible(posts, viewer, Action.SEE_POSTS, Post)).all())


def content(session: Session, viewer: Viewer, media_id: int, *, small: bool) -> bytes:
    """The JPEG, for who sees the picture in the library or in a post; NotFound for others. Of a film, one image."""
    found: bytes = _seen(session, viewer, media_id, Media.small if small else Media.content)
    return found


@dataclass(frozen=True)
class Reel:
    """Where the bytes of a film are (`publishing.films.content`), and how many."""

    film_id: int
    size: int
    sha256: str


def film(session: Session, viewer: Viewer, media_id: int) -> Reel:
    """For who sees the film in the library or in a post; NotFound for others, and of a picture."""
    if _seen(session, viewer, media_id, Media.film_id) is None:
        raise NotFound
    return reel(session, media_id)


def reel(session: Session, media_id: int) -> Reel:
    """NotFound: there is no film of that number."""
    statement = select(Media.film_id, Media.size, Media.sha256).where(Media.id == media_id)
    film_id, size, sha256 = session.execute(statement).one_or_none() or (None, 0, "")
    if film_id is None:
        raise NotFound
    return Reel(film_id, size, sha256)


def captions_of(session: Session, viewer: Viewer, media_id: int) -> str:
    """WebVTT, for who sees the film in the library or in a post; NotFound for others, and where there is none."""
    found: str | None = _seen(session, viewer, media_id, Media.captions)
    if found is None:
        raise NotFound
    return found


def _seen(session: Session, viewer: Viewer, media_id: int, wanted: Any) -> Any:
    """A column of what the viewer sees in the library or in a post."""
    theirs = visible(select(wanted).where(Media.id == media_id), viewer, Action.SEE_POSTS, Media)
    found = session.execute(theirs).one_or_none()
    if found is None:
        showing = select(VariantPicture.media_id).join(Variant).join(Post).where(VariantPicture.media_id == media_id)
        if session.scalar(visible(showing.limit(1), viewer, Action.SEE_POSTS, Post)) is not None:
            found = session.execute(select(wanted).where(Media.id == media_id)).one_or_none()
    if found is None:
        raise NotFound
    return found[0]


def _load(session: Session, viewer: Viewer, media_id: int, version: int) -> Media:
    """The picture to change, at its next version."""
    statement = select(Media).where(Media.id == media_id).with_for_update()
    found = session.scalar(visible(statement, viewer, Action.WRITE_POSTS, Media))
    return next_version(found, version, "media_changed")


def _scope(viewer: Viewer) -> tuple[int | None, int | None]:
    """Account and borough of what somebody adds: the widest place where they write."""
    places = [(grant.account_id, grant.borough_id) for grant in viewer.grants if grant.action == Action.WRITE_POSTS]
    return min(places, key=lambda place: (place != (None, None), place[1] is None, place[1] or 0, place[0] or 0))

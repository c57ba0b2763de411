"""Pictures and films of the library as connectors send them: files for a moment, and addresses where a network fetches
them.

The bytes stand in the database, so that a worker on any machine has them; nothing is left on a disk.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import select

from connectors.base import Media as Sent
from connectors.pictures import cropped
from models.errors import NotFound, Rejected
from models.media import Media
from models.secrets import SecretUnreadable
from models.session import Database, vault_of
from models.vocabulary import MediaKind
from publishing import films, library

JPEG = "image/jpeg"
OPEN = timedelta(hours=24)
"""How long a network may fetch a picture at the address that it was given: what it prepares of them lives as long."""
PICTURE, FILM = "picture", "film"
"""What a sealed name says that it names."""


@dataclass(frozen=True)
class Album:
    """Gives the pictures and films of one city. `address_of` makes a public address of a sealed name and its ending."""

    database: Database
    clock: Callable[[], datetime]
    address_of: Callable[[str], str]

    @contextmanager
    def laid_out(self, pictures: Sequence[Mapping[str, Any]]) -> Iterator[list[Sent]]:
        """The files of what is owed (`planning.schedule`), for the block. Rejected: `no_file`."""
        if not pictures:
            yield []
            return
        with TemporaryDirectory(prefix="parvis-") as folder:
            laid = []
            for place, one in enumerate(pictures):
                filmed = is_film(one)
                path = Path(folder, f"{place}.mp4" if filmed else f"{place}.jpg")
                try:
                    with path.open("wb") as file:
                        file.writelines(self._film(one["id"]) if filmed else [self._drawn(one["id"], one["box"])])
                except NotFound:
                    raise Rejected("no_file") from None
                laid.append(replace(named(one), path=path, url=self._address(one)))
            yield laid

    def sealed(self, name: str) -> bytes:
        """The picture of a sealed name. NotFound: it is none of ours, or its time has passed."""
        media_id, box = self._opened(name, PICTURE)
        return self._drawn(media_id, box)

    def film(self, name: str) -> library.Reel:
        """The film of a sealed name. NotFound, as for `sealed`."""
        media_id, _ = self._opened(name, FILM)
        with self.database.read() as session:
            return library.reel(session, media_id)

    def _opened(self, name: str, kind: str) -> tuple[int, Sequence[int] | None]:
        with self.database.read() as session:
            vault = vault_of(session)
        try:
            said, media_id, box, until = json.loads(vault.open(name))
        except (SecretUnreadable, TypeError, ValueError):
            raise NotFound from None
        if said != kind or self.clock().timestamp() > until:
            raise NotFound
        return media_id, box

    def _address(self, one: Mapping[str, Any]) -> str:
        until, filmed = (self.clock() + OPEN).timestamp(), is_film(one)
        with self.database.read() as session:
            vault = vault_of(session)
        name = vault.close(json.dumps([FILM if filmed else PICTURE, one["id"], one["box"], until]))
        return self.address_of(f"{name}.mp4" if filmed else f"{name}.jpg")

    def _film(self, media_id: int) -> Iterator[bytes]:
        with self.database.read() as session:
            reel = library.reel(session, media_id)
        return films.content(self.database, reel.film_id, 0, reel.size - 1)

    def _drawn(self, media_id: int, box: Sequence[int] | None) -> bytes:
        with self.database.read() as session:
            content = session.scalar(select(Media.content).where(Media.id == media_id))
        if content is None:
            raise NotFound
        if box is None:
            return content
        left, top, right, bottom = box
        return cropped(content, (left, top, right, bottom))


def is_film(one: Mapping[str, Any]) -> bool:
    """Whether what is owed (`planning.schedule`) is a film."""
    return one.get("kind") == MediaKind.VIDEO


def named(one: Mapping[str, Any]) -> Sent:
    """A picture or film of which nothing is read: what it is, and what is said of it."""
    filmed = is_film(one)
    return Sent(MediaKind.VIDEO if filmed else MediaKind.PHOTO, Path(), films.MIME if filmed else JPEG, one["alt"])

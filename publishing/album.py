"""Pictures of the library as connectors send them: files for a moment, and addresses where a network fetches them.

The bytes stand in the database, so that a worker on any machine has them; nothing is left on a disk.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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

JPEG = "image/jpeg"
OPEN = timedelta(hours=24)
"""How long a network may fetch a picture at the address that it was given: what it prepares of them lives as long."""


@dataclass(frozen=True)
class Album:
    """Gives the pictures of one city. `address_of` makes a public address of a sealed name."""

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
                path = Path(folder, f"{place}.jpg")
                try:
                    path.write_bytes(self._drawn(one["id"], one["box"]))
                except NotFound:
                    raise Rejected("no_file") from None
                laid.append(Sent(MediaKind.PHOTO, path, JPEG, one["alt"], self._address(one["id"], one["box"])))
            yield laid

    def sealed(self, name: str) -> bytes:
        """The picture of a sealed name. NotFound: it is none of ours, or its time has passed."""
        with self.database.read() as session:
            vault = vault_of(session)
        try:
            kind, media_id, box, until = json.loads(vault.open(name))
        except (SecretUnreadable, TypeError, ValueError):
            raise NotFound from None
        if kind != "picture" or self.clock().timestamp() > until:
            raise NotFound
        return self._drawn(media_id, box)

    def _address(self, media_id: int, box: Sequence[int] | None) -> str:
        until = (self.clock() + OPEN).timestamp()
        with self.database.read() as session:
            vault = vault_of(session)
        return self.address_of(vault.close(json.dumps(["picture", media_id, box, until])))

    def _drawn(self, media_id: int, box: Sequence[int] | None) -> bytes:
        with self.database.read() as session:
            content = session.scalar(select(Media.content).where(Media.id == media_id))
        if content is None:
            raise NotFound
        if box is None:
            return content
        left, top, right, bottom = box
        return cropped(content, (left, top, right, bottom))

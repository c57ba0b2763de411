"""The bytes of films: kept in parts and given part by part, so that nothing holds a whole one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from models.errors import NotFound
from models.media import Film, FilmPart, Media
from models.session import Database

PART = 1024 * 1024
"""Bytes of a part."""
AT_ONCE = 8
"""Parts that one transaction writes: SQLite has one writer, and others wait for it."""
LEFT = timedelta(days=1)
"""How long parts stay that no row of the library names: whoever sent them is gone by then."""
MIME = "video/mp4"


def store(database: Database, path: Path, *, now: datetime) -> int:
    """Write a film's bytes, some parts at a time; gives the id that a row of the library then names."""
    with database.write() as session:
        _sweep(session, now)
        film = Film(created_at=now)
        session.add(film)
        session.flush()
        film_id = film.id
    with path.open("rb") as file:
        position = 0
        while parts := [part for _ in range(AT_ONCE) if (part := file.read(PART))]:
            with database.write() as session:
                session.add_all(
                    FilmPart(film_id=film_id, position=place, content=part)
                    for place, part in enumerate(parts, position)
                )
            position += len(parts)
    return film_id


def content(database: Database, film_id: int, first: int, last: int) -> Iterator[bytes]:
    """Bytes from `first` to `last`, both of them among those. NotFound: they went meanwhile."""
    for position in range(first // PART, last // PART + 1):
        wanted = select(FilmPart.content).where(FilmPart.film_id == film_id, FilmPart.position == position)
        with database.read() as session:
            part = session.scalar(wanted)
        if part is None:
            raise NotFound
        begin = position * PART
        yield part[max(0, first - begin) : last + 1 - begin]


def forget(session: Session, film_id: int) -> None:
    """The bytes of a film that no row of the library names any more."""
    session.execute(delete(FilmPart).where(FilmPart.film_id == film_id))
    session.execute(delete(Film).where(Film.id == film_id))


def _sweep(session: Session, now: datetime) -> None:
    """What was left by who was stopped in the middle goes with the next film."""
    unnamed = ~exists().where(Media.film_id == Film.id)
    for film_id in session.scalars(select(Film.id).where(unnamed, Film.created_at < now - LEFT)).all():
        forget(session, film_id)

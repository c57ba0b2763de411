"""`parvis backup` and `parvis restore`: SQLite's own online copy. PostgreSQL has its own tools."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import make_url

from api.i18n import _
from api.settings import Settings
from api.wiring import utc_now
from models.errors import ParvisError
from models.migrations import upgrade
from models.session import Database
from models.work import doubt_restored


class BackupError(ParvisError):
    """A copy could not be made or put back; the text is a sentence."""


def save(settings: Settings, target: Path) -> None:
    """A consistent copy of the database while it is in use. The secret key is never in it."""
    source = _file(settings)
    if not source.is_file():
        raise BackupError(_("There is no database at %(file)s.", file=source))
    if target.exists():
        raise BackupError(_("%(file)s is there already: give another name.", file=target))
    part = target.with_name(target.name + ".part")
    # People's names and texts are in it: nobody but its owner may read it.
    os.close(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
    try:
        with closing(sqlite3.connect(source)) as ours, closing(sqlite3.connect(part)) as copy:
            ours.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # One file, with nothing beside it.
        part.replace(target)
    except sqlite3.DatabaseError as error:
        raise BackupError(_("%(file)s cannot be copied: %(why)s", file=source, why=error)) from error
    finally:
        part.unlink(missing_ok=True)


def put_back(settings: Settings, source: Path, *, force: bool) -> int:
    """Replace the database by a copy, checked first; the one that was there stays beside it as `.before`.

    Gives how many actions were due when the copy was made or since: they may have left, and are read before anything.
    """
    target = _file(settings)
    if not source.is_file():
        raise BackupError(_("There is no file %(file)s.", file=source))
    if target.exists() and not force:
        raise BackupError(_("There is a database at %(file)s: --force replaces it.", file=target))
    try:
        with closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as copy:
            sound = copy.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            ours = copy.execute("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise BackupError(_("%(file)s is not a database.", file=source)) from error
    if not sound or not ours:
        raise BackupError(_("%(file)s is damaged, or is not a copy made by Parvis.", file=source))
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    part.write_bytes(b"")
    part.chmod(0o600)
    with closing(sqlite3.connect(source)) as copy, closing(sqlite3.connect(part)) as restored:
        copy.backup(restored)
    if target.exists():
        try:
            _fold(target)
        except BackupError:
            part.unlink()
            raise
        target.replace(target.with_name(target.name + ".before"))
        for suffix in ("-wal", "-shm"):
            target.with_name(target.name + suffix).unlink(missing_ok=True)
    part.replace(target)
    upgrade(settings.url)
    database = Database(settings.url, pool_size=1)
    try:
        with database.write() as session:
            return doubt_restored(session, now=utc_now())
    finally:
        database.close()


def _fold(target: Path) -> None:
    """Fold the write-ahead log of the old database in before its file moves; only who is alone with it can."""
    try:
        with closing(sqlite3.connect(target)) as old:
            old.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.OperationalError as error:
        raise BackupError(_("A process of Parvis has the database open: stop all of them first.")) from error
    except sqlite3.DatabaseError:
        return  # It is damaged, which is why there is a copy to put back.


def _file(settings: Settings) -> Path:
    url = make_url(settings.url)
    if url.get_backend_name() != "sqlite" or not url.database:
        raise BackupError(_("The database is PostgreSQL: use pg_dump and pg_restore, its own tools."))
    return Path(url.database)

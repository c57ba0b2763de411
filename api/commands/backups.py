"""`parvis backup`, `parvis restore` and `parvis migrate`: at each instant the city's data is whole under a name.

SQLite's own online copy makes copies and puts them back; PostgreSQL has its own tools. Whatever can fail happens in a
new file beside the others; only a whole and checked one takes its name. Killed at any point, no file of the city's was
changed or lost (`tests/api/test_kills.py`).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from administration.seeds import plant
from administration.start import BACKUP
from api.i18n import _
from api.messages import standing as worded
from api.settings import Settings, sqlite_file
from api.wiring import utc_now
from models import audit
from models.errors import ParvisError, WrongDatabase
from models.locks import FileLocks
from models.migrations import standing, upgrade
from models.session import Database
from models.vocabulary import Standing
from models.work import doubt_restored

ATTENDANTS = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database that is open, or whose process was killed."""


class BackupError(ParvisError):
    """A copy could not be made or put back; the text is a sentence."""


@dataclass(frozen=True)
class Restored:
    """What `put_back` did."""

    uncertain: int
    """Actions that were due when the copy was made or since: they may have left, and the network is read first."""
    kept: Path | None
    """The database that was there before."""


def migrate(url: str) -> None:
    """Bring a database up to date, with what a city begins with; killed, it is as before or done."""
    upgrade(url, lambda session: plant(session, now=utc_now()))


def note(settings: Settings) -> None:
    """Write into the journal that a copy was made; one that cannot be written to has its copy all the same."""
    database = Database(settings.url, pool_size=1)
    with suppress(SQLAlchemyError), closing(database), database.write() as session:
        audit.note(session, BACKUP, "installation", now=utc_now(), person_id=None)


def save(settings: Settings, target: Path) -> None:
    """A consistent copy of the database while it is in use, checked before it gets its name. No secret key is in it."""
    source = _file(settings)
    if not source.is_file():
        raise BackupError(_("There is no database at %(file)s.", file=source))
    if target.exists():
        raise BackupError(_("%(file)s is there already: give another name.", file=target))
    with _new_file(target, "part") as part:
        _copy(source, part)
        if not _sound(part):
            raise BackupError(_("%(file)s is damaged: no copy of it was made. Put an older copy back.", file=source))
        _synced(part)
        try:
            os.link(part, target)
        except FileExistsError as error:
            raise BackupError(_("%(file)s is there already: give another name.", file=target)) from error
        except OSError:  # A shared folder or a stick may have no links.
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            part.replace(target)
        _synced(target.parent)


def verify(copy: Path) -> None:
    """Do with a copy all that putting it back does, in a file that is forgotten. BackupError: it is none."""
    if not copy.is_file():
        raise BackupError(_("There is no file %(file)s.", file=copy))
    with _new_file(copy, "tried") as new:
        _prepare(copy, new)


def put_back(settings: Settings, source: Path, *, force: bool) -> Restored:
    """Replace the database by a copy. Nothing moves before the copy is whole, brought up to date and put in doubt."""
    target = _file(settings)
    if not source.is_file():
        raise BackupError(_("There is no file %(file)s.", file=source))
    if target.exists() and not force:
        raise BackupError(_("There is a database at %(file)s: --force replaces it.", file=target))
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLocks(settings.home / "locks").try_hold("restore") as ours:
        if not ours:
            raise BackupError(_("Another copy is being put back: wait for its end."))
        for left in target.parent.glob(f"{target.name}.*.restoring*"):
            left.unlink()  # Of a restore that was cut short: a copy of a copy.
        with _new_file(target, "restoring") as new:
            uncertain = _prepare(source, new)
            kept = _keep(target) if target.exists() else None
            new.replace(target)
            _synced(target.parent)
    return Restored(uncertain, kept)


def half_done(settings: Settings) -> str | None:
    """The sentence about a restore that goes on, or was cut short; None: there is none."""
    target = sqlite_file(settings)
    if target is None:
        return None
    left = sorted(target.parent.glob(f"{target.name}.*.restoring"))
    if not left:
        return None
    with FileLocks(settings.home / "locks").try_hold("restore") as alone:
        if not alone:
            return _("A copy is being put back: wait for its end.")
    return _(
        "A restore was cut short: the database is still the one from before it. Run `parvis restore` again, or delete "
        "%(file)s to go on without it.",
        file=left[0],
    )


def replaced(settings: Settings) -> list[Path]:
    """The databases that were put aside by `put_back`, oldest first."""
    target = sqlite_file(settings)
    return sorted(target.parent.glob(f"{target.name}.*.before")) if target else []


def _file(settings: Settings) -> Path:
    """The file of the database. BackupError: it is in PostgreSQL."""
    file = sqlite_file(settings)
    if file is None:
        raise BackupError(_("The database is PostgreSQL: use pg_dump and pg_restore, its own tools."))
    return file


def _prepare(source: Path, new: Path) -> int:
    """Make of a copy, in `new`, the database that this version expects. Gives how many actions are in doubt."""
    try:
        _copy(source, new)
    except BackupError as error:
        raise BackupError(_("%(file)s is not a database of SQLite, or is damaged.", file=source)) from error
    if not _sound(new):
        raise BackupError(_("%(file)s is damaged: give another copy.", file=source))
    database = Database(f"sqlite:///{new}", pool_size=1)
    try:
        if standing(database) is Standing.EMPTY:
            raise BackupError(worded(Standing.FOREIGN, str(source)))
        migrate(database.url)
        with database.write() as session:
            uncertain = doubt_restored(session, now=utc_now())
    except WrongDatabase as error:
        raise BackupError(worded(error.standing, str(source))) from error
    finally:
        database.close()
    _alone(new)
    _synced(new)
    return uncertain


def _keep(target: Path) -> Path:
    """Give the database that is there a second, dated name, under which it is whole; `target` stays until replaced."""
    with suppress(_Damaged):  # It is damaged, which may be why there is a copy to put back: what is there is kept.
        _alone(target)
    for kept in _dated(target, "before"):
        try:
            os.link(target, kept)
        except FileExistsError:
            continue
        break
    # A database that could not be opened keeps its log, and the next one must not find it.
    for attendant in (target.with_name(target.name + end) for end in ATTENDANTS):
        if attendant.exists():
            os.link(attendant, kept.with_name(kept.name + attendant.name.removeprefix(target.name)))
            attendant.unlink()
    _synced(target.parent)
    return kept


class _Damaged(BackupError):
    """SQLite does not take the file for a database."""


def _copy(source: Path, target: Path) -> None:
    """SQLite's online copy: all pages as they are at one instant, into a file that is there already."""
    try:
        with closing(_open(source, "ro")) as ours, closing(_open(target, "rw")) as copy:
            ours.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # One file, with nothing beside it.
    except sqlite3.DatabaseError as error:
        raise BackupError(_("%(file)s cannot be copied: %(why)s", file=source, why=error)) from error


def _sound(file: Path) -> bool:
    """Whether every page of a database is what SQLite expects."""
    try:
        with closing(_open(file, "ro")) as connection:
            return bool(connection.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",))
    except sqlite3.DatabaseError:
        return False


def _alone(file: Path) -> None:
    """Fold the write-ahead log into the file; only who is alone with it can."""
    try:
        with closing(_open(file, "rw")) as connection:
            connection.execute("PRAGMA journal_mode=DELETE").fetchone()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise BackupError(_("A process of Parvis has the database open: stop all of them first.")) from error
        if error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            raise _Damaged(str(error)) from error
        raise BackupError(_("%(file)s cannot be moved: %(why)s", file=file, why=error)) from error


def _open(file: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.resolve().as_uri()}?mode={mode}", uri=True)


@contextmanager
def _new_file(beside: Path, ending: str) -> Iterator[Path]:
    """A new file with a dated name, which nobody but its owner may read: people's names and texts come into it.

    What is left of it at the end of the block is forgotten.
    """
    for part in _dated(beside, ending):
        try:
            os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            continue
        break
    try:
        yield part
    finally:
        for end in ("", *ATTENDANTS):
            part.with_name(part.name + end).unlink(missing_ok=True)


def _dated(file: Path, ending: str) -> Iterator[Path]:
    """Names for what stands beside a file, the first of which that is free is meant; they sort as they were made."""
    while True:
        yield file.with_name(f"{file.name}.{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.{ending}")


def _synced(path: Path) -> None:
    """Wait until a file, or what a folder names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

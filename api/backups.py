"""Copies of the city's data: made, tried, put back, kept in number, and moved. At each instant it is whole somewhere.

A copy is one file of SQLite. Of SQLite it is its own online copy; of PostgreSQL it is every row as of one instant
(`models/copying.py`). Whatever can fail happens in a new file beside the others, or in one transaction; only what is
whole and checked takes its name. Killed at any point, nothing of the city's was changed or lost
(`tests/api/test_kills.py`).
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from administration.copies import MADE, SUBJECT
from administration.seeds import plant
from api.i18n import N_, _
from api.messages import standing as worded
from api.settings import Settings, masked, sqlite_file
from models import audit, copying, soundness
from models.errors import ParvisError, WrongDatabase
from models.locks import FileLocks
from models.migrations import standing, upgrade
from models.secrets import Vault
from models.session import Database
from models.vocabulary import Standing
from models.work import doubt_restored

ATTENDANTS = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database that is open, or whose process was killed."""
_NAMED, _WHEN, _TIMED = "parvis-", "%Y%m%dT%H%M%SZ", re.compile(r"\d{8}T\d{6}Z")
"""Of the copies that are made by themselves."""

RULES = {
    "comment_unversioned": N_("comments without a version"),
    "restriction_unfounded": N_("restrictions without an article or evidence"),
    "effect_done_unproven": N_("actions done without a time, or without what they made"),
    "effect_sending_unleased": N_("actions being sent without a time or an end"),
    "post_unpublished": N_("posts said to be published without an action"),
}
"""What must hold (`models/soundness.py`), worded by what breaks it."""


class BackupError(ParvisError):
    """A copy could not be made or put back; the text is a sentence."""


@dataclass(frozen=True)
class Held:
    """What a copy was found to hold."""

    tables: int
    rows: int
    journal: audit.Verification | None
    """None: no key was at hand to verify it with."""

    def __str__(self) -> str:
        if self.journal is None or self.journal.unread:
            journal = _("The journal could not be verified: a key is missing.")
        else:
            journal = _("The journal is intact, its head %(head)s.", head=self.journal.head)
        counted = _("%(rows)s rows in %(tables)s tables, each as it was.", rows=self.rows, tables=self.tables)
        return f"{counted} {journal}"


@dataclass(frozen=True)
class Restored:
    """What `put_back` did."""

    uncertain: int
    """Actions that were due when the copy was made or since: they may have left, and the network is read first."""
    kept: Path | None
    """The database that was there before."""


def migrate(url: str) -> None:
    """Bring a database up to date, with what a city begins with; killed, it is as before or done."""
    upgrade(url, lambda session: plant(session, now=_now()))


def note(settings: Settings) -> None:
    """Write into the journal that a copy was made; one that cannot be written to has its copy all the same."""
    database = Database(settings.url, pool_size=1)
    with suppress(SQLAlchemyError), closing(database), database.write() as session:
        audit.note(session, MADE, SUBJECT, now=_now(), person_id=None)


def save(settings: Settings, target: Path) -> None:
    """A consistent copy of the database while it is in use, checked before it gets its name. No secret key is in it."""
    source = sqlite_file(settings)
    if source is not None and not source.is_file():
        raise BackupError(_("There is no database at %(file)s.", file=source))
    if target.exists():
        raise BackupError(_("%(file)s is there already: give another name.", file=target))
    with _new_file(target, "part") as part:
        if source is None:
            _gather(settings.url, part)
        else:
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


def verify(copy: Path, vault: Vault | None) -> Held:
    """Do with a copy all that putting it back does, in a file that is forgotten, and look through what came of it: each
    table has its rows, what must hold between them holds, the journal's seals fit. BackupError: it cannot be used.
    """
    if not copy.is_file():
        raise BackupError(_("There is no file %(file)s.", file=copy))
    with _new_file(copy, "tried") as new:
        _copied_sound(copy, new)
        if _counts(copy) != (counts := _counts(new)):
            raise BackupError(_("%(file)s does not come back whole: give another copy.", file=copy))
        _upgraded(copy, new)
        with closing(Database(f"sqlite:///{new}", vault, pool_size=1)) as database, database.read() as session:
            journal = _looked_through(session, str(copy), sealed=vault is not None)
            return Held(len(counts), sum(counts.values()), journal)


def put_back(settings: Settings, source: Path, *, force: bool) -> Restored:
    """Replace the database by a copy. Nothing moves before the copy is whole, brought up to date and put in doubt. A
    database of PostgreSQL is not replaced: it must be empty.
    """
    target = sqlite_file(settings)
    if not source.is_file():
        raise BackupError(_("There is no file %(file)s.", file=source))
    if target is None:
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _new_file(settings.home / "parvis.db", "poured") as new:
            uncertain = _prepare(source, new)
            with closing(Database(f"sqlite:///{new}", pool_size=1)) as database:
                pour(database, settings.url, None)
        return Restored(uncertain, None)
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


def pour(source: Database, url: str, vault: Vault | None, tell: Callable[[str, int], None] = lambda *_: None) -> Held:
    """Every row of a database into another one of either kind, which is empty: all of them, or none. BackupError says
    why not. Nobody may work on the source meanwhile: what it does then would stay behind.
    """
    said = masked(url)
    with closing(Database(url, vault, pool_size=2)) as target:
        found = standing(target)
        if found is Standing.EMPTY:
            upgrade(url)
        elif found is not Standing.CURRENT:
            raise BackupError(worded(found, said))
        try:
            with copying.filling(target) as there:
                if not copying.empty(there):
                    raise BackupError(_("%(database)s is not empty: give a new database.", database=said))
                read = _carried(source, there, tell)
                with Session(there, info={"vault": vault}) as session:
                    journal = _looked_through(session, said, sealed=vault is not None)
        except copying.Differs as error:
            raise BackupError(_("%(name)s did not arrive whole: nothing was moved.", name=error)) from error
    return Held(len(read), sum(one.rows for one in read.values()), journal)


def alone(settings: Settings) -> None:
    """BackupError: a process has the SQLite database open. Of PostgreSQL nobody can say: the operator stops them."""
    if (file := sqlite_file(settings)) is not None:
        _alone(file)


# What is kept of itself ------------------------------------------------------------------------------------------
def keep_due(settings: Settings, vault: Vault, *, now: datetime) -> Path | None:
    """Make the copy that is due, try it, and let the oldest go; gives its file. A copy that cannot be used counts for
    none: those before it stay.
    """
    folder = settings.backup_folder
    if folder is None:
        return None
    made = copies(folder)
    if made and now - made_at(made[-1]) < timedelta(hours=settings.backup_hours):
        return None
    file = folder / f"{_NAMED}{now:{_WHEN}}.db"
    save(settings, file)
    try:
        verify(file, vault)
    except BackupError:
        file.replace(folder / "refused.db")
        raise
    note(settings)
    for old in copies(folder)[: -settings.backups_kept]:
        old.unlink()
    return file


def copies(folder: Path) -> list[Path]:
    """The copies that Parvis made of itself there, oldest first."""
    return sorted(file for file in folder.glob(f"{_NAMED}*.db") if _TIMED.fullmatch(file.stem.removeprefix(_NAMED)))


def made_at(copy: Path) -> datetime:
    """When such a copy was made."""
    return datetime.strptime(copy.stem.removeprefix(_NAMED), _WHEN).replace(tzinfo=UTC)


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


def _now() -> datetime:
    return datetime.now(UTC)


def _gather(url: str, new: Path) -> None:
    """Every row of a PostgreSQL database, as of one instant, in a new file."""
    with closing(Database(url, pool_size=1)) as source, closing(Database(f"sqlite:///{new}", pool_size=1)) as copy:
        if (found := standing(source)) is not Standing.CURRENT:
            raise BackupError(worded(found, _("The database")))
        upgrade(copy.url)
        try:
            with copying.filling(copy) as there:
                _carried(source, there, lambda *_: None)
        except copying.Differs as error:
            raise BackupError(_("%(name)s did not arrive whole: no copy was made.", name=error)) from error
    _alone(new)


def _carried(source: Database, there: Connection, tell: Callable[[str, int], None]) -> copying.Sums:
    """Carry all rows over, and read them there again."""
    with copying.snapshot(source) as here:
        read = copying.copy(here, there, tell)
    copying.compare(read, copying.sums(there))
    return read


def _looked_through(session: Session, name: str, *, sealed: bool) -> audit.Verification | None:
    """BackupError: something that must hold does not."""
    if broken := soundness.broken(session):
        what = ", ".join(f"{_(RULES[rule])} ({count})" for rule, count in broken.items())
        raise BackupError(_("%(name)s holds what must not be: %(what)s.", name=name, what=what))
    journal = audit.verify(session) if sealed else None
    if journal is not None and journal.broken_at is not None:
        raise BackupError(
            _("The journal of %(name)s is broken at entry %(number)s.", name=name, number=journal.broken_at)
        )
    return journal


def _counts(file: Path) -> dict[str, int]:
    """How many rows each table of a file of SQLite has."""
    with closing(_open(file, "ro")) as connection:
        tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        return {
            name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608  # Its own names.
            for (name,) in connection.execute(tables).fetchall()
            if not name.startswith("comment_search")
        }


def _prepare(source: Path, new: Path) -> int:
    """Make of a copy, in `new`, the database that this version expects. Gives how many actions are in doubt."""
    _copied_sound(source, new)
    return _upgraded(source, new)


def _copied_sound(source: Path, new: Path) -> None:
    try:
        _copy(source, new)
    except BackupError as error:
        raise BackupError(_("%(file)s is not a database of SQLite, or is damaged.", file=source)) from error
    if not _sound(new):
        raise BackupError(_("%(file)s is damaged: give another copy.", file=source))


def _upgraded(source: Path, new: Path) -> int:
    database = Database(f"sqlite:///{new}", pool_size=1)
    try:
        if standing(database) is Standing.EMPTY:
            raise BackupError(worded(Standing.FOREIGN, str(source)))
        migrate(database.url)
        with database.write() as session:
            uncertain = doubt_restored(session, now=_now())
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

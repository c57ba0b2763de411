"""Kills `backup`, `restore` or `migrate` again and again, each time in a child of its own, and looks at what is left.

Started by `test_kills.py` as `python killed.py SETTINGS` (one JSON object: act, folder, seed, kills, url); prints one
JSON object with what it counted. A step is anything that the child does to a file of its folder, or a statement that
SQLAlchemy sends. SIGKILL comes right before a step, or at any time.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event, select

from api import backups
from api.settings import Settings
from models.accounts import Account
from models.effects import Effect
from models.migrations import standing
from models.people import Person
from models.session import Database
from models.vocabulary import EffectState, OperationKind, Standing
from models.work import enqueue

BEFORE, IN_COPY = 40, 25
"""How many people the city has, and how many its older copy."""


@dataclass(frozen=True)
class Kill:
    """When SIGKILL comes: before a step, or after some seconds."""

    step: int = 0
    seconds: float | None = None


NEVER = Kill()


@dataclass(frozen=True)
class Ended:
    """How a child ended that nobody killed."""

    steps: int
    seconds: float


def settings(home: Path) -> Settings:
    return Settings(_env_file=None, home=home, secret_key="k" * 40)


def hire(session: Any, first: int, last: int) -> None:
    now = datetime.now(UTC)
    session.add_all(Person(email=f"{n}@ville.example", name=str(n), created_at=now) for n in range(first, last))


def people(file: Path) -> int:
    """How many people a database holds; -1 when it is not whole."""
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
        if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            return -1
        return int(connection.execute("SELECT count(*) FROM person").fetchone()[0])


def found(folder: Path) -> None:
    """A city that was killed, the last of its people in the write-ahead log alone, and an older copy of it."""
    database = Database(f"sqlite:///{folder / 'made' / 'parvis.db'}")
    (folder / "made").mkdir()
    backups.migrate(database.url)
    now = datetime.now(UTC)
    with database.write() as session:
        hire(session, 0, IN_COPY)
        about = {"network": "facebook", "external_id": "1", "name": "Ville", "token_closed": ""}
        account = Account(**about, token_since=now, pull_due_at=now, created_at=now)
        session.add(account)
        session.flush()
        reply = {"operation": OperationKind.REPLY, "target": "c", "payload": {"text": "Merci"}}
        enqueue(session, key="k", channel_id=account.id, due_at=now, **reply)
    backups.save(settings(folder / "made"), folder / "copy.db")
    with database.write() as session:
        hire(session, IN_COPY, BEFORE)
    shutil.copytree(folder / "made", folder / "city")  # With its log: the database is still open.
    database.close()


def run(act: Callable[[], Any], folder: Path, kill: Kill = NEVER) -> Ended | None:
    """Do `act` in a child. None: it was killed."""
    reading, writing = os.pipe()
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        os.close(reading)
        steps = 0

        def step(*_: object) -> None:
            nonlocal steps
            steps += 1
            if steps == kill.step:
                os.kill(os.getpid(), signal.SIGKILL)

        def heard(name: str, arguments: tuple[Any, ...]) -> None:
            if name.startswith(("os.", "open", "sqlite3.connect")) and str(folder) in str(arguments):
                step()

        sys.addaudithook(heard)
        event.listen(Engine, "before_cursor_execute", step)
        event.listen(Engine, "commit", step)
        try:
            act()
            os.write(writing, str(steps).encode())
        finally:  # Whatever it was, the child never goes on with what its parent does.
            os._exit(0)
    os.close(writing)
    if kill.seconds is not None:
        time.sleep(kill.seconds)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
    assert killed or told, "it failed where nobody killed it"
    return None if killed else Ended(int(told), time.monotonic() - began)


# ------------------------------------------------------------------------------------------ what must hold
def restore(folder: Path, kill: Kill, _url: str) -> Ended | None:
    city, copy = folder / "work", folder / "copy.db"
    shutil.copytree(folder / "city", city)

    def act() -> None:
        backups.put_back(settings(city), copy, force=True)

    ended = run(act, city, kill)
    if ended is None:
        there, kept = people(city / "parvis.db"), [people(file) for file in backups.replaced(settings(city))]
        cut_short = any(city.glob("*.restoring"))
        assert (backups.half_done(settings(city)) is not None) == cut_short, "a restore cut short is noticed"
        assert there == BEFORE or (there == IN_COPY and not cut_short and BEFORE in kept), (there, kept)
        run(act, city)
    assert backups.half_done(settings(city)) is None
    assert people(city / "parvis.db") == IN_COPY
    assert BEFORE in [people(file) for file in backups.replaced(settings(city))], "what was there is whole"
    database = Database(f"sqlite:///{city / 'parvis.db'}")
    with database.read() as session:
        assert session.scalars(select(Effect.state)).all() == [EffectState.UNKNOWN], "nothing leaves before it is read"
    database.close()
    return ended


def backup(folder: Path, kill: Kill, _url: str) -> Ended | None:
    city = folder / "work"
    shutil.copytree(folder / "city", city)
    ended = run(lambda: backups.save(settings(city), city / "copy.db"), city, kill)
    assert people(city / "parvis.db") == BEFORE
    if not (city / "copy.db").exists():
        run(lambda: backups.save(settings(city), city / "copy.db"), city)
    assert people(city / "copy.db") == BEFORE, "a file of that name is whole, or is not there"
    return ended


def migrate(folder: Path, kill: Kill, url: str) -> Ended | None:
    home = folder / "work"
    home.mkdir()
    url = url or f"sqlite:///{home / 'parvis.db'}"
    ended = run(lambda: backups.migrate(url), home, kill)
    database = Database(url)
    if ended is None:
        assert standing(database) in {Standing.EMPTY, Standing.CURRENT}
        run(lambda: backups.migrate(url), home)
    with database.engine.connect() as connection:
        for table in ("service", "netiquette_rule"):
            planted = connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar()
            assert planted, "the tables never come without what a city begins with"
    if not database.sqlite:
        with database.engine.begin() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    database.close()
    return ended


def main(act: str, folder: Path, seed: int, kills: int, url: str) -> None:
    folder.mkdir()
    if act != "migrate":
        found(folder)
    chance, counted = random.Random(seed), 0

    def once(kill: Kill) -> Ended | None:
        try:
            what = {"restore": restore, "backup": backup, "migrate": migrate}[act]
            return what(folder, kill, url)
        finally:
            shutil.rmtree(folder / "work")

    whole = once(NEVER)
    assert whole is not None
    while counted < kills:
        at_step = counted % 2 == 0
        kill = Kill(chance.randint(1, whole.steps)) if at_step else Kill(seconds=chance.uniform(0, whole.seconds))
        counted += once(kill) is None
    print(json.dumps({"steps": whole.steps, "kills": counted}))


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    main(given["act"], Path(given["folder"]), given["seed"], given["kills"], given["url"])

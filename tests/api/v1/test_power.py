"""The power goes while a city is at work: what it was told is kept is there when the power is back, and all of it fits.

The files of the database are taken as they stood between two acts, and their log is cut at a random place: it ends
there; or all after it is zeros, from the beginning of its sector; or some sectors after it were written and others
were not. For SQLite, the same is done to the database file while the log is being carried over to it. The database is
then opened as after any start, looked through, and works on.

What is promised: an act that was answered is on the disk (SQLite: `synchronous=FULL`, one sync of the log for each
commit; PostgreSQL: `synchronous_commit=on`), so a log that was synced up to there keeps it. A cut before that place is
a disk that lied; then what was answered before the cut is there, and nothing is there in part. What is not played: a
cut before the last checkpoint, which no log can mend, and damage to what was not being written.

`make soak` runs this with more places and other seeds (`PARVIS_POWER_CUTS`, `PARVIS_POWER_SEED`), and keeps the
figures that are written to `PARVIS_POWER_FIGURES`.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from models import audit, migrations, soundness
from models.comments import Comment
from models.decisions import Decision
from models.posts import Post
from models.session import Database
from models.vocabulary import Role
from moderation.intake import deliveries
from tests.postgres import QUIET, SEGMENT, Postgres, own_postgres

CUTS = int(os.environ.get("PARVIS_POWER_CUTS", "0"))
SEED = int(os.environ.get("PARVIS_POWER_SEED", "311"))
FIGURES = os.environ.get("PARVIS_POWER_FIGURES")
ACTS = 36
SECTOR = 512
Place = tuple[int, int]
"""How far a log had come: which log it was, and bytes of it."""


@dataclass(frozen=True)
class Kept:
    """Something that was answered: what it is, and where the log stood before and after."""

    what: str
    before: Place
    after: Place


@dataclass(frozen=True)
class Stood:
    """The files of a SQLite database between two acts. Up to `carried` the log may be in the database file already."""

    file: bytes
    log: bytes
    carried: Place
    end: Place


class Work:
    """What people and networks do, through the door; each act is kept once it was answered."""

    def __init__(self, town, chance: random.Random, place: Callable[[], Place]) -> None:
        self.town, self.chance, self.place = town, chance, place
        self.kept: list[Kept] = []
        self.account = town.account()
        self.mona = town.person("Mona", *((role, None) for role in Role))
        self.waiting = town.waiting(self.account, *(f"Ma rue, {number}e demande" for number in range(ACTS)))

    def act(self, number: int) -> None:
        before = self.place()
        what = self.chance.choice([self._told, self._told, self._decides, self._writes])(number)
        self.town.wait(seconds=1)
        if number % 7 == 6:
            with self.town.parvis.database.write() as session:
                audit.seal_due(session)
        self.kept.append(Kept(what, before, self.place()))

    def _told(self, number: int) -> str:
        comment = f"104_1_told{number}"
        self.town.deliver(self.town.change(comment, message=f"Bonjour {number} " + "é" * self.chance.randrange(4_000)))
        if self.chance.random() < 0.3:
            self.town.parse()
        return f"comment {comment}"

    def _decides(self, number: int) -> str:
        asked = {"comment_id": self.waiting[number], "version": 1, "kind": "reply", "text": f"Merci ({number})."}
        answer = self.town.client.post("/api/v1/decisions", json=asked, headers=self.mona)
        assert answer.status_code == 201, answer.text
        return f"decision {self.waiting[number]}"

    def _writes(self, number: int) -> str:
        asked = {"title": f"Avis {number}", "variants": [{"account_id": self.account, "text": "Jeudi. " * number}]}
        assert self.town.client.post("/api/v1/posts", json=asked, headers=self.mona).status_code == 201
        return f"post Avis {number}"


def look_through(url: str, work: Work, cut: Place) -> tuple[int, int]:
    """Open what the power left, and go on with it. Gives how much had to be there, and how much of it was lost."""
    database = Database(url, work.town.parvis.vault, pool_size=1)
    with closing(database):
        with database.read() as session:
            assert soundness.broken(session) == {}
            journal = audit.verify(session)
            assert (journal.broken_at, journal.unread) == (None, 0)
        while deliveries.parse_due(database, work.town.parvis.webhook_of, now=work.town.now):
            pass
        with database.read() as session:
            there = {f"comment {one}" for one in session.scalars(select(Comment.external_id))}
            there |= {f"decision {one}" for one in session.scalars(select(Decision.comment_id))}
            there |= {f"post {one}" for one in session.scalars(select(Post.title))}
    owed = {one.what for one in work.kept if one.after <= cut}
    never = {one.what for one in work.kept if one.before >= cut}
    assert not never & there, "what came after the cut is there, so something was believed that is not whole"
    return len(owed), len(owed - there)


def sector_after(place: int) -> int:
    """What was synced before ends within a sector that is not torn any more."""
    return -(-place // SECTOR) * SECTOR


def spoilt(log: bytes, at: int, end: int, how: str, chance: random.Random) -> tuple[bytes, int]:
    """A log that was good up to some place, and where it ends now at the latest."""
    if how == "cut":
        return log[:at], at
    first = at - at % SECTOR
    sectors = range(first, end, SECTOR)
    # Written in any order: of those that were not, the first one is where it ends.
    lost = [one for one in sectors if how == "torn" or one == first or chance.random() < 0.5]
    kept = bytearray(log)
    for one in lost:
        kept[one : one + SECTOR] = bytes(len(kept[one : one + SECTOR]))
    return bytes(kept), first


def tell(kind: str, cuts: int, owed: int, lost: int) -> None:
    figures = {"database": kind, "seed": SEED, "cuts": cuts, "answered": owed, "lost": lost, "passed": not lost}
    print(json.dumps(figures))
    if FIGURES:
        with Path(FIGURES).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(figures) + "\n")
    assert lost == 0, figures
    assert owed > cuts, "hardly anything had been answered by then"


# ------------------------------------------------------------------------------------------ SQLite
def place_of(path: Path) -> Place:
    """Where the log stands, by its header and SQLite's own index of it."""
    with path.with_name(f"{path.name}-wal").open("rb") as file:
        sequence, page = struct.unpack(">I", file.read(32)[12:16])[0], 0
    index = path.with_name(f"{path.name}-shm").read_bytes()
    page, frames = struct.unpack_from("=H", index, 14)[0], struct.unpack_from("=I", index, 16)[0]
    return sequence, 32 + frames * (24 + page)


def stood(path: Path) -> Stood:
    sequence, end = place_of(path)
    log, index = path.with_name(f"{path.name}-wal").read_bytes(), path.with_name(f"{path.name}-shm").read_bytes()
    carried = 32 + struct.unpack_from("=I", index, 96)[0] * (24 + struct.unpack_from("=H", index, 14)[0])
    return Stood(path.read_bytes(), log, (sequence, carried), (sequence, end))


def carried_over(moment: Stood, folder: Path) -> bytes:
    """The database file once the log was carried over to it."""
    path = folder / "carried.db"
    path.write_bytes(moment.file)
    path.with_name(f"{path.name}-wal").write_bytes(moment.log)
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.read_bytes()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("cuts", [CUTS or 40])
def test_sqlite_keeps_what_was_answered_wherever_its_log_ends(town, cuts, tmp_path):
    chance, path = random.Random(SEED), Path(town.parvis.database.engine.url.database)
    work, moments = Work(town, chance, lambda: place_of(path)), []
    for number in range(ACTS):
        work.act(number)
        if number % 4 == 3:
            moments.append(stood(path))
    moments = [one for one in moments if one.end[1] > sector_after(one.carried[1])]
    assert len(moments) > 4
    ends = {id(one): carried_over(one, tmp_path) for one in moments}
    owed = lost = 0
    for number in range(cuts):
        moment, folder = chance.choice(moments), tmp_path / f"cut{number}"
        folder.mkdir()
        file, log, cut = moment.file, moment.log, moment.end[1]
        if (how := chance.choice(["cut", "torn", "some", "carrying"])) == "carrying":
            # The log is whole, and its pages are on their way into the database file, in any order.
            after = bytearray(ends[id(moment)])
            file = file.ljust(len(after), b"\0")
            for one in range(0, len(after), SECTOR):
                if chance.random() < 0.5:
                    after[one : one + SECTOR] = file[one : one + SECTOR]
            file = bytes(after)
        else:
            log, cut = spoilt(log, chance.randint(sector_after(moment.carried[1]), cut), cut, how, chance)
        left = folder / "parvis.db"
        left.write_bytes(file)
        left.with_name("parvis.db-wal").write_bytes(log)
        with closing(sqlite3.connect(left)) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)], (SEED, number, how, cut)
            assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        counted = look_through(f"sqlite:///{left}", work, (moment.end[0], cut))
        owed, lost = owed + counted[0], lost + counted[1]
        for one in folder.iterdir():
            one.unlink()
    tell("sqlite", cuts, owed, lost)


# ------------------------------------------------------------------------------------------ PostgreSQL
@pytest.mark.postgres
@pytest.mark.long
class TestOnPostgres:
    @pytest.fixture
    def server(self, postgres_server) -> Iterator[Postgres]:
        with own_postgres(*QUIET) as server:
            yield server

    @pytest.fixture
    def database_url(self, server) -> str:
        server.does("CREATE DATABASE city")
        migrations.upgrade(server.url("city"))
        return server.url("city")

    @pytest.mark.parametrize("cuts", [CUTS or 8])
    def test_postgresql_keeps_what_was_answered_wherever_its_log_ends(self, town, server, cuts):
        chance = random.Random(SEED)
        work = Work(town, chance, lambda: (0, server.written()))
        server.does("CHECKPOINT")
        begin = sector_after(server.written())
        work.kept.clear()
        for number in range(ACTS):
            work.act(number)
        end = server.written()
        town.parvis.database.close()
        server.crash()
        owed = lost = 0
        for _ in range(cuts):
            # The first acts after a checkpoint write whole pages: half of the places are beside any act.
            beside = chance.choice(work.kept).after[1] + chance.randint(-4_096, 4_096)
            at = chance.choice([chance.randint(begin, end), max(begin, min(end, beside))])
            with server.copied() as copy:
                cut = cut_log(copy, at, end, chance.choice(["cut", "torn", "some"]), chance)
                copy.start()
                counted = look_through(copy.url("city"), work, (0, cut))
            owed, lost = owed + counted[0], lost + counted[1]
        tell("postgresql", cuts, owed, lost)


def cut_log(server: Postgres, at: int, end: int, how: str, chance: random.Random) -> int:
    """Spoil the log of a server that is stopped from some place on; gives where it ends at the latest."""
    cut = at
    for file in server.log_files():
        first = int(file.name[8:16], 16) * (1 << 32) + int(file.name[16:], 16) * SEGMENT
        if first + SEGMENT <= at:
            continue
        log = file.read_bytes()
        within, last = max(at - first, 0), min(end - first + SECTOR, SEGMENT)
        kept, where = spoilt(log, within, last, how, chance)
        if within:
            cut = first + where
        # Its files have one length, whatever is in them.
        with file.open("r+b") as opened:
            opened.write(kept.ljust(SEGMENT, b"\0"))
    return cut

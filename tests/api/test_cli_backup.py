"""A copy is whole whatever is written meanwhile, holds no key, and is put back only where somebody means it."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from administration.people import add_account
from api import backups
from api.cli import installation
from models import audit, copying, soundness
from models.effects import Effect
from models.people import Person
from models.session import Database
from models.vocabulary import EffectState, OperationKind
from models.work import enqueue


def people(command) -> int:
    with installation() as parvis, parvis.database.read() as session:
        return session.scalar(select(func.count()).select_from(Person)) or 0


def rows(file) -> int:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("SELECT count(*) FROM person").fetchone()[0]


def hire(command, email):
    assert command.run("user", "add", email, "--role", "moderator").code == 0


def test_a_copy_is_put_back_as_it_was(command, tmp_path):
    hire(command, "a@ville.example")
    done = command.run("backup", tmp_path / "copy.db")
    assert done.code == 0
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.glob("copy*")) == ["copy.db"]
    hire(command, "b@ville.example")
    refused = command.run("restore", tmp_path / "copy.db")
    assert (refused.code, people(command)) == (2, 2)
    assert "--force" in refused.err
    for kept in (1, 2):
        done = command.run("restore", tmp_path / "copy.db", "--force")
        assert (done.code, people(command)) == (0, 1)
        before = sorted(command.home.glob("parvis.db.*.before"))
        assert len(before) == kept, "what was there is never written over"
        assert done.out.splitlines()[-1].endswith(f"{before[-1]}.")
    assert [rows(file) for file in before] == [2, 1]


def test_what_was_due_in_the_copy_is_said_and_read_first(command, tmp_path):
    with installation() as parvis, parvis.database.write() as session:
        account = add_account(
            session, parvis.vault, "facebook", "1", name="Ville", token="jeton", borough_id=None,
            now=parvis.clock(),
        )  # fmt: skip
        enqueue(
            session, key="k", operation=OperationKind.REPLY, channel_id=account.id, target="c",
            payload={"text": "Merci"}, due_at=parvis.clock(),
        )  # fmt: skip
    command.run("backup", tmp_path / "copy.db")
    done = command.run("restore", tmp_path / "copy.db", "--force")
    assert "1 action a pu partir" in done.out
    with installation() as parvis, parvis.database.read() as session:
        assert session.scalar(select(Effect.state)) == EffectState.UNKNOWN


def test_a_copy_goes_to_a_machine_that_has_nothing(command, tmp_path):
    hire(command, "a@ville.example")
    command.run("backup", tmp_path / "copy.db")
    command.set(home=str(tmp_path / "elsewhere"))
    assert command.run("restore", tmp_path / "copy.db").code == 0
    assert people(command) == 1
    assert (tmp_path / "elsewhere" / "parvis.db").stat().st_mode & 0o777 == 0o600


def test_a_copy_is_consistent_while_somebody_writes(command, tmp_path):
    """Every transaction of the writer adds two rows: a copy that was torn would have one without the other."""
    database = command.home / "parvis.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE pair (n INTEGER, half INTEGER, filling BLOB)")
    stop = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(database, timeout=30)) as connection:
            n = 0
            while not stop.is_set():
                n += 1
                with connection:
                    connection.executemany("INSERT INTO pair VALUES (?, ?, zeroblob(9000))", [(n, 0), (n, 1)])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        codes = [command.run("backup", tmp_path / f"{number}.db").code for number in range(5)]
    finally:
        stop.set()
        writer.join()
    assert codes == [0] * 5
    for number in range(5):
        with closing(sqlite3.connect(tmp_path / f"{number}.db")) as copy:
            assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert copy.execute("SELECT n FROM pair GROUP BY n HAVING count(*) <> 2").fetchall() == []


def test_the_secret_key_is_in_no_copy(command, tmp_path):
    hire(command, "a@ville.example")
    command.run("account", "add", "facebook", "1", "--name", "V", "--token-stdin", stdin=b"a-token\n")
    command.run("backup", tmp_path / "copy.db")
    copy = (tmp_path / "copy.db").read_bytes()
    assert b"k" * 40 not in copy
    assert b"a-token" not in copy


def test_a_copy_never_takes_the_place_of_a_file(command, tmp_path):
    (tmp_path / "copy.db").write_text("last week’s", encoding="utf-8")
    assert command.run("backup", tmp_path / "copy.db").code == 2
    assert (tmp_path / "copy.db").read_text(encoding="utf-8") == "last week’s"


def test_without_a_database_there_is_nothing_to_copy(bare_parvis, tmp_path):
    done = bare_parvis.run("backup", tmp_path / "copy.db")
    assert done.code == 2
    assert "parvis.db" in done.err
    assert list(tmp_path.glob("copy*")) == []


def changed(*statements):
    """Makes a copy into something else by statements."""

    def change(copy) -> None:
        with closing(sqlite3.connect(copy)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    return change


def written(content: bytes):
    return lambda copy: copy.write_bytes(content)


def torn(copy) -> None:
    content = bytearray(copy.read_bytes())
    content[4096 * 3 : 4096 * 5] = b"\xff" * 8192
    copy.write_bytes(content)


WRONG = {
    "nothing in it": (written(b""), "n’est pas une base de Parvis"),
    "a text": (written(b"not a database at all"), "endommagé"),
    "a copy of PostgreSQL": (written(b"PGDMP\x01\x0e" + b"\0" * 3000), "endommagé"),
    "a copy of PostgreSQL, in words": (written(b"--\n-- PostgreSQL database dump\n--\n"), "endommagé"),
    "only the beginning of one": (written(b"SQLite format 3\0" + b"\xff" * 5000), "endommagé"),
    "cut short": (lambda copy: os.truncate(copy, copy.stat().st_size // 2), "endommagé"),
    "some pages torn": (torn, "endommagé"),
    "another program's": (
        lambda copy: (copy.unlink(), changed("CREATE TABLE invoice (id INTEGER)")(copy)),
        "n’est pas une base de Parvis",
    ),
    "half of its tables": (changed("PRAGMA foreign_keys=OFF", "DROP TABLE comment"), "n’est pas une base de Parvis"),
    "of a newer version": (changed("UPDATE alembic_version SET version_num = '9999'"), "version plus récente"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_copy_of_ours_is_not_put_back(command, tmp_path, kind):
    copy, (make, says) = tmp_path / "copy.db", WRONG[kind]
    hire(command, "a@ville.example")
    command.run("backup", copy)
    make(copy)
    before = copy.read_bytes()
    for asked in (["restore", copy, "--force"], ["restore", copy, "--force"], ["backup", copy, "--verify"]):
        done = command.run(*asked)
        assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1), done
        assert str(copy) in done.err
        assert says in done.err
    assert people(command) == 1
    assert {path.name for path in command.home.glob("parvis.db*")} <= {"parvis.db", "parvis.db-wal", "parvis.db-shm"}
    assert copy.read_bytes() == before


def test_a_copy_is_tried_before_it_is_needed(command, tmp_path):
    hire(command, "a@ville.example")
    made = command.run("backup", tmp_path / "copy.db", "--verify")
    again = command.run("backup", tmp_path / "copy.db", "--verify")
    assert (made.code, again.code) == (0, 0)
    assert again.out.splitlines() == made.out.splitlines()[-2:]
    assert [path.name for path in tmp_path.glob("*copy*")] == ["copy.db"]


def test_a_damaged_database_is_not_copied_as_if_it_were_whole(command, tmp_path):
    hire(command, "a@ville.example")
    torn(command.home / "parvis.db")
    done = command.run("backup", tmp_path / "copy.db")
    assert (done.code, list(tmp_path.glob("copy*"))) == (2, [])
    assert "endommagé" in done.err


def test_where_a_folder_has_no_links_a_copy_takes_its_name_all_the_same(command, tmp_path, monkeypatch):
    def no_links(*_):
        raise OSError(errno.EPERM, "not permitted")

    hire(command, "a@ville.example")
    monkeypatch.setattr(os, "link", no_links)
    assert command.run("backup", tmp_path / "copy.db").code == 0
    assert rows(tmp_path / "copy.db") == 1


def test_a_raw_file_of_the_database_is_a_copy_too(command, tmp_path):
    hire(command, "a@ville.example")
    (tmp_path / "copy.db").write_bytes((command.home / "parvis.db").read_bytes())
    assert command.run("restore", tmp_path / "copy.db", "--force").code == 0
    assert people(command) == 1


def test_what_a_restore_left_unfinished_is_said_until_somebody_settles_it(command, tmp_path):
    hire(command, "a@ville.example")
    command.run("backup", tmp_path / "copy.db")
    left = command.home / "parvis.db.20261123T133000Z.restoring"
    left.write_bytes(b"half of it")
    for asked in (["serve"], ["worker"], ["migrate"], ["user", "add", "b@ville.example", "--role", "moderator"]):
        done = command.run(*asked)
        assert (done.code, str(left) in done.err) == (2, True), asked
    assert str(left) in command.run("doctor").out
    assert command.run("restore", tmp_path / "copy.db", "--force").code == 0
    assert not left.exists()
    hire(command, "b@ville.example")


@pytest.mark.parametrize("asked", [["serve"], ["migrate"], ["worker"]])
def test_a_database_of_a_newer_version_is_left_as_it_is(command, asked):
    changed("UPDATE alembic_version SET version_num = '9999'")(command.home / "parvis.db")
    done = command.run(*asked)
    assert done.code == 2
    assert "version plus récente" in done.err
    assert "version plus récente" in command.run("doctor").out


def test_a_restore_waits_until_every_process_is_stopped(command, tmp_path):
    hire(command, "a@ville.example")
    command.run("backup", tmp_path / "copy.db")
    hire(command, "b@ville.example")
    with closing(sqlite3.connect(command.home / "parvis.db")) as running:
        running.execute("SELECT count(*) FROM person").fetchone()
        done = command.run("restore", tmp_path / "copy.db", "--force")
        assert done.code == 2
    assert people(command) == 2
    assert list(command.home.glob("*.restoring")) == []


def test_a_damaged_database_gives_way_to_a_copy(command, tmp_path):
    hire(command, "a@ville.example")
    command.run("backup", tmp_path / "copy.db")
    (command.home / "parvis.db").write_bytes(b"the disk failed here" * 500)
    assert command.run("backup", tmp_path / "worse.db").code == 2
    assert command.run("restore", tmp_path / "copy.db", "--force").code == 0
    assert people(command) == 1


def test_a_database_that_cannot_be_reached_is_said_without_its_password(command):
    command.set(database_url="postgresql+psycopg://parvis:s3cret@127.0.0.1:1/parvis")
    done = command.run("backup", "copy.db")
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "s3cret" not in done.err


# -------------------------------------------------------------------------------------- from one database to another
@pytest.fixture
def blank_postgres(postgres_server):
    """Makes databases of PostgreSQL without a table; their URLs."""
    made = []

    def make():
        made.append(f"blank_{uuid4().hex[:12]}")
        return postgres_server.create(made[-1])

    yield make
    for name in made:
        postgres_server.drop(name)


def sums(url):
    with closing(Database(url)) as database, copying.snapshot(database) as connection:
        return copying.sums(connection)


@pytest.mark.postgres
def test_a_city_moves_to_postgresql_and_its_copies_go_everywhere(command, blank_postgres, tmp_path):
    hire(command, "a@ville.example")
    command.run("account", "add", "facebook", "1", "--name", "V", "--token-stdin", stdin=b"a-token\n")
    with installation() as parvis, parvis.database.write() as session:
        audit.seal_due(session)
    before, url = sums(command.url), blank_postgres()
    with closing(sqlite3.connect(command.home / "parvis.db")) as running:
        running.execute("SELECT count(*) FROM person").fetchone()
        refused = command.run("move", url)
        assert refused.code == 2
        assert "arrêtez" in refused.err
    moved = command.run("move", url)
    assert moved.code == 0, moved.err
    assert "journal est intact" in moved.out
    assert sums(url) == before == sums(command.url)
    again = command.run("move", url)
    assert (again.code, "n’est pas vide" in again.err) == (2, True)

    # What comes then has ids of its own, and a copy of it is a file.
    command.set(database_url=url)
    hire(command, "b@ville.example")
    copied = command.run("backup", tmp_path / "copy.db", "--verify")
    assert copied.code == 0, copied.err
    assert people(command) == rows(tmp_path / "copy.db") == 2
    full = command.run("restore", tmp_path / "copy.db", "--force")
    assert (full.code, "n’est pas vide" in full.err) == (2, True)
    for target in (blank_postgres(), f"sqlite:///{tmp_path / 'again.db'}"):
        command.set(database_url=target)
        done = command.run("restore", tmp_path / "copy.db")
        assert done.code == 0, done.err
        hire(command, "c@ville.example")
        assert people(command) == 3


def test_what_a_copy_must_not_hold_is_found(command, tmp_path):
    hire(command, "a@ville.example")
    with installation() as parvis, parvis.database.write() as session:
        audit.note(session, "x", "person:1", now=parvis.clock(), person_id=None)
        audit.seal_due(session)
    assert "journal est intact" in command.run("backup", tmp_path / "good.db", "--verify").out
    for name, statement, says in (
        ("journal.db", "UPDATE audit_entry SET action = 'y' WHERE sequence = 1", "brisé"),
        (
            "effect.db",
            (
                "INSERT INTO effect (key, operation, channel_id, payload, state, due_at, attempt, reads)"
                " VALUES ('k', 'hide', 1, '{}', 'done', '2026-01-01 00:00:00', 1, 0)"
            ),
            "actions faites sans heure",
        ),
    ):
        shutil.copy(tmp_path / "good.db", tmp_path / name)
        changed(statement)(tmp_path / name)
        done = command.run("backup", tmp_path / name, "--verify")
        assert (done.code, says in done.err) == (2, True), done


def test_a_copy_taken_under_load_passes_every_check(command, database_url, tmp_path):
    """Whoever is hired is noted in the journal in the same transaction, and another one seals it."""
    command.set(database_url=database_url)
    stop, hired = threading.Event(), []

    def work() -> None:
        with installation() as parvis:
            while not stop.is_set():
                with parvis.database.write() as session:
                    email, now = f"{len(hired)}@ville.example", parvis.clock()
                    session.add(Person(email=email, name="N", created_at=now))
                    audit.note(session, "person.hired", "person:0", now=now, person_id=None)
                with parvis.database.write() as session:
                    audit.seal_due(session)
                hired.append(email)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        done = [command.run("backup", tmp_path / f"{number}.db", "--verify") for number in range(3)]
    finally:
        stop.set()
        worker.join()
    assert [one.code for one in done] == [0] * 3, [one.err for one in done]
    for number in range(3):
        with closing(sqlite3.connect(tmp_path / f"{number}.db")) as copy:
            noted = copy.execute("SELECT count(*) FROM audit_entry WHERE action = 'person.hired'").fetchone()[0]
            assert noted == rows(tmp_path / f"{number}.db")
    assert rows(tmp_path / "2.db") > 0
    assert set(backups.RULES) == set(soundness.RULES)


# ------------------------------------------------------------------------------------------ copies made by themselves
def test_copies_are_made_in_time_tried_and_kept_in_number(command, tmp_path):
    hire(command, "a@ville.example")
    (tmp_path / "copies").mkdir()
    command.set(backup_folder=str(tmp_path / "copies"), backup_hours="24", backups_kept="2")
    (tmp_path / "copies" / "parvis-of-ours.db").write_text("somebody’s", "utf-8")
    at = datetime(2026, 11, 23, 2, tzinfo=UTC)
    with installation() as parvis:
        made = [
            backups.keep_due(parvis.settings, parvis.vault, now=at + timedelta(hours=hours))
            for hours in (0, 23, 24, 30, 49)
        ]
        assert [file is not None for file in made] == [True, False, True, False, True]
        kept = backups.copies(tmp_path / "copies")
        assert kept == [made[2], made[4]]
        assert [rows(file) for file in kept] == [1, 1]
        # One that does not prove good takes the place of none.
        with closing(sqlite3.connect(command.home / "parvis.db")) as database, database:
            database.execute("UPDATE audit_entry SET sequence = 7, seal = 'x', sealed_with = 'y' WHERE id = 1")
        with pytest.raises(backups.BackupError):
            backups.keep_due(parvis.settings, parvis.vault, now=at + timedelta(hours=80))
    assert backups.copies(tmp_path / "copies") == kept
    assert sorted(file.name for file in (tmp_path / "copies").iterdir()) == sorted(
        [*(file.name for file in kept), "parvis-of-ours.db", "refused.db"]
    )
    assert "Sauvegardes" in command.run("doctor").out

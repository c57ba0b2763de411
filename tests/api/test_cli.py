"""The operator's commands: what each does, what it says when it cannot, and that no secret is ever in its words."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from api.cli import installation
from models.accounts import Account, Delivery, SetAside
from models.audit import AuditEntry, note, seal_due
from models.channels import Channel
from models.comments import Comment
from models.netiquette import NetiquetteRule
from models.people import Borough, Membership, Person
from models.requests311 import Service
from models.vocabulary import DeliveryState, Role
from moderation.intake import deliveries

PARVIS = Path(sys.executable).with_name("parvis")
TOKEN = "EAAB-a-token-that-must-never-be-seen"
NOW = datetime(2026, 11, 23, 13, 30, tzinfo=UTC)


def count(table: type) -> int:
    with installation() as parvis, parvis.database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def add_account(command, external_id="104", **more):
    return command.run(
        "account", "add", "facebook", external_id, "--name", "Ville", "--token-stdin", stdin=f"{TOKEN}\n".encode()
    )


def hire(command, email="nadia@ville.example", *, role="moderator", password=False):
    line = ("user", "add", email, "--role", role)
    if not password:
        return command.run(*line)
    return command.run(*line, "--password-stdin", stdin=b"un long mot de passe\n")


# ---------------------------------------------------------------------------------------------- what every command does
def real(*arguments: object, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A real process, in a folder where nothing is."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PARVIS_")}
    return subprocess.run(
        [PARVIS, *map(str, arguments)],
        cwd=home,
        env={**clean, "PARVIS_HOME": str(home / "home"), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_serve_without_a_key_says_how_to_make_one(tmp_path):
    done = real("serve", home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.search(r'PARVIS_SECRET_KEY .+ python3 -c "import secrets; .+"', done.stderr)
    assert len(done.stderr.splitlines()) == 1


def test_serve_before_migrate_says_which_command_comes_first(tmp_path):
    done = real("serve", home=tmp_path, PARVIS_SECRET_KEY="k" * 40)
    assert done.returncode == 2
    assert "parvis migrate" in done.stderr


def test_help_names_every_command(bare_parvis):
    done = bare_parvis.run("--help")
    assert done.code == 0
    named = set(re.findall(r"^  (\w+) ", done.out, flags=re.MULTILINE))
    assert named >= {
        *("serve", "worker", "migrate", "doctor", "backup", "restore", "standin", "classify", "evaluate", "train"),
        *("pull", "import", "demo", "user", "account", "key"),
    }


ENGLISH = re.compile(
    r"Usage|Show this|required|default:|Missing|No such|Error|Try '|Did you|Got unexpected|does not|requires"
    r"|Input should|Arguments:|Commands|\bCOMMAND\b|\bARGS\b|\bFILE\b|<(?:str|path|int|bool|int range|text)>"
)


@pytest.mark.parametrize(
    "asked",
    [
        *(["--help"], ["user", "--help"], ["user", "add", "--help"], ["account", "add", "--help"], ["key", "--help"]),
        *(["import", "--help"], ["demo", "--help"], ["backup", "--help"], ["restore", "--help"], ["serve", "--help"]),
        *(["evaluate", "--help"], ["train", "--help"], ["classify", "--help"], ["standin", "--help"]),
        *([], ["user"], ["nope"], ["pul"], ["--nope"], ["user", "nope"], ["user", "add"], ["key", "add", "x"]),
        *(["import"], ["import", "a", "b"], ["demo", "--home"], ["demo", "--once=3"], ["demo", "--port", "x"]),
        *(["demo", "--port", "99999"], ["demo", "--port", "-3"], ["pull", "--acount", "3"], ["pull", "--account", "x"]),
    ],
    ids=" ".join,
)
def test_what_the_command_line_says_by_itself_is_in_french(bare_parvis, asked):
    done = bare_parvis.run(*asked)
    helps = asked[-1:] == ["--help"]
    assert done.code == (0 if helps else 2)
    said = done.out if helps else done.err
    assert said.strip()
    assert not ENGLISH.search(said), said
    if "\n  " not in said:
        assert (said.startswith("parvis\N{NO-BREAK SPACE}: "), len(said.splitlines())) == (True, 1)


@pytest.mark.parametrize("asked", [["migrate"], ["classify"], ["pull"], ["key", "rotate"]])
def test_a_setting_that_cannot_be_used_is_one_line(bare_parvis, asked):
    bare_parvis.set(port="huit")
    done = bare_parvis.run(*asked)
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines() == ["parvis\N{NO-BREAK SPACE}: PARVIS_PORT\N{NO-BREAK SPACE}: doit être un nombre"]


def test_a_command_on_an_old_database_says_to_migrate(bare_parvis):
    done = hire(bare_parvis)
    assert done.code == 2
    assert "parvis migrate" in done.err


def test_migrate_plants_what_a_city_begins_with_and_twice_is_fine(bare_parvis):
    assert bare_parvis.run("migrate").code == 0
    planted = count(NetiquetteRule), count(Service)
    assert min(planted) > 0
    assert bare_parvis.run("migrate").code == 0
    assert (count(NetiquetteRule), count(Service)) == planted
    assert bare_parvis.home.stat().st_mode & 0o777 == 0o700


# ---------------------------------------------------------------------------------------------- people
def test_a_person_gets_an_invitation_that_opens(command, visit):
    command.set(base_url="https://parvis.ville.example")
    done = command.run("user", "add", "Nadia@Ville.example", "--role", "moderator", "--name", "Nadia Roy")
    assert done.code == 0
    link = done.out.splitlines()[-1]
    assert link.startswith("https://parvis.ville.example/invitation/")
    with installation() as parvis:
        assert visit(parvis).get(link.removeprefix("https://parvis.ville.example")).status_code == 200


def test_a_person_with_a_password_signs_in(command, visit):
    secret = "un long mot de passe"
    done = command.run(
        "user", "add", "a@ville.example", "--role", "admin", "--password-stdin", stdin=f"{secret}\n".encode()
    )
    assert done.code == 0
    assert "invitation" not in done.out
    assert secret not in done.out + done.err
    with installation() as parvis:
        form = {"email": "a@ville.example", "password": secret}
        assert visit(parvis).post("/connexion", data=form).status_code == 303


def test_a_role_holds_in_the_boroughs_that_are_named(command):
    assert command.run("borough", "add", "Desjardins", "--name", "Desjardins").code == 0
    assert command.run("borough", "add", "ouest", "--name", "L’Ouest").code == 0
    both = ["--borough", "desjardins", "--borough", "ouest"]
    assert command.run("user", "add", "a@ville.example", "--role", "moderator", *both).code == 0
    with installation() as parvis, parvis.database.read() as session:
        rows = session.execute(select(Membership.role, Borough.code).join(Borough)).all()
    assert sorted(rows) == [(Role.MODERATOR, "desjardins"), (Role.MODERATOR, "ouest")]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["user", "add", "a@ville.example", "--role", "maire"], "moderator"),
        (["borough", "add", "vieux moulin", "--name", "Vieux-Moulin"], "arrondissement"),
        (["user", "add", "a@ville.example", "--role", "moderator", "--borough", "lune"], "lune"),
        (["user", "add", "pas une adresse", "--role", "moderator"], "courriel"),
        (["user", "add", "a@ville.example", "--role", "moderator", "--password-stdin"], "12"),
        (["account", "add", "myspace", "1", "--name", "x", "--token-stdin"], "facebook"),
        (["account", "add", "facebook", "1", "--name", "x", "--token-stdin", "--borough", "lune"], "lune"),
        (["account", "add", "facebook", "1", "--name", "x"], "--token-stdin"),
        (["key", "add", "bi", "--scope", "tout"], "comments"),
        (["pull", "--account", "7"], "7"),
        (["import", "absent.csv"], "absent.csv"),
        (["classify", "absent.txt"], "absent.txt"),
        (["restore", "absent.db", "--force"], "absent.db"),
        (["evaluate", "absent.csv", "--task", "intention"], "absent.csv"),
    ],
)
def test_what_cannot_be_done_is_one_line_that_says_why(command, asked, said):
    done = command.run(*asked, stdin=b"court\n")
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert len(done.err.splitlines()) == 1
    assert (count(Person), count(Account)) == (0, 0)


def test_the_same_person_twice_is_refused(command):
    assert hire(command).code == 0
    assert hire(command).code == 2
    assert count(Person) == 1


def test_who_lost_password_and_telephone_gets_a_link(command, visit):
    hire(command, "eve@ville.example", role="admin", password=True)
    with installation() as parvis, parvis.database.write() as session:
        session.execute(update(Person).values(totp_closed=parvis.vault.close("secret")))
    link = command.run("user", "link", "EVE@ville.example", "--forget-second-factor").out.splitlines()[-1]
    with installation() as parvis:
        client, form = visit(parvis), {"password": "une autre phrase longue", "again": "une autre phrase longue"}
        assert client.post(link.removeprefix(parvis.settings.base_url), data=form).status_code == 303
        given = {"email": "eve@ville.example", "password": form["password"]}
        where = client.post("/connexion", data=given).headers["location"]
        assert where == "/compte/avant?suite=%2F"
        assert "qui exploite Parvis" in client.get(where).text
    assert command.run("user", "link", "personne@ville.example").code == 2


@pytest.mark.parametrize("password", ["password1234", "motdepasse123"])
def test_a_password_that_everybody_tries_is_refused(command, password):
    line = ("user", "add", "a@ville.example", "--role", "admin", "--password-stdin")
    done = command.run(*line, stdin=f"{password}\n".encode())
    assert (done.code, count(Person)) == (2, 0)
    assert password not in done.out + done.err


# ---------------------------------------------------------------------------------------------- accounts
def test_a_token_is_never_printed_nor_kept_as_it_is(command):
    done = add_account(command)
    assert done.code == 0
    assert TOKEN not in done.out + done.err
    with installation() as parvis, parvis.database.read() as session:
        closed = session.scalars(select(Account.token_closed)).one()
        assert parvis.vault.open(closed) == TOKEN
    kept = b"".join(path.read_bytes() for path in command.home.glob("parvis.db*"))
    assert TOKEN.encode() not in kept


def test_what_came_before_the_account_was_known_is_parsed_afterwards(command):
    value = {
        "item": "comment",
        "verb": "add",
        "comment_id": "9_10",
        "post_id": "104_9",
        "from": {"id": "77", "name": "Louise"},
        "message": "La rue n'est pas déneigée",
        "created_time": 1795440000,
    }
    body = {
        "object": "page",
        "entry": [{"id": "104", "time": 1795440001, "changes": [{"field": "feed", "value": value}]}],
    }
    with installation() as parvis:
        with parvis.database.write() as session:
            deliveries.receive(session, "facebook", json.dumps(body).encode(), now=NOW)
        deliveries.parse_due(parvis.database, parvis.webhook_of, now=NOW)
    hire(command)
    assert "104" in problems(command)[0]
    assert add_account(command).code == 0
    with installation() as parvis:
        deliveries.parse_due(parvis.database, parvis.webhook_of, now=NOW)
        with parvis.database.read() as session:
            assert session.scalars(select(Comment.text)).all() == ["La rue n'est pas déneigée"]
    assert problems(command) == []


def test_a_new_token_takes_the_place_of_the_dead_one(command):
    add_account(command)
    with installation() as parvis, parvis.database.write() as session:
        session.execute(update(Channel).values(token_lost="expired"))
    assert add_account(command).code == 0
    with installation() as parvis, parvis.database.read() as session:
        assert session.scalars(select(Account.token_lost)).all() == [None]


def test_public_pages_are_read_only_where_somebody_said_why(command):
    def add():
        line = ("account", "add", "instagram_public", "ville", "--name", "Ville", "--token-stdin")
        return command.run(*line, stdin=b"{}\n")

    assert "PARVIS_INSTAGRAM_PUBLIC" in add().err
    assert count(Account) == 0
    why = "La greffière l'a permis le 12 novembre 2026, le temps d'obtenir l'API."
    command.set(instagram_public=why)
    done = add()
    assert done.code == 0
    assert "conditions d’utilisation" in done.out
    with installation() as parvis, parvis.database.read() as session:
        data = session.scalars(select(AuditEntry.data).where(AuditEntry.action == "public_reading_on")).one()
        assert data == {"justification": why}
    command.set(instagram_public="oui")
    assert add().code != 0


# ---------------------------------------------------------------------------------------------- keys
def test_a_key_stands_alone_on_the_last_line_and_opens_the_door(command, visit):
    done = command.run("key", "add", "bi", "--scope", "comments:read")
    assert done.code == 0
    made = done.out.splitlines()[-1]
    assert re.fullmatch(r"\S{40,}", made)
    with installation() as parvis:
        client = visit(parvis)
        assert client.get("/api/v1/comments", headers={"Authorization": f"Bearer {made}"}).status_code == 200
        assert client.get("/api/v1/comments", headers={"Authorization": f"Bearer {made}x"}).status_code == 401
    assert command.run("key", "add", "bi", "--scope", "comments:read").code == 2


def test_a_key_serves_until_the_end_of_its_last_day(command, visit):
    done = command.run("key", "add", "bi", "--scope", "comments:read", "--expires", "2026-12-31")
    assert done.code == 0
    made = done.out.splitlines()[-1]
    with installation() as parvis:
        for at, status in (("2027-01-01T04:59:59+00:00", 200), ("2027-01-01T05:00:00+00:00", 401)):
            there = dataclasses.replace(parvis, clock=lambda at=at: datetime.fromisoformat(at))
            client = visit(there, authorization=f"Bearer {made}")
            assert client.get("/api/v1/comments").status_code == status
    assert re.fullmatch(r"bi\tcomments:read\tsert jusqu’au 31.décembre 2026\t.+\n", command.run("key", "list").out)


@pytest.mark.parametrize("date", ["2020-01-01", "demain", "31/12/2027", "9999-12-31", ""])
def test_a_key_that_would_never_serve_is_not_made(command, date):
    done = command.run("key", "add", "bi", "--scope", "comments:read", "--expires", date)
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert command.run("key", "list").out == ""


def test_a_revoked_key_opens_nothing_and_leaves_its_name(command, visit):
    made = command.run("key", "add", "bi", "--scope", "comments:read").out.splitlines()[-1]
    assert command.run("key", "revoke", "tableau").code == 2
    assert command.run("key", "revoke", "bi").code == 0
    assert command.run("key", "revoke", "bi").code == 2
    with installation() as parvis:
        assert visit(parvis, authorization=f"Bearer {made}").get("/api/v1/comments").status_code == 401
    assert command.run("key", "add", "bi", "--scope", "posts:read").code == 0
    first, second = command.run("key", "list").out.splitlines()
    assert first.startswith("bi\tposts:read\tsert sans fin\tjamais")
    assert "révoquée le" in second
    assert made not in first + second


def test_a_rotated_key_can_be_taken_away(command):
    """The old key opens until then; afterwards the new one opens all that is kept, the journal's chain included."""
    hire(command)
    add_account(command)
    with installation() as parvis, parvis.database.write() as session:
        for number in range(1_100):
            note(session, "something", f"thing:{number}", now=NOW, person_id=None)
        session.flush()
        seal_due(session, limit=1_050)  # The others wait for the tick.
    command.set(secret_key="n" * 40 + "," + "k" * 40)
    assert problems(command) == []
    done = command.run("key", "rotate")
    assert done.code == 0
    assert "n" * 40 not in done.out
    command.set(secret_key="n" * 40)
    assert problems(command) == []
    with installation() as parvis, parvis.database.read() as session:
        assert parvis.vault.open(session.scalars(select(Account.token_closed)).one()) == TOKEN


def test_rotation_does_not_hide_a_broken_journal(command):
    add_account(command)
    break_journal()
    command.set(secret_key="n" * 40 + "," + "k" * 40)
    done = command.run("key", "rotate")
    assert done.code == 1
    assert "brisé à l’entrée 1" in done.out
    assert any("brisé" in line for line in problems(command))


def test_rotation_without_the_key_that_closed_changes_nothing(command):
    add_account(command)
    command.set(secret_key="z" * 40)
    done = command.run("key", "rotate")
    assert done.code == 2
    assert "PARVIS_SECRET_KEY" in done.err
    command.set(secret_key="k" * 40)
    with installation() as parvis, parvis.database.read() as session:
        assert parvis.vault.open(session.scalars(select(Account.token_closed)).one()) == TOKEN


# ---------------------------------------------------------------------------------------------- doctor
def problems(command) -> list[str]:
    """What doctor finds wrong; its exit code says the same."""
    done = command.run("doctor")
    lines = done.out.splitlines()
    wrong = [line for line in lines if line.startswith("✗")]
    assert done.code == bool(wrong), done
    assert done.err == ""
    assert {line[:2] for line in lines} <= {"✓ ", "→ ", "✗ "}
    return wrong


def to_do(command) -> list[str]:
    return [line for line in command.run("doctor").out.splitlines() if line.startswith("→")]


def break_journal() -> None:
    with installation() as parvis, parvis.database.write() as session:
        seal_due(session)
        session.execute(update(AuditEntry).where(AuditEntry.sequence == 1).values(action="something_else"))


def test_a_fine_city_has_no_problem_and_shows_no_secret(command):
    command.set(meta_app_secret="the-app-secret", meta_verify_token="the-verify-token")
    command.set(meta_app_id="1", comment_days="730")
    hire(command, password=True)
    add_account(command)
    command.run("backup", "copy.db")
    assert (problems(command), to_do(command)) == ([], [])
    out = command.run("doctor").out
    assert "PARVIS_PULL_SECONDS" in out
    assert not [word for word in ("k" * 40, "the-app-secret", "the-verify-token", TOKEN) if word in out]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://parvis:s3cret@127.0.0.1:1/parvis",
        "postgresql+psycopg://parvis:s3@cret/s3cret@127.0.0.1:1/parvis",
        "postgresql+psycopg://parvis:@s3cret@127.0.0.1:1/parvis",
        "postgresql+psycopg://parvis@127.0.0.1:1/parvis?password=s3cret",
        "postgresql+psycopg://parvis:s%33cret@127.0.0.1:1/parvis?sslmode=disable",
        "postgresql+psycopg2://parvis:s3cret@127.0.0.1:1/parvis",
    ],
)
def test_the_password_of_the_database_is_never_said(bare_parvis, url):
    bare_parvis.set(database_url=url)
    wrong = problems(bare_parvis)
    assert len(wrong) == 1, "what depends on the database is not looked at"
    for asked in (["doctor"], ["migrate"], ["serve"], ["backup", "copy.db"]):
        done = bare_parvis.run(*asked)
        assert not [secret for secret in ("s3cret", "s%33cret") if secret in done.out + done.err], asked


def test_an_installation_that_is_not_migrated(bare_parvis):
    assert "parvis migrate" in problems(bare_parvis)[0]


def test_a_new_installation_is_told_what_is_still_to_do(command):
    assert problems(command) == []
    backups, people, networks, accounts, disposal = to_do(command)
    assert "PARVIS_BACKUP_FOLDER" in backups
    assert "parvis user add" in people
    assert "application" in networks
    assert "parvis account add" in accounts
    assert "PARVIS_COMMENT_DAYS" in disposal
    hire(command)
    assert to_do(command)[1] == people, "an invitation that nobody opened lets nobody in"
    hire(command, "luc@ville.example", password=True)
    assert to_do(command)[1] == networks


def test_without_a_secret_key_its_line_says_how_to_make_one(bare_parvis):
    bare_parvis.set(secret_key="")
    (wrong,) = problems(bare_parvis)
    assert re.search(r'PARVIS_SECRET_KEY.+ python3 -c "import secrets', wrong)


def test_who_lacks_a_second_factor_that_is_asked_of_them(command):
    hire(command, "eve@ville.example", role="admin", password=True)
    hire(command, "luc@ville.example", password=True)
    (line,) = (line for line in to_do(command) if "@" in line)
    assert "eve@ville.example" in line
    assert "luc@ville.example" not in line
    command.set(second_factor="off")
    assert not [line for line in to_do(command) if "@" in line]
    assert "luc@ville.example" in command.run("doctor").out


def test_what_others_on_the_machine_may_read(command):
    hire(command, password=True)
    database = command.home / "parvis.db"
    database.chmod(0o644)
    assert problems(command) == [], "nobody else enters the folder"
    command.home.chmod(0o755)
    Path("parvis.env").write_text("PARVIS_PORT=8001\n", encoding="utf-8")
    Path("parvis.env").chmod(0o644)
    (file,) = problems(command)
    assert str(database) in file
    assert "parvis.env" in to_do(command)[1]
    database.chmod(0o640)
    Path("parvis.env").chmod(0o640)
    assert problems(command) == []
    assert str(command.home) in to_do(command)[0]
    assert not any("parvis.env" in line for line in to_do(command))


def test_what_is_made_is_read_by_nobody_else(bare_parvis):
    bare_parvis.run("doctor")
    bare_parvis.run("migrate")
    assert {path.stat().st_mode & 0o077 for path in bare_parvis.home.rglob("*") if path.is_file()} == {0}


@pytest.mark.parametrize(("free", "mark"), [(2**30 - 1, "→"), (2**26 - 1, "✗"), (2**40, "✓")])
def test_a_disk_that_is_full_or_nearly(command, monkeypatch, free, mark):
    monkeypatch.setattr("api.disks.free_bytes", lambda folder: free)
    (line,) = (line for line in command.run("doctor").out.splitlines() if str(command.home) in line and "Go" in line)
    assert line.startswith(mark)


def test_a_write_lock_that_is_held(command, monkeypatch):
    monkeypatch.setattr("api.commands.doctor.PATIENCE", 0.05)
    with closing(sqlite3.connect(command.home / "parvis.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        (wrong,) = problems(command)
    assert "verrou" in wrong


def test_a_damaged_database(command):
    hire(command, password=True)
    with (command.home / "parvis.db").open("r+b") as file:
        file.seek(4096 * 40)
        file.write(b"\xff" * 4096)
    assert any("parvis restore" in line for line in problems(command))


def test_databases_that_a_restore_put_aside_are_named(command, tmp_path):
    hire(command, password=True)
    command.run("backup", tmp_path / "copy.db")
    command.run("restore", tmp_path / "copy.db", "--force")
    assert str(next(command.home.glob("*.before"))) in command.run("doctor").out
    assert problems(command) == []


def test_a_variable_that_means_nothing_in_the_environment_or_the_file(command):
    hire(command)
    command.set(databse_url="x")
    Path("parvis.env").write_text("PARVIS_PORTS=1\nPARVIS_PORT=8001\n", encoding="utf-8")
    first, second = problems(command)
    assert "PARVIS_DATABSE_URL" in first
    assert "PARVIS_PORTS" in second
    assert "PARVIS_PORT\N{NO-BREAK SPACE}: 8001" in command.run("doctor").out


def test_every_setting_that_cannot_be_used_has_its_line(bare_parvis):
    bare_parvis.set(port="huit", timezone="America/Levis")
    assert len(problems(bare_parvis)) == 2


def test_accounts_that_do_not_work_and_secrets_that_nothing_opens(command):
    hire(command)
    add_account(command)
    with installation() as parvis, parvis.database.write() as session:
        session.execute(update(Channel).values(token_lost="expired"))
        session.execute(update(Person).values(totp_closed=parvis.vault.close("secret")))
    assert [("expired" in line) for line in problems(command)] == [True]
    command.set(secret_key="z" * 40)
    factor, token = problems(command)
    assert "Ville" in token
    assert "nadia@ville.example" in factor


def test_a_journal_that_was_tampered_with(command):
    hire(command)
    break_journal()
    assert "brisé à l’entrée 1" in problems(command)[0]


def test_what_was_set_aside_is_counted(command):
    hire(command)
    with installation() as parvis, parvis.database.write() as session:
        about = {"network": "facebook", "at": NOW}
        session.add_all(
            [SetAside(**about, account_external_id="999", reason="unroutable") for _ in range(3)]
            + [SetAside(**about, account_external_id="104", reason="no_value") for _ in range(2)]
            + [Delivery(network="facebook", received_at=NOW, raw=b"{", state=DeliveryState.UNREADABLE)]
        )
    unroutable, unread, broken = problems(command)
    assert "999" in unroutable
    assert "parvis account add" in unroutable
    assert re.search(r"\b3\b", unroutable)
    assert unread.endswith(" 2")
    assert broken.endswith(" 1")


def test_a_model_that_is_no_model(command, tmp_path):
    hire(command)
    (tmp_path / "weights").write_bytes(b"not weights")
    command.set(model=str(tmp_path / "weights"))
    assert len(problems(command)) == 1
    done = command.run("classify", stdin=b"Bonjour\n")
    assert (done.code, len(done.err.splitlines())) == (2, 1)


# ---------------------------------------------------------------------------------------------- demo
def test_json_without_once_is_refused(bare_parvis):
    done = bare_parvis.run("demo", "--json")
    assert (done.code, done.out) == (2, "")
    assert "--once" in done.err


def test_a_busy_port_that_was_asked_for_is_an_error(tmp_path):
    with closing(socket.create_server(("127.0.0.1", 0))) as busy:
        port = busy.getsockname()[1]
        done = real("demo", "--port", port, home=tmp_path)
    assert done.returncode == 2
    assert str(port) in done.stderr.splitlines()[-1]


def test_without_one_the_next_free_port_is_taken():
    from api.demo.installation import _listening

    with closing(socket.create_server(("127.0.0.1", 0))) as busy:
        taken = busy.getsockname()[1]
        with closing(_listening([taken, 0])) as ours:
            assert ours.getsockname()[1] not in {0, taken}


def test_the_demonstration_leaves_a_folder_of_somebody_else_alone(bare_parvis, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "parvis.db").write_text("a city", encoding="utf-8")
    done = bare_parvis.run("demo", "--once", "--home", tmp_path / "other")
    assert done.code == 2
    assert str(tmp_path / "other") in done.err
    shutil.rmtree(tmp_path / "other")

"""The demonstration as a newcomer runs it: one command, the whole story, and figures that speak for themselves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from api.demo.installation import InUse, NotADemonstration, prepared
from models import copying
from models.session import Database

PARVIS = Path(sys.executable).with_name("parvis")


def _plain() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PARVIS_")}


def _sums(url: str) -> copying.Sums:
    with closing(Database(url)) as database, copying.snapshot(database) as connection:
        return copying.sums(connection)


def play(home: Path) -> tuple[int, dict[str, object], str]:
    """`parvis demo --once --json` in a folder of its own."""
    done = subprocess.run(
        [PARVIS, "demo", "--once", "--json", "--home", home / "demo"],
        cwd=home,
        env=_plain(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    # The pages' own tokens and the key of the vault are said nowhere, whatever goes wrong.
    for secret in ("jeton-de-la-ville", "jeton-du-vieux-moulin", (home / "demo" / "secret.key").read_text().strip()):
        assert secret not in done.stdout + done.stderr
    return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr


@pytest.mark.postgres
def test_the_whole_story_leaves_nothing_doubled_lost_or_in_doubt_and_moves(tmp_path: Path, postgres_server) -> None:
    status, summary, said = play(tmp_path)
    assert status == 0, said
    assert summary["duplicates"] == 0
    assert summary["lost"] == 0
    effects = summary["effects"]
    assert isinstance(effects, dict)
    assert effects["unknown"] == effects["failed"] == 0
    # Sixty at 8:30, and those that came later; each was read by the classifier.
    assert isinstance(summary["comments"], int)
    assert summary["comments"] >= 60
    assert summary["classified"] == summary["comments"] - 1, "the one that was removed before anybody could read it"
    # Nine problems, and the main break that six people saw: one request each, all answered where they were asked.
    assert summary["requests"] == 10
    assert summary["requests_answered_in_thread"] == 10
    # One line of the queue; the seventh said only that it was the same, and was joined by a person.
    assert (summary["events"], summary["event_people"], summary["answers_sent_together"]) == (1, 6, 7)
    assert summary["posts_published"] == 1
    assert effects["cancelled"] >= 4, "what the emergency pause stopped, on each account"

    # All of it goes to PostgreSQL, comes back as a copy, and holds.
    given = {
        "PARVIS_HOME": str(tmp_path / "demo"),
        "PARVIS_SECRET_KEY": (tmp_path / "demo/secret.key").read_text().strip(),
    }
    url = postgres_server.create("moved")

    def does(*arguments: object, **more: str) -> str:
        done = subprocess.run(
            [PARVIS, *map(str, arguments)], cwd=tmp_path, env=_plain() | given | more, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    held = does("move", url).splitlines()[0]
    assert "journal est intact" in held
    assert does("backup", tmp_path / "copy.db", "--verify", PARVIS_DATABASE_URL=url).count("journal est intact") == 1
    here, there = (_sums(one) for one in (f"sqlite:///{tmp_path / 'demo/parvis.db'}", url))
    # The copy wrote one entry into the journal there.
    assert {name for name in here if here[name] != there[name]} == {"audit_entry"}
    postgres_server.drop("moved")


def test_a_folder_that_is_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "parvis.db").write_text("the city's own")
    with pytest.raises(NotADemonstration), prepared(tmp_path):
        pass
    assert (tmp_path / "parvis.db").read_text() == "the city's own"


def test_a_demonstration_that_runs_is_not_emptied_by_a_second_one(tmp_path: Path) -> None:
    with prepared(tmp_path):
        (tmp_path / "parvis.db").write_text("the first one's")
        with pytest.raises(InUse), prepared(tmp_path):
            pass
        assert (tmp_path / "parvis.db").read_text() == "the first one's"
    with prepared(tmp_path):
        assert not (tmp_path / "parvis.db").exists(), "once it has ended, its folder is anybody's"


def test_the_secret_of_a_demonstration_is_its_owners_alone(tmp_path: Path) -> None:
    from api.demo.installation import _secret

    with prepared(tmp_path) as home:
        first = _secret(home)
    with prepared(tmp_path) as home:
        assert _secret(home) == first, "a second start keeps the key"
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600

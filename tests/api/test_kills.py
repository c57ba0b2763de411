"""`backup`, `restore` and `migrate` really killed, at their steps and at any time: the city's data is always whole.

`make soak` runs this with more kills and other seeds (`PARVIS_COPIES_KILLS`, `PARVIS_COPIES_SEED`), and keeps the
figures that are written to `PARVIS_COPIES_FIGURES`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = int(os.environ.get("PARVIS_COPIES_KILLS", "5"))
SEED = int(os.environ.get("PARVIS_COPIES_SEED", "311"))
FIGURES = os.environ.get("PARVIS_COPIES_FIGURES")


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        ("restore", "sqlite"),
        ("backup", "sqlite"),
        ("migrate", "sqlite"),
        pytest.param("migrate", "postgresql", marks=pytest.mark.postgres),
    ],
)
def test_killed_at_any_step_nothing_of_the_city_is_lost(act, kind, request, tmp_path):
    url = request.getfixturevalue("postgres_server").create("killed") if kind == "postgresql" else ""
    given = {"act": act, "folder": str(tmp_path / "killed"), "seed": SEED, "kills": KILLS, "url": url}
    command = [sys.executable, str(Path(__file__).with_name("killed.py")), json.dumps(given)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300 * KILLS + 300)
    figures = json.loads(done.stdout) if done.returncode == 0 else {"kills": 0}
    if FIGURES:
        line = {"database": kind, "act": act, "seed": SEED, "passed": done.returncode == 0, **figures}
        with Path(FIGURES).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    if url:
        request.getfixturevalue("postgres_server").drop("killed")
    assert done.returncode == 0, done.stderr
    assert figures["kills"] == KILLS

"""A wheel, installed in an empty environment and used from another folder: what a city would do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.long
def test_a_wheel_in_an_empty_environment_plays_the_story_from_another_folder(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PARVIS_", "PYTHON"))}

    def run(*command: str | Path) -> str:
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    run(sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path / "dist", ROOT)
    (wheel,) = (tmp_path / "dist").glob("parvis-*.whl")
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    install = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")
    run(*install, "--require-hashes", "-r", ROOT / "constraints.txt")
    run(*install, wheel)
    run(python, "-m", "pip", "check")
    assert "torch" not in run(python, "-m", "pip", "list").lower().split()
    summary = json.loads(run(tmp_path / "venv" / "bin" / "parvis", "demo", "--once", "--json"))
    assert summary["duplicates"] == summary["lost"] == 0
    assert summary["requests_answered_in_thread"] == summary["requests"] > 0

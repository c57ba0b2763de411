"""What the pages' scripts do without a page, by node's own test runner."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent / "static"


def test_the_state_of_the_queue_page():
    node = shutil.which("node")
    assert node, "npm, which set-up needs, comes with node"
    command = [node, "--test", *map(str, sorted(HERE.glob("*.test.mjs")))]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr

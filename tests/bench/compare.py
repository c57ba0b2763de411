"""`make bench BASE=<commit>`: the figures of another commit and of this tree, taken in turns on one machine.

Each group of figures is measured on the other commit, then on this tree, each against its own floor. Both run in this
tree's environment, so that only the code differs. A line is *slower* when its ratio to the floor is worse by more than
a tenth, which is what two runs of one commit differ by.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from figures import ROOT
from run import WANTED

NOISE = 0.1
VENDOR = Path("api", "static", "vendor")


def main() -> None:
    """Print both commits' figures; exit 1 when a line is slower than it was."""
    base, wanted = sys.argv[1], sys.argv[2:] or WANTED
    other = checkout(base)
    lines = [line for group in wanted for line in compared(group, figures(other, group), figures(ROOT, group))]
    print("\n".join([f"{'':44}{base[:12]:>14}{'this tree':>14}   load", *(line for line, _ in lines)]))
    sys.exit(any(slower for _, slower in lines))


def checkout(commit: str) -> Path:
    """The other commit in a folder of its own, with the browser libraries of this one."""
    folder = ROOT / "var" / "bench" / commit
    if not folder.exists():
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", folder, commit], cwd=ROOT, check=True)
        shutil.copytree(ROOT / VENDOR, folder / VENDOR)
    return folder


def figures(tree: Path, group: str) -> dict[str, dict[str, Any]]:
    """The figures of a group by name, measured on a tree; none where it does not know the group or fails."""
    kept = tree / "var" / "bench"
    before = set(kept.glob("*.jsonl"))
    command = [sys.executable, tree / "tests" / "bench" / "run.py", "--only", group]
    print(f"{tree.name}: {group}", flush=True)
    subprocess.run(command, cwd=tree, env=os.environ | {"PYTHONPATH": str(tree)}, check=False)
    new = "".join(path.read_text(encoding="utf-8") for path in set(kept.glob("*.jsonl")) - before)
    return {_name(one["name"]): one for one in map(json.loads, new.splitlines())}


def _name(said: str) -> str:
    """What both commits call a figure: without what was counted, and without the database where it is the usual one."""
    return re.sub(r" \(.*\)|, sqlite\b", "", said)


def compared(group: str, old: dict[str, dict[str, Any]], new: dict[str, dict[str, Any]]) -> list[tuple[str, bool]]:
    """One line a figure, and whether it is slower."""
    if not new:
        return [(f"{group}: could not be measured", True)]
    lines = []
    for name, one in new.items():
        before = old.get(name)
        slower = before is not None and _worse(before["ratio"], one["ratio"], one["target"])
        was = "-" if before is None else f"{before['ratio']:.3f}"
        lines.append(
            (f"{name:44}{was:>14}{one['ratio']:>14.3f}   {one['load']:.1f}{'  SLOWER' if slower else ''}", slower)
        )
    return lines


def _worse(before: float, after: float, target: str) -> bool:
    return after > before * (1 + NOISE) if target.startswith("<") else after < before * (1 - NOISE)


if __name__ == "__main__":
    main()

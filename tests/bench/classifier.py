"""The classifier's figures: speed beside a pipeline of CamemBERT's shape, one comment alone, memory, cold start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

ROOT = Path(__file__).parents[2]
READER = Path(__file__).with_name("reader.py")
TRAINING = ROOT / ".venv-train" / "bin" / "python"
"""The only environment that has torch; `make model` makes it. PARVIS_BENCH_TORCH names another interpreter."""

WORKERS = 2
"""One worker for each of the two cores, as an installation runs them; the pipeline has both cores for itself."""


def figures(rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Name, value, unit, floor, floor's unit, ratio, target and whether it is met, of each figure."""
    found = [*_speed(rounds, seconds), *_alone(rounds)]
    began = []
    for _ in range(rounds):
        start = time.perf_counter()
        command = [str(Path(sys.executable).parent / "parvis"), "classify"]
        subprocess.run(command, input=b"Bravo pour la patinoire\n", stdout=subprocess.DEVNULL, check=True)
        began.append(time.perf_counter() - start)
    return [*found, _limit("parvis classify, one line, cold", median(began), "s", 3.0)]


def _speed(rounds: int, seconds: float) -> list[dict[str, Any]]:
    interpreter = Path(os.environ.get("PARVIS_BENCH_TORCH", TRAINING))
    if not interpreter.exists():
        print("no environment with torch (`make model` makes one): the pipeline is not measured", file=sys.stderr)
        return []
    pairs = []
    for _ in range(rounds):
        theirs = _run(interpreter, "theirs", str(seconds * 2))
        ours = sum(_together(["ours", str(seconds)]))
        pairs.append((theirs, ours))
    ratio = median(ours / theirs for theirs, ours in pairs)
    return [
        {
            "name": "comments read, batch 32, no reasons",
            "value": median(ours for _, ours in pairs),
            "unit": "comments/s",
            "floor": median(theirs for theirs, _ in pairs),
            "floor_unit": "pipeline/s",
            "ratio": ratio,
            "target": ">= 10",
            "met": ratio >= 10,
        }
    ]


def _alone(rounds: int) -> list[dict[str, Any]]:
    runs = [_run(Path(sys.executable), "alone") for _ in range(rounds)]
    slow = median(quantiles(run["ms"], n=20)[-1] for run in runs)
    return [
        _limit("one comment with reasons, p95", slow, "ms", 40.0),
        _limit("memory with the model loaded", median(run["mb"] for run in runs), "MB", 450.0),
    ]


def _limit(name: str, value: float, unit: str, most: float) -> dict[str, Any]:
    """A figure whose floor is what it may be at most."""
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "floor": most,
        "floor_unit": f"{unit} at most",
        "ratio": value / most,
        "target": "<= 1.0",
        "met": value <= most,
    }


def _start(interpreter: Path, *what: str) -> subprocess.Popen[str]:
    given = {**os.environ, "PYTHONPATH": str(ROOT), "TOKENIZERS_PARALLELISM": "false"}
    return subprocess.Popen([interpreter, READER, *what], stdout=subprocess.PIPE, text=True, env=given, cwd=ROOT)


def _run(interpreter: Path, *what: str) -> Any:
    with _start(interpreter, *what) as process:
        said, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(what)} ended with {process.returncode}")
    return json.loads(said.splitlines()[-1])


def _together(what: list[str]) -> list[float]:
    processes = [_start(Path(sys.executable), *what) for _ in range(WORKERS)]
    return [float(json.loads(process.communicate()[0])) for process in processes]

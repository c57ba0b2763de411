"""A line of the report, and what it is told by."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]


def _load() -> float:
    return os.getloadavg()[0]


@dataclass(frozen=True)
class Figure:
    """One line of the report: `ratio` is the median over the rounds, `target` what it must reach (or stay under)."""

    name: str
    value: float
    unit: str
    floor: float
    floor_unit: str
    ratio: float
    target: str
    met: bool
    before: str = ""
    """What it was on 2026-11-29, before the slow paths were looked at."""
    load: float = field(default_factory=_load)


def least(
    name: str, unit: str, pairs: Sequence[tuple[float, float]], floor_unit: str, ratio: float, before: str = ""
) -> Figure:
    """Of pairs of a floor and of ours, one a round: ours is at least so many floors."""
    seen = median(ours / bare for bare, ours in pairs)
    bare, ours = (median(one) for one in zip(*pairs, strict=True))
    return Figure(name, ours, unit, bare, floor_unit, seen, f">= {ratio}", seen >= ratio, before)


def most(name: str, value: float, unit: str, at_most: float, before: str = "") -> Figure:
    """A figure whose floor is what it may be at most."""
    met = value <= at_most
    return Figure(name, value, unit, at_most, f"{unit} at most", value / at_most, "<= 1.0", met, before)


def report(figures: Sequence[Figure]) -> None:
    """Print them as a table, and keep them."""
    width = max(len(figure.name) for figure in figures)
    print(f"{'':{width}}  {'ours':>19}  {'floor':>19}  {'ratio':>6}  {'target':>13}  load  2026-11-29")
    for one in figures:
        print(
            f"{one.name:{width}}  {one.value:8.1f} {one.unit:<10}  {one.floor:8.1f} {one.floor_unit:<10}"
            f"  {one.ratio:6.2f}  {one.target:>13}  {one.load:4.1f}  {one.before}{'' if one.met else '  MISSED'}"
        )
    at = datetime.now(UTC)
    kept = disk() / f"{at:%Y%m%dT%H%M%SZ}.jsonl"
    kept.write_text("".join(json.dumps({"at": at.isoformat(), **asdict(one)}) + "\n" for one in figures))
    print(f"kept in {kept.relative_to(ROOT)}")


def disk() -> Path:
    """Figures are of a real disk: `/tmp` is memory on many machines."""
    folder = ROOT / "var" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder

"""`make bench`: the product's figures, each as a ratio to a bare floor measured in the same run.

Five rounds, floor and product one after the other in each; the median of the rounds is the figure. Nothing else
should run on the machine: the load average is printed so that a reader can tell. A table is printed, and one JSON
line a figure goes to `var/bench/`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import traceback
from pathlib import Path

import classifier
import delivery
import floor
import intake
import keys
import pages
import quality
import scale
import standin
from figures import Figure, disk, least, report
from running import floor_server, started

WANTED = [
    "webhook", "reading", "readers", "events", "pull", "import", "queue", "keys", "filters", "delivery", "start",
    "scale", "people", "standin", "sign-in", "classifier", "quality",
]  # fmt: skip


def main() -> None:
    """Measure what is asked for, print it, keep it; exit 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each throughput measurement")
    parser.add_argument("--large", type=int, default=100_000, help="comments of the large city (1000000 takes long)")
    parser.add_argument(
        "--rows", "--only", choices=WANTED, nargs="+", help="some rows only (--only: as older commits say it)"
    )
    given = parser.parse_args()
    wanted, rounds, seconds = given.rows or WANTED, given.rounds, given.seconds
    figures: list[Figure] = []
    broken: list[str] = []
    with tempfile.TemporaryDirectory(prefix="parvis-bench-", dir=disk()) as folder:
        home = Path(folder)
        with floor_server(home) as port:
            measured = {
                "webhook": lambda: intake.webhook(home, rounds, seconds),
                "reading": lambda: intake.read(home, rounds, seconds),
                "readers": lambda: intake.readers(home, rounds),
                "events": lambda: intake.events(home, min(rounds, 3)),
                "pull": lambda: intake.pull(home, rounds),
                "import": lambda: intake.importing(home, min(rounds, 2)),
                "queue": lambda: pages.pages(home, port, rounds, given.large),
                "keys": lambda: keys.keys(home, rounds),
                "filters": lambda: pages.filters(home, port, rounds, given.large),
                "delivery": lambda: delivery.acts(home, rounds),
                "start": lambda: pages.starts(home, rounds),
                "standin": lambda: pretend(home, rounds, seconds),
                "sign-in": lambda: pages.sign_ins(home, rounds),
                "quality": lambda: quality.quality(rounds),
                "scale": lambda: scale.scale(home, min(rounds, 3)),
                "people": lambda: scale.people(home, given.large, seconds * 20),
                "classifier": lambda: [Figure(**one) for one in classifier.figures(rounds, seconds)],
            }
            for name in wanted:
                try:
                    figures += measured[name]()
                except Exception:  # noqa: BLE001 - what was measured before is told all the same
                    traceback.print_exc()
                    broken.append(name)
    report(figures)
    if broken:
        print(f"could not be measured: {', '.join(broken)}")
    sys.exit(bool(broken) or not all(figure.met for figure in figures))


def pretend(home: Path, rounds: int, seconds: float) -> list[Figure]:
    """A page of comments from the pretend networks, against the same answer from the bare server below them."""
    ports = (floor.free_port(), floor.free_port())
    command = [sys.executable, standin.__file__, *map(str, ports)]
    with started(command, home / "standin.log", ports[0], {}):
        return [least("pretend network read", "pages/s", standin.pairs(ports, rounds, seconds), "pages/s", 0.5)]


if __name__ == "__main__":
    main()

"""The long batteries: workers really killed by the hundred, histories by the thousand, on both databases.

    python tests/soak/run.py [--kills 100] [--histories 4000] [--cities 5000] [--items 20000] [--only copies]

Eleven batteries. `crash`: processes of several workers, killed and stopped in the middle of replies and posts.
`histories`: the outbox alone, in memory, with crashes as exceptions. `cities`: everything that a city does, history by
history, against the pretend networks; a worker that a history kills is a process, and gets SIGKILL. `copies`:
`backup`, `restore` and `migrate`, killed at their steps and at any time. `team`: eight people who work one queue down
together. `mutations`: rules of the trade broken on purpose, which their tests must notice; it is short, and runs whole
each time. `storm`: pages, workers and the database killed at random under posts and webhooks. `cables`: two machines,
of which one loses its network. `power`: a database whose log is cut at random places. `faults`: three calls of ten go
wrong, on each network. `schema`: requests that schemathesis makes up of the whole JSON API. The last five come in
`--parts`, each of which is a run.

Every run is one line of `var/soak/*.jsonl`, of a few minutes, with its seed and what it counted; started again, the
battery goes on from what those lines add up to. Ends with 1 when anything was doubled, lost or stuck, or a kind of
fault was never met, and names the seed to play again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from mutations import MUTATIONS, survivors  # Of this folder, which is first on the path of a script.

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "var" / "soak"
CRASH, HISTORIES = "tests/journeys/test_crash.py", "tests/models/test_work_histories.py"
CITIES = "tests/histories/test_histories.py"
COPIES = "tests/api/test_kills.py"
TEAM = "tests/moderation/triage/test_many.py"
ACTS = {"sqlite": 3, "postgresql": 1}
"""How many of the commands that are killed there are for each kind of database."""
KILLS_A_RUN = 25
CITIES_A_RUN = {"sqlite": 150, "postgresql": 50}
CITIES_OF = {"facebook": 2, "instagram": 1, "linkedin": 1}
"""How many cities of each network are played for one of another."""
ITEMS_A_RUN = {"sqlite": 10_000, "postgresql": 10_000}
STORM = {"posts": 500, "events": 5_000, "workers": 20, "pages": 10, "databases": 5, "pauses": 10}
"""What happens in one part of a storm."""
ENOUGH = 500
"""Cities of a network among which every kind of fault must have been met."""
HISTORIES_A_RUN = {"sqlite": 2_000, "postgresql": 200}
"""What one run of the `soak` profile is (tests/conftest.py; PostgreSQL takes a tenth)."""


@dataclass(frozen=True)
class Counted:
    """A battery that comes in parts: the test, what its figures count, how much of that a part has, and the settings
    that say so, the first of which begins with the word that its seed and its figures are named by.
    """

    test: str
    what: str
    part: int
    given: Mapping[str, str] = field(default_factory=dict)
    only: Mapping[str, str] = field(default_factory=dict)
    """By kind of database, what else its tests are chosen by; of a kind that is not here it has none."""


COUNTED = {
    "storm": Counted(
        "tests/journeys/test_storm.py",
        "posts",
        STORM["posts"],
        {"STORM": json.dumps(STORM)},
        {"sqlite": "", "postgresql": " and left_once"},
    ),
    "cables": Counted(
        "tests/journeys/test_storm.py", "cables", 2, {"STORM_CABLES": "2"}, {"postgresql": " and cable and many"}
    ),
    "power": Counted(
        "tests/api/v1/test_power.py", "cuts", 100, {"POWER_CUTS": "100"}, {"sqlite": "", "postgresql": ""}
    ),
    "faults": Counted("tests/histories/test_faults.py", "posts", 18 * 3 * 20, {"FAULTS_POSTS": "20"}, {"sqlite": ""}),
    "schema": Counted(
        "tests/api/v1/test_schema.py", "requests", 2_000, {"SCHEMA_EXAMPLES": "10"}, {"sqlite": " and many"}
    ),
}


def parts(name: str, database: str, wanted: int) -> bool:
    """So many parts of one of `COUNTED`, by what its lines count."""
    battery, well = COUNTED[name], True
    if database not in battery.only:
        return True
    while (done := total(lines(name), database, battery.what)) < wanted * battery.part:
        seed = random.SystemRandom().randrange(1_000_000)
        print(f"{name} on {database}: {done} of {wanted * battery.part} {battery.what}; seed {seed}", flush=True)
        word, file = next(iter(battery.given)).partition("_")[0], FOLDER / f"{name}.jsonl"
        told = {**battery.given, f"{word}_SEED": str(seed), f"{word}_FIGURES": str(file)}
        passed = pytest(
            battery.test, database, only=battery.only[database], **{f"PARVIS_{one}": two for one, two in told.items()}
        )
        with file.open("a", encoding="utf-8") as lines_of:
            lines_of.write(json.dumps({"database": database, "seed": seed, "passed": passed}) + "\n")
        well = well and passed
        if total(lines(name), database, battery.what) == done:
            return False  # It ended before it counted anything: failures.txt says why.
    return well


def lines(name: str) -> list[dict[str, Any]]:
    """What earlier runs wrote; a line that a kill cut short is left out."""
    path = FOLDER / f"{name}.jsonl"
    read = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            read.append(json.loads(line))
        except ValueError:
            continue
    return read


def total(runs: Iterable[dict[str, Any]], database: str, what: str) -> int:
    return sum(run.get(what, 0) for run in runs if run["database"] == database)


def pytest(test: str, database: str, *more: str, only: str = "", **settings: str) -> bool:
    """One run of a test of the suite on one kind of database; whether it passed. Its output is kept when it did not."""
    kind = ("postgres" if database == "postgresql" else database) + only
    # Of the kills of copies and of the team the short tier has the same test, with fewer.
    tier = [] if test in (COPIES, TEAM, COUNTED["power"].test, COUNTED["faults"].test) else ["-m", "long"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test, *tier, "-k", kind, *more]
    run = subprocess.run(command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, check=False)
    if run.returncode:
        with (FOLDER / "failures.txt").open("a", encoding="utf-8") as file:
            file.write(f"{command} {settings}\n{run.stdout}{run.stderr}\n")
    return run.returncode == 0


def crash(database: str, kills: int) -> bool:
    """Real processes and SIGKILL, until there were `kills` of them."""
    well = True
    while (done := total(lines("crash"), database, "kills")) < kills:
        seed = random.SystemRandom().randrange(1_000_000)
        now = min(KILLS_A_RUN, kills - done)
        print(f"crash on {database}: {done} of {kills} kills; {now} more with seed {seed}", flush=True)
        figures = {"PARVIS_CRASH_SEED": str(seed), "PARVIS_CRASH_KILLS": str(now)}
        passed = pytest(CRASH, database, PARVIS_CRASH_FIGURES=str(FOLDER / "crash.jsonl"), **figures)
        well = well and passed
        if total(lines("crash"), database, "kills") == done:
            return False  # It ended before it counted anything: failures.txt says why.
    return well


def copies(database: str, kills: int) -> bool:
    """What makes and puts back copies, until there were `kills` kills of it."""
    well = True
    while (done := total(lines("copies"), database, "kills")) < kills:
        seed = random.SystemRandom().randrange(1_000_000)
        now = -(-min(KILLS_A_RUN, kills - done) // ACTS[database])
        print(f"copies on {database}: {done} of {kills} kills; {now} more of each command with seed {seed}", flush=True)
        figures = {"PARVIS_COPIES_SEED": str(seed), "PARVIS_COPIES_KILLS": str(now)}
        passed = pytest(COPIES, database, PARVIS_COPIES_FIGURES=str(FOLDER / "copies.jsonl"), **figures)
        well = well and passed
        if total(lines("copies"), database, "kills") == done:
            return False  # It ended before it counted anything: failures.txt says why.
    return well


def histories(database: str, wanted: int) -> bool:
    """Model-based histories with crashes at every point, until `wanted` of them were played."""
    well = True
    while (done := total(lines("histories"), database, "histories")) < wanted:
        seed = random.SystemRandom().randrange(1_000_000)
        print(f"histories on {database}: {done} of {wanted}; seed {seed}", flush=True)
        began = time.monotonic()
        passed = pytest(HISTORIES, database, "--hypothesis-profile=soak", f"--hypothesis-seed={seed}")
        played = HISTORIES_A_RUN[database]
        line = {"database": database, "seed": seed, "histories": played, "passed": passed}
        with (FOLDER / "histories.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line | {"seconds": round(time.monotonic() - began, 1)}) + "\n")
        well = well and passed
    return well


def cities(database: str, wanted: int) -> bool:
    """Whole cities with the real connectors against the pretend networks, until `wanted` histories were played."""
    well, counted = True, FOLDER / "cities.counted"
    while (done := total(lines("cities"), database, "histories")) < wanted:
        seed = random.SystemRandom().randrange(1_000_000)
        now = min(CITIES_A_RUN[database], wanted - done)
        network = min(CITIES_OF, key=lambda name: total(of(name), database, "histories") / CITIES_OF[name])
        print(f"cities on {database}: {done} of {wanted}; {now} more of {network} with seed {seed}", flush=True)
        began = time.monotonic()
        counted.unlink(missing_ok=True)
        passed = pytest(
            CITIES,
            database,
            only=f" and {network} and quiet",
            PARVIS_HISTORIES_EACH=str(now),
            PARVIS_HISTORIES_SEED=str(seed),
            PARVIS_HISTORIES_FIGURES=str(counted),
            PARVIS_REAL_KILLS="1",
        )
        # One that failed counts nothing.
        figures = json.loads(counted.read_text(encoding="utf-8")) if counted.exists() else {}
        line = {"database": database, "network": network, "seed": seed, "histories": now, "passed": passed, **figures}
        with (FOLDER / "cities.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line | {"seconds": round(time.monotonic() - began, 1)}) + "\n")
        well = well and passed
    return well


def team(database: str, wanted: int) -> bool:
    """Eight people at one queue, until `wanted` items were worked down."""
    well = True
    while (done := total(lines("team"), database, "items")) < wanted:
        seed = random.SystemRandom().randrange(1_000_000)
        now = min(ITEMS_A_RUN[database], wanted - done)
        print(f"team on {database}: {done} of {wanted} items; {now} more with seed {seed}", flush=True)
        began = time.monotonic()
        passed = pytest(TEAM, database, PARVIS_DAY_ITEMS=str(now), PARVIS_DAY_SEED=str(seed))
        line = {"database": database, "seed": seed, "items": now, "passed": passed}
        with (FOLDER / "team.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line | {"seconds": round(time.monotonic() - began, 1)}) + "\n")
        well = well and passed
    return well


def of(network: str) -> list[dict[str, Any]]:
    """Runs of cities of one network."""
    return [run for run in lines("cities") if run.get("network") == network]


def never_met(network: str) -> set[str]:
    """Kinds of faults that no city of a network met, once many were played."""
    counted = [run for run in of(network) if "unmet" in run]
    if sum(run["histories"] for run in counted) < ENOUGH:
        return set()
    return set.intersection(*(set(run["unmet"]) for run in counted))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=100, help="on each database (default: %(default)s)")
    parser.add_argument("--histories", type=int, default=4_000, help="on SQLite; a tenth of them on PostgreSQL")
    parser.add_argument("--cities", type=int, default=5_000, help="on SQLite; a tenth of them on PostgreSQL")
    parser.add_argument("--items", type=int, default=20_000, help="that a team works down, on each database")
    parser.add_argument(
        "--parts", type=int, default=10, help="of each battery that comes in parts (default: %(default)s)"
    )
    batteries = ("mutations", "crash", "copies", "histories", "cities", "team", *COUNTED)
    parser.add_argument("--only", choices=batteries, action="append", help="one battery; all of them by default")
    asked = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    well = True
    if "mutations" in (asked.only or batteries):
        survived = survivors()
        with (FOLDER / "mutations.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"mutations": len(MUTATIONS), "survived": survived}) + "\n")
        well = not survived
    for database in ("sqlite", "postgresql"):
        tenth = 1 if database == "sqlite" else 10
        wanted = {
            "crash": partial(crash, database, asked.kills),
            "copies": partial(copies, database, asked.kills * 2),
            "histories": partial(histories, database, asked.histories // tenth),
            "cities": partial(cities, database, asked.cities // tenth),
            "team": partial(team, database, asked.items),
            **{name: partial(parts, name, database, asked.parts) for name in COUNTED},
        }
        for battery in asked.only or batteries:
            well &= wanted[battery]() if battery in wanted else True
    for database in ("sqlite", "postgresql"):
        names = ("kills", "kills_in_flight", "stops", "effects", "duplicated", "lost", "stuck")
        totals = {name: total(lines("crash"), database, name) for name in names}
        totals["histories"] = total(lines("histories"), database, "histories")
        totals["cities"] = total(lines("cities"), database, "histories")
        totals["kills_in_cities"] = total(lines("cities"), database, "really killed")
        totals["items_of_the_team"] = total(lines("team"), database, "items")
        for name, battery in COUNTED.items():
            totals |= {f"{name}_{battery.what}": total(lines(name), database, battery.what)}
        totals["kills_of_copies"] = total(lines("copies"), database, "kills")
        played = [run for name in ("histories", "cities", "copies", "team", *COUNTED) for run in lines(name)]
        failed = sum(not run.get("passed", True) for run in played if run["database"] == database)
        print(json.dumps({"database": database, **totals, "histories_failed": failed}))
        well &= not failed and not totals["duplicated"] + totals["lost"] + totals["stuck"]
    for network in CITIES_OF:
        if missing := never_met(network):
            print(f"never met on {network}: {', '.join(sorted(missing))}")
            well = False
    if not well:
        print(f"not well: seeds are in {FOLDER}/*.jsonl, outputs in {FOLDER}/failures.txt")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())

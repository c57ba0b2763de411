"""What comes in: webhooks, pulls and files, until it stands in the queue."""

from __future__ import annotations

import csv
import json
import random
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import city
import client
import floor
import pulling
from figures import Figure, least, most
from running import KINDS, SECRET, floor_server, installation, plain, product, resident, server_of, started, worker
from sqlalchemy import func, select

from api.wiring import Parvis
from classifiers.base import Classifier, Context, Verdict
from models.comments import Comment
from models.incidents import Incident
from models.items import Item
from models.vocabulary import Group311, ItemState
from moderation.intake import deliveries
from moderation.triage import classification, incidents

READ, BACKLOG, LINES, STREAM = 500, 3_000, 100_000, 2_000
"""Comments: of a round, of a backlog that workers share, of an imported file, and of a stream with events in it."""
BREAKS, WANTED_A_MINUTE = 40, 1_000
"""Events of the stream that have one place each, and comments that the detection must follow."""


def webhook(home: Path, rounds: int, seconds: float) -> list[Figure]:
    """Signed webhook bodies accepted by `parvis serve`, each on the disk before its answer."""
    chance, figures = random.Random(1), []
    bodies = [city.body(chance, number, city.BEGAN) for number in range(400)]
    bare = [client.request("POST", "/row", {"Content-Type": "application/json"}, raw) for raw in bodies]
    signed = [_signed(raw) for raw in bodies]
    crowded = [_signed(city.body(chance, number, city.BEGAN, changes=50)) for number in range(100)]
    for kind in KINDS:
        folder = home / f"webhook-{kind}"
        # On PostgreSQL as a large city has it: what was accepted is read at the same time.
        engine, name = ("off", "webhook accepted") if kind == "sqlite" else ("embedded", "the same, engine on")
        with server_of(kind) as more, installation(folder, **more) as parvis, ExitStack() as stack:
            floor_port = stack.enter_context(floor_server(folder, more.get("database_url", "")))
            port = stack.enter_context(product(parvis.settings, engine))
            client.rate(port, signed, 1.0)
            client.rate(floor_port, bare, 1.0)
            pairs = [
                (client.rate(floor_port, bare, seconds), client.rate(port, signed, seconds)) for _ in range(rounds)
            ]
            before = "" if kind == "sqlite" else "0.39"
            figures.append(least(f"{name}, {kind}", "bodies/s", pairs, "inserts/s", 0.5, before))
            if kind == "sqlite":
                many = [(pair[1], client.rate(port, crowded, seconds)) for pair in pairs]
                figures.append(least("webhook of 50 changes accepted", "bodies/s", many, "of 1/s", 0.5))
    return figures


def _signed(raw: bytes) -> bytes:
    headers = {"Content-Type": "application/json", "X-Hub-Signature-256": city.signature(raw)}
    return client.request("POST", "/webhooks/meta", headers, raw)


def pull(home: Path, rounds: int) -> list[Figure]:
    """A whole first round over an account with ten thousand comments, against the same pages merely kept."""
    port, figures = floor.free_port(), []
    with started([sys.executable, pulling.__file__, str(port)], home / "pull.log", port, {}):
        for kind, before in zip(KINDS, ("", "0.18"), strict=True):
            measured = []
            for number in range(rounds):
                with server_of(kind) as more:
                    folder = home / f"pull-{kind}-{number}"
                    given = {**more, "graph_base_url": f"http://127.0.0.1:{port}"}
                    with installation(folder, **given) as parvis:
                        measured.append(
                            (pulling.bare(folder, port, more.get("database_url", "")), pulling.ours(parvis))
                        )
            name = f"pull of {pulling.SIZE} comments, {kind}"
            figures.append(least(name, "comments/s", measured, "comments/s", 0.25, before))
    return figures


class _Timed:
    """A classifier, and how many seconds it took."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier, self.version, self.spent = classifier, classifier.version, 0.0

    def classify(self, texts: list[str], context: Context) -> list[Verdict]:
        began = time.perf_counter()
        verdicts = self._classifier.classify(texts, context)
        self.spent += time.perf_counter() - began
        return verdicts


def read(home: Path, rounds: int, seconds: float) -> list[Figure]:
    """Deliveries of one comment each, until it is in the queue with its verdict: the time of all but the model, against
    how many `parvis serve` accepts.
    """
    figures = []
    for kind, before in zip(KINDS, ("72/s of 184", ""), strict=True):
        with server_of(kind) as more, installation(home / f"reading-{kind}", **more) as parvis:
            city.found(parvis, now=datetime.now(UTC))
            model, pairs, chance = _Timed(parvis.classifier), [], random.Random(2)
            model.classify(["Bonjour"], Context())
            for number in range(rounds):
                signed = [_signed(city.body(chance, one, city.BEGAN)) for one in range(400)]
                with product(parvis.settings) as port:
                    accepted = client.rate(port, signed, seconds)
                while _read(parvis, model):
                    pass
                began, model.spent = time.perf_counter(), 0.0
                _deliver(parvis, READ, 1_000 * (number + 1))
                entered = 0
                while some := _read(parvis, model):
                    entered += some
                if entered != READ:
                    raise RuntimeError(f"{entered} of {READ} were queued")
                pairs.append((accepted, READ / (time.perf_counter() - began - model.spent)))
            name = f"webhook to the queue, all but the model, {kind}"
            figures.append(least(name, "comments/s", pairs, "accepted/s", 0.5, before))
    return figures


def events(home: Path, rounds: int) -> list[Figure]:
    """A stream of comments, three in ten about one of forty events, from the delivery until each event is a line:
    reading, model and detection together, against the pace that is wanted; and the detection alone.
    """
    figures = []
    for kind in KINDS:
        whole, alone = [], []
        for number in range(rounds):
            with server_of(kind) as more, installation(home / f"events-{kind}-{number}", **more) as parvis:
                city.found(parvis, now=datetime.now(UTC))
                parvis.classifier.classify(["Bonjour"], Context())
                _deliver(parvis, STREAM, 1, events=0.3)
                began = time.perf_counter()
                while _read(parvis, parvis.classifier):
                    pass
                read = time.perf_counter()
                while incidents.gather_due(parvis.database, now=datetime.now(UTC)):
                    pass
                ended = time.perf_counter()
                with parvis.database.read() as session:
                    found = session.scalar(select(func.count()).where(Incident.group_311 == Group311.WATER)) or 0
                if found < BREAKS:
                    raise RuntimeError(f"{found} of {BREAKS} events were found")
                whole.append((float(WANTED_A_MINUTE), 60 * STREAM / (ended - began)))
                alone.append((float(WANTED_A_MINUTE), 60 * STREAM / (ended - read)))
        wanted = "wanted"
        figures.append(least(f"stream to the line of its event, {kind}", "a minute", whole, wanted, 1.0))
        figures.append(least(f"detection of events alone, {kind}", "a minute", alone, wanted, 1.0))
    return figures


def _deliver(parvis: Parvis, size: int, first: int, *, events: float = 0.0) -> None:
    chance, now = random.Random(first), datetime.now(UTC)
    with parvis.database.write() as session:
        for number in range(first, first + size):
            deliveries.receive(session, "facebook", city.body(chance, number, now, events=events), now=now)


def _read(parvis: Parvis, model: Classifier) -> int:
    now = datetime.now(UTC)
    while deliveries.parse_due(parvis.database, parvis.webhook_of, now=now):
        pass
    return classification.classify_due(parvis.database, model, Context(reasons=False), now=now)


def readers(home: Path, rounds: int) -> list[Figure]:
    """A backlog that one worker reads, then two, on PostgreSQL; and the memory of a worker after it."""
    pairs: list[tuple[float, float]] = []
    memory: list[float] = []
    for number in range(rounds):
        one, two = (backlog(home, f"readers-{number}-{workers}", workers) for workers in (1, 2))
        pairs.append((one[0], two[0]))
        memory += one[1] + two[1]
    return [
        least("backlog read by two engines beside one", "comments/s", pairs, "one's", 1.6, "x 0.99"),
        most("memory of a worker after it", max(memory), "MB", 450, "293 MiB"),
    ]


def backlog(home: Path, name: str, workers: int) -> tuple[float, list[float]]:
    """Comments a second that so many workers read of a backlog on PostgreSQL, and the megabytes of each after it."""
    with server_of("postgresql") as more, installation(home / name, **more) as parvis, ExitStack() as stack:
        city.found(parvis, now=datetime.now(UTC), pull_due_at=datetime(2100, 1, 1, tzinfo=UTC))
        _deliver(parvis, BACKLOG, 1)
        log = parvis.settings.home / "worker"
        pids = [stack.enter_context(worker(parvis.settings, log, more)).pid for _ in range(workers)]
        began, first = _left(parvis, BACKLOG - 300)
        ended, last = _left(parvis, 300)
        return (last - first) / (ended - began), [resident(pid) for pid in pids]


def _left(parvis: Parvis, most_left: int) -> tuple[float, int]:
    """When so many at most were still to be read, and how many had been by then."""
    until = time.monotonic() + 300
    while time.monotonic() < until:
        with parvis.database.read() as session:
            done = session.scalar(select(func.count()).where(Item.state == ItemState.WAITING)) or 0
        if done >= BACKLOG - most_left:
            return time.monotonic(), done
        time.sleep(0.1)
    raise RuntimeError("the backlog was not read")


def importing(home: Path, rounds: int) -> list[Figure]:
    """`parvis import` of a large file: it ends once all is stored and a little is read, and says what is left."""
    taken = []
    for number in range(rounds):
        with installation(home / f"import-{number}") as parvis:
            city.found(parvis, now=datetime.now(UTC))
            file = parvis.settings.home / "comments.csv"
            _write(file)
            given = {"PARVIS_HOME": str(parvis.settings.home), "PARVIS_SECRET_KEY": SECRET}
            command = [str(Path(sys.executable).parent / "parvis"), "import", str(file)]
            began = time.perf_counter()
            said = subprocess.run(command, env=plain() | given, capture_output=True, text=True, check=True).stdout
            taken.append(time.perf_counter() - began)
            with parvis.database.read() as session:
                stored = session.scalar(select(func.count()).select_from(Comment))
            if stored != LINES or "minute" not in said:
                raise RuntimeError(f"{stored} stored: {json.dumps(said)}")
    return [most(f"import of {LINES} lines ends after", median(taken), "s", 60, "15 min")]


def _write(file: Path) -> None:
    chance = random.Random(4)
    with file.open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out)
        table.writerow(["id", "network", "account", "author", "text", "created_at"])
        for number in range(LINES):
            who, said = f"Citoyen {number % 5_000}", city.text(chance)
            table.writerow([f"i{number}", "facebook", city.PAGE, who, said, city.BEGAN.isoformat()])

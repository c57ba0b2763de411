"""What people wait for: the pages of the queue, its filters and its search, the start, and sign-in under a rush."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles

import city
import client
from fastapi.testclient import TestClient
from figures import Figure, most
from running import COOKIE, KINDS, installation, product, resident, served, server_of
from sqlalchemy import event, select, text

from api.app import create_app
from api.wiring import Parvis
from models.items import Item
from moderation.triage import queue

SMALL, MIDDLE = 1_000, 10_000
FIRST, FIRST_OF_A_MILLION = 30.0, 40.0
"""Milliseconds at most to the first page, in nineteen times of twenty."""


def pages(home: Path, floor_port: int, rounds: int, large: int) -> list[Figure]:
    """The queue at 1,000 and at `large` waiting comments, as a signed-in moderator: first page and deep page."""
    figures = []
    ping = client.request("GET", "/ping", {})
    for kind in KINDS:
        with ExitStack() as stack:
            ports, paths, counted = {}, {}, {}
            for size in (SMALL, large):
                parvis = _filled(home, kind, size, "queue", stack)
                paths[size] = _paths(parvis, size)
                counted[size] = {name: queries(parvis, path) for name, path in paths[size].items()}
                ports[size] = stack.enter_context(product(parvis.settings))
            for name in paths[large]:
                sent = {size: client.request("GET", paths[size][name], COOKIE) for size in ports}
                pairs, bare, slow = [], [], []
                for turn in range(rounds + 1):
                    taken = {size: client.times(ports[size], sent[size], 40) for size in ports}
                    if turn:  # The first one warms up.
                        pairs.append((median(taken[SMALL]), median(taken[large])))
                        slow.append(quantiles(taken[large], n=20)[-1] * 1000)
                        bare.append(median(client.times(floor_port, ping, 40)) * 1000)
                growth = median(after / before for before, after in pairs)
                small, ours = (median(one) * 1000 for one in zip(*pairs, strict=True))
                met = growth <= 1.5 and counted[large][name] == counted[SMALL][name]
                said = f"{name}, {kind} ({counted[large][name]} queries)"
                figures.append(Figure(said, ours, "ms", small, f"ms at {SMALL}", growth, "<= 1.5", met))
                if name == "page /":
                    at_most = FIRST if large < 1_000_000 else FIRST_OF_A_MILLION
                    said = f"the same, p95 ({median(slow) / median(bare):.0f} pings)"
                    figures.append(most(said, median(slow), "ms", at_most, {"sqlite": "84", "postgresql": "89"}[kind]))
    return figures


def _filled(home: Path, kind: str, size: int, name: str, stack: ExitStack) -> Parvis:
    more = stack.enter_context(server_of(kind))
    parvis = stack.enter_context(installation(home / f"{name}-{kind}-{size}", **more))
    began = time.perf_counter()
    city.fill(parvis, city.found(parvis, now=datetime.now(UTC)), size, now=datetime.now(UTC))
    if kind == "postgresql":
        with parvis.database.write() as session:
            session.execute(text("ANALYZE"))  # It would by itself, a minute later.
    print(f"{size} comments made in {time.perf_counter() - began:.1f} s, {kind}", file=sys.stderr)
    return parvis


NARROWED = {
    "a rare word": ("/?mots=patinoire", 3.0, "2.5 s at 1 M"),
    "an absent word": ("/?mots=zamboni", 3.0, "2.5 s at 1 M"),
    "two rare words": ("/?mots=patinoire+glacee", 3.0, "2.8 s at 1 M"),
    "an account": ("/?compte=2", 1.5, "up to 1.6 s at 1 M"),
    "a suggestion": ("/?suggestion=hide", 1.5, "up to 1.6 s at 1 M"),
    "an intention": ("/?intention=eloge", 1.5, "up to 1.6 s at 1 M"),
    "handled ones of an account": ("/?etat=traites&compte=2", 1.5, "up to 1.6 s at 1 M"),
}


def filters(home: Path, floor_port: int, rounds: int, large: int) -> list[Figure]:
    """The list narrowed to five comments of 10,000 and of `large`: 95th percentiles beside a ping, and their growth."""
    figures = []
    ping = median(client.times(floor_port, client.request("GET", "/ping", {}), 40)) * 1000
    for kind in KINDS:
        with ExitStack() as stack:
            ports = []
            for size in (MIDDLE, large):
                parvis = _filled(home, kind, size, "filters", stack)
                city.hide_few(parvis, size)
                if kind == "postgresql":
                    # It changes many rows at once; the server would clear them away by itself, a minute later.
                    with parvis.database.engine.connect() as connection:
                        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM ANALYZE"))
                ports.append(stack.enter_context(product(parvis.settings)))
            for name, (path, grown, before) in NARROWED.items():
                sent = client.request("GET", path, COOKIE | {"HX-Request": "true"})
                pairs = [tuple(_slowest(client.times(port, sent, 20)) for port in ports) for _ in range(rounds + 1)][1:]
                small, ours = (median(one) for one in zip(*pairs, strict=True))
                figures.append(
                    Figure(
                        f"list: {name}, {kind} ({ours / ping:.0f} pings)", ours, "ms p95", small, f"ms at {MIDDLE}",
                        ours / small, f"<= {grown}, 60 ms", ours / small <= grown and ours <= 60, before,
                    )
                )  # fmt: skip
    return figures


def _slowest(times: Sequence[float]) -> float:
    return quantiles(times, n=20)[-1] * 1000


def starts(home: Path, rounds: int) -> list[Figure]:
    """From the command to the first answer of a server that has nothing to do yet."""
    taken, memory = [], 0.0
    with installation(home / "start") as parvis:
        for _ in range(rounds):
            began = time.perf_counter()
            with served(parvis.settings) as process:
                client.times(parvis.settings.port, client.request("GET", "/healthz", {}), 1)
                taken.append(time.perf_counter() - began)
                memory = resident(process.pid)
    return [
        most("start to the first answer", median(taken), "s", 1.8, "3.0 s"),
        most("memory at the start", memory, "MB", 300),
    ]


def sign_ins(home: Path, rounds: int) -> list[Figure]:
    """Forty sign-ins at once: how long `/healthz` takes meanwhile against an idle server, and how memory grows."""
    health, pairs, grown = client.request("GET", "/healthz", {}), [], []
    with installation(home / "sign-in") as parvis, served(parvis.settings) as process:
        port = parvis.settings.port
        client.times(port, health, 20)
        for number in range(rounds):
            # Each round from an address of its own: what is throttled is not hashed.
            sent = [_guess(one, f"203.0.113.{number}") for one in range(40)]
            idle, before = median(client.times(port, health, 20)), resident(process.pid)
            taken, highest = [], before
            with ThreadPoolExecutor(len(sent)) as pool:
                waiting = [pool.submit(_status, port, guess) for guess in sent]
                while not all(one.done() for one in waiting):
                    taken += client.times(port, health, 1)
                    highest = max(highest, resident(process.pid))
            statuses = {one.result() for one in waiting}
            assert statuses == {401}, f"not every password was checked: {statuses}"
            pairs.append((idle * 1000, median(taken) * 1000))
            grown.append(highest - before)
    idle, busy = (median(one) for one in zip(*pairs, strict=True))
    return [
        Figure("/healthz during 40 sign-ins", busy, "ms", idle, "ms idle", busy / idle, "< 1 s", busy < 1000),
        most("memory grown by 40 sign-ins", max(grown), "MB", 300),
    ]


def _guess(number: int, address: str) -> bytes:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-For": address}
    return client.request("POST", "/connexion", headers, f"email=p{number}@ville.example&password=une+phrase".encode())


def _status(port: int, sent: bytes) -> int:
    with closing(client.connect(port)) as connection:
        return client.exchange(connection, sent)[0]


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

    # On PostgreSQL both are one engine.
    database = parvis.database
    engines = {database._writing, database._reading} if database.sqlite else {database._writing}
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

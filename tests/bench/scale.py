"""One worker, two, four: what each adds; and what people wait for while fifty of them work at once on a large city."""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles

import city
import client
import delivery
import floor
import intake
from figures import Figure, most
from running import floor_server, installation, product, server_of, started, worker
from sqlalchemy import insert, select, text

from api.wiring import Parvis
from models.accounts import Delivery
from models.comments import Comment, VerdictRow
from models.effects import Effect
from models.items import Item
from models.people import Membership, Person, SignIn
from models.secrets import fingerprint
from models.vocabulary import DeliveryState, EffectState, ItemState, Role

WORKERS = (1, 2, 4)
EACH = 0.8
"""Of what it would be if each worker added as much as the first, as long as there is a core for each."""
NO_LESS = 0.9
"""Of what fewer workers do, where there are more of them than cores."""
PEOPLE, AN_HOUR = 50, 5_000
"""At once, and comments that come meanwhile."""
THINKING = (1.0, 5.0)
"""Seconds that somebody reads before the next act."""


def scale(home: Path, rounds: int) -> list[Figure]:
    """A backlog that is classified and effects that are sent, on PostgreSQL: ratios to one worker of the same round."""
    print(f"{os.cpu_count()} cores for workers, database and pretend network together", file=sys.stderr)
    backlog: dict[int, list[float]] = {workers: [] for workers in WORKERS}
    acts: dict[int, list[float]] = {workers: [] for workers in WORKERS}
    for number in range(rounds):
        for workers in WORKERS:
            backlog[workers].append(intake.backlog(home, f"scale-{number}-{workers}", workers)[0])
            acts[workers].append(delivery.delivered_by(home, "postgresql", f"scale-{number}-{workers}", workers)[1])
    figures = []
    for name, unit, rates in (("backlog classified", "comments/s", backlog), ("effects sent", "acts/s", acts)):
        figures += [_ratio(f"{name} by {workers} workers", unit, rates, workers) for workers in WORKERS[1:]]
    return figures


def _ratio(name: str, unit: str, rates: dict[int, list[float]], workers: int) -> Figure:
    seen = median(many / one for one, many in zip(rates[1], rates[workers], strict=True))
    wanted = EACH * workers
    if workers > (cores := os.cpu_count() or 1):
        fewer = max(one for one in rates if one <= cores)
        wanted = NO_LESS * median(many / one for one, many in zip(rates[1], rates[fewer], strict=True))
    one, many = median(rates[1]), median(rates[workers])
    return Figure(name, many, unit, one, "one's", seen, f">= {wanted:.2f}", seen >= wanted)


def people(home: Path, large: int, seconds: float) -> list[Figure]:
    """Fifty people work while comments and posts come and go, on PostgreSQL: 95th percentiles, beside the bare floor
    that is asked in the same seconds on the same machine.
    """
    with ExitStack() as stack:
        far, folder = floor.free_port(), home / "people"
        told = home / "people.json"
        command = [sys.executable, delivery.__file__, str(far), str(told)]
        stack.enter_context(started(command, home / "people-far.log", far, {}))
        more = {"graph_base_url": f"http://127.0.0.1:{far}", **stack.enter_context(server_of("postgresql"))}
        parvis = stack.enter_context(installation(folder, **more))
        now = datetime.now(UTC)
        account = city.found(parvis, now=now, token=delivery.TOKEN, pull_due_at=now + timedelta(days=1))
        city.fill(parvis, account, large, now=now)
        tokens = _hired(parvis, now)
        with parvis.database.write() as session:
            for table in ("author", "source_post", "comment"):  # `fill` gave the numbers itself.
                last = f"(SELECT max(id) FROM {table})"
                session.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {last})"))
            session.execute(text("ANALYZE"))
        bare = stack.enter_context(floor_server(folder, more["database_url"]))
        port = stack.enter_context(product(parvis.settings))
        stack.enter_context(worker(parvis.settings, folder / "worker", more))
        client.times(port, client.request("GET", "/", {"Cookie": f"parvis={tokens[0]}"}), 20)
        time.sleep(4.0)  # The worker has started, and the pages are warm.
        began = datetime.now(UTC)
        delivery.owe_posts(parvis, account, int(seconds), due_at=began + timedelta(seconds=seconds / 2))
        taken = _worked(parvis.settings.base_url, port, bare, tokens, large, seconds)
        _caught_up(parvis)
        sent = select(Effect.sent_at, Effect.due_at).where(Effect.state == EffectState.DONE)
        read = select(VerdictRow.at, Comment.received_at).join(Comment).where(Comment.received_at >= began)
        with parvis.database.read() as session:
            late, waited = (
                [(one - other).total_seconds() for one, other in session.execute(rows)] for rows in (sent, read)
            )
    slow = {name: _slowest(times) * 1000 for name, times in taken.items()}
    who, figures = f"{PEOPLE} people at once on {large}", []
    for name, beside, at_most in (
        ("webhook accepted", "row", 12.0), ("page of the queue", "ping", 60.0), ("decision", "row", 25.0)
    ):  # fmt: skip
        ratio = slow[name] / slow[beside]
        bare_unit = f"ms p95 {beside}"
        met = ratio <= at_most
        figures.append(
            Figure(f"{name}, {who}", slow[name], "ms p95", slow[beside], bare_unit, ratio, f"<= {at_most}", met)
        )
    return [
        *figures,
        most(f"from the webhook to the verdict, p95, {who}", _slowest(waited), "s", 4.0),
        most(f"posts late, p95, {who}", _slowest(late), "s", 2.5),
    ]


def _slowest(times: Sequence[float]) -> float:
    return quantiles(times, n=20)[-1]


def _hired(parvis: Parvis, now: datetime) -> list[str]:
    tokens = [f"a-browser-of-person-{number}-of-the-benches" for number in range(PEOPLE)]
    with parvis.database.write() as session:
        for number, token in enumerate(tokens):
            person = Person(email=f"p{number}@ville.example", name=f"Personne {number}", created_at=now)
            session.add(person)
            session.flush()
            session.add(Membership(person_id=person.id, role=Role.MODERATOR))
            ends = now + timedelta(hours=12)
            row = {"fingerprint": fingerprint(token), "person_id": person.id, "created_at": now, "seen_at": now}
            session.execute(insert(SignIn), [{**row, "expires_at": ends, "proved": True}])
    return tokens


def _worked(
    base_url: str, port: int, bare: int, tokens: Sequence[str], large: int, seconds: float
) -> dict[str, list[float]]:
    """What each kind of request took, in seconds."""
    taken: dict[str, list[float]] = {
        name: [] for name in ("page of the queue", "decision", "webhook accepted", "row", "ping")
    }
    until, faults = time.monotonic() + seconds, []

    def ask(connection: object, name: str, sent: bytes, *well: int) -> None:
        began = time.perf_counter()
        status, body = client.exchange(connection, sent)  # type: ignore[arg-type]
        taken[name].append(time.perf_counter() - began)
        if status not in well:
            faults.append(f"{name} {status}: {body[:200]!r}")

    def somebody(number: int, token: str) -> None:
        chance = random.Random(number)
        cookie = {"Cookie": f"parvis={token}", "Origin": base_url}
        page = client.request("GET", "/", cookie)
        time.sleep(chance.uniform(0, THINKING[1]))
        comment = number * (large // PEOPLE)
        with closing(client.connect(port)) as connection:
            while time.monotonic() < until and not faults:
                comment += 1
                ask(connection, "page of the queue", page, 200)
                time.sleep(chance.uniform(*THINKING))
                asked = json.dumps({"comment_id": comment, "version": 1, "kind": "nothing"}).encode()
                sent = client.request(
                    "POST", "/api/v1/decisions", {**cookie, "Content-Type": "application/json"}, asked
                )
                ask(connection, "decision", sent, 201)

    def network() -> None:
        chance = random.Random(7)
        with closing(client.connect(port)) as connection:
            for number in range(10**9):
                if time.monotonic() > until or faults:
                    return
                raw = city.body(chance, 10_000_000 + number, datetime.now(UTC))
                headers = {"Content-Type": "application/json", "X-Hub-Signature-256": city.signature(raw)}
                ask(connection, "webhook accepted", client.request("POST", "/webhooks/meta", headers, raw), 200)
                time.sleep(3_600 / AN_HOUR)

    def beside() -> None:
        ping, raw = client.request("GET", "/ping", {}), city.body(random.Random(8), 1, city.BEGAN)
        row = client.request("POST", "/row", {"Content-Type": "application/json"}, raw)
        with closing(client.connect(bare)) as connection:
            while time.monotonic() < until and not faults:
                ask(connection, "ping", ping, 200)
                ask(connection, "row", row, 200)
                time.sleep(0.2)

    threads = [threading.Thread(target=somebody, args=one) for one in enumerate(tokens)]
    threads += [threading.Thread(target=one) for one in (network, beside)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    if faults:
        raise RuntimeError(faults[0])
    return taken


def _caught_up(parvis: Parvis) -> None:
    until = time.monotonic() + 60
    left = (
        select(Delivery.id).where(Delivery.state == DeliveryState.RECEIVED),
        select(Item.id).where(Item.state == ItemState.RECEIVED),
        select(Effect.id).where(Effect.state != EffectState.DONE),
    )
    while time.monotonic() < until:
        with parvis.database.read() as session:
            if not any(session.scalar(rows.limit(1)) for rows in left):
                return
        time.sleep(0.2)
    raise RuntimeError("what came was not done a minute later")

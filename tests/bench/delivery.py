"""What acts on a network cost: hides of comments and posts that are due at once, delivered by real workers to a pretend
network in a process of its own.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from subprocess import Popen

import city
import floor
from figures import Figure, least, most
from running import KINDS, installation, server_of, started, worker
from sqlalchemy import func, insert, select

from api.wiring import Parvis
from connectors.standin.server import create_standin, run_in_thread
from connectors.standin.state import Standin
from models.comments import Comment
from models.effects import OPEN_STATES, Effect
from models.people import Person
from models.posts import Post, Variant
from models.vocabulary import EffectState, OperationKind, PostState
from models.work import enqueue

TOKEN = "a-page-token-of-the-benches-alone"
COMMENTS = 1_000
PATIENCE = 120.0
"""Seconds after which what is still open is a fault, and no figure."""

Workers = Callable[[int], Sequence[AbstractContextManager["Popen[bytes]"]]]


def serve(port: int, told: str) -> None:
    """A pretend Page with one busy post, until it is ended; the ids of its comments go to the file `told`."""
    state = Standin(app_secret=city.APP_SECRET)
    page = state.page(city.PAGE, "Ville de Sainte-Rive", TOKEN)
    post, citizen = state.post(page, "Tempête"), state.citizen("Louise Tremblay")
    ids = [state.comment(post, citizen, f"Ma rue, {number}e demande", tell=False).id for number in range(COMMENTS)]
    Path(told).write_text(json.dumps(ids), encoding="utf-8")
    run_in_thread(create_standin(state), port)
    threading.Event().wait()


def owe_hides(parvis: Parvis, account_id: int, ids: Sequence[str], *, due_at: datetime) -> None:
    """So many comments that are there, each with a hide that is due."""
    with parvis.database.write() as session:
        row = {"account_id": account_id, "created_at": due_at, "received_at": due_at, "text": "Ma rue", "version": 1}
        session.execute(insert(Comment), [{**row, "external_id": one} for one in ids])
        for one in ids:
            common = {"operation": OperationKind.HIDE, "channel_id": account_id, "payload": {}, "due_at": due_at}
            enqueue(session, key=f"hide:{one}", target=one, **common)


def owe_posts(parvis: Parvis, account_id: int, number: int, *, due_at: datetime) -> None:
    """So many posts that are due in one second."""
    with parvis.database.write() as session:
        author = session.scalars(select(Person.id).limit(1)).one()
        for one in range(number):
            post = Post(title="t", state=PostState.SCHEDULED, author_id=author, publish_at=due_at, created_at=due_at)
            session.add(post)
            session.flush()
            text = f"Avis {one} du {due_at:%H:%M:%S}"
            effect = enqueue(
                session,
                key=f"post:{post.id}",
                operation=OperationKind.PUBLISH,
                channel_id=account_id,
                target=None,
                payload={"text": text, "link": None},
                due_at=due_at,
            )
            session.add(Variant(post_id=post.id, account_id=account_id, text=text, effect_id=effect.id))


def acts(home: Path, rounds: int) -> list[Figure]:
    """What an act costs our processes, how late 200 posts leave that are due in one second, and what a second engine
    adds, on both databases.
    """
    figures = []
    for kind, before in zip(KINDS, (("23 ms", "7.4 s", ""), ("27 ms", "8.9 s", "x 0.96")), strict=True):
        cost, late, pairs = [], [], []
        for number in range(rounds):
            one, two = (delivered_by(home, kind, f"{number}-{engines}", engines) for engines in (1, 2))
            cost.append(one[0])
            pairs.append((one[1], two[1]))
            late.append(delivered_by(home, kind, f"{number}-posts", 1, posts=200)[2])
        figures += [
            most(f"processor for one act, {kind}", median(cost), "ms", 8.0, before[0]),
            most(f"200 posts due at once, late p95, {kind}", median(late), "s", 2.5, before[1]),
            least(f"acts of two engines beside one, {kind}", "acts/s", pairs, "one's", 1.5, before[2]),
        ]
    return figures


def delivered_by(home: Path, kind: str, name: str, engines: int, posts: int = 0) -> tuple[float, float, float]:
    port, folder = floor.free_port(), home / f"delivery-{kind}-{name}"
    told = home / f"{folder.name}.json"
    with ExitStack() as stack:
        command = [sys.executable, __file__, str(port), str(told)]
        stack.enter_context(started(command, home / f"{folder.name}.log", port, {}))
        more = {"graph_base_url": f"http://127.0.0.1:{port}"}
        more |= stack.enter_context(server_of(kind))
        parvis = stack.enter_context(installation(folder, **more))
        now = datetime.now(UTC)
        # What the worker would read of the account meanwhile is no part of an act.
        account = city.found(parvis, now=now, token=TOKEN, pull_due_at=now + timedelta(days=1))
        ids = json.loads(told.read_text(encoding="utf-8"))

        def owe(due_at: datetime) -> None:
            if posts:
                owe_posts(parvis, account, posts, due_at=due_at)
            else:
                owe_hides(parvis, account, ids[:400], due_at=due_at)

        workers = [worker(parvis.settings, folder / f"worker-{one}", more) for one in range(engines)]
        return delivered(parvis, workers, owe)


def delivered(
    parvis: Parvis, workers: Sequence[AbstractContextManager[Popen[bytes]]], owe: Callable[[datetime], None]
) -> tuple[float, float, float]:
    """Start workers, owe something that is due a little later, and wait until all of it is done. Gives milliseconds of
    the workers' processors for each act, acts per second, and the 95th percentile of the lateness in seconds.
    """
    with ExitStack() as stack:
        pids = [stack.enter_context(one).pid for one in workers]
        time.sleep(4.0)  # They have started, and their clocks tick.
        due_at = datetime.now(UTC) + timedelta(seconds=4)
        owe(due_at)
        wait = (due_at - datetime.now(UTC)).total_seconds() - 0.2
        assert wait > 0, "it took too long to write down what is owed"
        time.sleep(wait)
        began = sum(map(_spent, pids))
        until = time.monotonic() + PATIENCE
        while _open(parvis):
            assert time.monotonic() < until, "not everything left"
            time.sleep(0.1)
        spent = sum(map(_spent, pids)) - began
    with parvis.database.read() as session:
        left = session.execute(select(Effect.sent_at, Effect.state).where(Effect.due_at == due_at)).all()
    assert all(state == EffectState.DONE for _, state in left), "not everything was done"
    late = sorted((sent_at - due_at).total_seconds() for sent_at, _ in left if sent_at is not None)
    return spent * 1000 / len(left), len(left) / max(late[-1], 0.001), quantiles(late, n=20)[-1]


def _open(parvis: Parvis) -> int:
    with parvis.database.read() as session:
        return session.scalar(select(func.count()).where(Effect.state.in_(OPEN_STATES))) or 0


def _spent(pid: int) -> float:
    """Seconds of processor that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2])

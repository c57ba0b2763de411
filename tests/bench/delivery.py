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
from statistics import quantiles
from subprocess import Popen

import city
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

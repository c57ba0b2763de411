"""A worker that exists to be killed: the product's outbox, handlers, locks and connectors, in a loop, soon impatient.

Started by `test_crash.py` as `python crash_worker.py SETTINGS`, where SETTINGS is one JSON object. It ends when its
standard input does, so that nothing outlives a test that was itself killed.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy.exc import OperationalError

from connectors.base import AccountRef, Network
from connectors.desks import DeskSettings
from connectors.meta.graph import GraphSettings
from connectors.registry import NetworkSettings, desk, network
from models.locks import locks_for
from models.secrets import Vault
from models.session import Database
from models.work import Timing, Work
from moderation.requests import handover
from moderation.triage import delivery as moderation_delivery
from publishing import delivery as publishing_delivery
from publishing import preparing
from publishing.album import Album
from scheduler.distributed import Distributed
from scheduler.engine import Embedded, Engine


def main(settings: dict[str, Any]) -> None:
    pages: dict[str, list[str]] = settings["pages"]
    graph = NetworkSettings(GraphSettings(base_url=settings["standin"], timeout=(2.0, 1.0)))

    def network_of(account_id: int) -> Network:
        # As slow as a name server can be: the row says `sending`, and not a byte has left yet. It is there that a
        # worker which stops, and wakes after others have gone on, would send a second time.
        time.sleep(random.uniform(0, 0.1))
        external_id, token = pages[str(account_id)]
        return network(graph, AccountRef("facebook", external_id, token))

    def clock() -> datetime:
        return datetime.now(UTC)

    # Pictures have sealed addresses.
    database = Database(settings["database"], Vault([settings["secret"]]), pool_size=8)
    timing = Timing(**{name: timedelta(seconds=value) for name, value in settings["timing"].items()}, reads=2)
    locks, album = locks_for(database, Path(settings["home"])), Album(database, clock, str)
    work = Work(
        database,
        locks,
        [
            moderation_delivery.effect_handler(network_of),
            publishing_delivery.effect_handler(network_of, album),
            handover.effect_handler(database, lambda _: desk(DeskSettings(**settings["desk"], timeout=(2.0, 1.0)))),
        ],
        owner=settings["owner"],
        clock=clock,
        timing_of=lambda _: timing,
        hold=timing.lease,
    )
    # Its seconds are as short here as those of the outbox.
    preparing.SOON, preparing.AGAIN = timedelta(0), timedelta(seconds=0.3)

    def prepare(account_id: int) -> None:
        preparing.prepare(database, locks, network_of, album, account_id, clock=clock)

    handlers = {"deliver": work.deliver, "reconcile": work.reconcile, "prepare": prepare}
    engine: Engine = Embedded(handlers, threads=3)
    wanted: Callable[[], list[int]] = partial(work.claim, limit=6)
    if settings["distributed"]:
        queues = {name: [name] for name in handlers}
        engine = Distributed(
            handlers, database, queues, taking=[*queues], threads=2, silence=timing.lease.total_seconds()
        )
        wanted = partial(work.due, limit=6)
    engine.start()
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    while not ended.is_set():
        with suppress(OperationalError):  # A stopped worker may hold SQLite longer than anybody waits.
            for effect_id in wanted():
                engine.send("deliver", effect_id)
            for effect_id in work.uncertain():
                engine.send("reconcile", effect_id)
            with database.read() as session:
                waiting = preparing.accounts_to_prepare(session, now=clock())
            for account_id in waiting:
                engine.send("prepare", account_id)
        time.sleep(0.03)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

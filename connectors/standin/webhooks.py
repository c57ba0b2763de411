"""The pretend networks post what happened to the city, each signed in its way, from a thread of their own."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import requests

from connectors.standin.registry import HOOKS, route_of
from connectors.standin.state import Standin
from connectors.standin.wire import Told

RETRIES = (0.2, 0.5, 1.0, 2.0)
"""Seconds between tries of one body. Networks go on for hours; a demonstration does not."""
Spoilt = Literal["signature", "value"]
"""What may be wrong with a body: who signed it, or that its changes have no value."""


@dataclass
class Webhooks:
    """`told` holds every change since the start or the last `forget`, whether it was delivered or not. `urls` are the
    city's addresses, by route.
    """

    state: Standin
    urls: dict[str, str] = field(default_factory=dict)
    enabled: bool = True
    told: list[Told] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """Status of each try, in order; 0 when nobody answered."""
    _queue: queue.Queue[tuple[str, bytes, bool] | None] = field(default_factory=queue.Queue, repr=False)

    def __post_init__(self) -> None:
        self.state.heard = self.hear
        threading.Thread(target=self._deliver, name="standin-webhooks", daemon=True).start()

    def hear(self, account: str, value: dict[str, Any], name: str = "feed", topic: str = "page") -> None:
        """A change happened: it is remembered, and on its way at once."""
        self.told.append(Told(topic, account, name, value))
        route = route_of(topic)
        if self.enabled and route in self.urls:
            self._queue.put((route, HOOKS[route].body_of(self.told[-1:], self.state.now()), False))

    def redeliver(self, copies: int = 1, *, shuffle: bool = False, batch: int = 1, spoilt: Spoilt | None = None) -> int:
        """Post again all that was told, in bodies of `batch` changes of one topic; the number of bodies."""
        now = self.state.now()
        with self.state.lock:
            changes = list(self.told) * copies
            if shuffle:
                self.state.chance.shuffle(changes)
        if spoilt == "value":
            changes = [replace(one, value=None) for one in changes]
        forged, bodies = spoilt == "signature", []
        for route, hook in HOOKS.items():
            for topic in hook.TOPICS:
                told, size = [one for one in changes if one.topic == topic], min(batch, hook.MOST)
                bodies += [(route, hook.body_of(told[at : at + size], now), forged) for at in range(0, len(told), size)]
        for body in bodies:
            self._queue.put(body)
        return len(bodies)

    def verify(self, token: str) -> bool:
        """Every network asks whether its address is the city's."""
        return all(HOOKS[route].verify(url, token) for route, url in self.urls.items())

    def pending(self) -> int:
        """Bodies that are not delivered yet (the one being sent counts)."""
        return self._queue.unfinished_tasks

    def forget(self) -> None:
        self.told.clear()
        self.answers.clear()

    def close(self) -> None:
        self._queue.put(None)

    def _deliver(self) -> None:
        with requests.Session() as session:
            while (waiting := self._queue.get()) is not None:
                self._post(session, *waiting)
                self._queue.task_done()

    def _post(self, session: requests.Session, route: str, body: bytes, forged: bool) -> None:  # noqa: FBT001  Queued.
        headers = HOOKS[route].headers(self.state, body + b" " if forged else body)  # The signature of another body.
        for pause in (*(() if forged else RETRIES), None):  # Who forges does not insist.
            if not (url := self.urls.get(route)):
                return
            try:
                status = session.post(url, data=body, headers=headers, timeout=10).status_code
            except requests.RequestException:
                status = 0
            self.answers.append(status)
            if 200 <= status < 300 or pause is None:
                return
            time.sleep(pause)

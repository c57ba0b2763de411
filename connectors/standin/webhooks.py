"""The pretend networks post what happened to the city, each signed in its way, from a thread of their own."""

from __future__ import annotations

import hashlib
import hmac
import json
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import requests

from connectors.standin.linkedin import webhooks
from connectors.standin.linkedin.webhooks import TOPIC as LINKEDIN
from connectors.standin.state import Standin

RETRIES = (0.2, 0.5, 1.0, 2.0)
"""Seconds between tries of one body. Meta goes on for 36 hours, LinkedIn for eight; a demonstration does not."""
TOPICS = ("page", "instagram", LINKEDIN)
Spoilt = Literal["signature", "value"]
"""What may be wrong with a body: who signed it, or that its changes have no value."""


@dataclass(frozen=True)
class Told:
    """One change, as its network tells it: of which of `TOPICS`, on which account, of which field (Meta's word)."""

    topic: str
    account: str
    name: str
    value: dict[str, Any] | None
    """None: the change says only that it happened."""


@dataclass
class Webhooks:
    """`told` holds every change since the start or the last `forget`, whether it was delivered or not. `url` is
    Meta's callback.
    """

    state: Standin
    url: str | None = None
    linkedin_url: str | None = None
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
        if self.enabled and self._address(topic):
            self._queue.put((topic, body_of(self.told[-1:], self.state.now()), False))

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
        for topic in TOPICS:
            told = [one for one in changes if one.topic == topic]
            size = min(batch, webhooks.MOST) if topic == LINKEDIN else batch
            bodies += [(topic, body_of(told[at : at + size], now), forged) for at in range(0, len(told), size)]
        for body in bodies:
            self._queue.put(body)
        return len(bodies)

    def verify(self, token: str) -> bool:
        """Meta's handshake when a callback is declared: the challenge must come back."""
        params = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "1158201444"}
        try:
            answer = requests.get(self.url or "", params=params, timeout=10)
        except requests.RequestException:
            return False
        return answer.status_code == 200 and answer.text == params["hub.challenge"]

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

    def _address(self, topic: str) -> str | None:
        return self.linkedin_url if topic == LINKEDIN else self.url

    def _headers(self, topic: str, body: bytes) -> dict[str, str]:
        if topic == LINKEDIN:
            return webhooks.headers(body)
        signature = hmac.new(self.state.app_secret.encode(), body, hashlib.sha256).hexdigest()
        return {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={signature}"}

    def _post(self, session: requests.Session, topic: str, body: bytes, forged: bool) -> None:  # noqa: FBT001  Queued.
        headers = self._headers(topic, body + b" " if forged else body)  # The signature of another body.
        for pause in (*(() if forged else RETRIES), None):  # Who forges does not insist.
            if not (url := self._address(topic)):
                return
            try:
                status = session.post(url, data=body, headers=headers, timeout=10).status_code
            except requests.RequestException:
                status = 0
            self.answers.append(status)
            if 200 <= status < 300 or pause is None:
                return
            time.sleep(pause)


def body_of(changes: Sequence[Told], now: float) -> bytes:
    """One body, sent at `now`, in unix seconds. Meta's has an entry for each run of changes of an account, and escapes
    letters outside ASCII.
    """
    if changes[0].topic == LINKEDIN:
        return webhooks.body_of([one.value or {} for one in changes])
    entries: list[dict[str, Any]] = []
    for one in changes:
        if not entries or entries[-1]["id"] != one.account:
            entries.append({"id": one.account, "time": int(now), "changes": []})
        entries[-1]["changes"].append(({} if one.value is None else {"value": one.value}) | {"field": one.name})
    return json.dumps({"object": changes[0].topic, "entry": entries}, ensure_ascii=True).encode()

"""How often one address may ask for what anybody may see, so that nobody reads all of it by trying numbers."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime, timedelta

from fastapi import HTTPException

from administration.sign_in import network_of

WINDOW = timedelta(minutes=1)
ADDRESSES = 10_000
"""Addresses that are remembered; the one that asked the longest ago is forgotten first."""


class Turns:
    """Turns of each address in a minute, in this process. One that was wrong costs as `much` as several."""

    def __init__(self, most: int = 30, much: int = 3) -> None:
        self._most, self._much = most, much
        self._lock = threading.Lock()
        self._taken: OrderedDict[str, tuple[datetime, int]] = OrderedDict()

    def take(self, address: str, *, now: datetime, wrong: bool = False) -> None:
        """Take a turn. HTTPException 429: there are none left for now."""
        key = network_of(address)
        with self._lock:
            since, taken = self._taken.pop(key, (now, 0))
            if now - since >= WINDOW:
                since, taken = now, 0
            self._taken[key] = since, taken + (self._much if wrong else 1)
            if len(self._taken) > ADDRESSES:
                self._taken.popitem(last=False)
        if taken >= self._most:
            raise HTTPException(429, headers={"retry-after": str(round(WINDOW.total_seconds()))})

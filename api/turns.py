"""How often somebody may ask within a minute: an address for what anybody may see, so that nobody reads all of it by
trying numbers; a key for the JSON API, so that one program leaves room for the others.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import HTTPException

WINDOW = timedelta(minutes=1)
REMEMBERED = 10_000
"""Those who are remembered; who asked the longest ago is forgotten first."""


@dataclass(frozen=True)
class Left:
    """Turns that somebody has left, and in how many seconds all of them come back."""

    turns: int
    seconds: int


class Turns:
    """Turns of each in a minute, in this process. One that was wrong costs as `much` as several."""

    def __init__(self, most: int = 30, much: int = 3) -> None:
        self.most, self._much = most, much
        self._lock = threading.Lock()
        self._taken: OrderedDict[str, tuple[datetime, int]] = OrderedDict()

    def take(self, who: str, *, now: datetime, wrong: bool = False) -> Left:
        """Take a turn. HTTPException 429: there are none left for now."""
        with self._lock:
            since, before = self._taken.pop(who, (now, 0))
            if now - since >= WINDOW:
                since, before = now, 0
            after = before + (self._much if wrong else 1)
            self._taken[who] = since, after
            if len(self._taken) > REMEMBERED:
                self._taken.popitem(last=False)
        left = Left(max(0, self.most - after), max(1, round((since + WINDOW - now).total_seconds())))
        if before >= self.most:
            raise HTTPException(429, headers={"retry-after": str(left.seconds)})
        return left

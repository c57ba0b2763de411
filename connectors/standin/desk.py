"""What the pretend outside 311 remembers, and in which ways it differs from the standard."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass
class Asked:
    """One request that it took. `history` is (when, status, note), the first one its acceptance; times in unix
    seconds.
    """

    number: str
    code: str
    description: str
    address: str | None
    latitude: float | None
    longitude: float | None
    media_url: str | None
    at: float
    listed_at: float
    """From when on listings have it."""
    token: str | None = None
    numbered_at: float = 0.0
    """From when on its token stands for a number."""
    history: list[tuple[float, str, str]] = field(default_factory=list)


@dataclass
class PretendDesk:
    """`kind` is how it answers what it takes; the rest is how it is awkward."""

    services: dict[str, str] = field(default_factory=dict)
    """Names by code; none: every code is known."""
    key: str = "key-that-must-never-be-seen"
    kind: Literal["realtime", "batch", "blackbox"] = "realtime"
    numbers_are_numbers: bool = False
    rooted: bool = False
    """Its JSON has the roots that the standard takes away."""
    hides_words: bool = False
    page_size: int = 1000
    token_seconds: float = 0.0
    replays: bool = False
    """It tells of each request as it was first."""
    ignores_list: bool = False
    """It reads no list of numbers, and gives everything."""
    asked: dict[str, Asked] = field(default_factory=dict)

    def change(self, number: str, status: str, note: str, at: float) -> None:
        """Somebody there works on it."""
        self.asked[number].history.append((at, status, note))

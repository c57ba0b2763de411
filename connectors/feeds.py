"""What the city's own site announces, as values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Announced:
    """One piece of news: plain words, and where it is told whole."""

    key: str
    """Names it in its feed, whatever its words become."""
    title: str
    summary: str = ""
    link: str | None = None
    published_at: datetime | None = None


@dataclass(frozen=True)
class News:
    """A feed as it is now, and what to say at the next reading so that the same is not sent again."""

    entries: Sequence[Announced]
    etag: str | None = None
    modified: str | None = None


ReadNews = Callable[[str, str | None, str | None], News | None]
"""Reads an address, given what it said the last time; None: nothing has changed. Transient; Rejected: no feed there."""

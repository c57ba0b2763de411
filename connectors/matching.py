"""How something that we wrote is found again on a network that knows no key of ours: by its words and its time."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from connectors.base import Receipt


@dataclass(frozen=True)
class Written:
    """Something of ours that the network gives back."""

    remote_id: str
    text: str
    at: datetime | None
    permalink: str | None = None


def normalised(text: str) -> str:
    """A text as it is compared with what the network gives back: composed, with single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def oldest(found: Iterable[Written], text: str, since: datetime, taken: Collection[str]) -> Receipt | None:
    """The first thing written since then with that text, that nobody has claimed."""
    wanted = normalised(text)
    fitting = [
        (one.at, one.remote_id, one.permalink)
        for one in found
        if one.at is not None and one.at >= since and one.remote_id not in taken and normalised(one.text) == wanted
    ]
    if not fitting:
        return None
    at, identity, permalink = min(fitting, key=lambda one: one[:2])
    return Receipt(identity, permalink, at)

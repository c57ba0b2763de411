"""What the places that texts name have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.search import text_of

_AROUND = frozenset(
    text_of("rue avenue boulevard chemin place route rang montée côte allée parc pont de du des la le les l d").split()
)
"""Words that stand around a name, or do not."""


def key(place: Mapping[str, Any] | None) -> str | None:
    """What two places have in common that are the same street, park or building, whatever is written around its name;
    of a crossing, that of its first street. None: there is no place.
    """
    if not place:
        return None
    words = text_of(place["names"][0] if place["names"] else place["text"]).split()
    said = [word for word in words if word not in _AROUND and not word.isdigit()]
    return " ".join(sorted(said or words))[:200] or None

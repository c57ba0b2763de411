"""The limits of a network as dated data: `limits.toml` of its folder, with where each was read, and when."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class Limit:
    """One of them."""

    value: Any
    source: str
    read_on: date


def limits(package: str) -> dict[str, Limit]:
    """Those of a network's package, by the names that `connectors.base.Capabilities` has for them."""
    said = tomllib.loads((files(package) / "limits.toml").read_text("utf-8"))
    return {name: Limit(**one) for name, one in said.items()}


def utf16(text: str) -> int:
    """How long a text is where each letter counts one, and most emoji two."""
    return len(text.encode("utf-16-le")) // 2


def values(of: Mapping[str, Limit]) -> dict[str, Any]:
    """The numbers alone; of several, a tuple."""
    return {name: tuple(one.value) if isinstance(one.value, list) else one.value for name, one in of.items()}

"""The outlines of boroughs, which draw the map of requests and say the borough of a point: those that ship, and those
of a city's own open data.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from math import isfinite
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.errors import Refused
from models.people import Borough

Ring = list[list[float]]
"""Points as [longitude, latitude], in degrees."""
LARGEST = 20 << 20
"""Bytes of a file."""
MOST_POINTS = 20_000
"""Of a borough."""


def plain(name: str) -> str:
    """A name without its accents, hyphens and blanks."""
    return "".join(one for one in unicodedata.normalize("NFKD", name.casefold()) if one.isalnum())


@cache
def shipped() -> Mapping[str, list[Ring]]:
    """Outlines by plain name."""
    found: dict[str, list[Ring]] = json.loads((files("administration") / "seeds" / "outlines.json").read_text("utf-8"))
    return found


def take(session: Session, raw: bytes) -> tuple[list[str], list[str]]:
    """Keep the outlines of a GeoJSON file, each for the borough that one of its properties names. Gives the boroughs
    that have one, and those that it does not name. Refused: `outlines_unreadable`.
    """
    outlines: dict[str, list[Ring]] = {}
    try:
        features = json.loads(raw[: LARGEST + 1])["features"]
        for feature in features:
            rings = list(_rings(feature["geometry"]))
            names = (value for value in feature["properties"].values() if isinstance(value, str))
            for name in names:
                outlines.setdefault(plain(name), rings)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise Refused("outlines_unreadable", field="file") from error
    have, lack = list[str](), list[str]()
    for borough in session.scalars(select(Borough).order_by(Borough.name)):
        found = outlines.get(plain(borough.name)) or outlines.get(plain(borough.code))
        if found:
            borough.outline = found
        (have if found else lack).append(borough.name)
    return have, lack


def _rings(geometry: Any) -> Iterator[Ring]:
    """The outer rings, to ten metres: they say on which side of a street a request is."""
    polygons: Sequence[Any] = {"Polygon": [geometry["coordinates"]], "MultiPolygon": geometry["coordinates"]}[
        geometry["type"]
    ]
    points = 0
    for polygon in polygons:
        ring = Ring()
        for x, y, *_ in polygon[0]:
            point = [round(float(x), 4), round(float(y), 4)]
            if not (isfinite(point[0]) and isfinite(point[1]) and abs(point[0]) <= 180 and abs(point[1]) <= 90):
                raise ValueError
            if not ring or ring[-1] != point:
                ring.append(point)
        points += len(ring)
        if len(ring) > 3 and points <= MOST_POINTS:
            yield ring

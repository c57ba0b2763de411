"""Requests on the outlines of the boroughs: a drawing made here, which needs no tiles of anybody and fits those that a
city has. A request is where a program or a person pointed, and is otherwise counted in its borough; no coordinate is
made up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from math import asinh, degrees, floor, log2, radians, tan
from typing import TypeVarTuple

from shapely import Point as Position
from shapely import Polygon, make_valid, symmetric_difference
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from models.people import Borough
from models.requests311 import ServiceRequest
from models.scope import Action, Viewer, visible
from moderation.requests.inbox import Wanted, late, narrowed

WIDTH, TALLEST, EDGE = 640, 520, 8
"""Points of the drawing."""
MOST = 1000
"""Requests that are drawn; the table counts all."""
SQUARE, DEEPEST = 256, 19
"""Points of a tile as it is made, and the last zoom that every server of tiles has."""


_Columns = TypeVarTuple("_Columns")


@dataclass(frozen=True)
class Shape:
    """A borough: its outline as the `d` of a path, and where its count is written."""

    name: str
    path: str
    x: float
    y: float
    count: int


@dataclass(frozen=True)
class Point:
    """A request where it was pointed at."""

    number: str
    x: float
    y: float
    late: bool


@dataclass(frozen=True)
class Tile:
    """A square of a map in the usual cutting (Web Mercator, 2 ** `zoom` of them across), and where it lies behind."""

    zoom: int
    column: int
    row: int
    x: float
    y: float
    size: float


@dataclass(frozen=True)
class Row:
    """A line of the table; no borough: the whole city."""

    borough_id: int | None
    name: str | None
    count: int
    late: int
    pointed: int


@dataclass(frozen=True)
class Drawing:
    """The map and its table."""

    height: int
    shapes: Sequence[Shape]
    points: Sequence[Point]
    rows: Sequence[Row]
    tiles: Sequence[Tile] = ()


def drawing(session: Session, viewer: Viewer, wanted: Wanted, *, now: datetime) -> Drawing:
    """What the list holds, drawn and counted; three queries."""
    pointed = ServiceRequest.latitude.is_not(None)
    counted = select(
        ServiceRequest.borough_id,
        func.count(),
        func.count().filter(late(now), ServiceRequest.closed_at.is_(None)),
        func.count().filter(pointed),
    ).group_by(ServiceRequest.borough_id)
    counts = {one[0]: one[1:] for one in session.execute(_seen(counted, viewer, wanted, now=now)).all()}
    boroughs = session.scalars(select(Borough).order_by(Borough.name)).all()
    places = select(ServiceRequest.number, ServiceRequest.longitude, ServiceRequest.latitude, late(now))
    places = places.where(pointed, ServiceRequest.longitude.is_not(None)).order_by(ServiceRequest.id.desc())
    found = session.execute(_seen(places.limit(MOST), viewer, wanted, now=now)).all()
    rows = [Row(one.id, one.name, *counts[one.id]) for one in boroughs if one.id in counts]
    if None in counts:
        rows.append(Row(None, None, *counts[None]))
    outlined = [(one, one.outline) for one in boroughs if one.outline]
    spots = [(x, y) for _, rings in outlined for ring in rings for x, y in ring]
    if not spots:
        # Nothing to point into: a point alone says nothing.
        return Drawing(0, (), (), rows)
    left, right = min(x for x, _ in spots), max(x for x, _ in spots)
    low, high = min(y for _, y in spots), max(y for _, y in spots)
    top = _north(high)
    wide, tall = max(right - left, 1e-6), max(top - _north(low), 1e-6)
    scale = min((WIDTH - 2 * EDGE) / wide, (TALLEST - 2 * EDGE) / tall)

    def at(x: float, y: float) -> tuple[float, float]:
        return round(EDGE + (x - left) * scale, 1), round(EDGE + (top - _north(y)) * scale, 1)

    shapes = []
    for borough, rings in outlined:
        drawn = [_apart([at(x, y) for x, y in ring]) for ring in rings]
        path = "".join("M" + "L".join(f"{x} {y}" for x, y in ring) + "Z" for ring in drawn)
        largest = max(drawn, key=_area)
        xs, ys = [x for x, _ in largest], [y for _, y in largest]
        middle = round((min(xs) + max(xs)) / 2, 1), round((min(ys) + max(ys)) / 2, 1)
        shapes.append(Shape(borough.name, path, *middle, counts.get(borough.id, (0,))[0]))
    points = [
        Point(number, *at(x, y), bool(is_late))
        for number, x, y, is_late in found
        if x is not None and y is not None and left <= x <= right and low <= y <= high
    ]
    height = round(tall * scale + 2 * EDGE)
    return Drawing(height, shapes, points, rows, _tiles(left - EDGE / scale, top + EDGE / scale, scale, height))


def _north(latitude: float) -> float:
    """How far north of the equator Mercator draws a latitude, in degrees of longitude; the poles are nowhere."""
    return degrees(asinh(tan(radians(max(-85.0, min(85.0, latitude))))))


def _tiles(west: float, north: float, scale: float, height: int) -> list[Tile]:
    """The tiles behind a drawing whose corner is at `west` and `north`, `scale` points a degree; each drawn at between
    0.7 and 1.4 times its own size.
    """
    zoom = max(0, min(DEEPEST, round(log2(360 * scale / SQUARE))))
    across = 2**zoom
    wide = 360 / across  # Degrees.
    columns = range(floor((west + 180) / wide), floor((west + WIDTH / scale + 180) / wide) + 1)
    rows = range(floor((180 - north) / wide), floor((180 - north + height / scale) / wide) + 1)
    size = round(wide * scale, 2)
    return [
        Tile(
            zoom, column, row,
            round((column * wide - 180 - west) * scale, 2), round((north - 180 + row * wide) * scale, 2), size,
        )
        for row in rows for column in columns
        if 0 <= row < across and 0 <= column < across
    ]  # fmt: skip


def borough_at(session: Session, longitude: float, latitude: float) -> int | None:
    """The borough whose outline holds a point; None: none does, or none has an outline."""
    outlined = select(Borough.id, Borough.outline).where(Borough.outline.is_not(None)).order_by(Borough.id)
    rows = session.execute(outlined).all()
    return next((id_ for id_, rings in rows if holds(rings or (), longitude, latitude)), None)


def holds(rings: Sequence[Sequence[Sequence[float]]], longitude: float, latitude: float) -> bool:
    """Whether a point lies within rings of [longitude, latitude], or on one; a ring within another is a hole."""
    ground = reduce(symmetric_difference, (make_valid(Polygon(ring)) for ring in rings), Polygon())
    return bool(ground.covers(Position(longitude, latitude)))


def _seen(statement: Select[*_Columns], viewer: Viewer, wanted: Wanted, *, now: datetime) -> Select[*_Columns]:
    return visible(narrowed(statement, wanted, now=now), viewer, Action.SEE_REQUESTS, ServiceRequest)


def _apart(ring: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Without the points of a ring that stand on the one before: the drawing is coarser than the outline."""
    kept = list(ring[:1])
    for x, y in ring[1:]:
        if max(abs(x - kept[-1][0]), abs(y - kept[-1][1])) >= 1:
            kept.append((x, y))
    return kept


def _area(ring: Sequence[tuple[float, float]]) -> float:
    """Twice what it encloses."""
    return abs(sum(x * ring[n - 1][1] - ring[n - 1][0] * y for n, (x, y) in enumerate(ring)))

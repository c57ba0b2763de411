"""The map of requests: drawn on the outlines that are known, counted where they are not, and nothing made up."""

from __future__ import annotations

import math
import re
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from administration import outlines, people
from models.errors import Refused
from models.people import Borough
from models.requests311 import Service, ServiceRequest, ServiceUnit
from models.scope import Action, Grant, Viewer
from moderation.requests import exchange, mapping
from moderation.requests.inbox import Wanted

SQUARE = [[-71.2, 46.7], [-71.2, 46.8], [-71.1, 46.8], [-71.1, 46.7], [-71.2, 46.7]]


def drawn(city, who="Denis", **wanted):
    with city.database.read() as session:
        return mapping.drawing(session, city.people[who], Wanted(**wanted), now=city.now)


def geojson(name, ring=SQUARE) -> bytes:
    shape = f'{{"type": "Polygon", "coordinates": [{ring}]}}'
    feature = f'{{"type": "Feature", "properties": {{"n": 1, "nom": "{name}"}}, "geometry": {shape}}}'
    return f'{{"type": "FeatureCollection", "features": [{feature}]}}'.encode()


def opened(city, number, latitude=None, longitude=None):
    comment = city.says(str(number), f"Un trou {number}")
    city.decide("Ariane", comment, "request", service_code="nid-de-poule")
    with city.database.write() as session:
        row = session.scalars(select(ServiceRequest).order_by(ServiceRequest.id.desc())).first()
        row.latitude, row.longitude = latitude, longitude


def test_what_was_pointed_at_is_drawn_and_all_is_counted(city):
    opened(city, 1, 46.75, -71.15)
    opened(city, 2)
    opened(city, 3, 12.0, 3.0)  # In the borough by its account, and pointed at elsewhere.
    assert drawn(city).shapes == ()
    assert [(row.count, row.late, row.pointed) for row in drawn(city).rows] == [(3, 0, 2)]
    with city.database.write() as session:
        name = session.get_one(Borough, city.boroughs["nord"]).name
        have, lack = outlines.take(session, geojson(name.upper()))
        assert have == [name]
        assert name not in lack
    city.clock.pass_(days=8)
    found = drawn(city)
    (shape,) = found.shapes
    assert (shape.name, shape.count) == (name, 3)
    assert re.fullmatch(r"M[\d. L]+Z", shape.path)
    (point,) = found.points
    assert (point.number, point.late) == ("STR-2026-000001", True)
    assert (point.x, point.y) == pytest.approx((shape.x, shape.y), abs=0.2)
    assert [(row.count, row.late, row.pointed) for row in found.rows] == [(3, 3, 2)]
    assert drawn(city, service_code="autre").rows == []


def test_tiles_lie_where_the_outlines_do(city):
    opened(city, 1, 46.75, -71.15)
    with city.database.write() as session:
        outlines.take(session, geojson(session.get_one(Borough, city.boroughs["nord"]).name))
    found = drawn(city)
    (point,) = found.points
    # Where the usual cutting has that point (https://wiki.openstreetmap.org/wiki/Slippy_map_tilenames).
    across = 2 ** found.tiles[0].zoom
    column = (-71.15 + 180) / 360 * across
    row = (1 - math.log(math.tan(math.radians(46.75)) + 1 / math.cos(math.radians(46.75))) / math.pi) / 2 * across
    (tile,) = [one for one in found.tiles if (one.column, one.row) == (int(column), int(row))]
    assert (point.x, point.y) == pytest.approx(
        (tile.x + (column - tile.column) * tile.size, tile.y + (row - tile.row) * tile.size), abs=0.2
    )
    assert 180 <= tile.size <= 363
    # They cover the drawing, and nothing that is not seen.
    assert min(one.x for one in found.tiles) <= 0 < mapping.WIDTH <= max(one.x + one.size for one in found.tiles)
    assert min(one.y for one in found.tiles) <= 0 < found.height <= max(one.y + one.size for one in found.tiles)
    assert all(one.x < mapping.WIDTH and one.y < found.height and one.x + one.size > 0 for one in found.tiles)
    assert len(found.tiles) == len({(one.column, one.row) for one in found.tiles}) <= 30


def test_a_drawing_takes_as_many_queries_whatever_it_holds(city):
    opened(city, 1, 46.75, -71.15)
    with city.counting() as few:
        drawn(city)
    opened(city, 2, 46.76, -71.16)
    with city.counting() as many:
        drawn(city)
    assert len(few) == len(many)


@pytest.mark.parametrize(
    ("longitude", "latitude", "within"),
    [
        (1, 1, True),
        (5, 1, True),
        (1, 5, True),
        (5, 5, False),  # In the angle of the L.
        (11, 11, True),  # On its island.
        (-1, 1, False),
        (7, 1, False),
        (1, -1, False),
        (9, 11, False),
        (6, 3, True),  # At its corner.
        (1.5, 1.5, False),  # In a hole.
        (math.nan, 1, False),
    ],
)
def test_a_point_is_within_an_outline_of_any_form(longitude, latitude, within):
    angle = [[0, 0], [6, 0], [6, 3], [3, 3], [3, 6], [0, 6], [0, 0]]
    island, hole = [[10, 10], [12, 10], [12, 12], [10, 12]], [[1.2, 1.2], [1.8, 1.2], [1.8, 1.8], [1.2, 1.8]]
    assert mapping.holds([angle, island, hole], longitude, latitude) is within
    assert mapping.holds([ring[::-1] for ring in (hole, island, angle)], longitude, latitude) is within


def test_a_request_that_a_program_points_at_is_of_the_borough_and_the_unit_there(city):
    program = Viewer(None, "App", frozenset(), frozenset({Grant(Action.EXCHANGE_REQUESTS)}))

    def there(longitude, latitude):
        sent = exchange.Sent("autre", str(latitude), str(longitude))
        with city.database.write() as session:
            zone = ZoneInfo("America/Toronto")
            request = exchange.submit(session, program, sent, now=city.now, prefix="STR", zone=zone)
            return request.borough_id, request.unit

    nord = city.boroughs["nord"]
    with city.database.write() as session:
        session.get_one(Service, "autre").unit = "Centre 311"
        session.add(ServiceUnit(service_code="autre", borough_id=nord, unit="Bureau du nord"))
        wider = [[-71.2004 if x == -71.2 else x, y] for x, y in SQUARE]
        outlines.take(session, geojson(session.get_one(Borough, nord).name, wider))
    assert there(-71.15, 46.75) == (nord, "Bureau du nord")
    assert there(-71.2002, 46.75) == (nord, "Bureau du nord"), "twenty metres from its end"
    assert there(-71.2005, 46.75) == (None, "Centre 311")
    assert there(-70.15, 46.75) == (None, "Centre 311")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b'{"features": [1]}',
        geojson("x", [["a", 1]]),
        geojson("x", [[1e999, 0]]),
        geojson("x", [[200, 0]] * 5),
        b'{"features": [{"geometry": {"type": "Point", "coordinates": [1, 2]}, "properties": {}}]}',
    ],
)
def test_what_is_no_such_file_is_refused(city, raw):
    with city.database.write() as session, pytest.raises(Refused) as caught:
        outlines.take(session, raw)
    assert caught.value.code == "outlines_unreadable"


def test_a_borough_of_montreal_has_its_outline_at_once(city):
    with city.database.write() as session:
        assert people.add_borough(session, "ndg", "Côte-des-Neiges–Notre-Dame-de-Grâce", now=city.now).outline
        assert people.add_borough(session, "plateau", "Le Plateau-Mont-Royal", now=city.now).outline
        assert people.add_borough(session, "ailleurs", "Ailleurs", now=city.now).outline is None

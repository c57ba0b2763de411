"""A cursor walks a list to its end, and one that nobody gave is refused, whatever it holds."""

from __future__ import annotations

import base64
import contextlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from models.accounts import Delivery
from models.errors import Refused
from models.keyset import Keyset

START = datetime(2026, 11, 2, 14, tzinfo=UTC)
ON_THIS_DATABASE = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ORDERS = [Keyset(Delivery.received_at, Delivery.id), Keyset(Delivery.received_at, Delivery.id, descending=True)]


def cursor(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.fixture
def deliveries(database):
    """Forty bodies, several in one second."""
    with database.write() as session:
        rows = [{"id": n, "received_at": START + timedelta(seconds=n * 7 % 11)} for n in range(1, 41)]
        session.execute(insert(Delivery), [{"network": "facebook", "raw": b"{}", **row} for row in rows])
    return database


@pytest.mark.parametrize("order", ORDERS, ids=["up", "down"])
def test_the_parts_of_a_list_are_the_list(deliveries, order):
    with deliveries.read() as session:
        whole, end = order.read(session, select(Delivery), None, 100)
        assert (len(whole), end) == (40, None)
        for limit in (1, 3, 39, 40):
            met, after = order.read(session, select(Delivery), "", limit)
            while after is not None:
                assert len(met) % limit == 0
                part, after = order.read(session, select(Delivery), after, limit)
                met = [*met, *part]
            assert met == whole


@pytest.mark.parametrize(
    "made_up",
    [
        "!",
        "é",
        "\0",
        "AAAA",
        cursor([]),
        cursor([1]),
        cursor([START.isoformat(), 1, 1]),
        cursor(["never", 1]),
        cursor(["2026-01-01T00:00:00", 1]),
        cursor(["0001-01-01T00:00:00+14:00", 1]),
        cursor([START.isoformat(), True]),
        cursor([START.isoformat(), 1.5]),
        cursor([START.isoformat(), 1 << 63]),
        cursor([START.isoformat(), 1 << 70]),
        cursor([START.isoformat(), float("nan")]),
        cursor({START.isoformat(): 1, "id": 1}),
        cursor(None),
        base64.urlsafe_b64encode(b"[" * 3000).decode(),
        base64.urlsafe_b64encode(b'["2026-11-02T14:00:00+00:00", ' + b"9" * 5000 + b"]").decode(),
    ],
)
def test_a_made_up_place_is_refused(made_up):
    with pytest.raises(Refused) as caught:
        ORDERS[0].part(select(Delivery), made_up, 1)
    assert caught.value.code == "cursor_invalid"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes().map(datetime.isoformat),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@ON_THIS_DATABASE
@given(
    made_up=st.text()
    | VALUES.map(cursor)
    | st.tuples(st.datetimes(timezones=st.timezones()).map(datetime.isoformat), st.integers()).map(cursor)
)
def test_no_cursor_is_the_databases_error(deliveries, made_up):
    with deliveries.read() as session:
        for order in ORDERS:
            with contextlib.suppress(Refused):
                order.read(session, select(Delivery), made_up, 5)

"""What the tables promise of every value, whatever its column."""

from __future__ import annotations

import pytest
from sqlalchemy import BigInteger, Integer, types

from models.base import Number, String, Unkeepable
from models.people import Borough
from models.tables import metadata

COLUMNS = [column for table in metadata.sorted_tables for column in table.columns]


def test_every_text_and_number_is_of_a_type_that_refuses_what_it_cannot_keep():
    bare = (types.String, Integer, BigInteger)
    assert [str(column) for column in COLUMNS if isinstance(column.type, bare)] == []
    assert any(isinstance(column.type, String) for column in COLUMNS)
    assert any(isinstance(column.type, Number) for column in COLUMNS)


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 201])
def test_both_databases_refuse_the_same(database, name):
    with pytest.raises(Unkeepable), database.write() as session:
        session.add(Borough(code="a", name=name))
    with database.write() as session:
        session.add(Borough(code="a", name="é" * 200))

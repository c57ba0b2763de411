"""A database with its keys, a clock that a test moves, and locks."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.locks import Locks, locks_for
from models.session import Database
from tests.city import City


@pytest.fixture
def locks(database: Database, tmp_path: Path) -> Locks:
    return locks_for(database, tmp_path)


@pytest.fixture
def accounts(database: Database) -> list[int]:
    """Two accounts of the city; their ids."""
    city = City(database=database)
    return [city.add_account(name) for name in ("101", "102")]

"""A database with its keys, a clock that a test moves, and locks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.accounts import Account
from models.locks import Locks, locks_for
from models.session import Database

START = datetime(2026, 11, 2, 14, tzinfo=UTC)


@dataclass
class Clock:
    """A time that only the test moves."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def locks(database: Database, tmp_path: Path) -> Locks:
    return locks_for(database, tmp_path)


@pytest.fixture
def accounts(database: Database) -> list[int]:
    """Two accounts of the city; their ids."""
    rows = [
        Account(
            network="facebook",
            external_id=str(number),
            name=f"Ville {number}",
            token_closed="",
            state_since=START,
            pull_due_at=START,
            created_at=START,
        )
        for number in (101, 102)
    ]
    with database.write() as session:
        session.add_all(rows)
    return [row.id for row in rows]

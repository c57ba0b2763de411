"""A city for what works by itself, with nothing outside."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from administration.retention import Rule
from classifiers.base import Context
from models.accounts import Account
from models.locks import locks_for
from models.session import Database
from models.work import Timing, Work
from scheduler.jobs import City
from tests.city import MadeUpClassifier, album

NOW = datetime(2026, 11, 2, 14, tzinfo=UTC)


@pytest.fixture
def city_on(tmp_path) -> Callable[..., City]:
    """What the jobs work with, on a database; anything may be given."""

    def make(database: Database, **given: object) -> City:
        locks, classifier = locks_for(database, tmp_path), MadeUpClassifier()
        usual = {
            "database": database,
            "locks": locks,
            "work": Work(database, locks, [], owner="the test", clock=lambda: NOW, timing_of=lambda _: Timing()),
            "classifier": lambda: classifier,
            "context": Context(),
            "network_of": None,
            "network_with": None,
            "consent_of": None,
            "webhook_of": None,
            "picture_of": None,
            "album": album(database, lambda: NOW),
            "clock": lambda: NOW,
            "pull_every": timedelta(minutes=5),
            "kept": Rule(unread=365, comments=None),
            "desk_of": None,
            "desk": None,
            "undo": timedelta(0),
            "zone": ZoneInfo("America/Toronto"),
            "danger": timedelta(minutes=5),
            "mail": None,
            "news": None,
            "read_news": None,
        }
        return City(**(usual | given))

    return make


@pytest.fixture
def account_of(vault) -> Callable[[Database], int]:
    """An account in a database; its id."""

    def add(database: Database) -> int:
        account = Account(
            network="facebook",
            external_id="page",
            name="Ville",
            token_closed=vault.close("a token"),
            token_since=NOW,
            pull_due_at=NOW,
            created_at=NOW,
        )
        with database.write() as session:
            session.add(account)
        return account.id

    return add

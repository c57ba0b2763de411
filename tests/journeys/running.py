"""Whole installations on ports of this machine, beside the pretend networks and by their clock."""

from __future__ import annotations

import shutil
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import uvicorn

from administration import seeds
from api.app import create_app
from api.settings import load
from api.wiring import build
from tests.city import City

BY_ITSELF = {
    "engine": "embedded",
    "secret_key": "near-by-" * 5,
    "request_prefix": "NEA",
    "undo_seconds": 1,
    "settle_seconds": "2",
    "pull_seconds": 30,
}
"""Settings of an installation that works by itself, soon."""


class Moved:
    """The machine's clock, and what a test moved it forward by: that of both cities and of the networks."""

    def __init__(self, state):
        self._state = state

    def __call__(self):
        return datetime.fromtimestamp(self._state.now(), UTC)

    def pass_(self, **duration):
        self._state.advance(timedelta(**duration).total_seconds())


class Running:
    """One installation on a port of this machine, with all that happens by itself."""

    def __init__(self, home, migrated, clock, **given):
        home.mkdir()
        if migrated is not None:
            shutil.copy(migrated, home / "parvis.db")
        self._listening = uvicorn.Config("", host="127.0.0.1", port=0).bind_socket()
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        usual = {"home": home, "database_url": f"sqlite:///{home / 'parvis.db'}", "base_url": self.address}
        self.parvis = build(load(_env_file=None, **(usual | given)), clock=clock)
        self.city = City(database=self.parvis.database, clock=clock)
        self.city.__class__ = _Now
        with self.city.write() as session:
            seeds.plant(session, now=clock())

    def start(self):
        self._server = uvicorn.Server(
            uvicorn.Config(create_app(self.parvis), log_level="warning", timeout_graceful_shutdown=2)
        )
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listening]}, daemon=True)
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive()
            time.sleep(0.01)

    def page(self, new_context, name, path, **options):
        """What this person sees in a browser of their own."""
        context = new_context(
            **{"base_url": self.address, "locale": "fr-CA", "viewport": {"width": 1366, "height": 800}} | options
        )
        context.add_cookies([{"name": "parvis", "value": self.city.enter(name), "url": self.address}])
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.goto(path)
        return page

    def stop(self):
        self._server.should_exit = True
        self._thread.join(timeout=30)
        self.parvis.close()


class _Now(City):
    @property
    def now(self):
        return self.clock()


def until(true, what, seconds=60):
    for _ in range(seconds * 5):
        if true():
            return
        time.sleep(0.2)
    pytest.fail(f"did not come true: {what}")

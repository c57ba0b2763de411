"""One demonstration: the real product in this process, and the pretend networks that it talks to over HTTP."""

from __future__ import annotations

import fcntl
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from administration import people
from api import pages
from api import settings as parvis_settings
from api.app import create_app
from api.demo import city
from api.demo.pages import router
from api.i18n import _
from api.serving import Http
from api.wiring import Parvis, build
from connectors.registry import routes
from connectors.standin.linkedin.state import organization
from connectors.standin.player import Player, Story, read_story
from connectors.standin.registry import settings
from connectors.standin.server import create_standin, run_in_thread
from connectors.standin.state import Standin
from models.errors import ParvisError
from models.migrations import upgrade

MARK = "demonstration.txt"
"""Says that a folder is a demonstration's, and may be emptied."""


class NotADemonstration(ParvisError):
    """The folder holds something that is not a demonstration's; it is left alone."""


class InUse(ParvisError):
    """Another demonstration runs in the folder; what it has there is left alone."""


class PortTaken(ParvisError):
    """No port that was asked for is free."""


@dataclass
class Demo:
    """A running demonstration. `start` gives the address of its first page."""

    home: Path
    ports: Sequence[int] = (0,)
    """The first of these that is free is taken; 0 is any free one."""
    undo_seconds: float = 5
    settle_seconds: float = 2
    spacing_seconds: float = 3
    parvis: Parvis = field(init=False)
    story: Story = field(init=False)
    state: Standin = field(init=False)
    player: Player = field(init=False)
    address: str = field(init=False)

    def start(self) -> str:
        """Make the city, serve it, and let its citizens begin to write."""
        self.story = read_story(Path(str(files(__package__) / "story.yaml")))
        self.state = Standin(app_secret=secrets.token_hex(16), verify_token=secrets.token_urlsafe(16))
        standin = create_standin(self.state)
        self._webhooks = standin.state.webhooks
        listening = _listening(self.ports)
        address, self._stop_standin = run_in_thread(standin)
        self.address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self.parvis = build(
            parvis_settings.load(
                home=self.home,
                database_url="",
                engine="embedded",
                base_url=self.address,
                secret_key=SecretStr(_secret(self.home)),
                **settings(self.state, address),
                request_prefix="SRV",
                second_factor="off",  # Nobody of the demonstration has a password.
                timezone="America/Toronto",
                undo_seconds=self.undo_seconds,
                spacing_seconds=self.spacing_seconds,
                settle_seconds=str(self.settle_seconds),
                patience_seconds=str(4 * self.settle_seconds),  # The pretend networks list at once.
                pull_seconds=15,
                model=None,
                look_at_links="off",  # It asks nothing of the world.
            )
        )
        upgrade(self.parvis.settings.url)
        self._settle()
        self._server = uvicorn.Server(
            uvicorn.Config(_app(self), http=Http, log_level="warning", timeout_graceful_shutdown=2)
        )
        self._serving = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listening]}, name="demo", daemon=True
        )
        self._serving.start()
        while not self._server.started and self._serving.is_alive():
            time.sleep(0.01)
        self._webhooks.urls = {route: f"{self.address}/webhooks/{route}" for route in routes()}
        self._tell()
        return self.address

    def restart(self) -> None:
        """The same morning again, from the beginning."""
        self.player.stop()
        self.state.reset()
        self._webhooks.forget()
        self._settle()
        self._tell()

    def stop(self) -> None:
        """End it, and wait until nothing runs any more."""
        self.player.stop()
        self._server.should_exit = True
        self._serving.join(timeout=20)
        self._stop_standin()
        self.parvis.close()

    def _settle(self) -> None:
        given = self.parvis.settings
        nobodys = people.hash_password(secrets.token_urlsafe(32))
        with self.parvis.database.write() as session:
            city.clear(session)
            city.settle(
                session,
                self.story,
                password_hash=nobodys,
                prefix=given.request_prefix,
                zone=given.zone,
                now=self.parvis.clock(),
            )

    def _tell(self) -> None:
        # Nobody has connected it yet: it is what the consent dialog offers.
        organization(self.state, "5515715", "Ville de Sainte-Rive", secrets.token_hex(16), followers=1_204)
        self.player = Player(self.state, self.story)
        self.player.start()


def _listening(ports: Sequence[int]) -> socket.socket:
    for port in ports:
        # The protocol is named because asyncio sets TCP_NODELAY only on sockets that say they are TCP; without it each
        # answer would wait 40 ms for an acknowledgement.
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("127.0.0.1", port))
            listening.listen(100)
        except OSError:
            listening.close()
        else:
            return listening
    raise PortTaken(_("Port %(port)s is taken or cannot be used: give another with --port.", port=ports[-1]))


@contextmanager
def prepared(home: Path) -> Iterator[Path]:
    """The folder of a demonstration, made or emptied for a new one, and nobody else's meanwhile. NotADemonstration: it
    is something else's. InUse: another demonstration runs in it.
    """
    home.mkdir(parents=True, exist_ok=True)
    if any(home.iterdir()) and not (home / MARK).exists():
        raise NotADemonstration(
            _("%(folder)s holds something else than a demonstration: it is left alone.", folder=home)
        )
    with (home / MARK).open("a+", encoding="utf-8") as mark:
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sentence = _("Another demonstration runs in %(folder)s: end it, or give another folder.", folder=home)
            raise InUse(sentence) from None
        for leftover in home.glob("parvis.db*"):
            leftover.unlink()
        yield home


def _secret(home: Path) -> str:
    """The demonstration's own secret key, made once and readable by its owner alone."""
    path = home / "secret.key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48), encoding="ascii")
    return path.read_text(encoding="ascii")


def _app(demo: Demo) -> FastAPI:
    app = create_app(demo.parvis)
    app.state.restart = demo.restart
    # Its own: the others of this process are not a demonstration's.
    app.state.templates = pages.environment(demo.parvis.settings.zone)
    app.state.templates.globals["demo_people"] = city.PEOPLE
    app.include_router(router)
    # Routes are tried one after the other and made ready as they are: the first page is not to wait for all the others.
    app.router.routes.insert(0, app.router.routes.pop())
    return app

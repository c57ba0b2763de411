"""The pretend networks on loopback, and the real connectors that talk to them over HTTP."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from connectors.base import AccountRef, Network
from connectors.registry import GraphSettings, NetworkSettings, network
from connectors.standin.server import create_standin, run_in_thread
from connectors.standin.state import Comment, Fault, PageOfCity, Person, Post, Standin
from connectors.standin.webhooks import Webhooks
from models.vocabulary import NetworkName

TOKEN = "EAAB-a-token-that-must-never-be-seen"


@dataclass
class City:
    """A pretend network with one account of the city on it, and what a test does as its citizens."""

    name: NetworkName
    base_url: str
    state: Standin
    webhooks: Webhooks
    page: PageOfCity
    citizen: Person
    posts: list[Post] = field(default_factory=list)
    token: str = TOKEN

    @property
    def settings(self) -> NetworkSettings:
        graph = GraphSettings(
            base_url=self.base_url,
            app_id=self.state.app_id,
            app_secret=self.state.app_secret,
            timeout=(2.0, 0.4),
        )
        return NetworkSettings(graph=graph)

    @property
    def account(self) -> AccountRef:
        return AccountRef(self.name, self.page.id, self.token)

    def network(self) -> Network:
        return network(self.settings, self.account)

    def post(self, text: str, **more: float) -> Post:
        self.posts.append(self.state.post(self.page, text, **more))
        return self.posts[-1]

    def says(self, on: Post | Comment, text: str, **more: float) -> Comment:
        return self.state.comment(on, self.citizen, text, **more)

    def fault(self, kind: str, **more: object) -> None:
        self.state.faults.append(Fault(kind, **more))


@pytest.fixture(scope="session")
def server() -> Iterator[tuple[str, Standin, Webhooks]]:
    state = Standin()
    app = create_standin(state)
    base_url, stop = run_in_thread(app)
    yield base_url, state, app.state.webhooks
    stop()


@pytest.fixture
def standin(server: tuple[str, Standin, Webhooks]) -> Iterator[City]:
    base_url, state, webhooks = server
    state.reset()
    webhooks.forget()
    webhooks.url = None
    page = state.page("104", "Ville de Sainte-Rive", TOKEN)
    yield City(NetworkName.FACEBOOK, base_url, state, webhooks, page, state.citizen("Louise Tremblay"))
    webhooks.url = None


@pytest.fixture(params=[NetworkName.FACEBOOK])
def city(request: pytest.FixtureRequest, standin: City) -> City:
    """The city on each network that Parvis speaks to: a new network is one more parameter."""
    standin.name = request.param
    return standin


@pytest.fixture
def unused_tcp_port() -> Iterator[int]:
    """A port that is bound and not listened on: a connection to it is refused, and nobody else can take it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture
def received() -> list[str]:
    """The methods that `answering` received."""
    return []


@pytest.fixture
def answering(received: list[str]) -> Iterator[Callable[..., Network]]:
    """A Page whose far side gives always the same answer, byte for byte."""
    with contextlib.ExitStack() as stack:

        def start(raw: bytes, status: int = 200, **more: str) -> Network:
            class Handler(http.server.BaseHTTPRequestHandler):
                def do_POST(self) -> None:
                    self.rfile.read(int(self.headers.get("Content-Length", 0)))
                    received.append(self.command)
                    self.send_response(status)
                    self.send_header("Location", "/elsewhere")
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(raw)))
                    self.end_headers()
                    self.wfile.write(raw)

                do_GET = do_DELETE = do_POST  # noqa: N815  The names are http.server's.

                def log_message(self, *_: object) -> None:
                    pass

            server = stack.enter_context(http.server.HTTPServer(("127.0.0.1", 0), Handler))
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            settings = NetworkSettings(GraphSettings(base_url=f"http://127.0.0.1:{server.server_port}", **more))
            return network(settings, AccountRef(NetworkName.FACEBOOK, "104", TOKEN))

        yield start

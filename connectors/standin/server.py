"""The pretend networks as a server: real HTTP on loopback, and connections that are really cut.

The front door is the one `async` function of the product: to cut a connection in the middle of an answer it must
stand on the event loop that owns the connection, and a call that hangs must not hold a thread.
"""

from __future__ import annotations

import asyncio
import hashlib
import socket
import struct
import threading
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect
from uvicorn.protocols.http.h11_impl import H11Protocol

from connectors.standin.control import control
from connectors.standin.player import Player, read_story
from connectors.standin.registry import CONTROLS, HOOKS, speaker_of
from connectors.standin.state import Fault, Standin
from connectors.standin.webhooks import Webhooks
from connectors.standin.wire import START, Answer, Call

SECRET = frozenset(
    {
        "access_token",
        "api_key",
        "appsecret_proof",
        "input_token",
        "client_secret",
        "code",
        "fb_exchange_token",
        "refresh_token",
    }
)
DRIP = 0.05
"""Seconds between two pieces of an answer that drips."""
BETWEEN = {
    "html_502": Answer(502, None, raw=b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>",
                       content_type="text/html"),
    "login_302": Answer(302, None, {"location": "/login"}, raw=b""),
    "error_200": Answer(200, {"error": {"message": "Service temporarily unavailable", "code": 2}}),
}  # fmt: skip
"""What something between the city and the network answers in its place; nothing was asked of the network."""


class _Protocol(H11Protocol):
    """HTTP whose requests know their connection, so that it can be cut under them."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


def create_standin(state: Standin) -> FastAPI:
    """The application; `app.state.standin` and `app.state.webhooks` are what it works on."""
    app, hand = FastAPI(title="Pretend networks", openapi_url=None), FastAPI(openapi_url=None)
    webhooks = Webhooks(state)
    app.state.standin, app.state.webhooks = state, webhooks
    hand.include_router(control(state, webhooks))
    for of_network in CONTROLS:
        hand.include_router(of_network(state))

    async def network(request: Request) -> Response:
        version, _, path = str(request.path_params["path"]).partition("/")
        try:
            call = await _call(version, path, request)
        except ClientDisconnect:
            return Response(status_code=400)  # Nobody hears it: who called is gone, before all of the call had come.
        fault = state.fault_for(call.method, call.path, call.params)
        kind = fault.kind if fault else None
        if kind == "reset_before":
            _note(state, call, fault, 0)
            return await _cut(request)
        if kind in BETWEEN:
            _note(state, call, fault, BETWEEN[kind].status)
            return _answered(BETWEEN[kind])
        given = speaker_of(call)(state, call, fault)
        _note(state, call, fault, given.status)
        if fault is not None:
            if kind == "hang_after":
                await _hang(request, fault.seconds)
            if kind == "reset_after":
                return await _cut(request)
            if kind == "slow_body":
                dripping = _drip(given.encoded(), fault.seconds)
                return StreamingResponse(dripping, given.status, given.headers, given.content_type)
            given = _spoilt(given, call, fault)
        return _answered(given)

    # A call of a network passes one pattern, not one for each route of the hand, and has no argument to check: half of
    # its time would go there.
    async def file(request: Request) -> Response:
        content = state.files.get(str(request.path_params["number"]))
        return Response(status_code=404) if content is None else Response(content, media_type="image/jpeg")

    app.mount("/_control", hand)
    app.add_route("/_files/{number}", file)
    app.add_route("/{path:path}", network, methods=["GET", "POST", "PUT", "DELETE"])
    return app


async def _call(version: str, path: str, request: Request) -> Call:
    params = dict(parse_qsl(request.url.query, keep_blank_values=True))
    files: dict[str, bytes] = {}
    body = await request.body()
    if request.headers.get("content-type", "").startswith(("application/x-www-form-urlencoded", "multipart/")):
        async with request.form() as form:
            for name, value in form.items():
                if isinstance(value, str):
                    params[name] = value
                else:
                    files[name] = await value.read()
    base_url = f"{request.url.scheme}://{request.url.netloc}"
    return Call(
        request.method,
        version,
        path.strip("/"),
        params,
        f"{base_url}/",
        dict(request.headers),
        body,
        files,
        f"{base_url}{request.scope['raw_path'].decode()}?{request.url.query}",
    )


def run_in_thread(app: FastAPI, port: int = 0, host: str = "127.0.0.1") -> tuple[str, Callable[[], None]]:
    """Serve in a thread of this process; the base URL, and what stops it. It answers when this returns."""
    listening = _listen(host, port)
    app.state.standin.address = f"http://{host}:{listening.getsockname()[1]}"
    server = _server(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="standin", daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.005)

    def stop() -> None:
        server.should_exit = True
        thread.join(timeout=10)
        app.state.webhooks.close()
        listening.close()

    return app.state.standin.address, stop


def serve(state: Standin, host: str, port: int, *, story: Path | None, city: str | None) -> None:
    """The pretend networks alone, in this process, until it is interrupted; the story starts at once. `city` is where
    Parvis is, which is told by webhooks.
    """
    app = create_standin(state)
    app.state.webhooks.urls = {route: f"{city.rstrip('/')}/webhooks/{route}" for route in HOOKS} if city else {}
    player = Player(state, read_story(story)) if story else None
    listening = _listen(host, port)
    state.address = f"http://{host}:{listening.getsockname()[1]}"
    if player:
        player.start()
    try:
        _server(app).run(sockets=[listening])
    finally:
        if player:
            player.stop()
        listening.close()


def _server(app: FastAPI) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(app, http=_Protocol, ws="none", lifespan="off", log_level="warning", timeout_graceful_shutdown=1)
    )


def _listen(host: str, port: int) -> socket.socket:
    # The protocol is named because asyncio sets TCP_NODELAY only on sockets that say they are TCP; without it each
    # answer waits 40 ms for an acknowledgement.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, port))
    return listening


async def _hang(request: Request, seconds: float) -> None:
    """Keep the far side waiting, until it gives up."""
    transport: asyncio.Transport = request.state.transport
    until = time.monotonic() + seconds
    while time.monotonic() < until and not transport.is_closing():  # noqa: ASYNC110  Nobody tells of the closing.
        await asyncio.sleep(0.02)


async def _drip(body: bytes, seconds: float) -> AsyncIterator[bytes]:
    """Piece by piece, each before whoever waits for it gives up."""
    pieces = max(1, round(seconds / DRIP))
    size = max(1, -(-len(body) // pieces))
    for at in range(pieces):
        yield body[at * size : (at + 1) * size] or b" "
        await asyncio.sleep(DRIP)


async def _cut(request: Request) -> Response:
    """Reset the connection: the far side reads ECONNRESET, and never a byte of an answer."""
    transport: asyncio.Transport = request.state.transport
    raw = transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await asyncio.sleep(0)
    return Response()  # There is nobody left to read it.


def _answered(given: Answer) -> Response:
    return Response(given.encoded(), given.status, given.headers, given.content_type)


def _spoilt(given: Answer, call: Call, fault: Fault) -> Answer:
    """The answer as it comes back after what was asked was done."""
    match fault.kind:
        case "500_after":
            body = {"error": {"message": "An unknown error occurred", "type": "OAuthException", "code": 1}}
            return Answer(500, body, given.headers)
        case "odd_after":
            body = {"error": {"message": "(#4242) Something went wrong", "type": "OAuthException", "code": 4242}}
            return Answer(400, body, given.headers)
        case "half_json":
            return Answer(given.status, None, given.headers, raw=given.encoded()[: len(given.encoded()) // 2])
        case "text_javascript":
            return Answer(given.status, given.body, given.headers, content_type="text/javascript; charset=UTF-8")
        case "empty_page" | "repeated_cursor" if isinstance(given.body, dict) and "data" in given.body:
            # Both were seen: a page with nothing in it that has a next one, and a next one that is the same.
            cursors = {"after": call.params.get("after", START)}
            paging = {"cursors": cursors, "next": f"{call.base_url}{call.version}/{call.path}"}
            data: list[Any] = [] if fault.kind == "empty_page" else given.body["data"]
            return Answer(given.status, {"data": data, "paging": paging}, given.headers)
    return given


def _note(state: Standin, call: Call, fault: Fault | None, status: int) -> None:
    """One line for each request; of a token only a digest, enough to tell two apart."""
    params = {name: _digest(value) if name in SECRET else value for name, value in call.params.items()}
    line = {
        "at": datetime.fromtimestamp(state.now(), UTC).isoformat(),
        "method": call.method,
        "path": f"{call.version}/{call.path}",
        "params": params,
        "status": status,
        "fault": fault.kind if fault else None,
    }
    with state.lock:
        state.requests.append(line)


@lru_cache(maxsize=1_000)
def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:12]

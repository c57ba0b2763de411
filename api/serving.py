"""How a port is served: HTTP/1.1 by uvicorn, which by itself would wait for ever for the rest of a request."""

from __future__ import annotations

import gc
from asyncio import Transport
from typing import Any

import h11
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

WHOLE_SECONDS = 60
"""In which a request arrives whole, or its connection is cut."""


class Http(H11Protocol):
    """One connection."""

    _late: Any = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # As uvicorn's own.
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop()

    def _watch(self) -> None:
        begun = self.conn.their_state is h11.SEND_BODY or bool(self.conn.trailing_data[0]) or self.cycle is None
        if not begun:
            self._stop()
        elif self._late is None:
            self._late = self.loop.call_later(WHOLE_SECONDS, self.transport.close)

    def _stop(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


GARBAGE = 100_000, 20, 40
"""When Python looks for garbage by itself in a process that serves: seldom, because `Swept` does it between answers."""
OLDER, OLDEST = 50, 2_000
"""Answers after which what outlived a look is looked at again, and everything."""


class Swept:
    """An application after each of whose answers the garbage is cleared away. A page leaves three thousand objects in
    circles (the macros of a template hold its context); left to itself, Python looks for them while later pages are
    made, and one in seven waits 9 ms for it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app, self._answers = app, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)
        if scope["type"] == "http":
            self._answers += 1
            gc.collect(2 if self._answers % OLDEST == 0 else 1 if self._answers % OLDER == 0 else 0)

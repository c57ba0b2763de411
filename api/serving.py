"""How a port is served: HTTP/1.1 by uvicorn, which by itself would wait for ever for the rest of a request."""

from __future__ import annotations

from asyncio import Transport
from typing import Any

import h11
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

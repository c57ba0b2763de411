"""Carries ids to handlers. The rows decide what happens, so a message that is lost or repeated does no harm."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

log = logging.getLogger(__name__)

Handler = Callable[[int], object]


class Engine(Protocol):
    """Three methods; the distributed one (Procrastinate on PostgreSQL) comes with its own issue."""

    def start(self) -> None:
        """Begin to take messages."""

    def send(self, handler: str, row_id: int) -> None:
        """Have a handler look at a row soon. Never raises, never waits."""

    def stop(self) -> None:
        """Take no more, and wait for what is being handled."""


class Embedded:
    """A pool of threads in this process. The same (handler, row) is never queued twice at once."""

    def __init__(self, handlers: Mapping[str, Handler], *, threads: int = 8) -> None:
        self._handlers = handlers
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None
        self._queued: set[tuple[str, int]] = set()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Open the pool."""
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="work")

    def send(self, handler: str, row_id: int) -> None:
        """Queue the message, unless the same one is queued or being handled."""
        message = (handler, row_id)
        with self._lock:
            if self._pool is None or message in self._queued:
                return
            self._queued.add(message)
            self._pool.submit(self._handle, message)

    def stop(self) -> None:
        """Drop what is queued (its rows are still due) and wait for what runs."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)
        self._queued.clear()

    def _handle(self, message: tuple[str, int]) -> None:
        handler, row_id = message
        try:
            self._handlers[handler](row_id)
        except Exception:
            # The row still says what is owed, and a tick finds it again; a worker thread must outlive any error.
            log.exception("handler %s failed on row %s", handler, row_id)
        finally:
            with self._lock:
                self._queued.discard(message)

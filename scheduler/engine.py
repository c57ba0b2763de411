"""Carries ids to handlers. The rows decide what happens, so a message that is lost or repeated does no harm."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

log = logging.getLogger(__name__)

Handler = Callable[[int], object]

THREADS = 8
"""Of one process, for each handler."""


class Engine(Protocol):
    """Three methods; `Embedded` is one engine, `scheduler.distributed.Distributed` the other."""

    def start(self) -> None:
        """Begin to take messages."""

    def send(self, handler: str, row_id: int) -> None:
        """Have a handler look at a row soon. Never waits for it; what cannot leave is sent again by a tick."""

    def stop(self) -> None:
        """Take no more, and wait for what is being handled."""


class Embedded:
    """Threads in this process, a pool for each handler: what is to be published never waits behind what is read.

    The same (handler, row) is never queued twice at once. Handlers in `alone` have one thread.
    """

    def __init__(self, handlers: Mapping[str, Handler], *, threads: int = THREADS, alone: Collection[str] = ()) -> None:
        self._handlers = handlers
        self._threads = {name: 1 if name in alone else threads for name in handlers}
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._queued: set[tuple[str, int]] = set()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Open the pools; their threads start when there is work."""
        self._pools = {
            name: ThreadPoolExecutor(threads, thread_name_prefix=name) for name, threads in self._threads.items()
        }

    def send(self, handler: str, row_id: int) -> None:
        """Queue the message, unless the same one is queued or being handled."""
        message = (handler, row_id)
        with self._lock:
            if not self._pools or message in self._queued:
                return
            pool = self._pools[handler]
            self._queued.add(message)
            pool.submit(self._handle, message)

    def stop(self) -> None:
        """Drop what is queued (its rows are still due) and wait for what runs."""
        with self._lock:
            pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.shutdown(wait=False, cancel_futures=True)
        for pool in pools.values():
            pool.shutdown(wait=True)
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

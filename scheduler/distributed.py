"""The distributed engine: Procrastinate, on PostgreSQL, wakes workers on any machine and shares the messages out.

It carries ids and nothing else (ADR 0046). A message that was lost is sent again by a tick, one that is repeated finds
nothing to do, and one whose worker died is dropped. Procrastinate's workers are `async`, and this is the one file of
the house that is: every handler runs in a thread.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ProcrastinateException
from procrastinate.worker import Worker
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from models import messages
from models.session import FOUND_DEAD, Database
from scheduler.engine import THREADS, Handler

log = logging.getLogger(__name__)
# It says of each message that it came and went.
logging.getLogger("procrastinate").setLevel(logging.ERROR)

SILENCE = 30.0
"""Seconds without a heartbeat after which a worker is taken for dead, and what it had is sent to others."""
POLL = 1.0
"""Seconds after which a worker looks by itself: of the end of another one's reading of a channel nobody is notified."""
PAUSE = 1.0
"""Seconds before a worker whose database went begins again."""


class Distributed:
    """Sends messages, and takes those of some queues. Each queue that it takes has threads of its own, so that what is
    to be published never waits behind what is read.

    `queues` says which handlers each queue is for, the most urgent first. The same (handler, row) is never carried
    twice at once; of the handlers `by_channel`, whose rows are channels, one at a time is at work for a channel,
    whatever the queue. A queue of handlers in `alone` has one thread.
    """

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        database: Database,
        queues: Mapping[str, Collection[str]],
        *,
        taking: Collection[str] = (),
        by_channel: Collection[str] = (),
        alone: Collection[str] = (),
        threads: int = THREADS,
        silence: float = SILENCE,
    ) -> None:
        self._handlers = handlers
        self._database = database
        self._place = {name: (queue, -rank) for queue, names in queues.items() for rank, name in enumerate(names)}
        self._threads = {queue: 1 if set(queues[queue]) <= set(alone) else threads for queue in taking}
        self._by_channel = frozenset(by_channel)
        self._silence = silence
        url = make_url(database.url).set(drivername="postgresql")
        self._conninfo = url.render_as_string(hide_password=False)
        self._options = " ".join(filter(None, [str(url.query.get("options", "")), FOUND_DEAD]))
        self._sending = self._app()
        self._open = False
        self._workers: dict[str, Worker] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._thread: threading.Thread | None = None
        self._pools: dict[str, ThreadPoolExecutor] = {}

    def start(self) -> None:
        """Send from now on, and begin to take messages."""
        self._open = True
        if self._threads:
            self._loop, self._stopping = asyncio.new_event_loop(), asyncio.Event()
            self._thread = threading.Thread(target=self._work, args=[self._loop], name="engine")
            self._thread.start()

    def send(self, handler: str, row_id: int) -> None:
        """Have a worker handle the message, unless it waits or is handled already. It leaves with the transaction of
        one session, on the connection of that session.
        """
        queue, urgency = self._place[handler]
        if not self._open:
            return
        try:
            with self._database.write() as session:
                self._defer(session, handler, row_id, queue, urgency)
        except (SQLAlchemyError, ProcrastinateException):
            # Its row is still due, and the next tick sends it again.
            log.warning("message %s %s was not sent", handler, row_id, exc_info=True)

    def stop(self) -> None:
        """Take no more, and wait for what is being handled. What waits is for others."""
        self._open = False
        thread, loop, self._thread = self._thread, self._loop, None
        if thread is not None and loop is not None:
            loop.call_soon_threadsafe(self._end)
            thread.join()

    # Sending ---------------------------------------------------------------------------------------------------

    def _defer(self, session: Session, handler: str, row_id: int, queue: str, urgency: int) -> None:
        message = f"{handler}:{row_id}"
        if messages.carried(session, message, self._silence):
            return
        # Two clocks may meet here: the second one finds the name of its message taken.
        with suppress(AlreadyEnqueued), session.begin_nested():
            self._sending.configure_task(
                handler,
                queue=queue,
                priority=urgency,
                lock=f"channel:{row_id}" if handler in self._by_channel else None,
                queueing_lock=message,
                connection=session.connection().connection.driver_connection,
            ).defer(row_id=row_id)

    def _app(self) -> App:
        queues = ",".join(self._threads)
        name = f"{messages.NAME}{socket.gethostname()[:14]}:{os.getpid()} {queues}"[:63]
        app = App(
            connector=PsycopgConnector(
                conninfo=self._conninfo,
                kwargs={"application_name": name, "options": self._options},
                min_size=1,
                max_size=len(self._threads) + 2,
            )
        )
        for handler, (queue, _) in self._place.items():
            app.task(name=handler, queue=queue)(self._task(handler, queue))
        return app

    # Taking ----------------------------------------------------------------------------------------------------

    def _task(self, handler: str, queue: str) -> Callable[[int], Awaitable[None]]:
        async def handle(row_id: int) -> None:
            await asyncio.get_running_loop().run_in_executor(self._pools[queue], self._handle, handler, row_id)

        return handle

    def _handle(self, handler: str, row_id: int) -> None:
        try:
            self._handlers[handler](row_id)
        except Exception:
            # The row still says what is owed, and a tick finds it again.
            log.exception("handler %s failed on row %s", handler, row_id)

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        self._pools = {
            queue: ThreadPoolExecutor(threads, thread_name_prefix=queue) for queue, threads in self._threads.items()
        }
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(self._live())
        finally:
            for pool in self._pools.values():
                pool.shutdown()

    def _end(self) -> None:
        self._stopping.set()
        for worker in self._workers.values():
            worker.stop()  # type: ignore[no-untyped-call]

    async def _live(self) -> None:
        while not self._stopping.is_set():
            try:
                app = self._app()
                async with app.open_async():
                    await asyncio.gather(self._beat(), *(self._keep(app, queue) for queue in self._threads))
            except Exception:
                log.warning("the engine does not reach its database, and tries again", exc_info=True)
                await self._wait(PAUSE)

    async def _keep(self, app: App, queue: str) -> None:
        """A worker of one queue, and another one when it ends by itself: with its database, or by `_beat`."""
        while not self._stopping.is_set():
            worker = self._workers[queue] = Worker(
                app,
                queues=[queue],
                name=queue,
                concurrency=self._threads[queue],
                fetch_job_polling_interval=POLL,
                delete_jobs="always",
                install_signal_handlers=False,
                update_heartbeat_interval=self._silence / 3,
                stalled_worker_timeout=self._silence,
            )
            try:
                await worker.run()  # type: ignore[no-untyped-call]
            except Exception:
                # It must outlive whatever its database does.
                log.warning("the worker of %s stopped, and begins again", queue, exc_info=True)
            if not self._stopping.is_set():
                await self._wait(PAUSE)

    async def _beat(self) -> None:
        """Say that the workers live, drop what those had that do not, and have a worker begin again that went deaf."""
        while not self._stopping.is_set():
            workers = {worker.worker_id: worker for worker in self._workers.values() if worker.worker_id is not None}
            if workers:
                try:
                    known = await asyncio.get_running_loop().run_in_executor(None, self._said, list(workers))
                except SQLAlchemyError:
                    log.warning("the engine could not say that it lives", exc_info=True)
                else:
                    if known < len(workers):
                        for worker in workers.values():
                            worker.stop()  # type: ignore[no-untyped-call]
            await self._wait(self._silence / 3)

    def _said(self, workers: list[int]) -> int:
        with self._database.write() as session:
            return messages.beat(session, workers, self._silence)

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

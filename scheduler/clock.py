"""The clock: APScheduler ticks in UTC, in memory. Nothing that a citizen would see lives in its store."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED, JobEvent
from apscheduler.schedulers import SchedulerNotRunningError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from models.locks import Locks

log = logging.getLogger(__name__)
# A tick that still runs when its next one is due is usual here (a long batch), and each would be a warning.
logging.getLogger("apscheduler").setLevel(logging.ERROR)

SILENCE = 30.0
"""Seconds without a heartbeat after which the watchdog starts the clock again."""


@dataclass(frozen=True)
class Tick:
    """Something to look at again and again; what is found due is the function's own business."""

    name: str
    every: timedelta
    look: Callable[[], object]


class Clock:
    """Runs ticks until stopped. Two processes with the same ticks are harmless; the lock only spares the work."""

    def __init__(self, ticks: Sequence[Tick], locks: Locks) -> None:
        self._ticks = ticks
        self._locks = locks
        self._scheduler: BackgroundScheduler | None = None
        self._beat = time.monotonic()
        self._stopped = threading.Event()
        self._turning = threading.Lock()
        """Held while the scheduler is started or stopped, so that the watchdog starts none after the end."""

    @property
    def alive(self) -> bool:
        """Whether the clock ticked within the last `SILENCE` seconds."""
        return time.monotonic() - self._beat < SILENCE

    def start(self) -> None:
        """Start ticking, and the watchdog beside it."""
        with self._turning:
            self._start_scheduler()
        threading.Thread(target=self._watch, name="clock-watchdog", daemon=True).start()

    def stop(self) -> None:
        """Stop; a tick that runs is waited for."""
        with self._turning:
            self._stopped.set()
            scheduler, self._scheduler = self._scheduler, None
        _shut_down(scheduler, wait=True)

    def _start_scheduler(self) -> None:
        self._beat = time.monotonic()
        scheduler = BackgroundScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1}
        )
        scheduler.add_listener(_say, EVENT_JOB_ERROR | EVENT_JOB_MISSED)
        scheduler.add_job(self._heartbeat, IntervalTrigger(seconds=1, timezone=UTC), id="heartbeat")
        for tick in self._ticks:
            trigger = IntervalTrigger(seconds=tick.every.total_seconds(), timezone=UTC)
            scheduler.add_job(self._run, trigger, args=[tick], id=tick.name)
        scheduler.start()
        self._scheduler = scheduler

    def _heartbeat(self) -> None:
        self._beat = time.monotonic()

    def _run(self, tick: Tick) -> None:
        with self._locks.try_hold(f"tick:{tick.name}") as ours:
            if ours:
                tick.look()

    def _watch(self) -> None:
        while not self._stopped.wait(SILENCE / 3):
            if not self.alive:
                log.error("the clock fell silent and is started again")
                try:
                    self._restart()
                except Exception:
                    # The watchdog itself must outlive everything: it tries again after the next silence.
                    log.exception("the clock could not be started again")

    def _restart(self) -> None:
        with self._turning:
            if self._stopped.is_set():
                return
            _shut_down(self._scheduler, wait=False)
            self._start_scheduler()


def _shut_down(scheduler: BackgroundScheduler | None, *, wait: bool) -> None:
    if scheduler is not None:
        # One that died on its own cannot be stopped any more.
        with contextlib.suppress(SchedulerNotRunningError):
            scheduler.shutdown(wait=wait)


def _say(event: JobEvent) -> None:
    if event.code == EVENT_JOB_ERROR:
        log.error("tick %s failed", event.job_id, exc_info=event.exception)
    else:
        log.warning("tick %s was missed", event.job_id)

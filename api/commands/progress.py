"""What a command is doing, shown on a terminal once it lasts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

PATIENCE = 2.0
"""Seconds that nobody needs to be told anything for."""


def screen(*, stderr: bool = False) -> Console:
    """A console that prints sentences as they are: names of the city may hold brackets, and lines are for `grep`."""
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=True)


@contextmanager
def progress(console: Console) -> Iterator[Callable[[str], None]]:
    """Gives what is called with each new state of the work; nothing is shown where nobody looks."""
    status = console.status("")
    timer = threading.Timer(PATIENCE, status.start)
    if console.is_terminal:
        timer.start()
    try:
        yield status.update
    finally:
        timer.cancel()
        if timer.ident is not None:
            timer.join()  # It may be starting the display right now.
        status.stop()

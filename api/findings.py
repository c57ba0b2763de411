"""What is found of an installation, for whoever keeps it running: `parvis doctor` and the page of operations say it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from api import disks
from api.i18n import N_, _, format_number
from api.settings import Settings


class State(StrEnum):
    """What becomes of a line: nothing, something that somebody still has to do, something that does not work."""

    GOOD = "✓"
    TO_DO = "→"
    WRONG = "✗"


@dataclass(frozen=True)
class Line:
    """One thing looked at; what to do where it is not good, and the page that says more."""

    name: str
    finding: str
    state: State = State.GOOD
    advice: str = ""
    link: str = ""


def disk(settings: Settings) -> Iterator[Line]:
    """How much room there is where this installation keeps things."""
    for folder in sorted(disks.folders(settings)):
        free = disks.free_bytes(folder)
        state = State.WRONG if free < disks.DISK_FULL else State.TO_DO if free < disks.DISK_LOW else State.GOOD
        said = {
            State.GOOD: N_("%(free)s GB free on %(folder)s"),
            State.TO_DO: N_("nearly full: %(free)s GB free on %(folder)s"),
            State.WRONG: N_("full: %(free)s GB free on %(folder)s; nothing can be received any more"),
        }[state]
        yield Line(_("Disk"), _(said, free=format_number(round(free / 1e9, 1)), folder=folder), state)

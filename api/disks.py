"""Where this installation keeps things on its machine, and how much room is left there."""

from __future__ import annotations

import os
from pathlib import Path

from api.settings import Settings, sqlite_file

DISK_FULL, DISK_LOW = 64 * 2**20, 2**30
"""Free bytes under which nothing can be kept any more, and under which somebody is told."""


def folders(settings: Settings) -> set[Path]:
    """Where this installation keeps things on this machine."""
    database = sqlite_file(settings)
    return {settings.home.resolve()} | ({database.resolve().parent} if database else set())


def free_bytes(folder: Path) -> int:
    """What Parvis may still write there."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def roomy(settings: Settings) -> bool:
    """Whether nobody needs to be told of any of them."""
    return all(free_bytes(folder) >= DISK_LOW for folder in folders(settings))

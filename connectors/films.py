"""Films of our own: what came is written anew by another process, and one image of it is drawn."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from models.errors import Refused

log = logging.getLogger(__name__)

SECONDS = 120
"""For the whole of a film; to copy a gigabyte takes some ten."""
MEMORY = 2 * 1024**3
"""Bytes that the other process may claim: the library alone claims half of that, and one image of 8K a tenth."""
POSTER = 128 * 1024**2
"""Bytes that its files may have more than what came: an image of 8K, and what is written once more in front."""

_turns = threading.BoundedSemaphore(2)
"""Each of them takes a core, and a disk."""


@dataclass(frozen=True)
class Rewritten:
    """A film without what else was in its file: an MP4 that begins to play before all of it has come."""

    path: Path
    poster: bytes
    """A PNG, of the film's size."""
    width: int
    height: int
    """In points, upright."""
    milliseconds: int


def is_film(head: bytes) -> bool:
    """Whether a file that begins so says that it is MP4 or QuickTime."""
    return head[4:8] in {b"ftyp", b"moov", b"mdat", b"wide", b"pnot"}


def rewritten(source: Path, folder: Path) -> Rewritten:
    """The film of a file, written into a folder that is there.

    Refused: `film_unreadable` (no MP4 or QuickTime, or damaged), `film_cut` (its end is missing), `film_empty` (there
    is no image in it), `film_codec` (`codec` is none that browsers and networks show), `film_slow`.
    """
    film, poster = folder / "film.mp4", folder / "poster.png"
    limits = {"memory": MEMORY, "bytes": source.stat().st_size + POSTER, "seconds": SECONDS}
    job = {"source": str(source), "film": str(film), "poster": str(poster), **limits}
    with _turns:
        try:
            done = subprocess.run(
                [sys.executable, "-m", "connectors.remux"],
                input=json.dumps(job),
                capture_output=True,
                text=True,
                encoding="utf-8",
                errors="replace",
                cwd=folder,
                env={"PYTHONUTF8": "1"},
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Refused("film_slow") from None
    try:
        told = json.loads(done.stdout)
    except ValueError:
        # It ran out of what it may use, or fell over what it read.
        log.warning("a film could not be read: %s, %s", done.returncode, done.stderr[-400:])
        raise Refused("film_unreadable") from None
    if told["refused"] is not None:
        raise Refused(told["refused"], codec=told["codec"])
    return Rewritten(film, poster.read_bytes(), told["width"], told["height"], told["milliseconds"])

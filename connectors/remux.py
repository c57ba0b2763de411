"""Writes a film anew, without what else was in its file, and ends: `python -m connectors.remux`.

The only file that imports PyAV, in a process that nothing else runs in and that limits its own memory, time and files
before it looks at anything: a film is read by a large library in C, and whoever made it may be nobody's friend. One
JSON object comes in on the standard input and one goes out on the standard output (`Job`, `Told`); the parent (`films`)
sets the time limit. Nothing is encoded: the pictures and the sound are those that came.

https://pyav.basswood-io.com/docs/stable/
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import av

KNOWN = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"moof", b"uuid", b"sidx", b"styp"})
"""What the file of a film is made of, at its outermost (ISO/IEC 14496-12, and Apple's older QuickTime)."""
PLAIN = frozenset({"yuv420p", "yuvj420p"})
"""How points are coloured in films that browsers and networks show."""
MOST = 36_000_000
"""Points of one image: 8K has 33 million."""
POSTER_AT = 1.0
"""Seconds: the first image of many films is black."""
LOOKED_AT = 300
"""Images that are drawn on the way there, at most."""


@dataclass(frozen=True)
class Job:
    """What to read and where to write; how many bytes of memory and of files, and seconds of work, that may take."""

    source: str
    film: str
    poster: str
    memory: int
    bytes: int
    seconds: int


@dataclass(frozen=True)
class Told:
    """What was made, or why nothing was (`refused`, a code of `publishing.films`; `codec`: which one it is)."""

    width: int = 0
    height: int = 0
    milliseconds: int = 0
    refused: str | None = None
    codec: str = ""


class Refusal(Exception):  # Nobody outside of this file sees it.
    """Why this is no film for us."""

    def __init__(self, code: str, codec: str = "") -> None:
        super().__init__(code)
        self.told = Told(refused=code, codec=codec)


def main() -> None:
    """Read the job, do it, tell."""
    job = Job(**json.load(sys.stdin))
    resource.setrlimit(resource.RLIMIT_AS, (job.memory, job.memory))
    resource.setrlimit(resource.RLIMIT_CPU, (job.seconds, job.seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (job.bytes, job.bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    av.logging.set_level(None)
    try:
        told = _made(job)
    except Refusal as refusal:
        told = refusal.told
    except (av.FFmpegError, OSError, ValueError, ArithmeticError, LookupError, MemoryError):
        told = Told(refused="film_unreadable")
    sys.stdout.write(json.dumps(asdict(told)))


def _made(job: Job) -> Told:
    with Path(job.source).open("rb") as file:
        _check_whole(file)
    milliseconds = _copied(job.source, job.film)
    width, height = _poster(job.film, job.poster)
    return Told(width, height, milliseconds)


def _check_whole(file: BinaryIO) -> None:
    """A file that was cut says that it is longer than it is; one of another kind says nothing that is known."""
    size, place = file.seek(0, 2), 0
    while place < size:
        file.seek(place)
        head = file.read(16)
        if len(head) < 8 or head[4:8] not in KNOWN:
            if place == 0:
                raise Refusal("film_unreadable")
            return  # Some cameras leave a mark of theirs at the end.
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length == 0:
            return  # The last one, up to the end.
        if length < 8:
            raise Refusal("film_unreadable")
        place += length
    if place > size:
        raise Refusal("film_cut")


def _opened(path: str) -> Any:
    """Read as what it must be: no list that names other files, and no address."""
    given = {"protocol_whitelist": "file"}
    return av.open(path, format="mov", options=given, metadata_errors="replace")


def _copied(source: str, film: str) -> int:
    """Write the pictures and the sound into a new file, which can be played before all of it has come. Gives how long
    it is, in milliseconds.
    """
    with _opened(source) as read, av.open(film, "w", format="mp4", options=_fresh()) as made:
        video, sound = _chosen(read)
        streams = [one for one in (video, sound) if one is not None]
        copies = {one.index: made.add_stream_from_template(one, opaque=True) for one in streams}
        begin, end = None, None
        for packet in _packets(read, streams):
            if packet.stream.index == video.index and packet.pts is not None:
                begin = packet.pts if begin is None else min(begin, packet.pts)
                last = packet.pts + (packet.duration or 0)
                end = last if end is None else max(end, last)
            packet.stream = copies[packet.stream.index]
            made.mux(packet)
        if begin is None or end is None or (milliseconds := round((end - begin) * video.time_base * 1000)) < 1:
            raise Refusal("film_empty")
        return int(milliseconds)


def _fresh() -> dict[str, str]:
    """No date, no name of a program: the same film gives the same bytes."""
    return {"movflags": "+faststart", "fflags": "+bitexact", "map_metadata": "-1"}


def _chosen(read: Any) -> tuple[Any, Any]:
    """The pictures and the sound; whatever else is in the file (places, texts, a cover) is left behind."""
    videos = [one for one in read.streams.video if _codec(one) == "h264"]
    if not videos:
        others = [_codec(one) for one in read.streams.video]
        raise Refusal("film_codec", others[0]) if others else Refusal("film_unreadable")
    video, sound = videos[0], next(iter(read.streams.audio), None)
    if video.codec_context.pix_fmt is None:
        raise Refusal("film_empty")  # No image told how it is coloured.
    if video.codec_context.pix_fmt not in PLAIN:
        raise Refusal("film_codec", f"h264 {video.codec_context.pix_fmt}")
    if not 0 < video.codec_context.width * video.codec_context.height <= MOST:
        raise Refusal("film_unreadable")
    if sound is not None and _codec(sound) != "aac":
        raise Refusal("film_codec", _codec(sound))
    return video, sound


def _codec(stream: Any) -> str:
    return stream.codec_context.name if stream.codec_context is not None else "?"


def _packets(read: Any, streams: list[Any]) -> Iterator[Any]:
    for packet in read.demux(*streams):
        if packet.dts is not None:  # The last ones hold nothing.
            yield packet


def _poster(film: str, poster: str) -> tuple[int, int]:
    """Draw one image of what was written; gives the width and height that the film is shown in."""
    with _opened(film) as read:
        video = read.streams.video[0]
        video.codec_context.thread_count = 1
        shown = None
        for number, frame in enumerate(read.decode(video)):
            shown = frame
            if (frame.time or 0) >= POSTER_AT or number >= LOOKED_AT:
                break
        if shown is None:
            raise Refusal("film_unreadable")
        # Pillow turns to the left, as the film says how it is turned.
        picture = shown.to_image().rotate(shown.rotation, expand=True)
        picture.save(poster, "PNG")
        return int(picture.width), int(picture.height)


if __name__ == "__main__":
    main()

"""Captions of a film: what is said and heard in it, when. SRT and WebVTT come in; WebVTT is kept: browsers show it.

https://www.w3.org/TR/webvtt1/; SubRip has no specification, and is what everybody writes.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

from models.errors import Refused

LONGEST = 200_000
"""Characters of a file: an hour of talk has a third of that."""

_TIME = r"(?:(\d{1,2}):)?([0-5]\d):([0-5]\d)[.,](\d{3})"
_TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?")
_TAG = re.compile(r"<[^>]*>|\{\\[^}]*\}")
_ASIDE = re.compile(r"(?:WEBVTT|NOTE|STYLE|REGION)\b")


@dataclass(frozen=True)
class Cue:
    """What is shown from one moment to another, in milliseconds."""

    begin: int
    end: int
    text: str


def read(content: bytes | str, milliseconds: int) -> str:
    """WebVTT with the words of a file, without its styles and places.

    Refused: `captions_heavy`, `captions_unreadable` (at a `line`), `captions_empty`, `captions_late` (at a `line`
    something is shown after the end of the film).
    """
    text = content if isinstance(content, str) else _decoded(content)
    if len(text) > LONGEST:
        raise Refused("captions_heavy", field="captions", most=str(LONGEST))
    lines = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    cues, number = list[Cue](), 0
    while number < len(lines):
        block, first = list[str](), number
        while number < len(lines) and lines[number].strip():
            block.append(lines[number])
            number += 1
        number += 1
        if block and not _ASIDE.match(block[0]):
            cue = _cue(block, first + 1)
            if cue.begin >= milliseconds:
                raise Refused("captions_late", field="captions", line=str(first + 1))
            cues += [cue] if cue.text else []
    if not cues:
        raise Refused("captions_empty", field="captions")
    shown = (f"{_clock(one.begin)} --> {_clock(one.end)}\n{html.escape(one.text, quote=False)}\n" for one in cues)
    return "\n".join(["WEBVTT\n", *shown])


def _decoded(content: bytes) -> str:
    """As it was written: in UTF-8, or as older programs on Windows write French."""
    if len(content) > 4 * LONGEST:
        raise Refused("captions_heavy", field="captions", most=str(LONGEST))
    try:
        return content.decode("utf-8-sig").replace("\0", "")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace").replace("\0", "")


def _cue(block: list[str], line: int) -> Cue:
    """Its name or number may come first."""
    at = next((place for place, one in enumerate(block[:2]) if "-->" in one), None)
    times = _TIMES.fullmatch(block[at]) if at is not None else None
    if at is None or times is None:
        raise Refused("captions_unreadable", field="captions", line=str(line + (at or 0)))
    begin, end = _milliseconds(times.groups()[:4]), _milliseconds(times.groups()[4:])
    if end <= begin:
        raise Refused("captions_unreadable", field="captions", line=str(line + at))
    words = (html.unescape(_TAG.sub("", one)).strip() for one in block[at + 1 :])
    return Cue(begin, end, "\n".join(filter(None, words)).replace("-->", "→"))


def _milliseconds(parts: tuple[str | None, ...]) -> int:
    hours, minutes, seconds, thousandths = (int(one or 0) for one in parts)
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths


def _clock(milliseconds: int) -> str:
    seconds, thousandths = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{thousandths:03}"

"""`parvis classify`: texts in, one JSON line each, in order and as they come; nothing is kept."""

from __future__ import annotations

import codecs
import io
import json
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import IO, Any

from api.commands.progress import progress, screen
from api.i18n import _, format_number
from api.messages import label, reason
from classifiers.base import Classifier, Context, Scored, Verdict
from models.errors import Refused
from moderation.triage.suggestion import Facts, suggest

BATCH = 64
"""Texts that the classifier reads together, when so many have come; nothing is read much further ahead, so a file of
any length takes no more."""

_HEAD = 4_096
_FRENCH = frozenset("àâäçéèêëîïôöùûüÿœæÀÂÄÇÉÈÊËÎÏÔÖÙÛÜŸŒÆ«»‹›“”„‘’–—…€°²³½¼ñÑáíóúÁÍÓÚ¿¡©®ß·•\xa0")
"""Letters and marks that a text of 8 bits has when it is French. Any other says that it is of another encoding."""


class Format(StrEnum):
    """What a line holds."""

    TEXT = "text"
    JSONL = "jsonl"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the input. `text` None: it has none, and `error` is the code of why."""

    number: int
    id: Any
    text: str | None
    error: str = ""


def run(classifier: Classifier, file: str, out: IO[bytes], form: Format | None = None) -> bool:
    """Classify a file, or `-` for the standard input. Gives whether every line could be read.

    `form`: what its lines hold; None: guessed, where every line agrees. Refused: they do not, or the encoding is not
    known. Of what can be read twice, nothing is classified then.
    """
    if file == "-":
        return _run(classifier, sys.stdin.buffer, out, form)
    with Path(file).open("rb") as stream:
        return _run(classifier, stream, out, form)


def _run(classifier: Classifier, stream: IO[bytes], out: IO[bytes], form: Format | None) -> bool:
    if stream.seekable():
        start = stream.tell()
        for _line in read_lines(decoded(stream), form):
            pass
        stream.seek(start)
    return classify(classifier, read_lines(decoded(stream), form), out)


def classify(classifier: Classifier, lines: Iterable[Line], out: IO[bytes]) -> bool:
    """One object for each text, in order. A line that cannot be read has `{"id", "line", "error"}` in its place."""
    fine, count = True, 0
    with progress(screen(stderr=True)) as say:
        for batch in _as_they_come(lines):
            verdicts = iter(classifier.classify([line.text for line in batch if line.text is not None], Context()))
            for line in batch:
                if line.text is not None:
                    _write(out, said(line.id, line.text, next(verdicts)))
                    continue
                fine = False
                _write(out, {"id": line.id, "line": line.number, "error": line.error})
                why = label("row", line.error)
                print(_("line %(line)s: %(why)s", line=line.number, why=why), file=sys.stderr)
            out.flush()
            count += len(batch)
            say(_("%(count)s texts", count=format_number(count)))
    return fine


def _as_they_come(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """The lines that are there, together, without waiting for more: whoever writes to a pipe reads each answer."""
    waiting: Queue[Line | BaseException | None] = Queue(BATCH)

    def read() -> None:
        try:
            for line in lines:
                waiting.put(line)
        except BaseException as error:  # noqa: BLE001 -- raised again where it is awaited
            waiting.put(error)
        waiting.put(None)

    Thread(target=read, daemon=True).start()
    open_ = True
    while open_:
        batch: list[Line] = []
        try:
            while len(batch) < BATCH:
                one = waiting.get(block=not batch)
                if isinstance(one, BaseException):
                    if batch:
                        yield batch
                    raise one
                if one is None:
                    open_ = False
                    break
                batch.append(one)
        except Empty:
            pass
        if batch:
            yield batch


# ------------------------------------------------------------------------------------------ bytes to lines
def decoded(stream: IO[bytes]) -> Iterator[str]:
    """Lines of a stream in UTF-8, UTF-16 or, where every letter is then French, Windows-1252 (Latin-1 is part of it).

    Refused: it is in none of them, or not in one alone.
    """
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream)  # type: ignore[type-var]
    wide = _wide(buffered.peek(_HEAD)[:_HEAD])
    opened = io.TextIOWrapper(buffered, wide, newline="\n") if wide else buffered
    try:
        if isinstance(opened, io.TextIOWrapper):
            yield from (line.rstrip("\r\n") for line in opened)
        else:
            yield from _narrow(opened)
    except UnicodeDecodeError as error:
        raise Refused("encoding_unknown") from error
    finally:
        # Who gave the stream may read it again: neither wrapper closes it.
        if opened is not buffered:
            opened.detach()
        if buffered is not stream:
            buffered.detach()


def _wide(head: bytes) -> str | None:
    """The encoding of 16 bits or more that a file begins in, by its mark or by where its zeros are."""
    for mark, name in ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32")):
        if head.startswith(mark):
            return name
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    for name, zeros, letters in (("utf-16-le", head[1::2], head[::2]), ("utf-16-be", head[::2], head[1::2])):
        if len(head) >= 4 and zeros.count(0) > 0.7 * len(zeros) and letters.count(0) < 0.1 * len(letters):
            return name
    return None


def _narrow(stream: Iterable[bytes]) -> Iterator[str]:
    encoding = None
    for number, raw in enumerate(stream):
        line = raw.removeprefix(codecs.BOM_UTF8) if number == 0 else raw
        if not line.isascii():
            found = _encoding(line)
            if encoding not in (None, found):
                raise Refused("encoding_mixed", line=str(number + 1))
            encoding = found
        yield line.decode(encoding or "ascii").rstrip("\r\n")


def _encoding(line: bytes) -> str:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        if not set(line.decode("cp1252")) - _FRENCH - set(map(chr, range(128))):
            return "cp1252"
        raise
    return "utf-8"


# ------------------------------------------------------------------------------------------ lines to texts
def read_lines(lines: Iterable[str], form: Format | None = None) -> Iterator[Line]:
    """What each line holds: JSON Lines, or texts as they are, empty ones too.

    Refused: `form` is not given, and one line is not like the first.
    """
    guessed = form
    for number, line in enumerate(lines, start=1):
        if form is None and line.strip():
            found = Format.JSONL if _parsed(number, line).text is not None else Format.TEXT
            if guessed not in (None, found):
                raise Refused("lines_differ", line=str(number))
            guessed = found
        if guessed is not Format.JSONL:
            yield Line(number, number, line)
        elif line.strip():
            yield _parsed(number, line)


def _parsed(number: int, line: str) -> Line:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return Line(number, number, None, "not_json")
    if not isinstance(row, dict):
        return Line(number, number, None, "not_json")
    text = row.get("text")
    if not isinstance(text, str):
        return Line(number, row.get("id", number), None, "text_missing")
    return Line(number, row.get("id", number), text)


@cache
def _articles() -> dict[str, str]:
    """By breach: the code of the article about it, in the netiquette that a new city begins with."""
    written = files("administration").joinpath("seeds/netiquette.toml").read_text("utf-8")
    return {one["breach"]: one["code"] for one in tomllib.loads(written)["article"] if "breach" in one}


def said(identity: Any, text: str, verdict: Verdict) -> dict[str, Any]:
    """A verdict in the form that is documented; services come with the engine that finds them."""
    proposed = suggest(Facts(verdict))
    return {
        "id": identity,
        "text": text,
        "langue": verdict.language.label,
        "intention": _scored(verdict.intention),
        "groupe": _scored(verdict.group),
        "netiquette": {breach: round(score, 4) for breach, score in verdict.breaches.items()},
        "urgence": {"level": verdict.urgency.level, "score": round(verdict.urgency.score, 4)},
        "toxique": None if verdict.toxicity is None else round(verdict.toxicity, 4),
        "sentiment": _scored(verdict.feeling),
        "services": [],
        "place": asdict(verdict.place) if verdict.place else None,
        "proposition": {
            "kind": proposed.kind if proposed else None,
            "article": _articles().get(proposed.breach or "") if proposed else None,
            "why": list(proposed.why) if proposed else [],
            "hideable": sorted(verdict.hideable),
        },
        "reasons": [
            {"code": why.code, "text": reason(why), "start": why.start, "end": why.end} for why in verdict.reasons
        ],
        "model": verdict.model,
    }


def _scored(scored: Scored[Any] | None) -> dict[str, Any]:
    # A null label says that the model does not know; the shape stays, so that who reads the lines need not ask first.
    return {"label": None, "score": 0.0} if scored is None else {"label": scored.label, "score": round(scored.score, 4)}


def _write(out: IO[bytes], row: dict[str, Any]) -> None:
    # Half of a surrogate pair may come in as an escape, and leaves as one: UTF-8 has no other place for it.
    out.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")

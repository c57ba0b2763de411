"""`parvis classify`: texts in, one JSON line each, in order; nothing is kept."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

from api.commands.progress import progress, screen
from api.i18n import _, format_number
from api.messages import label, reason
from classifiers.base import Classifier, Context, Scored, Verdict

BATCH = 64
"""Texts that the classifier reads together; nothing is read further ahead, so a file of any length takes no more."""

_OBJECT = re.compile(r'\s*\{\s*["}]')


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the input. `text` None: it has none, and `error` is the code of why."""

    number: int
    id: Any
    text: str | None
    error: str = ""


def run(classifier: Classifier, file: str, out: IO[bytes]) -> bool:
    """Classify a file, or `-` for the standard input. Gives whether every line could be read."""
    if file == "-":
        return classify(classifier, sys.stdin.buffer, out)
    with Path(file).open("rb") as lines:
        return classify(classifier, lines, out)


def classify(classifier: Classifier, lines: Iterable[bytes], out: IO[bytes]) -> bool:
    """One object for each text, in order. A line that cannot be read has `{"id", "line", "error"}` in its place."""
    fine, count, read = True, 0, read_lines(lines)
    with progress(screen(stderr=True)) as say:
        while batch := list(islice(read, BATCH)):
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


def read_lines(lines: Iterable[bytes]) -> Iterator[Line]:
    """What each line holds. The first one decides: JSON Lines, or texts as they are, empty ones too."""
    as_json = False
    for number, raw in enumerate(lines, start=1):
        line = raw.decode("utf-8-sig" if number == 1 else "utf-8", "replace").rstrip("\r\n")
        if number == 1:
            as_json = _OBJECT.match(line) is not None
        if not as_json:
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


def said(identity: Any, text: str, verdict: Verdict) -> dict[str, Any]:
    """A verdict in the form that is documented; services and place come with the engine that finds them."""
    return {
        "id": identity,
        "text": text,
        "langue": verdict.language.label,
        "intention": _scored(verdict.intention),
        "groupe": _scored(verdict.group),
        "netiquette": {breach: round(score, 4) for breach, score in verdict.breaches.items()},
        "urgence": {"level": verdict.urgency.level, "score": round(verdict.urgency.score, 4)},
        "services": [],
        "place": None,
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

"""`parvis classify`: texts in, one JSON line each, in order; nothing is kept."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

from api.i18n import _
from api.messages import reason
from classifiers.base import Classifier, Context, Scored, Verdict

BATCH = 64


def run(classifier: Classifier, file: str, out: IO[str]) -> bool:
    """Classify a file, or `-` for the standard input. Gives whether every line could be read."""
    if file == "-":
        return _run(classifier, sys.stdin.buffer, out)
    with Path(file).open("rb") as lines:
        return _run(classifier, lines, out)


def _run(classifier: Classifier, lines: Iterable[bytes], out: IO[str]) -> bool:
    fine, texts = True, _texts(lines)
    while batch := list(islice(texts, BATCH)):
        readable = [text for _key, text in batch if isinstance(text, str)]
        verdicts = iter(classifier.classify(readable, Context()))
        for key, text in batch:
            if isinstance(text, str):
                out.write(json.dumps(_said(key, text, next(verdicts)), ensure_ascii=False) + "\n")
            else:
                fine = False
                print(_("line %(number)s: %(why)s", number=key, why=text), file=sys.stderr)
        out.flush()
    return fine


def _texts(lines: Iterable[bytes]) -> Iterator[tuple[Any, str | ValueError]]:
    """Each line's id and text, or why it has none. Whether they are JSON Lines is decided by the first line."""
    as_json: bool | None = None
    for number, raw in enumerate(lines, start=1):
        line = raw.decode("utf-8-sig" if number == 1 else "utf-8", "replace").rstrip("\r\n")
        if as_json is None:
            as_json = _is_object(line)
        if not as_json:
            yield number, line
            continue
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if isinstance(row, dict) and isinstance(row.get("text"), str):
            yield row.get("id", number), row["text"]
        else:
            yield number, ValueError(_("not an object with a text"))


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _said(key: Any, text: str, verdict: Verdict) -> dict[str, Any]:
    return {
        "id": key,
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


def _scored(scored: Scored[Any] | None) -> dict[str, Any] | None:
    return None if scored is None else {"label": scored.label, "score": round(scored.score, 4)}

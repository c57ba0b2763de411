"""Lines in, one JSON-ready object out for each, in order: what `parvis classify` writes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from classifiers.base import Classifier, Context, Scored, Verdict
from models.vocabulary import Reason

BATCH = 64


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    text: str | None
    id: Any
    error: str = ""


def classify_stream(lines: Iterable[str], classifier: Classifier, context: Context) -> Iterator[dict[str, Any]]:
    """One object for each line that is not empty, in input order; nothing is read further than one batch ahead.

    A line that starts with a brace is JSON with `text` and maybe `id`; any other is the text itself, and its `id` is
    its line number. A line of bad JSON gives `{"id", "line", "error"}` and stops nothing.
    """
    read = (_parse(number, line) for number, line in enumerate(lines, start=1) if line.strip())
    while batch := list(islice(read, BATCH)):
        verdicts = iter(classifier.classify([line.text for line in batch if line.text is not None], context))
        for line in batch:
            if line.text is None:
                yield {"id": line.id, "line": line.number, "error": line.error}
            else:
                yield as_json(line.id, line.text, next(verdicts))


def _parse(number: int, line: str) -> _Line:
    line = line.rstrip("\r\n").removeprefix("\ufeff")
    if not line.lstrip().startswith("{"):
        return _Line(number, line, number)
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return _Line(number, None, number, f"invalid_json: {error}")
    text = row.get("text")
    if not isinstance(text, str):
        return _Line(number, None, row.get("id", number), "text_missing")
    return _Line(number, text, row.get("id", number))


def as_json(identity: Any, text: str, verdict: Verdict) -> dict[str, Any]:
    """A verdict in the form that the command line and the JSON door share; services and place come from above."""
    return {
        "id": identity,
        "text": text,
        "langue": str(verdict.language.label),
        "intention": _scored(verdict.intention),
        "groupe": _scored(verdict.group),
        "netiquette": {str(breach): round(score, 4) for breach, score in verdict.breaches.items()},
        "urgence": {"level": verdict.urgency.level, "score": round(verdict.urgency.score, 4)},
        "services": [],
        "place": None,
        "reasons": [_reason(text, reason) for reason in verdict.reasons],
    }


def _scored(scored: Scored[Any] | None) -> dict[str, Any] | None:
    return None if scored is None else {"label": str(scored.label), "score": round(scored.score, 4)}


def _reason(text: str, reason: Reason) -> dict[str, Any]:
    place = None if reason.start is None else text[reason.start : reason.end]
    return {"code": str(reason.code), "text": place, "start": reason.start, "end": reason.end}

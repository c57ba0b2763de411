"""Figures of a classifier on labelled text, each with its 95 % bootstrap interval."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifiers.base import Classifier, Context, Verdict
from models.errors import Refused
from models.vocabulary import Breach

Array = npt.NDArray[Any]

SEED = 311
RESAMPLES = 500
ABSTAINED = "?"
"""Written where the classifier says that it does not know; it counts as a wrong answer."""

TASKS = ("intention", "groupe", "urgence", "langue", "netiquette", *Breach)
"""`netiquette`: any breach at all (label 0 or 1, scored by the highest of the six); a breach's name: that one alone."""

_ONE_LABEL = frozenset({"intention", "groupe", "urgence", "langue"})
_YES = 0.5
_BATCH = 256


@dataclass(frozen=True)
class Figure:
    """A measure and its 95 % percentile bootstrap interval (rows resampled with replacement)."""

    value: float
    low: float
    high: float


def with_interval(measure: Callable[..., float], *arrays: Array, groups: Array | None = None) -> Figure:
    """A measure over arrays of equal length, and its interval; whole groups are resampled when there are groups."""
    arrays = _as_numbers(arrays)
    generator = np.random.default_rng(SEED)
    count = len(arrays[0])
    members = _Members(groups) if groups is not None else None
    drawn = []
    for _ in range(RESAMPLES):
        rows = members.draw(generator) if members else generator.integers(0, count, count)
        value = measure(*(array[rows] for array in arrays))
        if not np.isnan(value):
            drawn.append(value)
    low, high = np.percentile(drawn, [2.5, 97.5]) if drawn else (float("nan"), float("nan"))
    return Figure(float(measure(*arrays)), float(low), float(high))


def _as_numbers(arrays: Sequence[Array]) -> tuple[Array, ...]:
    """Labels as numbers, the same number for the same label in all arrays: comparing strings takes most of the time."""
    words = [array for array in arrays if array.dtype.kind in "US"]
    if not words:
        return tuple(arrays)
    known = np.unique(np.concatenate(words))
    return tuple(np.searchsorted(known, array) if array.dtype.kind in "US" else array for array in arrays)


class _Members:
    """The rows of each group, ready to be drawn group by group."""

    def __init__(self, groups: Array) -> None:
        _, inverse, self._sizes = np.unique(groups, return_inverse=True, return_counts=True)
        self._order = np.argsort(inverse, kind="stable")
        self._starts = np.cumsum(self._sizes) - self._sizes

    def draw(self, generator: np.random.Generator) -> Array:
        """Rows of as many groups as there are, drawn with replacement."""
        drawn = generator.integers(0, len(self._sizes), len(self._sizes))
        sizes = self._sizes[drawn]
        # Each drawn group's rows stand side by side in `_order`: its start, repeated, plus a count from zero.
        offsets = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return np.asarray(self._order[np.repeat(self._starts[drawn], sizes) + offsets])


def paired(
    measure: Callable[..., float], truth: Array, ours: Array, theirs: Array, groups: Array | None = None
) -> Figure:
    """How much more one measures than the other on the same rows, resampled together."""
    return with_interval(lambda t, a, b: measure(t, a) - measure(t, b), truth, ours, theirs, groups=groups)


def auc(truth: Array, scores: Array) -> float:
    """Area under the ROC curve, ties counted half; NaN when only one class is there."""
    positives = int(truth.sum())
    negatives = len(truth) - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[truth.astype(bool)].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def calibration_error(correct: Array, confidence: Array) -> float:
    """Expected calibration error over ten bins of equal width."""
    bins = np.minimum((confidence * 10).astype(int), 9)
    gaps = [
        np.mean(bins == b) * abs(correct[bins == b].mean() - confidence[bins == b].mean())
        for b in range(10)
        if np.any(bins == b)
    ]
    return float(sum(gaps))


def macro_f1(truth: Array, said: Array) -> float:
    """Mean of the F1 of the labels that are in the truth; an abstention is a miss of its label."""
    scores = []
    for label in np.unique(truth):
        hit = float(np.sum((truth == label) & (said == label)))
        scores.append(2 * hit / max(float(np.sum(truth == label) + np.sum(said == label)), 1.0))
    return float(np.mean(scores))


def accuracy(truth: Array, said: Array) -> float:
    return float(np.mean(truth == said))


def precision(truth: Array, said: Array) -> float:
    return float(truth[said.astype(bool)].mean()) if said.any() else float("nan")


def recall(truth: Array, said: Array) -> float:
    return float(said[truth.astype(bool)].mean()) if truth.any() else float("nan")


def _accuracy_answered(truth: Array, said: Array, answered: Array) -> float:
    return accuracy(truth[answered], said[answered]) if answered.any() else float("nan")


# Each takes the truth, what was said, and, row by row, whether anything was (labels) or whether it is yes (scores).
_Measure = Callable[[Array, Array, Array], float]
_LABEL_MEASURES: Mapping[str, _Measure] = {
    "macro_f1": lambda truth, said, _: macro_f1(truth, said),
    "accuracy": lambda truth, said, _: accuracy(truth, said),
    "answered": lambda _, __, answered: float(answered.mean()),
    "accuracy_answered": _accuracy_answered,
}
_SCORE_MEASURES: Mapping[str, _Measure] = {
    "auc": lambda truth, scores, _: auc(truth, scores),
    "ece": lambda truth, scores, _: calibration_error(truth, scores),
    "precision": lambda truth, _, yes: precision(truth, yes),
    "recall": lambda truth, _, yes: recall(truth, yes),
}


def label_figures(truth: Array, said: Array, groups: Array | None = None) -> dict[str, Figure]:
    """Figures of a task with labels that exclude one another."""
    answered = said != ABSTAINED
    names = _LABEL_MEASURES if answered.any() else {name: _LABEL_MEASURES[name] for name in list(_LABEL_MEASURES)[:3]}
    return {name: with_interval(_LABEL_MEASURES[name], truth, said, answered, groups=groups) for name in names}


def score_figures(
    truth: Array, scores: Array, threshold: float = _YES, groups: Array | None = None
) -> dict[str, Figure]:
    """Figures of a yes/no task from its probabilities."""
    yes = scores >= threshold
    return {
        name: with_interval(measure, truth, scores, yes, groups=groups) for name, measure in _SCORE_MEASURES.items()
    }


def _answer(verdict: Verdict, task: str) -> str:
    if task == "intention":
        return verdict.intention.label if verdict.intention else ABSTAINED
    if task == "groupe":
        return verdict.group.label if verdict.group else ABSTAINED
    if task == "urgence":
        return str(verdict.urgency.level)
    return verdict.language.label


def _rows(file: Path) -> list[Mapping[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as handle:
        reader = csv.DictReader(handle)
        if not {"text", "label"} <= set(reader.fieldnames or ()):
            raise Refused("evaluation_columns", columns="text,label")
        return [row for row in reader if row["text"] is not None and row["label"]]


@dataclass(frozen=True)
class Labelled:
    """A labelled file, read and checked for one task."""

    task: str
    texts: Sequence[str]
    truth: Array

    @property
    def exclusive(self) -> bool:
        """Whether the task has labels that exclude one another, and not a probability."""
        return self.task in _ONE_LABEL


def labelled(file: Path, task: str) -> Labelled:
    """The rows of a CSV file with the columns `text` and `label`.

    Labels are those of the vocabulary; for a breach or `netiquette`, 0 or 1. Raises `Refused` when the task is
    unknown, the columns are missing, a label is neither 0 nor 1, or there is no row.
    """
    if task not in TASKS:
        raise Refused("evaluation_task", task=task, tasks=", ".join(TASKS))
    rows = _rows(file)
    if not rows:
        raise Refused("evaluation_empty", file=file.name)
    exclusive = task in _ONE_LABEL
    truth = np.array([row["label"].strip() for row in rows]) if exclusive else _yes_no(rows)
    return Labelled(task, [row["text"] for row in rows], truth)


def answers(given: Labelled, classifier: Classifier, context: Context, say: Callable[[int], None]) -> Array:
    """What a classifier says of each text: labels, or probabilities; only that is kept, so a long file takes little."""
    kept: list[str | float] = []
    for start in range(0, len(given.texts), _BATCH):
        verdicts = classifier.classify(given.texts[start : start + _BATCH], context)
        kept.extend(
            _answer(verdict, given.task) if given.exclusive else _breach_score(verdict, given.task)
            for verdict in verdicts
        )
        say(len(kept))
    return np.array(kept)


def figures(given: Labelled, said: Array) -> dict[str, Figure]:
    """Figures of what was said, each with its interval."""
    return label_figures(given.truth, said) if given.exclusive else score_figures(given.truth, said)


def evaluate(
    file: Path,
    task: str,
    classifier: Classifier,
    context: Context | None = None,
    say: Callable[[int], None] = lambda _: None,
) -> dict[str, Figure | int]:
    """Figures of a classifier on a labelled file (`labelled`, with its errors); `say` is told how many were read."""
    given = labelled(file, task)
    said = answers(given, classifier, context or Context(reasons=False), say)
    return {"n": len(given.texts), **figures(given, said)}


def compare(
    file: Path,
    task: str,
    ours: Classifier,
    theirs: Classifier,
    context: Context | None = None,
    say: Callable[[int], None] = lambda _: None,
) -> dict[str, tuple[Figure, Figure, Figure]]:
    """Figures of two classifiers on the same rows, and how much more the first has (rows resampled together)."""
    given, read = labelled(file, task), context or Context(reasons=False)
    first = answers(given, ours, read, say)
    second = answers(given, theirs, read, lambda count: say(len(given.texts) + count))
    measures = _LABEL_MEASURES if given.exclusive else _SCORE_MEASURES
    extra = (first != ABSTAINED, second != ABSTAINED) if given.exclusive else (first >= _YES, second >= _YES)
    one, other = figures(given, first), figures(given, second)
    return {
        name: (
            one[name],
            other[name],
            with_interval(
                lambda t, a, b, x, y, measure=measures[name]: measure(t, a, x) - measure(t, b, y),
                given.truth,
                first,
                second,
                *extra,
            ),
        )
        for name in one
        if name in other
    }


def _yes_no(rows: Sequence[Mapping[str, str]]) -> Array:
    unknown = {row["label"] for row in rows} - {"0", "1"}
    if unknown:
        raise Refused("evaluation_labels", labels=", ".join(sorted(unknown)[:5]))
    return np.array([int(row["label"]) for row in rows])


def _breach_score(verdict: Verdict, task: str) -> float:
    return max(verdict.breaches.values()) if task == "netiquette" else verdict.breaches[Breach(task)]

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

_BATCH = 256


@dataclass(frozen=True)
class Figure:
    """A measure and its 95 % percentile bootstrap interval (rows resampled with replacement)."""

    value: float
    low: float
    high: float


def with_interval(measure: Callable[..., float], *arrays: Array, groups: Array | None = None) -> Figure:
    """A measure over arrays of equal length, and its interval; whole groups are resampled when there are groups."""
    generator = np.random.default_rng(SEED)
    count = len(arrays[0])
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)] if groups is not None else None
    drawn = []
    for _ in range(RESAMPLES):
        if members is None:
            rows = generator.integers(0, count, count)
        else:
            rows = np.concatenate([members[i] for i in generator.integers(0, len(members), len(members))])
        value = measure(*(array[rows] for array in arrays))
        if not np.isnan(value):
            drawn.append(value)
    low, high = np.percentile(drawn, [2.5, 97.5]) if drawn else (float("nan"), float("nan"))
    return Figure(float(measure(*arrays)), float(low), float(high))


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


def label_figures(truth: Array, said: Array, groups: Array | None = None) -> dict[str, Figure]:
    """Figures of a task with labels that exclude one another."""
    answered = said != ABSTAINED
    figures = {
        "macro_f1": with_interval(macro_f1, truth, said, groups=groups),
        "accuracy": with_interval(accuracy, truth, said, groups=groups),
        "answered": with_interval(lambda a: float(a.mean()), answered, groups=groups),
    }
    if answered.any():
        kept = None if groups is None else groups[answered]
        figures["accuracy_answered"] = with_interval(accuracy, truth[answered], said[answered], groups=kept)
    return figures


def score_figures(
    truth: Array, scores: Array, threshold: float = 0.5, groups: Array | None = None
) -> dict[str, Figure]:
    """Figures of a yes/no task from its probabilities."""
    said = scores >= threshold
    return {
        "auc": with_interval(auc, truth, scores, groups=groups),
        "ece": with_interval(calibration_error, truth, scores, groups=groups),
        "precision": with_interval(precision, truth, said, groups=groups),
        "recall": with_interval(recall, truth, said, groups=groups),
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


def evaluate(file: Path, task: str, classifier: Classifier, context: Context | None = None) -> dict[str, Figure | int]:
    """Figures of a classifier on a CSV file with the columns `text` and `label`.

    Labels are those of the vocabulary; for a breach or `netiquette`, 0 or 1. Raises `Refused` when the task is
    unknown, the columns are missing or there is no row.
    """
    if task not in TASKS:
        raise Refused("evaluation_task", task=task, tasks=", ".join(TASKS))
    rows = _rows(file)
    if not rows:
        raise Refused("evaluation_empty", file=file.name)
    texts = [row["text"] for row in rows]
    verdicts: list[Verdict] = []
    for start in range(0, len(texts), _BATCH):
        verdicts.extend(classifier.classify(texts[start : start + _BATCH], context or Context()))
    if task in ("intention", "groupe", "urgence", "langue"):
        truth = np.array([row["label"].strip() for row in rows])
        said = np.array([_answer(verdict, task) for verdict in verdicts])
        return {"n": len(rows), **label_figures(truth, said)}
    return {"n": len(rows), **score_figures(_yes_no(rows), _breach_scores(verdicts, task))}


def _yes_no(rows: Sequence[Mapping[str, str]]) -> Array:
    unknown = {row["label"] for row in rows} - {"0", "1"}
    if unknown:
        raise Refused("evaluation_labels", labels=", ".join(sorted(unknown)[:5]))
    return np.array([int(row["label"]) for row in rows])


def _breach_scores(verdicts: Sequence[Verdict], task: str) -> Array:
    if task == "netiquette":
        return np.array([max(verdict.breaches.values()) for verdict in verdicts])
    return np.array([verdict.breaches[Breach(task)] for verdict in verdicts])

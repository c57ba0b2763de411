"""Rebuild the linear weights from the written corpus and, where they are at hand, the public sources that may ship."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifiers import lexicon
from classifiers.evaluate import ABSTAINED, Figure, label_figures, recall, score_figures, with_interval
from classifiers.linear import BUCKETS, HEADS, Head, LinearModel, features, quantise, weigh
from classifiers.sources import Row, corpus, public_sources
from classifiers.text import read
from models.errors import Refused
from models.vocabulary import Breach

Array = npt.NDArray[Any]

SEED = 311
VERSION = "baseline-1"
FOLDS = 5
BREACH_FOLDS = 3
CORPUS_WEIGHT = 4.0
"""A written municipal comment counts as four public rows: it is nearer to what will be read."""

_STRENGTH = {"intention": 8.0, "groupe": 16.0, "urgence": 8.0, "netiquette": 4.0}
"""Inverse regularisation of each head: chosen by hand, not searched."""


def _sklearn() -> tuple[Any, Any]:
    try:
        # The extra is only for training: the package must load without it.
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
        from sklearn.model_selection import GroupKFold  # noqa: PLC0415
    except ImportError as error:
        raise Refused("train_extra_missing", extra="train") from error
    return LogisticRegression, GroupKFold


def _matrix(rows: Sequence[Row]) -> tuple[Any, Array]:
    """Features of the rows (scipy CSR, BUCKETS columns) and the rarity of each bucket."""
    from scipy import sparse  # noqa: PLC0415 -- comes with scikit-learn

    found = [features(read(row.text)) for row in rows]
    present = np.zeros(BUCKETS)
    for one in found:
        present[np.unique(one.buckets)] += 1
    # Rounded as it will be stored, so that training and inference multiply by the same numbers.
    idf = (np.log((1 + len(rows)) / (1 + present)) + 1).astype(np.float16).astype(np.float64)
    columns, values, starts = [], [], [0]
    for one in found:
        buckets, value, _ = weigh(one, idf)
        columns.append(buckets)
        values.append(value)
        starts.append(starts[-1] + len(buckets))
    data = (np.concatenate(values), np.concatenate(columns).astype(np.int32), np.array(starts))
    return sparse.csr_matrix(data, shape=(len(rows), BUCKETS)), idf


def _fit(matrix: Any, targets: Array, weights: Array, strength: float, outputs: int) -> tuple[Array, Array]:
    """Weights (BUCKETS, outputs) and bias of a logistic regression; a yes/no target has one output."""
    logistic, _ = _sklearn()
    used = np.unique(matrix.indices)
    # One breach in a thousand rows: lbfgs finds its gradient small at once and stops untrained, liblinear does not.
    solver, tolerance = ("lbfgs", 1e-3) if outputs > 1 else ("liblinear", 1e-2)
    model = logistic(C=strength, solver=solver, max_iter=400, random_state=SEED, tol=tolerance)
    model.fit(matrix[:, used], targets, sample_weight=weights)
    full = np.zeros((BUCKETS, outputs))
    columns = np.asarray(model.classes_ if outputs > 1 else np.zeros(1, dtype=np.int64))
    full[np.ix_(used, columns)] = model.coef_.T
    # A label that no row of this fold has keeps a low bias, and so is never answered.
    bias = np.full(outputs, -10.0)
    bias[columns] = model.intercept_
    return full, bias


def _held_out(
    matrix: Any, targets: Array, weights: Array, groups: Array, strength: float, outputs: int, folds: int = FOLDS
) -> Array:
    """Logit of every row from a model that saw neither it nor another row of its author or template."""
    _, group_folds = _sklearn()
    logits = np.zeros((len(targets), outputs))
    splits = group_folds(n_splits=folds, shuffle=True, random_state=SEED)
    for seen, unseen in splits.split(matrix, targets, groups):
        full, bias = _fit(matrix[seen], targets[seen], weights[seen], strength, outputs)
        logits[unseen] = matrix[unseen] @ full + bias
    return logits


def _softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _temperature(logits: Array, targets: Array) -> float:
    """Inverse temperature with the least log loss on held-out logits, searched on a grid."""
    grid = np.geomspace(0.3, 6, 60)
    rows = np.arange(len(targets))
    return float(min(grid, key=lambda slope: -np.log(_softmax(logits * slope)[rows, targets] + 1e-12).mean()))


def _platt(logits: Array, targets: Array, weights: Array) -> tuple[float, float]:
    logistic, _ = _sklearn()
    model = logistic(C=1e3, random_state=SEED).fit(logits.reshape(-1, 1), targets, sample_weight=weights)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def _abstention(probabilities: Array, targets: Array, wanted: float) -> float:
    """Lowest probability at which the answers given are right `wanted` of the time on held-out rows."""
    best = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == targets
    for threshold in np.arange(0.2, 0.9, 0.01):
        kept = best >= threshold
        if kept.any() and right[kept].mean() >= wanted:
            return float(round(threshold, 2))
    return 0.9


def _urgency_threshold(immediate: Array, targets: Array, ruled: Array, wanted: float) -> float:
    """Highest probability of level 2 at which rules or model find `wanted` of the held-out dangers, within .1–.5."""
    for threshold in np.arange(0.5, 0.1, -0.01):
        if ((immediate >= threshold) | ruled)[targets == 2].mean() >= wanted:
            return float(round(threshold, 2))
    return 0.1


def _figures(found: dict[str, Figure]) -> dict[str, dict[str, float]]:
    return {name: {key: round(value, 3) for key, value in asdict(figure).items()} for name, figure in found.items()}


def _exclusive(name: str, matrix: Any, rows: Sequence[Row], groups: Array) -> tuple[Head, dict[str, Any]]:
    labels = HEADS[name]
    targets = np.array([labels.index(getattr(row, name)) for row in rows])
    weights = np.ones(len(rows))
    logits = _held_out(matrix, targets, weights, groups, _STRENGTH[name], len(labels))
    # Figures, calibration and thresholds come from hand-written lines alone: templates would flatter them.
    hand = np.array([not row.group.startswith("t-") for row in rows])
    rows_held, targets_held, logits, groups = (
        [r for r, h in zip(rows, hand, strict=True) if h],
        targets[hand],
        logits[hand],
        groups[hand],
    )
    slope = _temperature(logits, targets_held)
    probabilities = _softmax(logits * slope)
    report: dict[str, Any] = {"rows": len(rows_held), "temperature": round(1 / slope, 3)}
    if name == "urgence":
        ruled = np.array([any(hit.level == 2 for hit in lexicon.hits(read(row.text))) for row in rows_held])
        threshold = _urgency_threshold(probabilities[:, 2], targets_held, ruled, wanted=0.97)
        danger, model = targets_held == 2, probabilities[:, 2] >= threshold
        report["level_2"] = {
            "model_alone": _figures(score_figures(danger, probabilities[:, 2], threshold, groups)),
            "rules_alone_recall": _figures({"recall": with_interval(recall, danger, ruled, groups=groups)}),
            "rules_or_model": _figures(
                {
                    "recall": with_interval(recall, danger, ruled | model, groups=groups),
                    "false_alarms": with_interval(recall, ~danger, ruled | model, groups=groups),
                }
            ),
        }
    else:
        threshold = _abstention(probabilities, targets_held, wanted=0.8)
    best = probabilities.max(axis=1)
    answers = np.array(labels)[probabilities.argmax(axis=1)]
    truth = np.array(labels)[targets_held]
    report["threshold"] = threshold
    report["without_abstention"] = _figures(label_figures(truth, answers, groups))
    if name != "urgence":
        answered = np.where(best >= threshold, answers, ABSTAINED)
        report["with_abstention"] = _figures(label_figures(truth, answered, groups))
    report["ece"] = _figures({"ece": score_figures(truth == answers, best, groups=groups)["ece"]})["ece"]
    full, bias = _fit(matrix, targets, weights, _STRENGTH[name], len(labels))
    eight, scale = quantise(full)
    ones = np.full(len(labels), slope)
    return Head(labels, eight, scale, bias, ones, np.zeros(len(labels)), exclusive=True, threshold=threshold), report


def _breaches(
    matrix: Any, rows: Sequence[Row], groups: Array, say: Callable[[str], None]
) -> tuple[Head, dict[str, Any]]:
    labels = HEADS["netiquette"]
    weights = np.array([CORPUS_WEIGHT if row.source == "corpus" else 1.0 for row in rows])
    columns, biases, slopes, offsets = [], [], [], []
    report: dict[str, Any] = {}
    for breach in labels:
        known = np.array([i for i, row in enumerate(rows) if breach in row.netiquette])
        targets = np.array([int(rows[i].netiquette[Breach(breach)]) for i in known])
        strength = _STRENGTH["netiquette"]
        logits = _held_out(matrix[known], targets, weights[known], groups[known], strength, 1, BREACH_FOLDS)[:, 0]
        slope, offset = _platt(logits, targets, weights[known])
        probabilities = 1 / (1 + np.exp(-(logits * slope + offset)))
        ours = np.array([rows[i].source == "corpus" for i in known])
        report[breach] = {"rows": len(known), "positives": int(targets.sum())}
        report[breach]["all_rows"] = _figures(score_figures(targets, probabilities, 0.5, groups[known]))
        report[breach]["written_corpus"] = _figures(
            score_figures(targets[ours], probabilities[ours], 0.5, groups[known][ours])
        )
        full, bias = _fit(matrix[known], targets, weights[known], strength, 1)
        columns.append(full[:, 0])
        biases.append(bias[0])
        slopes.append(slope)
        offsets.append(offset)
        say(f"netiquette: {breach}, {len(known)} rows")
    eight, scale = quantise(np.stack(columns, axis=1))
    head = Head(
        labels, eight, scale, np.array(biases), np.array(slopes), np.array(offsets), exclusive=False, threshold=0.5
    )
    return head, report


def train(shared_data: Path | None, out: Path, say: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Fit, calibrate and measure every head; write `linear.npz` and `card.json` under `out`; return the card.

    Held-out figures come from five folds that keep an author's or a template's rows together; the weights kept are
    then fitted on all rows. Without `shared_data` the breaches are learned from the written corpus alone. Raises
    `Refused` when the extra `[train]` is not installed.
    """
    _sklearn()
    written = corpus()
    rows = written + (public_sources(shared_data, SEED) if shared_data else [])
    say(f"{len(rows)} rows")
    matrix, idf = _matrix(rows)
    _, groups = np.unique([row.group for row in rows], return_inverse=True)
    heads: dict[str, Head] = {}
    card: dict[str, Any] = {
        "version": VERSION,
        "seed": SEED,
        "folds": FOLDS,
        "breach_folds": BREACH_FOLDS,
        "buckets": BUCKETS,
    }
    card["sources"] = {name: sum(row.source == name for row in rows) for name in sorted({row.source for row in rows})}
    card["intervals"] = "95 % percentile bootstrap, 500 resamples of authors or templates"
    card["held_out"] = {}
    count = len(written)
    for name in ("intention", "groupe", "urgence"):
        heads[name], card["held_out"][name] = _exclusive(name, matrix[:count], written, groups[:count])
        say(f"{name}: {count} rows")
    heads["netiquette"], card["held_out"]["netiquette"] = _breaches(matrix, rows, groups, say)
    out.mkdir(parents=True, exist_ok=True)
    LinearModel({name: heads[name] for name in HEADS}, idf, VERSION).save(out / "linear.npz")
    (out / "card.json").write_text(json.dumps(card, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return card

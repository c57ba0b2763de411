"""Mix the branches, calibrate, choose thresholds and measure: all on logits of rows that no model had seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from classifiers.model import Calibration
from classifiers.ngrams import COLUMNS, EXCLUSIVE, HEADS
from classifiers.training.evaluate import (
    ABSTAINED,
    Figure,
    auc,
    label_figures,
    macro_f1,
    paired,
    recall,
    score_figures,
    with_interval,
)
from models.vocabulary import Breach

Array = npt.NDArray[Any]
Figures = dict[str, Any]

PREVALENCE = 0.03
"""Share of comments that break a rule, from which the precision of a suggestion to hide is estimated."""

HIDE_PRECISION = 0.95
_WORTH = 0.001
"""The encoder stays in a head whose paired gain has this lower bound: a tenth of a point. Nine heads are looked at, and
a bound of nothing at all would let chance in.
"""

_ANSWER_RIGHT = 0.80
_MEDIUM_RIGHT, _HIGH_RIGHT = 0.85, 0.95
_FALSE_DANGER = 0.03
"""Share of lines without danger that the model alone may put in the danger lane: recall first, but not at any price."""

_FALSE_SAME_DAY = 0.03
_INNER_FOLDS = 5
_WRITTEN_WEIGHT = 4.0
_NEVER_HIDDEN = frozenset({Breach.THREAT})
"""Whoever threatens needs a person to read it, not a hidden comment."""


@dataclass(frozen=True)
class Held:
    """Held-out logits of both branches (rows, OUTPUTS), and what is known of the rows."""

    ngram: Array
    encoder: Array | None
    truth: Array
    written: Array
    groups: Array
    ruled: Array
    """Whether a rule of the lexicon says level 2."""

    @property
    def by_hand(self) -> Array:
        """Written lines less those from templates, which would flatter every figure."""
        return self.written & ~np.char.startswith(self.groups.astype(str), "t-")


def calibrate(held: Held) -> tuple[dict[str, Calibration], Figures]:
    """The calibration of every head, and the held-out figures of the mixture beside the n-gram branch alone.

    Figures come from calibrations that did not see the row either (folds by group inside the held-out rows).
    """
    calibrations: dict[str, Calibration] = {}
    figures: Figures = {}
    for head in HEADS:
        settle = _exclusive if head in EXCLUSIVE else _breaches
        calibrations[head], figures[head] = settle(held, head)
    return calibrations, {"held_out": figures}


# ------------------------------------------------------------------------------------------ fitting
def _inner(groups: Array) -> Array:
    """A fold for each row, all rows of a group in one."""
    names, inverse = np.unique(groups, return_inverse=True)
    dealt = np.random.default_rng(0).permutation(len(names)) % _INNER_FOLDS
    return np.asarray(dealt[inverse])


def _log_softmax(logits: Array) -> Array:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def _slopes(ngram: Array, encoder: Array | None, targets: Array) -> Array:
    """Slopes of the branches with the least log loss; none is negative."""
    from scipy.optimize import minimize  # noqa: PLC0415 -- comes with scikit-learn

    rows = np.arange(len(targets))

    def loss(slopes: Array) -> float:
        logits = ngram * slopes[0] + (0 if encoder is None else encoder * slopes[1])
        return float(-_log_softmax(logits)[rows, targets].mean())

    start = [1.0] if encoder is None else [0.7, 0.5]
    found = minimize(loss, start, method="L-BFGS-B", bounds=[(0.01, 8.0), (0.0, 8.0)][: len(start)]).x
    return np.array([found[0], 0.0 if encoder is None else found[1]])


def _logistic(ngram: Array, encoder: Array | None, targets: Array, weights: Array) -> Array:
    """Slopes and offset of a yes/no output: (n-grams, encoder, offset)."""
    from scipy.optimize import minimize  # noqa: PLC0415

    def loss(values: Array) -> float:
        logits = ngram * values[0] + (0 if encoder is None else encoder * values[1]) + values[-1]
        return float((weights * np.logaddexp(0, np.where(targets == 1, -logits, logits))).sum() / weights.sum())

    start = [1.0, 0.0] if encoder is None else [0.7, 0.5, 0.0]
    bounds = [(0.01, 8.0), *([] if encoder is None else [(0.0, 8.0)]), (-20.0, 20.0)]
    found = minimize(loss, start, method="L-BFGS-B", bounds=bounds).x
    return np.array([found[0], 0.0 if encoder is None else found[1], found[-1]])


def _cross(fit: Callable[[Array], Array], groups: Array) -> tuple[Array, Array]:
    """Parameters fitted on all rows, and for each row those fitted on the other folds."""
    fold = _inner(groups)
    whole = fit(np.arange(len(groups)))
    each = np.zeros((len(groups), len(whole)))
    for number in range(_INNER_FOLDS):
        each[fold == number] = fit(np.flatnonzero(fold != number))
    return whole, each


# ------------------------------------------------------------------------------------------ heads that exclude
def _exclusive(held: Held, head: str) -> tuple[Calibration, Figures]:
    columns = COLUMNS[head]
    chosen = held.by_hand & ~np.isnan(held.truth[:, columns.start])
    targets = held.truth[chosen][:, columns].argmax(axis=1)
    groups, ngram = held.groups[chosen], held.ngram[chosen][:, columns]
    encoder = None if held.encoder is None else held.encoder[chosen][:, columns]
    labels = np.array(HEADS[head])
    truth = labels[targets]

    def settled(with_encoder: Array | None) -> tuple[Array, Array]:
        whole, each = _cross(
            lambda rows: _slopes(ngram[rows], None if with_encoder is None else with_encoder[rows], targets[rows]),
            groups,
        )
        logits = ngram * each[:, :1] + (0 if with_encoder is None else with_encoder * each[:, 1:])
        return whole, np.exp(_log_softmax(logits))

    slopes, probabilities = settled(None)
    figures: Figures = {"rows": len(targets), "linear": _labelled(truth, labels, probabilities, groups)}
    figures["encoder"] = False
    if encoder is not None:
        mixed_slopes, mixed = settled(encoder)
        difference = paired(macro_f1, truth, labels[mixed.argmax(1)], labels[probabilities.argmax(1)], groups)
        figures["mixed_less_linear"] = {"macro_f1": asdict(difference)}
        figures["mixed"] = _labelled(truth, labels, mixed, groups)
        if difference.low >= _WORTH:
            slopes, probabilities, figures["encoder"] = mixed_slopes, mixed, True
    ones = np.ones(len(labels))
    figures["model"] = _labelled(truth, labels, probabilities, groups)
    calibration = Calibration(ones * slopes[0], ones * slopes[1], 0 * ones, 0.0, _bands(probabilities, targets))
    if head == "urgence":
        calibration = _urgency(calibration, probabilities, targets, held.ruled[chosen], groups, figures)
    else:
        threshold = _answers_from(probabilities, targets, _ANSWER_RIGHT)
        answered = np.where(probabilities.max(axis=1) >= threshold, labels[probabilities.argmax(axis=1)], ABSTAINED)
        figures["threshold"] = threshold
        figures["with_abstention"] = _figures(label_figures(truth, answered, groups))
        calibration = Calibration(**{**vars(calibration), "threshold": threshold})
    figures["bands"] = calibration.bands
    return calibration, figures


def _labelled(truth: Array, labels: Array, probabilities: Array, groups: Array) -> Figures:
    answers, best = labels[probabilities.argmax(axis=1)], probabilities.max(axis=1)
    found = label_figures(truth, answers, groups)
    ece = score_figures(truth == answers, best, groups=groups)["ece"]
    return _figures({"macro_f1": found["macro_f1"], "accuracy": found["accuracy"], "ece": ece})


def _answers_from(probabilities: Array, targets: Array, wanted: float) -> float:
    """Lowest probability from which the answers given are right `wanted` of the time."""
    best = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == targets
    for threshold in np.arange(0.2, 0.98, 0.01):
        kept = best >= threshold
        if kept.any() and right[kept].mean() >= wanted:
            return float(round(threshold, 2))
    return 0.98


def _bands(probabilities: Array, targets: Array) -> tuple[float, float]:
    """Where the medium and the high band begin: from there on, 85 and 95 answers in 100 are right."""
    medium = _answers_from(probabilities, targets, _MEDIUM_RIGHT)
    return medium, max(_answers_from(probabilities, targets, _HIGH_RIGHT), medium)


def _urgency(
    calibration: Calibration, probabilities: Array, targets: Array, ruled: Array, groups: Array, figures: Figures
) -> Calibration:
    """The lowest thresholds whose false alarms are few enough."""
    danger, immediate = targets == 2, probabilities[:, 2]
    level_2 = _lowest(immediate, ~danger, _FALSE_DANGER)
    soon = probabilities[:, 1] + immediate
    level_1 = _lowest(soon, targets == 0, _FALSE_SAME_DAY)
    said_2, said_1 = immediate >= level_2, soon >= level_1
    figures["threshold"], figures["same_day"] = level_2, level_1
    figures["level_2"] = {
        "model_alone": _figures(score_figures(danger, immediate, level_2, groups)),
        "rules_alone": _figures({"recall": with_interval(recall, danger, ruled, groups=groups)}),
        "rules_or_model": _figures(
            {
                "recall": with_interval(recall, danger, ruled | said_2, groups=groups),
                "false_alarms": with_interval(recall, ~danger, ruled | said_2, groups=groups),
            }
        ),
    }
    raised = said_1 | said_2 | ruled
    figures["level_1_or_2"] = _figures(
        {
            "auc": with_interval(auc, targets > 0, soon, groups=groups),
            "recall": with_interval(recall, targets > 0, raised, groups=groups),
            "false_alarms": with_interval(recall, targets == 0, raised, groups=groups),
        }
    )
    return Calibration(**{**vars(calibration), "threshold": level_2, "same_day": level_1})


def _lowest(scores: Array, negative: Array, allowed: float) -> float:
    """Lowest threshold, from .05 up, that at most this share of the negatives reaches."""
    for threshold in np.arange(0.05, 0.95, 0.01):
        if (scores[negative] >= threshold).mean() <= allowed:
            return float(round(threshold, 2))
    return 0.95


# ------------------------------------------------------------------------------------------ breaches
def _breaches(held: Held, head: str) -> tuple[Calibration, Figures]:
    values, hides, figures = [], [], {}
    for output, breach in enumerate(HEADS[head], start=COLUMNS[head].start):
        value, hide, figures[breach] = _breach(held, output, Breach(breach))
        values.append(value)
        hides.append(hide)
    slopes = np.array(values)
    calibration = Calibration(slopes[:, 0], slopes[:, 1], slopes[:, 2], 0.5, (0.7, 0.9), hide=tuple(hides))
    return calibration, figures


def _breach(held: Held, output: int, breach: Breach) -> tuple[Array, float | None, Figures]:
    known = ~np.isnan(held.truth[:, output])
    targets, groups, written = held.truth[known, output].astype(int), held.groups[known], held.written[known]
    weights = np.where(written, _WRITTEN_WEIGHT, 1.0)
    ngram = held.ngram[known, output]
    encoder = None if held.encoder is None else held.encoder[known, output]

    def settled(with_encoder: Array | None) -> tuple[Array, Array]:
        whole, each = _cross(
            lambda rows: _logistic(
                ngram[rows], None if with_encoder is None else with_encoder[rows], targets[rows], weights[rows]
            ),
            groups,
        )
        logits = ngram * each[:, 0] + (0 if with_encoder is None else with_encoder * each[:, 1]) + each[:, 2]
        return whole, 1 / (1 + np.exp(-np.clip(logits, -60, 60)))

    def measured(probabilities: Array) -> Figures:
        return {
            "all": _figures(score_figures(targets, probabilities, groups=groups)),
            "written": _figures(score_figures(targets[written], probabilities[written], groups=groups[written])),
        }

    values, probabilities = settled(None)
    figures: Figures = {"rows": len(targets), "positives": int(targets.sum()), "linear": measured(probabilities)}
    figures["encoder"] = False
    if encoder is not None:
        mixed_values, mixed = settled(encoder)
        difference = paired(auc, targets[written], mixed[written], probabilities[written], groups[written])
        figures["mixed_less_linear"] = {"auc": asdict(difference)}
        figures["mixed"] = measured(mixed)
        if difference.low >= _WORTH:
            values, probabilities, figures["encoder"] = mixed_values, mixed, True
    figures["model"] = measured(probabilities)
    hide = None
    if breach not in _NEVER_HIDDEN:
        hide, figures["hide"] = _hide(targets[written], probabilities[written], groups[written])
    return values, hide, figures


def _hide(targets: Array, probabilities: Array, groups: Array) -> tuple[float | None, Figures]:
    """The lowest threshold, from .5 up, whose precision at the natural prevalence is estimated at .95.

    One false alarm is counted beside those seen: none seen in some thousands of lines does not mean that there is none.
    """

    def at_prevalence(truth: Array, said: Array) -> float:
        right = said[truth == 1].mean() if (truth == 1).any() else 0.0
        wrong = (said[truth == 0].sum() + 1) / ((truth == 0).sum() + 1)
        return float(PREVALENCE * right / (PREVALENCE * right + (1 - PREVALENCE) * wrong))

    for threshold in np.arange(0.5, 0.995, 0.01):
        said = probabilities >= threshold
        if said.any() and at_prevalence(targets, said) >= HIDE_PRECISION:
            found = {
                "precision": with_interval(at_prevalence, targets, said, groups=groups),
                "recall": with_interval(recall, targets, said, groups=groups),
            }
            return float(round(threshold, 2)), {"threshold": float(round(threshold, 2)), **_figures(found)}
    return None, {"threshold": None}


def _figures(found: dict[str, Figure]) -> Figures:
    return {name: {key: round(value, 4) for key, value in asdict(figure).items()} for name, figure in found.items()}

"""Mix the branches, calibrate, choose thresholds and measure: all on logits of rows that neither branch had seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from classifiers.model import Calibration
from classifiers.ngrams import COLUMNS, EXCLUSIVE, HEADS
from classifiers.training.evaluate import (
    Figure,
    auc,
    calibration_error,
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

_ANSWER_RIGHT = {"intention": 0.85, "groupe": 0.80, "sentiment": 0.85}
_MEDIUM_RIGHT, _HIGH_RIGHT = 0.88, 0.95
_FALSE_DANGER = 0.03
"""Share of lines without danger that the model alone may put in the danger lane: recall first, but not at any price."""

_FALSE_SAME_DAY = 0.03
_FALSE_REAL = 0.025
"""The same on what people really wrote, to a public body or to nobody (random tweets), at each of two levels: written
lines hold ten dangers where a day at the city holds none."""

_INNER_FOLDS = 5
_WRITTEN_WEIGHT = 4.0
_REAL = frozenset({"services_publics", "barometre_velo", "decisions"})
"""Sources of what people really wrote to public bodies."""

_OF_WORDS = frozenset({Breach.VULGAR})
"""Breaches that are a matter of words alone: the n-grams have them, and the encoder is left out. Eight written lines
calibrate this one, and with the encoder it did worse on the blind comments (chosen after that was seen)."""

_MOST = 4.0
"""What a real row counts for at most, so that all of them weigh as much as what was written for the corpus."""


@dataclass(frozen=True)
class Held:
    """Logits of both branches (rows, OUTPUTS) for the rows that calibrate, and what is known of the rows."""

    ngram: Array
    encoder: Array
    truth: Array
    sources: Array
    groups: Array
    ruled: Array
    """Whether a rule of the lexicon says level 2."""

    @property
    def written(self) -> Array:
        return np.asarray(self.sources == "corpus")

    @property
    def real(self) -> Array:
        return np.isin(self.sources, sorted(_REAL))

    @property
    def by_hand(self) -> Array:
        """Written lines less those from templates, which would flatter every figure."""
        return self.written & ~np.char.startswith(self.groups.astype(str), "t-")


def calibrate(held: Held) -> tuple[dict[str, Calibration], Figures]:
    """The calibration of every head, and the figures of the mixture beside the n-gram branch alone.

    Figures come from calibrations that did not see the row either (folds by group).
    """
    calibrations: dict[str, Calibration] = {}
    figures: Figures = {}
    for head in HEADS:
        settle = _exclusive if head in EXCLUSIVE else _independent
        calibrations[head], figures[head] = settle(held, head)
    return calibrations, {"calibrating": figures}


# ------------------------------------------------------------------------------------------ fitting
def _inner(groups: Array) -> Array:
    """A fold for each row, all rows of a group in one."""
    names, inverse = np.unique(groups, return_inverse=True)
    dealt = np.random.default_rng(0).permutation(len(names)) % _INNER_FOLDS
    return np.asarray(dealt[inverse])


def _log_softmax(logits: Array) -> Array:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def _slopes(ngram: Array, encoder: Array | None, targets: Array, weights: Array) -> Array:
    """Slopes of the branches with the least log loss; none is negative."""
    from scipy.optimize import minimize  # noqa: PLC0415 -- comes with scikit-learn

    rows = np.arange(len(targets))

    def loss(slopes: Array) -> float:
        logits = ngram * slopes[0] + (0 if encoder is None else encoder * slopes[1])
        return float(-(weights * _log_softmax(logits)[rows, targets]).sum() / weights.sum())

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
        others = np.flatnonzero(fold != number)
        # Of a handful of authors, one fold may hold them all.
        each[fold == number] = fit(others) if len(others) else whole
    return whole, each


# ------------------------------------------------------------------------------------------ heads that exclude
def _exclusive(held: Held, head: str) -> tuple[Calibration, Figures]:
    columns = COLUMNS[head]
    told = ~np.isnan(held.truth[:, columns.start])
    chosen = (held.by_hand | held.real) & told
    if not chosen.any():
        ones = np.ones(len(HEADS[head]))
        return Calibration(ones, ones, 0 * ones, 0.98, (0.98, 0.98)), {"rows": 0}
    targets = held.truth[chosen][:, columns].argmax(axis=1)
    groups, ngram, encoder = held.groups[chosen], held.ngram[chosen][:, columns], held.encoder[chosen][:, columns]
    real = held.real[chosen]
    weights = np.where(real, np.clip((~real).sum() / max(real.sum(), 1), 1.0, _MOST), 1.0)
    labels = np.array(HEADS[head])
    truth = labels[targets]

    def settled(with_encoder: Array | None) -> tuple[Array, Array]:
        whole, each = _cross(
            lambda rows: _slopes(
                ngram[rows], None if with_encoder is None else with_encoder[rows], targets[rows], weights[rows]
            ),
            groups,
        )
        logits = ngram * each[:, :1] + (0 if with_encoder is None else with_encoder * each[:, 1:])
        return whole, np.exp(_log_softmax(logits))

    alone = settled(None)[1]
    slopes, probabilities = settled(encoder)
    difference = paired(macro_f1, truth, labels[probabilities.argmax(1)], labels[alone.argmax(1)], groups)
    figures: Figures = {
        "rows": len(targets),
        "real_rows": int(real.sum()),
        "linear": _labelled(truth, labels, alone, groups),
        "model": _labelled(truth, labels, probabilities, groups),
        "less_linear": {"macro_f1": asdict(difference)},
    }
    ones, right = np.ones(len(labels)), probabilities.argmax(axis=1) == targets
    best = probabilities.max(axis=1)
    medium = _from(best, right, weights, _MEDIUM_RIGHT)
    bands = medium, max(_from(best, right, weights, _HIGH_RIGHT), medium)
    calibration = Calibration(ones * slopes[0], ones * slopes[1], 0 * ones, 0.0, bands)
    if head == "urgence":
        others = told & ~chosen
        said = held.ngram[others][:, columns] * slopes[0] + held.encoder[others][:, columns] * slopes[1]
        calm = probabilities[real & (targets == 0)], np.exp(_log_softmax(said))
        calibration = _urgency(calibration, probabilities, targets, held.ruled[chosen], groups, figures, calm)
    else:
        threshold = _from(best, right, weights, _ANSWER_RIGHT[head])
        calibration = replace(calibration, threshold=threshold, bands=(max(medium, threshold), max(*bands, threshold)))
        for name, part in (("written", ~real), ("real", real)):
            if part.any():
                figures[name] = _answered(best[part], right[part], threshold, groups[part])
    figures["threshold"], figures["bands"] = calibration.threshold, calibration.bands
    return calibration, figures


def _answered(best: Array, right: Array, threshold: float, groups: Array) -> Figures:
    """How many are answered, how many of these right, and how far probabilities are from that."""
    said = best >= threshold
    found = {"answered": with_interval(lambda a: float(a.mean()), said, groups=groups)}
    if said.any():
        found["right"] = with_interval(lambda a: float(a.mean()), right[said].astype(float), groups=groups[said])
        found["ece"] = with_interval(calibration_error, right[said].astype(float), best[said], groups=groups[said])
    return _figures(found)


def _labelled(truth: Array, labels: Array, probabilities: Array, groups: Array) -> Figures:
    answers, best = labels[probabilities.argmax(axis=1)], probabilities.max(axis=1)
    found = label_figures(truth, answers, groups)
    ece = score_figures(truth == answers, best, groups=groups)["ece"]
    return _figures({"macro_f1": found["macro_f1"], "accuracy": found["accuracy"], "ece": ece})


def _from(best: Array, right: Array, weights: Array, wanted: float) -> float:
    """Lowest probability from which the answers given are right `wanted` of the time."""
    for threshold in np.arange(0.2, 0.98, 0.01):
        kept = best >= threshold
        if kept.any() and np.average(right[kept], weights=weights[kept]) >= wanted:
            return float(round(threshold, 2))
    return 0.98


def _urgency(
    calibration: Calibration,
    probabilities: Array,
    targets: Array,
    ruled: Array,
    groups: Array,
    figures: Figures,
    calm: Sequence[Array],
) -> Calibration:
    """The lowest thresholds whose false alarms are few enough, here and in sets of real calm rows (`calm`)."""
    danger, immediate = targets == 2, probabilities[:, 2]
    level_2 = _lowest((immediate[~danger], _FALSE_DANGER), *((one[:, 2], _FALSE_REAL) for one in calm))
    soon = probabilities[:, 1] + immediate
    level_1 = _lowest((soon[targets == 0], _FALSE_SAME_DAY), *((one[:, 1] + one[:, 2], _FALSE_REAL) for one in calm))
    said_2, said_1 = immediate >= level_2, soon >= level_1
    figures["same_day"] = level_1
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
    return replace(calibration, threshold=level_2, same_day=level_1)


def _lowest(*limits: tuple[Array, float]) -> float:
    """Lowest threshold, from .05 up, that at most the allowed share of each of these scores reaches."""
    for threshold in np.arange(0.05, 0.95, 0.01):
        if all((scores >= threshold).mean() <= allowed for scores, allowed in limits if len(scores)):
            return float(round(threshold, 2))
    return 0.95


# ------------------------------------------------------------------------------------------ heads of yes and no
def _independent(held: Held, head: str) -> tuple[Calibration, Figures]:
    values, figures = [], {}
    for output, label in enumerate(HEADS[head], start=COLUMNS[head].start):
        value, figures[label] = _yes_no(held, output, with_encoder=label not in _OF_WORDS)
        values.append(value)
    slopes = np.array(values)
    return Calibration(slopes[:, 0], slopes[:, 1], slopes[:, 2], 0.5, (0.7, 0.9)), figures


def _yes_no(held: Held, output: int, *, with_encoder: bool) -> tuple[Array, Figures]:
    known = ~np.isnan(held.truth[:, output])
    if not known.any():
        # Nobody tells: the branches are believed as they are, and nothing is measured.
        return np.array([1.0, 1.0, 0.0]), {"rows": 0}
    targets, groups, written = held.truth[known, output].astype(int), held.groups[known], held.written[known]
    weights = np.where(written, _WRITTEN_WEIGHT, 1.0)
    ngram, encoder = held.ngram[known, output], held.encoder[known, output]

    def settled(states: Array | None) -> tuple[Array, Array]:
        whole, each = _cross(
            lambda rows: _logistic(ngram[rows], None if states is None else states[rows], targets[rows], weights[rows]),
            groups,
        )
        logits = ngram * each[:, 0] + (0 if states is None else states * each[:, 1]) + each[:, 2]
        return whole, 1 / (1 + np.exp(-np.clip(logits, -60, 60)))

    alone = settled(None)[1]
    values, probabilities = settled(encoder if with_encoder else None)
    figures: Figures = {
        "rows": len(targets),
        "positives": int(targets.sum()),
        "linear": _figures(score_figures(targets, alone, groups=groups)),
        "model": _figures(score_figures(targets, probabilities, groups=groups)),
        "less_linear": {"auc": asdict(paired(auc, targets, probabilities, alone, groups))},
        "sources": {
            str(name): {"n": int(of.sum()), "auc": round(auc(targets[of], probabilities[of]), 4)}
            for name in np.unique(held.sources[known])
            if 0 < targets[of := held.sources[known] == name].sum() < of.sum()
        },
    }
    return values, figures


def _figures(found: dict[str, Figure]) -> Figures:
    return {name: {key: round(value, 4) for key, value in asdict(figure).items()} for name, figure in found.items()}

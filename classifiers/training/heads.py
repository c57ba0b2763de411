"""What a city's own people decided, learned by the heads over the encoder: they move there and stay elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifiers.model import HEADS_FILE
from classifiers.ngrams import COLUMNS, EXCLUSIVE, OUTPUTS

Array = npt.NDArray[Any]

_STAYING = 1_000.0
"""What all the texts weigh together for which the heads should go on saying what they say: some two hundred and fifty
labels of a city."""

_STIFF = 3.0
"""How much a change of the weights costs: chosen by hand, not searched."""

_STEPS = 60


@dataclass(frozen=True)
class Change:
    """What is added to the logits of all heads."""

    weights: Array
    """Shape (states, OUTPUTS)."""
    bias: Array

    def of(self, states: Array) -> Array:
        """What is added for these states."""
        return np.asarray(states @ self.weights + self.bias)

    def save(self, folder: Path) -> None:
        """Write what `classifiers.onnx` reads beside an encoder."""
        np.savez_compressed(folder / HEADS_FILE, **{k: v.astype(np.float32) for k, v in vars(self).items()})


def learn(staying: tuple[Array, Array], decided: tuple[Array, Array], truth: Array, weight: Array) -> Change:
    """The change with which the heads say what was decided, at the least cost elsewhere.

    `staying`, `decided`: logits and states, of texts whose answers should stay and of those that people labelled;
    `truth`: of the latter, 0 or 1, NaN where a row does not tell.
    """
    from scipy.optimize import minimize  # noqa: PLC0415 -- comes with scikit-learn

    logits, states = (np.concatenate(pair) for pair in zip(staying, decided, strict=True))
    centre, spread = states.mean(axis=0), states.std(axis=0) + 1e-6
    scaled = (states - centre) / spread
    told = np.concatenate([np.ones((len(staying[0]), OUTPUTS), dtype=bool), ~np.isnan(truth)])
    wanted = np.concatenate([_probabilities(staying[0]), np.nan_to_num(truth)])
    each = np.concatenate([np.full(len(staying[0]), _STAYING / max(len(staying[0]), 1)), weight])
    share = np.where(told, each[:, None], 0.0)

    def cost(flat: Array) -> tuple[float, Array]:
        found = flat.reshape(-1, OUTPUTS)
        said = _log_probabilities(logits + scaled @ found[:-1] + found[-1])
        slope = (np.exp(said[0]) - wanted) * share
        loss = -float((share * (wanted * said[0] + (1 - wanted) * said[1])).sum())
        rows = np.vstack([scaled.T @ slope + _STIFF * found[:-1], slope.sum(axis=0)])
        return loss + _STIFF * float((found[:-1] ** 2).sum()) / 2, rows.ravel()

    start = np.zeros((scaled.shape[1] + 1) * OUTPUTS)
    found = minimize(cost, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS}).x.reshape(-1, OUTPUTS)
    weights = found[:-1] / spread[:, None]
    return Change(weights, found[-1] - centre @ weights)


def _log_probabilities(logits: Array) -> tuple[Array, Array]:
    """Logarithms of each output's probability, and of its contrary where it is a yes or no (else nought)."""
    yes, no = np.zeros_like(logits), np.zeros_like(logits)
    for head, columns in COLUMNS.items():
        some = logits[:, columns]
        if head in EXCLUSIVE:
            shifted = some - some.max(axis=1, keepdims=True)
            yes[:, columns] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        else:
            yes[:, columns], no[:, columns] = -np.logaddexp(0, -some), -np.logaddexp(0, some)
    return yes, no


def _probabilities(logits: Array) -> Array:
    return np.asarray(np.exp(_log_probabilities(logits)[0]))

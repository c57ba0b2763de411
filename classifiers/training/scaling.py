"""Find the line of Platt's scaling for one label, in numpy alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from classifiers.platt import EDGE, Platt

Floats = npt.NDArray[np.floating[Any]]

_PULL = 0.5
"""Strength of the pull towards the identity, in decisions: it keeps the line finite where scores part the decisions
without a fault."""

_STEPS = 100


def fit(scores: Floats, truth: Floats, weights: Floats) -> Platt:
    """The line with the least weighted log loss and a mild pull to the identity.

    The loss with its pull is strictly convex, the identity is among the candidates and costs no pull: the result is
    the same at every run, and its log loss on these rows is never above that of the scores as they are. `truth` is 0
    or 1; weights are positive.
    """
    found = _descend(_logit(scores), truth, weights, sloped=True)
    # A label that is right less often where its score is higher: the slope stops at nothing, and the offset answers.
    return found if found.slope >= 0 else _descend(_logit(scores), truth, weights, sloped=False)


def log_loss(probabilities: Floats, truth: Floats, weights: Floats) -> float:
    """Weighted mean of the log loss, probabilities held off 0 and 1."""
    held = np.clip(probabilities, EDGE, 1 - EDGE)
    return float(-np.average(truth * np.log(held) + (1 - truth) * np.log(1 - held), weights=weights))


def _descend(logits: Floats, truth: Floats, weights: Floats, *, sloped: bool) -> Platt:
    """Newton's steps, each halved until it lowers the loss. Without a slope, the offset alone is free."""
    inputs = np.stack([logits if sloped else np.zeros_like(logits), np.ones_like(logits)], axis=1)
    home = np.array([1.0, 0.0]) if sloped else np.zeros(2)

    def loss(line: Floats) -> float:
        sums = inputs @ line
        each = np.logaddexp(0.0, sums) - truth * sums
        return float(weights @ each + _PULL / 2 * np.sum((line - home) ** 2))

    line = home.copy()
    for _ in range(_STEPS):
        said = _sigmoid(inputs @ line)
        gradient = inputs.T @ (weights * (said - truth)) + _PULL * (line - home)
        curvature = (inputs * (weights * said * (1 - said))[:, None]).T @ inputs + _PULL * np.eye(2)
        step, size = np.linalg.solve(curvature, gradient), 1.0
        before = loss(line)
        while loss(line - size * step) > before and size > 1e-10:
            size /= 2
        moved = line - size * step
        if size <= 1e-10 or np.abs(moved - line).max() < 1e-10:
            break
        line = moved
    return Platt(float(line[0]), float(line[1]))


def _logit(scores: Floats) -> Floats:
    held = np.clip(scores, EDGE, 1 - EDGE)
    return np.asarray(np.log(held / (1 - held)))


def _sigmoid(sums: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(sums, -60.0, 60.0))))

"""What a score is worth in one city: Platt scaling on that city's own decisions.

J. Platt, "Probabilistic outputs for support vector machines", 1999: the logit of the calibrated probability is a line
of the logit of the score. Two numbers a label are what some hundred decisions can bear; isotonic regression, with its
many steps, fits the noise of so few. The line is found in `classifiers/training/scaling.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

DECISIONS = 200
"""Local decisions about a label before its scores are calibrated on them (facts: error .172 before, .049 after)."""

EDGE = 1e-6
"""Scores are held this far from 0 and 1, whose logits are infinite."""


@dataclass(frozen=True)
class Platt:
    """A line between logits. The slope is never negative, so a higher score never means less."""

    slope: float
    offset: float

    def __call__(self, score: float) -> float:
        """The calibrated probability of a score (0–1)."""
        held = min(max(score, EDGE), 1 - EDGE)
        total = self.slope * math.log(held / (1 - held)) + self.offset
        return 1.0 / (1.0 + math.exp(-min(max(total, -60.0), 60.0)))

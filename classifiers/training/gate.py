"""Whether an automatic rule may rely on a label: what this city's own decisions prove, and what they do not yet.

Nothing is switched on here. The gate only says yes or no, and what is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lgamma

DECISIONS = 300
"""Local labelled decisions on texts that came as they come, not chosen."""

PRECISION = 0.95
CONFIDENCE = 0.95
_HALVINGS = 60


@dataclass(frozen=True)
class Gate:
    """What the decisions prove of one label. `shown`: texts where it was shown and a person decided; `right`: where
    it was right. `bound`: the precision is at least that, with a confidence of 95 %.
    """

    shown: int
    right: int
    bound: float

    @property
    def missing(self) -> int:
        """How many decisions are missing before the bound is looked at."""
        return max(0, DECISIONS - self.shown)

    @property
    def opens(self) -> bool:
        """Whether an automatic rule may rely on the label."""
        return not self.missing and self.bound >= PRECISION


def gate(shown: int, right: int) -> Gate:
    """What `right` of `shown` proves."""
    return Gate(shown, right, lower_bound(right, shown))


def lower_bound(right: int, count: int, confidence: float = CONFIDENCE) -> float:
    """The one-sided Clopper-Pearson bound: the share under which so many right ones would be a chance of 5 %.

    It is the quantile of Beta(right, count - right + 1) at 1 - confidence, found as the share at which a binomial
    draw has `right` or more with that probability. Exact, so never too high, and never below what chance allows.
    """
    # The pages import this file; the library of arrays is not to weigh on every start.
    import numpy as np  # noqa: PLC0415

    if right == 0:
        return 0.0
    hits = np.arange(right, count + 1)
    ways = np.array([lgamma(count + 1) - lgamma(hit + 1) - lgamma(count - hit + 1) for hit in hits.tolist()])
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        chance = np.exp(ways + hits * np.log(middle) + (count - hits) * np.log1p(-middle)).sum()
        low, high = (middle, high) if chance < 1 - confidence else (low, middle)
    return low

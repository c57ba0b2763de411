"""The contract of a classifier: texts in, one verdict each, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from models.vocabulary import Breach, Group311, Intention, Language, Reason

Label = TypeVar("Label")


@dataclass(frozen=True)
class Context:
    """What a classifier must know that is not in the text; built above, compared by value."""

    default_language: Language = Language.FRENCH
    """Language of the page: a text of fewer than four words is taken to be in it."""

    reasons: bool = True
    """Whether to say which words moved the scores; rules and patterns are said in any case."""


class Band(StrEnum):
    """How sure a label is, in three steps whose limits come with the model; the door words them."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True)
class Scored(Generic[Label]):
    """A label and its probability (0–1)."""

    label: Label
    score: float
    band: Band | None = None


@dataclass(frozen=True)
class Urgency:
    """0 nothing, 1 same day, 2 immediate danger (distress included); `score` is the probability of that level."""

    level: int
    score: float


@dataclass(frozen=True)
class Verdict:
    """What the classifier says of one text. None for intention or group: it does not know, and says so."""

    language: Scored[Language]
    intention: Scored[Intention] | None
    group: Scored[Group311] | None
    breaches: Mapping[Breach, float]
    """Probability of each breach (0–1), all six always there; independent of each other."""
    urgency: Urgency
    reasons: tuple[Reason, ...]
    model: str
    """Name and version of what said so, kept with the verdict."""
    hideable: frozenset[Breach] = frozenset()
    """Breaches of which the model alone is sure enough to suggest hiding (estimated precision of .95 at 3 %)."""


class Classifier(Protocol):
    """Batch first: the verdict of a text never depends on its neighbours, and no text makes it raise."""

    @property
    def version(self) -> str:
        """Name and version, as written in `Verdict.model`."""

    def classify(self, texts: Sequence[str], context: Context) -> list[Verdict]:
        """One verdict for each text, in order."""

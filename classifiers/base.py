"""The contract of a classifier: texts in, one verdict each, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from models.vocabulary import Breach, Feeling, Group311, Intention, Language, Reason

if TYPE_CHECKING:
    # They bring numpy and rapidfuzz, which whoever only speaks of verdicts does not need.
    from classifiers.gazetteer import Gazetteer
    from classifiers.places import Place
    from classifiers.platt import Platt

Label = TypeVar("Label")

_HIGH, _MEDIUM = 0.8, 0.5
"""Bands of a score that nobody calibrated: a number would promise more than the model can keep."""

_CALIBRATED_HIGH, _CALIBRATED_MEDIUM = 0.9, 0.7
"""Bands of a score that the city's decisions calibrated: of ten labels shown as high, nine or more were right."""


class Band(StrEnum):
    """How sure a label is, in three steps; the door words them."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True)
class Certainty:
    """How sure a label is, and whether the city's own decisions say so."""

    band: Band
    calibrated: bool


@dataclass(frozen=True)
class Context:
    """What a classifier must know that is not in the text; built above, compared by value."""

    default_language: Language = Language.FRENCH
    """Language of the page: a text of fewer than four words is taken to be in it."""

    reasons: bool = True
    """Whether to say which words moved the scores; rules and patterns are said in any case."""

    contacts: frozenset[str] = frozenset()
    """The city's own telephones and addresses, and others that are public, each as `classifiers.patterns.contact`
    writes it: they are nobody's personal information."""

    gazetteer: Gazetteer | None = None
    """The city's streets, parks and buildings. None: places are known by their types and capitals alone."""

    calibration: Mapping[tuple[str, str], Platt] = field(default_factory=dict)
    """By head and label ("intention" and "question"; a breach's code and "1"): what the scores of one version of the
    model are worth in this city. Empty until enough was decided here."""

    def certainty(self, head: str, label: str, score: float, band: Band | None = None) -> Certainty:
        """How sure a label is: by the city's own calibration, else by the `band` that came with the model."""
        local = self.calibration.get((head, label))
        if local is not None:
            return Certainty(_band(local(score), _CALIBRATED_HIGH, _CALIBRATED_MEDIUM), calibrated=True)
        return Certainty(band or _band(score, _HIGH, _MEDIUM), calibrated=False)


def _band(score: float, high: float, medium: float) -> Band:
    return Band.HIGH if score >= high else Band.MEDIUM if score >= medium else Band.LOW


@dataclass(frozen=True)
class Scored(Generic[Label]):
    """A label and its probability (0–1)."""

    label: Label
    score: float
    band: Band | None = None
    """By limits that come with the model; None: it has none."""


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
    """Breaches that may be proposed for hiding: the model and a word or a mark agree, or the shape is a proof by itself
    (personal information); an insult or coarse words are aimed at somebody, and not at the city."""
    toxicity: float | None = None
    """Probability that it is toxic in general (0–1); None: the model has no such head."""
    feeling: Scored[Feeling] | None = None
    """None: it does not know, or has no such head."""
    place: Place | None = None
    """The place that the text is about."""
    unsolved: bool = False
    """Whether it says that something is not solved, although it was said to be."""


class Classifier(Protocol):
    """Batch first: the verdict of a text never depends on its neighbours, and no text makes it raise."""

    @property
    def version(self) -> str:
        """Name and version, as written in `Verdict.model`."""

    def classify(self, texts: Sequence[str], context: Context) -> list[Verdict]:
        """One verdict for each text, in order."""

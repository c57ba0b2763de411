"""What a model says of each text of a measure, kept by digest: the next model stands beside it, pair by pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifiers.base import Context, Verdict
from classifiers.engine import Engine
from classifiers.model import Model, Scores
from classifiers.text import Text
from classifiers.training.evaluate import ABSTAINED
from classifiers.training.sources import digest
from models.vocabulary import Breach, Feeling, Intention

Array = npt.NDArray[Any]

_PLAIN = Context(reasons=False)
_TOGETHER = 64
_TOXIC = (Breach.INSULT, Breach.HATE, Breach.THREAT, Breach.VULGAR)


@dataclass(frozen=True)
class Answers:
    """One row for each text, in their order."""

    digest: Array
    intention: Array
    """A label, or `ABSTAINED`."""
    intention_score: Array
    intention_band: Array
    groupe: Array
    groupe_score: Array
    urgence: Array
    langue: Array
    breaches: Array
    """Shape (texts, 6), in the order of `Breach`."""
    toxic: Array
    """Its own head, or where a model has none the highest of insult, hate, threat and vulgarity."""
    praise: Array
    """Probability of praise against dissatisfaction by the head of intentions, rules and abstention left out."""
    positive: Array
    """The same by the head of feelings; NaN where a model has none."""
    hideable: Array

    def of(self, texts: Sequence[str]) -> Answers:
        """The rows of these texts. KeyError: one was not asked."""
        places = {kept: number for number, kept in enumerate(self.digest.tolist())}
        rows = np.array([places[digest(text)] for text in texts], dtype=np.int64)
        return Answers(**{one.name: getattr(self, one.name)[rows] for one in fields(self)})

    def breach(self, breach: Breach) -> Array:
        """The scores of one breach."""
        return np.asarray(self.breaches[:, list(Breach).index(breach)])

    def save(self, path: Path) -> None:
        """Write what `load` reads: no text is in it."""
        arrays = vars(self)
        halves = {name: one.astype(np.float16) for name, one in arrays.items() if one.dtype.kind == "f"}
        np.savez_compressed(path, **{**arrays, **halves})

    @classmethod
    def load(cls, path: Path) -> Answers:
        """Back from `save`."""
        with np.load(path, allow_pickle=False) as arrays:
            kept = {name: arrays[name] for name in arrays.files}
        return cls(**{name: one.astype(np.float64) if one.dtype.kind == "f" else one for name, one in kept.items()})


class _Remembering:
    """A model that keeps its last scores: the texts come first among them, then their other readings."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.calibrations, self.version = model.calibrations, model.version
        self.last: list[Scores] = []

    def score(self, texts: Sequence[Text]) -> list[Scores]:
        """As the model."""
        found = self._model.score(texts)
        self.last = list(found)
        return found

    def weights(self, text: Text, scores: Scores, wanted: Sequence[tuple[str, str]]) -> list[Array]:
        """As the model."""
        return self._model.weights(text, scores, wanted)


def ask(model: Model, texts: Sequence[str]) -> Answers:
    """What the whole engine over a model says of each text, each asked once."""
    texts = list({digest(text): text for text in texts}.values())
    remembering = _Remembering(model)
    engine, verdicts, probabilities = Engine(remembering), list[Verdict](), list[dict[str, Any]]()
    for start in range(0, len(texts), _TOGETHER):
        some = texts[start : start + _TOGETHER]
        verdicts += engine.classify(some, _PLAIN)
        probabilities += [dict(one.probabilities) for one in remembering.last[: len(some)]]
    said = [one.intention for one in verdicts]
    groups = [one.group for one in verdicts]
    breaches = np.array([[one.breaches[breach] for breach in Breach] for one in verdicts])
    worst = breaches[:, [list(Breach).index(breach) for breach in _TOXIC]].max(axis=1)
    return Answers(
        digest=np.array([digest(text) for text in texts]),
        intention=np.array([one.label.value if one else ABSTAINED for one in said]),
        intention_score=np.array([one.score if one else 0.0 for one in said]),
        intention_band=np.array([str(one.band) if one else ABSTAINED for one in said]),
        groupe=np.array([one.label.value if one else ABSTAINED for one in groups]),
        groupe_score=np.array([one.score if one else 0.0 for one in groups]),
        urgence=np.array([one.urgency.level for one in verdicts]),
        langue=np.array([one.language.label.value for one in verdicts]),
        breaches=breaches,
        toxic=np.array([w if v.toxicity is None else v.toxicity for w, v in zip(worst, verdicts, strict=True)]),
        praise=np.array(
            [
                _against(one["intention"], list(Intention), Intention.PRAISE, Intention.DISSATISFACTION)
                for one in probabilities
            ]
        ),
        positive=np.array(
            [
                _against(one["sentiment"], list(Feeling), Feeling.POSITIVE, Feeling.NEGATIVE)
                if "sentiment" in one
                else np.nan
                for one in probabilities
            ]
        ),
        hideable=np.array([bool(one.hideable) for one in verdicts]),
    )


def _against(probabilities: Array, labels: Sequence[Any], one: Any, other: Any) -> float:
    yes, no = (float(probabilities[labels.index(label)]) for label in (one, other))
    return yes / max(yes + no, 1e-12)

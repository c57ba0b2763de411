"""One model of two branches: n-grams and a small encoder, summed at the logits, then calibrated head by head."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from classifiers.ngrams import COLUMNS, EXCLUSIVE, HEADS, NGrams, Reading
from classifiers.text import Text

Floats = npt.NDArray[np.floating[Any]]

NGRAMS_FILE = "ngrams.npz"
ENCODER_FILE = "model.onnx"
CALIBRATION_FILE = "calibration.json"
HEADS_FILE = "heads.npz"
"""What a city's own people changed in the encoder's heads; a model without it says what it was taught."""

_HIDDEN_WORDS = 5
_HIDDEN_PIECES = 80
"""Pieces that the encoder reads again to say why, at most: it bounds what a reason costs whatever the text's length."""


class Encoder(Protocol):
    """Logits of texts given as pieces (`Text.pieces`): one row each, columns in the order of `COLUMNS`."""

    def logits(self, texts: Sequence[Sequence[str]]) -> Floats: ...


@dataclass(frozen=True)
class Calibration:
    """What turns a head's two rows of logits into probabilities, and the thresholds that go with them.

    Fitted on rows that neither branch had seen; a branch that does not pay has a slope near nought.
    """

    ngram: Floats
    encoder: Floats
    offset: Floats
    threshold: float
    """Intention and group: below it, the answer is « does not know ». Urgency: level 2 from this probability on."""
    bands: tuple[float, float]
    """Where the medium and the high band begin."""
    same_day: float = 1.0
    """Urgency alone: level 1 from this probability of level 1 or 2 on."""

    def probabilities(self, ngram: Floats, encoder: Floats | None, *, exclusive: bool) -> Floats:
        """Probabilities of one row or of many (the outputs in the last axis)."""
        logits = ngram * self.ngram + self.offset
        if encoder is not None:
            logits = logits + encoder * self.encoder
        if exclusive:
            powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
            return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -60, 60))))

    def as_json(self) -> dict[str, Any]:
        """The form in which it is kept beside the weights."""
        rows = {name: [round(float(v), 5) for v in getattr(self, name)] for name in ("ngram", "encoder", "offset")}
        kept = {"threshold": self.threshold, "bands": self.bands, "same_day": self.same_day}
        return {**rows, **kept}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Calibration:
        """Back from `as_json`."""
        low, high = kept["bands"]
        rows = {name: np.array(kept[name], dtype=np.float64) for name in ("ngram", "encoder", "offset")}
        return cls(
            **rows,
            threshold=float(kept["threshold"]),
            bands=(float(low), float(high)),
            same_day=float(kept["same_day"]),
        )


@dataclass(frozen=True)
class Scores:
    """What the model says of one text, and what is needed to say why. A head that the model has not is missing."""

    probabilities: Mapping[str, Floats]
    reading: Reading | None = None
    encoded: Floats | None = None
    """The encoder's logits, all heads in one row."""


class Model:
    """The branches with their calibration; texts in, probabilities out, and the words that moved them."""

    def __init__(
        self, ngrams: NGrams, encoder: Encoder | None, calibrations: Mapping[str, Calibration], version: str
    ) -> None:
        self.calibrations = calibrations
        self.version = version
        self.ngrams = ngrams
        self._encoder = encoder

    def score(self, texts: Sequence[Text]) -> list[Scores]:
        """Probabilities of every head. Texts are computed alone or padded beside others, which changes nothing."""
        encoded = self._encoder.logits([text.pieces for text in texts]) if self._encoder else None
        return [
            self._scores(self.ngrams.read(text), None if encoded is None else encoded[row])
            for row, text in enumerate(texts)
        ]

    def _scores(self, reading: Reading, encoded: Floats | None) -> Scores:
        probabilities = {
            head: calibration.probabilities(
                reading.logits[COLUMNS[head]],
                None if encoded is None else encoded[COLUMNS[head]],
                exclusive=head in EXCLUSIVE,
            )
            for head, calibration in self.calibrations.items()
        }
        return Scores(probabilities, reading, encoded)

    def weights(self, text: Text, scores: Scores, wanted: Sequence[tuple[str, str]]) -> list[Floats]:
        """How much each token moved the calibrated logit of each wanted (head, label).

        The n-gram branch's part is exact. The encoder's is what the logit loses when the word is hidden, for the words
        that weigh most in the n-grams: one batch for all that is wanted, of at most `_HIDDEN_PIECES` pieces.
        """
        if scores.reading is None or not wanted or not text.tokens:
            return [np.zeros(len(text.tokens)) for _ in wanted]
        places = [(head, HEADS[head].index(label)) for head, label in wanted]
        totals = [
            scores.reading.contributions(head, output) * self.calibrations[head].ngram[output]
            for head, output in places
        ]
        heard = any(self.calibrations[head].encoder[output] for head, output in places)
        hidden = self._most_moving(text, totals) if heard else []
        if self._encoder is None or scores.encoded is None or not hidden:
            return totals
        pieces = text.pieces
        without = self._encoder.logits([pieces[:index] + pieces[index + 1 :] for index in hidden])
        for total, (head, output) in zip(totals, places, strict=True):
            lost = scores.encoded[COLUMNS[head]] - without[:, COLUMNS[head]]
            if head in EXCLUSIVE:
                lost = lost - lost.mean(axis=1, keepdims=True)
            total[hidden] += lost[:, output] * self.calibrations[head].encoder[output]
        return totals

    def _most_moving(self, text: Text, totals: Sequence[Floats]) -> list[int]:
        """Indexes of the words worth hiding; none when the text is so long that two would cost too much."""
        count = min(_HIDDEN_WORDS, _HIDDEN_PIECES // len(text.tokens))
        if count < 2:
            return []
        moved = np.abs(np.stack(totals)).max(axis=0)
        words = [index for index, token in enumerate(text.tokens) if token.is_word]
        return sorted(words, key=lambda index: -moved[index])[:count]

    @classmethod
    def load(cls, folder: Path, encoder: Encoder | None) -> Model:
        """The n-gram branch and the calibration of a folder, with the encoder given."""
        kept = json.loads((folder / CALIBRATION_FILE).read_text("utf-8"))
        calibrations = {head: Calibration.from_json(kept["heads"][head]) for head in HEADS}
        return cls(NGrams.load(folder / NGRAMS_FILE), encoder, calibrations, kept["version"])

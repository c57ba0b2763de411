"""Two branches and a calibration: what is summed, what is left out, and which words are said to weigh."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from classifiers.model import Calibration, Model
from classifiers.ngrams import BUCKETS, COLUMNS, HEADS, OUTPUTS, NGrams
from classifiers.text import read

BRAVO = 7.0


def ngrams() -> NGrams:
    """A branch that knows nothing: every logit is zero."""
    return NGrams(np.zeros((BUCKETS, OUTPUTS), dtype=np.int8), np.ones(OUTPUTS), np.zeros(OUTPUTS), np.ones(BUCKETS))


def calibrations(encoder: float) -> dict[str, Calibration]:
    return {
        name: Calibration(np.ones(len(labels)), np.full(len(labels), encoder), np.zeros(len(labels)), 0.5, (0.6, 0.8))
        for name, labels in HEADS.items()
    }


class SaysPraise:
    """An encoder for which « bravo » is praise, and nothing else is anything."""

    def __init__(self) -> None:
        self.read: list[list[tuple[str, ...]]] = []

    def logits(self, texts: Sequence[Sequence[str]]) -> Any:
        self.read.append([tuple(pieces) for pieces in texts])
        out = np.zeros((len(texts), OUTPUTS))
        praise = COLUMNS["intention"].start + HEADS["intention"].index("eloge")
        out[:, praise] = [BRAVO * ("bravo" in "".join(pieces)) for pieces in texts]
        return out


def test_a_calibration_comes_back_as_it_was_kept() -> None:
    one = Calibration(np.array([1.5]), np.array([0.0]), np.array([-2.0]), 0.4, (0.6, 0.9), 0.3)
    again = Calibration.from_json(one.as_json())
    assert again.as_json() == one.as_json()


def test_the_branches_are_summed_at_the_logits_each_with_its_slope() -> None:
    model = Model(ngrams(), SaysPraise(), calibrations(encoder=0.5), "v")
    praise, other = model.score([read("Bravo!"), read("Merci")])
    expected = np.exp(0.5 * BRAVO) / (np.exp(0.5 * BRAVO) + 5)
    assert praise.probabilities["intention"][HEADS["intention"].index("eloge")] == pytest.approx(expected)
    assert other.probabilities["intention"] == pytest.approx(np.full(6, 1 / 6))


def test_a_branch_that_did_not_pay_changes_nothing() -> None:
    scored = Model(ngrams(), SaysPraise(), calibrations(encoder=0.0), "v").score([read("Bravo!")])[0]
    assert scored.probabilities["intention"] == pytest.approx(np.full(6, 1 / 6))


def test_the_word_that_moved_the_encoder_is_the_one_whose_absence_it_feels() -> None:
    model = Model(ngrams(), SaysPraise(), calibrations(encoder=1.0), "v")
    text = read("vraiment bravo la gang")
    weights = model.weights(text, model.score([text])[0], [("intention", "eloge"), ("netiquette", "insulte")])
    assert weights[0] == pytest.approx([0, BRAVO * 5 / 6, 0, 0])
    assert weights[1] == pytest.approx(np.zeros(4))


def test_what_a_reason_costs_has_a_ceiling_whatever_the_text() -> None:
    encoder = SaysPraise()
    model = Model(ngrams(), encoder, calibrations(encoder=1.0), "v")
    for words in (1, 5, 25, 100, 5_000):
        text = read("bravo la ville " * words)
        scores = model.score([text])[0]
        encoder.read.clear()
        model.weights(text, scores, [("intention", "eloge")])
        assert sum(len(pieces) for batch in encoder.read for pieces in batch) <= 80
        assert len(encoder.read) <= 1


def test_a_file_of_weights_comes_back_as_it_was_kept(tmp_path) -> None:
    branch = ngrams()
    branch.weights[5, COLUMNS["urgence"]] = (1, -2, 3)
    branch.save(tmp_path / "n.npz")
    again = NGrams.load(tmp_path / "n.npz")
    assert (again.weights == branch.weights).all()

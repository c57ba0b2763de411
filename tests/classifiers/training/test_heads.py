"""The heads move where people decided, and stay where nobody did."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from classifiers.model import HEADS_FILE
from classifiers.ngrams import COLUMNS, HEADS, OUTPUTS
from classifiers.training import heads
from models.vocabulary import Breach, Intention

STATES = 12


def probabilities(logits: np.ndarray, head: str) -> np.ndarray:
    powers = np.exp(logits[:, COLUMNS[head]])
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.fixture
def staying() -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(5)
    states = chance.normal(size=(200, STATES))
    states[:, -1] = 0  # What nobody has said before.
    return chance.normal(size=(200, OUTPUTS)), states


def test_what_was_decided_is_said_and_the_rest_stays(staying: tuple[np.ndarray, np.ndarray]) -> None:
    states = np.zeros((6, STATES))
    states[:, -1] = 1.0
    logits = np.zeros((6, OUTPUTS))
    truth = np.full((6, OUTPUTS), np.nan)
    truth[:, COLUMNS["intention"]] = [label == Intention.PRAISE for label in HEADS["intention"]]
    hate = COLUMNS["netiquette"].start + HEADS["netiquette"].index(Breach.HATE)
    truth[:, hate] = 1
    change = heads.learn(staying, (logits, states), truth, np.full(6, 4.0))
    moved = logits + change.of(states)
    assert probabilities(moved, "intention")[:, HEADS["intention"].index(Intention.PRAISE)].min() > 0.8
    assert moved[:, hate].min() > 1
    # A head of which nothing was said is where it was, and so is everything that was read before.
    assert np.abs(change.of(states)[:, COLUMNS["groupe"]]).max() < 0.1
    before, after = (probabilities(staying[0] + more, "intention") for more in (0, change.of(staying[1])))
    assert np.abs(before - after).max() < 0.05


def test_nothing_decided_changes_nothing(staying: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    nothing = np.zeros((0, OUTPUTS)), np.zeros((0, STATES))
    change = heads.learn(staying, nothing, np.zeros((0, OUTPUTS)), np.zeros(0))
    assert np.abs(change.of(staying[1])).max() < 1e-6
    change.save(tmp_path)
    assert np.load(tmp_path / HEADS_FILE)["weights"].shape == (STATES, OUTPUTS)

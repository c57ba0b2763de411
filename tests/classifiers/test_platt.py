"""Calibration on a city's own decisions, and the gate of automatic rules: what both promise, whatever is decided."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from classifiers.base import Band, Certainty, Context
from classifiers.platt import Platt
from classifiers.training.gate import gate, lower_bound
from classifiers.training.scaling import fit, log_loss

probability = st.floats(0, 1)
decisions = st.lists(st.tuples(probability, st.booleans(), st.sampled_from([0.25, 0.5, 1.0])), min_size=1, max_size=60)


def _columns(rows):
    return tuple(np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))


@given(decisions)
@example([(1.0, False, 1.0), (0.0, True, 1.0)])
@example([(0.5, True, 1.0)] * 30)
def test_calibrating_never_costs_log_loss_on_its_own_decisions(rows):
    scores, truth, weights = _columns(rows)
    line = fit(scores, truth, weights)
    calibrated = np.array([line(score) for score in scores])
    assert log_loss(calibrated, truth, weights) <= log_loss(scores, truth, weights) + 1e-9


@given(decisions, st.lists(probability, min_size=2, max_size=20))
@example([(0.9, False, 1.0), (0.1, True, 1.0)] * 20, [0.1, 0.9])
def test_a_higher_score_never_means_less(rows, scores):
    line = fit(*_columns(rows))
    calibrated = [line(score) for score in sorted(scores)]
    assert calibrated == sorted(calibrated)
    assert all(0 < one < 1 for one in calibrated)


@given(decisions)
def test_the_same_decisions_give_the_same_line_in_any_order(rows):
    line = fit(*_columns(rows))
    assert line == fit(*_columns(rows))
    other = fit(*_columns(rows[::-1]))
    assert (other.slope, other.offset) == pytest.approx((line.slope, line.offset), abs=1e-6)


def test_a_boastful_model_is_brought_down_to_what_was_right():
    """A thousand labels shown with 90 %, of which six in ten were right."""
    generator = np.random.default_rng(311)
    scores = np.clip(generator.normal(0.9, 0.03, 1000), 0, 1)
    truth = (generator.random(1000) < 0.6).astype(float)
    line = fit(scores, truth, np.ones(1000))
    assert line(0.9) == pytest.approx(0.6, abs=0.03)


def test_the_bands_come_from_the_calibrated_score():
    context = Context(calibration={("intention", "question"): Platt(1.0, -3.0)})
    assert context.certainty("intention", "question", 0.95, Band.HIGH) == Certainty(Band.LOW, calibrated=True)
    assert context.certainty("intention", "eloge", 0.95, Band.MEDIUM) == Certainty(Band.MEDIUM, calibrated=False)
    assert context.certainty("intention", "eloge", 0.95) == Certainty(Band.HIGH, calibrated=False)


# ------------------------------------------------------------------------------------------ the gate
@pytest.mark.parametrize(
    ("right", "count", "bound"),
    # Quantiles of the beta distribution at .05, as scipy gives them.
    [
        (1, 1, 0.05),
        (15, 20, 0.5444175959982511),
        (285, 300, 0.9240513017004045),
        (294, 300, 0.9609089413190414),
        (300, 300, 0.9900639180555423),
        (2900, 3000, 0.9607595680856184),
        (30000, 30100, 0.9960782794055362),
        (1, 300, 0.00017096303211345723),
        (0, 300, 0.0),
        (0, 0, 0.0),
    ],
)
def test_the_bound_is_the_quantile_of_the_beta_distribution(right, count, bound):
    assert lower_bound(right, count) == pytest.approx(bound, rel=1e-9)


@given(st.integers(1, 400), st.floats(0.5, 0.99))
def test_when_all_are_right_the_bound_has_a_closed_form(count, confidence):
    assert lower_bound(count, count, confidence) == pytest.approx((1 - confidence) ** (1 / count))


@given(st.integers(0, 200), st.integers(0, 200))
def test_the_bound_never_flatters(right, wrong):
    bound = lower_bound(right, right + wrong)
    assert 0 <= bound <= right / max(right + wrong, 1)
    assert lower_bound(right + 1, right + wrong + 1) >= bound
    assert lower_bound(right, right + wrong + 1) <= bound


@pytest.mark.parametrize(
    ("shown", "right", "opens", "missing"),
    [(299, 299, False, 1), (300, 292, True, 0), (300, 291, False, 0), (0, 0, False, 300), (1000, 962, True, 0)],
)
def test_the_gate_wants_enough_decisions_and_enough_of_them_right(shown, right, opens, missing):
    found = gate(shown, right)
    assert (found.opens, found.missing) == (opens, missing)

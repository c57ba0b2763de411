"""Fit the n-grams beside a taught encoder, mix the two, calibrate, and write what ships. No torch in it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifiers import lexicon
from classifiers.model import CALIBRATION_FILE, ENCODER_FILE, HEADS_FILE, NGRAMS_FILE
from classifiers.ngrams import (
    BUCKETS,
    COLUMNS,
    EXCLUSIVE,
    HEADS,
    NGrams,
    features,
    quantise,
    weigh,
)
from classifiers.text import Text, read
from classifiers.training import heads
from classifiers.training.calibrate import Held, calibrate
from classifiers.training.parts import Part
from classifiers.training.sources import DECIDED, ENGLISH, Row, corpus, public_sources, truth
from models.errors import Refused

Array = npt.NDArray[Any]
Say = Callable[[str], None]

SEED = 311
VERSION = "parvis-2"
WRITTEN_WEIGHT = 4.0
"""For the breaches, a written municipal comment counts as four public rows: it is nearer to what will be read."""

_STRENGTH = {
    "intention": 8.0,
    "groupe": 16.0,
    "urgence": 8.0,
    "netiquette": 4.0,
    "toxicite": 4.0,
    "sentiment": 8.0,
}
"""Inverse regularisation of each head: chosen by hand, not searched."""

_ENCODER_FILES = (ENCODER_FILE, "config.json", "tokenizer.json", "tokenizer_config.json")


@dataclass(frozen=True)
class Lines:
    """The rows to learn from, read once."""

    rows: Sequence[Row]
    texts: Sequence[Text]
    truth: Array
    """Shape (rows, OUTPUTS): 0 or 1, NaN where a row does not tell."""
    calibrating: Array
    """Whether a row is kept from the weights that are calibrated."""

    @property
    def written(self) -> Array:
        """Whether a row is of the written corpus."""
        return np.array([row.source == "corpus" for row in self.rows])


def lines(rows: Sequence[Row]) -> Lines:
    """Read the rows, less those that only the card looks at."""
    kept = [row for row in rows if row.part is not Part.HELD_OUT]
    calibrating = np.array([row.part is Part.CALIBRATION for row in kept])
    return Lines(kept, [read(row.text) for row in kept], truth(kept), calibrating)


# ------------------------------------------------------------------------------------------ the n-gram branch
def _logistic() -> Any:
    try:
        # The extra is only for training: the package must load without it.
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    except ImportError as error:
        raise Refused("train_extra_missing", extra="train") from error
    return LogisticRegression


def _matrix(texts: Sequence[Text]) -> tuple[Any, Array]:
    """Features of the texts (scipy CSR, BUCKETS columns) and the rarity of each bucket."""
    from scipy import sparse  # noqa: PLC0415 -- comes with scikit-learn

    found = [features(text) for text in texts]
    present = np.zeros(BUCKETS)
    for one in found:
        present[np.unique(one.buckets)] += 1
    # Rounded as it will be stored, so that training and inference multiply by the same numbers.
    idf = (np.log((1 + len(texts)) / (1 + present)) + 1).astype(np.float16).astype(np.float64)
    columns, values, starts = [], [], [0]
    for one in found:
        buckets, value, _ = weigh(one, idf)
        columns.append(buckets)
        values.append(value)
        starts.append(starts[-1] + len(buckets))
    data = (np.concatenate(values), np.concatenate(columns).astype(np.int32), np.array(starts))
    return sparse.csr_matrix(data, shape=(len(texts), BUCKETS)), idf


def _fit(matrix: Any, targets: Array, weights: Array, strength: float, outputs: int) -> tuple[Array, Array]:
    """Weights (BUCKETS, outputs) and bias of a logistic regression; a yes/no target has one output."""
    full, bias = np.zeros((BUCKETS, outputs)), np.full(outputs, -10.0)
    if len(np.unique(targets)) < 2:
        # Nothing to tell apart: a label that no row has is never answered.
        return full, bias
    used = np.unique(matrix.indices)
    # One breach in a thousand rows: lbfgs finds its gradient small at once and stops untrained, liblinear does not.
    solver, tolerance = ("lbfgs", 1e-3) if outputs > 1 else ("liblinear", 1e-2)
    model = _logistic()(C=strength, solver=solver, max_iter=400, random_state=SEED, tol=tolerance)
    model.fit(matrix[:, used], targets, sample_weight=weights)
    columns = np.asarray(model.classes_ if outputs > 1 else np.zeros(1, dtype=np.int64))
    coefficients, intercept = model.coef_, model.intercept_
    if outputs > 1 and len(columns) == 2:
        # scikit-learn keeps one row for two labels.
        coefficients, intercept = np.vstack([-coefficients, coefficients]) / 2, np.array([-1, 1]) * intercept / 2
    full[np.ix_(used, columns)] = coefficients.T
    bias[columns] = intercept
    return full, bias


def _branch(given: Lines, matrix: Any, chosen: Array) -> dict[str, tuple[Array, Array]]:
    """Weights and bias of every head, fitted on the chosen rows."""
    weight = np.array([row.weight for row in given.rows])
    found: dict[str, tuple[Array, Array]] = {}
    for head, columns in COLUMNS.items():
        truth = given.truth[:, columns]
        if head in EXCLUSIVE:
            known = chosen & ~np.isnan(truth[:, 0])
            targets = truth[known].argmax(axis=1)
            found[head] = _fit(matrix[known], targets, weight[known], _STRENGTH[head], truth.shape[1])
            continue
        weighed = np.where(given.written, WRITTEN_WEIGHT, weight)
        fitted = []
        for output in range(truth.shape[1]):
            known = chosen & ~np.isnan(truth[:, output])
            targets = truth[known, output].astype(int)
            fitted.append(_fit(matrix[known], targets, weighed[known], _STRENGTH[head], 1))
        found[head] = np.hstack([w for w, _ in fitted]), np.concatenate([b for _, b in fitted])
    return found


def _kept(branch: dict[str, tuple[Array, Array]], idf: Array) -> NGrams:
    weights, scale = quantise(np.hstack([branch[head][0] for head in HEADS]))
    return NGrams(weights, scale, np.concatenate([branch[head][1] for head in HEADS]), idf)


def _logits(matrix: Any, branch: NGrams) -> Array:
    """Logits of the branch as it is kept, in eight bits: calibration must see what will be served."""
    return np.asarray(matrix @ (branch.weights * branch.scale) + branch.bias)


# ------------------------------------------------------------------------------------------ both branches
def train(
    data: Path | None,
    out: Path,
    encoder: Path | None = None,
    say: Say = lambda _: None,
    rows: Sequence[Row] = (),
    version: str = VERSION,
) -> dict[str, Any]:
    """Fit the n-grams, mix them with an encoder, calibrate, write a model under `out`; return its card.

    `data`: the folder of public sources; without it the breaches are learned from the corpus alone. `encoder`: the
    folder of one that `classifiers.training.finetune` taught; without it, the one that ships. `rows`: more to learn
    from (a city's own decisions), which make a model of another `version`. Slopes, thresholds and figures come from the
    rows of `Part.CALIBRATION`, which neither branch has seen by then; the n-grams that ship are then fitted on these
    rows too. Refused: the extra `[train]` is not installed.
    """
    _logistic()
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 -- comes with scikit-learn

    # These matrices are small: a second thread of the algebra library waits longer than it computes.
    with threadpool_limits(1), resources.as_file(resources.files("classifiers").joinpath("weights")) as shipped:
        return _train(data, out, encoder or shipped, say, rows, version)


def _train(data: Path | None, out: Path, encoder: Path, say: Say, rows: Sequence[Row], version: str) -> dict[str, Any]:
    # Most commands never read a text.
    from classifiers.onnx import OnnxEncoder  # noqa: PLC0415

    public = [row for row in public_sources(data, SEED) if row.source not in ENGLISH] if data else []
    given = lines([*corpus(), *rows, *public])
    say(f"{len(given.rows)} rows, {given.calibrating.sum()} of them to calibrate on")
    matrix, idf = _matrix(given.texts)
    kept = np.flatnonzero(given.calibrating).tolist()
    linear = _logits(matrix[kept], _kept(_branch(given, matrix, ~given.calibrating), idf))
    say("n-grams: without the rows to calibrate on")
    out.mkdir(parents=True, exist_ok=True)
    _kept(_branch(given, matrix, np.ones(len(given.rows), dtype=bool)), idf).save(out / NGRAMS_FILE)
    say("n-grams: all rows")
    for name in _ENCODER_FILES:
        if not (out / name).exists() or not (out / name).samefile(encoder / name):
            shutil.copy(encoder / name, out / name)
    (out / HEADS_FILE).unlink(missing_ok=True)
    taught = OnnxEncoder(out)
    texts = [given.texts[row] for row in kept]
    logits, states = taught.read([text.pieces for text in texts])
    say("encoder: the rows to calibrate on")
    if decided := [number for number, row in enumerate(given.rows) if row.source == DECIDED]:
        said, seen = taught.read([given.texts[row].pieces for row in decided])
        weight = np.array([given.rows[row].weight for row in decided])

        def change(chosen: Array) -> heads.Change:
            rows_of = np.array(decided)[chosen]
            return heads.learn((logits, states), (said[chosen], seen[chosen]), given.truth[rows_of], weight[chosen])

        # As with the n-grams: what is calibrated has not learned from the rows that calibrate, and what ships has.
        first, whole = change(~given.calibrating[decided]), change(np.ones(len(decided), dtype=bool))
        whole.save(out)
        logits = logits + first.of(states)
        say("heads: what was decided here")
    held = Held(
        linear,
        logits,
        given.truth[kept],
        np.array([given.rows[row].source for row in kept]),
        np.array([given.rows[row].group for row in kept]),
        np.array([any(hit.level == 2 for hit in lexicon.hits(text)) for text in texts]),
    )
    np.savez_compressed(out / "held.npz", **vars(held))
    return finish(held, given.rows, out, version)


def finish(held: Held, rows: Sequence[Row], out: Path, version: str = VERSION) -> dict[str, Any]:
    """Mix, calibrate and measure on the rows kept for it; write what goes with the weights."""
    calibrations, figures = calibrate(held)
    kept = {"version": version, "heads": {head: calibrations[head].as_json() for head in HEADS}}
    (out / CALIBRATION_FILE).write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    sources = {name: sum(row.source == name for row in rows) for name in sorted({row.source for row in rows})}
    card = {"version": version, "seed": SEED, "buckets": BUCKETS, "sources": sources, **figures}
    (out / "card.json").write_text(json.dumps(card, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return card

"""Build a model: n-grams and encoder on the same held-out folds, the mixture that pays, and what ships."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifiers import lexicon
from classifiers.model import CALIBRATION_FILE, ENCODER_FILE, NGRAMS_FILE, Calibration
from classifiers.ngrams import (
    BUCKETS,
    COLUMNS,
    EXCLUSIVE,
    HEADS,
    LABELS,
    OUTPUTS,
    NGrams,
    features,
    quantise,
    weigh,
)
from classifiers.text import Text, read
from classifiers.training.calibrate import Held, calibrate
from classifiers.training.sources import Row, corpus, public_sources
from models.errors import Refused

Array = npt.NDArray[Any]
Say = Callable[[str], None]

SEED = 311
VERSION = "parvis-1"
FOLDS = 3
_AT_ONCE = 2
WRITTEN_WEIGHT = 4.0
"""For the breaches, a written municipal comment counts as four public rows: it is nearer to what will be read."""

_STRENGTH = {"intention": 8.0, "groupe": 16.0, "urgence": 8.0, "netiquette": 4.0}
"""Inverse regularisation of each head: chosen by hand, not searched."""


@dataclass(frozen=True)
class Lines:
    """The rows to learn from, read once."""

    rows: Sequence[Row]
    texts: Sequence[Text]
    truth: Array
    """Shape (rows, OUTPUTS): 0 or 1, NaN where a row does not tell."""
    fold: Array
    """Of each row, from 0: an author's or a template's rows are in one fold."""

    @property
    def written(self) -> Array:
        """Whether a row is of the written corpus."""
        return np.array([row.source == "corpus" for row in self.rows])


def lines(rows: Sequence[Row], folds: int = FOLDS) -> Lines:
    """Read the rows, and give each group of them a fold: the largest groups first, each to the smallest fold."""
    truth = np.full((len(rows), OUTPUTS), np.nan)
    for number, row in enumerate(rows):
        for head in EXCLUSIVE:
            if label := getattr(row, head):
                truth[number, COLUMNS[head]] = [label == other for other in HEADS[head]]
        for breach, broken in row.netiquette.items():
            truth[number, COLUMNS["netiquette"].start + HEADS["netiquette"].index(breach)] = broken
    return Lines(rows, [read(row.text) for row in rows], truth, _folds(rows, folds))


def _folds(rows: Sequence[Row], folds: int) -> Array:
    """Written rows and public ones are dealt apart, so that each fold has its share of both."""
    names, inverse, sizes = np.unique([row.group for row in rows], return_inverse=True, return_counts=True)
    written = {row.group for row in rows if row.source == "corpus"}
    order = np.random.default_rng(SEED).permutation(len(names))
    given = np.zeros(len(names), dtype=np.int64)
    for side in (True, False):
        filled = np.zeros(folds)
        for group in sorted((g for g in order if (names[g] in written) is side), key=lambda g: -sizes[g]):
            given[group] = int(filled.argmin())
            filled[given[group]] += sizes[group]
    return given[inverse]


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
    """Fit both branches, mix and calibrate them on held-out folds, write a model under `out`; return its card.

    `data`: the folder of public sources; without it the breaches are learned from the corpus alone. `encoder`: a
    pre-trained encoder's folder; without it the model is the n-gram branch alone, and torch is not needed. `rows`:
    more to learn from (a city's own decisions), which make a model of another `version`. Held-out logits, the
    calibration and the figures come from folds that keep an author's rows together, each with a seed of its own; what
    ships is then fitted on all rows. The model of each fold is left under `out/folds`. Refused: the extra `[train]` is
    not installed.
    """
    _logistic()
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 -- comes with scikit-learn

    # These matrices are small: a second thread of the algebra library waits longer than it computes.
    with threadpool_limits(1):
        return _train(data, out, encoder, say, rows, version)


def _train(
    data: Path | None, out: Path, encoder: Path | None, say: Say, rows: Sequence[Row], version: str
) -> dict[str, Any]:
    given = lines([*corpus(), *rows, *(public_sources(data, SEED) if data else [])])
    say(f"{len(given.rows)} rows")
    matrix, idf = _matrix(given.texts)
    linear = np.zeros((len(given.rows), OUTPUTS))
    encoded = np.zeros((len(given.rows), OUTPUTS)) if encoder else None
    jobs: list[_Job] = []
    for fold in (*range(FOLDS), None):
        seen = given.fold != fold if fold is not None else np.ones(len(given.rows), dtype=bool)
        branch = _kept(_branch(given, matrix, seen), idf)
        logits = _logits(matrix, branch)
        folder = out if fold is None else out / "folds" / str(fold)
        folder.mkdir(parents=True, exist_ok=True)
        branch.save(folder / NGRAMS_FILE)
        linear[~seen] = logits[~seen]
        jobs.append(_Job(seen, logits, folder, SEED + (fold or 0)))
        say(f"n-grams: {'all rows' if fold is None else f'fold {fold + 1} of {FOLDS}'}")
    if encoder and encoded is not None:
        for job, found in zip(jobs, _taught(given, encoder, jobs, say), strict=True):
            encoded[~job.seen] = found
    ruled = np.array([any(hit.level == 2 for hit in lexicon.hits(text)) for text in given.texts])
    held = Held(linear, encoded, given.truth, given.written, np.array([row.group for row in given.rows]), ruled)
    np.savez_compressed(
        out / "folds" / "held.npz",
        **{name: value for name, value in vars(held).items() if value is not None},
        fold=given.fold,
    )
    return finish(held, given.rows, out, say, version)


def finish(held: Held, rows: Sequence[Row], out: Path, say: Say, version: str = VERSION) -> dict[str, Any]:
    """Mix, calibrate and measure on the held-out logits; write what goes with the weights."""
    calibrations, figures = calibrate(held)
    keep(out, calibrations, version)
    # The n-gram branch alone, settled in the same way, is what the model is measured against.
    keep(out / "linear", calibrate(replace(held, encoder=None))[0], f"{version}-linear")
    shutil.copy(out / NGRAMS_FILE, out / "linear")
    for fold in range(FOLDS):
        keep(out / "folds" / str(fold), calibrations, f"{version}-fold-{fold}")
    sources = {name: sum(row.source == name for row in rows) for name in sorted({row.source for row in rows})}
    card = {"version": version, "seed": SEED, "folds": FOLDS, "buckets": BUCKETS, "sources": sources, **figures}
    (out / "card.json").write_text(json.dumps(card, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    if held.encoder is not None and not any(c.encoder.any() for c in calibrations.values()):
        # It pays for no head: it is not carried along.
        (out / ENCODER_FILE).unlink(missing_ok=True)
        say("the encoder pays for no head and is left out")
    return card


def keep(folder: Path, calibrations: dict[str, Calibration], version: str) -> None:
    """Write the calibration of a model, with its version."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = {"version": version, "heads": {head: calibrations[head].as_json() for head in HEADS}}
    (folder / CALIBRATION_FILE).write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class _Job:
    """One encoder to teach: on which rows, by which n-gram logits, where to, with which seed."""

    seen: Array
    teacher: Array
    out: Path
    seed: int


def _taught(given: Lines, encoder: Path, jobs: Sequence[_Job], say: Say) -> list[Array]:
    """Teach an encoder for each job, two at a time on one thread each; its logits of the rows that it has not seen."""
    try:
        # torch is the extra's, and nothing that serves needs it.
        from classifiers.training import export, finetune  # noqa: F401, PLC0415
    except ImportError as error:
        raise Refused("train_extra_missing", extra="train") from error
    pieces = [text.pieces for text in given.texts]
    weight = np.array([row.weight for row in given.rows])
    with ProcessPoolExecutor(_AT_ONCE, mp_context=get_context("spawn")) as pool:
        waiting = []
        for job in jobs:
            teacher = np.zeros(job.teacher.shape)
            for head, columns in COLUMNS.items():
                plain = Calibration(np.ones(1), np.zeros(1), np.zeros(1), 0.0, (0.0, 0.0))
                teacher[:, columns] = plain.probabilities(job.teacher[:, columns], None, exclusive=head in EXCLUSIVE)
            texts, unseen = ([pieces[row] for row in np.flatnonzero(rows)] for rows in (job.seen, ~job.seen))
            lesson = texts, given.truth[job.seen], teacher[job.seen], weight[job.seen], given.written[job.seen]
            waiting.append(pool.submit(_teach, encoder, lesson, unseen, job.out, job.seed))
            say(f"encoder: {job.out} begun, {len(texts)} rows")
        return [one.result() for one in waiting]


def _teach(encoder: Path, lesson: tuple[Any, ...], unseen: Sequence[Sequence[str]], out: Path, seed: int) -> Array:
    """In a process of its own: fine-tune, write the encoder under `out`, and give its logits of the unseen rows."""
    from classifiers.onnx import OnnxEncoder  # noqa: PLC0415
    from classifiers.training import export, finetune  # noqa: PLC0415

    model, tokenizer, ranges = finetune.finetune(encoder, finetune.Lesson(*lesson), seed, print)
    tokenizer.save_pretrained(out)
    shape = model.encoder.config
    shape.id2label, shape.label2id = dict(enumerate(LABELS)), {name: number for number, name in enumerate(LABELS)}
    shape.save_pretrained(out)
    export.write(model.arrays(), ranges, shape.num_hidden_layers, shape.num_attention_heads, out / ENCODER_FILE)
    # Calibration must see what will be served: the file, and not the model that it was written from.
    return np.asarray(OnnxEncoder(out).logits(unseen))

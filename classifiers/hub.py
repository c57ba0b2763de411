"""What comes from `transformers`: the encoder's tokenizer and, with torch, any sequence-classification model."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

# Both are read when `transformers` is imported: nothing is fetched by itself, and the absence of torch is no news.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")

import numpy as np
import numpy.typing as npt
from transformers import PreTrainedTokenizerFast

from classifiers.model import Calibration, Scores
from classifiers.ngrams import EXCLUSIVE, HEADS
from classifiers.text import Text, read
from models.errors import Refused

Floats = npt.NDArray[np.floating[Any]]

_TOGETHER = 16


def tokenizer(folder: Path) -> Callable[[list[str], int], list[list[int]]]:
    """What turns texts into piece numbers, at most so many of each."""
    loaded = PreTrainedTokenizerFast.from_pretrained(folder)

    def encode(texts: list[str], length: int) -> list[list[int]]:
        if not texts:
            return []  # The library takes no empty batch.
        found = loaded(texts, truncation=True, max_length=length, return_attention_mask=False)
        return [list(ids) for ids in found["input_ids"]]

    return encode


def label_map(tables: Mapping[str, Mapping[str, str]], labels: Sequence[str]) -> dict[str, list[int | None]]:
    """For each head, which of the model's outputs each of our labels is; a label left out is never answered.

    `tables`: one a head (`intention`, `groupe`, `netiquette`, `urgence`) of `ours = "theirs"`. Without any, the labels
    that are named as ours stand for themselves. Refused: a head or a label that is not known, or nothing in common.
    """
    if not tables:
        tables = {head: {ours: ours for ours in HEADS[head] if ours in labels} for head in HEADS}
        tables = {head: lines for head, lines in tables.items() if lines}
    unknown = [head for head in tables if head not in HEADS]
    unknown += [
        f"{head}.{ours}" for head in tables for ours in tables[head] if ours not in HEADS.get(head, tables[head])
    ]
    unknown += [theirs for lines in tables.values() for theirs in lines.values() if theirs not in labels]
    if unknown or not tables:
        raise Refused("model_labels", labels=", ".join(unknown or labels))
    return {
        head: [labels.index(lines[ours]) if ours in lines else None for ours in HEADS[head]]
        for head, lines in tables.items()
    }


def described(name: str) -> tuple[str, Mapping[str, Mapping[str, str]]]:
    """The model that a name stands for, and the map of its labels.

    A name that ends in `.toml` is a file with `model = "path or hub name"` and the tables of `label_map`; any other is
    the model itself.
    """
    if not name.endswith(".toml"):
        return name, {}
    with Path(name).open("rb") as handle:
        tables = tomllib.load(handle)
    try:
        return str(tables.pop("model")), tables
    except KeyError as error:
        raise Refused("model_unnamed", file=name) from error


def _uncalibrated(head: str) -> Calibration:
    """Even odds everywhere, and nothing to hide by: nobody has measured this model here."""
    ones = np.ones(len(HEADS[head]))
    return Calibration(ones, 0 * ones, 0 * ones, threshold=0.5, bands=(0.6, 0.8), same_day=0.5)


class HubModel:
    """A sequence-classification model by path or hub name, its labels mapped to ours; needs the extra `[torch]`.

    It says nothing of a head that the map leaves out, and its probabilities are its own: nothing here calibrates them.
    """

    def __init__(self, described_as: str) -> None:
        name, tables = described(described_as)
        try:
            import torch  # noqa: PLC0415 -- the extra `[torch]` brings it
        except ImportError as error:
            raise Refused("torch_missing", model=name, extra="torch") from error
        from transformers import AutoModelForSequenceClassification, AutoTokenizer  # noqa: PLC0415

        self._torch = torch
        self._tokenizer = AutoTokenizer.from_pretrained(name)
        self._model = AutoModelForSequenceClassification.from_pretrained(name).eval()
        config = self._model.config
        self._map = label_map(tables, [config.id2label[index] for index in range(config.num_labels)])
        self.calibrations: Mapping[str, Calibration] = {head: _uncalibrated(head) for head in self._map}
        self._independent = config.problem_type == "multi_label_classification"
        self.version = name

    def score(self, texts: Sequence[Text]) -> list[Scores]:
        """Probabilities of the mapped heads, from the texts as written: each model folds as it was taught."""
        scores: list[Scores] = []
        for start in range(0, len(texts), _TOGETHER):
            batch = [text.original for text in texts[start : start + _TOGETHER]]
            encoded = self._tokenizer(
                [text.encode("utf-8", "replace").decode() for text in batch],
                truncation=True,
                max_length=min(self._tokenizer.model_max_length, 512),
                padding=True,
                return_tensors="pt",
            )
            with self._torch.inference_mode():
                logits = self._model(**encoded).logits.double().numpy()
            scores.extend(Scores(self._probabilities(row)) for row in logits)
        return scores

    def _probabilities(self, logits: Floats) -> Mapping[str, Floats]:
        powers = np.exp(logits - logits.max())
        shared, alone = powers / powers.sum(), 1 / (1 + np.exp(-np.clip(logits, -60, 60)))
        found: dict[str, Floats] = {}
        for head, outputs in self._map.items():
            theirs = alone if self._independent and head not in EXCLUSIVE else shared
            found[head] = np.array([0.0 if output is None else theirs[output] for output in outputs])
        return found

    def weights(self, text: Text, scores: Scores, wanted: Sequence[tuple[str, str]]) -> list[Floats]:
        """How much of the probability goes when a word is hidden, for texts of at most forty tokens."""
        count = len(text.tokens)
        totals: list[Floats] = [np.zeros(count) for _ in wanted]
        if not wanted or count > 40:
            return totals
        places = [index for index, token in enumerate(text.tokens) if token.is_word]
        if not places:
            return totals
        shortened = [
            read(text.original[: text.tokens[index].start] + text.original[text.tokens[index].end :])
            for index in places
        ]
        without = self.score(shortened)
        for total, (head, label) in zip(totals, wanted, strict=True):
            if head in scores.probabilities:
                output = HEADS[head].index(label)
                for index, one in zip(places, without, strict=True):
                    total[index] = scores.probabilities[head][output] - one.probabilities[head][output]
        return totals

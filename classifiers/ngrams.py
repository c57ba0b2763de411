"""The n-gram branch: linear heads over hashed n-grams. Numpy alone, and exact about what each word weighed."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifiers.text import Text
from models.vocabulary import Breach, Group311, Intention

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.int64]

BUCKETS = 1 << 17
"""Hashed features; the number was chosen for its size on disk, not searched."""

HEADS: dict[str, tuple[str, ...]] = {
    "intention": tuple(Intention),
    "groupe": tuple(Group311),
    "netiquette": tuple(Breach),
    "urgence": ("0", "1", "2"),
}
"""Outputs of each head, in the order of its columns. `netiquette` is six independent yes/no, the others exclude."""

EXCLUSIVE = frozenset({"intention", "groupe", "urgence"})
"""Heads whose labels exclude one another."""

COLUMNS = {
    name: slice(start, start + len(labels))
    for (name, labels), start in zip(HEADS.items(), accumulate(map(len, HEADS.values()), initial=0), strict=False)
}
"""Where each head's outputs stand when all are in one row."""

OUTPUTS = sum(map(len, HEADS.values()))

_SHORTEST, _LONGEST = 2, 5


def _bucket(gram: str) -> int:
    # crc32 is the same on every machine and in every process; surrogates are replaced so that no text raises.
    return zlib.crc32(gram.encode("utf-8", "replace")) % BUCKETS


@lru_cache(maxsize=65536)
def _word_buckets(form: str) -> tuple[int, ...]:
    """Buckets of a word and of its character n-grams, 2 to 5 characters inside the word's own bounds."""
    buckets = [_bucket("w:" + form)]
    if form[0].isalpha():
        padded = f" {form} "
        for length in range(_SHORTEST, _LONGEST + 1):
            buckets.extend(_bucket(padded[i : i + length]) for i in range(len(padded) - length + 1))
    return tuple(buckets)


@lru_cache(maxsize=65536)
def _pair_bucket(first: str, second: str) -> int:
    return _bucket(f"b:{first} {second}")


@dataclass(frozen=True, slots=True)
class Features:
    """Features of one text, one row per occurrence: its bucket, and its segment (a token, a pair, or the whole).

    Segments 0…n-1 are the n tokens, n…2n-2 the pairs of neighbours (the first one's index plus n), 2n-1 the whole.
    """

    buckets: Ints
    segments: Ints
    tokens: int


def features(text: Text) -> Features:
    """Hashed features of a text; the same at training and at inference."""
    buckets: list[int] = []
    segments: list[int] = []
    forms = [token.form for token in text.tokens]
    count = len(forms)
    for index, token in enumerate(text.tokens):
        for reading in (token.form, *token.variants):
            found = _word_buckets(reading)
            buckets.extend(found)
            segments.extend([index] * len(found))
        if index + 1 < count:
            buckets.append(_pair_bucket(forms[index], forms[index + 1]))
            segments.append(count + index)
    words = text.words
    shape = ["§short" if words < 4 else "§long" if words > 40 else "§middle"]
    if text.shouted:
        shape.append("§shouted")
    buckets.extend(_bucket(mark) for mark in shape)
    segments.extend([max(2 * count - 1, 0)] * len(shape))
    return Features(np.array(buckets, dtype=np.int64), np.array(segments, dtype=np.int64), count)


def weigh(found: Features, idf: Floats) -> tuple[Ints, Floats, Floats]:
    """Buckets (each once), their values (1 + log count, times rarity, unit length), and each occurrence's share."""
    buckets, inverse, counts = np.unique(found.buckets, return_inverse=True, return_counts=True)
    values = (1.0 + np.log(counts)) * idf[buckets]
    values = values / max(float(np.sqrt(values @ values)), 1e-9)
    return buckets, values, (values / counts)[inverse]


@dataclass(frozen=True)
class Head:
    """Weights of one head, in eight bits with a scale for each output."""

    labels: tuple[str, ...]
    weights: npt.NDArray[np.int8]
    """Shape (BUCKETS, outputs)."""
    scale: Floats
    bias: Floats


@dataclass(frozen=True)
class Reading:
    """What the branch says of one text (logits by head, not calibrated), and what is needed to say why."""

    logits: dict[str, Floats]
    _found: Features
    _shares: Floats
    _heads: dict[str, Head]

    def contributions(self, head: str, output: int) -> Floats:
        """How much each token moved the logit of an output: exactly, a pair of neighbours shared equally by the two.

        They sum to the logit, less the bias and what the text's shape weighs (`whole`).
        """
        count = self._found.tokens
        if count == 0:
            return np.zeros(0)
        totals = np.asarray(
            np.bincount(self._found.segments, self._weighed(head, output), minlength=2 * count), dtype=np.float64
        )
        words = np.array(totals[:count])
        pairs = totals[count : 2 * count - 1] / 2
        words[:-1] = words[:-1] + pairs
        words[1:] = words[1:] + pairs
        return words

    def whole(self, head: str, output: int) -> float:
        """What the shape of the whole text (length, capitals) moved the logit."""
        last = max(2 * self._found.tokens - 1, 0)
        return float(self._weighed(head, output)[self._found.segments == last].sum())

    def _weighed(self, head: str, output: int) -> Floats:
        held = self._heads[head]
        weights = held.weights[self._found.buckets, output] * held.scale[output]
        if head in EXCLUSIVE:
            # Softmax ignores what all outputs share: a word counts for what it says of this one beyond the others.
            weights = weights - (held.weights[self._found.buckets] @ held.scale) / len(held.labels)
        return np.asarray(weights * self._shares)


class NGrams:
    """The linear heads, read from a compressed file of numpy arrays (no pickled object in it)."""

    def __init__(self, heads: dict[str, Head], idf: Floats) -> None:
        self.heads = heads
        self._idf = idf

    def read(self, text: Text) -> Reading:
        """Logits of every head; each text is computed alone, so no neighbour can change it."""
        found = features(text)
        buckets, values, shares = weigh(found, self._idf)
        logits: dict[str, Floats] = {
            name: (values @ head.weights[buckets]) * head.scale + head.bias for name, head in self.heads.items()
        }
        return Reading(logits, found, shares, self.heads)

    @classmethod
    def load(cls, path: Path) -> NGrams:
        with np.load(path, allow_pickle=False) as arrays:
            heads = {}
            for name, labels in HEADS.items():
                if tuple(arrays[f"{name}.labels"]) != labels:
                    raise ValueError(f"{path}: labels of {name} are not those of this version")
                heads[name] = Head(
                    labels=labels,
                    weights=arrays[f"{name}.weights"],
                    scale=arrays[f"{name}.scale"].astype(np.float64),
                    bias=arrays[f"{name}.bias"].astype(np.float64),
                )
            return cls(heads, arrays["idf"].astype(np.float64))

    def save(self, path: Path) -> None:
        arrays: dict[str, Any] = {"idf": self._idf.astype(np.float16)}
        for name, head in self.heads.items():
            arrays |= {
                f"{name}.labels": np.array(head.labels),
                f"{name}.weights": head.weights,
                f"{name}.scale": head.scale.astype(np.float32),
                f"{name}.bias": head.bias.astype(np.float32),
            }
        np.savez_compressed(path, **arrays)


def quantise(weights: Floats) -> tuple[npt.NDArray[np.int8], Floats]:
    """Eight-bit weights and the scale of each output."""
    scale = np.maximum(np.abs(weights).max(axis=0), 1e-9) / 127.0
    return np.round(weights / scale).astype(np.int8), scale


def position(head: str, label: str) -> int:
    """Column of a label in its head."""
    return HEADS[head].index(label)

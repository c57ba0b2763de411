"""The n-gram branch: linear heads over hashed n-grams. Numpy alone, and exact about what each word weighed."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate, chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifiers.text import Text
from models.vocabulary import Breach, Feeling, Group311, Intention

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.int64]

BUCKETS = 1 << 17
"""Hashed features; the number was chosen for its size on disk, not searched."""

HEADS: dict[str, tuple[str, ...]] = {
    "intention": tuple(Intention),
    "groupe": tuple(Group311),
    "netiquette": (
        Breach.INSULT,
        Breach.HATE,
        Breach.THREAT,
        Breach.VULGAR,
        Breach.SPAM,
        Breach.PERSONAL_INFORMATION,
    ),
    "urgence": ("0", "1", "2"),
    "toxicite": ("toxique",),
    "sentiment": tuple(Feeling),
}
"""Outputs of each head, in the order of the columns in the weights. `netiquette` is six independent yes/no and
`toxicite` one, the others exclude one another."""

EXCLUSIVE = frozenset({"intention", "groupe", "urgence", "sentiment"})
"""Heads whose labels exclude one another."""

COLUMNS = {
    name: slice(start, start + len(labels))
    for (name, labels), start in zip(HEADS.items(), accumulate(map(len, HEADS.values()), initial=0), strict=False)
}
"""Where each head's outputs stand when all are in one row."""

OUTPUTS = sum(map(len, HEADS.values()))
LABELS = tuple(f"{head}:{label}" for head, labels in HEADS.items() for label in labels)
"""Names of all outputs, in the order of their columns."""

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
def _pair_buckets(first: str, second: str) -> tuple[int, ...]:
    return (_bucket(f"b:{first} {second}"),)


@dataclass(frozen=True)
class Features:
    """Features of one text, one row per occurrence: its bucket, and its segment (a token, a pair, or the whole).

    Segments 0…n-1 are the n tokens, n…2n-2 the pairs of neighbours (the first one's index plus n), 2n-1 the whole.
    """

    buckets: Ints
    owners: Sequence[int]
    """The segments that have features, in the order of their buckets, and how many buckets each of them has."""
    sizes: Sequence[int]
    tokens: int

    @property
    def segments(self) -> Ints:
        """The segment of each bucket."""
        return np.repeat(np.array(self.owners, dtype=np.int64), self.sizes)


def features(text: Text) -> Features:
    """Hashed features of a text; the same at training and at inference."""
    forms = [token.form for token in text.tokens]
    count = len(forms)
    found: list[tuple[int, ...]] = []
    owners: list[int] = []
    for index, token in enumerate(text.tokens):
        for reading in (token.form, *token.variants):
            found.append(_word_buckets(reading))
            owners.append(index)
    found.extend(map(_pair_buckets, forms, forms[1:]))
    owners.extend(range(count, 2 * count - 1))
    words = text.words
    shape = ["§short" if words < 4 else "§long" if words > 40 else "§middle"]
    if text.shouted:
        shape.append("§shouted")
    found.append(tuple(_bucket(mark) for mark in shape))
    owners.append(max(2 * count - 1, 0))
    sizes = [len(buckets) for buckets in found]
    buckets = np.fromiter(chain.from_iterable(found), dtype=np.int64, count=sum(sizes))
    return Features(buckets, owners, sizes, count)


def weigh(found: Features, idf: Floats) -> tuple[Ints, Floats, Ints]:
    """Buckets (each once, in order), their values (1 + log count, times rarity, unit length), and their counts."""
    buckets, counts = np.unique(found.buckets, return_counts=True)
    values = (1.0 + np.log(counts)) * idf[buckets]
    return buckets, values / max(float(np.sqrt(values @ values)), 1e-9), counts


@dataclass(frozen=True)
class Reading:
    """What the branch says of one text (logits, not calibrated), and what is needed to say why."""

    logits: Floats
    """All heads in one row, columns in the order of `COLUMNS`."""
    _found: Features
    _branch: NGrams

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

    @cached_property
    def _shares(self) -> Floats:
        """The share of each occurrence in its bucket's value."""
        buckets, values, counts = weigh(self._found, self._branch.idf)
        return np.asarray((values / counts)[np.searchsorted(buckets, self._found.buckets)])

    def _weighed(self, head: str, output: int) -> Floats:
        columns = COLUMNS[head]
        weights = self._branch.weights[self._found.buckets, columns] * self._branch.scale[columns]
        weighed = weights[:, output]
        if head in EXCLUSIVE:
            # Softmax ignores what all outputs share: a word counts for what it says of this one beyond the others.
            weighed = weighed - weights.mean(axis=1)
        return np.asarray(weighed * self._shares)


@dataclass(frozen=True)
class NGrams:
    """The linear heads side by side, in eight bits with a scale for each output."""

    weights: npt.NDArray[np.int8]
    """Shape (BUCKETS, OUTPUTS)."""
    scale: Floats
    bias: Floats
    idf: Floats
    """How rare each bucket is."""

    def read(self, text: Text) -> Reading:
        """Logits of every head; each text is computed alone, so no neighbour can change it."""
        found = features(text)
        buckets, values, _ = weigh(found, self.idf)
        return Reading((values @ self.weights[buckets]) * self.scale + self.bias, found, self)

    @classmethod
    def load(cls, path: Path) -> NGrams:
        """From a compressed file of numpy arrays (no pickled object in it). ValueError: its labels are not ours."""
        with np.load(path, allow_pickle=False) as arrays:
            if tuple(arrays["labels"]) != LABELS:
                raise ValueError(f"{path}: its labels are not those of this version")
            rest = (arrays[name].astype(np.float64) for name in ("scale", "bias", "idf"))
            return cls(arrays["weights"], *rest)

    def save(self, path: Path) -> None:
        """Write what `load` reads."""
        rest = {name: getattr(self, name).astype(np.float32) for name in ("scale", "bias")}
        idf = self.idf.astype(np.float16)
        np.savez_compressed(path, labels=np.array(LABELS), weights=self.weights, idf=idf, **rest)


def quantise(weights: Floats) -> tuple[npt.NDArray[np.int8], Floats]:
    """Eight-bit weights and the scale of each output."""
    scale = np.maximum(np.abs(weights).max(axis=0), 1e-9) / 127.0
    return np.round(weights / scale).astype(np.int8), scale


def position(head: str, label: str) -> int:
    """Column of a label in its head."""
    return HEADS[head].index(label)

"""Which rows teach, which settle thresholds and which only judge: chosen by a digest, before any training."""

from __future__ import annotations

import hashlib
from enum import StrEnum

from classifiers.text import read

_HELD_OUT, _CALIBRATION = 0.20, 0.35
_WRITTEN_CALIBRATION = 0.18


class Part(StrEnum):
    """What a row is for."""

    TRAIN = "train"
    CALIBRATION = "calibration"
    """Slopes, thresholds and bands are settled on it; no weight of the encoder has seen it."""
    HELD_OUT = "held_out"
    """Looked at by the card alone."""


def _share(key: str) -> float:
    """A number from 0 to 1 that a key always has: SHA-256 owes nothing to anybody's taste."""
    return int.from_bytes(hashlib.sha256(key.encode("utf-8", "replace")).digest()[:6], "big") / 2**48


def public(text: str) -> Part:
    """The part of a text of the public sources: by its folded words, so that its copies share it."""
    share = _share("parvis:" + " ".join(token.form for token in read(text).tokens))
    return Part.HELD_OUT if share < _HELD_OUT else Part.CALIBRATION if share < _CALIBRATION else Part.TRAIN


def written(author: str) -> Part:
    """The part of a written line, by its author; the blind files of the tests judge what is written."""
    return Part.CALIBRATION if _share("parvis:" + author) < _WRITTEN_CALIBRATION else Part.TRAIN

"""The encoder branch through onnxruntime: no torch, one thread, and a text's logits owe nothing to its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from classifiers.hub import tokenizer
from classifiers.ngrams import OUTPUTS

Floats = npt.NDArray[np.floating[Any]]

LENGTH = 128
"""Pieces read of one text, its two marks included; the n-gram branch reads the rest."""

_TOGETHER = 8
"""Texts of about one length: more would be padded more, and fewer would not keep the processor busy."""


class OnnxEncoder:
    """The int8 file that `classifiers.training.export` writes; the scales were fixed at training."""

    def __init__(self, folder: Path) -> None:
        options = onnxruntime.SessionOptions()
        # Workers share the cores: two threads under load cost far more than they bring.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # Shapes differ at every call; the arena would keep the largest ones for ever.
        options.enable_cpu_mem_arena = False
        self._session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = tokenizer(folder)

    def logits(self, texts: Sequence[Sequence[str]]) -> Floats:
        """Logits of texts given as pieces, shape (len(texts), OUTPUTS)."""
        # More words than pieces can be read are not even split.
        encoded = self._tokenizer([" ".join(pieces[:LENGTH]) for pieces in texts], LENGTH)
        out = np.zeros((len(texts), OUTPUTS))
        order = sorted(range(len(texts)), key=lambda row: len(encoded[row]))
        for start in range(0, len(order), _TOGETHER):
            rows = order[start : start + _TOGETHER]
            ids = np.zeros((len(rows), max(len(encoded[row]) for row in rows)), dtype=np.int64)
            mask = np.zeros(ids.shape, dtype=np.float32)
            for place, row in enumerate(rows):
                ids[place, : len(encoded[row])] = encoded[row]
                mask[place, : len(encoded[row])] = 1.0
            out[rows] = self._session.run(["logits"], {"ids": ids, "mask": mask})[0]
        return out

"""The encoder branch through onnxruntime: no torch, one thread, and a text's logits owe nothing to its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from classifiers.hub import tokenizer
from classifiers.model import ENCODER_FILE, HEADS_FILE
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
            str(folder / ENCODER_FILE), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = tokenizer(folder)
        self._width = int(self._session.get_outputs()[1].shape[1])
        self._change: tuple[Floats, Floats] | None = None
        if (folder / HEADS_FILE).exists():
            with np.load(folder / HEADS_FILE, allow_pickle=False) as arrays:
                self._change = arrays["weights"].astype(np.float64), arrays["bias"].astype(np.float64)

    def logits(self, texts: Sequence[Sequence[str]]) -> Floats:
        """Logits of texts given as pieces, shape (len(texts), OUTPUTS)."""
        return self.read(texts)[0]

    def read(self, texts: Sequence[Sequence[str]]) -> tuple[Floats, Floats]:
        """The logits, and the states from which every head speaks: shape (len(texts), twice the encoder's width)."""
        # More words than pieces can be read are not even split.
        encoded = self._tokenizer(["".join(pieces[:LENGTH]) for pieces in texts], LENGTH)
        out, states = np.zeros((len(texts), OUTPUTS)), np.zeros((len(texts), self._width))
        order = sorted(range(len(texts)), key=lambda row: len(encoded[row]))
        for start in range(0, len(order), _TOGETHER):
            rows = order[start : start + _TOGETHER]
            ids = np.zeros((len(rows), max(len(encoded[row]) for row in rows)), dtype=np.int64)
            mask = np.zeros(ids.shape, dtype=np.float32)
            for place, row in enumerate(rows):
                ids[place, : len(encoded[row])] = encoded[row]
                mask[place, : len(encoded[row])] = 1.0
            out[rows], states[rows] = self._session.run(["logits", "states"], {"ids": ids, "mask": mask})
        if self._change:
            out += states @ self._change[0] + self._change[1]
        return out, states

"""Write a fine-tuned encoder as ONNX: eight bits where it multiplies, floats elsewhere, one node after the other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = npt.NDArray[Any]

Ranges = Mapping[str, tuple[float, float]]
"""The least and the greatest value that enter each linear layer, by its name."""

_OPSET = 20
_CONTRIBUTED = "com.microsoft"
"""The operators that onnxruntime documents beside the standard's (its ContribOperators.md), version 1."""

_LARGEST_WEIGHT = 63
"""Seven bits and not eight: a processor without a dot product of bytes adds two products in sixteen bits at a time,
which larger weights would overflow (seen: 15 % of error instead of 2 %)."""


_LINEAR = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
)
_NORMS = ("attention.output.LayerNorm", "output.LayerNorm")
"""What multiplies and what scales in a layer, in the order in which `write` adds it."""


class _Graph:
    """Nodes in the order in which they are added; every method gives the name of its output."""

    def __init__(self, weights: Mapping[str, Array], ranges: Ranges) -> None:
        self.nodes: list[Any] = []
        self.tensors: list[Any] = []
        self._weights = weights
        self._ranges = ranges
        self._bytes: dict[str, tuple[str, str, str]] = {}

    def constant(self, value: Array) -> str:
        name = f"c{len(self.tensors)}"
        self.tensors.append(numpy_helper.from_array(np.array(value, order="C"), name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def table(self, name: str) -> str:
        """Embeddings kept in bytes with a scale for each row; onnxruntime unfolds them at loading."""
        value = self._weights[name]
        scale = np.maximum(np.abs(value).max(axis=1, keepdims=True), 1e-9).astype(np.float32) / np.float32(127)
        kept = self.constant(np.round(value / scale).astype(np.int8))
        return self.node("Mul", self.node("Cast", kept, to=TensorProto.FLOAT), self.constant(scale))

    def linear(self, states: str, name: str) -> str:
        """A linear layer: bytes are multiplied, floats come out.

        The scale of what comes in is fixed beforehand, from `ranges`. Drawn from each batch, as usual, it would let a
        verdict change with its neighbours.
        """
        # torch keeps (out, in); a matrix product wants (in, out), with one scale for each output.
        matrix = self._weights[f"{name}.weight"].T
        scale = np.maximum(np.abs(matrix).max(axis=0), 1e-9).astype(np.float32) / np.float32(_LARGEST_WEIGHT)
        weights = self.constant(np.round(matrix / scale).astype(np.int8))
        entering, step, zero = self._in_bytes(states, *self._ranges[name])
        bias = self.constant(self._weights[f"{name}.bias"])
        inputs = (entering, weights, step, self.constant(scale), zero, "", bias)
        return self.node("MatMulIntegerToFloat", *inputs, domain=_CONTRIBUTED)

    def _in_bytes(self, states: str, low: float, high: float) -> tuple[str, str, str]:
        """States in bytes, their scale and their zero: once, however many layers read them."""
        if states not in self._bytes:
            low, high = min(low, 0.0), max(high, 1e-6)
            step = np.float32((high - low) / 255)
            scale, zero = self.constant(np.array(step)), self.constant(np.array(round(-low / step), dtype=np.uint8))
            self._bytes[states] = self.node("QuantizeLinear", states, scale, zero), scale, zero
        return self._bytes[states]

    def norm(self, states: str, name: str) -> str:
        scale, bias = (self.constant(self._weights[f"{name}.{part}"]) for part in ("weight", "bias"))
        return self.node("LayerNormalization", states, scale, bias, axis=-1, epsilon=1e-12)


def write(weights: Mapping[str, Array], ranges: Ranges, layers: int, attention_heads: int, out: Path) -> None:
    """The encoder of `classifiers.training.finetune` from its state (float32 arrays by name) and its ranges to a file.

    Inputs: `ids` (texts, pieces) and `mask` (1 where there is a piece, 0 where there is padding), floats. Outputs:
    `logits` (texts, outputs), and the `states` that they are made of (texts, twice the width).
    """
    graph = _Graph(weights, ranges)
    size = weights["encoder.embeddings.word_embeddings.weight"].shape[1]
    head = size // attention_heads
    words = graph.node("Gather", graph.table("encoder.embeddings.word_embeddings.weight"), "ids")
    length = graph.node("Shape", "ids", start=1, end=2)
    first, step = graph.constant(np.array([0])), graph.constant(np.array([1]))
    # The only token type is part of every place.
    places = weights["encoder.embeddings.position_embeddings.weight"]
    places = places + weights["encoder.embeddings.token_type_embeddings.weight"][0]
    states = graph.node("Add", words, graph.node("Slice", graph.constant(places), first, length, first, step))
    states = graph.norm(states, "encoder.embeddings.LayerNorm")
    # Padding is kept from every other piece: a very low score before the softmax, whose share is then exactly zero.
    missing = graph.node("Sub", graph.constant(np.array(1, dtype=np.float32)), "mask")
    lowest = graph.node("Mul", missing, graph.constant(np.array(-1e9, dtype=np.float32)))
    lowest = graph.node("Unsqueeze", lowest, graph.constant(np.array([1, 2])))
    split = graph.constant(np.array([0, 0, attention_heads, head]))
    whole = graph.constant(np.array([0, 0, size]))
    for layer in range(layers):
        at = f"encoder.encoder.layer.{layer}"
        query, key, value = (
            graph.node(
                "Transpose",
                graph.node("Reshape", graph.linear(states, f"{at}.attention.self.{part}"), split),
                perm=[0, 2, 3, 1] if part == "key" else [0, 2, 1, 3],
            )
            for part in ("query", "key", "value")
        )
        scores = graph.node(
            "Mul", graph.node("MatMul", query, key), graph.constant(np.array(head**-0.5, dtype=np.float32))
        )
        shares = graph.node("Softmax", graph.node("Add", scores, lowest), axis=-1)
        mixed = graph.node("Transpose", graph.node("MatMul", shares, value), perm=[0, 2, 1, 3])
        mixed = graph.linear(graph.node("Reshape", mixed, whole), f"{at}.attention.output.dense")
        states = graph.norm(graph.node("Add", mixed, states), f"{at}.attention.output.LayerNorm")
        inner = graph.node("Gelu", graph.linear(states, f"{at}.intermediate.dense"))
        inner = graph.linear(inner, f"{at}.output.dense")
        states = graph.norm(graph.node("Add", inner, states), f"{at}.output.LayerNorm")
    kept = graph.node("Unsqueeze", "mask", graph.constant(np.array([2])))
    axis = graph.constant(np.array([1]))
    total = graph.node("ReduceSum", graph.node("Mul", states, kept), axis, keepdims=0)
    mean = graph.node("Div", total, graph.node("ReduceSum", kept, axis, keepdims=0))
    opening = graph.node("Gather", states, graph.constant(np.array(0)), axis=1)
    seen = graph.node("Concat", opening, mean, axis=-1)
    graph.nodes.append(helper.make_node("Identity", [graph.linear(seen, "outputs")], ["logits"]))
    graph.nodes.append(helper.make_node("Identity", [seen], ["states"]))
    inputs = [
        helper.make_tensor_value_info("ids", TensorProto.INT64, ["texts", "pieces"]),
        helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["texts", "pieces"]),
    ]
    outputs = [
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["texts", "outputs"]),
        helper.make_tensor_value_info("states", TensorProto.FLOAT, ["texts", 2 * size]),
    ]
    model = helper.make_model(
        helper.make_graph(graph.nodes, "parvis", inputs, outputs, graph.tensors),
        opset_imports=[helper.make_opsetid("", _OPSET), helper.make_opsetid(_CONTRIBUTED, 1)],
        ir_version=10,
    )
    onnx.checker.check_model(model)
    onnx.save(model, out)


def read(file: Path) -> dict[str, Array]:
    """What `write` was given, as near as the bytes of its file keep it; the token type is part of the places."""
    graph = onnx.load(file).graph
    kept = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    of: dict[str, list[Any]] = {}
    for node in graph.node:
        of.setdefault(node.op_type, []).append(node)
    layers = len(of["MatMulIntegerToFloat"]) // len(_LINEAR)
    at = [f"encoder.encoder.layer.{layer}." for layer in range(layers)]
    words = "encoder.embeddings"
    table = kept[of["Cast"][0].input[0]].astype(np.float32) * kept[of["Mul"][0].input[1]]
    places = kept[of["Slice"][0].input[0]].astype(np.float32)
    found = {
        f"{words}.word_embeddings.weight": table,
        f"{words}.position_embeddings.weight": places,
        f"{words}.token_type_embeddings.weight": np.zeros((1, places.shape[1]), dtype=np.float32),
    }
    norms = [f"{words}.LayerNorm", *(f"{one}{part}" for one in at for part in _NORMS)]
    for name, node in zip(norms, of["LayerNormalization"], strict=True):
        found[f"{name}.weight"], found[f"{name}.bias"] = (kept[one] for one in node.input[1:])
    linear = [*(f"{one}{part}" for one in at for part in _LINEAR), "outputs"]
    for name, node in zip(linear, of["MatMulIntegerToFloat"], strict=True):
        matrix, scale, bias = (kept[node.input[place]] for place in (1, 3, 6))
        found[f"{name}.weight"], found[f"{name}.bias"] = (matrix.astype(np.float32) * scale).T, bias
    return {name: np.array(value, dtype=np.float32, order="C") for name, value in found.items()}

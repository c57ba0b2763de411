"""Fine-tune the pretrained encoder: `python -m classifiers.training.finetune DATA START FOLDER`; it can be resumed."""

from __future__ import annotations

import argparse
import json
import random
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from classifiers.model import ENCODER_FILE
from classifiers.ngrams import COLUMNS, EXCLUSIVE, LABELS, OUTPUTS
from classifiers.text import Text, read
from classifiers.training import export, pretrained
from classifiers.training.parts import Part
from classifiers.training.sources import Row, corpus, public_sources, truth

Array = npt.NDArray[Any]
Say = Callable[[str], None]

SEED = 311
STEPS = 3_000
"""Batches: about an hour on one free core."""

SHARES: Mapping[str, float] = {
    "corpus": 60,
    "services_publics": 8,
    "barometre_velo": 6,
    "mlma_fr": 8,
    "ftr": 5,
    "toxifrench_jigsaw": 4,
    "toxifrench_agreement": 5,
    "tweets_fr": 8,
    "sms_spam_fr": 1,
    "dyn21_en": 7,
    "mhs_en": 3,
    "hatemoji_en": 2,
    "convabuse_en": 1,
    "crisislex_en": 2,
}
"""How often each source is drawn from, of 120 texts: chosen by hand, not searched. At 40 for the corpus, 900 batches
taught the fourteen groups too little. English carries hate over to
French; what is written for a city is drawn most."""

_FROZEN = 2
"""Lowest layers that stay as they are, with the embeddings: they read languages, and a short training would only blur
what a hundred of them have in common."""

_RATE, _HEAD_RATE = 8e-5, 1e-3
_WARM_UP, _COOL_DOWN = 0.05, 0.35
_BATCH_TOKENS = 1_536
_POOL = 400
_LONGEST = 64
"""Pieces of one text at training; of a longer one, a part drawn by chance."""

_NOISY = 0.3
_DROPOUT = 0.1
_MEASURED = 3_000
_NEIGHBOURS = dict(zip("qwertyuiopasdfghjklzxcvbnm", "wqwertyuiosasdfghjkxzxcvbn", strict=True))
_PLAIN = str.maketrans("àâäçéèêëîïôöùûü", "aaaceeeeiioouuu")


class Triage(nn.Module):  # type: ignore[misc]  # torch is not where types are checked
    """The encoder, and one linear layer over its first state and the mean of all for every output of every head."""

    def __init__(self, encoder: BertModel) -> None:
        super().__init__()
        self.encoder = encoder
        self.outputs = nn.Linear(2 * encoder.config.hidden_size, OUTPUTS)
        self.drop = nn.Dropout(_DROPOUT)
        frozen = [encoder.embeddings, *encoder.encoder.layer[:_FROZEN]]
        for parameter in (one for part in frozen for one in part.parameters()):
            parameter.requires_grad = False

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Logits (texts, OUTPUTS) of piece numbers, `mask` being 1 where there is one."""
        states = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        kept = mask.unsqueeze(-1).to(states.dtype)
        mean = (states * kept).sum(1) / kept.sum(1)
        return torch.as_tensor(self.outputs(self.drop(torch.cat([states[:, 0], mean], dim=1))))

    def arrays(self) -> dict[str, Array]:
        """Its weights by name, for `classifiers.training.export`."""
        return {name: value.float().numpy() for name, value in self.state_dict().items()}

    def ranges(self, encoded: Iterable[Sequence[int]]) -> export.Ranges:
        """The least and the greatest value that enter each linear layer while these texts are read, by its name."""
        seen: dict[str, tuple[float, float]] = {}

        def watch(name: str) -> Callable[[nn.Module, tuple[torch.Tensor]], None]:
            def look(_: nn.Module, entering: tuple[torch.Tensor]) -> None:
                low, high = seen.get(name, (0.0, 0.0))
                seen[name] = min(low, float(entering[0].min())), max(high, float(entering[0].max()))

            return look

        layers = [(name, layer) for name, layer in self.named_modules() if isinstance(layer, nn.Linear)]
        watched = [layer.register_forward_pre_hook(watch(name)) for name, layer in layers]
        with torch.no_grad():
            for ids in encoded:
                # One by one: what stands in padding is read by nobody, and would widen the ranges.
                self(torch.tensor([ids]), torch.ones((1, len(ids))))
        for hook in watched:
            hook.remove()
        return seen


_PULL = {"groupe": 2.0}
"""How much a head counts where it is not once: fourteen groups are slow to be told apart."""


def _loss(logits: torch.Tensor, truth: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of every head over what the rows tell; what they do not tell weighs nothing."""
    told = ~truth.isnan()
    target = torch.where(told, truth, 0.0)
    share = weight.unsqueeze(1) * told
    total = logits.new_zeros(())
    for head, columns in COLUMNS.items():
        if head in EXCLUSIVE:
            each = -(target[:, columns] * logits[:, columns].log_softmax(dim=1)).sum(dim=1)
            total = total + _PULL.get(head, 1.0) * (each * share[:, columns.start]).sum()
        else:
            each = nn.functional.binary_cross_entropy_with_logits(
                logits[:, columns], target[:, columns], reduction="none"
            )
            total = total + (each * share[:, columns]).sum()
    return total / len(logits)


# ------------------------------------------------------------------------------------------ what is drawn
def mistype(pieces: Sequence[str], chance: random.Random, share: float = 0.1) -> list[str]:
    """Some words with a letter dropped, doubled, swapped with the next or hit beside, as citizens mistype them."""
    return [
        _mistyped(piece, chance) if len(piece) >= 5 and piece[-1].isalpha() and chance.random() <= share else piece
        for piece in pieces
    ]


def _mistyped(word: str, chance: random.Random) -> str:
    at = chance.randrange(2, len(word) - 1)
    letter, before, after = word[at], word[:at], word[at + 1 :]
    return (
        before + after,
        before + letter + letter + after,
        before + after[0] + letter + after[1:],
        before + _NEIGHBOURS.get(letter, letter) + after,
    )[chance.randrange(4)]


def _seen(text: Text, chance: random.Random) -> str:
    """A text as it is drawn: a part of a long one, now and then mistyped or without its accents."""
    pieces: Sequence[str] = text.pieces
    if len(pieces) > _LONGEST and chance.random() < 0.5:
        start = chance.randrange(len(pieces) - _LONGEST // 2)
        pieces = pieces[start : start + _LONGEST]
    if chance.random() < _NOISY:
        pieces = mistype(pieces[:_LONGEST], chance)
        if chance.random() < 0.5:
            pieces = [piece.translate(_PLAIN) for piece in pieces]
    return "".join(pieces[:_LONGEST])


@dataclass(frozen=True)
class Lesson:
    """What there is to learn, one row a text."""

    texts: Sequence[Text]
    truth: Array
    """Shape (rows, OUTPUTS): 0 or 1, NaN where a row does not tell."""
    weight: Array
    of: Mapping[str, Sequence[int]]
    """Rows of each source."""

    @classmethod
    def of_rows(cls, rows: Sequence[Row]) -> Lesson:
        """The rows that teach."""
        kept = [row for row in rows if row.part is Part.TRAIN]
        of: dict[str, list[int]] = {}
        for number, row in enumerate(kept):
            of.setdefault(row.source, []).append(number)
        weight = np.array([row.weight for row in kept])
        return cls([read(row.text) for row in kept], truth(kept), weight, of)

    def pool(self, number: int, tokenizer: PreTrainedTokenizerFast) -> Iterator[tuple[list[int], list[list[int]]]]:
        """Some hundred rows by the shares of their sources, in batches of about one length: rows, and their pieces.

        The same number draws the same rows, whatever was drawn before: a resume goes on where it stopped.
        """
        chance = random.Random(f"{SEED}-{number}")
        names = [name for name in SHARES if name in self.of]
        sources = chance.choices(names, [SHARES[name] for name in names], k=_POOL)
        rows = [chance.choice(self.of[name]) for name in sources]
        lines = [_seen(self.texts[row], chance) for row in rows]
        encoded = [list(ids) for ids in tokenizer(lines, truncation=True, max_length=_LONGEST)["input_ids"]]
        order = sorted(range(len(rows)), key=lambda at: len(encoded[at]))
        batches: list[list[int]] = [[]]
        for at in order:
            if batches[-1] and (len(batches[-1]) + 1) * len(encoded[at]) > _BATCH_TOKENS:
                batches.append([])
            batches[-1].append(at)
        chance.shuffle(batches)
        for batch in batches:
            yield [rows[at] for at in batch], [encoded[at] for at in batch]


def _padded(encoded: Sequence[Sequence[int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(map(len, encoded))
    ids = torch.full((len(encoded), longest), pad, dtype=torch.int64)
    mask = torch.zeros((len(encoded), longest))
    for place, one in enumerate(encoded):
        ids[place, : len(one)] = torch.tensor(one)
        mask[place, : len(one)] = 1
    return ids, mask


# ------------------------------------------------------------------------------------------ the training
def rate(done: int, total: int) -> float:
    """Share of the learning rate at a step: a warm-up, a plateau, and a straight cool-down.

    A plateau lets `total` be changed at a resume: only the cool-down depends on it.
    """
    warm = _WARM_UP * total
    return min((done + 1) / warm, 1.0, max((total - done) / (_COOL_DOWN * total), 0.01))


def _started(folder: Path) -> BertModel:
    """The encoder that a training starts from; one that was taught before lends its shape alone here."""
    if (folder / ENCODER_FILE).exists():
        return BertModel(BertConfig.from_pretrained(folder), add_pooling_layer=False)
    return BertModel.from_pretrained(folder, add_pooling_layer=False, dtype=torch.float32)


class _Run:
    """A training under way: what a checkpoint holds, and how it is written and read."""

    def __init__(self, folder: Path) -> None:
        torch.manual_seed(SEED)
        self._file = folder / "state.pt"
        self.model = Triage(_started(folder / "start"))
        if (taught := folder / "start" / ENCODER_FILE).exists():
            arrays = export.read(taught)
            self.model.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
        body = [p for p in self.model.encoder.parameters() if p.requires_grad]
        heads = list(self.model.outputs.parameters())
        self.optimiser = torch.optim.AdamW(
            [{"params": body, "peak": _RATE}, {"params": heads, "peak": _HEAD_RATE}], weight_decay=0.01
        )
        self.state: dict[str, Any] = {"steps": 0, "pools": 0, "tokens": 0, "resumes": 0, "seconds": 0.0}
        if self._file.exists():
            kept = torch.load(self._file, weights_only=True)
            self.model.load_state_dict(kept["model"])
            self.optimiser.load_state_dict(kept["optimiser"])
            self.state = {**kept["state"], "resumes": kept["state"]["resumes"] + 1}

    def keep(self) -> None:
        """Write the checkpoint whole or not at all."""
        part = self._file.with_suffix(".part")
        kept = {"model": self.model.state_dict(), "optimiser": self.optimiser.state_dict(), "state": self.state}
        torch.save(kept, part)
        part.replace(self._file)

    def step(
        self, ids: torch.Tensor, mask: torch.Tensor, truth: torch.Tensor, weight: torch.Tensor, at: float
    ) -> float:
        """Learn one batch at a share of the learning rate; its loss."""
        for part in self.optimiser.param_groups:
            part["lr"] = part["peak"] * at
        loss = _loss(self.model(ids, mask), truth, weight)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.state["steps"] += 1
        self.state["tokens"] += int(mask.sum())
        return float(loss.detach())


def finetune(
    data: Path, start: Path, folder: Path, steps: int = STEPS, say: Say = print, checkpoint_seconds: float = 180
) -> None:
    """Teach for so many batches, or go on from the checkpoint in `folder`; leave the encoder under `folder/encoder`.

    `start`: the file of the package `pretrained.PACKAGE`, or the folder of an encoder that was taught before; read at
    the first start alone. A resume reads the rows anew: what was written since is learned from. Same rows, same seed,
    same machine and no resume: same weights.
    """
    # One thread: a loaded machine loses more to threads that wait for each other than it wins.
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    rows = [*corpus(), *public_sources(data, SEED)]
    lesson = Lesson.of_rows(rows)
    say(f"{len(lesson.texts)} of {len(rows)} rows teach")
    if not (folder / "start" / "config.json").exists():
        if start.is_dir():
            (folder / "start").mkdir(exist_ok=True)
            for name in ("tokenizer.json", "tokenizer_config.json", ENCODER_FILE, "config.json"):
                shutil.copy(start / name, folder / "start" / name)
        else:
            pretrained.write(start, ("".join(text.pieces) for text in lesson.texts), folder / "start")
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder / "start")
    say(f"{len(tokenizer)} pieces")
    run = _Run(folder)
    truths, weights = torch.tensor(lesson.truth).float(), torch.tensor(lesson.weight).float()
    state, losses = run.state, list[float]()
    started = saved = time.monotonic()
    before = state["seconds"]
    run.model.train()
    while state["steps"] < steps:
        for chosen, encoded in lesson.pool(state["pools"], tokenizer):
            batch = _padded(encoded, tokenizer.pad_token_id)
            losses.append(run.step(*batch, truths[chosen], weights[chosen], rate(state["steps"], steps)))
            state["seconds"] = round(before + time.monotonic() - started, 1)
            if state["steps"] % 20 == 0:
                line = json.dumps({**state, "loss": round(float(np.mean(losses[-60:])), 4)})
                with (folder / "log.jsonl").open("a", encoding="utf-8") as handle:
                    handle.write(line + "\n")
                say(line)
            if state["steps"] >= steps:
                break
        state["pools"] += 1
        if time.monotonic() - saved > checkpoint_seconds:
            run.keep()
            saved = time.monotonic()
    run.keep()
    finish(run.model, tokenizer, lesson, folder / "encoder")
    (folder / "encoder" / "training.json").write_text(json.dumps({"seed": SEED, **state}, indent=1) + "\n", "utf-8")


def finish(model: Triage, tokenizer: PreTrainedTokenizerFast, lesson: Lesson, out: Path) -> None:
    """Write the encoder in eight bits, its tokenizer and its shape."""
    model.eval()
    chance = random.Random(SEED)
    names = [name for name in SHARES if name in lesson.of]
    drawn = [chance.choice(lesson.of[name]) for name in chance.choices(names, k=_MEASURED)]
    lines = ["".join(lesson.texts[row].pieces) for row in drawn]
    ranges = model.ranges(tokenizer(lines, truncation=True, max_length=pretrained.LENGTH)["input_ids"])
    tokenizer.save_pretrained(out)
    shape = model.encoder.config
    shape.id2label, shape.label2id = dict(enumerate(LABELS)), {name: number for number, name in enumerate(LABELS)}
    shape.save_pretrained(out)
    export.write(model.arrays(), ranges, shape.num_hidden_layers, shape.num_attention_heads, out / ENCODER_FILE)


def main() -> None:
    """Read the command and teach."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the folder of the public sources")
    parser.add_argument("start", type=Path, help=f"the file of {pretrained.PACKAGE}, or the folder of a taught encoder")
    parser.add_argument("folder", type=Path, help="where the checkpoint and the encoder are kept")
    parser.add_argument("--steps", type=int, default=STEPS)
    given = parser.parse_args()
    finetune(given.data, given.start, given.folder, given.steps)


if __name__ == "__main__":
    main()

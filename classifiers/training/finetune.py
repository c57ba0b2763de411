"""Fine-tune the encoder branch on every head at once; what a row does not tell, the n-gram branch teaches."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from transformers import BertModel, PreTrainedTokenizerFast

from classifiers.ngrams import COLUMNS, EXCLUSIVE, OUTPUTS
from classifiers.training.export import Ranges
from classifiers.training.pretrain import LENGTH, mistype

Array = npt.NDArray[Any]

EPOCHS = 8
_RATE = 5e-4
_BATCH_TOKENS = 1_024
_PUBLIC_SHARE = 0.5
"""Public rows read in each epoch, for each written one; another draw in every epoch."""

_NOISY = 0.25
_TAUGHT = 0.5
"""Weight of what the n-gram branch teaches against what a row says itself."""

_DROPOUT = 0.15


@dataclass(frozen=True)
class Lesson:
    """What there is to learn, one row a text."""

    texts: Sequence[Sequence[str]]
    """Pieces of each text."""
    truth: Array
    """Shape (rows, OUTPUTS): 0 or 1, NaN where a row does not tell."""
    teacher: Array
    """Shape (rows, OUTPUTS): probabilities of the n-gram branch."""
    weight: Array
    written: Array
    """Whether a row is of the written corpus: those are all read in every epoch."""


class Triage(nn.Module):  # type: ignore[misc]  # torch is not where types are checked
    """The encoder, and one linear layer over its first state and the mean of all for every output of every head."""

    def __init__(self, encoder: BertModel) -> None:
        super().__init__()
        self.encoder = encoder
        self.outputs = nn.Linear(2 * encoder.config.hidden_size, OUTPUTS)
        self.drop = nn.Dropout(_DROPOUT)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Logits (texts, OUTPUTS) of piece numbers, `mask` being 1 where there is one."""
        states = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        kept = mask.unsqueeze(-1).to(states.dtype)
        mean = (states * kept).sum(1) / kept.sum(1)
        return torch.as_tensor(self.outputs(self.drop(torch.cat([states[:, 0], mean], dim=1))))

    def arrays(self) -> dict[str, Array]:
        """Its weights by name, for `classifiers.training.export`."""
        return {name: value.float().numpy() for name, value in self.state_dict().items()}

    def ranges(self, encoded: Iterable[Sequence[int]]) -> Ranges:
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


def _loss(logits: torch.Tensor, truth: torch.Tensor, teacher: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of every head, against what the row says or, at a lesser weight, what the teacher says."""
    told = ~truth.isnan()
    target = torch.where(told, truth, teacher)
    share = weight.unsqueeze(1) * torch.where(told, 1.0, _TAUGHT)
    total = logits.new_zeros(())
    for head, columns in COLUMNS.items():
        if head in EXCLUSIVE:
            each = -(target[:, columns] * logits[:, columns].log_softmax(dim=1)).sum(dim=1)
            total = total + (each * share[:, columns.start]).sum()
        else:
            each = nn.functional.binary_cross_entropy_with_logits(
                logits[:, columns], target[:, columns], reduction="none"
            )
            total = total + (each * share[:, columns]).sum()
    return total / len(logits)


def _encode(
    tokenizer: PreTrainedTokenizerFast, texts: Sequence[Sequence[str]], chance: random.Random
) -> list[list[int]]:
    lines = [
        " ".join(mistype(pieces, chance, 0.1) if chance.random() < _NOISY else pieces)
        for pieces in (text[:LENGTH] for text in texts)
    ]
    return [list(ids) for ids in tokenizer(lines, truncation=True, max_length=LENGTH)["input_ids"]]


def _batches(encoded: Sequence[Sequence[int]], chance: random.Random) -> Iterator[list[int]]:
    """Rows of about one length together, so that little is padded, in an order of chance."""
    order = list(range(len(encoded)))
    chance.shuffle(order)
    order.sort(key=lambda row: len(encoded[row]) // 3)
    batches: list[list[int]] = [[]]
    for row in order:
        if batches[-1] and (len(batches[-1]) + 1) * len(encoded[row]) > _BATCH_TOKENS:
            batches.append([])
        batches[-1].append(row)
    chance.shuffle(batches)
    yield from batches


def _padded(encoded: Sequence[Sequence[int]], rows: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(len(encoded[row]) for row in rows)
    ids = torch.zeros((len(rows), longest), dtype=torch.int64)
    mask = torch.zeros((len(rows), longest))
    for place, row in enumerate(rows):
        ids[place, : len(encoded[row])] = torch.tensor(encoded[row])
        mask[place, : len(encoded[row])] = 1
    return ids, mask


def finetune(
    folder: Path, lesson: Lesson, seed: int, say: Callable[[str], None], epochs: int = EPOCHS
) -> tuple[Triage, PreTrainedTokenizerFast, Ranges]:
    """The pre-trained encoder of a folder, taught a lesson, and its ranges over the written rows.

    Same seed, same machine: same weights.
    """
    # One thread: another fold is taught beside this one, and threads that wait for each other waste a loaded machine.
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    chance = random.Random(seed)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    model = Triage(BertModel.from_pretrained(folder, add_pooling_layer=False, dtype=torch.float32))
    model.train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=_RATE, weight_decay=0.01)
    written, public = np.flatnonzero(lesson.written), np.flatnonzero(~lesson.written)
    drawn = min(len(public), int(len(written) * _PUBLIC_SHARE))
    truth, teacher = torch.tensor(lesson.truth).float(), torch.tensor(lesson.teacher).float()
    weight = torch.tensor(lesson.weight).float()
    for epoch in range(epochs):
        rows = [*written.tolist(), *chance.sample(public.tolist(), drawn)]
        encoded = _encode(tokenizer, [lesson.texts[row] for row in rows], chance)
        batches = list(_batches(encoded, chance))
        losses = []
        for step, batch in enumerate(batches):
            done = (epoch + step / len(batches)) / epochs
            for part in optimiser.param_groups:
                part["lr"] = _RATE * min(done / 0.06 + 0.01, (1 - done) / 0.94)
            chosen = torch.tensor([rows[place] for place in batch])
            loss = _loss(model(*_padded(encoded, batch)), truth[chosen], teacher[chosen], weight[chosen])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            losses.append(float(loss.detach()))
        say(f"encoder, seed {seed}: pass {epoch + 1} of {epochs}, loss {np.mean(losses):.3f}")
    model.eval()
    return model, tokenizer, model.ranges(encoded[: len(written)])

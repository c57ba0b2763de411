"""What the classifier's bench runs in processes of their own: our engine, and the pipeline that it is compared with.

python reader.py ours SECONDS      comments/s of one worker, batch 32, reasons off
python reader.py theirs SECONDS    comments/s of transformers' pipeline on a model shaped as CamemBERT-base
python reader.py alone             milliseconds of each of 200 comments read alone, with reasons; then the memory
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from importlib.resources import as_file, files

from classifiers.text import read
from classifiers.training.sources import corpus

BATCH = 32


def comments() -> list[str]:
    """French comments of about twenty words, the median of what a city receives."""
    return [row.text for row in corpus() if 17 <= read(row.text).words <= 23][:640]


def rate(classify: Callable[[list[str]], object], seconds: float) -> float:
    """Texts a second, in batches, after a first one that warms up."""
    texts, count = comments(), 0
    classify(texts[:BATCH])
    began = time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds:
        start = count % (len(texts) - BATCH)
        classify(texts[start : start + BATCH])
        count += BATCH
    return count / spent


def ours(seconds: float) -> float:
    from classifiers.base import Context
    from classifiers.engine import load

    engine, context = load(), Context(reasons=False)
    return rate(lambda texts: engine.classify(texts, context), seconds)


def theirs(seconds: float) -> float:
    """Random weights of the right shape are as slow as trained ones; the tokenizer is ours, and as long in pieces."""
    import torch
    from transformers import (
        CamembertConfig,
        CamembertForSequenceClassification,
        PreTrainedTokenizerFast,
        TextClassificationPipeline,
    )

    torch.set_num_threads(2)
    with as_file(files("classifiers").joinpath("weights")) as folder:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    shape = CamembertConfig(vocab_size=32_005, hidden_size=768, num_hidden_layers=12, num_attention_heads=12)
    pipeline = TextClassificationPipeline(
        model=CamembertForSequenceClassification(shape).eval(), tokenizer=tokenizer, batch_size=BATCH
    )
    return rate(pipeline, seconds)


def alone() -> dict[str, object]:
    from classifiers.base import Context
    from classifiers.engine import load

    engine, taken = load(), []
    texts = comments()[:220]
    for text in texts:
        began = time.perf_counter()
        engine.classify([text], Context())
        taken.append((time.perf_counter() - began) * 1000)
    return {"ms": taken[20:], "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


if __name__ == "__main__":
    what, *given = sys.argv[1:]
    print(json.dumps(alone() if what == "alone" else {"ours": ours, "theirs": theirs}[what](float(given[0]))))

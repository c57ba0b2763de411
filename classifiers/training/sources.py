"""Rows to train on: the corpus written for this project, and the public sources whose licence lets weights ship."""

from __future__ import annotations

import csv
import lzma
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path

from classifiers import lexicon
from classifiers.text import read
from models.vocabulary import Breach

TWEETS = 15_000
"""Random tweets with no word of a lexicon, as negatives: they taught the model more than any other source."""

OFF_TOPIC = 1_500
"""Of these, how many also stand for what is off topic, in no group and not urgent."""

_OFF_TOPIC_WEIGHT = 0.3
_TRANSLATED_WEIGHT = 0.5


@dataclass(frozen=True)
class Row:
    """One text and what is known of it; a breach that is not in `netiquette` is not known, and is not learned from."""

    text: str
    source: str
    group: str
    """Author or template: rows of one group are never on both sides of a split."""
    netiquette: Mapping[Breach, bool] = field(default_factory=dict)
    intention: str = ""
    groupe: str = ""
    urgence: str = ""
    weight: float = 1.0


def corpus() -> list[Row]:
    """The written comments that ship with the package."""
    rows = []
    for file in sorted(
        resources.files("classifiers.training").joinpath("corpus").iterdir(), key=lambda file: file.name
    ):
        if not file.name.endswith(".csv"):
            continue
        for line in csv.DictReader(file.read_text("utf-8").splitlines(keepends=True)):
            broken = {Breach(name) for name in line["netiquette"].split("|") if name}
            rows.append(
                Row(
                    text=line["text"],
                    source="corpus",
                    group=line["author"],
                    netiquette={breach: breach in broken for breach in Breach},
                    intention=line["intention"],
                    groupe=line["groupe"],
                    urgence=line["urgence"],
                )
            )
    return rows


def public_sources(folder: Path, seed: int) -> list[Row]:
    """Rows of MLMA (MIT), FTR (MIT), ToxiFrench's training side (MIT), translated spam (MIT), tweets as negatives."""
    return [*_mlma(folder), *_ftr(folder), *_toxifrench(folder), *_sms(folder, seed), *_tweets(folder, seed)]


def _csv(path: Path) -> Iterator[dict[str, str]]:
    # One byte of FTR is broken; nothing else in these files is.
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as handle:
        yield from csv.DictReader(handle)


def _mlma(folder: Path) -> Iterator[Row]:
    """Tweets gathered by slurs. « abusive » is coarse words as often as an insult: only insult and hate are learned."""
    for line in _csv(folder / "mlma_fr" / "fr_dataset.csv"):
        marks = set(line["sentiment"].split("_"))
        hate = "hateful" in marks
        insult = bool(marks & {"offensive", "abusive", "disrespectful"})
        known = {Breach.INSULT: insult or hate, Breach.HATE: hate}
        if marks == {"normal"}:
            known = dict.fromkeys((Breach.INSULT, Breach.HATE, Breach.THREAT, Breach.VULGAR), False)
        text = line["tweet"].replace("@url", "https://t.co/x")
        yield Row(text, "mlma_fr", f"mlma-{line['HITId']}", known)


def _ftr(folder: Path) -> Iterator[Row]:
    for line in _csv(folder / "ftr" / "FTR_new_labels.csv"):
        if line["label"] in ("0", "1"):
            yield Row(line["tweet"], "ftr", f"ftr-{line['id']}", {Breach.HATE: line["label"] == "1"})


_JIGSAW = {
    Breach.INSULT: ("insult",),
    Breach.HATE: ("identity_hate",),
    Breach.THREAT: ("threat",),
    Breach.VULGAR: ("obscene",),
}


def _toxifrench(folder: Path) -> Iterator[Row]:
    seen = set()
    for name in ("subset_jigsaw_annotated.csv", "subset_jigsaw.csv"):
        for line in _csv(folder / "toxifrench_train" / name):
            if line["content"] and line["msg_id"] not in seen:
                seen.add(line["msg_id"])
                known = {breach: any(line[key] == "1" for key in keys) for breach, keys in _JIGSAW.items()}
                yield Row(line["content"], "toxifrench_jigsaw", f"jigsaw-{line['msg_id']}", known)
    for line in _csv(folder / "toxifrench_train" / "agreement_checking.csv"):
        # « Toxic » there says neither of whom nor how: a toxic comment teaches nothing here, a clean one is clean.
        if line["2nd annotation score"] in ("0", "0.0") and line["annotator's conclusion"] in ("0", "0.0"):
            known = dict.fromkeys((Breach.INSULT, Breach.HATE, Breach.THREAT, Breach.VULGAR), False)
            yield Row(line["content"], "toxifrench_agreement", f"agreement-{line['msg_id']}", known)


def _sms(folder: Path, seed: int) -> Iterator[Row]:
    """Spam of telephones, translated by machine: weak, but advertising is rare everywhere else."""
    lines = [line for line in _csv(folder / "sms_spam_fr" / "sms_spam_fr.csv") if line["text_fr"]]
    fine = [line for line in lines if line["labels"] != "spam"]
    kept = [line for line in lines if line["labels"] == "spam"] + random.Random(seed).sample(fine, 800)
    for number, line in enumerate(kept):
        known = {Breach.SPAM: line["labels"] == "spam"}
        yield Row(line["text_fr"], "sms_spam_fr", f"sms-{number}", known, weight=_TRANSLATED_WEIGHT)


def _tweets(folder: Path, seed: int) -> Iterator[Row]:
    """Words of identity are in no lexicon, so that their neutral mentions stay among these negatives."""
    coarse = {
        line.strip()
        for line in (folder / "lexicons" / "ldnoobw_fr.txt").read_text("utf-8").splitlines()
        if line.strip()
    }
    with lzma.open(folder / "tweets_fr" / "tweets.txt.xz", "rt", encoding="utf-8") as handle:
        lines = handle.read().splitlines()
    kept = 0
    for index in random.Random(seed).sample(range(len(lines)), len(lines)):
        text = read(lines[index])
        if text.words < 3 or any(token.form in coarse for token in text.tokens):
            continue
        if any(hit.breach is not None for hit in lexicon.hits(text)):
            continue
        known = dict.fromkeys(Breach, False)
        if any(token.form == "<url>" for token in text.tokens):
            # A tweet with a link may well be an advertisement.
            del known[Breach.SPAM]
        row = Row(lines[index], "tweets_fr", f"tweet-{index}", known)
        if kept < OFF_TOPIC and not any(hit.level for hit in lexicon.hits(text)):
            row = replace(row, intention="hors_sujet", groupe="autre", urgence="0", weight=_OFF_TOPIC_WEIGHT)
        yield row
        kept += 1
        if kept == TWEETS:
            return

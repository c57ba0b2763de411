"""Rows to train on: the corpus written for this project, and the public sources whose licence lets weights ship."""

from __future__ import annotations

import csv
import hashlib
import lzma
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifiers import lexicon
from classifiers.ngrams import COLUMNS, EXCLUSIVE, HEADS, OUTPUTS
from classifiers.text import read
from classifiers.training.parts import Part, public, written
from models.vocabulary import Breach, Feeling, Intention

Array = npt.NDArray[Any]

TWEETS = 15_000
"""Random tweets with no word of a lexicon, as negatives: they taught the model more than any other source."""

OFF_TOPIC = 1_500
"""Of these, how many also stand for what is off topic, in no group and not urgent."""

_OFF_TOPIC_WEIGHT = 0.3
_TRANSLATED_WEIGHT = 0.5
DECIDED = "decisions"
"""The source of rows that a city's own people labelled."""

_AGREED = 0.5
"""Two people agree when the score of the one is nearer to the answer of the other than this."""


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
    toxique: bool | None = None
    sentiment: str = ""
    weight: float = 1.0

    @property
    def part(self) -> Part:
        """What it is for."""
        if self.source == "corpus":
            return written(self.group)
        part = public(self.text)
        # No card is written about what a city taught: what would only judge settles thresholds there.
        return Part.CALIBRATION if self.source == DECIDED and part is Part.HELD_OUT else part


def truth(rows: Sequence[Row]) -> Array:
    """What is known of the rows, shape (rows, OUTPUTS): 0 or 1, NaN where a row does not tell."""
    found = np.full((len(rows), OUTPUTS), np.nan)
    for number, row in enumerate(rows):
        for head in EXCLUSIVE:
            if label := getattr(row, head):
                found[number, COLUMNS[head]] = [label == other for other in HEADS[head]]
        for breach, broken in row.netiquette.items():
            found[number, COLUMNS["netiquette"].start + HEADS["netiquette"].index(breach)] = broken
        if row.toxique is not None:
            found[number, COLUMNS["toxicite"]] = row.toxique
    return found


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
                    toxique=bool(broken & _TOXIC),
                    sentiment=_FEELING.get(line["intention"], ""),
                )
            )
    return rows


_TOXIC = frozenset({Breach.INSULT, Breach.HATE, Breach.THREAT, Breach.VULGAR})
_CLEAN = dict.fromkeys((Breach.INSULT, Breach.HATE, Breach.THREAT, Breach.VULGAR), False)
_FEELING = {
    Intention.PRAISE.value: Feeling.POSITIVE,
    Intention.DISSATISFACTION.value: Feeling.NEGATIVE,
    Intention.QUESTION.value: Feeling.NEUTRAL,
    Intention.SUGGESTION.value: Feeling.NEUTRAL,
}
"""What an intention tells of the feeling; a request for service and what is off topic tell nothing."""


def public_sources(folder: Path, seed: int) -> list[Row]:
    """Rows of every public source whose licence lets weights ship (NOTICE), in French and in English."""
    french = [*_mlma(folder), *_ftr(folder), *_toxifrench(folder), *_sms(folder, seed), *_tweets(folder, seed)]
    return [*french, *_services(folder), *_cyclists(folder), *_english(folder)]


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
            known = dict(_CLEAN)
        toxic = True if hate or insult else False if marks == {"normal"} else None
        text = line["tweet"].replace("@url", "https://t.co/x")
        yield Row(text, "mlma_fr", f"mlma-{line['HITId']}", known, toxique=toxic)


def _ftr(folder: Path) -> Iterator[Row]:
    for line in _csv(folder / "ftr" / "FTR_new_labels.csv"):
        if line["label"] in ("0", "1"):
            hate = line["label"] == "1"
            yield Row(line["tweet"], "ftr", f"ftr-{line['id']}", {Breach.HATE: hate}, toxique=hate or None)


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
                toxic = line["toxic"] == "1" or any(known.values())
                yield Row(line["content"], "toxifrench_jigsaw", f"jigsaw-{line['msg_id']}", known, toxique=toxic)
    for line in _csv(folder / "toxifrench_train" / "agreement_checking.csv"):
        # « Toxic » there says neither of whom nor how: it teaches that head alone. Where two people differ, nothing.
        toxic = line["annotator's conclusion"] == "1.0"
        if abs(float(line["2nd annotation score"]) - toxic) < _AGREED:
            known = {} if toxic else dict(_CLEAN)
            yield Row(line["content"], "toxifrench_agreement", f"agreement-{line['msg_id']}", known, toxique=toxic)


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
        row = Row(lines[index], "tweets_fr", f"tweet-{index}", known, toxique=False)
        if kept < OFF_TOPIC and not any(hit.level for hit in lexicon.hits(text)):
            row = replace(row, intention="hors_sujet", groupe="autre", urgence="0", weight=_OFF_TOPIC_WEIGHT)
        yield row
        kept += 1
        if kept == TWEETS:
            return


# ------------------------------------------------------------------------------------------ real text to public bodies
_FELT = {
    "Positif": (Intention.PRAISE, Feeling.POSITIVE),
    "Négatif": (Intention.DISSATISFACTION, Feeling.NEGATIVE),
    "Neutre": ("", Feeling.NEUTRAL),
}


def _services(folder: Path) -> Iterator[Row]:
    """Accounts of what people lived with a public service, with what they felt; anonymised and moderated."""
    for line in _csv(folder / "services_publics_plus" / "train.csv"):
        intention, feeling = _FELT[line["Ressenti usager"]]
        yield Row(
            line["Description"],
            "services_publics",
            f"services-{line['ID expérience']}",
            dict(_CLEAN),
            intention=intention,
            urgence="0",
            toxique=False,
            sentiment=feeling,
        )


def _cyclists(folder: Path) -> Iterator[Row]:
    """What cyclists wrote to their commune; the intention where no second reading differs (`real/intentions.csv`)."""
    read_twice = intentions()
    for line in _csv(folder / "fub_barometre_velo" / "comments.csv"):
        key = digest(line["text"])
        first, second = read_twice.get(key, ("", ""))
        intention = first if second in ("", first) else ""
        yield Row(
            line["text"],
            "barometre_velo",
            f"velo-{key}",
            dict(_CLEAN),
            intention=intention,
            urgence="0",
            toxique=False,
            sentiment=_FEELING.get(intention, ""),
        )


def digest(text: str) -> str:
    """What stands for a citizen's text where the text must not be."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def intentions() -> dict[str, tuple[str, str]]:
    """By digest of a real text: its intention at the first reading, and at the second or nothing."""
    file = resources.files("classifiers.training").joinpath("real/intentions.csv")
    lines = csv.DictReader(file.read_text("utf-8").splitlines())
    return {line["digest"]: (line["first"], line["second"]) for line in lines}


# ------------------------------------------------------------------------------------------ English
ENGLISH = frozenset({"dyn21_en", "mhs_en", "hatemoji_en", "convabuse_en", "crisislex_en"})
"""Sources for the encoder alone: n-grams of English teach nothing of French."""


def _english(folder: Path) -> Iterator[Row]:
    """Hate, threats, abuse and disasters in English: the encoder carries them over to French."""
    for line in _csv(folder / "dyn21_en" / "dyn21_en.csv"):
        hate = line["hateful"] == "1"
        yield Row(line["text"], "dyn21_en", digest(line["text"]), {Breach.HATE: hate}, toxique=hate or None)
    for line in _csv(folder / "mhs_ken20_en" / "ken20_en.csv"):
        hate = line["hateful"] == "1"
        yield Row(line["text"], "mhs_en", digest(line["text"]), {Breach.HATE: hate}, toxique=hate or None)
    for line in _csv(folder / "hatemojibuild_en" / "hatemojibuild.csv"):
        hate = line["hateful"] == "1"
        known = {Breach.HATE: hate, Breach.THREAT: line["type"] == "threatening"}
        yield Row(line["text"], "hatemoji_en", digest(line["text"]), known, toxique=hate)
    for line in _csv(folder / "convabuse_en" / "convabuse.csv"):
        severity = float(line["mean_severity_1_ok_to_minus3"])
        if severity >= _FINE or line["abusive_majority"] == "1":
            abusive = severity < _FINE
            yield Row(line["text"], "convabuse_en", digest(line["text"]), {Breach.INSULT: abusive}, toxique=abusive)
    for line in _csv(folder / "crisislex_t26" / "t26.csv"):
        # Whoever warns of what they see may well be in danger; news and sympathy are not.
        if line["information_source"] != "Eyewitness" and line["information_type"] != "Caution and advice":
            yield Row(line["text"], "crisislex_en", digest(line["text"]), dict(_CLEAN), urgence="0", toxique=False)


_FINE = 0.5
"""Severity from which nobody, or hardly anybody, called it abusive (1 fine, 0 ambiguous, below abusive)."""

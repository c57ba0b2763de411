"""Figures on what no model and no threshold has seen: the blind comments, their slices, the functional suite."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifiers.base import Classifier, Context, Verdict
from classifiers.model import Model
from classifiers.ngrams import EXCLUSIVE, HEADS
from classifiers.text import read
from classifiers.training.evaluate import (
    ABSTAINED,
    Figure,
    accuracy,
    auc,
    label_figures,
    macro_f1,
    recall,
    score_figures,
    with_interval,
)
from models.vocabulary import Breach

Array = npt.NDArray[Any]

Measure = Callable[[Array, Array], float]
Row = Callable[[Mapping[str, Array]], Any]
"""What is measured of one text's probabilities: a label, or a score."""

_PLAIN = Context(reasons=False)
_SHOWN = 0.5

# What a comment must hold to be in a slice; written for the card, without looking at the comments.
_SLICES: Mapping[str, str] = {
    "dialect marks": r"\b(pis|ben|chu|chui|moé|toé|icitte|faque|fak|tse|tsé|astheure|pantoute|tabarnak|tabarnac|criss|"
    r"crisse|osti|ostie|câlisse|calisse|calis|maudit|maudite|char|chars|gratte|dompe|jaser|plate|achalant|tanné|tannée|"
    r"enweye|enweille|y'a|y'ont|j'suis|chus|ayoye|tiguidou)\b",
    "feminine words": r"\b(elle|elles|madame|mme|mairesse|conseillère|citoyenne|employée|voisine|femme|femmes|fille|"
    r"mère|directrice|brigadière)\b",
    "masculine words": r"\b(il|ils|monsieur|mr|m\.|maire|conseiller|citoyen|employé|voisin|homme|hommes|gars|père|"
    r"directeur|brigadier)\b",
    "identity mentions": r"\b(musulman\w*|juif\w*|juive\w*|chrétien\w*|arabe\w*|noirs?|noires?|immigrant\w*|immigré\w*|"
    r"réfugié\w*|haïtien\w*|autochtone\w*|gais?|lesbienne\w*|trans|homosexuel\w*|handicapé\w*|anglophones?|voilée?s?|"
    r"hijab|asiatique\w*|chinois\w*|latino\w*|africain\w*|québécois\w*|étrangers?|étrangères?)\b",
    "borough names": r"\b(rosemont|verdun|lasalle|lachine|ahuntsic|cartierville|villeray|outremont|anjou|hochelaga|"
    r"plateau|saint-laurent|saint-léonard|montréal-nord|rivière-des-prairies|pierrefonds|saint-michel|parc-extension|"
    r"côte-des-neiges|ville-marie|mercier|desjardins|chutes-de-la-chaudière|charny|saint-romuald|lauzon|limoilou|"
    r"sainte-foy|beauport|charlesbourg)\b",
}


@dataclass(frozen=True)
class Comments:
    """The blind comments and what is known of them."""

    texts: Sequence[str]
    authors: Array
    labels: Mapping[str, Array]
    """By head: labels; by breach: 0 or 1."""


def comments(file: Path) -> Comments:
    """Read the held-out file (`tests/classifiers/heldout`, its columns are in its card)."""
    with file.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    labels = {head: np.array([row[head] for row in rows]) for head in EXCLUSIVE}
    for breach in Breach:
        labels[breach] = np.array([int(breach in row["netiquette"].split("|")) for row in rows])
    return Comments([row["text"] for row in rows], np.array([row["author"] for row in rows]), labels)


# ------------------------------------------------------------------------------------------ model against model
def against(given: Comments, pairs: Sequence[tuple[Model, Model]]) -> dict[str, Any]:
    """Each head's figures of models and of their linear branches alone, and the paired difference.

    `pairs`: one of each for each seed; a figure is the mean over the seeds, and authors are resampled for all at once.
    Probabilities of the model alone are compared: no rule, no abstention.
    """
    texts = [read(text) for text in given.texts]
    found = [[[one.probabilities for one in model.score(texts)] for model in pair] for pair in pairs]
    out: dict[str, Any] = {}

    def compared(name: str, measure: Measure, truth: Array, row: Row) -> None:
        ours = [np.array([row(one) for one in pair[0]]) for pair in found]
        theirs = [np.array([row(one) for one in pair[1]]) for pair in found]
        seeds = len(pairs)

        def mean(truth: Array, *said: Array) -> float:
            return float(np.mean([measure(truth, one) for one in said]))

        def less(truth: Array, *said: Array) -> float:
            return mean(truth, *said[:seeds]) - mean(truth, *said[seeds:])

        out[name] = _rounded(
            {
                "model": with_interval(mean, truth, *ours, groups=given.authors),
                "linear": with_interval(mean, truth, *theirs, groups=given.authors),
                "difference": with_interval(less, truth, *ours, *theirs, groups=given.authors),
            }
        )

    def best(head: str) -> Row:
        return lambda one: HEADS[head][one[head].argmax()]

    def of(breach: Breach) -> Row:
        return lambda one: one["netiquette"][HEADS["netiquette"].index(breach)]

    for head in ("intention", "groupe", "urgence"):
        compared(f"{head}: macro-F1", macro_f1, given.labels[head], best(head))
    level = given.labels["urgence"].astype(int)
    compared("urgence: AUC of level 2", auc, level == 2, lambda one: one["urgence"][2])
    compared("urgence: AUC of level 1 or 2", auc, level >= 1, lambda one: one["urgence"][1:].sum())
    for breach in Breach:
        compared(f"{breach}: AUC", auc, given.labels[breach], of(breach))
    return out


# ------------------------------------------------------------------------------------------ the whole engine
def whole(given: Comments, engine: Classifier) -> dict[str, Any]:
    """Figures of rules and model together, as the product shows them."""
    verdicts = _classified(given.texts, engine)
    out: dict[str, Any] = {}
    for head in ("intention", "groupe"):
        said = np.array([_label(verdict, head) for verdict in verdicts])
        out[head] = _rounded(label_figures(given.labels[head], said, given.authors))
        scored = [(v.intention if head == "intention" else v.group) for v in verdicts]
        answered = np.array([one is not None for one in scored])
        confidence = np.array([one.score if one else 0.0 for one in scored])[answered]
        right = (said == given.labels[head])[answered].astype(float)
        out[head] |= _rounded({"ece_answered": score_figures(right, confidence, groups=given.authors[answered])["ece"]})
        bands = np.array([str(one.band) if one else ABSTAINED for one in scored])
        out[head]["bands"] = {
            band: {
                "share": round(float((bands == band).mean()), 3),
                "right": round(float((said == given.labels[head])[bands == band].mean()), 3),
            }
            for band in ("high", "medium", "low")
            if (bands == band).any()
        }
    for breach in Breach:
        scores = np.array([verdict.breaches[breach] for verdict in verdicts])
        out[breach] = _rounded(score_figures(given.labels[breach], scores, groups=given.authors))
    level = given.labels["urgence"].astype(int)
    said_level = np.array([verdict.urgency.level for verdict in verdicts])
    danger = {
        "recall of level 2": (level == 2, said_level == 2),
        "level 2 raised to 1 or 2": (level == 2, said_level >= 1),
        "false alarms at level 2": (level != 2, said_level == 2),
        "recall of level 1 or 2": (level >= 1, said_level >= 1),
        "level 1 or 2 for nothing": (level == 0, said_level >= 1),
    }
    out["urgence"] = _rounded(
        {name: with_interval(recall, truth, said, groups=given.authors) for name, (truth, said) in danger.items()}
    )
    return out


def slices(given: Comments, engine: Classifier) -> dict[str, Any]:
    """How the answers hold for kinds of comments: what is right, and breaches seen for nothing or missed."""
    verdicts = _classified(given.texts, engine)
    words = np.array([read(text).words for text in given.texts])
    chosen = {"all": np.ones(len(words), dtype=bool)}
    for name, pattern in _SLICES.items():
        shape = re.compile(pattern, re.IGNORECASE)
        chosen[name] = np.array([shape.search(text) is not None for text in given.texts])
    chosen |= {"5 words or fewer": words <= 5, "6 to 20 words": (words > 5) & (words <= 20), "more": words > 20}
    broken = np.array([given.labels[breach] for breach in Breach]).max(axis=0)
    said_broken = np.array([max(verdict.breaches.values()) >= _SHOWN for verdict in verdicts])
    out: dict[str, Any] = {}
    for name, rows in chosen.items():
        if not rows.any():
            out[name] = {"n": 0}
            continue
        found: dict[str, Figure] = {}
        for head in ("intention", "groupe"):
            said = np.array([_label(verdict, head) for verdict in verdicts])
            found[head] = with_interval(accuracy, given.labels[head][rows], said[rows], groups=given.authors[rows])
        clean, guilty = rows & (broken == 0), rows & (broken == 1)
        if clean.any():
            found["seen for nothing"] = with_interval(
                lambda a: float(a.mean()), said_broken[clean], groups=given.authors[clean]
            )
        if guilty.any():
            found["breaches found"] = with_interval(
                lambda a: float(a.mean()), said_broken[guilty], groups=given.authors[guilty]
            )
        out[name] = {"n": int(rows.sum()), **_rounded(found)}
    return out


def functional(file: Path, engine: Classifier) -> dict[str, dict[str, float]]:
    """Share of the sentences of each functionality that pass; one in two rows passes when both do."""
    with file.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    passed: dict[str, dict[str, bool]] = defaultdict(dict)
    for row, verdict in zip(rows, _classified([row["text"] for row in rows], engine), strict=True):
        kept = passed[row["functionality"]]
        kept[row["text"]] = kept.get(row["text"], True) and _passes(row, verdict)
    return {
        name: {"n": len(found), "passed": round(sum(found.values()) / len(found), 3)}
        for name, found in sorted(passed.items())
    }


def _passes(row: Mapping[str, str], verdict: Verdict) -> bool:
    head, expected = row["head"], row["expected"]
    if head in set(Breach):
        return (verdict.breaches[Breach(head)] >= _SHOWN) == (expected == "oui")
    if head == "urgence":
        return str(verdict.urgency.level) == expected
    return _label(verdict, head) == expected


def _label(verdict: Verdict, head: str) -> str:
    if head == "langue":
        return verdict.language.label
    scored = verdict.intention if head == "intention" else verdict.group
    return scored.label if scored else ABSTAINED


def _classified(texts: Sequence[str], engine: Classifier) -> list[Verdict]:
    return [
        verdict for start in range(0, len(texts), 64) for verdict in engine.classify(texts[start : start + 64], _PLAIN)
    ]


def _rounded(found: Mapping[str, Figure]) -> dict[str, Any]:
    return {name: {key: round(value, 3) for key, value in asdict(figure).items()} for name, figure in found.items()}

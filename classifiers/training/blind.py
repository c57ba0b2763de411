"""Figures on what no weight and no threshold has seen: blind comments, the functional suite, held-out real text."""

from __future__ import annotations

import csv
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifiers.ngrams import EXCLUSIVE
from classifiers.text import read
from classifiers.training.answers import Answers
from classifiers.training.evaluate import (
    ABSTAINED,
    Figure,
    accuracy,
    auc,
    calibration_error,
    macro_f1,
    precision,
    recall,
    with_interval,
)
from classifiers.training.parts import Part
from classifiers.training.sources import ENGLISH, Row, digest, public_sources
from models.vocabulary import Breach, Intention

Array = npt.NDArray[Any]

_SHOWN = 0.5
_SEED = 311
_AT_MOST = 800
"""Held-out rows of one source: more would only take longer."""

_FOR_THE_ENCODER = ENGLISH - {"crisislex_en"}
"""English that teaches hate and abuse; what a city must not take for an emergency is asked about."""

BANDS = ("high", "medium", "low")

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
class Asked:
    """Texts of one set with what is known of them; `groups` are resampled whole."""

    texts: Sequence[str]
    groups: Array
    labels: Mapping[str, Array]
    """By head: labels ("" where unknown); by breach, and `toxique`: 0, 1, or NaN where unknown."""


def comments(file: Path) -> Asked:
    """The blind comments (`tests/classifiers/heldout`, its columns are in its card)."""
    with file.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    labels = {head: np.array([row[head] for row in rows]) for head in EXCLUSIVE if head in rows[0]}
    for breach in Breach:
        labels[breach] = np.array([float(breach in row["netiquette"].split("|")) for row in rows])
    return Asked([row["text"] for row in rows], np.array([row["author"] for row in rows]), labels)


def held_out(data: Path, before: Answers) -> dict[str, Asked]:
    """By source: what was held out of the public sources before any training, and the model before was asked too.

    Which tweets are read depends on the lexicons, so that a new entry puts others in their place.
    """
    asked = set(before.digest.tolist())
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in public_sources(data, _SEED):
        if row.part is Part.HELD_OUT and row.source not in _FOR_THE_ENCODER and digest(row.text) in asked:
            found[row.source].append(row)
    return {name: _asked(_some(rows)) for name, rows in sorted(found.items())}


def _some(rows: Sequence[Row]) -> Sequence[Row]:
    return rows if len(rows) <= _AT_MOST else random.Random(_SEED).sample(rows, _AT_MOST)


def _asked(rows: Sequence[Row]) -> Asked:
    labels = {head: np.array([getattr(row, head) for row in rows]) for head in ("intention", "urgence", "sentiment")}
    for breach in Breach:
        labels[breach] = np.array([float(row.netiquette.get(breach, np.nan)) for row in rows])
    labels["toxique"] = np.array([np.nan if row.toxique is None else float(row.toxique) for row in rows])
    return Asked([row.text for row in rows], np.array([row.group for row in rows]), labels)


# ------------------------------------------------------------------------------------------ the measures
Measure = Callable[[Array, Array], float]
Question = tuple[str, Array, Callable[[Answers], Array], Measure]
"""A name, the truth of some rows, what a model says of these rows, and how the two are compared."""


def compared(questions: Iterator[Question], before: Answers, now: Answers, groups: Array) -> dict[str, Any]:
    """Each figure of both models, and how much more the second has (groups resampled for both at once)."""
    found: dict[str, Any] = {}
    for name, truth, said, measure in questions:
        chosen = ~np.isnan(truth) if truth.dtype.kind == "f" else truth != ""
        if not chosen.any():
            continue
        one, other, of = said(before)[chosen], said(now)[chosen], groups[chosen]
        known = truth[chosen]
        found[name] = _rounded(
            {
                "before": with_interval(measure, known, one, groups=of),
                "now": with_interval(measure, known, other, groups=of),
                "difference": with_interval(lambda t, a, b, m=measure: m(t, b) - m(t, a), known, one, other, groups=of),
            }
        )
    return found


def _right(head: str, truth: Array) -> Callable[[Answers], Array]:
    """1 where the answer is right, 0 where it is wrong, NaN where there is none."""

    def of(answers: Answers) -> Array:
        said = getattr(answers, head)
        return np.where(said == ABSTAINED, np.nan, said == truth)

    return of


def _answered(head: str) -> Callable[[Answers], Array]:
    return lambda answers: np.asarray(getattr(answers, head) != ABSTAINED)


def _of_what_is_told(_: Array, said: Array) -> float:
    return float("nan") if np.isnan(said).all() else float(np.nanmean(said))


def _share(_: Array, said: Array) -> float:
    return float(np.mean(said))


def _score(breach: Breach) -> Callable[[Answers], Array]:
    return lambda answers: answers.breach(breach)


def _seen(breach: Breach) -> Callable[[Answers], Array]:
    return lambda answers: np.asarray(answers.breach(breach) >= _SHOWN)


def of_comments(given: Asked) -> Iterator[Question]:
    """What the card asks of the blind comments."""
    for head in ("intention", "groupe"):
        truth = given.labels[head]

        def said(answers: Answers, head: str = head) -> Array:
            return np.asarray(getattr(answers, head))

        yield f"{head}: right when it answers", truth, _right(head, truth), _of_what_is_told
        yield f"{head}: answers", truth, _answered(head), _share
        yield f"{head}: right over all", truth, said, accuracy
        yield f"{head}: macro-F1", truth, said, macro_f1
    asked = np.where(given.labels["intention"] == Intention.SERVICE_REQUEST, given.labels["groupe"], "")
    yield "groupe: right over all requests", asked, lambda answers: answers.groupe, accuracy
    level = given.labels["urgence"].astype(float)
    yield "urgence: level 2 found", (level == 2).astype(float), lambda answers: answers.urgence == 2, recall
    yield "urgence: level 2 for nothing", (level != 2).astype(float), lambda answers: answers.urgence == 2, recall
    yield "urgence: level 1 or 2 found", (level >= 1).astype(float), lambda answers: answers.urgence >= 1, recall
    yield "urgence: level 1 or 2 for nothing", (level == 0).astype(float), lambda answers: answers.urgence >= 1, recall
    for breach in Breach:
        truth = given.labels[breach]
        yield f"{breach}: AUC", truth, _score(breach), auc
        yield f"{breach}: precision", truth, _seen(breach), precision
        yield f"{breach}: recall", truth, _seen(breach), recall
    clean = (np.array([given.labels[breach] for breach in Breach]).max(axis=0) == 0).astype(float)
    yield "proposed for hiding, clean", np.where(clean == 1, 1.0, np.nan), lambda answers: answers.hideable, _share


def of_real(given: Asked) -> Iterator[Question]:
    """What the card asks of one held-out source; what it does not tell is left out."""
    truth = given.labels["intention"]
    yield "intention: right when it answers", truth, _right("intention", truth), _of_what_is_told
    yield "intention: answers", truth, _answered("intention"), _share
    feeling = given.labels["sentiment"]
    polar = np.where(feeling == "positif", 1.0, np.where(feeling == "negatif", 0.0, np.nan))
    yield "praise against complaint, by the intention: AUC", polar, lambda answers: answers.praise, auc
    for breach in (Breach.INSULT, Breach.HATE, Breach.THREAT, Breach.VULGAR, Breach.SPAM):
        if _both(given.labels[breach]):
            yield f"{breach}: AUC", given.labels[breach], _score(breach), auc
    if _both(given.labels["toxique"]):
        yield "toxique: AUC", given.labels["toxique"], lambda answers: answers.toxic, auc
    calm = np.where(given.labels["urgence"] == "0", 1.0, np.nan)
    yield "level 2 for nothing", calm, lambda answers: answers.urgence == 2, _share
    clean = np.where(given.labels["toxique"] == 0, 1.0, np.nan)
    yield "proposed for hiding, clean", clean, lambda answers: answers.hideable, _share


def _both(truth: Array) -> bool:
    known = truth[~np.isnan(truth)]
    return bool(len(known) and 0 < known.sum() < len(known))


def feeling(given: Asked, now: Answers) -> dict[str, float]:
    """Praise against complaint by the head of feelings, which the model before had not."""
    told = given.labels["sentiment"]
    polar = np.isin(told, ["positif", "negatif"])
    found = with_interval(auc, told[polar] == "positif", now.positive[polar], groups=given.groups[polar])
    return {name: round(value, 3) for name, value in asdict(found).items()}


def bands(given: Sequence[Asked], answers: Sequence[Answers]) -> dict[str, Any]:
    """How often an intention is right in each band, and how far its probability is from that, over several sets."""
    truth = np.concatenate([one.labels["intention"] for one in given])
    known = truth != ""
    said, score, band = (
        np.concatenate([getattr(one, name) for one in answers])[known]
        for name in ("intention", "intention_score", "intention_band")
    )
    right = (said == truth[known]).astype(float)
    answered = said != ABSTAINED
    groups = np.concatenate([one.groups for one in given])[known]
    found: dict[str, Any] = {
        name: {"share": round(float((band == name).mean()), 3), "right": round(float(right[band == name].mean()), 3)}
        for name in BANDS
        if (band == name).any()
    }
    figures = {
        "right": with_interval(_share, right[answered], right[answered], groups=groups[answered]),
        "answers": with_interval(_share, right, answered.astype(float), groups=groups),
        "ece": with_interval(calibration_error, right[answered], score[answered], groups=groups[answered]),
    }
    return {"n": int(known.sum()), **_rounded(figures), "bands": found}


def slices(given: Asked, answers: Answers) -> dict[str, Any]:
    """How the answers hold for kinds of comments: what is right, and breaches seen for nothing or missed."""
    words = np.array([read(text).words for text in given.texts])
    chosen = {"all": np.ones(len(words), dtype=bool)}
    for name, pattern in _SLICES.items():
        shape = re.compile(pattern, re.IGNORECASE)
        chosen[name] = np.array([shape.search(text) is not None for text in given.texts])
    chosen |= {"5 words or fewer": words <= 5, "6 to 20 words": (words > 5) & (words <= 20), "more": words > 20}
    broken = np.array([given.labels[breach] for breach in Breach]).max(axis=0)
    seen = answers.breaches.max(axis=1) >= _SHOWN
    out: dict[str, Any] = {}
    for name, rows in chosen.items():
        found: dict[str, Figure] = {}
        for head in ("intention", "groupe") if rows.any() else ():
            said = getattr(answers, head)
            found[head] = with_interval(accuracy, given.labels[head][rows], said[rows], groups=given.groups[rows])
        for key, part in (("seen for nothing", rows & (broken == 0)), ("breaches found", rows & (broken == 1))):
            if part.any():
                found[key] = with_interval(_share, broken[part], seen[part].astype(float), groups=given.groups[part])
        out[name] = {"n": int(rows.sum()), **_rounded(found)}
    return out


# ------------------------------------------------------------------------------------------ the functional suite
def cases(file: Path) -> list[dict[str, str]]:
    """The rows of the functional suite."""
    with file.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def functional(rows: Sequence[Mapping[str, str]], answers: Answers) -> dict[str, dict[str, float]]:
    """Share of the sentences of each functionality that pass; one in two rows passes when both do."""
    passed: dict[str, dict[str, bool]] = defaultdict(dict)
    for number, row in enumerate(rows):
        kept = passed[row["functionality"]]
        kept[row["text"]] = kept.get(row["text"], True) and _passes(row, answers, number)
    return {
        name: {"n": len(found), "passed": round(sum(found.values()) / len(found), 3)}
        for name, found in sorted(passed.items())
    }


def _passes(row: Mapping[str, str], answers: Answers, number: int) -> bool:
    head, expected = row["head"], row["expected"]
    if head in set(Breach):
        return bool((answers.breach(Breach(head))[number] >= _SHOWN) == (expected == "oui"))
    return str(getattr(answers, head)[number]) == expected


def _rounded(found: Mapping[str, Figure]) -> dict[str, Any]:
    return {name: {key: round(value, 3) for key, value in asdict(figure).items()} for name, figure in found.items()}

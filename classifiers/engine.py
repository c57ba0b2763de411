"""The engine: lexicons and patterns over a model. It turns probabilities into a verdict, and says why."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from classifiers import lexicon, places, unsolved
from classifiers.base import Band, Context, Scored, Urgency, Verdict
from classifiers.gazetteer import EMPTY
from classifiers.model import CALIBRATION_FILE, ENCODER_FILE, Calibration, Model, Scores
from classifiers.ngrams import HEADS
from classifiers.patterns import Hit
from classifiers.reasons import PROOFS, ReasonCode
from classifiers.text import Text, read
from models.vocabulary import Breach, Feeling, Group311, Intention, Language, Reason

Floats = npt.NDArray[np.floating[Any]]

WORDS_TO_TELL_LANGUAGE = 4
_PAGE_PRIOR = 20.0
"""Odds given to the page's language (French) before reading: franglais or a place name must not flip it."""

_LANGUAGE_CHARACTERS = 2_000
_LATIN_ENDS = 0x250
_WORDS_SHOWN = 3
_WINDOW = 100
"""Tokens that are read together once more in a longer text; an encoder reads little more at once."""
_SURELY = 0.5
_WINDOWS = 8
"""Windows of one text at most: the first and the last of it, which bounds what its length costs."""
_SHOWN_BREACH = 0.5
AGREES_AT = 0.25
"""A model agrees with a word of a lexicon from this probability of its own on. Neither is a proof alone: the word is
often innocent, and the model often learned the word."""

_SPAM_ALONE_AT = 0.86
"""One mark of an advertisement is in many a question: two kinds are wanted (price, telephone, link, phrase), or one
in a text of which the model is this sure (precision .95 on held-out rows) and which is not about the city."""

_PROVABLE = (Breach.HATE, Breach.INSULT, Breach.SPAM, Breach.VULGAR)
_AIMED = frozenset({Breach.INSULT, Breach.VULGAR})
"""Breaches that the netiquette forbids only when they are aimed at somebody."""

_ASKED_AT = 0.6
"""The probability given to what an opening of a question or an ironic turn says: judged, not measured."""

_LANGUAGES: Mapping[str, Language] = {"fr": Language.FRENCH, "en": Language.ENGLISH}


@cache
def _language_identifier() -> Any:
    # Loaded at the first text long enough, not with the engine: it takes longer than everything else together.
    from py3langid import langid  # noqa: PLC0415

    identifier = langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
    identifier.set_languages(["fr", "en", "es", "ar", "ht"])
    return identifier


def _foreign_letters(text: Text) -> bool:
    """Whether most letters are of a script in which neither French nor English is written."""
    letters = [ord(character) for character in text.original[:_LANGUAGE_CHARACTERS] if character.isalpha()]
    return sum(code >= _LATIN_ENDS and not 0x1E00 <= code < 0x1F00 for code in letters) > len(letters) / 2


def _language(text: Text, context: Context) -> Scored[Language]:
    if _foreign_letters(text):
        return Scored(Language.OTHER, 0.99)
    if text.words < WORDS_TO_TELL_LANGUAGE:
        return Scored(context.default_language, 0.5)
    # Marks and links are no language, and their Latin letters would pass for one.
    plain = re.sub(r"https?://\S+|@\w+|[^\w\s'’-]", " ", text.original[:_LANGUAGE_CHARACTERS])
    odds: dict[Language, float] = dict.fromkeys(Language, 0.0)
    for code, probability in _language_identifier().rank(plain.encode("utf-8", "replace").decode("utf-8").lower()):
        odds[_LANGUAGES.get(code, Language.OTHER)] += float(probability)
    odds[context.default_language] *= _PAGE_PRIOR
    total = sum(odds.values())
    best = max(odds, key=lambda language: odds[language])
    return Scored(best, odds[best] / total if total else 0.5)


def language_of(written: str) -> Scored[Language]:
    """The language of one text, and how sure that is; French, half sure, where there is too little to tell."""
    return _language(read(written), Context())


class Scorer(Protocol):
    """What the engine needs of a model, ours or another; a head that it has not is missing from its scores."""

    calibrations: Mapping[str, Calibration]
    version: str

    def score(self, texts: Sequence[Text]) -> list[Scores]:
        """Probabilities of each text, in order; none depends on its neighbours."""

    def weights(self, text: Text, scores: Scores, wanted: Sequence[tuple[str, str]]) -> list[Floats]:
        """How much each token of a text moved each wanted (head, label)."""


class Engine:
    """Lexicon over a model. Rules raise a probability and never lower one; urgency 2 is rules or model."""

    def __init__(self, model: Scorer) -> None:
        self._model = model

    @property
    def version(self) -> str:
        return self._model.version

    def classify(self, texts: Sequence[str], context: Context) -> list[Verdict]:
        readings = [read(text) for text in texts]
        return [
            self._verdict(text, scores, context) for text, scores in zip(readings, self._scores(readings), strict=True)
        ]

    def _scores(self, readings: Sequence[Text]) -> list[Scores]:
        """Scores of each text; breaches and urgency are the worst of its readings: see `_other_readings`."""
        others = [(row, other) for row, text in enumerate(readings) for other in _other_readings(text)]
        scores = self._model.score([*readings, *(other for _, other in others)])
        for (row, _), other in zip(others, scores[len(readings) :], strict=True):
            scores[row] = replace(scores[row], probabilities=_worse(scores[row].probabilities, other.probabilities))
        return scores[: len(readings)]

    def _verdict(self, text: Text, scores: Scores, context: Context) -> Verdict:
        language = _language(text, context)
        found = lexicon.hits(text, context.contacts)
        breaches = self._breaches(text, scores, found)
        intention = self._intention(text, scores, found)
        group = self._best(text, scores, "groupe", Group311)
        urgency = self._urgency(text, scores, found)
        reasons = [_reason(hit) for hit in found]
        if text.words < WORDS_TO_TELL_LANGUAGE:
            reasons.append(Reason(ReasonCode.LANGUAGE_DEFAULT))
        if context.reasons:
            wanted = [(head, said.label) for head, said in (("intention", intention), ("groupe", group)) if said]
            wanted += [("netiquette", breach) for breach, score in breaches.items() if score >= _SHOWN_BREACH]
            wanted += [("urgence", str(urgency.level))] if urgency.level else []
            reasons.extend(self._words(text, scores, [pair for pair in wanted if pair[0] in scores.probabilities]))
        hideable = frozenset(self._hideable(text, scores, found))
        place = places.find(text, context.gazetteer or EMPTY)
        toxic = scores.probabilities.get("toxicite") if text.words else None
        return Verdict(
            language,
            intention,
            group,
            breaches,
            urgency,
            tuple(reasons),
            self.version,
            hideable,
            toxicity=None if toxic is None else float(toxic[0]),
            feeling=self._best(text, scores, "sentiment", Feeling),
            place=place,
            unsolved=unsolved.says(text),
        )

    def _breaches(self, text: Text, scores: Scores, found: Sequence[Hit]) -> dict[Breach, float]:
        modelled = scores.probabilities.get("netiquette") if text.words else None
        breaches = dict.fromkeys(Breach, 0.0)
        if modelled is not None:
            breaches |= {Breach(name): float(p) for name, p in zip(HEADS["netiquette"], modelled, strict=True)}
        for hit in found:
            if hit.breach is not None:
                breaches[hit.breach] = max(breaches[hit.breach], hit.score)
        return breaches

    def _hideable(self, text: Text, scores: Scores, found: Sequence[Hit]) -> Iterator[Breach]:
        if any(hit.breach is Breach.PERSONAL_INFORMATION and hit.code in PROOFS[hit.breach] for hit in found):
            yield Breach.PERSONAL_INFORMATION
        modelled = scores.probabilities.get("netiquette")
        if modelled is None or not text.words:
            return
        kinds = {breach: {hit.code for hit in found} & PROOFS[breach] for breach in Breach}
        likely = dict(zip(map(Breach, HEADS["netiquette"]), modelled, strict=True))
        agreed = [breach for breach in _PROVABLE if kinds[breach] and likely[breach] >= AGREES_AT]
        city, somebody = lexicon.about(text) if agreed else (False, False)
        for breach in agreed:
            alone = len(kinds[breach]) == 1
            if breach in _AIMED and (city or not somebody):
                continue
            if breach is Breach.SPAM and alone and (city or likely[breach] < _SPAM_ALONE_AT):
                continue
            yield breach

    def _intention(self, text: Text, scores: Scores, found: Sequence[Hit]) -> Scored[Intention] | None:
        """What the model says; a question without its mark and praise that blames are known by their words."""
        best: Scored[Intention] | None = self._best(text, scores, "intention", Intention)
        said = {hit.code for hit in found}
        unsure = best is None or best.label is Intention.OFF_TOPIC
        praised = best is not None and best.label is Intention.PRAISE
        harsh = bool(said & (PROOFS[Breach.INSULT] | PROOFS[Breach.VULGAR]))
        if ((unsure or praised) and ReasonCode.LEXICON_IRONY in said) or (unsure and harsh and lexicon.about(text)[0]):
            # Praise that blames, and harsh words about the city, are criticism of it.
            return Scored(Intention.DISSATISFACTION, _ASKED_AT, Band.LOW)
        if unsure and ReasonCode.LEXICON_QUESTION in said:
            return Scored(Intention.QUESTION, _ASKED_AT, Band.LOW)
        return best

    def _best(self, text: Text, scores: Scores, head: str, kind: type[Any]) -> Scored[Any] | None:
        """The likeliest label, or None when there is no word to read or the model is not sure enough."""
        probabilities = scores.probabilities.get(head)
        if probabilities is None or not text.words:
            return None
        best = int(probabilities.argmax())
        score, calibration = float(probabilities[best]), self._model.calibrations[head]
        if score < calibration.threshold:
            return None
        medium, high = calibration.bands
        band = Band.HIGH if score >= high else Band.MEDIUM if score >= medium else Band.LOW
        return Scored(kind(HEADS[head][best]), score, band)

    def _urgency(self, text: Text, scores: Scores, found: Sequence[Hit]) -> Urgency:
        """Level 2 when a rule says so or the model passes its threshold; level 1 likewise, at its own."""
        modelled = scores.probabilities.get("urgence") if text.words else None
        none, same_day, immediate = (1.0, 0.0, 0.0) if modelled is None else (float(p) for p in modelled)
        ruled = max((hit.score for hit in found if hit.level == 2), default=0.0)
        calibration = self._model.calibrations.get("urgence")
        if any(hit.code is ReasonCode.LEXICON_CALM for hit in found):
            calibration = None
        if ruled or (calibration and immediate >= calibration.threshold and not lexicon.retold(text)):
            return Urgency(2, max(ruled, immediate))
        ruled = max((hit.score for hit in found if hit.level == 1), default=0.0)
        if ruled or (calibration and same_day + immediate >= calibration.same_day):
            return Urgency(1, max(ruled, same_day + immediate))
        return Urgency(0, none)

    def _words(self, text: Text, scores: Scores, wanted: Sequence[tuple[str, str]]) -> Iterator[Reason]:
        """The words that moved each wanted logit up the most."""
        words = [index for index, token in enumerate(text.tokens) if token.is_word]
        for (head, label), weights in zip(wanted, self._model.weights(text, scores, wanted), strict=True):
            for index in sorted(words, key=lambda index: -weights[index])[:_WORDS_SHOWN]:
                if weights[index] > 0:
                    token, params = text.tokens[index], {"head": head, "label": str(label)}
                    yield Reason(ReasonCode.WORD_WEIGHT, params, token.start, token.end, float(weights[index]))


def _other_readings(text: Text) -> Iterator[Text]:
    """A text that hides letters, plainly written; one that is long, in windows: its end may hold what matters."""
    if any(token.variants for token in text.tokens):
        yield read("".join(text.pieces[:_WINDOW]))
    if len(text.tokens) > _WINDOW:
        starts = range(0, len(text.tokens), _WINDOW)
        chosen = [*starts[: _WINDOWS // 2], *starts[max(len(starts) - _WINDOWS // 2, _WINDOWS // 2) :]]
        for start in chosen:
            tokens = text.tokens[start : start + _WINDOW]
            yield read(text.original[tokens[0].start : tokens[-1].end])


def _worse(one: Mapping[str, Floats], other: Mapping[str, Floats]) -> Mapping[str, Floats]:
    """Of two readings of one text: the likelier of each breach, and the more urgent; all else as the first says."""
    worse = dict(one)
    for head in ("netiquette", "toxicite"):
        if head in one:
            worse[head] = np.maximum(one[head], other[head])
    # Of many windows one would often be a little urgent: only one that is surely so counts.
    if "urgence" in one and other["urgence"][2] >= max(one["urgence"][2], _SURELY):
        worse["urgence"] = other["urgence"]
    return worse


def _reason(hit: Hit) -> Reason:
    return Reason(hit.code, {"kind": hit.kind} if hit.kind else {}, hit.start, hit.end, hit.score)


def ours(folder: Path) -> Model:
    """The model of a folder; without an encoder in it, the n-gram branch alone."""
    if not (folder / ENCODER_FILE).exists():
        return Model.load(folder, None)
    # The libraries behind it are loaded with it alone: most commands never read a text.
    from classifiers.onnx import OnnxEncoder  # noqa: PLC0415

    return Model.load(folder, OnnxEncoder(folder))


def load(model: str | Path | None = None) -> Engine:
    """The engine with the model that ships, or with another one.

    `model`: a folder made by `parvis train`; or what `classifiers.hub.described` understands, which needs torch.
    FileNotFoundError: no such file. ValueError, KeyError or BadZipFile: not a model. Refused: torch is missing, or
    the map of labels does not fit.
    """
    if not model:
        with resources.as_file(resources.files("classifiers").joinpath("weights")) as shipped:
            return Engine(ours(shipped))
    if (Path(model) / CALIBRATION_FILE).exists():
        return Engine(ours(Path(model)))
    # `transformers` is slow to import, and only its models need this file.
    from classifiers.hub import HubModel  # noqa: PLC0415

    return Engine(HubModel(str(model)))

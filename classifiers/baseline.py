"""The baseline engine: lexicons and patterns over linear heads. It runs on numpy alone, and says why."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from classifiers import lexicon
from classifiers.base import Context, Scored, Urgency, Verdict
from classifiers.linear import LinearModel, Scores, position
from classifiers.patterns import Hit
from classifiers.reasons import ReasonCode
from classifiers.text import Text, read
from models.vocabulary import Breach, Group311, Intention, Language, Reason

WORDS_TO_TELL_LANGUAGE = 4
_PAGE_PRIOR = 20.0
"""Odds given to the page's language (French) before reading: franglais or a place name must not flip it."""

_LANGUAGE_CHARACTERS = 2_000
_WORDS_SHOWN = 3
_SHOWN_BREACH = 0.5

_LANGUAGES: Mapping[str, Language] = {"fr": Language.FRENCH, "en": Language.ENGLISH}


@cache
def _language_identifier() -> Any:
    # Loaded at the first text long enough, not with the engine: it takes longer than everything else together.
    from py3langid import langid  # noqa: PLC0415

    identifier = langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
    identifier.set_languages(["fr", "en", "es", "ar", "ht"])
    return identifier


def _language(text: Text, context: Context) -> Scored[Language]:
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


_SURE_OF_DANGER = 0.5
"""From here on the model alone opens the danger lane; below, one comment in ten would be in it for nothing."""


class Baseline:
    """Lexicon over linear. Rules raise a probability and never lower one; urgency 2 is rules or model."""

    def __init__(self, model: LinearModel) -> None:
        self._model = model

    @property
    def version(self) -> str:
        return self._model.version

    def classify(self, texts: Sequence[str], context: Context) -> list[Verdict]:
        return [self._verdict(read(text), context) for text in texts]

    def _verdict(self, text: Text, context: Context) -> Verdict:
        language = _language(text, context)
        found = lexicon.hits(text)
        scores = self._model.score(text)
        breaches = self._breaches(text, scores, found)
        intention = self._best(text, scores, "intention", Intention)
        group = self._best(text, scores, "groupe", Group311)
        urgency = self._urgency(text, scores, found)
        reasons = [_reason(hit) for hit in found]
        if text.words < WORDS_TO_TELL_LANGUAGE:
            reasons.append(Reason(ReasonCode.LANGUAGE_DEFAULT))
        if intention:
            reasons.extend(_words(text, scores, "intention", intention.label))
        if group:
            reasons.extend(_words(text, scores, "groupe", group.label))
        for breach, score in breaches.items():
            if score >= _SHOWN_BREACH:
                reasons.extend(_words(text, scores, "netiquette", breach))
        if urgency.level:
            reasons.extend(_words(text, scores, "urgence", str(urgency.level)))
        return Verdict(language, intention, group, breaches, urgency, tuple(reasons), self.version)

    def _breaches(self, text: Text, scores: Scores, found: Sequence[Hit]) -> dict[Breach, float]:
        modelled = scores.probabilities["netiquette"] if text.words else np.zeros(len(Breach))
        breaches = {breach: float(modelled[position("netiquette", breach)]) for breach in Breach}
        for hit in found:
            if hit.breach is not None:
                breaches[hit.breach] = max(breaches[hit.breach], hit.score)
        return breaches

    def _best(self, text: Text, scores: Scores, head: str, kind: type[Any]) -> Scored[Any] | None:
        """The likeliest label, or None when there is no word to read or the model is not sure enough."""
        probabilities = scores.probabilities[head]
        best = int(probabilities.argmax())
        if not text.words or probabilities[best] < self._model.heads[head].threshold:
            return None
        return Scored(kind(self._model.heads[head].labels[best]), float(probabilities[best]))

    def _urgency(self, text: Text, scores: Scores, found: Sequence[Hit]) -> Urgency:
        """Level 2 when a rule says so or the model is more sure than not.

        Level 1 when the model only cannot rule danger out (its recall-first threshold): that comment is read before
        the others, without drowning the danger lane.
        """
        none, same_day, immediate = (float(p) for p in scores.probabilities["urgence"])
        if not text.words:
            none, same_day, immediate = 1.0, 0.0, 0.0
        immediate = max([immediate, *(hit.score for hit in found if hit.level == 2)])
        if immediate >= _SURE_OF_DANGER:
            return Urgency(2, immediate)
        same_day = max([same_day, *(hit.score for hit in found if hit.level == 1)])
        if same_day >= 0.5 or immediate >= self._model.heads["urgence"].threshold:
            return Urgency(1, max(same_day, immediate))
        return Urgency(0, none)


def _reason(hit: Hit) -> Reason:
    return Reason(hit.code, {"kind": hit.kind} if hit.kind else {}, hit.start, hit.end, hit.score)


def _words(text: Text, scores: Scores, head: str, label: str) -> Iterator[Reason]:
    """The words that moved a label's logit up the most."""
    weights = scores.contributions(head, position(head, label))
    ranked = sorted((i for i, token in enumerate(text.tokens) if token.is_word), key=lambda i: -weights[i])
    for index in ranked[:_WORDS_SHOWN]:
        if weights[index] > 0:
            token = text.tokens[index]
            params = {"head": head, "label": label}
            yield Reason(ReasonCode.WORD_WEIGHT, params, token.start, token.end, float(weights[index]))


def load(path: Path | None = None) -> Baseline:
    """The engine with the weights that ship in the package, or others."""
    if path is not None:
        return Baseline(LinearModel.load(path))
    with resources.as_file(resources.files("classifiers").joinpath("weights/linear.npz")) as shipped:
        return Baseline(LinearModel.load(shipped))

"""Nothing innocent is ever proposed for hiding because of a word; and the cases that were wrong once stay right."""

from __future__ import annotations

import csv
from collections import Counter
from importlib import resources
from pathlib import Path

import pytest

from classifiers.base import Context, Verdict
from classifiers.engine import Engine
from classifiers.reasons import ReasonCode
from models.vocabulary import Breach, DecisionKind
from moderation.triage.suggestion import Facts, suggest

HERE = Path(__file__).parent / "everyday"
SENTENCES = list(csv.DictReader((HERE / "sentences.csv").read_text("utf-8").splitlines()))
CASES = list(csv.DictReader((HERE / "cases.psv").read_text("utf-8").splitlines(), delimiter="|"))
LEXICONS = sorted(
    file.name.removesuffix(".txt") for file in resources.files("classifiers").joinpath("lexicons").iterdir()
)

FRAMES = (
    "Le mot « {} » est-il permis sur votre page?",
    "On m'a crié « {} » au comptoir de la bibliothèque hier matin.",
    "Quelqu'un a écrit « {} » sur le mur du parc, pouvez-vous l'effacer?",
    "Mon fils demande ce que veut dire « {} », il l'a lu dans un livre.",
    "Dans la pièce de théâtre de samedi, un personnage dit « {} » et la salle rit.",
)


def entries(lexicon: str) -> list[str]:
    """The phrases of a lexicon as somebody would write them: a gap holds one small word, a stem stands alone."""
    lines = resources.files("classifiers").joinpath(f"lexicons/{lexicon}.txt").read_text("utf-8").splitlines()
    return [line.replace("..", "bien").replace("*", "") for line in lines if line and not line.startswith("#")]


def hidden(verdict: Verdict) -> bool:
    proposed = suggest(Facts(verdict))
    return proposed is not None and proposed.kind == DecisionKind.HIDE


@pytest.mark.parametrize("lexicon", LEXICONS)
def test_no_entry_quoted_or_asked_about_is_proposed_for_hiding(engine: Engine, lexicon: str) -> None:
    texts = [frame.format(entry) for entry in entries(lexicon) for frame in FRAMES]
    verdicts = engine.classify(texts, Context(reasons=False))
    assert [text for text, verdict in zip(texts, verdicts, strict=True) if hidden(verdict)] == []


def test_no_everyday_sentence_is_proposed_for_hiding(engine: Engine) -> None:
    assert min(Counter(row["word"] for row in SENTENCES).values()) >= 5
    texts = [row["text"] for row in SENTENCES]
    verdicts = engine.classify(texts, Context(reasons=False))
    assert [text for text, verdict in zip(texts, verdicts, strict=True) if hidden(verdict)] == []
    alarms = {ReasonCode.LEXICON_DANGER, ReasonCode.LEXICON_DISTRESS, ReasonCode.LEXICON_THREAT}
    raised = [text for text, verdict in zip(texts, verdicts, strict=True) if alarms & {r.code for r in verdict.reasons}]
    assert raised == []


def holds(expected: str, verdict: Verdict) -> bool:
    match expected.partition(":"):
        case ("hide", _, _):
            return hidden(verdict)
        case ("nohide", _, _):
            return not hidden(verdict)
        case ("urg0" | "urg2" as level, _, _):
            return verdict.urgency.level == int(level[-1])
        case ("urg1+", _, _):
            return verdict.urgency.level >= 1
        case ("rp", _, _):
            return verdict.breaches[Breach.PERSONAL_INFORMATION] >= 0.5
        case ("threat", _, _):
            return verdict.breaches[Breach.THREAT] >= 0.5
        case ("int", _, label):
            return verdict.intention is not None and verdict.intention.label == label
        case ("lang", _, label):
            return verdict.language.label == label
    raise ValueError(expected)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["text"][:40])
def test_what_people_really_write_is_understood(engine: Engine, case: dict[str, str]) -> None:
    (verdict,) = engine.classify([case["text"]], Context())
    assert [expected for expected in case["expect"].split(",") if not holds(expected, verdict)] == []

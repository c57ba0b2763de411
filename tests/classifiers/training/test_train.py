"""Training on a tiny set: what it learns, what it writes, and that more rows change it."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from classifiers.base import Context
from classifiers.engine import load
from classifiers.ngrams import HEADS
from classifiers.training import evaluate, train
from classifiers.training.parts import Part, public, written
from classifiers.training.sources import DECIDED, Row
from models.vocabulary import Breach, Intention

FORMS = {
    "eloge": "Merci {}, beau travail pour {}",
    "question": "Est-ce que {} ouvre bientôt, à quelle heure pour {}?",
    "plainte": "Honte à {}, encore un échec pour {}",
}
FEELINGS = {"eloge": "positif", "question": "neutre", "plainte": "negatif"}
NAMES = [first + second for first, second in product("abcdefgh", repeat=2)]
THINGS = ["la piscine", "le parc", "la rue", "le service", "la patinoire", "le bac", "la biblio", "le camp"]


def rows() -> list[Row]:
    found = []
    for intention, form in FORMS.items():
        for number, thing in enumerate(THINGS):
            broken = intention == "plainte" and number % 2 == 0
            text = form.format(thing, THINGS[number - 1]) + (" espèce de nono" if broken else "")
            known = {breach: broken and breach == Breach.INSULT for breach in Breach}
            group = "parcs" if number % 2 else "loisirs"
            urgency = "2" if number == 3 else "1" if number == 5 else "0"
            found.append(
                Row(text, "corpus", f"a-{10 + number}", known, intention, group, urgency, broken, FEELINGS[intention])
            )
    return found


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "corpus", rows)
    monkeypatch.setattr(evaluate, "RESAMPLES", 10)


def test_an_author_is_whole_on_one_side_and_what_judges_is_read_by_nobody() -> None:
    # Rows of enough authors for both parts; a public text stands with its copies, however they are spelled.
    authors = [replace(row, group=f"a-{number}") for number, row in enumerate(rows() * 4)]
    given = train.lines(authors)
    assert 0 < given.calibrating.sum() < len(given.rows) / 2
    assert {row.part for row in given.rows} == {Part.TRAIN, Part.CALIBRATION}
    assert [written(row.group) is Part.CALIBRATION for row in given.rows] == given.calibrating.tolist()
    texts = [f"Merci pour le parc {name}" for name in NAMES]
    parts = [public(text) for text in texts]
    assert set(parts) == set(Part)
    assert [public(text.upper()) for text in texts] == parts
    kept = train.lines([Row(text, "mlma_fr", "g") for text in texts])
    assert len(kept.rows) == sum(part is not Part.HELD_OUT for part in parts)


def test_what_a_city_decided_is_never_put_aside() -> None:
    texts = [f"Le souffleur du rang {name}" for name in NAMES]
    assert Part.HELD_OUT in {public(text) for text in texts}
    assert Part.HELD_OUT not in {Row(text, DECIDED, "d").part for text in texts}


def test_what_a_row_does_not_tell_is_not_learned_from() -> None:
    given = train.lines([Row("Salut", "mlma_fr", "g", {Breach.HATE: True})])
    assert np.isnan(given.truth).sum() == given.truth.size - 1


@pytest.mark.usefixtures("tiny")
def test_a_tiny_set_makes_a_model_and_more_rows_make_another(tmp_path: Path) -> None:
    train.train(None, tmp_path / "first")
    engine = load(tmp_path / "first")
    said = engine.classify(["Merci le parc, beau travail pour la rue"], Context())[0]
    assert said.model == train.VERSION
    before = engine._model.score([train.read("Le souffleur du rang")])[0].probabilities["intention"]
    corrected = [
        Row(f"Le souffleur du rang {number}", DECIDED, f"d-{number}", intention=Intention.QUESTION)
        for number in range(12)
    ]
    card = train.train(None, tmp_path / "second", rows=corrected)
    after = load(tmp_path / "second")._model.score([train.read("Le souffleur du rang")])[0].probabilities["intention"]
    place = list(Intention).index(Intention.QUESTION)
    assert after[place] > before[place]
    assert card["sources"] == {"corpus": 24, "decisions": 12}
    assert set(card["calibrating"]) == set(HEADS)


@pytest.mark.usefixtures("tiny")
def test_the_same_rows_make_the_same_model(tmp_path: Path) -> None:
    for name in ("one", "other"):
        train.train(None, tmp_path / name)
    files = [(tmp_path / name / "calibration.json").read_text() for name in ("one", "other")]
    assert files[0] == files[1]
    branches = [np.load(tmp_path / name / "ngrams.npz") for name in ("one", "other")]
    assert all((branches[0][key] == branches[1][key]).all() for key in branches[0].files)

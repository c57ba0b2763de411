"""Training on a tiny set: what it learns, what it writes, and that more rows change it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from classifiers.base import Context
from classifiers.engine import load
from classifiers.training import evaluate, train
from classifiers.training.sources import Row
from models.vocabulary import Breach, Intention

FORMS = {
    "eloge": "Merci {}, beau travail pour {}",
    "question": "Est-ce que {} ouvre bientôt, à quelle heure pour {}?",
    "plainte": "Honte à {}, encore un échec pour {}",
}
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
            found.append(Row(text, "corpus", f"a-{number}", known, intention, group, urgency))
    return found


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "corpus", rows)
    monkeypatch.setattr(evaluate, "RESAMPLES", 10)


def test_no_author_is_on_both_sides_of_a_split_and_every_fold_has_its_share() -> None:
    given = train.lines(rows())
    for author in {row.group for row in given.rows}:
        assert len({fold for fold, row in zip(given.fold, given.rows, strict=True) if row.group == author}) == 1
    assert np.bincount(given.fold).min() >= len(given.rows) // 3 - 3


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
        Row(f"Le souffleur du rang {number}", "decisions", f"d-{number}", intention=Intention.QUESTION)
        for number in range(6)
    ]
    card = train.train(None, tmp_path / "second", rows=corrected)
    after = load(tmp_path / "second")._model.score([train.read("Le souffleur du rang")])[0].probabilities["intention"]
    place = list(Intention).index(Intention.QUESTION)
    assert after[place] > before[place]
    assert card["sources"] == {"corpus": 24, "decisions": 6}
    assert set(card["held_out"]) == {"intention", "groupe", "netiquette", "urgence"}


@pytest.mark.usefixtures("tiny")
def test_the_same_rows_make_the_same_model(tmp_path: Path) -> None:
    for name in ("one", "other"):
        train.train(None, tmp_path / name)
    files = [(tmp_path / name / "calibration.json").read_text() for name in ("one", "other")]
    assert files[0] == files[1]
    branches = [np.load(tmp_path / name / "ngrams.npz") for name in ("one", "other")]
    assert all((branches[0][key] == branches[1][key]).all() for key in branches[0].files)

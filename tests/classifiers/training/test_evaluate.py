from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from classifiers.engine import Engine
from classifiers.training.evaluate import Figure, auc, calibration_error, evaluate, macro_f1
from models.errors import Refused


def test_auc_counts_ties_half() -> None:
    assert auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.4])) == 1.0
    assert auc(np.array([0, 1]), np.array([0.5, 0.5])) == 0.5
    assert np.isnan(auc(np.array([1, 1]), np.array([0.5, 0.6])))


def test_macro_f1_and_calibration_error() -> None:
    assert macro_f1(np.array(["a", "b"]), np.array(["a", "?"])) == 0.5
    assert calibration_error(np.array([1, 1]), np.array([1.0, 1.0])) == 0.0
    assert calibration_error(np.array([0, 1]), np.array([0.9, 0.9])) == pytest.approx(0.4)


def test_figures_of_a_small_file(tmp_path: Path, engine: Engine) -> None:
    file = tmp_path / "insulte.csv"
    file.write_text("text,label\nToi connard,1\nMerci beaucoup,0\nespèce d'imbécile,1\nBelle journée,0\n", "utf-8")
    figures = evaluate(file, "insulte", engine)
    assert figures["n"] == 4
    assert figures["auc"] == Figure(1.0, 1.0, 1.0)
    file.write_text('text,label\n"Criss que c\'est beau, merci!",eloge\nMerci!,eloge\nBravo!,plainte\n', "utf-8")
    right = evaluate(file, "intention", engine)["accuracy"]
    assert isinstance(right, Figure)
    assert right.value == pytest.approx(2 / 3)
    assert right.low <= right.value <= right.high


@pytest.mark.parametrize(
    ("content", "task", "code"),
    [
        ("text,label\na,1\n", "autre_chose", "evaluation_task"),
        ("texte,label\na,1\n", "insulte", "evaluation_columns"),
        ("text,label\n", "insulte", "evaluation_empty"),
        ("text,label\na,oui\n", "insulte", "evaluation_labels"),
    ],
)
def test_a_bad_file_is_refused_by_name(tmp_path: Path, engine: Engine, content: str, task: str, code: str) -> None:
    file = tmp_path / "x.csv"
    file.write_text(content, "utf-8")
    with pytest.raises(Refused) as refused:
        evaluate(file, task, engine)
    assert refused.value.code == code

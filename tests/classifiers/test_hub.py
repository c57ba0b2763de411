"""Models of others: how their labels become ours, and what is said where torch is not."""

from __future__ import annotations

import sys

import pytest

from classifiers.engine import load
from classifiers.hub import described, label_map
from models.errors import Refused

THEIRS = ["toxic", "clean", "threat"]


def test_their_labels_become_ours_by_the_file(tmp_path) -> None:
    file = tmp_path / "toxicity.toml"
    file.write_text('model = "somebody/a-model"\n[netiquette]\ninsulte = "toxic"\nmenace = "threat"\n')
    name, tables = described(str(file))
    assert name == "somebody/a-model"
    assert label_map(tables, THEIRS) == {"netiquette": [0, None, 2, None, None, None]}


def test_labels_named_as_ours_need_no_file() -> None:
    assert described("somebody/a-model") == ("somebody/a-model", {})
    assert label_map({}, ["question", "eloge"]) == {"intention": [None, 1 - 1, None, None, 1, None]}


@pytest.mark.parametrize(
    ("tables", "code"),
    [
        ({"humeur": {"gai": "toxic"}}, "humeur"),
        ({"netiquette": {"grossier": "toxic"}}, "netiquette.grossier"),
        ({"netiquette": {"insulte": "rude"}}, "rude"),
        ({}, "toxic, clean, threat"),
    ],
)
def test_a_label_that_nobody_knows_is_refused_by_its_name(tables, code) -> None:
    with pytest.raises(Refused) as refused:
        label_map(tables, THEIRS)
    assert (refused.value.code, refused.value.params["labels"]) == ("model_labels", code)


def test_a_file_that_names_no_model_is_refused(tmp_path) -> None:
    (tmp_path / "x.toml").write_text("[netiquette]\n")
    with pytest.raises(Refused) as refused:
        described(str(tmp_path / "x.toml"))
    assert refused.value.code == "model_unnamed"


def test_without_torch_the_refusal_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(Refused) as refused:
        load("somebody/a-model")
    assert refused.value.code == "torch_missing"
    assert refused.value.params == {"model": "somebody/a-model", "extra": "torch"}

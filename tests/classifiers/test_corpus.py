from __future__ import annotations

import json
from importlib import resources

from classifiers.linear import HEADS
from classifiers.sources import corpus
from models.vocabulary import Breach, Group311, Intention


def test_every_label_of_the_corpus_is_in_the_vocabulary_and_every_label_has_rows() -> None:
    rows = corpus()
    assert len(rows) >= 900
    assert {row.intention for row in rows} == set(Intention)
    assert {row.groupe for row in rows} == set(Group311)
    assert {row.urgence for row in rows} == {"0", "1", "2"}
    assert {breach for row in rows for breach, broken in row.netiquette.items() if broken} == set(Breach)


def test_no_text_of_the_corpus_is_there_twice() -> None:
    texts = [row.text for row in corpus()]
    assert len(texts) == len(set(texts))


def test_the_card_speaks_of_the_weights_that_ship() -> None:
    folder = resources.files("classifiers").joinpath("weights")
    card = json.loads(folder.joinpath("card.json").read_text("utf-8"))
    assert set(card["held_out"]) == set(HEADS)
    assert card["sources"]["corpus"] == len(corpus())
    assert len(folder.joinpath("linear.npz").read_bytes()) <= 8_000_000

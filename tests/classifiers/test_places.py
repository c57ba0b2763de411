"""Places in comments, and what is hostile.

Two sets, each written and labelled by somebody who had not seen the code, and committed before it was read: on
`comments.jsonl` the first code had a precision of .902 and a recall of .822; what was learned there gave .971 and .800
on `second.jsonl`. Both have been learned from since, so what the test asks of them is no figure of new comments.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.gazetteer import Entry, Gazetteer
from classifiers.places import Place, find
from models.vocabulary import PlaceKind

HERE = Path(__file__).parent / "places"
FILES = ("comments.jsonl", "second.jsonl")
KINDS = {
    "address": PlaceKind.ADDRESS,
    "intersection": PlaceKind.INTERSECTION,
    "street": PlaceKind.STREET,
    "park": PlaceKind.PARK,
    "building": PlaceKind.BUILDING,
}


@pytest.fixture(scope="module")
def gazetteer():
    with (HERE / "gazetteer.csv").open(encoding="utf-8", newline="") as lines:
        return Gazetteer(
            tuple(Entry(KINDS[row["kind"]], row["name"], row["borough"] or None) for row in csv.DictReader(lines))
        )


def plain(name: str) -> str:
    """The open data writes some streets twice: « Pie-IX » and « Pie IX », « de Bellechasse » and « Bellechasse »."""
    return " ".join(
        word for word in name.casefold().replace("-", " ").split() if word not in {"de", "la", "du"}
    ).replace("d’", "")


def right(found: Place, said: dict) -> bool:
    """The same names (or, where the gazetteer has none, the same words) and civic number."""
    if found.number != said["number"]:
        return False
    if said["names"]:
        return set(map(plain, found.names)) == set(map(plain, said["names"]))
    return found.text.casefold() == said["text"].casefold()


def test_places_are_found_and_nothing_else_is_taken_for_one(gazetteer):
    written = [line for file in FILES for line in (HERE / file).read_text(encoding="utf-8").splitlines()]
    lines = [json.loads(line) for line in written]
    assert len(lines) >= 500
    found = [(line, find(line["text"], gazetteer)) for line in lines]
    said = [(line, place) for line, place in found if place is not None]
    well = [line for line, place in said if line["place"] and right(place, line["place"])]
    wrong = [(line["text"], place.names or place.text, line["place"]) for line, place in said if line not in well]
    missed = [line["text"] for line, place in found if place is None and line["place"]]
    precision, recall = len(well) / len(said), len(well) / sum(line["place"] is not None for line in lines)
    print(f"precision {precision:.3f}, recall {recall:.3f}")
    assert precision >= 0.95, wrong
    assert recall >= 0.85, missed


@pytest.mark.parametrize(
    ("text", "kind", "said", "number"),
    [
        ("Gros trou au 455, rue Rachel Est", PlaceKind.ADDRESS, "455, rue Rachel Est", "455"),
        ("y a rien devant le 5200 d’Iberville", PlaceKind.ADDRESS, "5200 d’Iberville", "5200"),
        ("coin Papineau / Rachel", PlaceKind.INTERSECTION, "Papineau / Rachel", None),
        ("Rue du Merle-Bleu. Ça rend fou", PlaceKind.STREET, "Rue du Merle-Bleu", None),
        ("le parc du Petit-Ruisseau-Vert", PlaceKind.PARK, "parc du Petit-Ruisseau-Vert", None),
    ],
)
def test_a_place_is_the_words_that_name_it(gazetteer, text, kind, said, number):
    place = find(text, gazetteer)
    assert (place.kind, place.text, place.number) == (kind, said, number)


@pytest.mark.parametrize(
    "text",
    [
        "Rachel, tu as vu ça?",
        "Merci M. Papineau",
        "La 18 Beaubien est encore en retard",
        "la rue est barrée",
        "Le 311 ne répond pas depuis 24 h",
        "Rachel et Christophe étaient là",
        "Ça vient du Centre-du-Québec",
    ],
)
def test_a_name_alone_is_no_place(gazetteer, text):
    assert find(text, gazetteer) is None


def test_without_a_gazetteer_only_a_type_and_a_capital_make_a_place():
    assert find("au 12 rue des Bolduc").text == "12 rue des Bolduc"
    assert find("au 12 rue des bolduc") is None


@given(st.text(alphabet=st.sampled_from("aé Rr.,-/’'0123456789\n€🚧et coin rue Rachel parc boul "), max_size=120))
def test_any_text_is_read_and_a_place_lies_within_it(text):
    gazetteer = Gazetteer((Entry(PlaceKind.STREET, "Rue Rachel Est"), Entry(PlaceKind.PARK, "Parc Rachel")))
    if (place := find(text, gazetteer)) is not None:
        assert 0 <= place.start < place.end <= len(text)
        assert place.text == text[place.start : place.end]

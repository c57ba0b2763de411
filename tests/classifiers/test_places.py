"""Places in comments, and what is hostile.

Four sets, each written and labelled by somebody who had not seen the code, and committed before it was read: on
`comments.jsonl` the first code had a precision of .902 and a recall of .822; what was learned there gave .971 and .800
on `second.jsonl`, and what was learned from both .843 and .801 on `third.jsonl`. These have been learned from since. On
`fourth.jsonl`, from which nothing was learned, the code had .959 and .892 as it first ran: that is the figure of new
comments.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.gazetteer import LINKS, ORIENTATIONS, STREET_TYPES, Entry, Gazetteer, words_of
from classifiers.places import Place, find
from models.vocabulary import PlaceKind

HERE = Path(__file__).parent / "places"
FILES = ("comments.jsonl", "second.jsonl", "third.jsonl", "fourth.jsonl")
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


def plain(name: str) -> tuple[str, ...]:
    """Words folded, links dropped: the open data writes some streets twice (« Pie-IX » and « Pie IX »)."""
    return tuple(word.form for word in words_of(name) if word.form not in LINKS)


def around(words: tuple[str, ...]) -> set[str]:
    """The words of a type and an orientation, each as the vocabulary has it."""
    return {STREET_TYPES.get(word, ORIENTATIONS.get(word, "")) for word in words} - {""}


def core(name: str) -> tuple[str, ...]:
    """The words of a street's name that are neither type nor orientation."""
    return tuple(word for word in plain(name) if word not in STREET_TYPES and word not in ORIENTATIONS)


def is_said(found: str, labelled: list[str], span: str, streets: Counter[str]) -> bool:
    """Whether a name is that of the label, or a part of it that lacks only a type and an orientation which the span
    lacks too and which several streets of the city share. Of several names of one street: what they share.
    """
    names = [plain(name) for name in labelled]
    if len(names) > 1:
        return plain(found) == tuple(word for word in names[0] if all(word in name for name in names))
    if plain(found) == names[0]:
        return True
    lacking = [word for word in names[0] if word not in plain(found)]
    return (
        tuple(word for word in names[0] if word in plain(found)) == plain(found)
        and all(around((word,)) and not around((word,)) & around(plain(span)) for word in lacking)
        and streets[" ".join(plain(found))] > 1
    )


def right(found: Place, said: dict, streets: Counter[str]) -> bool:
    """The names of the same streets (or, where the gazetteer has none, the same words) and civic number."""
    if found.number != said["number"]:
        return False
    if not said["names"]:
        return found.text.casefold() == said["text"].casefold()
    labelled: dict[tuple[str, ...], list[str]] = {}
    for name in said["names"]:
        labelled.setdefault(core(name), []).append(name)
    named = {core(name): name for name in found.names}
    return named.keys() == labelled.keys() and all(
        is_said(named[key], names, said["text"], streets) for key, names in labelled.items()
    )


@pytest.fixture(scope="module")
def streets(gazetteer):
    """How many streets of the city bear words, in each of the ways that a name can be shortened."""
    shorter = Counter()
    for entry in gazetteer.entries:
        words = plain(entry.name)
        ends = [words[:-1], words] if words[-1] in ORIENTATIONS else [words]
        shorter.update({" ".join(one) for end in ends for one in (end, end[1:] if end[0] in STREET_TYPES else end)})
    return shorter


@pytest.mark.parametrize("files", [*((file,) for file in FILES), FILES])
def test_places_are_found_and_nothing_else_is_taken_for_one(gazetteer, streets, files):
    written = [line for file in files for line in (HERE / file).read_text(encoding="utf-8").splitlines()]
    lines = [json.loads(line) for line in written]
    assert len(lines) >= 140
    found = [(line, find(line["text"], gazetteer)) for line in lines]
    said = [(line, place) for line, place in found if place is not None]
    well = [line for line, place in said if line["place"] and right(place, line["place"], streets)]
    wrong = [(line["text"], place.names or place.text, line["place"]) for line, place in said if line not in well]
    missed = [line["text"] for line, place in found if place is None and line["place"]]
    precision, recall = len(well) / len(said), len(well) / sum(line["place"] is not None for line in lines)
    print(f"{' + '.join(files)}: precision {precision:.3f}, recall {recall:.3f}")
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
    ("text", "names"),
    [
        ("Ça court sur Gouin", "Boulevard Gouin"),
        ("Ça court sur le boulevard Gouin Est", "Boulevard Gouin Est"),
        ("au coin de Papineau pis Masson", "Papineau / Rue Masson"),
        ("avenue Papineau", "Avenue Papineau"),
        ("trou sur Sherbrooke", "Rue Sherbrooke"),
        ("les rues Papineau et Masson", "Papineau / Rue Masson"),
        ("devant le 4848 René-Lévesque est. Une odeur", "Boulevard René-Lévesque Est"),
        ("rue st-antoine o, ça bouche", "Rue Saint-Antoine Ouest"),
        ("le boulevard Gouin est barré", "Boulevard Gouin"),
        ("le boulevard Gouin n'est pas déneigé", "Boulevard Gouin"),
        ("sur Côte St-Antoine", "Chemin de la Côte-Saint-Antoine"),
        ("flaque sur la rue Rachel à la hauteur de Fullum", "Rue Rachel Est / Rue Fullum"),
        ("Henri-Bourassa au coin de Lajeunesse", "Boulevard Henri-Bourassa / Rue Lajeunesse"),
        ("Sur Sherbrooke entre Viau et Pie-IX c'est noir", "Rue Sherbrooke"),
        ("Masson entre la 5e et la 9e avenue", "Rue Masson"),
        ("coin villeray et av. Inconnue", "Rue Villeray"),
        ("coin Inconnue et Masson", "Rue Masson"),
        ("coin Masson et Inconnue", "Rue Masson"),
        ("Saint-Denis est fermée entre Rachel et Marie-Anne", "Saint-Denis"),
        ("la rue Masson est barrée entre Fullum et Chabot", "Rue Masson"),
        ("coin Parc et Mont-Royal", "Avenue du Parc / Avenue du Mont-Royal"),
        ("angle Parc et Bernard", "Avenue du Parc / Avenue Bernard"),
        ("Je descends Saint-Denis chaque matin", "Saint-Denis"),
        ("la piste de Rachel est glacée", "Rue Rachel Est"),
        ("en plein milieu de Maurice-Duplessis", "Boulevard Maurice-Duplessis"),
        ("su henri bourassa", "Boulevard Henri-Bourassa"),
        ("Newman et Lapierre, le signal est cassé", "Boulevard Newman / Rue Lapierre"),
        ("la lumiere ontario et d'iberville", "Rue Ontario Est / Rue D’Iberville"),
        ("le sapin de la pl. Simon-Valois", "Place Simon-Valois"),
        ("gros trou chabot pis masson", "Rue Chabot / Rue Masson"),
        ("Décarie direction nord à la hauteur de Jean-Talon", "Décarie / Rue Jean-Talon"),
        ("corner of Rachel and Papineau", "Rue Rachel Est / Papineau"),
        ("un bbq au parc laurier", "Parc Sir-Wilfrid-Laurier"),
        ("le parc à chiens laurier", "Parc Sir-Wilfrid-Laurier"),
        ("la rue Masson à Rosemont", "Rue Masson"),
    ],
)
def test_a_name_is_as_precise_as_its_words(gazetteer, text, names):
    assert " / ".join(find(text, gazetteer).names) == names


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
        "Ils déneigent avant les rues. Juste ça",
        "Rue Principale à Granby",
        "la rue Sherbrooke à Magog",
        "Allez à Longueuil, leur chemin Chambly est refait",
        "Ligne orange arrêtée entre Jean-Talon et Berri",
        "J’habite à côté de Saint-Denis",
        "C’est sale sur le Plateau",
        "Cartier et Champlain, le bon vieux temps",
        "Rachel O. a raison",
        "Merci à Rachel et Bernard",
        "Le camion de Robert et Marcel bloque tout",
        "La 18 est détournée entre Papineau et Fullum",
        "Le feu de la Saint-Jean-Baptiste",
        "On peut toujours compter sur Victoria",
        "Robert et Marcel, merci d’avoir bouché le trou",
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

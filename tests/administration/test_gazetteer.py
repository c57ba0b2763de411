"""The gazetteer is read from the files that cities publish."""

from __future__ import annotations

import json

import pytest

from administration.gazetteer import read, store
from classifiers.gazetteer import Entry
from models.errors import Refused
from models.gazetteer import NamedPlace
from models.vocabulary import PlaceKind

LEVIS = (
    "ID,MUNICIPALITE,NO_CIVIQUE,ORIENTATION,NOM_VOIE,LIEN_VOIE,TYPE_VOIE,LAT,LONG\n"
    "1,25213,105,,Saint-Martin,,rue,46.7,-71.2\n"
    "2,25213,153,,Affluent,de l',rue,46.7,-71.2\n"
    "3,25213,107,Est,Saint-Martin,,rue,46.7,-71.2\n"
    "4,25213,109,,Saint-Martin,,rue,46.7,-71.2\n"
)
FEATURES = [
    {"Nom français": "Parc Monk", "rue": "Rue Galt", "Arrondissement": "Lachine"},
    {"Nom français": "Gare du Canal", "rue": "coin Galt et Monk", "Arrondissement": "Lachine"},
    {"Nom français": "Maison du Meunier", "rue": "Rue Galt", "Arrondissement": "Anjou"},
]


def test_the_addresses_of_levis_give_each_street_once(tmp_path):
    (tmp_path / "adresses.csv").write_text(LEVIS, encoding="utf-8-sig")
    assert [entry.name for entry in read(tmp_path / "adresses.csv")] == [
        "Rue Saint-Martin",
        "Rue de l’Affluent",
        "Rue Saint-Martin Est",
    ]


def test_the_points_of_interest_of_montreal_give_streets_parks_and_buildings(tmp_path):
    collection = {"type": "FeatureCollection", "features": [{"properties": one} for one in FEATURES]}
    (tmp_path / "lieux.geojson").write_text(json.dumps(collection), encoding="utf-8")
    assert read(tmp_path / "lieux.geojson") == [
        Entry(PlaceKind.STREET, "Rue Galt", None),  # Two boroughs say that it is theirs.
        Entry(PlaceKind.PARK, "Parc Monk", "Lachine"),
        Entry(PlaceKind.BUILDING, "Gare du Canal", "Lachine"),
        Entry(PlaceKind.BUILDING, "Maison du Meunier", "Anjou"),
    ]


def test_the_facilities_and_a_table_in_windows_1252_are_read_too(tmp_path):
    (tmp_path / "a.csv").write_text("NOM;TYPE;ARROND\nPiscine Schubert;Piscine;Ville-Marie\n", encoding="utf-8")
    (tmp_path / "b.csv").write_bytes("kind,name,borough\nstreet,Rue de l'Église,\n".encode("cp1252"))
    assert read(tmp_path / "a.csv") == [Entry(PlaceKind.BUILDING, "Piscine Schubert", "Ville-Marie")]
    assert read(tmp_path / "b.csv") == [Entry(PlaceKind.STREET, "Rue de l’Église", None)]


def test_what_is_damaged_in_a_file_costs_no_other_place(tmp_path):
    """Rows without a name, letters that were lost or read wrongly, a borough of any length."""
    names = ["Rue Wolfe", "Rue \0Bleue", "Rue des Ã‰rables", ["x"], 12345, None]
    properties = [None, [1], "x", *({"kind": "street", "name": name, "borough": "b\0" * 300} for name in names)]
    collection = {"features": [{"properties": one} for one in properties]}
    (tmp_path / "a.geojson").write_text(json.dumps(collection), encoding="utf-8")
    found = read(tmp_path / "a.geojson")
    assert [entry.name for entry in found if "Rue" in entry.name] == ["Rue Wolfe", "Rue des Érables"]
    assert {len(entry.borough) for entry in found} == {200}
    assert not any("\0" in entry.borough for entry in found)
    (tmp_path / "b.csv").write_bytes("kind,name\nstreet,Rue de l’Église\n".encode("utf-16"))
    assert read(tmp_path / "b.csv") == [Entry(PlaceKind.STREET, "Rue de l’Église", None)]


@pytest.mark.parametrize(
    "text",
    [
        *("", "a,b\n1,2\n", "{", '{"features": 3}', '{"features": [{"properties": {"x": 1}}]}'),
        pytest.param('{"features":' + "[" * 100_000, id="deep"),
        pytest.param("kind,name\nstreet," + "x" * 200_000 + "\n", id="long"),
    ],
)
def test_another_file_is_refused(tmp_path, text):
    (tmp_path / "x").write_text(text, encoding="utf-8")
    with pytest.raises(Refused, match="gazetteer_columns"):
        read(tmp_path / "x")


def test_the_same_file_twice_adds_nothing_twice(database):
    entries = [Entry(PlaceKind.STREET, "Rue Galt", None), Entry(PlaceKind.PARK, "Parc Monk", None)]
    with database.write() as session:
        assert store(session, entries) == 2
    with database.write() as session:
        assert store(session, [entries[0], Entry(PlaceKind.PARK, "Parc Monk", "Lachine")]) == 0
    with database.read() as session:
        assert {(row.name, row.borough) for row in session.query(NamedPlace)} == {
            ("Rue Galt", None),
            ("Parc Monk", "Lachine"),
        }

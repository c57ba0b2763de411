"""Comments are found by any form of their words and of their author's name, alike on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from administration import retention
from models.comments import Comment
from models.text import chunks, stem
from moderation.triage import queue
from moderation.triage.listing import Filter

TEXTS = {
    "a1": "Y’a-tu moyen d’arroser la patinoire? Les bacs d’encombrants du parc débordent",
    "a2": "La rivie\u0300re pre\u0300s de l\u2019ho\u0302tel de ville de\u0301borde",
    "a3": "Le marché de la Pâtisserie Noëlla vend des bœufs à Côte-des-Pins",
    "a4": "L'éclairage de l'avenue, c'est important; aujourd'hui l'eau est jaune",
    "a5": "Ste-Rive / St-Alban : collecte des matières résiduelles oubliée",
    "a6": "tiret\xadcach\xe9 et z\xe9ro\u200blargeur dans la d\xe9\xadneigeuse",
    "a7": "D\xc9NEIGEUSE \xc9POUVANTABLE RUE SAINT\u2011PAUL",
    "a8": "Les égouts refoulent au 432, boul. Champlain",
    "a9": "Merci pour l’av. Bégin et le chemin des Forts, nº 12, 1er rang; CHSLD, G6V 1A1, à 10 h 30, rte 132",
}
"""Of one author, Noé Béliveau: decomposed letters, soft hyphens, spaces without width, hyphens that do not break."""

QUERIES = {
    "a1": ["d'encombrants", "d’encombrants", "encombrants"],
    "a2": ["riviere", "rivière", "rivie\u0300re", "hotel", "l'hôtel"],
    "a3": ["marche", "noella", "boeufs", "bœuf", "Côte des Pins", "cote-des-pins"],
    "a4": ["eclairage", "aujourd’hui", "eau"],
    "a5": ["Sainte-Rive", "st alban", "matière résiduelle"],
    "a6 a7": ["déneigeuse"],
    "a6": ["largeur"],
    "a7": ["épouvantable", "epouvantable", "saint-paul", "Saint Paul"],
    "a8": ["égout", "432 Champlain"],
    "all": ["Béliveau", "noe beliveau"],
}
MORE = {
    "a1": ["D’ENCOMBRANTS", "bac", "arrosée"],
    "a2": ["HÔTEL-DE-VILLE", "hotels", "L HOTEL", "rivières"],
    "a3": ["bœufs", "BOEUF", "noëlla pâtisserie", "Cote\u00a0des\u00a0pins", "cotedespins"],
    "a4": ["l’avenue est important", "lavenue jaune", "aujourdhui", "important", "eaux"],
    "a5": ["ste rive", "SAINTE\u2011RIVE", "saint\u2011alban", "résiduel", "oubliés", "oubliées"],
    "a6": ["zerolargeur", "tiretcaché", "zéro"],
    "a7": ["RUES", "st-paul", "St. Paul"],
    "a8": ["boul champlain", "égouts 432", "boulevard Champlain", "bd. champlain", "BLVD Champlain"],
    "a9": [
        *("avenue Bégin", "ave. begin", "ch. des Forts", "CHEM. des forts", "no 12", "n° 12", "numéro 12", "route 132"),
        *("1re", "1ere rg", "1ER RANG", "C.H.S.L.D.", "c.h.s.l.d", "g6v1a1", "10h30"),
    ],
    "all": ["NOÉ", "beliveau noé", "Béliveaux"],
    "": [
        "piscine",
        "noé piscine",
        "!",
        "'",
        "l'",
        '"',
        "a5 OR a6",
        "NEAR(eau, avenue)",
        "*",
        "ea*",
        "\0",
        "\ud800",
        "🎉",
    ],
}


@pytest.fixture
def said(city):
    for name, words in TEXTS.items():
        city.store(city.seen(name, words, author_external_id="noe", author_name="Noé Béliveau"))
    city.classify()
    return city


def found(city, words: str) -> set[str]:
    with city.database.read() as session:
        page = queue.page(session, city.people["Ariane"], Filter(words=words), now=city.now)
    return {line.comment.external_id for line in page.lines}


@pytest.mark.parametrize("queries", [QUERIES, MORE], ids=["seen", "of the same kinds"])
def test_a_comment_is_found_by_any_form_of_its_words(said, queries):
    wrong = {}
    for names, wanted in queries.items():
        right = set(TEXTS) if names == "all" else set(names.split())
        wrong |= {query: seen for query in wanted if (seen := found(said, query)) != right}
    assert wrong == {}


@pytest.mark.parametrize(
    "forms",
    [
        "municipal municipale municipaux municipales",
        "nouveau nouvel nouvelle nouveaux nouvelles",
        "brisé brisée brisés brisées briser brise",
        "dangereux dangereuse dangereuses",
        "premier première premiers premières",
        "public publique publics publiques",
        "conducteur conductrice conducteurs conductrices",
        "actif active actifs actives",
        "trou trous",
        "tuyau tuyaux",
        "gros grosse grosses",
        "blanc blanche blancs",
        "long longue longs",
        "citoyen citoyenne citoyens citoyennes",
    ],
)
def test_the_forms_of_a_word_have_one_stem(forms):
    assert len({stem(word) for _, words in chunks(forms) for word in words}) == 1


def test_what_is_said_anew_is_found_and_what_was_said_is_not(said):
    said.store(
        said.seen(
            "a1",
            "La piscine est fermée",
            source="edit",
            author_external_id="noe",
            author_name="Noé Béliveau",
            seen_at=said.now,
            said_at=said.now,
        )
    )
    said.store(said.seen("b1", "Merci", author_external_id="noe", author_name="Noëlla Côté"))
    said.classify()
    assert found(said, "piscines") == {"a1"}
    assert found(said, "encombrants") == set()
    assert found(said, "noella cote") == {*TEXTS, "b1"}
    assert found(said, "béliveau") == set()


def test_nothing_is_found_of_what_was_disposed_of(said):
    comment = said.comment("a8")
    with said.database.write() as session:
        retention.dispose(session, [comment.id], now=said.now, person_id=None)
    with said.database.read() as session:
        assert session.get_one(Comment, comment.id).search_text is None
        if said.database.sqlite:
            check = "INSERT INTO comment_search (comment_search, rank) VALUES ('integrity-check', 1)"
            with said.database.write() as writing:
                writing.execute(text(check))
            of_index = "SELECT count(*) FROM comment_search WHERE comment_search MATCH 'egout'"
            assert session.scalar(text(of_index)) == 0

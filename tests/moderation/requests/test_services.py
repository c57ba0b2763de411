"""Which service a moderator is offered first for a 311 request."""

from __future__ import annotations

import csv
from importlib.resources import files

import pytest

from models.requests311 import Service
from models.vocabulary import Group311
from moderation.requests.escalation import likeliest, offered


@pytest.fixture(scope="module")
def services() -> list[Service]:
    with (files("administration.seeds") / "services.csv").open(encoding="utf-8") as lines:
        return [
            Service(
                **{name: row[name] for name in ("code", "name", "name_en", "keywords")}, group=Group311(row["group"])
            )
            for row in csv.DictReader(lines)
        ]


@pytest.mark.parametrize(
    ("text", "group", "code"),
    [
        ("Gros bris d'aqueduc sur Wolfe, l'eau coule partout", Group311.WATER, "bris-aqueduc"),
        ("Le lampadaire au coin est éteint depuis une semaine", Group311.LIGHTING, "lampadaire"),
        ("La glace de la patinoire est pleine de trous", None, "patinoire"),
        ("Le trottoir est glissant devant l'école", Group311.SNOW, "trottoir-glissant"),
        ("Le trottoir de la rue Cartier n’est pas déneigé", Group311.SNOW, "deneigement-trottoir"),
        ("La piscine du parc est fermée", Group311.PARKS, "piscine"),
        ("La piscine du parc est fermée", None, "piscine"),
        ("L’EAU coule partout dans le parc", Group311.WATER, "bris-aqueduc"),
        ("Il y a un gros trou dans ma rue", Group311.ROADS, "nid-de-poule"),
        ("There is a huge pothole on my street", Group311.ROADS, "nid-de-poule"),
        ("Mes vidanges sont encore là", Group311.COLLECTION, "collecte-dechets"),
        ("Des coquerelles dans mon bloc!", None, "insectes"),
        ("Des jeunes font de la musique trop forte", None, "bruit"),
        ("Y’a un raton laveur dans mon cabanon", Group311.ANIMALS, "animal-sauvage"),
    ],
)
def test_the_service_that_shares_the_citizens_words_comes_first(
    services: list[Service], text: str, group: Group311 | None, code: str
) -> None:
    assert likeliest(services, group, text)[0].code == code


def test_a_text_that_shares_no_word_offers_nothing(services: list[Service]) -> None:
    assert likeliest(services, Group311.ANIMALS, "!!!") == likeliest(services, None, "allô") == []


def test_the_words_by_which_a_service_is_offered_are_said_as_they_were_written(services: list[Service]) -> None:
    text = "Un nid-de-poule, des TROUS! La Ville s’en fout, des trous partout rue Cartier"
    (first, words), *others = offered(services, Group311.ROADS, text)
    assert (first.code, words) == ("nid-de-poule", ["nid-de-poule", "trous"])
    assert len(others) <= 2
    assert offered(services, None, "La Ville, pas une autre ville, pour les rues") == []


def test_the_catalogue_is_whole_in_both_languages(services: list[Service]) -> None:
    assert 100 <= len(services) == len({one.name for one in services}) == len({one.name_en for one in services})
    assert {one.group for one in services} == set(Group311)
    for one in services:
        assert all((one.name, one.name_en, one.called("en") == one.name_en, one.called("fr_CA") == one.name)), one.code
        assert one.keywords or one.code == "autre"

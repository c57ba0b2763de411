"""Which service a moderator is offered first for a 311 request."""

from __future__ import annotations

import csv
from importlib.resources import files

import pytest

from models.requests311 import Service
from models.vocabulary import Group311
from moderation.requests.escalation import likeliest


@pytest.fixture(scope="module")
def services() -> list[Service]:
    with (files("administration.seeds") / "services.csv").open(encoding="utf-8") as lines:
        return [
            Service(code=row["code"], name=row["name"], group=Group311(row["group"]), days=int(row["days"]))
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
        ("L’EAU coule partout dans le parc", Group311.WATER, "eau-qualite"),
    ],
)
def test_the_service_that_shares_the_citizens_words_comes_first(
    services: list[Service], text: str, group: Group311 | None, code: str
) -> None:
    assert likeliest(services, group, text)[0].code == code


def test_a_text_that_shares_no_word_offers_nothing(services: list[Service]) -> None:
    assert likeliest(services, Group311.ANIMALS, "!!!") == likeliest(services, None, "allô") == []

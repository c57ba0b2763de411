from __future__ import annotations

import pytest

from classifiers.lexicon import hits
from classifiers.patterns import contact, luhn, personal_information
from classifiers.reasons import ReasonCode
from classifiers.text import read


def found(text: str) -> dict[ReasonCode, str]:
    return {hit.code: text[hit.start : hit.end] for hit in personal_information(read(text))}


def test_luhn() -> None:
    assert luhn("4111111111111111")
    assert luhn("046454286")
    assert not luhn("4111111111111112")


@pytest.mark.parametrize(
    ("text", "code", "what"),
    [
        ("Appelez-moi au 418-555-0123 svp", ReasonCode.PATTERN_PHONE, "418-555-0123"),
        ("mon cell (581) 555 0188", ReasonCode.PATTERN_PHONE, "581) 555 0188"),
        ("tel 418.555.0147.", ReasonCode.PATTERN_PHONE, "418.555.0147"),
        ("écrire à luc.roy@exemple.com merci", ReasonCode.PATTERN_EMAIL, "luc.roy@exemple.com"),
        ("418 five five five 0142 demandez Lise", ReasonCode.PATTERN_PHONE, "418 five five five 0142"),
        ("écris à luc.roy arobase exemple point com", ReasonCode.PATTERN_EMAIL, "luc.roy arobase exemple point com"),
        ("c'est G6V 1A1", ReasonCode.PATTERN_POSTAL_CODE, "G6V 1A1"),
        ("la Jetta rouge, plaque K82 MDN, encore dans l’entrée", ReasonCode.PATTERN_PLATE, "K82 MDN"),
        ("immatriculé abc123 pis y s'en fout", ReasonCode.PATTERN_PLATE, "abc123"),
        ("sa plaque c'est 482-KLM", ReasonCode.PATTERN_PLATE, "482-KLM"),
        ("carte 4111 1111 1111 1111 chargée", ReasonCode.PATTERN_CARD, "4111 1111 1111 1111"),
        ("mon NAS 046 454 286 voilà", ReasonCode.PATTERN_SIN, "046 454 286"),
        ("Le maire, il habite au 45 rue des Mésanges", ReasonCode.PATTERN_HOME_ADDRESS, "45 rue des"),
    ],
)
def test_personal_information_is_found_where_it_stands(text: str, code: ReasonCode, what: str) -> None:
    assert what in found(text)[code]


@pytest.mark.parametrize(
    "text",
    [
        "Nid-de-poule devant le 125 rue des Pins",
        "Appelez le 311 ou le 1 800 555-0199",
        "écrivez à 311@ville.exemple.qc.ca",
        "Budget de 4 111 111 111 $ en 2026",
        "carte 4111 1111 1111 1112",
        "dossier 2026-1187, NAS 046 454 287",
        "0000 0000 0000 0000",
        "la plaque d'égout au 123 rue Morin",
        "LA PLAQUE DE GLACE AU 123 RUE MORIN",
        "une plaque de 100 ans, sur l'A40 EST",
        "le 3e rang, 2e sortie, 1er arrêt",
        "Info : secretariat@clubdesoccer.example.com",
    ],
)
def test_an_address_of_a_pothole_or_a_number_of_the_city_is_not_personal(text: str) -> None:
    assert found(text) == {}


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("J'ai appelé la bibliothèque au 418 555-0110", False),
        ("Pour nous joindre au bureau de la députée: 418.555.0199", False),
        ("418 555-0110 poste 2214", False),
        ("Le camion dit Excavation Morin 418 555-0110", False),
        ("Appelez-moi au sujet de la bibliothèque: 418 555-0110", True),
        ("La fille du service de garde, son numéro c'est 418 555-0110", True),
        ("418 555-0110", True),
    ],
)
def test_an_organisation_s_number_is_public_and_a_person_s_is_not(text: str, seen: bool) -> None:
    assert (ReasonCode.PATTERN_PHONE in {hit.code for hit in hits(read(text))}) is seen


def test_what_is_on_the_city_s_list_is_nobody_s() -> None:
    contacts = frozenset({contact("418 555-0100"), contact("Lise@exemple.com")})
    text = read("Mon cell? Non, c'est le 418.555.0100 ou lise@exemple.com; moi c'est 418 555-0101")
    assert [text.original[hit.start : hit.end] for hit in personal_information(text, contacts)] == ["418 555-0101"]

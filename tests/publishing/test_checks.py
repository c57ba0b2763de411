"""What is found in a post while it is written, what a network would fold or cut of it, and French as it is typed."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.registry import ALL, descriptor
from models.accounts import Account
from models.errors import Refused
from models.media import Media
from publishing import checks, drafting
from publishing.drafting import Draft, Written
from publishing.preview import sketch
from publishing.typography import repaired
from tests.city import START

NBSP = "\N{NO-BREAK SPACE}"
ZONE = ZoneInfo("America/Toronto")


def account(network: str, id_: int = 1) -> Account:
    return Account(id=id_, network=network, name=f"Ville {network}")


def media(width: int, height: int) -> Media:
    return Media(id=7, name="photo.jpg", width=width, height=height)


def codes(network: str, text: str = "Bonjour à tous.", **more: object) -> dict[str, bool]:
    return {
        one.code: one.blocking for one in checks.look([sketch(account(network), text, **more)], now=START, zone=ZONE)
    }


# ------------------------------------------------------------------------------------------ limits
def test_each_limit_says_where_and_when_it_was_read():
    dated = {network.name: network.limits for network in ALL if network.capabilities.longest_text}
    assert set(dated) == {"facebook", "instagram", "linkedin"}
    for limits in dated.values():
        assert {"longest_text", "longest_reply", "most_photos", "fold"} <= set(limits)
        assert all(limit.source and limit.read_on.year >= 2026 for limit in limits.values())


@pytest.mark.parametrize(
    ("network", "text", "length"),
    [
        ("facebook", "Été 🚛", 6),
        ("instagram", "Été 🚛", 6),
        ("linkedin", "Collecte (bacs) #Ville_de_Sainte_Rive", 42),
        ("linkedin", "Été 🚛", 6),
    ],
)
def test_characters_are_counted_as_the_network_counts_them(network, text, length):
    assert sketch(account(network), text).length == length


def test_a_link_that_nothing_shows_is_part_of_the_words():
    shown = {"link": "https://ville.example/a", "pictures": [(media(800, 600), "Un parc")]}
    beside = sketch(account("facebook"), "Parc", **shown)
    assert (beside.words, beside.card) == ("Parc\n\nhttps://ville.example/a", None)
    alone = sketch(account("facebook"), "Parc", link=shown["link"])
    assert (alone.words, alone.card) == ("Parc", "https://ville.example/a")
    assert sketch(account("instagram"), "Parc", **shown).words.endswith("ville.example/a")


def test_a_card_has_the_title_that_its_network_gives_it():
    """LinkedIn's own test has the same line as the title that is sent."""
    text = "\n  Les patinoires ouvrent samedi. \nBonne glisse!"
    assert sketch(account("linkedin"), text).card_title == "Les patinoires ouvrent samedi."
    assert sketch(account("linkedin"), "é" * 300).card_title == "é" * 199 + "…"
    assert sketch(account("facebook"), text).card_title is None, "what the page says of itself"


@pytest.mark.parametrize("name", ["facebook", "instagram", "linkedin"])
def test_the_fold_cuts_no_word_and_loses_nothing(name):
    text = "Les patinoires du quartier ouvrent samedi matin. " * 20
    one, fold = sketch(account(name), text), descriptor(name).capabilities.fold
    for wide in (False, True):
        seen, rest = one.folded(wide=wide)
        assert seen + rest == text
        assert fold[wide] - 15 < len(seen) <= fold[wide]
        assert rest.startswith(" ")
    assert sketch(account(name), "Court.").folded(wide=False) == ("Court.", "")


def test_a_picture_is_shown_as_its_network_cuts_it():
    frames = {
        name: sketch(account(name), "x", pictures=[(media(500, 1500), "Tour")]) for name in ("facebook", "instagram")
    }
    assert [frames[name].pictures[0].box for name in frames] == [(0, 0, 500, 1500), (0, 437, 500, 1062)]
    assert "picture_cut" in codes("instagram", pictures=[(media(500, 1500), "Tour")])


# ------------------------------------------------------------------------------------------ findings
@pytest.mark.parametrize(
    ("network", "text", "more", "code"),
    [
        ("facebook", "", {}, "text_empty"),
        ("facebook", "x" * 63_207, {}, "text_too_long"),
        ("linkedin", "(" * 1_501, {}, "text_too_long"),
        ("instagram", "Bonjour.", {}, "media_needed"),
        ("facebook", "Bonjour.", {"pictures": [(media(1, 1), "")]}, "alt_missing"),
        ("facebook", "Bonjour.", {"pictures": [(media(1, 1), "x")] * 11}, "media_many"),
        ("instagram", "#a1 #b2 #c3 #d4 #e5 #f6", {"pictures": [(media(1, 1), "x")]}, "hashtags_many"),
        ("linkedin", "Bonjour.", {"first_comment": "x" * 1_251}, "comment_too_long"),
        ("facebook", "Bonjour.", {"publish_at": START - timedelta(minutes=1)}, "time_passed"),
    ],
)
def test_what_a_network_would_refuse_blocks(network, text, more, code):
    assert codes(network, text, **more)[code] is True


@pytest.mark.parametrize(
    ("text", "more", "code"),
    [
        ("L'eau est revenue", {}, "typography"),
        ("Voir #collectedesordures", {}, "hashtag_case"),
        ("ATTENTION TRAVAUX DEMAIN MATIN rue Wolfe", {}, "capitals"),
        ("mot " * 31, {}, "sentence_long"),
        ("Bonjour.", {"publish_at": START.replace(hour=8) + timedelta(days=1)}, "at_night"),
    ],
)
def test_advice_does_not_block(text, more, code):
    assert codes("facebook", text, **more)[code] is False


def test_a_good_post_has_nothing_to_be_said_of_it():
    noon = START.replace(hour=17) + timedelta(days=1)
    text = f"Les patinoires ouvrent samedi{NBSP}: venez patiner! #SainteRive"
    assert codes("facebook", text, publish_at=noon, pictures=[(media(800, 600), "Une patinoire")]) == {}


def test_submitting_says_all_that_blocks_at_once(city):
    draft = Draft("Collecte", {city.accounts["images"]: Written("x" * 2_201), city.accounts["nord"]: Written(" ")})
    post = city.act("Claire", "create", draft)
    with pytest.raises(Refused) as refused:
        city.act("Claire", "submit", post.id, version=post.version)
    found = [refused.value, *refused.value.others]
    assert {(one.code, one.params["field"]) for one in found} == {
        ("text_too_long", "text"),
        ("media_needed", "pictures"),
        ("text_empty", "text"),
    }
    assert city.post(post).state == "draft"


def test_a_post_without_a_title_is_called_by_its_words(city):
    post = city.act("Claire", "create", Draft(" ", {city.accounts["nord"]: Written("Patinoires ouvertes!\nVenez.")}))
    assert post.title == "Patinoires ouvertes!"


def test_the_same_words_and_a_near_time_on_one_account_are_told(city):
    text = "La collecte des matières organiques est reportée à mardi."
    first = city.schedule(city.approved("nord"), hours=30)
    city.act("Claire", "create", city.draft(text, "nord"))
    draft = city.draft(f"{text} Merci!", "nord", "ville", publish_at=city.now + timedelta(hours=30, minutes=20))

    def found(**of: object):
        with city.database.read() as session:
            sketches = drafting.drafted(session, city.people["Claire"], None, draft)
            return checks.around(session, city.people["Claire"], sketches, now=city.now, **of)

    assert sorted((one.code, one.params["name"]) for one in found(post_id=None)) == [
        ("another_near", "nord"),
        ("same_words", "nord"),
    ]
    assert [one.code for one in found(post_id=first.id)] == ["same_words"]


def test_what_cannot_be_read_yet_of_a_draft_is_left_out_of_what_is_shown(city):
    draft = Draft("", {city.accounts["nord"]: Written("Bonjour"), 999: Written("x")}, link="pas un lien")
    with city.database.read() as session:
        assert drafting.drafted(session, city.people["Claire"], None, draft) == []
        known = Draft("", {city.accounts["nord"]: Written(" Bonjour ")}, link="pas un lien")
        (one,) = drafting.drafted(session, city.people["Claire"], None, known)
    assert (one.words, one.link) == ("Bonjour", None)


def test_a_copy_has_the_words_and_no_time(city):
    post = city.schedule(city.approved("nord", "ville"))
    copied = city.act("Odile", "duplicate", post.id)
    there = city.post(copied)
    assert (there.state, there.publish_at, there.author.name) == ("draft", None, "Odile")
    assert {one.text for one in there.variants} == {"Collecte reportée à mardi."}


# ------------------------------------------------------------------------------------------ French
@pytest.mark.parametrize(
    ("typed", "right"),
    [
        ("L'eau est revenue...", "L’eau est revenue…"),
        ("Quoi ? Oui ! Bon ; fini", "Quoi? Oui! Bon; fini"),
        ("Info : 311", f"Info{NBSP}: 311"),
        ("Info: 311", f"Info{NBSP}: 311"),
        ('Le "Vieux-Moulin" ouvre', f"Le «{NBSP}Vieux-Moulin{NBSP}» ouvre"),
        ("Le «Moulin» ouvre", f"Le «{NBSP}Moulin{NBSP}» ouvre"),
        ("De 9h30 à 18h, 50% et 20 $", f"De 9{NBSP}h{NBSP}30 à 18{NBSP}h, 50{NBSP}% et 20{NBSP}$"),
        ("Voir https://ville.example/l'eau?a=1 !", "Voir https://ville.example/l'eau?a=1 !"),
        ("Écrire à info@ville.example : merci", f"Écrire à info@ville.example{NBSP}: merci"),
        ("À 10:30, bravo :)", "À 10:30, bravo :)"),
    ],
)
def test_french_is_repaired_as_quebec_types_it(typed, right):
    assert repaired(typed) == right


@pytest.mark.parametrize("sign", ["x", "_", "1", ".", " ", NBSP])
def test_a_long_run_of_anything_is_read_once(sign):
    # Read again from each of its characters, it would hold the page for ten minutes.
    assert len(repaired(sign * 400_000)) == 400_000


@given(st.text(alphabet=" \u00a0ab1'\"«».:;!?h%$#@/\n", max_size=40))
def test_what_is_repaired_is_right(text):
    once = repaired(text)
    assert repaired(once) == once
    assert [one for one in once if one in "ab1\n#@/"] == [one for one in text if one in "ab1\n#@/"]


def test_words_in_a_picture_are_read_like_those_of_the_post():
    sign = media(800, 600)
    sign.lettering = "Collecte reportée au mardi 8 décembre"
    said = {"pictures": [(sign, "Un camion devant une affiche")]}
    assert codes("facebook", **said)["words_unsaid"] is False
    assert "words_unsaid" not in codes(
        "facebook", pictures=[(sign, "Affiche : « Collecte reportée au mardi 8 décembre »")]
    )
    sign.lettering = "The collection of Monday is moved to Tuesday because of the holiday"
    assert codes("facebook", **said)["picture_not_french"] is True
    assert "picture_not_french" not in codes("facebook", in_french=False, **said)

"""Words that were sent before are found for a comment that is like another; nothing of another person goes along."""

from __future__ import annotations

import pytest

from classifiers.base import Scored
from models.errors import NotFound
from models.vocabulary import Intention
from moderation import manner
from moderation.triage import alike

POOL = "À quelle heure ouvre la piscine municipale samedi?"


def told(city, name, words, *, text=POOL, author="Louis Citoyen", account="nord", **more):
    """Somebody asked it, and the city answered, some days ago."""
    comment = asks(city, name, text, author=author, account=account)
    decision = city.decide("Ariane", comment, "reply", text=words, **more)
    city.deliver()
    city.clock.pass_(days=1)
    return decision


def asks(city, name, text, *, author="Mina Roy", account="nord"):
    city.store(
        city.seen(name, text, author_external_id=author.casefold(), author_name=author, post_external_id=f"of-{name}"),
        account=account,
    )
    city.classify()
    return city.comment(name, account)


def found(city, comment, who="Ariane"):
    with city.database.read() as session:
        return [one.text for one in alike.answered_alike(session, city.people[who], comment.id, now=city.now)]


def test_the_answer_to_what_is_most_like_it_comes_first_with_the_name_of_who_asks_now(city):
    told(city, "one", "Bonjour Louis, elle ouvre à 9 h.")
    told(
        city,
        "two",
        "Bonjour Omar, la piscine est fermée.",
        text="La piscine municipale est-elle ouverte?",
        author="Omar Said",
    )
    told(city, "three", "Bonjour!", text="Quand ramassez-vous le recyclage?")
    now = asks(city, "now", "À quelle heure la piscine municipale ouvre-t-elle samedi matin?")
    assert found(city, now) == ["Bonjour Mina, elle ouvre à 9 h.", "Bonjour Mina, la piscine est fermée."]


def test_who_has_no_name_is_greeted_without_one(city):
    told(city, "one", "Bonjour, Louis! Elle ouvre à 9 h.")
    assert found(city, asks(city, "now", POOL, author="")) == ["Bonjour! Elle ouvre à 9 h."]


@pytest.mark.parametrize(
    "words",
    [
        "Bonjour M. Citoyen, elle ouvre à 9 h.",
        "Bonjour louis citoyen, à 9 h.",
        "Appelez Chantal au 418 555-0199.",
        "Écrivez à louis.citoyen@exemple.ca.",
        "Votre requête STR-2026-000012 le dit.",
        "Suivez https://parvis.example/completer/abc",
        "Comme le disait Zacharie, à 9 h.",
        "Demandez Mme Tremblay.",
    ],
)
def test_nothing_of_another_person_goes_along(city, words):
    told(city, "one", words)
    city.store(
        city.seen(
            "beside", "Moi aussi", author_external_id="z", author_name="Zacharie Petit", post_external_id="of-one"
        )
    )
    assert found(city, asks(city, "now", POOL)) == []


def test_only_what_was_sent_stands_and_is_ones_own_to_see(city):
    told(city, "north", "Au nord, à 9 h.")
    told(city, "south", "Au sud, à 10 h.", account="sud")
    city.undo("Ariane", city.decide("Ariane", asks(city, "undone", POOL), "reply", text="Non."))
    city.decide("Ariane", asks(city, "waiting", POOL), "reply", text="Pas encore parti.")
    north, south = asks(city, "now", POOL), asks(city, "there", POOL, account="sud")
    assert found(city, south, "Chantal") == ["Au sud, à 10 h."]
    assert set(found(city, north)) == {"Au nord, à 9 h.", "Au sud, à 10 h."}
    with pytest.raises(NotFound):
        found(city, north, "Chantal")


def test_another_intention_and_too_few_common_words_are_not_alike(city):
    told(city, "one", "À 9 h.")
    praise = city.says(
        "praise", "Belle piscine municipale samedi, quelle heure!", intention=Scored(Intention.PRAISE, 0.95)
    )
    assert found(city, praise) == []
    assert found(city, asks(city, "other", "À quelle date paie-t-on les taxes municipales et scolaires?")) == []


def test_a_signature_is_not_carried_over(city):
    with city.database.write() as session:
        manner.speak(session, city.people["Elise"], city.accounts["nord"], "vous", "– Le 311", now=city.now)
    told(city, "one", "Elle ouvre à 9 h.")
    assert found(city, asks(city, "now", POOL)) == ["Elle ouvre à 9 h."]

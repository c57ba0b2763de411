"""Words that say that something is not solved, and words that only look like them."""

from __future__ import annotations

import pytest

from classifiers import unsolved
from classifiers.text import read


@pytest.mark.parametrize(
    "text",
    [
        "C'est pas réglé du tout!",
        "Ce n’est pas encore réparé.",
        "Toujours pas déneigé ce matin",
        "Le trou est encore là",
        "Rien n'a changé chez nous",
        "Il n'y a rien de fait",
        "Merci mais c'est toujours bouché",
        "Ça recommence!",
        "Le problème est toujours là.",
        "Ben voyons, c'est jamais passé ici",
        "PAS RÉGLÉE",
        "It's still leaking",
        "not fixed yet, still there",
    ],
)
def test_what_says_it(text):
    assert unsolved.says(read(text))


@pytest.mark.parametrize(
    "text",
    [
        "Merci, c'est réglé!",
        "Pas mal réglé vite, bravo",
        "Pas de problème, c'est fait.",
        "Merci, c'était toujours là hier, plus maintenant",
        "Quand passez-vous?",
        "Bravo à l'équipe",
        "Pourquoi c'était pas fait avant?",
        "Vous êtes toujours là pour nous",
        "",
        "🙏",
    ],
)
def test_what_does_not(text):
    assert not unsolved.says(read(text))

"""A round of practice: every card comes, each is marked by the city's own articles, and nothing is needed for it."""

from __future__ import annotations

from models.vocabulary import Breach, DecisionKind
from moderation.learning.practice import CARDS, CHOICES, ROUND, deal, mark

ARTICLES = {Breach.SPAM: "N4", Breach.INSULT: "N2", Breach.HATE: "L1", Breach.PERSONAL_INFORMATION: "N5"}


def right(game):
    cards = deal(game)
    return [one.right for one in cards], [ARTICLES.get(one.breach, "") for one in cards]


def test_every_card_comes_and_asks_for_something_that_can_be_chosen():
    assert {card.text for game in range(3) for card in deal(game)} == {card.text for card in CARDS}
    assert {card.right for card in CARDS} == set(CHOICES)
    assert all((card.breach is not None) == (card.right == DecisionKind.HIDE) for card in CARDS)


def test_criticism_is_never_to_be_hidden():
    critical = [card for card in CARDS if "taxes" in card.text or "Vous devriez" in card.text]
    assert [card.right for card in critical] == [DecisionKind.NOTHING] * 2


def test_what_is_right_counts_with_its_article_and_what_is_missing_does_not():
    kinds, cited = right(0)
    assert sum(one.right for one in mark(0, kinds, cited, ARTICLES)) == ROUND
    hidden = kinds.count(DecisionKind.HIDE)
    assert sum(one.right for one in mark(0, kinds, ["N9"] * ROUND, ARTICLES)) == ROUND - hidden
    assert sum(one.right for one in mark(0, kinds, [], {})) == ROUND, (
        "an article that the city has not is not asked for"
    )
    assert sum(one.right for one in mark(0, kinds[:2], cited, ARTICLES)) == 2
    assert [one.right for one in mark(0, ["<script>"] * 99, [], ARTICLES)] == [False] * ROUND

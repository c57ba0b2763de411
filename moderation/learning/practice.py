"""The trade learnt on made-up comments: what would be decided about each, and by which article of the city.

Nothing here knows of the database or of a network: what is practised can leave nothing behind and goes nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.vocabulary import Breach, DecisionKind

SECONDS = 60
"""In which somebody who knows the trade decides about all of a round."""
ROUND = 8
"""Comments of one."""


@dataclass(frozen=True)
class Card:
    """A made-up comment, what is right to decide about it, and why, as a code that the door words."""

    author: str
    text: str
    right: DecisionKind
    why: str
    breach: Breach | None = None
    """Of one to be hidden: what its article is about."""


CARDS: Sequence[Card] = (
    Card(
        "Solange P.",
        "Merci aux cols bleus, ma rue était déneigée avant 6 h!",
        DecisionKind.NOTHING,
        "thanks",
    ),
    Card(
        "Yvan T.",
        "Il y a un nid-de-poule gros comme une baignoire devant le 245, rue des Érables.",
        DecisionKind.REQUEST,
        "repair",
    ),
    Card(
        "Nour B.",
        "La piscine est-elle ouverte le jour de la fête nationale?",
        DecisionKind.REPLY,
        "question",
    ),
    Card(
        "Gaétan L.",
        "Encore une hausse de taxes, vous gérez ça comme des pieds. Honteux.",
        DecisionKind.NOTHING,
        "criticism",
    ),
    Card(
        "MegaDeals 24",
        "💰 Gagnez 900 $ par jour chez vous!!! Cliquez ici 👉 gagner-vite.example 👈",
        DecisionKind.HIDE,
        "spam",
        Breach.SPAM,
    ),
    Card(
        "Rock D.",
        "Le gars du comptoir est un maudit niaiseux, un bon à rien comme toute sa famille.",
        DecisionKind.HIDE,
        "insult",
        Breach.INSULT,
    ),
    Card(
        "Lise M.",
        "Appelez donc mon voisin pour vous plaindre du bruit : Marc, 418 555-0134.",
        DecisionKind.HIDE,
        "private",
        Breach.PERSONAL_INFORMATION,
    ),
    Card(
        "Omar S.",
        "Le lampadaire au coin de Wolfe et Saint-Laurent clignote depuis trois jours.",
        DecisionKind.REQUEST,
        "repair",
    ),
    Card(
        "Jeanne C.",
        "À quelle heure ferme l’écocentre le samedi?",
        DecisionKind.REPLY,
        "question",
    ),
    Card(
        "Paul-André G.",
        "Je n’en peux plus, je pense en finir ce soir.",
        DecisionKind.REPLY,
        "distress",
    ),
    Card(
        "Mireille F.",
        "Vous devriez mettre des bancs le long de la piste cyclable, ça serait agréable.",
        DecisionKind.NOTHING,
        "suggestion",
    ),
    Card(
        "Steeve R.",
        "Ces gens-là devraient tous être renvoyés d’où ils viennent, c’est de la vermine.",
        DecisionKind.HIDE,
        "hate",
        Breach.HATE,
    ),
)
CHOICES = (DecisionKind.NOTHING, DecisionKind.REPLY, DecisionKind.REQUEST, DecisionKind.HIDE)
"""What may be chosen for each."""


@dataclass(frozen=True)
class Marked:
    """What was chosen for a card, and whether that was right; a hide cites the article too."""

    card: Card
    chosen: str
    article: str
    right_article: str | None

    @property
    def right(self) -> bool:
        if self.chosen != self.card.right:
            return False
        return self.right_article is None or self.article == self.right_article


def deal(game: int) -> list[Card]:
    """The cards of a round; each round begins where the one before ended, so that all of them come."""
    return [CARDS[(game * ROUND + place) % len(CARDS)] for place in range(ROUND)]


def mark(game: int, chosen: Sequence[str], cited: Sequence[str], articles: Mapping[Breach, str]) -> list[Marked]:
    """What was chosen for each card of a round; what is missing is wrong. `articles`: of the city, by breach."""
    padded = zip(deal(game), [*chosen, *[""] * ROUND], [*cited, *[""] * ROUND], strict=False)
    return [
        Marked(card, one, article, articles.get(card.breach) if card.breach else None) for card, one, article in padded
    ]

"""What rules and verdict propose together. A person decides; nothing here acts.

Two things never come out of here: a restriction for criticism of the city, however sharp, and a restriction for
somebody who threatens or is in distress, who needs a person and not a hidden comment.
"""

from __future__ import annotations

from dataclasses import dataclass

from classifiers.base import Verdict
from models.vocabulary import Breach, DecisionKind, Intention

ARTICLES = {
    Breach.HATE: "N1",
    Breach.INSULT: "N2",
    Breach.PERSONAL_INFORMATION: "N4",
    Breach.SPAM: "N5",
    Breach.VULGAR: "N7",
}
"""The article of the default netiquette (`moderation/seeds/netiquette.toml`) that each breach is about, gravest first.
A threat has an article too (N3), but is never proposed for hiding."""

BREACH_AT = 0.5
"""A breach counts from this probability on. The linear model alone is not precise enough to propose a restriction
(card.json), so a proposal also needs a word of the lexicon or a pattern, whose reason codes start with these."""
PROOF = ("lexicon_", "pattern_")

SURE_AT = 0.5
"""An intention proposes an action from this probability on."""


@dataclass(frozen=True)
class Suggestion:
    """What is proposed, and the netiquette article for a restriction."""

    kind: DecisionKind
    rule_code: str | None = None


def suggest(verdict: Verdict) -> Suggestion | None:
    """The proposal for one verdict; None when there is nothing sure enough to propose."""
    if verdict.urgency.level == 2 or verdict.breaches[Breach.THREAT] >= BREACH_AT:
        return Suggestion(DecisionKind.REQUEST) if verdict.group is not None else None
    proved = {reason.code.partition("_")[2] for reason in verdict.reasons if reason.code.startswith(PROOF)}
    for breach, article in ARTICLES.items():
        if verdict.breaches[breach] >= BREACH_AT and proved & _PROOFS[breach]:
            return Suggestion(DecisionKind.HIDE, article)
    if verdict.intention is None or verdict.intention.score < SURE_AT:
        return None
    return _BY_INTENTION.get(verdict.intention.label)


_PROOFS = {
    Breach.HATE: {"hate"},
    Breach.INSULT: {"insult"},
    Breach.PERSONAL_INFORMATION: {"phone", "email", "card", "nas", "address", "plate"},
    Breach.SPAM: {"spam", "link", "shortener"},
    Breach.VULGAR: {"vulgar"},
}

_BY_INTENTION = {
    Intention.SERVICE_REQUEST: Suggestion(DecisionKind.REQUEST),
    Intention.QUESTION: Suggestion(DecisionKind.REPLY),
    Intention.PRAISE: Suggestion(DecisionKind.NOTHING),
    Intention.OFF_TOPIC: Suggestion(DecisionKind.NOTHING),
}


def mere_criticism(intention: str | None, breaches: dict[str, float]) -> bool:
    """Whether a verdict says criticism and no breach: such a comment is not hidden by one person alone."""
    critical = intention in (Intention.DISSATISFACTION, Intention.SUGGESTION)
    return critical and all(score < BREACH_AT for score in breaches.values())

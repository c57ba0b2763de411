"""What rules and verdict propose together. A person decides; nothing here acts.

Two things never come out of here: a restriction for criticism of the city, however sharp, and a restriction for
somebody who threatens or is in distress, who needs a person and not a hidden comment.
"""

from __future__ import annotations

from dataclasses import dataclass

from classifiers.base import Verdict
from classifiers.reasons import ReasonCode
from models.vocabulary import Breach, DecisionKind, Intention

ARTICLES = {
    Breach.HATE: "N1",
    Breach.INSULT: "N2",
    Breach.PERSONAL_INFORMATION: "N4",
    Breach.SPAM: "N5",
    Breach.VULGAR: "N7",
}
"""The article of the default netiquette (`administration/seeds/netiquette.toml`) of each breach, gravest first.
A threat has an article too (N3), but is never proposed for hiding."""

BREACH_AT = 0.5
"""A breach counts from this probability on. That alone is not precise enough to propose a restriction (the model card),
so a proposal also needs a word of the lexicon or a pattern (`PROOFS`), or a score beyond the model's own limit for it
(`Verdict.hideable`)."""

SURE_AT = 0.5
"""An intention proposes an action from this probability on."""


CRITICAL = frozenset({Intention.DISSATISFACTION, Intention.SUGGESTION})
"""What criticism of the city is read as."""


@dataclass(frozen=True)
class Suggestion:
    """What is proposed, and the netiquette article for a restriction."""

    kind: DecisionKind
    rule_code: str | None = None


def suggest(verdict: Verdict) -> Suggestion | None:
    """The proposal for one verdict; None when there is nothing sure enough to propose."""
    if verdict.urgency.level == 2 or verdict.breaches[Breach.THREAT] >= BREACH_AT:
        return Suggestion(DecisionKind.REQUEST) if verdict.group is not None else None
    said = {reason.code for reason in verdict.reasons}
    critical = verdict.intention is not None and verdict.intention.label in CRITICAL
    for breach, article in ARTICLES.items():
        if critical and breach in (Breach.INSULT, Breach.VULGAR):
            # Harsh words in a criticism are for a person to weigh, not for us to propose.
            continue
        if verdict.breaches[breach] >= BREACH_AT and (breach in verdict.hideable or said & PROOFS[breach]):
            return Suggestion(DecisionKind.HIDE, article)
    if verdict.intention is None or verdict.intention.score < SURE_AT:
        return None
    return _BY_INTENTION.get(verdict.intention.label)


PROOFS = {
    Breach.HATE: {ReasonCode.LEXICON_HATE},
    Breach.INSULT: {ReasonCode.LEXICON_INSULT, ReasonCode.LEXICON_AIMED_INSULT},
    Breach.PERSONAL_INFORMATION: {
        ReasonCode.PATTERN_PHONE,
        ReasonCode.PATTERN_EMAIL,
        ReasonCode.PATTERN_HOME_ADDRESS,
        ReasonCode.PATTERN_PLATE,
        ReasonCode.PATTERN_CARD,
        ReasonCode.PATTERN_SIN,
    },
    Breach.SPAM: {ReasonCode.LEXICON_SPAM, ReasonCode.SPAM_LINK, ReasonCode.SPAM_SHORTENER},
    Breach.VULGAR: {ReasonCode.LEXICON_VULGAR},
}
"""The reasons that show a breach to a person's eye. A postal code alone is not among them: people write theirs to say
where a problem is."""

_BY_INTENTION = {
    Intention.SERVICE_REQUEST: Suggestion(DecisionKind.REQUEST),
    Intention.QUESTION: Suggestion(DecisionKind.REPLY),
    Intention.PRAISE: Suggestion(DecisionKind.NOTHING),
    Intention.OFF_TOPIC: Suggestion(DecisionKind.NOTHING),
}


def mere_criticism(intention: str | None, breaches: dict[str, float]) -> bool:
    """Whether a verdict says criticism and no breach: such a comment is not hidden by one person alone."""
    return intention in CRITICAL and all(score < BREACH_AT for score in breaches.values())

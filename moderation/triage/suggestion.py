"""What rules and verdict propose together. A person decides; nothing here acts.

Two things never come out of here: a restriction for criticism of the city, however sharp, and a restriction for
somebody who threatens or is in distress, who needs a person and not a hidden comment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from classifiers.base import Band, Verdict
from classifiers.reasons import DANGERS, PROOFS
from models.comments import VerdictRow
from models.vocabulary import Breach, DecisionKind, Intention

BREACH_AT = 0.5
"""A breach counts from this probability on. It is proposed for hiding only where the classifier says that it may be
(`Verdict.hideable`)."""

SURE_AT = 0.5
"""An intention proposes an action from this probability on."""


CRITICAL = frozenset({Intention.DISSATISFACTION, Intention.SUGGESTION})
"""What criticism of the city is read as."""


@dataclass(frozen=True)
class Suggestion:
    """What is proposed and, of a restriction, the breach whose article it would cite."""

    kind: DecisionKind
    breach: Breach | None = None
    why: tuple[str, ...] = field(default=(), compare=False)
    """Codes of what it follows from: a breach with "model" and the reasons that agree; a level; or an intention."""


@dataclass(frozen=True)
class Facts:
    """All that a suggestion follows from."""

    verdict: Verdict
    """As people corrected it."""
    unread: bool = False
    """Something of the comment was read by nobody: then it is not said that there is nothing in it."""


def shown_breaches(scores: Mapping[Any, float]) -> list[Breach]:
    """The breaches that a person is told of, in the order of the house."""
    return [breach for breach in Breach if scores.get(breach, 0.0) >= BREACH_AT]


def suggest(facts: Facts) -> Suggestion | None:
    """What follows from the facts about one comment; None when nothing is sure enough to be suggested."""
    verdict = facts.verdict
    said, shown = {reason.code for reason in verdict.reasons}, shown_breaches(verdict.breaches)
    if verdict.urgency.level == 2 or Breach.THREAT in shown:
        # Somebody must go and see, whether or not it is known who.
        return Suggestion(DecisionKind.REQUEST, why=("urgence", *sorted(said & DANGERS or {"model"})))
    for breach in shown:
        if breach in verdict.hideable:
            return Suggestion(DecisionKind.HIDE, breach, (breach, "model", *sorted(said & PROOFS[breach])))
    if verdict.intention is None or verdict.intention.score < SURE_AT:
        return None
    kind = _BY_INTENTION.get(verdict.intention.label)
    # A breach that is seen, proved or not, is for a person to read: it is never called nothing.
    if kind is None or ((shown or facts.unread) and kind is DecisionKind.NOTHING):
        return None
    return Suggestion(kind, why=("intention", verdict.intention.label))


_BY_INTENTION = {
    Intention.SERVICE_REQUEST: DecisionKind.REQUEST,
    Intention.QUESTION: DecisionKind.REPLY,
    Intention.PRAISE: DecisionKind.NOTHING,
    Intention.OFF_TOPIC: DecisionKind.NOTHING,
}


def proposed(verdict: VerdictRow | None, *, drafted: bool) -> DecisionKind | None:
    """What is proposed to whoever has a comment open: to send the reply that is drafted, if one waits, whatever was
    suggested of the words that were handled before.
    """
    if drafted:
        return DecisionKind.REPLY
    return DecisionKind(verdict.suggestion) if verdict and verdict.suggestion else None


def sure(verdict: VerdictRow | None, kind: DecisionKind | None, *, drafted: bool) -> bool:
    """Whether what is proposed can be taken by one key: words that are drafted, or what the classifier is sure of or a
    person has said of the label that it follows from. An immediate danger is looked at.
    """
    if kind is None or verdict is None or verdict.urgency == 2:
        return False
    if kind == DecisionKind.REPLY:
        return drafted
    head = verdict.suggested_breach if kind == DecisionKind.HIDE else "intention"
    known = verdict.certainty.get(head or "", {})
    return "said" in known or known.get("band") == Band.HIGH


def mere_criticism(intention: str | None, breaches: dict[str, float]) -> bool:
    """Whether a verdict says criticism and no breach: such a comment is not hidden by one person alone."""
    return intention in CRITICAL and not shown_breaches(breaches)

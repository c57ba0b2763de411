"""Every code that a reason of the classifier can carry: the door words each of them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from models.vocabulary import Breach


class ReasonCode(StrEnum):
    """Why the classifier said something; params are in the comment of each."""

    WORD_WEIGHT = "word_weight"
    """The model: this word moved that output most. params: head, label."""
    LEXICON_INSULT = "lexicon_insult"
    LEXICON_AIMED_INSULT = "lexicon_aimed_insult"
    """An ambiguous word, aimed at a person by the words before it."""
    LEXICON_HATE = "lexicon_hate"
    LEXICON_THREAT = "lexicon_threat"
    LEXICON_VULGAR = "lexicon_vulgar"
    LEXICON_SPAM = "lexicon_spam"
    LEXICON_SWEAR = "lexicon_swear"
    """A sacre: shown, and never counted for or against anything."""
    LEXICON_DENIED = "lexicon_denied"
    """A word of a lexicon that is denied, quoted or reported, and so raises nothing. params: kind."""
    LEXICON_DANGER = "lexicon_danger"
    LEXICON_DISTRESS = "lexicon_distress"
    LEXICON_SAME_DAY = "lexicon_same_day"
    LEXICON_DANGER_PAST = "lexicon_danger_past"
    """A word of danger in a text that tells, plans or thanks; it raises nothing by itself."""
    LEXICON_CALM = "lexicon_calm"
    """Something lost or found: the model's urgency alone is then not believed."""
    LEXICON_QUESTION = "lexicon_question"
    """The opening of a question."""
    LEXICON_IRONY = "lexicon_irony"
    """Praise that blames."""
    PATTERN_PHONE = "pattern_phone"
    PATTERN_EMAIL = "pattern_email"
    PATTERN_POSTAL_CODE = "pattern_postal_code"
    PATTERN_HOME_ADDRESS = "pattern_home_address"
    PATTERN_PLATE = "pattern_plate"
    PATTERN_CARD = "pattern_card"
    PATTERN_SIN = "pattern_sin"
    """Social insurance number (NAS)."""
    SPAM_LINK = "spam_link"
    SPAM_SHORTENER = "spam_shortener"
    SPAM_PRICE = "spam_price"
    SPAM_REPETITION = "spam_repetition"
    SPAM_CAPITALS = "spam_capitals"
    LANGUAGE_DEFAULT = "language_default"
    """Too few words to tell the language: the page's is taken."""


REASON_CODES = frozenset(ReasonCode)

PROOFS: Mapping[Breach, frozenset[ReasonCode]] = {
    Breach.INSULT: frozenset({ReasonCode.LEXICON_INSULT, ReasonCode.LEXICON_AIMED_INSULT}),
    Breach.HATE: frozenset({ReasonCode.LEXICON_HATE}),
    Breach.THREAT: frozenset({ReasonCode.LEXICON_THREAT}),
    Breach.VULGAR: frozenset({ReasonCode.LEXICON_VULGAR, ReasonCode.LEXICON_INSULT}),
    Breach.SPAM: frozenset(
        {
            ReasonCode.LEXICON_SPAM,
            ReasonCode.SPAM_LINK,
            ReasonCode.SPAM_SHORTENER,
            ReasonCode.SPAM_PRICE,
            ReasonCode.PATTERN_PHONE,
        }
    ),
    Breach.PERSONAL_INFORMATION: frozenset(
        {
            ReasonCode.PATTERN_PHONE,
            ReasonCode.PATTERN_EMAIL,
            ReasonCode.PATTERN_HOME_ADDRESS,
            ReasonCode.PATTERN_PLATE,
            ReasonCode.PATTERN_CARD,
            ReasonCode.PATTERN_SIN,
        }
    ),
}
"""What a person can see of each breach. A postal code alone is not among them: people write theirs to say where."""

DANGERS = frozenset({ReasonCode.LEXICON_DANGER, ReasonCode.LEXICON_DISTRESS, ReasonCode.LEXICON_THREAT})
"""What a person can see of level 2."""

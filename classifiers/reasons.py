"""Every code that a reason of the classifier can carry: the door words each of them."""

from __future__ import annotations

from enum import StrEnum


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

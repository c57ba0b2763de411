"""Personal information and marks of spam, found by shape in the text as the citizen wrote it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from classifiers.reasons import ReasonCode
from classifiers.text import READ_CHARACTERS, Text
from models.vocabulary import Breach


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that matched, where, and the probability it gives its breach or its level of urgency (0: none)."""

    code: ReasonCode
    start: int | None
    end: int | None
    breach: Breach | None = None
    level: int = 0
    score: float = 0.0
    kind: str = ""


_DIGIT_OR_AT = re.compile(r"[\d@]")
"""What every shape of personal information has: most comments have neither, and are not looked through seven times."""

_CARD = re.compile(r"(?<![\d.,])(?:\d[ -]?){12,18}\d(?![\d])")
_SIN = re.compile(r"(?<![\d-])[0-79]\d{2}([ -]?)\d{3}\1\d{3}(?![\d-])")
_PHONE = re.compile(r"(?<![\d-])(?:\+?1[ .-]?)?\(?([2-9]\d{2})\)?[ .-]{0,2}\d{3}[ .-]?\d{4}(?![\d-])")
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@([\w-]{1,63}(?:\.[\w-]{1,63}){1,4})")
_POSTAL_CODE = re.compile(r"(?<!\w)[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z] ?\d[ABCEGHJ-NPRSTV-Z]\d(?!\w)", re.IGNORECASE)
_HOME = re.compile(
    r"(?<!\w)(?:(?:il|elle|ils|elles|tu|qui|y)\s+(?:habite|habites|habitent|reste|restes|restent|demeure|demeurent|vit|vivent)"
    r"|(?:son|sa|ton|leur)\s+(?:adresse|maison)(?:\s+(?:c'est|est))?)"
    r"(?:\s+(?:au|à|a|dans|le|sur)){0,2}\s*:?\s*(\d{1,5}[A-Za-z]?,?\s+(?:\w+\.?\s+)?\w+)",
    re.IGNORECASE,
)
# Letters and digits are too common together (« A40 EST », « 123 RUE »): a word must say that they are a plate.
_PLATE = re.compile(
    r"(?<!\w)(?i:plaques?|immatricul\w{0,8}|(?:licence )?plates?)(?!\w)[^\n!?]{0,30}?"
    r"(?<!\w)((?i:[A-Z]{3}\d{3}|\d{3}[A-Z]{3}|[A-Z]\d{2}[A-Z]{3}|F[A-Z]{2}\d{4})"
    r"|[A-Z]{3}[ -]\d{3}|\d{3}[ -][A-Z]{3}|[A-Z]\d{2}[ -][A-Z]{3}|F[A-Z]{2}[ -]?\d{4})(?!\w)"
)
"""The forms of Québec's plates for cars (three letters and three digits, or one, two and three) and trucks (F…)."""
_NOT_OF_A_PLATE = re.compile(r"RUE|AVE|RTE|EST|SUD|ANS|MOI|PAS|DES|LES|SUR", re.IGNORECASE)
_TOLL_FREE = frozenset({"800", "833", "844", "855", "866", "877", "888"})
_PUBLIC_DOMAINS = re.compile(r"(?:^|\.)(?:ville|gouv|gov|canada|quebec|montreal|laval|longueuil)\.", re.IGNORECASE)
_SHORTENERS = re.compile(
    r"(?<![\w.])(?:bit\.ly|tinyurl\.com|goo\.gl|t\.ly|is\.gd|ow\.ly|cutt\.ly|rb\.gy|shorturl\.at|wa\.me|t\.me|rebrand\.ly)"
    r"/\S{1,200}",
    re.IGNORECASE,
)


def luhn(digits: str) -> bool:
    """Whether a string of digits satisfies the Luhn check of payment cards and social insurance numbers."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + index % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _digits(text: str) -> str:
    # int() of other scripts' digits is fine, but « ² » is a digit that int() refuses: only decimals are kept.
    return "".join(character for character in text if character.isdecimal())


def _is_card(match: re.Match[str]) -> bool:
    digits = _digits(match.group())
    # A row of zeros satisfies Luhn; no card is one.
    return luhn(digits) and len(set(digits)) > 1


def _is_phone(match: re.Match[str]) -> bool:
    return match.group(1) not in _TOLL_FREE


def _is_sin(match: re.Match[str]) -> bool:
    return luhn(_digits(match.group()))


def _is_private_mail(match: re.Match[str]) -> bool:
    return _PUBLIC_DOMAINS.search(match.group(1)) is None


def _is_plate(match: re.Match[str]) -> bool:
    return _NOT_OF_A_PLATE.search(match.group(1)) is None


def _always(_: re.Match[str]) -> bool:
    return True


# Code, shape, group that is shown, what else must hold, probability given (judged, not measured). The first that
# takes a stretch of text keeps it: a card's digits are not also a telephone.
_PERSONAL: tuple[tuple[ReasonCode, re.Pattern[str], int, Callable[[re.Match[str]], bool], float], ...] = (
    (ReasonCode.PATTERN_CARD, _CARD, 0, _is_card, 0.99),
    (ReasonCode.PATTERN_PHONE, _PHONE, 0, _is_phone, 0.9),
    (ReasonCode.PATTERN_SIN, _SIN, 0, _is_sin, 0.97),
    (ReasonCode.PATTERN_EMAIL, _EMAIL, 0, _is_private_mail, 0.9),
    (ReasonCode.PATTERN_HOME_ADDRESS, _HOME, 1, _always, 0.85),
    (ReasonCode.PATTERN_PLATE, _PLATE, 1, _is_plate, 0.85),
    (ReasonCode.PATTERN_POSTAL_CODE, _POSTAL_CODE, 0, _always, 0.5),
)


def personal_information(original: str) -> Iterator[Hit]:
    """Cards, social insurance numbers, telephones, licence plates, addresses of mail and of people.

    The city's own means of contact (free numbers, addresses at a public domain) are nobody's private life, and the
    civic address of a pothole is what a request is made of: only a person's home is looked for.
    """
    taken: list[tuple[int, int]] = []
    for code, shape, group, holds, score in _PERSONAL if _DIGIT_OR_AT.search(original) else ():
        for match in shape.finditer(original[:READ_CHARACTERS]):
            start, end = match.span(group)
            free = all(end <= other_start or other_end <= start for other_start, other_end in taken)
            if free and holds(match):
                taken.append((start, end))
                yield Hit(code, start, end, Breach.PERSONAL_INFORMATION, score=score)


def spam_marks(text: Text) -> Iterator[Hit]:
    """Links, shorteners, one word or emoji said over and over, capitals; none is a breach by itself but shorteners."""
    shorteners = []
    for match in _SHORTENERS.finditer(text.original[:READ_CHARACTERS]) if "/" in text.original else ():
        shorteners.append(match.span())
        yield Hit(ReasonCode.SPAM_SHORTENER, *match.span(), Breach.SPAM, score=0.7)
    for token in text.tokens:
        if token.form == "<url>" and not any(start < token.end and token.start < end for start, end in shorteners):
            yield Hit(ReasonCode.SPAM_LINK, token.start, token.end)
    words = Counter(token.form for token in text.tokens if token.is_word and len(token.form) > 3)
    if words and (most := max(words.values())) >= 8 and most > 0.5 * text.words:
        yield Hit(ReasonCode.SPAM_REPETITION, None, None, Breach.SPAM, score=0.6)
    if text.shouted:
        yield Hit(ReasonCode.SPAM_CAPITALS, None, None)

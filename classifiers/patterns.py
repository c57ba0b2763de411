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


_DIGIT_OR_AT = re.compile(r"[\d@]|arobas|\bat\b|(?:zéro|zero|cinq|five)", re.IGNORECASE)
"""What every shape of personal information has: most comments have none, and are not looked through nine times."""

_CARD = re.compile(r"(?<![\d.,])(?:\d[ -]?){12,18}\d(?![\d])")
_SIN = re.compile(r"(?<![\d-])[0-79]\d{2}([ -]?)\d{3}\1\d{3}(?![\d-])")
_PHONE = re.compile(r"(?<![\d-])(?:\+?1[ .-]?)?\(?([2-9]\d{2})\)?[ .-]{0,2}\d{3}[ .-]?\d{4}(?![\d-])")
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@([\w-]{1,63}(?:\.[\w-]{1,63}){1,4})")
_DIGITS_SPELT = {
    "zéro": 0, "zero": 0, "un": 1, "one": 1, "deux": 2, "two": 2, "trois": 3, "three": 3, "quatre": 4, "four": 4,
    "cinq": 5, "five": 5, "six": 6, "sept": 7, "seven": 7, "huit": 8, "eight": 8, "neuf": 9, "nine": 9,
}  # fmt: skip
_SPELT = "|".join(_DIGITS_SPELT)
_PHONE_SPELT = re.compile(
    rf"(?<!\w)(?:(?:\d{{1,4}}|{_SPELT})[ .,-]{{1,3}}){{3,11}}(?:\d{{1,4}}|{_SPELT})(?!\w)", re.IGNORECASE
)
"""A telephone with some of its digits in words, so that no machine reads it."""
_EMAIL_SPELT = re.compile(
    r"(?<!\w)[\w.+-]{2,40} ?(?:@|[(\[]\s?(?:at|a|arobase?s?)\s?[)\]]| (?:at|arobase?s?) ) ?([\w-]{2,40}"
    r" ?(?:\.|[(\[]\s?(?:dot|point)\s?[)\]]| (?:dot|point) ) ?(?:com|ca|net|org|fr|info))(?!\w)",
    re.IGNORECASE,
)
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
_ROLE = re.compile(
    r"(?:^|[._-])(?:info|infos|contact|accueil|reception|service|services|admin|administration|secretariat|inscriptions?"
    r"|reservations?|communications?|direction|bureau|club|comite|association|bibliotheque|loisirs?|mairie|cabinet|ville"
    r"|municipalite|greffe|urbanisme|permis|taxes|plaintes?|dons|benevoles?)(?:[._-]|$)",
    re.IGNORECASE,
)
"""What an address of mail is before its @ when a function answers it, and not a person."""
_TOLL_FREE = frozenset({"800", "833", "844", "855", "866", "877", "888"})
_PUBLIC_DOMAINS = re.compile(
    r"(?:^|\.)(?:ville|gouv|gov|justice|mairie|canada|quebec|montreal|laval|longueuil)\.", re.IGNORECASE
)
_SHORTENERS = re.compile(
    r"(?<![\w.])(?:bit\.ly|tinyurl\.com|goo\.gl|t\.ly|is\.gd|ow\.ly|cutt\.ly|rb\.gy|shorturl\.at|wa\.me|t\.me|rebrand\.ly)"
    r"/\S{1,200}",
    re.IGNORECASE,
)


_PRICE = re.compile(r"(?<![\w,.])\d{1,6}(?:[.,]\d\d)? ?\$")


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


def _is_spelt_phone(match: re.Match[str]) -> bool:
    parts = re.split(r"[ .,-]+", match.group().lower())
    digits = "".join(part if part.isdecimal() else str(_DIGITS_SPELT[part]) for part in parts)
    return len(digits) == 10 and digits[0] in "23456789" and any(not part.isdecimal() for part in parts)


def _is_sin(match: re.Match[str]) -> bool:
    return luhn(_digits(match.group()))


def _is_private_mail(match: re.Match[str]) -> bool:
    return _PUBLIC_DOMAINS.search(match.group(1)) is None and _ROLE.search(match.group().split("@")[0]) is None


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
    (ReasonCode.PATTERN_PHONE, _PHONE_SPELT, 0, _is_spelt_phone, 0.85),
    (ReasonCode.PATTERN_EMAIL, _EMAIL, 0, _is_private_mail, 0.9),
    (ReasonCode.PATTERN_EMAIL, _EMAIL_SPELT, 0, _is_private_mail, 0.85),
    (ReasonCode.PATTERN_HOME_ADDRESS, _HOME, 1, _always, 0.85),
    (ReasonCode.PATTERN_PLATE, _PLATE, 1, _is_plate, 0.85),
    (ReasonCode.PATTERN_POSTAL_CODE, _POSTAL_CODE, 0, _always, 0.5),
)
MAY_BE_PUBLIC = frozenset({ReasonCode.PATTERN_PHONE, ReasonCode.PATTERN_EMAIL, ReasonCode.PATTERN_HOME_ADDRESS})
"""Shapes that are as often an organisation's."""


def contact(written: str) -> str:
    """A telephone (its last ten digits), or an address of mail or street, in the form in which they are compared."""
    digits = _digits(written)
    if len(digits) in (10, 11) and not any(character.isalpha() for character in written):
        return digits[-10:]
    return " ".join(written.casefold().split())


def personal_information(text: Text, contacts: frozenset[str] = frozenset()) -> Iterator[Hit]:
    """Cards, social insurance numbers, telephones, licence plates, addresses of mail and of people.

    What is in `contacts` (the city's own list, each as `contact` writes it), free numbers, public domains and addresses
    of a function are nobody's private life; the civic address of a pothole is what a request is made of, so that only a
    person's home is looked for.
    """
    original = text.original[:READ_CHARACTERS]
    taken: list[tuple[int, int]] = []
    for code, shape, group, holds, score in _PERSONAL if _DIGIT_OR_AT.search(original) else ():
        for match in shape.finditer(original):
            start, end = match.span(group)
            free = all(end <= other_start or other_end <= start for other_start, other_end in taken)
            if not free or not holds(match):
                continue
            taken.append((start, end))
            # Of an address, only the first words are in the shape.
            if code in MAY_BE_PUBLIC and any(known.startswith(contact(match.group(group))) for known in contacts):
                continue
            yield Hit(code, start, end, Breach.PERSONAL_INFORMATION, score=score)


def spam_marks(text: Text) -> Iterator[Hit]:
    """Links, shorteners, prices, a word said over and over, capitals; only shorteners and repetition raise anything."""
    shorteners = []
    for match in _SHORTENERS.finditer(text.original[:READ_CHARACTERS]) if "/" in text.original else ():
        shorteners.append(match.span())
        yield Hit(ReasonCode.SPAM_SHORTENER, *match.span(), Breach.SPAM, score=0.7)
    for match in _PRICE.finditer(text.original[:READ_CHARACTERS]) if "$" in text.original else ():
        yield Hit(ReasonCode.SPAM_PRICE, *match.span())
    for token in text.tokens:
        if token.form == "<url>" and not any(start < token.end and token.start < end for start, end in shorteners):
            yield Hit(ReasonCode.SPAM_LINK, token.start, token.end)
    words = Counter(token.form for token in text.tokens if token.is_word and len(token.form) > 3)
    if words and (most := max(words.values())) >= 8 and most > 0.5 * text.words:
        yield Hit(ReasonCode.SPAM_REPETITION, None, None, Breach.SPAM, score=0.6)
    if text.shouted:
        yield Hit(ReasonCode.SPAM_CAPITALS, None, None)

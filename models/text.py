"""Texts as they are kept, and the words by which they are found: one folding and one French stemming for all."""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import urlsplit

import snowballstemmer

LONGEST_LINK = 500

READ_CHARACTERS = 70_000
"""Longer than any comment that a network takes (63,206 characters at most); nothing is found by what follows."""

WORD_CHARACTERS = 40
"""A longer run of letters is no word; it is found by its head."""

_SPELT = str.maketrans(
    {"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d"}
    | dict.fromkeys("’‘ʼʹ′`´＇", "'")
    | {"°": "o", "º": "o"}
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2212\u200b", "-")
)
"""One letter, apostrophe or hyphen for all that is read as it. A space without width parts words as a hyphen does."""
_PLAIN = _SPELT | dict.fromkeys(range(0x0300, 0x0370))
"""The same, without the accents that stand apart once a letter is taken to pieces."""

_UNSEEN = frozenset({"Mn", "Me", "Cf"})
_CHUNK = re.compile(r"[^\W_]+(?:['-]+[^\W_]+)*|[^\w\s]")
_ELIDED = frozenset(["c", "d", "j", "l", "m", "n", "s", "t", "qu", "jusqu", "lorsqu", "puisqu", "quoiqu"])
_SHORT = {
    short: word
    for word, shorts in {
        "saint": "st ste sts stes",
        "avenue": "av ave",
        "boulevard": "bd bl blvd boul",
        "chemin": "ch chem",
        "montee": "mtee",
        "numero": "no num",
        "place": "pl",
        "rang": "rg",
        "route": "rte",
    }.items()
    for short in shorts.split()
}
"""What stands in addresses, and the word that it stands for."""
_ORDINAL = re.compile(r"(\d+)(?:i?eme|i?ere|er|re|nde?)s?")
_APART = re.compile(r"(\d{1,2})(h)(\d\d)?|([a-z]\d[a-z])(\d[a-z]\d)")
"""Hours and postal codes, which are written with and without blanks."""
_INITIALS = re.compile(r"\b(?:[^\W\d_]\.){2,}(?:[^\W\d_]\b)?")

_GENDERLESS = [
    (re.compile(pattern), by)
    for pattern, by in (
        (r"(?<=...)e{0,2}s?$", ""),
        (r"(?<=..[^ey])aux$", "al"),
        (r"(?<=.[aeo]u)x$", ""),
        (r"([^aeiouy])\1$", r"\1"),
        (r"(?<=...)s$", ""),
        (r"tric$", "teu"),
        (r"eur$", "eu"),
        (r"c?qu$", "c"),
        (r"(?<=..)gu$", "g"),
        (r"([iu])v$", r"\1f"),
    )
]
"""Endings that snowball, which knows its words with accents, leaves apart: plurals, then feminine forms."""
_IRREGULAR = {
    "beau": "bel",
    "blanch": "blanc",
    "fou": "fol",
    "fraich": "frai",
    "franch": "franc",
    "nouveau": "nouvel",
    "sech": "sec",
    "tou": "tout",
    "traval": "travail",
    "vieu": "vieil",
}


class _Stemmer(threading.local):
    """A stemmer holds the word that it works on, so each thread has its own."""

    def __init__(self) -> None:
        self.of = snowballstemmer.stemmer("french").stemWord


_stemmer = _Stemmer()


def cleaned(text: str | None) -> str | None:
    """What every database can keep: no NUL, no half of a surrogate pair; all else stays as the citizen wrote it."""
    if text is None:
        return None
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")


def web_link(address: str | None, longest: int | None = LONGEST_LINK) -> str | None:
    """The address, if it leads a browser to the web and has at most `longest` characters; else None."""
    address = (address or "").strip()
    followed = len(address) <= (longest or len(address)) and address.isprintable() and " " not in address
    try:
        parts = urlsplit(address)
        return address if followed and parts.scheme in {"http", "https"} and parts.hostname else None
    except ValueError:
        return None


def is_email(said: str) -> bool:
    """Whether it may be an address of a mailbox; only a letter shows whether it is one."""
    local, at, host = said.partition("@")
    return bool(local and at and host) and said.isprintable() and " " not in said and len(said) <= 254


def chunks(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What stands between blanks and punctuation, written in one, and its folded words: « l’Hôtel-Dieu » is
    ("lhoteldieu", ("hotel", "dieu")).

    Folded: compatibility forms, capitals, accents, ligatures and invisible characters read as the plain letters; what
    French elides before an apostrophe is left out; what addresses shorten is spelt out (« boul. », « Ste », « 1ère »,
    « nº »), and initials are written without points. A sign that is no word (an emoji) is a word of its own.
    """
    folded = unicodedata.normalize("NFKD", text[:READ_CHARACTERS].translate(_SPELT)).casefold().translate(_PLAIN)
    if not folded.isascii():
        folded = "".join([character for character in folded if unicodedata.category(character) not in _UNSEEN])
    folded = _INITIALS.sub(lambda found: found[0].replace(".", ""), folded)
    for chunk in _CHUNK.findall(folded):
        whole, kept = _taken_apart(chunk)
        if kept:
            yield whole, kept


@lru_cache(maxsize=65536)
def _taken_apart(chunk: str) -> tuple[str, tuple[str, ...]]:
    """Citizens write the same few thousand words again and again."""
    if not chunk[0].isalnum():
        return chunk, (chunk,) if unicodedata.category(chunk) == "So" else ()
    words = [word for part in re.split("['-]+", chunk) for word in _spelt_out(part[:WORD_CHARACTERS])]
    return "".join(words), tuple(word for word in words if word not in _ELIDED)


def _spelt_out(word: str) -> list[str]:
    if (apart := _APART.fullmatch(word)) is not None:
        return [part for part in apart.groups() if part]
    return [_SHORT.get(word) or _ORDINAL.sub(r"\1e", word)]


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """What a folded word has in common with its plural, its other gender and the forms of its verb."""
    if not word.isascii():
        return "x" + word.encode().hex()  # The two databases cut other alphabets into words in other ways.
    if not word.isalpha():
        return word
    for pattern, by in _GENDERLESS:
        word = pattern.sub(by, word) if len(word) > 3 else word
    word = _IRREGULAR.get(word, word)
    word = _stemmer.of(word) if len(word) > 3 else word
    return re.sub(r"(?<=...)s$", "", re.sub(r"([^aeiouy])\1$", r"\1", re.sub(r"(?<=...)e$", "", word)))

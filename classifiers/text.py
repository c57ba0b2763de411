"""The one reading of a text, at training and at inference: folded tokens with their place in the text as written."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property, lru_cache

READ_CHARACTERS = 70_000
"""Longer than any comment a network accepts (63,206 characters at most); what follows is not read."""

WORD_CHARACTERS = 40
"""A longer run of letters is no word; only its head is read."""

_MARKS = re.compile(
    r"(?P<url>https?://[^\s<>\"]{1,2000}|(?<![\w.@])www\.[^\s<>\"]{1,2000}"
    r"|(?<![\w.@-])(?:[a-z0-9-]{1,63}\.){1,3}(?:ca|com|net|org|info|ly|gl|me|co|io|xyz|shop|quebec)(?:/[^\s<>\"]{0,2000})?(?![\w@]))"
    r"|(?P<email>(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4})"
    r"|(?P<user>(?<![\w@])@\w[\w.]{0,60})",
    re.IGNORECASE,
)
_STAND_INS = {"url": "<url>", "email": "<courriel>", "user": "@user"}

_HAN = r"\u3400-\u9fff"
"""Chinese has no space between words: each of its signs is a token."""
_TOKEN = re.compile(rf"<url>|<courriel>|@user|[{_HAN}]|[^\W_{_HAN}]+(?:[*@$]+[^\W_{_HAN}]+)*'?|[!?]+|\.{{2,}}|[^\w\s]")
_RUN = re.compile(r"([^\W\d_])\1{2,}")
_LEET = str.maketrans("013457@$", "oieastas")
_FOLDS = {"œ": "oe", "æ": "ae", "’": "'", "‘": "'", "ʼ": "'", "`": "'", "ø": "o", "ß": "ss"}
_DROPPED = frozenset({"Mn", "Me", "Cf", "Cc", "Cs"})


@dataclass(frozen=True, slots=True)
class Token:
    """A word, mark or emoji: `form` is folded, `start` and `end` are positions in the text as written."""

    form: str
    start: int
    end: int
    variants: tuple[str, ...] = ()
    """Other readings, kept beside the form and never instead of it: repeated letters, digits for letters, split."""

    @property
    def is_word(self) -> bool:
        return self.form[0].isalpha()


@dataclass(frozen=True)
class Text:
    """A text that has been read."""

    original: str
    tokens: tuple[Token, ...]

    @cached_property
    def pieces(self) -> tuple[str, ...]:
        """What the encoder reads, one piece for each token with the blank before it: as it was written, in lower case
        and each digit as 0, or the plainest other reading. Together they are the text.
        """
        return tuple(map(self._piece, self.tokens))

    def _piece(self, token: Token) -> str:
        blank = " " if self.original[max(token.start - 1, 0) : token.start].isspace() else ""
        if token.form in _STAND_INS.values():
            return f" {token.form} "
        written = token.variants[-1] if token.variants else self.original[token.start : token.end].lower()
        return blank + re.sub(r"\d", "0", written[:WORD_CHARACTERS])

    @cached_property
    def words(self) -> int:
        return sum(token.is_word for token in self.tokens)

    @cached_property
    def shouted(self) -> bool:
        """Whether most letters are capitals, in a text long enough (20 letters) for it to be meant."""
        letters = [character for character in self.original[:READ_CHARACTERS] if character.isalpha()]
        return len(letters) >= 20 and sum(character.isupper() for character in letters) > 0.7 * len(letters)


@lru_cache(maxsize=8192)
def _fold_character(character: str) -> str:
    """Compatibility form, lower case, no accent: citizens write with and without, so both read the same.

    Folding character by character keeps the map to the original exact; it differs from folding the whole string
    only in the order of combining marks, which are dropped.
    """
    if character in "\n\r\t\v\f\x00":
        return " "
    folded = _FOLDS.get(character) or unicodedata.normalize("NFKD", character).lower()
    kept = "".join(_FOLDS.get(c, c) for c in folded if unicodedata.category(c) not in _DROPPED)
    return re.sub(r"\s+", " ", kept)


_LATIN_FOLDS = {code: folded for code in range(0x20, 0x180) if len(folded := _fold_character(chr(code))) == 1}
_LATIN = re.compile(f"(?P<known>[{re.escape(''.join(map(chr, _LATIN_FOLDS)))}]+)|.", re.DOTALL)
"""Stretches of letters and marks that each fold to one, or a character that may fold to none or to several."""


def _fold(text: str) -> tuple[str, list[int], list[int]]:
    """The folded text, and for each of its characters where it starts and ends in the original."""
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []

    def put(piece: str, start: int, end: int) -> None:
        pieces.append(piece)
        starts.extend([start] * len(piece))
        ends.extend([end] * len(piece))

    def put_characters(start: int, end: int) -> None:
        for run in _LATIN.finditer(text, start, end):
            first, last = run.span()
            if run.lastgroup:
                # Nearly all of a text: a call for each letter would be a good part of what reading costs.
                pieces.append(run.group().translate(_LATIN_FOLDS))
                starts.extend(range(first, last))
                ends.extend(range(first + 1, last + 1))
            elif piece := _fold_character(run.group()):
                put(piece, first, last)
            elif ends:
                # A dropped mark belongs to the letter before it: a reason's span must not cut an accent in two.
                ends[-1] = last

    cursor = 0
    for mark in _MARKS.finditer(text):
        put_characters(cursor, mark.start())
        put(" ", mark.start(), mark.start())
        put(_STAND_INS[mark.lastgroup or "url"], mark.start(), mark.end())
        put(" ", mark.end(), mark.end())
        cursor = mark.end()
    put_characters(cursor, len(text))
    return "".join(pieces), starts, ends


@lru_cache(maxsize=65536)
def _readings(raw: str) -> tuple[str, tuple[str, ...]]:
    """The form of a raw token, and its other readings."""
    if not raw[0].isalnum():
        return (raw[0] * min(len(raw), 2) if raw[0] in "!?." else raw), ()
    raw = raw[:WORD_CHARACTERS]
    form = _RUN.sub(r"\1\1", raw)
    others = [_RUN.sub(r"\1", raw)]
    letters = sum(character.isalpha() for character in form)
    if letters >= 2 and letters < len(form.rstrip("'")) and not form[0].isdigit():
        others.append(_RUN.sub(r"\1\1", form.translate(_LEET)))
    variants = tuple(dict.fromkeys(other for other in others if other and other != form))
    # Digits are no words: an amount or an address must not become a feature of its own.
    return re.sub(r"\d", "0", form), variants


def _join_split_letters(tokens: list[Token]) -> list[Token]:
    """Give the first letter of « c o n n a r d » or « c.o.n.n.a.r.d » the joined word as a variant over the whole."""
    joined = list(tokens)
    index = 0
    while index < len(tokens):
        letters: list[int] = []
        cursor = index
        while cursor < len(tokens):
            form = tokens[cursor].form
            if len(form) == 1 and form.isascii() and form.isalpha():
                letters.append(cursor)
            elif not (letters and form in {".", "-", "*", "_", "/"}):
                break
            cursor += 1
        if len(letters) >= 4:
            word = "".join(tokens[i].form for i in letters)[:WORD_CHARACTERS]
            first, last = tokens[letters[0]], tokens[letters[-1]]
            joined[letters[0]] = Token(first.form, first.start, last.end, (word,))
        index = max(cursor, index + 1)
    return joined


def read(text: str) -> Text:
    """Read a text; any string is accepted, and none makes it raise."""
    folded, starts, ends = _fold(text[:READ_CHARACTERS])
    tokens = []
    for match in _TOKEN.finditer(folded):
        form, variants = _readings(match.group())
        tokens.append(Token(form, starts[match.start()], ends[match.end() - 1], variants))
    return Text(text, tuple(_join_split_letters(tokens)))

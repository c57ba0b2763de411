"""Lexicons over the linear model: what is certain enough to raise a probability, and what forbids raising it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

from classifiers.patterns import MAY_BE_PUBLIC, Hit, personal_information, spam_marks
from classifiers.reasons import ReasonCode
from classifiers.text import Text, Token, read
from models.vocabulary import Breach

_GAP = ".."
_GAP_WORDS = 3
_KEY = 3
"""Phrases are found by the first letters of their first word."""

_FORMS_KEPT = 65_536
"""Words of which it is remembered what they open."""

_OPENING = {"«": "»", "“": "”", '"': '"'}
_RUN_TOGETHER = frozenset(["insulte", "haine"])
"""Lexicons whose phrases are found too when they are written in one word, as a hashtag or letter by letter."""

_STILL = frozenset(
    ["encore", "maintenant", "presentement", "toujours", "actuellement", "vite", "aidez", "urgent", "svp", "revient"]
)
_SENTENCE_ENDS = frozenset([".", "!", "!!", "?", "??", ";", "..", "…"])
_CLAUSE_ENDS = _SENTENCE_ENDS | {",", ":", "(", ")", "pis", "puis", "mais", "but"}
_OPENING_WORDS = 4
"""A time said in so few words before the first comma holds for the whole sentence: « La semaine passée, »."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words in a row: (word, whether it is only a stem), with gaps of up to three words where `word` is « .. »."""

    parts: tuple[tuple[str, bool], ...]

    def opens(self, form: str) -> bool:
        """Whether its first word is this one, or the stem of this one."""
        word, stem = self.parts[0]
        return form.startswith(word) if stem else form == word


def _says(token: Token, word: str, *, stem: bool) -> bool:
    if "*" in token.form:
        # « conn*rd »: the writer hid letters; what is left must be the word, letter for letter.
        if token.form.count("*") > len(token.form) / 2:
            return False
        long_enough = len(token.form) >= len(word) if stem else len(token.form) == len(word)
        return long_enough and all(a in {"*", b} for a, b in zip(token.form, word, strict=False))
    readings = (token.form, *token.variants)
    return any(reading.startswith(word) for reading in readings) if stem else word in readings


def _match(phrase: Phrase, tokens: Sequence[Token], index: int, position: int = 0) -> int | None:
    """Index after the last token when the phrase, from its part at `position` on, stands at `index`."""
    for number in range(position, len(phrase.parts)):
        word, stem = phrase.parts[number]
        if word == _GAP:
            for skipped in range(_GAP_WORDS + 1):
                end = _match(phrase, tokens, index + skipped, number + 1)
                if end is not None:
                    return end
            return None
        if index >= len(tokens) or not _says(tokens[index], word, stem=stem):
            return None
        index += 1
    return index


class Lexicon:
    """The phrases of one file, found in a text in one pass."""

    def __init__(self, name: str) -> None:
        self._phrases: dict[str, list[Phrase]] = {}
        self._opened: dict[str, tuple[Phrase, ...]] = {}
        for line in resources.files("classifiers").joinpath(f"lexicons/{name}.txt").read_text("utf-8").splitlines():
            if not line or line.startswith("#"):
                continue
            parts: list[tuple[str, bool]] = []
            for piece in line.split():
                if piece == _GAP:
                    parts.append((_GAP, False))
                    continue
                forms = [token.form for token in read(piece.removesuffix("*")).tokens]
                parts.extend((form, False) for form in forms[:-1])
                parts.append((forms[-1], piece.endswith("*")))
            self._add(parts)
            if name in _RUN_TOGETHER and len(parts) > 1 and all(word != _GAP for word, _ in parts):
                self._add([("".join(word for word, _ in parts), parts[-1][1])])
        for phrases in self._phrases.values():
            phrases.sort(key=lambda phrase: -len(phrase.parts))

    def _add(self, parts: Sequence[tuple[str, bool]]) -> None:
        self._phrases.setdefault(parts[0][0][:_KEY], []).append(Phrase(tuple(parts)))

    def find(self, tokens: Sequence[Token], starts: Iterable[int]) -> Iterator[tuple[int, int]]:
        """Spans (token indexes, end excluded) of the phrases that begin at `starts`, longest first, without overlap."""
        free = 0
        for index in starts:
            if index >= free and (end := self.at(tokens, index)) is not None:
                yield index, end
                free = end

    def at(self, tokens: Sequence[Token], index: int) -> int | None:
        """Index after the longest phrase that starts at `index`."""
        token = tokens[index]
        plain = not token.variants and "*" not in token.form
        for phrase in self.opened(token.form) if plain else self._nearly_opened(token):
            # The first word of a phrase that a plain word opens has been said.
            end = _match(phrase, tokens, index + plain, int(plain))
            if end is not None:
                return end
        return None

    def opened(self, form: str) -> tuple[Phrase, ...]:
        """The phrases that a word of this form opens, longest first: none, for nearly every word."""
        known = self._opened.get(form)
        if known is None:
            known = tuple(phrase for phrase in self._phrases.get(form[:_KEY], ()) if phrase.opens(form))
            if len(self._opened) < _FORMS_KEPT:
                self._opened[form] = known
        return known

    def _nearly_opened(self, token: Token) -> Iterator[Phrase]:
        """The phrases that a word opens perhaps, which can be read in more than one way."""
        keys: Iterable[str] = dict.fromkeys(reading[:_KEY] for reading in (token.form, *token.variants))
        if "*" in token.form:
            keys = [key for key in self._phrases if all(a in ("*", b) for a, b in zip(token.form, key, strict=False))]
        return (phrase for key in keys for phrase in self._phrases.get(key, ()))


@dataclass(frozen=True, slots=True)
class _Rule:
    lexicon: str
    code: ReasonCode
    breach: Breach | None = None
    level: int = 0
    score: float = 0.0


# The scores are the author's judgement, not measures: they say how far a rule may raise what a person will see first.
_RULES = (
    _Rule("insulte", ReasonCode.LEXICON_INSULT, Breach.INSULT, score=0.9),
    _Rule("haine", ReasonCode.LEXICON_HATE, Breach.HATE, score=0.85),
    _Rule("vulgaire", ReasonCode.LEXICON_VULGAR, Breach.VULGAR, score=0.7),
    _Rule("menace", ReasonCode.LEXICON_THREAT, Breach.THREAT, level=2, score=0.85),
    _Rule("danger", ReasonCode.LEXICON_DANGER, level=2, score=0.9),
    _Rule("detresse", ReasonCode.LEXICON_DISTRESS, level=2, score=0.9),
    _Rule("meme_jour", ReasonCode.LEXICON_SAME_DAY, level=1, score=0.7),
    _Rule("sacre", ReasonCode.LEXICON_SWEAR),
    _Rule("calme", ReasonCode.LEXICON_CALM),
)
_MAY_BE_DENIED = frozenset({Breach.INSULT, Breach.HATE, Breach.VULGAR, Breach.SPAM})
"""A threat is raised even quoted or denied: it is escalated to a person, never hidden."""


@cache
def _lexicon(name: str) -> Lexicon:
    return Lexicon(name)


_AIMS = ("ville", "personne", "groupe_vise")
_OTHERS = (
    *("anodin", "passe", "recit", "present", "cible", "cible_large", "pub_spam", "question", "ironie"),
    *("organisme", "prive"),
)
_SOUGHT = (*(rule.lexicon for rule in _RULES), *_OTHERS, *_AIMS)


@lru_cache(maxsize=_FORMS_KEPT)
def _begun_by(form: str) -> tuple[str, ...]:
    """The lexicons that have a phrase that begins with a word of this form: none, for nearly every word."""
    return tuple(name for name in _SOUGHT if _lexicon(name).opened(form))


def _starts(tokens: Sequence[Token]) -> dict[str, list[int]]:
    """Where a phrase of each lexicon may begin. A word that can be read in two ways may begin any."""
    starts: dict[str, list[int]] = {name: [] for name in _SOUGHT}
    for index, token in enumerate(tokens):
        for name in _SOUGHT if token.variants or "*" in token.form else _begun_by(token.form):
            starts[name].append(index)
    return starts


def _quoted(tokens: Sequence[Token]) -> set[int]:
    """Indexes of tokens between quotation marks that close within 25 tokens."""
    inside: set[int] = set()
    closed = 0
    for index, token in enumerate(tokens):
        closing = _OPENING.get(token.form)
        if closing is None or index < closed:
            continue
        end = next((i for i in range(index + 1, min(index + 26, len(tokens))) if tokens[i].form == closing), None)
        if end is not None:
            inside.update(range(index + 1, end))
            closed = end + 1
    return inside


def _denied(tokens: Sequence[Token], start: int) -> bool:
    """Whether only small words stand between a denial or a report (« traité de ») and the phrase."""
    for index in range(start - 1, max(start - 7, -1), -1):
        if _lexicon("negation").at(tokens, index) is not None:
            return True
        if _lexicon("petits_mots").at(tokens, index) is None:
            return False
    return False


def _aimed(tokens: Sequence[Token], starts: Mapping[str, Iterable[int]]) -> Iterator[tuple[int, int]]:
    """Spans of ambiguous words that the words just before aim at a person; only the word itself is in the span."""
    taken: set[int] = set()
    for lead, aimed in (("cible", ("insulte_visee", "insulte_image")), ("cible_large", ("insulte_visee",))):
        for start, end in _lexicon(lead).find(tokens, (index for index in starts[lead] if index not in taken)):
            taken.update(range(start, end))
            # One adjective may stand between: « bande de maudits caves ».
            for cursor in range(end, min(end + 2, len(tokens))):
                last = next((at for name in aimed if (at := _lexicon(name).at(tokens, cursor)) is not None), None)
                if last is not None:
                    if not _denied(tokens, start):
                        yield cursor, last
                    break


def _parts(tokens: Sequence[Token], ends: frozenset[str]) -> list[int]:
    """The number of the clause, or of the sentence, in which each token stands."""
    numbers, number = [], 0
    for token in tokens:
        numbers.append(number)
        number += token.form in ends
    return numbers


class _Time:
    """What a text says of when its dangers are."""

    def __init__(self, text: Text, starts: Mapping[str, Iterable[int]]) -> None:
        tokens = text.tokens
        self._past = [start for start, _ in _lexicon("passe").find(tokens, starts["passe"])]
        self._clause, self._sentence = _parts(tokens, _CLAUSE_ENDS), _parts(tokens, _SENTENCE_ENDS)
        self._still = any(token.form in _STILL for token in tokens)
        told = any(True for _ in _lexicon("recit").find(tokens, starts["recit"])) or any(
            token.form == "<url>" for token in tokens
        )
        self.retold = told and not any(True for _ in _lexicon("present").find(tokens, starts["present"]))

    def over(self, index: int) -> bool:
        """Whether what stands at this token is over, only supposed, or news of elsewhere."""
        return self.retold or (not self._still and any(self._covers(marker, index) for marker in self._past))

    def _covers(self, marker: int, index: int) -> bool:
        """A time holds for its clause; said first and shortly, for its sentence."""
        if self._clause[marker] == self._clause[index]:
            return True
        first = self._sentence.index(self._sentence[marker])
        opens = self._clause[first] == self._clause[marker]
        short = self._clause.count(self._clause[marker]) <= _OPENING_WORDS + 1
        return opens and short and marker < index and self._sentence[marker] == self._sentence[index]


def about(text: Text) -> tuple[bool, bool]:
    """Whether a text is about the city, its people or its policies; and whether it speaks to a person or of a group.

    Criticism is protected by what it is about, whatever it was taken for.
    """
    starts = _starts(text.tokens)
    city, person, group = (any(True for _ in _lexicon(name).find(text.tokens, starts[name])) for name in _AIMS)
    return city, person or group


def retold(text: Text) -> bool:
    """Whether a text brings news of elsewhere, and not what its writer lives."""
    return _Time(text, _starts(text.tokens)).retold


def hits(text: Text, contacts: frozenset[str] = frozenset()) -> list[Hit]:
    """All that the rules find in a text, in no order that matters. `contacts`: as in `Context`."""
    tokens = text.tokens
    starts, quoted = _starts(tokens), _quoted(tokens)
    time = _Time(text, starts)
    found = [hit for hit in personal_information(text, contacts) if not _public(hit, tokens, starts)]
    found.extend(spam_marks(text))
    innocent = list(_lexicon("anodin").find(tokens, starts["anodin"]))

    def place(start: int, end: int) -> tuple[int, int]:
        return tokens[start].start, tokens[end - 1].end

    def harmless(start: int, end: int) -> bool:
        """An expression as long as the word that it covers, or longer, gives that word its meaning."""
        return any(first < end and start < last and last - first >= end - start for first, last in innocent)

    def judged(start: int, end: int, rule: _Rule) -> Hit:
        if rule.breach in _MAY_BE_DENIED and (start in quoted or _denied(tokens, start)):
            return Hit(ReasonCode.LEXICON_DENIED, *place(start, end), kind=rule.code)
        if rule.code is ReasonCode.LEXICON_DANGER and time.over(start):
            return Hit(ReasonCode.LEXICON_DANGER_PAST, *place(start, end))
        return Hit(rule.code, *place(start, end), rule.breach, rule.level, rule.score)

    for rule in _RULES:
        spans = _lexicon(rule.lexicon).find(tokens, starts[rule.lexicon])
        found.extend(judged(start, end, rule) for start, end in spans if not harmless(start, end))
    insults = {hit.start for hit in found if hit.code is ReasonCode.LEXICON_INSULT}
    aimed = _Rule("insulte_visee", ReasonCode.LEXICON_AIMED_INSULT, Breach.INSULT, score=0.8)
    found.extend(
        judged(start, end, aimed)
        for start, end in dict.fromkeys(_aimed(tokens, starts))
        if tokens[start].start not in insults and not harmless(start, end)
    )
    linked = any(hit.code in {ReasonCode.SPAM_LINK, ReasonCode.SPAM_SHORTENER} for hit in found)
    marks = [span for span in _lexicon("pub_spam").find(tokens, starts["pub_spam"]) if not harmless(*span)]
    # Marks of advertising: one alone says little, two or one beside a link say much.
    score = 0.85 if len(marks) >= 2 or (marks and linked) else 0.4
    found.extend(judged(*span, _Rule("pub_spam", ReasonCode.LEXICON_SPAM, Breach.SPAM, score=score)) for span in marks)
    asked = (span for span in _lexicon("question").find(tokens, starts["question"]) if _opens(tokens, span[0]))
    found.extend(Hit(ReasonCode.LEXICON_QUESTION, *place(*span)) for span in asked)
    meant = _lexicon("ironie").find(tokens, starts["ironie"])
    found.extend(Hit(ReasonCode.LEXICON_IRONY, *place(*span)) for span in meant)
    return found


def _public(hit: Hit, tokens: Sequence[Token], starts: Mapping[str, Sequence[int]]) -> bool:
    """Whether the sentence says that an organisation answers there, and nobody in person."""
    if hit.code not in MAY_BE_PUBLIC or hit.start is None or hit.end is None:
        return False
    sentences = _parts(tokens, _SENTENCE_ENDS)
    within = (token.end > hit.start and token.start < hit.end for token in tokens)
    inside = {number for number, there in zip(sentences, within, strict=True) if there}

    def said(lexicon: str) -> bool:
        near = (index for index in starts[lexicon] if sentences[index] in inside)
        return any(True for _ in _lexicon(lexicon).find(tokens, near))

    return said("organisme") and not said("prive")


def _opens(tokens: Sequence[Token], index: int) -> bool:
    """Whether a sentence begins here, or just after a greeting."""
    return index < 2 or tokens[index - 1].form in _CLAUSE_ENDS

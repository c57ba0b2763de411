"""The city's names, indexed by their words, and the words of a text as they are read against them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from rapidfuzz import fuzz, process

from classifiers.text import Text, read
from models.vocabulary import PlaceKind


@dataclass(frozen=True)
class Entry:
    """A street, park or building of the city, by the name that the city writes."""

    kind: PlaceKind
    name: str
    borough: str | None = None


STREET_TYPES = {
    **dict.fromkeys(("rue", "r"), "rue"),
    **dict.fromkeys(("avenue", "av", "ave", "avenu"), "avenue"),
    **dict.fromkeys(("boulevard", "boul", "blvd", "bd", "boule", "boulevards", "bvd", "blv"), "boulevard"),
    **dict.fromkeys(("chemin", "ch", "chem"), "chemin"),
    **dict.fromkeys(("route", "rte"), "route"),
    **dict.fromkeys(("montee", "mtee"), "montee"),
    **dict.fromkeys(("place", "pl"), "place"),
    **{
        word: word
        for word in (
            *("rang", "ruelle", "croissant", "allee", "impasse", "terrasse", "autoroute", "square", "passage"),
            *("promenade", "cours", "cote", "voie", "sentier"),
        )
    },
    "rues": "rue",
    "avenues": "avenue",
}
"""What people write for the type of a street, and the type."""
PARK_TYPES = {
    **dict.fromkeys(("square", "carre"), "square"),
    **{word: word for word in ("parc", "place", "jardin", "jardins", "boise", "espace", "berge")},
}
BUILDING_TYPES = {
    **dict.fromkeys(("bibliotheque", "biblio"), "bibliotheque"),
    **dict.fromkeys(("arena", "arenas"), "arena"),
    **dict.fromkeys(("hopital", "hosto"), "hopital"),
    **dict.fromkeys(("centre", "complexe"), "centre"),
    **{
        word: word
        for word in (
            *("piscine", "caserne", "theatre", "musee", "maison", "marche", "pavillon", "stade"),
            *("gare", "cegep", "clsc", "mairie", "chalet", "ecocentre", "cimetiere", "pont", "quai", "station", "bain"),
            *("metro", "poste", "place", "jardin", "hotel"),
        )
    },
}
QUALIFIERS = frozenset(
    {"communautaire", "sportif", "culturel", "municipal", "municipale", "recreatif", "loisirs", "public"}
)
"""What the official name of a building has and people leave out."""
LINKS = frozenset({"de", "du", "des", "la", "le", "les", "d", "l", "d'", "l'", "a", "au", "aux", "et"})
ORIENTATIONS = {
    **dict.fromkeys(("est", "e"), "est"),
    **dict.fromkeys(("ouest", "o", "w"), "ouest"),
    **dict.fromkeys(("nord", "n"), "nord"),
    **dict.fromkeys(("sud", "s"), "sud"),
}
SAINTS = {"st": "saint", "ste": "sainte", "sts": "saints", "stes": "saintes"}
_ROMAN = {"ix": "9", "xii": "12", "xiii": "13", "xxiii": "23"}
SIGNS = frozenset({"/", "&", "coin", "angle", "x", "@", "croise"})
"""What joins the names of two streets, and hardly ever those of two people."""
TYPING_ERROR = 86
"""Likeness (0–100, rapidfuzz) from which a name after its type is taken for a mistyped one of the gazetteer."""
SHORTEST_MISTYPED = 5


@dataclass(frozen=True)
class Word:
    """A word, number or sign of the text, folded as the gazetteer's names are."""

    form: str
    start: int
    end: int
    capital: bool
    apart: bool
    """Whether a full stop or the like stands before it."""
    joined: bool
    """Whether a hyphen alone stands before it."""


@dataclass(frozen=True)
class Gazetteer:
    """The city's names, indexed at their first use."""

    entries: tuple[Entry, ...] = field(default=(), repr=False)

    @cached_property
    def _streets(self) -> Mapping[tuple[str, ...], list[Entry]]:
        """By the words of the name without type, links and orientation. Of several spellings of one street (« Pie IX »,
        « Pie-IX »), the one with most hyphens stands.
        """
        spelt: dict[tuple[str, ...], Entry] = {}
        for entry in sorted(self.entries, key=lambda entry: (len(entry.name), entry.name.count("-"))):
            if entry.kind is PlaceKind.STREET:
                spelt[tuple(form for form in _spelling(entry.name) if form not in LINKS)] = entry
        index: dict[tuple[str, ...], list[Entry]] = {}
        for entry in spelt.values():
            if words := _specific(entry.name):
                index.setdefault(words, []).append(entry)
        return index

    @cached_property
    def _named(self) -> Mapping[tuple[str, tuple[str, ...]], list[Entry]]:
        """Parks and buildings, by their type and the words of the name without it and links."""
        index: dict[tuple[str, tuple[str, ...]], list[Entry]] = {}
        for entry in self.entries:
            if entry.kind is PlaceKind.STREET:
                continue
            types = PARK_TYPES if entry.kind is PlaceKind.PARK else BUILDING_TYPES
            forms = [word.form for word in words_of(entry.name)]
            if forms and forms[0] in types and (words := tuple(form for form in forms[1:] if form not in LINKS)):
                for named in {words, tuple(form for form in words if form not in QUALIFIERS)} - {()}:
                    index.setdefault((types[forms[0]], named), []).append(entry)
        return index

    @cached_property
    def _ends(self) -> Mapping[tuple[str, tuple[str, ...]], list[Entry]]:
        """« parc Laurier » is Parc Sir-Wilfrid-Laurier where no other park ends so."""
        ends: dict[tuple[str, tuple[str, ...]], set[Entry]] = {}
        for (type_, words), entries in self._named.items():
            if len(words) > 1:
                ends.setdefault((type_, words[-1:]), set()).update(entries)
        return {key: list(entries) for key, entries in ends.items() if len(entries) == 1}

    @cached_property
    def _longest(self) -> int:
        return max([len(words) for words in self._streets] + [len(words) for _, words in self._named], default=0)

    @cached_property
    def _spelt_streets(self) -> Mapping[str, tuple[str, ...]]:
        return {" ".join(words): words for words in self._streets}

    @cached_property
    def _spelt_named(self) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
        spelt: dict[str, dict[str, tuple[str, ...]]] = {}
        for type_, words in self._named:
            spelt.setdefault(type_, {})[" ".join(words)] = words
        return spelt

    def street(self, words: Sequence[Word], at: int) -> tuple[int, list[Entry]] | None:
        """The longest street whose name without type begins at a word, and where it ends."""
        for last, forms in self._longest_first(words, at):
            if (entries := self._streets.get(forms)) is not None:
                return _orientation(words, last, entries)
        return None

    def mistyped_street(self, words: Sequence[Word], at: int) -> tuple[int, list[Entry]] | None:
        """Like `street`, forgiving typing errors."""
        near = self._mistyped(words, at, self._spelt_streets)
        return _orientation(words, near[0], self._streets[near[1]]) if near else None

    def named(self, type_: str, words: Sequence[Word], at: int) -> tuple[int, list[Entry]] | None:
        """The longest park or building of a type whose name goes on at a word, and where it ends."""
        for index in (self._named, self._ends if words[at].capital else {}):
            for last, forms in self._longest_first(words, at):
                if (entries := index.get((type_, forms))) is not None:
                    return last, entries
        near = self._mistyped(words, at, self._spelt_named.get(type_, {}))
        return (near[0], self._named[type_, near[1]]) if near else None

    def _longest_first(self, words: Sequence[Word], at: int) -> Iterator[tuple[int, tuple[str, ...]]]:
        forms: list[tuple[int, tuple[str, ...]]] = []
        found: tuple[str, ...] = ()
        index = at
        while index < len(words) and len(found) < self._longest and _may_name(words[index]):
            if index > at and words[index].apart:
                break
            if words[index].form not in LINKS or not found:
                found = (*found, words[index].form)
                forms.append((index + 1, found))
            index += 1
        # A name does not end within a hyphenated one.
        forms = [(last, found) for last, found in forms if last >= len(words) or not words[last].joined]
        yield from reversed(forms)
        # « Lafontaine » is « La Fontaine » to whoever writes it.
        for last, joined in reversed(forms):
            if len(joined) == 1 and joined[0][:2] in {"la", "le"} and len(joined[0]) > 5:
                yield last, (joined[0][2:],)

    def _mistyped(
        self, words: Sequence[Word], at: int, spelt: Mapping[str, tuple[str, ...]]
    ) -> tuple[int, tuple[str, ...]] | None:
        best: tuple[float, int, tuple[str, ...]] | None = None
        for last, forms in self._longest_first(words, at):
            written = " ".join(forms)
            if len(forms) > 3 or len(written) < SHORTEST_MISTYPED:
                continue
            near = process.extractOne(written, spelt.keys(), scorer=fuzz.ratio, score_cutoff=TYPING_ERROR)
            if near is not None and (best is None or near[1] > best[0]):
                best = (near[1], last, spelt[near[0]])
        return best and (best[1], best[2])


EMPTY = Gazetteer()


# Words -------------------------------------------------------------------------------------------------------------


def words_of(text: str | Text) -> Iterator[Word]:
    """Words, numbers and the signs that join streets, with their places."""
    reading = read(text) if isinstance(text, str) else text
    before: Word | None = None
    for token in reading.tokens:
        written = reading.original[token.start : token.end]
        form = written.lower() if written[:1].isdigit() else token.form.rstrip("'")
        if not form or not (form[0].isalnum() or form in SIGNS or form == "#"):
            continue
        between = reading.original[before.end : token.start] if before else ""
        form = _ROMAN.get(form, SAINTS.get(form, form))
        abbreviated = before is not None and (before.form in STREET_TYPES or before.form in SAINTS.values())
        apart = any(sign in between for sign in "!?;:,\n") or ("." in between and not abbreviated)
        word = Word(form, token.start, token.end, written[:1].isupper(), apart, between == "-")
        if word.joined and before is not None and (before.form, form) == ("eco", "centre"):
            word = Word("ecocentre", before.start, token.end, before.capital, before.apart, before.joined)
            yield word
        elif form == "eco":
            pass
        else:
            yield word
        before = word


def _spelling(name: str) -> tuple[str, ...]:
    forms = [word.form for word in words_of(name)]
    return (
        *(STREET_TYPES.get(form, form) for form in forms[:-1]),
        *(ORIENTATIONS.get(form, form) for form in forms[-1:]),
    )


def _may_name(word: Word) -> bool:
    return word.form[0].isalnum()


def _specific(name: str) -> tuple[str, ...]:
    """The words of a street's name without its type, links and orientation; « 11e Avenue » is ("11e",)."""
    forms = [word.form for word in words_of(name)]
    if len(forms) > 1 and forms[-1] in ORIENTATIONS:
        forms.pop()
    if forms and forms[0] in STREET_TYPES:
        forms = forms[1:]
    elif len(forms) > 1 and forms[-1] in STREET_TYPES:
        forms = forms[:-1]
    return tuple(form for form in forms if form not in LINKS) or tuple(forms)


def _orientation(words: Sequence[Word], last: int, entries: list[Entry]) -> tuple[int, list[Entry]]:
    """The entries with the orientation that follows, if one does; else those that have none, if there are any."""
    said = ORIENTATIONS.get(words[last].form) if last < len(words) else None
    oriented = {entry: ORIENTATIONS.get(list(words_of(entry.name))[-1].form) for entry in entries}
    # « la rue Rachel est fermée » says nothing of the east: a capital or a street that goes east must say so.
    if said and (words[last].capital or words[last].form != "est") and len(words[last].form) != 1:
        chosen = [entry for entry in entries if oriented[entry] == said]
        return last + 1, chosen or entries
    if said and words[last].capital:
        chosen = [entry for entry in entries if oriented[entry] == said]
        if chosen:
            return last + 1, chosen
    plain = [entry for entry in entries if oriented[entry] is None]
    return last, plain or [min(entries, key=lambda entry: len(entry.name))]

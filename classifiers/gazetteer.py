"""The city's names, indexed by their words, and the words of a text as they are read against them."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

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
    **dict.fromkeys(("place", "pl"), "place"),
    **{word: word for word in ("parc", "jardin", "jardins", "boise", "espace", "berge")},
}
BUILDING_TYPES = {
    **dict.fromkeys(("bibliotheque", "biblio"), "bibliotheque"),
    **dict.fromkeys(("arena", "arenas"), "arena"),
    **dict.fromkeys(("hopital", "hosto"), "hopital"),
    **dict.fromkeys(("centre", "complexe"), "centre"),
    **dict.fromkeys(("place", "pl"), "place"),
    **{
        word: word
        for word in (
            *("piscine", "caserne", "theatre", "musee", "maison", "marche", "pavillon", "stade"),
            *("gare", "cegep", "clsc", "mairie", "chalet", "ecocentre", "cimetiere", "pont", "quai", "station", "bain"),
            *("metro", "poste", "jardin", "hotel"),
        )
    },
}
QUALIFIERS = frozenset(
    {"communautaire", "sportif", "culturel", "municipal", "municipale", "recreatif", "loisirs", "public"}
)
"""What the official name of a building has and people leave out."""
LINKS = frozenset({"de", "du", "des", "la", "le", "les", "d", "l", "d'", "l'", "a", "au", "aux", "et"})
_ARTICLES = frozenset({"du", "des", "la", "le", "les", "l"})
ORIENTATIONS = {
    **dict.fromkeys(("est", "e"), "est"),
    **dict.fromkeys(("ouest", "o", "w"), "ouest"),
    **dict.fromkeys(("nord", "n"), "nord"),
    **dict.fromkeys(("sud", "s"), "sud"),
}
_AFTER_EAST = frozenset(
    {"et", "pis", "and", "y", "il", "on", "c", "ca", "j", "entre", "est", "vers", "devant", "direction"}
)
"""What follows the east and not the verb: « rue Rachel est y a un trou »."""
_SHORTENED = frozenset(form for form, type_ in STREET_TYPES.items() if not form.startswith(type_))
"""Types that end with a full stop which ends no sentence."""
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
            if words := read_name(entry.name).words:
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
            for first in range(1, len(words)):
                ends.setdefault((type_, words[first:]), set()).update(entries)
        return {key: list(entries) for key, entries in ends.items() if len(entries) == 1}

    @cached_property
    def _begin(self) -> frozenset[str]:
        """The first words of streets."""
        return frozenset(words[0] for words in self._streets)

    @cached_property
    def _sectors(self) -> frozenset[tuple[str, ...]]:
        """What the name of a borough says in a row: « Saint-Michel » is a part of Villeray–Saint-Michel."""
        rows = [
            tuple(word.form for word in words_of(borough) if word.form not in LINKS)
            for borough in {entry.borough for entry in self.entries if entry.borough}
        ]
        return frozenset(
            row[first:last] for row in rows for first in range(len(row)) for last in range(first + 1, len(row) + 1)
        )

    @cached_property
    def _here(self) -> frozenset[str]:
        """The words of boroughs, parks and buildings, the city's own name among them; without boroughs, nothing."""
        boroughs = {entry.borough for entry in self.entries if entry.borough}
        named = [entry.name for entry in self.entries if entry.kind is not PlaceKind.STREET] if boroughs else []
        return frozenset(word.form for name in (*named, *boroughs) for word in words_of(name))

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

    def street(self, words: Sequence[Word], at: int, *, surely: bool = False) -> tuple[int, list[Entry]] | None:
        """The longest street whose name without type begins at a word, and where it ends. `surely`: a type or a civic
        number stands before it, so that a letter alone may be its orientation.
        """
        if at >= len(words) or not self._may_begin(words[at].form):
            return None
        for last, forms in self._longest_first(words, at):
            if (entries := self._streets.get(forms)) is not None:
                return _orientation(words, last, entries, surely=surely)
        return None

    def mistyped_street(self, words: Sequence[Word], at: int) -> tuple[int, list[Entry]] | None:
        """Like `street`, forgiving typing errors."""
        near = self._mistyped(words, at, self._spelt_streets)
        return _orientation(words, near[0], self._streets[near[1]], surely=True) if near else None

    def is_sector(self, words: Sequence[Word]) -> bool:
        """Whether words are those of a borough or of a part of its name."""
        return tuple(word.form for word in words if word.form not in LINKS) in self._sectors

    def is_elsewhere(self, words: Sequence[Word], at: int) -> bool:
        """Whether what should be a town (« à Granby ») is hardly in a borough, park or building of this one. A short
        word is an abbreviation (« à Mtl »); of a city whose boroughs are not known nobody can say.
        """
        town = list(words[at : at + 1])
        while at + len(town) < len(words) and words[at + len(town)].joined:
            town.append(words[at + len(town)])
        return bool(self._here) and any(
            town[0].capital
            and len(word.form) >= SHORTEST_MISTYPED
            and process.extractOne(word.form, self._here, scorer=fuzz.ratio, score_cutoff=TYPING_ERROR) is None
            for word in town
        )

    def _may_begin(self, form: str) -> bool:
        return form in self._begin or form in LINKS or (form[:2] in {"la", "le"} and form[2:] in self._begin)

    def named(self, type_: str, words: Sequence[Word], at: int) -> tuple[int, list[Entry]] | None:
        """The longest park or building of a type whose name goes on at a word, and where it ends."""
        for index in (self._named, self._ends):
            for last, forms in self._longest_first(words, at):
                entries = index.get((type_, forms))
                if entries and (index is self._named or words[at].capital or _is_proper(entries[0], forms)):
                    return last, entries
        near = self._mistyped(words, at, self._spelt_named.get(type_, {}))
        return (near[0], self._named[type_, near[1]]) if near else None

    def _longest_first(self, words: Sequence[Word], at: int) -> Iterator[tuple[int, tuple[str, ...]]]:
        forms: list[tuple[int, tuple[str, ...]]] = []
        found: tuple[str, ...] = ()
        index = at
        while index < len(words) and len(found) < self._longest and _may_name(words[index]):
            # « Parc et Mont-Royal » are two streets, and no Parc du Mont-Royal.
            if index > at and (words[index].apart or (words[index].form == "et" and not words[index].joined)):
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
        abbreviated = before is not None and (before.form in _SHORTENED or before.form in SAINTS.values())
        stopped = "." in between and not abbreviated and between != ".-"
        apart = stopped or any(sign in between for sign in "!?;:,\n")
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


def _is_proper(park: Entry, end: tuple[str, ...]) -> bool:
    """Whether the end of a park's name is hardly a word of its own: « parc laurier »."""
    name = [word.form for word in words_of(park.name)]
    return name[0] == "parc" and LINKS.isdisjoint(name) and len(end[-1]) >= SHORTEST_MISTYPED


def _may_name(word: Word) -> bool:
    return word.form[0].isalnum()


@dataclass(frozen=True)
class _Name:
    """What the name of a street is made of; « 11e Avenue » has the words ("11e",)."""

    words: tuple[str, ...]
    """Without type, links and orientation."""
    common: bool
    """Whether an article makes them common words: « Rue du Parc »."""
    type: str | None = None
    type_at: tuple[int, int] = (0, 0)
    orientation: str | None = None
    orientation_at: tuple[int, int] = (0, 0)


@lru_cache(maxsize=20_000)
def read_name(name: str) -> _Name:
    """The parts of a street's name as the city writes it."""
    words = list(words_of(name))
    orientation = words.pop() if _ends_with(words, ORIENTATIONS) else None
    type_: Word | None = None
    if len(words) > 1 and words[0].form in STREET_TYPES:
        type_ = words.pop(0)
    elif _ends_with(words, STREET_TYPES):
        type_ = words.pop()
    forms = tuple(word.form for word in words)
    return _Name(
        tuple(form for form in forms if form not in LINKS) or forms,
        not _ARTICLES.isdisjoint(forms),
        STREET_TYPES[type_.form] if type_ else None,
        (type_.start, type_.end) if type_ else (0, 0),
        ORIENTATIONS[orientation.form] if orientation else None,
        (orientation.start, orientation.end) if orientation else (0, 0),
    )


def _ends_with(words: Sequence[Word], forms: Container[str]) -> bool:
    """Whether the last word is one of these, and another says more: « Rue de l’Est » is a name."""
    said = [word for word in words[:-1] if word.form not in LINKS and word.form not in STREET_TYPES]
    return bool(said) and words[-1].form in forms


def shared_name(entries: Iterable[Entry]) -> str:
    """What several streets are all called: « Boulevard Gouin » of its east and west, « Papineau » of rue and avenue."""
    names = sorted({entry.name for entry in entries}, key=lambda name: (len(name), name))
    read_ = [read_name(name) for name in names]
    shared = names[0]
    dropped = [read_[0].type_at] if len({one.type for one in read_}) > 1 else []
    dropped += [read_[0].orientation_at] if len({one.orientation for one in read_}) > 1 else []
    for start, end in sorted(dropped, reverse=True):
        shared = shared[:start] + shared[end:]
    return " ".join(shared.split())


def _orientation(
    words: Sequence[Word], last: int, entries: list[Entry], *, surely: bool = False
) -> tuple[int, list[Entry]]:
    """The entries with the orientation that follows, if one does; else all of them."""
    if last >= len(words) or words[last].apart or (said := ORIENTATIONS.get(words[last].form)) is None:
        return last, entries
    chosen = [entry for entry in entries if read_name(entry.name).orientation == said]
    word = words[last]
    if len(word.form) == 1:
        # « Gouin n'est », « Rachel s'est »: an elision is no north.
        taken = bool(chosen) and (word.capital or surely) and word.end - word.start == 1
    elif word.form == "est" and not word.capital:
        taken = bool(chosen) and _is_east(words, last)
    else:
        taken = True
    return (last + 1, chosen or entries) if taken else (last, entries)


def _is_east(words: Sequence[Word], at: int) -> bool:
    """« la rue Rachel est barrée » says nothing of the east; « Rachel est, », « Rachel est coin Fabre » do."""
    following = words[at + 1] if at + 1 < len(words) else None
    return following is None or following.apart or following.form in SIGNS | _AFTER_EAST

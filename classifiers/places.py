"""Places in French comments: the city's own names, found by what stands before and after them.

A name alone is no place (« Rachel, tu as vu ça? »): a street needs its type, a civic number, a crossing street or a
word such as *coin* beside it; a park or a building needs its type. Typing errors are forgiven only after a type. What
is found is words of the text and names of the gazetteer, never coordinates that nobody wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rapidfuzz import fuzz, process

from classifiers.gazetteer import (
    BUILDING_TYPES,
    EMPTY,
    LINKS,
    ORIENTATIONS,
    PARK_TYPES,
    QUALIFIERS,
    SAINTS,
    SHORTEST_MISTYPED,
    SIGNS,
    STREET_TYPES,
    TYPING_ERROR,
    Entry,
    Gazetteer,
    Word,
    words_of,
)
from classifiers.text import Text, read
from models.vocabulary import PlaceKind


@dataclass(frozen=True)
class Place:
    """A place that a text names, `text` at [start, end)."""

    kind: PlaceKind
    text: str
    start: int
    end: int
    score: float
    """0–1: how much it looks like one; judged, not measured."""
    names: tuple[str, ...] = ()
    """The gazetteer's names, two for an intersection; empty: words that no gazetteer knows."""
    number: str | None = None
    """The civic number."""
    borough: str | None = None
    """That of every entry which bears these names; None: they do not agree, or nobody knows."""


_VAGUE = frozenset({"r", "ch", "pl", "place", "cours", "cote", "voie", "passage"})
"""Types that are words of their own, or letters: only a name of the gazetteer makes a street of them."""
_STREET_TYPES_AFTER = frozenset({"road", "rd", "street", "avenue", "ave", "boulevard", "blvd", "drive"})
_UNKNOWN_BUILDINGS = frozenset({"arena", "bibliotheque", "biblio", "piscine", "caserne", "ecocentre"})
"""Types that name a building of the city even where no gazetteer knows it."""
_CROSSING = frozenset({"coin", "angle", "intersection", "croisement", "entre", "coins", "corner"})
_JOINING = SIGNS | {"et", "and", "pis"}
_BEFORE_CROSSING = _CROSSING | {"a", "au", "sur", "rues", "de", "at", "d", "du"}
_BEFORE_BARE = frozenset({"sur", "coin", "angle", "intersection", "croisement", "entre", "vers", "via", "corner"})
"""A bare name after one of these may be a street."""
_NOT_CIVIC_AFTER = frozenset(
    {
        *("h", "heures", "heure", "km", "m", "min", "minutes", "ans", "an", "jours", "jour", "fois", "e", "eme", "er"),
        *("$", "%", "dollars", "piastres", "personnes", "janvier", "fevrier", "mars", "avril", "mai", "juin"),
        *("juillet", "aout", "septembre", "octobre", "novembre", "decembre", "metres", "pieds", "mois", "semaines"),
        *("degres", "cm", "arbres", "enfants", "voitures", "trous", "nids", "places", "autobus", "litres"),
    }
)
_NOT_CIVIC_BEFORE = frozenset({"la", "autobus", "bus", "ligne", "circuit", "route", "a", "station"})
"""« la 18 Beaubien » is a bus."""
_CIVIC = re.compile(r"\d{1,5}(?:[a-zA-Z]|-\d{1,5})?")
_ORDINAL = re.compile(r"(\d{1,3})(?:e|er|re|ere|ième|ieme|eme|ème|th|nd)?", re.IGNORECASE)


@dataclass(frozen=True)
class _Found:
    """Words [first, last) that name one thing."""

    kind: PlaceKind
    first: int
    last: int
    score: float
    entries: tuple[Entry, ...] = ()


def find(text: str | Text, gazetteer: Gazetteer = EMPTY) -> Place | None:
    """The place that a text is about: an address before an intersection, before what is only named; else the first."""
    reading = read(text) if isinstance(text, str) else text
    words = list(words_of(reading))
    found = list(_things(words, gazetteer))
    found += _bare(words, gazetteer, found)
    places = [_place(reading.original, words, one) for one in _combined(words, found)]
    order = {PlaceKind.ADDRESS: 0, PlaceKind.INTERSECTION: 1}
    return min(places, key=lambda place: (order.get(place.kind, 2), -place.score, place.start), default=None)


# Things ------------------------------------------------------------------------------------------------------------


def _things(words: Sequence[Word], gazetteer: Gazetteer) -> Iterator[_Found]:
    """What is named with its type: « rue des Érables », « 11e Avenue », « parc Lafontaine », « aréna Untel »."""
    index = 0
    while index < len(words):
        found = _typed(words, index, gazetteer) or _ordinal(words, index, gazetteer)
        if found is None:
            index += 1
        else:
            yield found
            index = found.last


def _typed(words: Sequence[Word], at: int, gazetteer: Gazetteer) -> _Found | None:
    form = words[at].form
    after = at + 1
    while after < len(words) and words[after].form in LINKS and not words[after].apart:
        after += 1
    if after >= len(words) or words[at + 1].apart or _compound(words[at + 1]):
        return None
    for kind, types in ((PlaceKind.BUILDING, BUILDING_TYPES), (PlaceKind.PARK, PARK_TYPES)):
        type_ = types.get(form) or _mistyped_type(form, types, words[after])
        if type_ is None:
            continue
        for begin in range(at + 1, after + 1):
            if (named := gazetteer.named(type_, words, begin)) is not None and named[1][0].kind is kind:
                return _Found(kind, at, named[0], 0.9, tuple(named[1]))
    if form in STREET_TYPES and (street := _typed_street(words, at, after, gazetteer)) is not None:
        return street
    return _unknown(words, at, after)


def _typed_street(words: Sequence[Word], at: int, after: int, gazetteer: Gazetteer) -> _Found | None:
    form, score = words[at].form, 0.95
    begins = range(at + 1, after + 1)
    street = next((one for begin in begins if (one := gazetteer.street(words, begin)) is not None), None)
    if street is not None and len(form) == 1 and not words[after].capital:
        return None
    if street is None and form not in _VAGUE:
        street, score = gazetteer.mistyped_street(words, after), 0.75
    if street is None:
        return None
    return _Found(PlaceKind.STREET, at, street[0], score, tuple(_of_type(street[1], STREET_TYPES[form])))


def _unknown(words: Sequence[Word], at: int, after: int) -> _Found | None:
    """What no gazetteer knows: a type that says what it is, and a name in capitals."""
    form, community = words[at].form, False
    while form == "centre" and after < len(words) and words[after].form in QUALIFIERS | LINKS:
        after, community = after + 1, True
    last = _proper(words, after)
    if last == after:
        return None
    if form in STREET_TYPES and form not in _VAGUE:
        return _Found(PlaceKind.STREET, at, last, 0.6)
    if form == "parc":
        return _Found(PlaceKind.PARK, at, last, 0.6)
    if community or form in _UNKNOWN_BUILDINGS:
        return _Found(PlaceKind.BUILDING, at, last, 0.6)
    return None


def _compound(word: Word) -> bool:
    """« Centre-du-Québec » is no centre; « parc-nature » and « parc-école » are parks."""
    return word.joined and word.form not in {"nature", "ecole"}


def _mistyped_type(form: str, types: Mapping[str, str], name: Word) -> str | None:
    """« picine Schubert »: a long word that is nearly a type, before a capital."""
    if len(form) < SHORTEST_MISTYPED or not name.capital or form in types:
        return None
    near = process.extractOne(form, types.keys(), scorer=fuzz.ratio, score_cutoff=TYPING_ERROR)
    return types[near[0]] if near else None


def _of_type(entries: Iterable[Entry], type_: str) -> list[Entry]:
    """The entries of the type that was written, if any is: « avenue Laurier » is not « Rue Laurier »."""
    entries = list(entries)
    return [one for one in entries if type_ in {word.form for word in words_of(one.name)}] or entries


def _proper(words: Sequence[Word], at: int) -> int:
    """Where a name in capitals that no gazetteer knows ends; `at`: there is none."""
    last = at
    while last < len(words) and (words[last].capital or (last > at and words[last].form in LINKS)):
        if last - at >= 4 or (last > at and words[last].apart):
            break
        last += 1
    while last > at and words[last - 1].form in LINKS:
        last -= 1
    return last


def _ordinal(words: Sequence[Word], at: int, gazetteer: Gazetteer) -> _Found | None:
    """« 11e Avenue »: the type follows the number."""
    match = _ORDINAL.fullmatch(words[at].form)
    if match is None or at + 1 >= len(words):
        return None
    form, last = words[at + 1].form, at + 2
    if form in {"e", "er", "re", "eme", "ieme"} and last < len(words):
        form, last = words[last].form, last + 1
    if STREET_TYPES.get(form) not in {"rue", "avenue", "rang"} or (words[at].form.isdigit() and last == at + 2):
        return None
    number = match[1]
    entries = [
        entry
        for spelt in (f"{number}e", f"{number}re", f"{number}er", number)
        for entry in gazetteer._streets.get((spelt,), [])  # noqa: SLF001 - one subject, one file
    ]
    if entries:
        return _Found(PlaceKind.STREET, at, last, 0.9, tuple(_of_type(entries, STREET_TYPES[form])[:1]))
    return _Found(PlaceKind.STREET, at, last, 0.6)


def _bare(words: Sequence[Word], gazetteer: Gazetteer, found: Sequence[_Found]) -> list[_Found]:
    """The streets without type that their context makes streets."""
    taken = {index for one in found for index in range(one.first, one.last)}
    bare: list[_Found] = []
    index = 0
    while index < len(words):
        street = None if index in taken or words[index].form in LINKS else gazetteer.street(words, index)
        if street is None or not _meant(words, index, street[0], gazetteer, [*found, *bare]):
            index += 1
            continue
        bare.append(_Found(PlaceKind.STREET, index, street[0], 0.7, tuple(street[1])))
        index = street[0]
    return bare


def _meant(words: Sequence[Word], first: int, last: int, gazetteer: Gazetteer, found: Sequence[_Found]) -> bool:
    """Whether what stands beside a bare name makes it a street."""
    capital = any(word.capital or word.form in SAINTS.values() for word in words[first:last])
    oriented = words[last - 1].form in ORIENTATIONS and last - first > 1
    before = _unlinked(words, first)
    form = words[before].form if before >= 0 else ""
    if _civic(words, before):
        return capital or len(words[before].form) > 2
    if capital and (form in _BEFORE_BARE or (oriented and len(words[last - 1].form) > 1)):
        return True
    if capital and last < len(words) and words[last].form in _STREET_TYPES_AFTER:
        return True
    if form in _JOINING and any(one.last == before and one.kind is PlaceKind.STREET for one in found):
        return True
    if (
        found
        and found[-1].last == first
        and any(word.form in _CROSSING for word in words[max(0, found[-1].first - 2) : first])
    ):
        return capital
    return _crossed_next(words, first, last, gazetteer, capital=capital, oriented=oriented)


def _crossed_next(
    words: Sequence[Word], first: int, last: int, gazetteer: Gazetteer, *, capital: bool, oriented: bool
) -> bool:
    """« Papineau coin Rachel », « à Villeray et Boyer »: another street follows a word that joins the two."""
    if last < len(words) and words[last].form in ORIENTATIONS:
        last, oriented = last + 1, True
    if last >= len(words) or words[last].form not in _JOINING:
        return False
    other = last + 1
    while other < len(words) and words[other].form in {*LINKS, *STREET_TYPES}:
        other += 1
    following = gazetteer.street(words, other)
    if following is None and (ordinal := _ordinal(words, other, gazetteer)) is not None:
        following = (ordinal.last, list(ordinal.entries))
    if following is None:
        return False
    if words[last].form in SIGNS:
        return capital or words[last].form in {"coin", "angle"} or words[other].form[0].isdigit()
    if words[_unlinked(words, first)].form in _CROSSING:
        return True
    named = [*words[first:last], *words[other : following[0]]]
    surely = (
        oriented or words[following[0] - 1].form in ORIENTATIONS or any(word.form in SAINTS.values() for word in named)
    )
    before = words[first - 1].form if first else ""
    return surely or (
        capital and (before in _BEFORE_CROSSING or words[_unlinked(words, first)].form in _BEFORE_CROSSING)
    )


def _unlinked(words: Sequence[Word], at: int) -> int:
    """The index of the word before « de la » and the like that stand before a word; -1: there is none."""
    before = at - 1
    while before >= 0 and words[before].form in {"la", "le", "l", "de", "du", "des", "d", "les"}:
        before -= 1
    return before


def _civic(words: Sequence[Word], at: int) -> bool:
    """Whether a word is a civic number and not a time, a price, a count or a bus."""
    if not 0 <= at < len(words) or not _CIVIC.fullmatch(words[at].form):
        return False
    if at and words[at - 1].form in _NOT_CIVIC_BEFORE:
        return False
    return at + 1 >= len(words) or words[at + 1].form not in _NOT_CIVIC_AFTER


# What they say together --------------------------------------------------------------------------------------------


def _combined(words: Sequence[Word], found: Sequence[_Found]) -> Iterator[tuple[_Found, ...]]:
    """Each thing by itself, and streets that cross; a civic number is added in `_place`."""
    found = sorted(found, key=lambda one: one.first)
    streets = [one for one in found if one.kind is PlaceKind.STREET]
    crossed: set[int] = set()
    for one, other in pairwise(streets):
        between = {word.form for word in words[one.last : other.first]} - LINKS - ORIENTATIONS.keys() | (
            {"et"} & {word.form for word in words[one.last : other.first]}
        )
        crossing = any(word.form in _CROSSING for word in words[max(0, one.first - 3) : one.first])
        if between <= _JOINING and (between or crossing) and _numbered(words, one) is None:
            crossed |= {id(one), id(other)}
            yield one, other
    yield from ((one,) for one in found if id(one) not in crossed)


def _numbered(words: Sequence[Word], street: _Found) -> int | None:
    """The index of the civic number of a street: just before it, or after « au » and the like."""
    before = _unlinked(words, street.first)
    if _civic(words, before):
        return before
    after = street.last
    if _civic(words, after) and words[after].apart and len(words[after].form) > 2:
        return after
    while after < len(words) and words[after].form in {"au", "le", "no", "numero", "#", "en", "face", "du", "devant"}:
        after += 1
    return after if after > street.last and _civic(words, after) else None


def _place(text: str, words: Sequence[Word], things: tuple[_Found, ...]) -> Place:
    first, last = things[0].first, things[-1].last
    entries = [entry for one in things for entry in one.entries]
    names = tuple(dict.fromkeys(one.entries[0].name for one in things if one.entries))
    kind, number, score = things[0].kind, None, min(one.score for one in things)
    if len(things) > 1:
        kind = PlaceKind.INTERSECTION
    elif kind is PlaceKind.STREET and (civic := _numbered(words, things[0])) is not None:
        kind, number = PlaceKind.ADDRESS, text[words[civic].start : words[civic].end]
        first, last = min(first, civic), max(last, civic + 1)
    boroughs = {entry.borough for entry in entries}
    start, end = words[first].start, words[last - 1].end
    return Place(
        kind,
        text[start:end],
        start,
        end,
        score,
        names,
        number,
        boroughs.pop() if len(boroughs) == 1 else None,
    )

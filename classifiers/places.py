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
    read_name,
    shared_name,
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
    """The gazetteer's names, one for each street of an intersection that it knows; empty: it knows none. Of streets
    that the words do not tell apart, what they share: « Boulevard Gouin », « Papineau ».
    """
    number: str | None = None
    """The civic number."""
    borough: str | None = None
    """That of every entry which bears these names; None: they do not agree, or nobody knows."""


_VAGUE = frozenset({"r", "ch", "place", "cours", "cote", "voie", "passage"})
"""Types that are words of their own, or letters: only a name of the gazetteer makes a street of them."""
_STREET_TYPES_AFTER = frozenset({"road", "rd", "street", "avenue", "ave", "boulevard", "blvd", "drive"})
_UNKNOWN_BUILDINGS = frozenset({"arena", "bibliotheque", "biblio", "piscine", "caserne", "ecocentre"})
"""Types that name a building of the city even where no gazetteer knows it."""
_CROSSING = frozenset({"coin", "angle", "intersection", "croisement", "entre", "coins", "corner"})
_JOINING = SIGNS | {"et", "and", "pis"}
_WITHIN = LINKS - {"et"}
"""What stands within a name: « angle Parc et Bernard » is no Parc Bernard."""
_MEETING = frozenset({"hauteur", "intersection", "croisement"})
"""« Rachel à la hauteur de Fullum »."""
_BEFORE_CROSSING = _CROSSING | {"a", "au", "sur", "rues", "pres", "proche", "at"}
_THANKING = frozenset({"merci", "bravo", "felicitations", "chapeau", "bonjour"})
_ALONG = frozenset({"sur", "su"})
_BEFORE_BARE = _ALONG | _CROSSING | _MEETING | {"vers", "via", "milieu", "long", "bout"}
"""A bare name after one of these may be a street."""
_ROADWORK = re.compile(
    r"(?:re)?(?:descend|mont|travers|long|emprunt|asphalt|deneig|pav|eventr|ferm|elargi|nettoy)"
    r"(?:e|es|s|ez|er|ent|ons|ait|aient|r|t)?|(?:re)?descendre|pren(?:d|ds|dre|ez)|rouvrir|refaire"
)
"""So may one after what people do to streets, or on them."""
_ROADS = frozenset({"piste", "cyclable", "trottoir", "trottoirs", "viaduc", "chantier", "troncon", "rev", "srb"})
"""And after what streets have, or are a part of: « le viaduc Rosemont »."""
_AT_CROSSINGS = frozenset({"lumiere", "lumieres", "feu", "feux", "stop", "stops", "carrefour", "traverse"})
_ROADSIDE = (
    _AT_CROSSINGS
    | _ROADS
    | frozenset(
        {
            *("trou", "trous", "nid", "nids", "puisard", "egout", "lampadaire", "lampadaires", "signal", "arret"),
            *("intersection", "passage", "flaque", "borne", "poteau", "cone", "cones", "travaux"),
        }
    )
)
_OF_STREETS = _ROADSIDE | frozenset(
    {
        *("pieton", "pietons", "rouge", "rouges", "verte", "vertes", "jaune", "tourner", "virage", "traverser"),
        *(
            "asphalte",
            "auto",
            "autos",
            "char",
            "chars",
            "camion",
            "camions",
            "velo",
            "velos",
            "neige",
            "slush",
            "glace",
        ),
    }
)
"""What a text says of streets, and hardly of two people."""
_TELLING = frozenset(
    {"y", "c", "ca", "il", "on", "j", "le", "la", "les", "l", "un", "une", "des", "pas", "encore", "toujours"}
)
"""What follows a crossing with which a sentence begins; after two people stands what they do."""
_ADDRESSED = frozenset({"vous", "tu", "t", "merci", "bravo", "svp", "regarde", "regardez", "avez", "as", "venez"})
"""What follows the names of people who are spoken to."""
_AS_FAR = 6
"""Words that may stand between a street and what it is closed between, or between a line and its stations."""
_TRANSIT = frozenset({"ligne", "metro", "train", "rem", "rame", "service"})
"""Whose stations bear the names of streets."""
_DOGS = frozenset({"chien", "chiens", "canin"})
"""« parc à chiens Untel »."""
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
_ORDINAL = re.compile(r"(\d{1,3})(?:e|er|re|i?[eè]re|i?[eè]me|th|nd)?", re.IGNORECASE)


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
    found += _beside(words, found)
    said = (things for things in _combined(words, found) if not _away(words, things[-1], gazetteer))
    places = [_place(reading.original, words, things) for things in said]
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
    while after < len(words) and words[after].form in _WITHIN and not words[after].apart:
        after += 1
    if after >= len(words) or words[after].form == "et" or words[at + 1].apart or _compound(words[at + 1]):
        return None
    if form == "cote" and after > at + 1 and not words[at].capital:
        # « à côté de Saint-Denis » is beside it.
        return None
    while form == "parc" and after < len(words) - 1 and words[after].form in _DOGS:
        after += 1
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
    whole = gazetteer.street(words, at)
    if whole is not None and whole[0] > at + 1:
        # « Côte-Sainte-Catherine » is no Sainte-Catherine; and where it is a part of the city too, a bare name.
        sector = gazetteer.is_sector(words[at : whole[0]])
        return None if sector else _Found(PlaceKind.STREET, at, whole[0], 0.9, tuple(whole[1]))
    begins = range(at + 1, after + 1)
    street = next((one for begin in begins if (one := gazetteer.street(words, begin, surely=True))), None)
    if street is not None and len(form) == 1 and not words[after].capital:
        return None
    if street is None and form not in _VAGUE:
        street, score = gazetteer.mistyped_street(words, after), 0.75
    if street is None:
        return None
    entries = street[1] if form == "rues" else _of_type(street[1], STREET_TYPES[form])
    if form == "autoroute" and read_name(entries[0].name).type != form:
        # Décarie is a boulevard too, and another road; who says rue for avenue means the avenue.
        return None
    return _Found(PlaceKind.STREET, at, street[0], score, tuple(entries))


def _unknown(words: Sequence[Word], at: int, after: int) -> _Found | None:
    """What no gazetteer knows: a type that says what it is, and a name in capitals."""
    form, community = words[at].form, False
    while form == "centre" and after < len(words) and words[after].form in QUALIFIERS | LINKS:
        after, community = after + 1, True
    while form == "parc" and after < len(words) and words[after].form in _DOGS:
        after += 1
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
    if len(form) < SHORTEST_MISTYPED or not name.capital or form in types or form in _CROSSING:
        return None
    near = process.extractOne(form, types.keys(), scorer=fuzz.ratio, score_cutoff=TYPING_ERROR)
    return types[near[0]] if near else None


def _of_type(entries: Iterable[Entry], type_: str) -> list[Entry]:
    """The entries of the type that was written, if any is: « avenue Laurier » is not « Rue Laurier »."""
    entries = list(entries)
    return [one for one in entries if read_name(one.name).type == type_] or entries


def _proper(words: Sequence[Word], at: int) -> int:
    """Where a name in capitals that no gazetteer knows ends; `at`: there is none."""
    last = at
    while last < len(words) and (words[last].capital or (last > at and words[last].form in _WITHIN - {"a"})):
        if last - at >= 4 or words[last].apart:
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
        return _Found(PlaceKind.STREET, at, last, 0.9, tuple(_of_type(entries, STREET_TYPES[form])))
    return _Found(PlaceKind.STREET, at, last, 0.6)


def _bare(words: Sequence[Word], gazetteer: Gazetteer, found: Sequence[_Found]) -> list[_Found]:
    """The streets without type that their context makes streets."""
    taken = {index for one in found for index in range(one.first, one.last)}
    bare: list[_Found] = []
    index = 0
    while index < len(words):
        street = None
        if index not in taken and words[index].form not in LINKS:
            street = gazetteer.street(words, index, surely=_civic(words, _unlinked(words, index)))
        if street is None or not _meant(words, index, street, gazetteer, [*found, *bare]):
            index += 1
            continue
        bare.append(_Found(PlaceKind.STREET, index, street[0], 0.7, tuple(street[1])))
        index = street[0]
    return bare


def _meant(
    words: Sequence[Word], first: int, street: tuple[int, list[Entry]], gazetteer: Gazetteer, found: Sequence[_Found]
) -> bool:
    """Whether what stands beside a bare name makes it a street."""
    last, entries = street
    capital = any(word.capital or word.form in SAINTS.values() for word in words[first:last])
    oriented = words[last - 1].form in ORIENTATIONS and last - first > 1
    before = _unlinked(words, first)
    form = words[before].form if before >= 0 and not words[before + 1].apart else ""
    if _civic(words, before):
        return capital or len(words[before].form) > 2
    if form in _TRANSIT or (form in {"station", "entre"} and _of_transit(words, before)):
        return False
    if form in _ALONG and before and words[before - 1].form.startswith("compt"):
        # « On peut compter sur Victoria ».
        return False
    if words[first - 1].form in {"le", "la", "l"} and gazetteer.is_sector(words[first:last]):
        # « sur le Plateau » is all over it.
        return False
    initial = len(words[last - 1].form) == 1 and (last >= len(words) or words[last].apart)
    if capital and (form in _BEFORE_BARE or (oriented and not initial)):
        return True
    if form and capital and _on_road(words, before, first) and not gazetteer.is_sector(words[first:last]):
        return True
    if form in _ALONG and _rare(words, first, last, entries) and (before == first - 1 or words[first - 1].form == "de"):
        return True
    if capital and last < len(words) and words[last].form in _STREET_TYPES_AFTER | {"direction"}:
        return True
    if form in _JOINING and capital and _after_unknown(words, before) is not None:
        return True
    if form in _JOINING | _MEETING and any(
        one.last <= before <= one.last + 3 and one.kind is PlaceKind.STREET and _joined(words[one.last : first])
        for one in found
    ):
        return True
    if (
        found
        and found[-1].last == first
        and any(word.form in _CROSSING for word in words[max(0, found[-1].first - 2) : first])
    ):
        return capital
    return _crossed_next(words, first, street, gazetteer, found, capital=capital, oriented=oriented)


def _after_unknown(words: Sequence[Word], joint: int) -> int | None:
    """Where a name in capitals begins that stands between *coin* or the like and a word that joins it to a street."""
    first = joint
    while first > 0 and words[first - 1].capital and not words[first].apart and joint - first < 3:
        first -= 1
    before = _unlinked(words, first)
    named = first < joint and before >= 0 and words[before].form in _CROSSING - {"entre"}
    return first if named else None


def _beside(words: Sequence[Word], found: Sequence[_Found]) -> Iterator[_Found]:
    """What no gazetteer knows and a street crosses: « coin Inconnue et Masson », « coin Masson et Inconnue »."""
    taken = {index for one in found for index in range(one.first, one.last)}
    for one in found:
        if one.kind is not PlaceKind.STREET:
            continue
        joint = _unlinked(words, one.first)
        first = _after_unknown(words, joint) if joint >= 0 and words[joint].form in _JOINING else None
        if first is not None and taken.isdisjoint(range(first, joint)):
            yield _Found(PlaceKind.STREET, first, joint, 0.6)
        after = one.last + 1
        if one.last >= len(words) or words[max(0, joint)].form not in _CROSSING - {"entre"}:
            continue
        last = _proper(words, after) if words[one.last].form in _JOINING and not words[one.last].apart else after
        if last > after and taken.isdisjoint(range(after, last)):
            yield _Found(PlaceKind.STREET, after, last, 0.6)


def _rare(words: Sequence[Word], first: int, last: int, entries: Iterable[Entry]) -> bool:
    """Whether a name is hardly a common word, even in small letters: « sur christophe colomb », « sur rachel »."""
    if last - first > 1 or words[first - 1].form == "de":
        return True
    return len(words[first].form) >= SHORTEST_MISTYPED and not any(read_name(one.name).common for one in entries)


def _on_road(words: Sequence[Word], before: int, first: int) -> bool:
    """« Je descends Saint-Denis », « Fermez pas Camillien-Houde », « la piste de Rachel », « les feux à Papineau »."""
    if words[before].form == "pas" and before:
        before -= 1
    if before and words[before].form == "a" and words[before - 1].form in _AT_CROSSINGS:
        return True
    form = words[before].form
    if words[first - 1].form in {"la", "le", "les"}:
        # « le feu de la Saint-Jean-Baptiste ».
        return False
    return form in _ROADS or (form in _AT_CROSSINGS and before < first - 1) or _ROADWORK.fullmatch(form) is not None


def _of_transit(words: Sequence[Word], before: int) -> bool:
    """« Ligne orange arrêtée entre Jean-Talon et Berri », « la 18 détournée entre », and no « arrêt de bus entre »."""
    near = [word.form for word in words[max(0, before - _AS_FAR) : before]]
    line = any(one == "la" and other.isdigit() for one, other in pairwise(near))
    bus = not {"bus", "autobus"}.isdisjoint(near) and {"arret", "abri", "voie"}.isdisjoint(near)
    return line or bus or not _TRANSIT.isdisjoint(near)


def _crossed_next(
    words: Sequence[Word],
    first: int,
    street: tuple[int, list[Entry]],
    gazetteer: Gazetteer,
    found: Sequence[_Found],
    *,
    capital: bool,
    oriented: bool,
) -> bool:
    """« Papineau coin Rachel », « à Villeray et Boyer »: another street follows a word that joins the two."""
    last, entries = street
    joint = last
    while joint < len(words) and words[joint].form in _WITHIN:
        joint += 1
    if last < len(words) and words[last].form == "est":
        # « Saint-Denis est fermée entre Rachel et Marie-Anne ».
        ends = range(last, min(last + _AS_FAR, len(words)))
        joint = next((at for at in ends if words[at].form == "entre"), last)
    meeting = _MEETING | {"coin", "angle", "entre"}
    if joint >= len(words) or words[joint].form not in (_JOINING | meeting if joint == last else meeting):
        return False
    other, following = _following(words, joint + 1, gazetteer, found)
    if following is None:
        return False
    if words[joint].form in SIGNS | meeting:
        return capital or words[joint].form in {"coin", "angle"} or words[other].form[0].isdigit()
    before = words[first - 1].form if first else ""
    unlinked = _unlinked(words, first)
    if words[unlinked].form in _CROSSING:
        return True
    named = [*words[first:last], *words[other : following.last]]
    surely = (
        oriented
        or words[following.last - 1].form in ORIENTATIONS
        or words[following.first].form in STREET_TYPES
        or any(word.form in SAINTS.values() for word in named)
    )
    if not {word.form for word in words[max(0, unlinked - 1) : first]}.isdisjoint(_THANKING):
        return False
    if surely or (capital and (before in _BEFORE_CROSSING or words[unlinked].form in _BEFORE_CROSSING)):
        return True
    if not _rare(words, first, last, entries) or not _rare(words, other, following.last, following.entries):
        return False
    if unlinked >= 0 and words[unlinked].form in _ROADSIDE:
        return True
    if unlinked >= 0 and not words[unlinked + 1].apart:
        return False
    return _tells(words, following.last) and any(word.form in _OF_STREETS for word in words)


def _tells(words: Sequence[Word], at: int) -> bool:
    """Whether what follows two names is about where they cross, and not what two people do or are told."""
    if at >= len(words) or words[at].form in _TELLING:
        return True
    return words[at].apart and words[at].form not in _ADDRESSED


def _following(
    words: Sequence[Word], at: int, gazetteer: Gazetteer, found: Sequence[_Found]
) -> tuple[int, _Found | None]:
    """The street that begins at a word or after its links and type, and where its name begins."""
    typed = {one.first: one for one in found if one.kind is PlaceKind.STREET}
    other = at
    while other < len(words):
        if other in typed:
            return other + (words[other].form in STREET_TYPES), typed[other]
        if words[other].form not in LINKS and (named := gazetteer.street(words, other)) is not None:
            return other, _Found(PlaceKind.STREET, other, named[0], 0.7, tuple(named[1]))
        if (ordinal := _ordinal(words, other, gazetteer)) is not None:
            return other, ordinal
        if words[other].form not in {*LINKS, *STREET_TYPES}:
            break
        other += 1
    return other, None


def _unlinked(words: Sequence[Word], at: int) -> int:
    """The index of the word before « de la » and the like that stand before a word; -1: there is none."""
    before = at - 1
    while before >= 0 and words[before].form in {"la", "le", "l", "de", "du", "des", "d", "les", "of"}:
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
    for index, (one, other) in enumerate(pairwise(streets)):
        between = words[one.last : other.first]
        crossing = any(word.form in _CROSSING for word in words[max(0, one.first - 3) : one.first])
        if (_joined(between) or (crossing and _linked(between))) and _numbered(words, one) is None:
            crossed |= {id(one), id(other)}
            if not (index and _stretch(words[streets[index - 1].last : one.first])):
                yield one, other
    yield from ((one,) for one in found if id(one) not in crossed)


def _linked(between: Sequence[Word]) -> bool:
    return {word.form for word in between} <= LINKS | ORIENTATIONS.keys() | _JOINING | _MEETING | {"direction"}


def _joined(between: Sequence[Word]) -> bool:
    """Whether words between two streets say that they cross."""
    return _linked(between) and any(word.form in _JOINING | _MEETING for word in between)


def _stretch(between: Sequence[Word]) -> bool:
    """« sur Sherbrooke entre Viau et Pie-IX » is Sherbrooke; so is « Sherbrooke est fermée entre Viau et Pie-IX »."""
    said = [word.form for word in between if word.form not in LINKS]
    return 0 < len(said) <= _AS_FAR and said[-1] == "entre"


def _away(words: Sequence[Word], one: _Found, gazetteer: Gazetteer) -> bool:
    """Whether the words say that a street is another town's: « rue Sherbrooke à Magog », « leur chemin Chambly »."""
    if one.kind is not PlaceKind.STREET:
        return False
    if not one.entries and one.first and words[one.first - 1].form in {"leur", "leurs"}:
        return True
    town = one.last + 1
    if town >= len(words) or words[one.last].form != "a" or words[one.last].apart or words[town].apart:
        return False
    # Granby is a town, and an avenue of this city: « Papineau à Granby » would be both.
    return gazetteer.is_elsewhere(words, town) and not (one.entries and gazetteer.street(words, town))


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
    names = tuple(dict.fromkeys(_named(one) for one in things if one.entries))
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


def _named(one: _Found) -> str:
    """The name of a thing, no more precise than its words."""
    return shared_name(one.entries) if one.kind is PlaceKind.STREET else one.entries[0].name

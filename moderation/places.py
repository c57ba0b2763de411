"""What the places that texts name have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.comments import Comment
from models.gazetteer import NamedPlace
from models.people import Borough
from models.search import text_of
from models.text import chunks, stem
from models.vocabulary import Group311

_AROUND = frozenset(
    text_of("rue avenue boulevard chemin place route rang montée côte allée parc pont de du des la le les l d").split()
)
"""Words that stand around a name, or do not."""
_WAYS = frozenset(text_of("est ouest nord sud").split())
WIDE = frozenset({Group311.WATER, Group311.LIGHTING, Group311.COLLECTION})
"""What fails for many at once, who then write of it without a place: a network of pipes or wires, a round."""
_NOWHERE = "~"
"""Begins the key of what names no place, which is that of no street."""
_SHORTEST = 4
"""Letters of a borough's name that a text can say by it alone."""


def keys(place: Mapping[str, Any] | None) -> tuple[str | None, str | None]:
    """What two places have in common that are the same street, park or building, whatever is written around its name;
    of a crossing, that of each street. (None, None): there is no place. East and west of a street have one key: who
    writes « Gouin » means either, and a key that is equal to both makes both equal.
    """
    if not place:
        return None, None
    found = [one for one in map(_key, place["names"] or [place["text"]]) if one]
    return (found[0] if found else None), (found[1] if len(found) > 1 else None)


def written(place: str | None) -> frozenset[str]:
    """So for a place as a person typed it, or as the form of a request has a crossing: « Rue Wolfe / Rue Morin »."""
    parts = [place or "", *(place or "").split("/")]
    return frozenset(one for one in map(_key, parts) if one)


def around(text: str, names: Iterable[str]) -> str:
    """The key of a text that names no place: of the borough or sector that it names, if it does."""
    said = f" {_stems(text)} "
    found = sorted(one for one in map(_called, names) if len(one) >= _SHORTEST and f" {one} " in said)
    return (_NOWHERE + (found[0] if found else ""))[:200]


def is_around(key: str) -> bool:
    """Whether a key is that of what names no place."""
    return key.startswith(_NOWHERE)


def sector(key: str, names: Iterable[str]) -> str | None:
    """The borough or sector of such a key, as the city writes it."""
    return next((one for one in sorted(names) if key == (_NOWHERE + _called(one))[:200]), None)


def borough_of(session: Session, comment: Comment) -> int | None:
    """The borough of a comment's account; for an account of the whole city, that of the place which the text names."""
    named = (comment.verdict.place or {}).get("borough") if comment.verdict else None
    if comment.borough_id is not None or not named:
        return comment.borough_id
    called = _called(named)
    rows = session.execute(select(Borough.id, Borough.name).order_by(Borough.id)).all()
    return next((id_ for id_, name in rows if _called(name) == called), None)


def sectors(session: Session) -> set[str]:
    """The names of the city's boroughs, and of the sectors that its gazetteer knows."""
    known = select(NamedPlace.borough).where(NamedPlace.borough.is_not(None)).distinct()
    return {one for one in (*session.scalars(select(Borough.name)), *session.scalars(known)) if one}


def _called(name: str) -> str:
    """A borough's name without the article that a text may not have: « au Port » is in « Le Port »."""
    return " ".join(word for word in _stems(name).split() if word not in _AROUND)


def _stems(text: str) -> str:
    return " ".join(stem(word) for _, words in chunks(text) for word in words)


def _key(name: str) -> str | None:
    words = text_of(name).split()
    said = [word for word in words if word not in _AROUND and not word.isdigit()]
    if len(said) > 1 and said[-1] in _WAYS:
        said.pop()
    return " ".join(sorted(said or words))[:200] or None

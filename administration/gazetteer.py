"""The city's gazetteer, from the files of its open data portal.

Three sets of columns are known, in CSV or GeoJSON: points of interest as Montréal publishes them (`Nom français`,
`rue`, `Arrondissement`), its facilities (`NOM`, `TYPE`, `ARROND`), civic addresses as Lévis publishes them (`NOM_VOIE`,
`LIEN_VOIE`, `TYPE_VOIE`, `ORIENTATION`); and Parvis' own (`kind`, `name`, `borough`). No coordinates are kept.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ftfy import fix_encoding
from sqlalchemy import select
from sqlalchemy.orm import Session

from classifiers.gazetteer import Entry
from models import spreadsheets
from models.errors import Refused
from models.gazetteer import NamedPlace
from models.text import cleaned
from models.vocabulary import PlaceKind

LONGEST_NAME = 200
LOST = "\N{REPLACEMENT CHARACTER}"
_PARK = re.compile(r"(parc|square|jardin|place|boisé|espace vert|berge|halte)\b", re.IGNORECASE)
_SEVERAL = re.compile(r"[,;/(]|\b(?:et|entre|coin|angle|face|devant)\b", re.IGNORECASE)
"""A "street" that is a description of where to find something."""
_OWN = {"street": PlaceKind.STREET, "park": PlaceKind.PARK, "building": PlaceKind.BUILDING}

Row = Mapping[str, Any]


def read(path: Path) -> list[Entry]:
    """The places that a file names, each once. Refused: its columns are none of those that are known, or it is no such
    file.
    """
    merged: dict[tuple[PlaceKind, str], Entry] = {}
    try:
        entries = list(_entries(_rows(path)))
    except (csv.Error, RecursionError) as error:
        raise Refused("gazetteer_columns") from error
    for entry in entries:
        name = _name(entry.name).replace("'", "’")
        if not 2 < len(name) <= LONGEST_NAME or LOST in name:
            continue
        key = (entry.kind, name.casefold())
        known = merged.get(key)
        borough = _name(entry.borough or "")[:LONGEST_NAME] or None
        borough = borough if known is None or known.borough == borough else None
        merged[key] = Entry(entry.kind, known.name if known else name, borough)
    return list(merged.values())


def _name(text: str) -> str:
    """In single spaces, and with the letters that were written where only their bytes were read wrongly."""
    return " ".join(fix_encoding(cleaned(text) or "").split())


def store(session: Session, entries: Iterable[Entry]) -> int:
    """Add what is not there yet and correct boroughs; gives how many are new. Nothing is taken away."""
    known = {(row.kind, row.name.casefold()): row for row in session.scalars(select(NamedPlace))}
    new = 0
    for entry in entries:
        row = known.get((entry.kind, entry.name.casefold()))
        if row is None:
            session.add(NamedPlace(kind=entry.kind, name=entry.name, borough=entry.borough))
            new += 1
        else:
            row.borough = entry.borough
    return new


def _rows(path: Path) -> Iterator[Row]:
    decoded = spreadsheets.decoded(path.read_bytes())
    if decoded.lstrip().startswith("{"):
        try:
            features = json.loads(decoded)["features"]
            rows = [feature["properties"] for feature in features]
            return iter([row for row in rows if isinstance(row, dict)])
        except (ValueError, KeyError, TypeError) as error:
            raise Refused("gazetteer_columns") from error
    lines = decoded.splitlines()
    separator = ";" if lines and lines[0].count(";") > lines[0].count(",") else ","
    return iter(csv.DictReader(lines, delimiter=separator))


def _entries(rows: Iterable[Row]) -> Iterator[Entry]:
    said = False
    for row in rows:
        if "NOM_VOIE" in row:
            yield Entry(PlaceKind.STREET, _street(row))
        elif "Nom français" in row:
            borough, street = _said(row, "Arrondissement") or None, _said(row, "rue")
            if street and not _SEVERAL.search(street):
                yield Entry(PlaceKind.STREET, street, borough)
            yield Entry(_kind(_said(row, "Nom français")), _said(row, "Nom français"), borough)
        elif "NOM" in row and "ARROND" in row:
            yield Entry(_kind(_said(row, "NOM")), _said(row, "NOM"), _said(row, "ARROND") or None)
        elif "kind" in row and "name" in row:
            yield Entry(
                _OWN.get(_said(row, "kind"), PlaceKind.STREET), _said(row, "name"), _said(row, "borough") or None
            )
        else:
            raise Refused("gazetteer_columns")
        said = True
    if not said:
        raise Refused("gazetteer_columns")


def _street(row: Row) -> str:
    """« rue de la Presqu’île Est »: type, link, name and orientation, which Lévis keeps apart."""
    link, name = _said(row, "LIEN_VOIE"), _said(row, "NOM_VOIE")
    named = f"{link}{name}" if link.endswith(("'", "’")) else f"{link} {name}"
    return f"{_said(row, 'TYPE_VOIE').capitalize()} {named} {_said(row, 'ORIENTATION')}"


def _said(row: Row, column: str) -> str:
    value = row.get(column)
    return str(value).strip() if value is not None else ""


def _kind(name: str) -> PlaceKind:
    return PlaceKind.PARK if _PARK.match(name) else PlaceKind.BUILDING

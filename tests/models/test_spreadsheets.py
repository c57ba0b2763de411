"""Whatever program wrote a file, its rows are the same."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime, time

import pytest
from openpyxl import Workbook

from models import spreadsheets
from models.spreadsheets import guarded, rows, unguarded

TEXT = "Nom;Délai\r\nÉté;3\r\n\r\nNoël;\r\n"


@pytest.mark.parametrize(
    "raw",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.encode("cp1252"),
        TEXT.replace(";", ",").encode(),
        TEXT.replace(";", "\t").encode(),
        TEXT.replace("\r\n", "\n").encode(),
    ],
    ids=["utf-8", "mark", "utf-16", "windows", "commas", "tabs", "unix"],
)
def test_the_rows_are_read_as_they_were_meant(raw):
    assert rows(raw) == (
        ["nom", "délai"],
        [(2, {"nom": "Été", "délai": "3"}), (4, {"nom": "Noël", "délai": ""})],
    )


@pytest.mark.parametrize("raw", [b"", b"\0\0\0", bytes(range(256)), b'"' * 200_000])
def test_what_is_no_such_file_has_no_row_that_breaks(raw):
    names, found = rows(raw)
    assert all(set(row) <= set(names) for _, row in found)


def test_a_row_has_every_column_and_no_other():
    assert rows(b"a,b\n1\n1,2,3\n")[1] == [(2, {"a": "1", "b": ""}), (3, {"a": "1", "b": "2"})]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r=1", "|cmd"])
def test_no_cell_is_a_formula_and_what_it_said_comes_back(cell):
    assert guarded(cell) == f"'{cell}"
    assert unguarded(guarded(cell)) == cell


@pytest.mark.parametrize("cell", ["Nadia Roy", 12, -3, -73.5, "", "'quoted'", None])
def test_what_is_no_formula_stays_as_it_is(cell):
    assert guarded(cell) == cell
    assert cell is None or unguarded(str(cell)) == str(cell)


def book(*lines, sheet="Plan"):
    made, kept = Workbook(), io.BytesIO()
    made.active.title = sheet
    for line in lines:
        made.active.append(line)
    made.save(kept)
    return kept.getvalue()


def test_a_workbook_is_read_as_it_would_be_typed():
    raw = book(
        ["Nom", "Jour", "Heure", "Nombre", "Part"],
        ["Été", date(2027, 6, 30), time(9, 30), 12.0, 0.5],
        [],
        ["'=1+1", datetime(2027, 6, 30, 9, 30), None, -3, None],  # noqa: DTZ001 - as sheets have them
    )
    assert rows(raw) == (
        ["nom", "jour", "heure", "nombre", "part"],
        [
            (2, {"nom": "Été", "jour": "2027-06-30", "heure": "09:30", "nombre": "12", "part": "0.5"}),
            (4, {"nom": "=1+1", "jour": "2027-06-30 09:30", "heure": "", "nombre": "-3", "part": ""}),
        ],
    )


def _changed(raw, name, change):
    """A workbook with one of its parts changed."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.namelist():
            new.writestr(part, change(old.read(part)) if part == name else old.read(part))
    return made.getvalue()


GOOD = book(["Nom"], ["Été"])
SHEET = "xl/worksheets/sheet1.xml"
LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "raw",
    [
        b"PK",
        b"PK\x03\x04" + b"\0" * 200,
        GOOD[:-200],
        _changed(GOOD, SHEET, lambda _: b"<worksheet"),
        _changed(GOOD, SHEET, lambda said: said.replace(b"<worksheet", LAUGHS + b"<worksheet", 1)),
        _changed(GOOD, "xl/workbook.xml", lambda _: b""),
        _changed(GOOD, "[Content_Types].xml", lambda _: b"<x/>"),
    ],
    ids=["two letters", "zeros", "cut", "no sheet", "entities", "no book", "no kinds"],
)
def test_a_workbook_that_cannot_be_read_has_no_rows(raw):
    assert rows(raw) == ([], [])


def test_a_small_workbook_that_unpacks_to_too_much_is_not_unpacked(monkeypatch):
    bomb = _changed(GOOD, SHEET, lambda said: said + b" " * 1_000_000)
    assert len(bomb) < 20_000
    assert rows(bomb) != ([], [])
    monkeypatch.setattr(spreadsheets, "UNPACKED", 1_000_000)
    assert rows(bomb) == ([], [])


def test_a_cell_far_away_makes_no_row_of_what_is_between():
    far = _changed(GOOD, SHEET, lambda said: said.replace(b'r="2"', b'r="1000000"').replace(b'"A2"', b'"A1000000"'))
    assert rows(far) == (["nom"], [(1_000_000, {"nom": "Été"})])

"""Whatever program wrote a file, its rows are the same."""

from __future__ import annotations

import pytest

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

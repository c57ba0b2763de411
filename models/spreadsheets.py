"""Files of spreadsheets: their rows, whichever program wrote them, and cells that no program takes for a formula."""

from __future__ import annotations

import csv
import io
import re

_FORMULA = r"\s*[=+\-@|]"
"""How a cell begins that a spreadsheet works out."""


def decoded(raw: bytes) -> str:
    """The text of such a file: UTF-8, UTF-16 with its mark, or else what Windows writes in the west."""
    try:
        return raw.decode("utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def rows(raw: bytes) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Names of the columns, in lower case, and the rows, each with the number of its line: every column is in each.
    Commas, semicolons or tabs part the cells. No names and no rows: it is no such file.
    """
    text = decoded(raw).replace("\0", "")
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        missing = [""] * len(names)
        return names, [
            (reader.line_num, dict(zip(names, [*map(unguarded, cells), *missing], strict=False)))
            for cells in reader
            if any(cells)
        ]
    except csv.Error:
        return [], []


def guarded(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula, whatever a name or a citizen's text begins with."""
    return f"'{cell}" if isinstance(cell, str) and re.match(_FORMULA, cell) else cell


def unguarded(cell: str) -> str:
    """What a cell said before it was guarded, by us or by a spreadsheet."""
    return re.sub(rf"^'(?={_FORMULA})", "", cell)

"""Files of spreadsheets: their rows, whichever program wrote them, and cells that no program takes for a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import datetime, time
from zipfile import ZipFile

UNPACKED = 50_000_000
"""Bytes that a workbook may unpack to."""
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
    Commas, semicolons or tabs part the cells of a text. No names and no rows: it is no such file.
    """
    try:
        lines = workbook(raw) if packed(raw) else parted(decoded(raw))
        names = [name.strip().lower() for name in next(lines, (1, []))[1]]
        missing = [""] * len(names)
        return names, [
            (number, dict(zip(names, [*map(unguarded, cells), *missing], strict=False)))
            for number, cells in lines
            if any(cells)
        ]
    except ValueError:
        return [], []


def parted(text: str) -> Iterator[tuple[int, list[str]]]:
    """The cells of each line of a text, by its number; what parts them is what the first line has most of. ValueError:
    they cannot be told apart.
    """
    text = text.replace("\0", "")
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        raise ValueError from error


def packed(raw: bytes) -> bool:
    """Whether a file is a workbook (.xlsx), or another thing packed as one."""
    return raw.startswith(b"PK")


def workbook(raw: bytes) -> Iterator[tuple[int, list[str]]]:
    """The cells of each row of a workbook's first sheet, by its number, as they would be typed: a day is 2027-06-30, an
    hour 09:30; of a formula, what it gave last. ValueError: it is no workbook, or unpacks to more than `UNPACKED`.
    """
    # Half a second that other starts need not pay.
    from openpyxl import load_workbook  # noqa: PLC0415

    try:
        with ZipFile(io.BytesIO(raw)) as parts:
            unpacked = sum(part.file_size for part in parts.infolist())
    except Exception as error:
        raise ValueError from error
    if unpacked > UNPACKED:
        raise ValueError(UNPACKED)
    try:
        sheet = load_workbook(io.BytesIO(raw), read_only=True, data_only=True).worksheets[0]
        # What a file says of its size is not believed.
        sheet.reset_dimensions()
        for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
            cells = [_typed(value) for value in row]
            while cells and not cells[-1]:
                cells.pop()
            yield number, cells
    except Exception as error:  # A hostile file breaks its reader at any place.
        raise ValueError from error


def _typed(value: object) -> str:
    if isinstance(value, datetime):
        return str(value.date()) if value.time() == time() else f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, time):
        return f"{value:%H:%M}"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value).replace("\0", "")


def guarded(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula, whatever a name or a citizen's text begins with."""
    return f"'{cell}" if isinstance(cell, str) and re.match(_FORMULA, cell) else cell


def unguarded(cell: str) -> str:
    """What a cell said before it was guarded, by us or by a spreadsheet."""
    return re.sub(rf"^'(?={_FORMULA})", "", cell)

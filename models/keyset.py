"""Long lists are read in parts. A cursor is the place of the last row read, in the columns that order the list.

sqlakeyset was tried: it gives the database whatever number or type a made-up cursor holds, and lets a cursor turn the
order round, so every value would be checked here again.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from sqlalchemy import Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from models.base import UtcDateTime
from models.errors import Refused

Row = TypeVar("Row")
Statement = TypeVar("Statement", bound=Select[Any])


class Keyset:
    """The order of a list: columns of one table that are never null, the last one unique, all in one direction."""

    def __init__(self, *columns: InstrumentedAttribute[Any], descending: bool = False) -> None:
        self._columns, self._descending = columns, descending

    def read(
        self, session: Session, statement: Select[Row], after: str | None, limit: int
    ) -> tuple[Sequence[Row], str | None]:
        """Read one part of a statement that selects the rows' own objects; as `part` and `cut`."""
        return self.cut(session.scalars(self.part(statement, after, limit)).all(), limit)

    def part(self, statement: Statement, after: str | None, limit: int) -> Statement:
        """Order a statement and narrow it to the `limit + 1` rows behind a cursor (none: from the beginning).

        Refused: `cursor_invalid` when the cursor is not one that `cut` gave for this order.
        """
        place = self.place(after)
        if place is not None:
            here = tuple_(*self._columns)
            statement = statement.where(here < place if self._descending else here > place)
        order = (column.desc() if self._descending else column for column in self._columns)
        return statement.order_by(*order).limit(limit + 1)

    def cut(
        self, rows: Sequence[Row], limit: int, of: Callable[[Row], object] = lambda row: row
    ) -> tuple[Sequence[Row], str | None]:
        """Of `limit + 1` rows: those to show, and the cursor behind the last of them (None: nothing follows).

        `of` gives the object with the ordering columns, when a row is not that object.
        """
        if len(rows) <= limit:
            return rows, None
        last = of(rows[limit - 1])
        place = json.dumps([getattr(last, column.key) for column in self._columns], default=datetime.isoformat)
        return rows[:limit], base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")

    def place(self, cursor: str | None) -> tuple[int | datetime, ...] | None:
        """The ordering columns of the last row before a cursor (none: nothing was read yet). Refused as by `part`."""
        if not cursor:
            return None
        try:
            place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            return tuple(_value(column, value) for column, value in zip(self._columns, place, strict=True))
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise Refused("cursor_invalid", field="after") from error


def _value(column: InstrumentedAttribute[Any], value: object) -> int | datetime:
    """A value that the database can compare with the column: another one would be its error, not a refusal."""
    if isinstance(column.type, UtcDateTime):
        at = datetime.fromisoformat(cast("str", value))
        if at.tzinfo is None:
            raise ValueError(value)
        return at.astimezone(UTC)
    if type(value) is not int or not column.type.holds(value):
        raise ValueError(value)
    return value

"""The ground of every table: one metadata, named constraints, aware times, one kind of JSON."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar, cast

from sqlalchemy import JSON, BigInteger, Column, DateTime, Dialect, Integer, MetaData, types
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DontWrapMixin
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from models.errors import NotFound, Refused
from models.text import LONGEST_LINK, web_link

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Unkeepable(DontWrapMixin, Refused):
    """A value that one of the databases could not keep, or not keep whole: refused alike on both."""


class NoSuchRow(DontWrapMixin, NotFound):
    """A number that no row can have."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC on both databases; SQLite has no zone, so it keeps naive UTC text."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime reached the database; all times are aware inside Parvis")
        try:
            value = value.astimezone(UTC)
        except OverflowError as error:
            raise Unkeepable("time_unreadable", field="time") from error
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class String(TypeDecorator[str]):
    """Text of at most `length` characters (None: of any length), without NUL or half of a surrogate pair.

    Unkeepable: `text_unkeepable`, `longer_than_kept`.
    """

    impl = types.String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        if value is None:
            return None
        if "\0" in value or not encodes(value):
            raise Unkeepable("text_unkeepable", field="text")
        longest = cast("types.String", self.impl_instance).length
        if longest is not None and len(value) > longest:
            raise Unkeepable("longer_than_kept", field="text", most=str(longest))
        return value

    def coerce_compared_value(self, op: Any, value: Any) -> Any:  # noqa: ARG002
        """What is looked for may be longer than what is kept."""
        return String()


class Text(String):
    """Text of any length."""

    impl = types.Text
    cache_ok = True


class Link(String):
    """An address on the web; what leads nowhere is not kept."""

    cache_ok = True

    def __init__(self, length: int | None = LONGEST_LINK) -> None:
        super().__init__(length)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        longest = cast("types.String", self.impl_instance).length
        return super().process_bind_param(web_link(value, longest), dialect)


def encodes(value: str) -> bool:
    """Whether it holds no half of a surrogate pair."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


class Number(TypeDecorator[int]):
    """A whole number of `bits` (32 or 64). Unkeepable: `number_too_large`."""

    impl = Integer
    cache_ok = True

    def __init__(self, bits: int = 32, *, compared: bool = False) -> None:
        super().__init__()
        self.bits, self.compared = bits, compared

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        # SQLite gives row ids only to a column declared INTEGER.
        wide = self.bits == 64 and dialect.name != "sqlite"
        return dialect.type_descriptor(BigInteger() if wide else Integer())

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        if value is not None and not self.holds(value):
            raise NoSuchRow if self.compared else Unkeepable("number_too_large", field="number")
        return value

    def holds(self, value: int) -> bool:
        """Whether a column of this type can hold the value."""
        return -(1 << self.bits - 1) <= value < 1 << self.bits - 1

    def coerce_compared_value(self, op: Any, value: Any) -> Any:
        return Number(self.bits, compared=True) if isinstance(value, int) else super().coerce_compared_value(op, value)


Id = Number(64)
"""Key of every table, and whatever else needs 64 bits."""

SOUGHT = Number(64, compared=True)
"""An `Id` that a statement which is made once is given to look for; NoSuchRow if no row can have it."""

Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
"""Nothing is NULL, and never the null of JSON, which would count as something."""


class Whose(StrEnum):
    """Whose data a column of text, JSON or bytes holds. Each one says it, and disposal and its tests go by that."""

    CITIZEN = "citizen"
    """What somebody wrote or showed to the city, who they are, and what was written to them or about them."""
    STAFF = "staff"
    """Who works here: kept as long as what they decided."""
    NOBODY = "nobody"
    """Codes, keys, numbers on networks, and what the city itself publishes."""


GONE = "gone"
"""What disposal leaves of a column that its row cannot be without: the row goes."""


@dataclass(frozen=True)
class Mark:
    """Whose data a column holds, and what lawful disposal puts in its place."""

    whose: Whose
    leaves: Any = None


def citizen(leaves: Any) -> dict[Any, Any]:
    """The `info` of a citizen's column in whose place disposal puts something else than null."""
    return {Mark: Mark(Whose.CITIZEN, leaves)}


CITIZEN, STAFF, NOBODY = citizen(None), {Mark: Mark(Whose.STAFF)}, {Mark: Mark(Whose.NOBODY)}
"""`info` of columns."""


def mark_of(column: Column[Any]) -> Mark | None:
    """None: the column holds no text of anybody (a number, a time, a word of the vocabulary, a reference)."""
    return column.info.get(Mark)


class Base(DeclarativeBase):
    """Every table of Parvis."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {  # noqa: RUF012
        datetime: UtcDateTime(),
        int: Number(),
        str: String(),
        dict[str, Any]: Json,
        list[Any]: Json,
        list[str]: Json,
    }


Row = TypeVar("Row", bound=Base)


def next_version(row: Row | None, version: int, changed: str) -> Row:
    """The row that somebody read at `version`, now at its next one. NotFound: there is none; Refused, with the code
    `changed`: somebody was faster.
    """
    if row is None:
        raise NotFound
    kept: Any = row
    if kept.version != version:
        raise Refused(changed)
    kept.version += 1
    return row

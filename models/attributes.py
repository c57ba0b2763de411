"""What a service asks beside the place and the words (GeoReport v2, GET Service Definition): kept as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from models.errors import Refusals, Refused
from models.text import cleaned
from models.vocabulary import Datatype

LONGEST: Mapping[Datatype, int] = {
    Datatype.STRING: 300,
    Datatype.NUMBER: 40,
    Datatype.DATETIME: 40,
    Datatype.TEXT: 4000,
}
"""Characters of one answer."""
LISTS = frozenset({Datatype.SINGLE, Datatype.MULTI})
MOST_CHOSEN = 50

Answers = dict[str, str | list[str]]
"""What was answered, by the code of the attribute; a list where several values may be chosen."""


@dataclass(frozen=True)
class Choice:
    """One value of a list: its key, and what it is called."""

    key: str
    fr: str
    en: str = ""

    def name(self, language: str) -> str:
        """As a person reads it; French where there is no other."""
        return (self.en if language.startswith("en") else self.fr) or self.fr


@dataclass(frozen=True)
class Attribute:
    """One question of a service."""

    code: str
    datatype: Datatype
    fr: str
    en: str = ""
    required: bool = False
    values: tuple[Choice, ...] = ()

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Attribute:
        """As a row keeps it."""
        values = tuple(Choice(one["key"], one["fr"], one.get("en", "")) for one in kept.get("values", ()))
        return cls(
            kept["code"],
            Datatype(kept["datatype"]),
            kept["fr"],
            kept.get("en", ""),
            required=bool(kept.get("required")),
            values=values,
        )

    def kept(self) -> dict[str, Any]:
        """What a row keeps of it."""
        values = [{"key": one.key, "fr": one.fr, "en": one.en} for one in self.values]
        return {
            "code": self.code,
            "datatype": str(self.datatype),
            "fr": self.fr,
            "en": self.en,
            "required": self.required,
            "values": values,
        }

    def question(self, language: str) -> str:
        """As a person reads it; French where there is no other."""
        return (self.en if language.startswith("en") else self.fr) or self.fr

    def read(self, given: Sequence[str], zone: ZoneInfo | None = None) -> str | list[str] | None:
        """What was answered, as it is kept; None: nothing was. `zone` is that of a time which says none; without it,
        such a time is none. Refused: `attribute_unreadable`, `attribute_needed`.
        """
        said = [one for one in ((cleaned(part) or "").strip() for part in given) if one]
        if not said:
            if self.required:
                raise Refused("attribute_needed", field=self.field, question=self.fr)
            return None
        if self.datatype == Datatype.MULTI:
            known = {one.key for one in self.values}
            if not known.issuperset(said):
                raise self._unreadable()
            return list(dict.fromkeys(said))[:MOST_CHOSEN]
        value = _READ[self.datatype](said[0], self, zone) if len(said) == 1 else None
        if value is None:
            raise self._unreadable()
        return value

    @property
    def field(self) -> str:
        """What GeoReport calls it in a form."""
        return f"attribute[{self.code}]"

    def shown(self, answer: str | list[str], language: str) -> str:
        """An answer as a person reads it."""
        names = {one.key: one.name(language) for one in self.values}
        parts = answer if isinstance(answer, list) else [answer]
        return ", ".join(names.get(part, part) for part in parts)

    def _unreadable(self) -> Refused:
        return Refused("attribute_unreadable", field=self.field, question=self.fr, kind=str(self.datatype))


def _text(said: str, attribute: Attribute, _zone: ZoneInfo | None) -> str | None:
    return said if len(said) <= LONGEST[attribute.datatype] else None


def _number(said: str, _attribute: Attribute, _zone: ZoneInfo | None) -> str | None:
    written = said.replace("\N{NO-BREAK SPACE}", "").replace(" ", "").replace(",", ".")
    try:
        value = float(written) if len(written) <= LONGEST[Datatype.NUMBER] and "_" not in written else math.nan
    except ValueError:
        return None
    return written if math.isfinite(value) else None


def _moment(said: str, _attribute: Attribute, zone: ZoneInfo | None) -> str | None:
    # A `+` that nobody escaped comes as a blank.
    try:
        at = datetime.fromisoformat(said.replace(" ", "+"))
        at = at.replace(tzinfo=at.tzinfo or zone)
        return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _chosen(said: str, attribute: Attribute, _zone: ZoneInfo | None) -> str | None:
    return said if said in {one.key for one in attribute.values} else None


_READ = {
    Datatype.STRING: _text,
    Datatype.TEXT: _text,
    Datatype.NUMBER: _number,
    Datatype.DATETIME: _moment,
    Datatype.SINGLE: _chosen,
}


def asked(kept: Iterable[Mapping[str, Any]] | None) -> list[Attribute]:
    """The questions of a service, in their order."""
    return [Attribute.of(one) for one in kept or ()]


def answered(
    attributes: Sequence[Attribute],
    given: Mapping[str, Sequence[str]],
    *,
    whole: bool = True,
    zone: ZoneInfo | None = None,
) -> Answers:
    """What was answered of what a service asks; `whole`: what is required must be. Refused, all at once:
    `attribute_unknown`, `attribute_needed`, `attribute_unreadable`.
    """
    refusals, found, known = Refusals(), Answers(), {one.code for one in attributes}
    for code in given:
        if code not in known:
            with refusals.collect():
                raise Refused("attribute_unknown", field=f"attribute[{code[:60]}]")
    for attribute in attributes:
        try:
            answer = attribute.read(given.get(attribute.code, ()), zone)
        except Refused as error:
            if whole or error.code != "attribute_needed":
                with refusals.collect():
                    raise
            continue
        if answer is not None:
            found[attribute.code] = answer
    refusals.say()
    return found

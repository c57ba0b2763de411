"""Rules of dates as people write them in a spreadsheet: "2e lundi d'avril", "21 jours avant le versement des taxes"."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from models.errors import Refused
from models.vocabulary import DateRule
from publishing.recurrence import parts_of

_MONTHS = [
    "janvier",
    "fevrier",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "aout",
    "septembre",
    "octobre",
    "novembre",
    "decembre",
]
_DAYS = {
    "lundi": "MO",
    "mardi": "TU",
    "mercredi": "WE",
    "jeudi": "TH",
    "vendredi": "FR",
    "samedi": "SA",
    "dimanche": "SU",
}
_NTH = {"1er": 1, "premier": 1, "2e": 2, "deuxieme": 2, "3e": 3, "troisieme": 3, "4e": 4, "quatrieme": 4, "dernier": -1}

_DAY, _MONTH, _ORDER = "|".join(_DAYS), "|".join(_MONTHS), "|".join(_NTH)
_IN_MONTH = r"(?:du mois|de chaque mois|chaque mois)"
_COUNTED = re.compile(r"(\d{1,3}) jours? (avant|apres) (?:le |la |les |l')?(.+)")
_ON_KEY = re.compile(r"(?:le jour de |jour )(?:le |la |les |l')?(.+)")
_WEEKLY = re.compile(rf"(?:chaque|tous les) ({_DAY})s?")
_YEARLY_NTH = re.compile(rf"(?:le )?({_ORDER}) ({_DAY}) (?:de |d'|en )({_MONTH})")
_MONTHLY_NTH = re.compile(rf"(?:le )?({_ORDER}) ({_DAY}) {_IN_MONTH}")
_YEARLY = re.compile(rf"(?:le )?(1er|\d{{1,2}}) ({_MONTH})(?: de chaque annee| chaque annee)?")
_MONTHLY = re.compile(rf"(?:le )?(1er|\d{{1,2}}) {_IN_MONTH}")


@dataclass(frozen=True)
class Said:
    """What a rule says."""

    kind: DateRule
    rrule: str = ""
    anchor: str = ""
    offset_days: int = 0


def read(said: str, anchors: Mapping[str, str]) -> Said:
    """A rule as it is written. `anchors`: the names of key dates, by what they fold to. Refused: `plan_rule`,
    `key_date_unknown`, and what `parts_of` refuses.
    """
    words = folded(said)
    if not words:
        return Said(DateRule.NONE)
    if "freq=" in words:
        parts_of(said)
        return Said(DateRule.REPEATS, said.strip().upper())
    if (found := _COUNTED.fullmatch(words)) is not None:
        days = int(found[1]) * (-1 if found[2] == "avant" else 1)
        return Said(DateRule.ANCHORED, anchor=_anchor(found[3], anchors), offset_days=days)
    if (found := _ON_KEY.fullmatch(words)) is not None:
        return Said(DateRule.ANCHORED, anchor=_anchor(found[1], anchors))
    if (rrule := _calendar(words)) is None:
        raise Refused("plan_rule", said=said)
    parts_of(rrule)
    return Said(DateRule.REPEATS, rrule)


def folded(said: str) -> str:
    """Without accents, case or curly apostrophes, blanks once."""
    marks = unicodedata.normalize("NFKD", said.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")).casefold()
    return " ".join("".join(char for char in marks if not unicodedata.combining(char)).split())


def _calendar(words: str) -> str | None:
    if (found := _WEEKLY.fullmatch(words)) is not None:
        return f"FREQ=WEEKLY;BYDAY={_DAYS[found[1]]}"
    if (found := _YEARLY_NTH.fullmatch(words)) is not None:
        return f"FREQ=YEARLY;BYMONTH={_month(found[3])};BYDAY={_NTH[found[1]]}{_DAYS[found[2]]}"
    if (found := _MONTHLY_NTH.fullmatch(words)) is not None:
        return f"FREQ=MONTHLY;BYDAY={_NTH[found[1]]}{_DAYS[found[2]]}"
    if (found := _YEARLY.fullmatch(words)) is not None:
        return f"FREQ=YEARLY;BYMONTH={_month(found[2])};BYMONTHDAY={_number(found[1])}"
    if (found := _MONTHLY.fullmatch(words)) is not None:
        return f"FREQ=MONTHLY;BYMONTHDAY={_number(found[1])}"
    return None


def _anchor(name: str, anchors: Mapping[str, str]) -> str:
    if name not in anchors:
        raise Refused("key_date_unknown", field="anchor", name=name)
    return anchors[name]


def _month(name: str) -> int:
    return _MONTHS.index(name) + 1


def _number(said: str) -> int:
    return 1 if said == "1er" else int(said)

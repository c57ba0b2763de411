"""Words in the reader's language, and dates as Québec writes them.

Sentences in code and pages are written in English as `_("…")`; they are their own English catalogue, and
`locales/fr_CA` is the French one, read at start from its `.po` file so that nothing is compiled or forgotten. The
language of a request is in a context variable that the door sets: threads that serve it see it.
"""

from __future__ import annotations

import gettext as gettext_module
from contextvars import ContextVar
from datetime import UTC, date, datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from models.vocabulary import N_ as N_  # noqa: PLC0414  # The door takes it from here, with `_`.

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

LOCALES = Path(__file__).parent / "locales"
FRENCH: Final = "fr_CA"
ENGLISH: Final = "en"
LANGUAGES = (FRENCH, ENGLISH)
NBSP = "\N{NO-BREAK SPACE}"

language: ContextVar[str] = ContextVar("language", default=FRENCH)


@cache
def catalogue(name: str) -> gettext_module.NullTranslations:
    """The translations of one language; English sentences stand in the code."""
    if name != FRENCH:
        return gettext_module.NullTranslations()
    from babel.messages.mofile import write_mo  # noqa: PLC0415  # Not needed by whoever only imports the door's words.
    from babel.messages.pofile import read_po  # noqa: PLC0415

    compiled = BytesIO()
    with (LOCALES / name / "LC_MESSAGES" / "messages.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale=name))
    compiled.seek(0)
    return gettext_module.GNUTranslations(compiled)


def _(message: str, **params: object) -> str:
    """A sentence in the current language; `%(name)s` places are filled from `params` (so a lone % is written %%)."""
    return catalogue(language.get()).gettext(message) % params


def ngettext(singular: str, plural: str, n: int, **params: object) -> str:
    """A sentence that agrees with the number `n`, which is also the place `%(n)s`."""
    return catalogue(language.get()).ngettext(singular, plural, n) % {"n": n, **params}


class Dates:
    """Dates and times for people, in the city's zone and the reader's language."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone

    def day(self, value: date) -> str:
        """Like "21 novembre 2026"; a datetime is taken to the city's zone first."""
        from babel.dates import format_date  # noqa: PLC0415

        local = value.astimezone(self.zone) if isinstance(value, datetime) else value
        text = format_date(local, "long", locale=language.get())
        if language.get() == FRENCH and local.day == 1:
            text = text.replace("1", "1er", 1)  # Only the first of a month is ordinal in French.
        return text.replace(" ", NBSP, 1)

    def weekday(self, value: datetime) -> str:
        """Like "lundi", in the city's zone."""
        from babel.dates import format_date  # noqa: PLC0415

        return format_date(value.astimezone(self.zone), "EEEE", locale=language.get())

    def day_of_week(self, value: datetime) -> str:
        """Like "lundi 7 décembre", in the city's zone."""
        from babel.dates import format_date  # noqa: PLC0415

        local, french = value.astimezone(self.zone), language.get() == FRENCH
        text = format_date(local, "EEEE d MMMM" if french else "EEEE, MMMM d", locale=language.get())
        if french and local.day == 1:
            text = text.replace(" 1 ", " 1er ")
        return text.replace(" ", NBSP)

    def time(self, value: datetime) -> str:
        """Like "13 h 05", with spaces that no line breaks at."""
        from babel.dates import format_time  # noqa: PLC0415

        pattern = "H 'h' mm" if language.get() == FRENCH else "short"
        return format_time(value, pattern, tzinfo=self.zone, locale=language.get()).replace(" ", NBSP)

    def moment(self, value: datetime) -> str:
        """Like "21 novembre 2026, 13 h 05"."""
        return f"{self.day(value)}, {self.time(value)}"

    def machine(self, value: datetime) -> str:
        """For `<time datetime>`: UTC, ISO 8601."""
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

    def ago(self, value: datetime, now: datetime) -> str:
        """Like "il y a 5 minutes"."""
        from babel.dates import format_timedelta  # noqa: PLC0415

        return format_timedelta(value - now, add_direction=True, locale=language.get())


def of_holidays() -> str:
    """The reader's language, as the library of holidays calls it."""
    return "fr" if language.get() == FRENCH else "en_US"


def format_number(value: float) -> str:
    """Like "1 234,5"."""
    from babel.numbers import format_decimal  # noqa: PLC0415

    return format_decimal(value, locale=language.get())

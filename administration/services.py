"""The city's catalogue of 311 services: edited on a page, taken from a spreadsheet or from another 311 system."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from connectors.desks import ServiceThere
from models import audit, spreadsheets
from models.attributes import LISTS, MOST_CHOSEN, Attribute, Choice
from models.base import next_version
from models.errors import NotFound, Refusals, Refused
from models.people import Borough
from models.requests311 import Service, ServiceStandard, ServiceUnit
from models.search import text_of
from models.session import take_turn
from models.text import cleaned, is_email
from models.vocabulary import Datatype, Group311

MOST_DAYS, MOST_ATTRIBUTES, LONGEST_NAME, LONGEST_QUESTION = 1000, 20, 100, 300
LONGEST_KEYWORDS, LONGEST_UNIT = 300, 100
LARGEST = 512_000
"""Bytes of a spreadsheet."""
USUAL_DAYS = 10
"""The standard of a service of another system, which says none, until somebody sets it."""
NEEDED = ("code", "name", "group", "days")
"""Columns of a spreadsheet; `OFTEN` may come beside them."""
OFTEN = ("name_en", "keywords", "unit", "mail", "working_days", "confidential", "active")
"""Words, then yes or no."""
UNIT_OF = "unit:"
"""How a column begins that says the unit of a borough, whose code follows."""
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_YES = frozenset({"yes", "oui", "true", "vrai", "1", "x"})
_NO = frozenset({"", "no", "non", "false", "faux", "0"})


@dataclass(frozen=True)
class Question:
    """A question as it is typed: `values` has one choice a line, "key = French = English"."""

    code: str
    datatype: str
    fr: str
    en: str = ""
    required: bool = False
    values: str = ""


@dataclass(frozen=True)
class Wording:
    """What a service shall be."""

    name: str
    group: str
    days: str
    working_days: bool = False
    confidential: bool = False
    active: bool = True
    questions: Sequence[Question] = ()
    name_en: str = ""
    keywords: str = ""
    """Between commas."""
    unit: str = ""
    mail: str = ""
    """Where its requests leave in letters; empty: they do not."""
    units: Mapping[str, str] = field(default_factory=dict)
    """The unit of a borough, by its code; empty or not there: `unit`."""


@dataclass
class Report:
    """What a file or another system brought."""

    added: int = 0
    changed: int = 0
    wrong: list[tuple[int, Refused]] = field(default_factory=list)
    """Lines that were left, with why."""


def every(session: Session) -> list[Service]:
    """All services, those that are offered first, by group and name."""
    return list(session.scalars(select(Service).order_by(Service.active.desc(), Service.group, Service.name)))


def standards(session: Session, code: str) -> Sequence[ServiceStandard]:
    """What a service's standard was before, the newest first."""
    statement = select(ServiceStandard).where(ServiceStandard.service_code == code)
    return session.scalars(statement.order_by(ServiceStandard.id.desc())).all()


def word(
    session: Session, person_id: int | None, code: str, wording: Wording, *, seen: int | None, now: datetime
) -> Service:
    """Make a service (`seen` is None) or say it anew, as somebody saw it at version `seen`. What is open keeps its due
    date.

    Refused, all that is wrong at once: `service_code_unreadable`, `service_taken`, `service_changed`, `name_needed`,
    `words_too_long`, `borough_unknown`, `email_unreadable`, `group_unknown`, `days_unreadable`, and of a question
    `question_code`, `question_words`, `question_values`, `questions_too_many`.
    """
    refusals, said, parts = Refusals(), dict[str, Any](), dict[str, str]()
    with refusals.collect():
        said = _read(wording)
    with refusals.collect():
        parts = _read_units(session, wording.units)
    take_turn(session, "services")
    service = session.scalar(select(Service).where(Service.code == code).with_for_update())
    if seen is None:
        with refusals.collect():
            if _CODE.fullmatch(code) is None:
                raise Refused("service_code_unreadable", field="code")
            if service is not None:
                raise Refused("service_taken", field="code")
        refusals.say()
        service = Service(code=code, changed_at=now, version=1, **said)
        session.add(service)
    else:
        refusals.say()
        service = _change(session, next_version(service, seen, "service_changed"), said, person_id=person_id, now=now)
    _keep_units(session, code, parts)
    audit.note(session, "service.word", f"service:{code}", now=now, person_id=person_id, days=service.days)
    return service


def _change(
    session: Session, service: Service, said: Mapping[str, Any], *, person_id: int | None, now: datetime
) -> Service:
    before = service.days, service.working_days
    for name, value in said.items():
        setattr(service, name, value)
    service.changed_at = now
    if before != (service.days, service.working_days):
        days, working = before
        session.add(
            ServiceStandard(service_code=service.code, days=days, working_days=working, until=now, person_id=person_id)
        )
    return service


def boroughs(session: Session) -> Sequence[Borough]:
    """Those that may have a unit of their own, by name."""
    return session.scalars(select(Borough).order_by(Borough.name, Borough.id)).all()


def units(session: Session, code: str) -> dict[str, str]:
    """The unit of each borough that has its own for a service, by the borough's code."""
    statement = select(Borough.code, ServiceUnit.unit).join(ServiceUnit, ServiceUnit.borough_id == Borough.id)
    found = session.execute(statement.where(ServiceUnit.service_code == code))
    return {row.code: row.unit for row in found}


def _read_units(session: Session, typed: Mapping[str, str]) -> dict[str, str]:
    """Those that say something, by the code of a borough that there is."""
    refusals, known = Refusals(), {one.code for one in boroughs(session)} if typed else set[str]()
    said = {code: " ".join((cleaned(unit) or "").split()) for code, unit in typed.items()}
    for code, unit in said.items():
        with refusals.collect():
            if code not in known:
                raise Refused("borough_unknown", field=f"unit-{code}", borough=code)
            if len(unit) > LONGEST_UNIT:
                raise Refused("words_too_long", field=f"unit-{code}", most=str(LONGEST_UNIT))
    refusals.say()
    return {code: unit for code, unit in said.items() if unit}


def _keep_units(session: Session, code: str, parts: Mapping[str, str]) -> None:
    if parts == units(session, code):
        return
    session.execute(delete(ServiceUnit).where(ServiceUnit.service_code == code))
    for borough in boroughs(session):
        if borough.code in parts:
            session.add(ServiceUnit(service_code=code, borough_id=borough.id, unit=parts[borough.code]))
    session.flush()


def _read(wording: Wording) -> dict[str, Any]:
    refusals, name = Refusals(), (cleaned(wording.name) or "").strip()
    english, unit = (" ".join((cleaned(one) or "").split()) for one in (wording.name_en, wording.unit))
    keywords = ", ".join(filter(None, (one.strip() for one in (cleaned(wording.keywords) or "").split(","))))
    with refusals.collect():
        if not 0 < len(name) <= LONGEST_NAME:
            raise Refused("name_needed", field="name")
    for where, said, most in (
        ("name_en", english, LONGEST_NAME),
        ("keywords", keywords, LONGEST_KEYWORDS),
        ("unit", unit, LONGEST_UNIT),
    ):
        with refusals.collect():
            if len(said) > most:
                raise Refused("words_too_long", field=where, most=str(most))
    with refusals.collect():
        if wording.group not in set(Group311):
            raise Refused("group_unknown", field="group", known=", ".join(Group311))
    mail = wording.mail.strip()
    with refusals.collect():
        if mail and not is_email(mail):
            raise Refused("email_unreadable", field="mail")
    days = wording.days.strip()
    with refusals.collect():
        if not (days.isdecimal() and len(days) < 5 and 0 < int(days) <= MOST_DAYS):
            raise Refused("days_unreadable", field="days", most=str(MOST_DAYS))
    attributes: list[Attribute] = []
    with refusals.collect():
        attributes = _attributes(wording.questions)
    refusals.say()
    return {
        "name": name,
        "name_en": english,
        "keywords": keywords,
        "unit": unit or None,
        "mail": mail or None,
        "group": Group311(wording.group),
        "days": int(days),
        "working_days": wording.working_days,
        "confidential": wording.confidential,
        "active": wording.active,
        "attributes": [one.kept() for one in attributes],
    }


def _attributes(questions: Sequence[Question]) -> list[Attribute]:
    """Without those of which nothing is typed: so a question is taken away."""
    typed = [one for one in questions if one.code.strip() or one.fr.strip()]
    if len(typed) > MOST_ATTRIBUTES:
        raise Refused("questions_too_many", field="questions", most=str(MOST_ATTRIBUTES))
    refusals, found = Refusals(), list[Attribute]()
    for place, one in enumerate(questions):
        if one not in typed:
            continue
        with refusals.collect():
            attribute = _attribute(one, f"question-{place}")
            if attribute.code in {other.code for other in found}:
                raise Refused("question_code", field=f"question-{place}-code")
            found.append(attribute)
    refusals.say()
    return found


def _attribute(one: Question, field: str) -> Attribute:
    code, fr, en = one.code.strip(), (cleaned(one.fr) or "").strip(), (cleaned(one.en) or "").strip()
    if _CODE.fullmatch(code) is None:
        raise Refused("question_code", field=f"{field}-code")
    if not 0 < len(fr) <= LONGEST_QUESTION or len(en) > LONGEST_QUESTION or one.datatype not in set(Datatype):
        raise Refused("question_words", field=f"{field}-fr", most=str(LONGEST_QUESTION))
    datatype, values = Datatype(one.datatype), tuple(_choices(one.values, field))
    if datatype in LISTS and not values:
        raise Refused("question_values", field=f"{field}-values", most=str(MOST_CHOSEN))
    return Attribute(code, datatype, fr, en, required=one.required, values=values if datatype in LISTS else ())


def _choices(typed: str, field: str) -> list[Choice]:
    found: dict[str, Choice] = {}
    for line in (cleaned(typed) or "").splitlines():
        key, _, names = (part.strip() for part in line.partition("="))
        fr, _, en = (part.strip() for part in names.partition("="))
        if not key:
            continue
        if key in found or len(key) > 60 or max(len(fr), len(en)) > LONGEST_QUESTION or len(found) == MOST_CHOSEN:
            raise Refused("question_values", field=f"{field}-values", most=str(MOST_CHOSEN))
        found[key] = Choice(key, fr or key, en)
    return list(found.values())


def typed_values(attribute: Attribute) -> str:
    """The choices of a question, as they are typed."""
    return "\n".join(" = ".join(filter(None, (one.key, one.fr, one.en))) for one in attribute.values)


# --------------------------------------------------------------------------------- a spreadsheet, another 311 system
def take_csv(session: Session, raw: bytes, *, person_id: int | None, now: datetime) -> Report:
    """Add and change the services of a spreadsheet; a line that cannot be read is left, and said. A column that is not
    there changes nothing; one of a borough that there is not is said, and left. Refused: `services_columns`.
    """
    if len(raw) > LARGEST:
        raise Refused("services_columns", field="file", columns=", ".join(NEEDED))
    report, (names, found) = Report(), _rows(raw)
    known = {UNIT_OF + one.code for one in boroughs(session)}
    of_units = [name for name in names if name.startswith(UNIT_OF)]
    for name in of_units:
        if name not in known:
            code = name.removeprefix(UNIT_OF)
            report.wrong.append((1, Refused("borough_unknown", field="file", borough=code)))
    for line, row in found:
        parts = {name.removeprefix(UNIT_OF): row[name] for name in of_units if name in known}
        try:
            _take_row(session, row, parts, report, person_id=person_id, now=now)
        except Refused as error:
            report.wrong += [(line, one) for one in (error, *error.others)]
    return report


def _rows(raw: bytes) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    names, found = spreadsheets.rows(raw)
    if not set(NEEDED) <= set(names):
        raise Refused("services_columns", field="file", columns=", ".join(NEEDED))
    return names, found


def _take_row(
    session: Session,
    row: Mapping[str, str],
    parts: Mapping[str, str],
    report: Report,
    *,
    person_id: int | None,
    now: datetime,
) -> None:
    code = row["code"].strip()
    known = session.get(Service, code) if _CODE.fullmatch(code) else None
    kept = [Attribute.of(one) for one in known.attributes] if known else []

    def flag(name: str, usual: bool) -> bool:  # noqa: FBT001
        said = row.get(name, "").strip().casefold()
        if name not in row or (not said and known):
            return usual
        if said not in _YES | _NO:
            raise Refused("yes_or_no", field=name)
        return said in _YES

    wording = Wording(
        row["name"],
        group_of(row["group"]),
        row["days"],
        flag("working_days", known.working_days if known else False),
        flag("confidential", known.confidential if known else False),
        flag("active", known.active if known else True) if "active" in row and row["active"].strip() else True,
        [Question(a.code, a.datatype, a.fr, a.en, a.required, typed_values(a)) for a in kept],
        row.get("name_en", known.name_en if known else ""),
        row.get("keywords", known.keywords if known else ""),
        row.get("unit", (known.unit or "") if known else ""),
        row.get("mail", (known.mail or "") if known else ""),
        (units(session, code) if known else {}) | dict(parts),
    )
    _put(session, code, wording, known, report, person_id=person_id, now=now)


def _put(
    session: Session,
    code: str,
    wording: Wording,
    known: Service | None,
    report: Report,
    *,
    person_id: int | None,
    now: datetime,
) -> Service:
    if known is not None:
        said, parts = _read(wording), _read_units(session, wording.units)
        if all(getattr(known, name) == value for name, value in said.items()) and parts == units(session, code):
            return known
        report.changed += 1
        return word(session, person_id, code, wording, seen=known.version, now=now)
    made = word(session, person_id, code, wording, seen=None, now=now)
    session.flush()
    report.added += 1
    return made


def group_of(said: str) -> str:
    """The group of ours that a word names, by its code; as it was said where it is none."""
    wanted = text_of(said)
    return next(
        (str(one) for one in Group311 if wanted in (text_of(one), text_of(one.replace("_", " ")))), said.strip()
    )


def take_catalogue(session: Session, there: Sequence[ServiceThere], *, person_id: int | None, now: datetime) -> Report:
    """Add the services of another 311 system that are not here by code or by name. What the city already has stays as
    it is: its standard and its questions are its own.
    """
    report, here = Report(), every(session)
    codes = {one.code for one in here} | {one.outside_code for one in here}
    names = {text_of(one.name) for one in here}
    for place, one in enumerate(there, start=1):
        if one.code in codes or text_of(one.name) in names:
            continue
        group = group_of(one.group)
        wording = Wording(
            one.name[:LONGEST_NAME],
            group if group in set(Group311) else Group311.OTHER,
            str(USUAL_DAYS),
            questions=[
                Question(a.code, a.datatype, a.fr, a.en, a.required, typed_values(a))
                for a in one.attributes[:MOST_ATTRIBUTES]
            ],
        )
        try:
            code = _own_code(one.code, codes)
            made = _put(session, code, wording, None, report, person_id=person_id, now=now)
        except Refused as error:
            report.wrong += [(place, one) for one in (error, *error.others)]
            continue
        made.outside_code = one.code if one.code != code and len(one.code) <= 200 else None
        codes |= {code, one.code}
        names.add(text_of(one.name))
    return report


def _own_code(said: str, taken: set[str | None]) -> str:
    if _CODE.fullmatch(said):
        return said
    plain = unicodedata.normalize("NFKD", said).encode("ascii", "ignore").decode()
    code = re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-").lower()[:50] or "service"
    return next(one for one in (code, *(f"{code}-{n}" for n in range(2, 10_000))) if one not in taken)


def one(session: Session, code: str) -> Service:
    """NotFound: there is no such service."""
    found = session.get(Service, code)
    if found is None:
        raise NotFound
    return found

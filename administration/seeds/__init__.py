"""What a new city starts with: netiquette, sentences for citizens, 311 services, public telephones and addresses."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from models.attributes import Attribute
from models.contacts import PublicContact
from models.netiquette import NetiquetteRule, RuleVersion
from models.requests311 import Service
from models.seeds import Planted
from models.templates import MessageTemplate

Said = dict[str, Any]
LANGUAGES = ("fr", "en")
Row = RuleVersion | MessageTemplate | Service | PublicContact


def plant(session: Session, *, now: datetime, folder: Traversable | None = None) -> None:
    """Give a city what it starts with, and what a newer `folder` of seeds says, as a new version.

    What the city edited or removed stays as it left it, and so does a whole kind of which it had its own before.
    """
    folder = folder or files(__package__)
    planted = {(row.kind, row.code): row for row in session.scalars(select(Planted))}
    for kind, entries, newest in (
        ("article", _articles(folder), _newest_articles(session)),
        ("template", _templates(folder), _newest_templates(session)),
        ("service", _services(folder), {row.code: row for row in session.scalars(select(Service))}),
        ("contact", _contacts(folder), {row.value: row for row in session.scalars(select(PublicContact))}),
    ):
        if newest and not any(of == kind for of, _ in planted):
            continue
        for code, said in entries.items():
            mark, row = planted.get((kind, code)), newest.get(code)
            before = mark.said if mark else None
            if said != before and _untouched(row, before):
                _say(session, kind, code, row, said, now=now)
                if mark:
                    mark.said = said
                else:
                    session.add(Planted(kind=kind, code=code, said=said))


def _untouched(row: Row | None, before: Said | None) -> bool:
    if row is None:
        return before is None
    return before is not None and all(getattr(row, name) == value for name, value in before.items())


def _say(session: Session, kind: str, code: str, row: Any, said: Said, *, now: datetime) -> None:
    if kind == "article":
        if row is not None:
            row.in_force_until = now
        rule = row.rule if row is not None else NetiquetteRule(code=code)
        number = row.number + 1 if row is not None else 1
        session.add(RuleVersion(rule=rule, number=number, in_force_from=now, **said))
    elif kind == "template":
        name, _, language = code.rpartition(".")
        version = row.version + 1 if row is not None else 1
        session.add(MessageTemplate(code=name, language=language, version=version, created_at=now, **said))
    elif row is None:
        session.add(
            Service(code=code, changed_at=now, **said) if kind == "service" else PublicContact(value=code, **said)
        )
    else:
        changed = said | {"changed_at": now} if kind == "service" else said
        for name, value in changed.items():
            setattr(row, name, value)


def _articles(folder: Traversable) -> dict[str, Said]:
    articles = tomllib.loads((folder / "netiquette.toml").read_text("utf-8"))["article"]
    return {article.pop("code"): {"breach": None, **article, "in_force_until": None} for article in articles}


def _newest_articles(session: Session) -> Mapping[str, Row]:
    statement = select(RuleVersion).options(joinedload(RuleVersion.rule)).order_by(RuleVersion.number)
    return {row.rule.code: row for row in session.scalars(statement)}


def _templates(folder: Traversable) -> dict[str, Said]:
    templates = tomllib.loads((folder / "templates.toml").read_text("utf-8"))["template"]
    return {
        f"{one['code']}.{language}": {
            "body": one[language].strip(),
            "title": one.get("title"),
            "intention": one.get("intention"),
            "status": one.get("status"),
            "service_code": one.get("service"),
        }
        for one in templates
        for language in LANGUAGES
        if language in one
    }


def _newest_templates(session: Session) -> Mapping[str, Row]:
    statement = select(MessageTemplate).order_by(MessageTemplate.version)
    return {f"{row.code}.{row.language}": row for row in session.scalars(statement)}


def _services(folder: Traversable) -> dict[str, Said]:
    asked: dict[str, list[Said]] = {}
    for one in tomllib.loads((folder / "questions.toml").read_text("utf-8"))["question"]:
        for service in one.pop("services"):
            asked.setdefault(service, []).append(Attribute.of(one).kept())
    with (folder / "services.csv").open(encoding="utf-8") as lines:
        return {
            row["code"]: {
                "name": row["name"],
                "name_en": row["name_en"],
                "keywords": row["keywords"],
                "unit": row["unit"],
                "group": row["group"],
                "days": int(row["days"]),
                "working_days": row["working_days"] == "yes",
                "confidential": row["confidential"] == "yes",
                "attributes": asked.get(row["code"], []),
                "active": True,
            }
            for row in csv.DictReader(lines)
        }


def _contacts(folder: Traversable) -> dict[str, Said]:
    with (folder / "contacts.csv").open(encoding="utf-8") as lines:
        return {row["value"]: {"name": row["name"]} for row in csv.DictReader(lines)}

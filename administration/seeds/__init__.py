"""What a new city starts with, until it puts its own in place: netiquette, sentences for citizens, 311 services."""

from __future__ import annotations

import csv
import tomllib
from datetime import datetime
from importlib.resources import files

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.comments import MessageTemplate, NetiquetteRule, RuleVersion
from models.requests311 import Service
from models.vocabulary import Group311


def plant(session: Session, *, now: datetime) -> None:
    """Fill each table that is still empty; one in which the city already has something is left alone."""
    folder = files(__package__)
    if session.scalar(select(NetiquetteRule.id).limit(1)) is None:
        for article in tomllib.loads((folder / "netiquette.toml").read_text("utf-8"))["article"]:
            rule = NetiquetteRule(code=article.pop("code"))
            session.add(rule)
            session.flush()
            session.add(RuleVersion(rule_id=rule.id, number=1, in_force_from=now, in_force_until=None, **article))
    if session.scalar(select(MessageTemplate.id).limit(1)) is None:
        for entry in tomllib.loads((folder / "templates.toml").read_text("utf-8"))["template"]:
            for language in ("fr", "en"):
                body = entry[language].strip()
                session.add(
                    MessageTemplate(code=entry["code"], language=language, version=1, body=body, created_at=now)
                )
    if session.scalar(select(Service.code).limit(1)) is None:
        with (folder / "services.csv").open(encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                group = Group311(row["group"])
                session.add(
                    Service(code=row["code"], name=row["name"], group=group, days=int(row["days"]), active=True)
                )

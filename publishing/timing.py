"""What the day is on which a post goes out: a holiday, a key date of the city, the weeks before an election."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.dossiers import KeyDate
from publishing.calendar import Happening, days
from publishing.checks import Finding
from publishing.preview import Sketch
from publishing.rules import folded

ELECTION = timedelta(days=45)
"""How long before a key date that is called an election a city weighs what it says."""
_VOTES = ("election", "scrutin", "referendum")


def look(session: Session, sketches: Sequence[Sketch], zone: ZoneInfo, language: str) -> list[Finding]:
    """What is to be known of the days of a post, each thing once. `language`: "fr" or "en_US"."""
    wanted = sorted({one.publish_at.astimezone(zone).date() for one in sketches if one.publish_at is not None})
    if not wanted:
        return []
    near = KeyDate.day.between(wanted[0], wanted[-1] + ELECTION)
    known = session.execute(select(KeyDate.name, KeyDate.day).where(near).order_by(KeyDate.day)).all()
    found: dict[tuple[str, str], Finding] = {}
    for day in wanted:
        for one in days(day, day + timedelta(days=1), zone, language):
            if one.happening is Happening.HOLIDAY:
                _add(found, "holiday", one.name)
        for name, when in known:
            if when == day:
                _add(found, "key_date", name)
            elif _votes(name) and dt.timedelta() < when - day <= ELECTION:
                _add(found, "election_near", name)
    return list(found.values())


def _add(found: dict[tuple[str, str], Finding], code: str, name: str) -> None:
    found.setdefault((code, name), Finding(code, "publish_at", params={"name": name}))


def _votes(name: str) -> bool:
    return any(word in folded(name) for word in _VOTES)

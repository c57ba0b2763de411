"""By when a request is due: so many days of the city's calendar from when it was opened, or so many working days; and
sooner, where the clocks of the city promise it of its nature.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from models.requests311 import Service
from models.working_days import next_working_day, works
from moderation import clocks


def due(service: Service, opened_at: datetime, zone: ZoneInfo) -> datetime:
    """`service.days` later, at the same hour of the city's clocks.

    What comes in while offices are closed is counted in working days as if it had come on the next one.
    """
    local = opened_at.astimezone(zone)
    day = local.date()
    if not service.working_days:
        return datetime.combine(day + timedelta(days=service.days), local.time(), zone).astimezone(UTC)
    if not works(day):
        day = next_working_day(day)
    for _ in range(service.days):
        day = next_working_day(day)
    return datetime.combine(day, local.time(), zone).astimezone(UTC)


def promised(session: Session, service: Service, nature: str, opened_at: datetime, zone: ZoneInfo) -> datetime:
    """The earlier of what the standard of its service and the clocks of the city say of a request."""
    by_service, by_nature = due(service, opened_at, zone), clocks.resolve_by(session, nature, opened_at, zone)
    return by_service if by_nature is None else min(by_service, by_nature)

"""By when a request is due: so many days of the city's calendar from when it was opened, or so many working days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from models.requests311 import Service
from models.working_days import next_working_day, works


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

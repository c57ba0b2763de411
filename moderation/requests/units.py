"""Whose work a service is: in a large city each borough has its own unit."""

from __future__ import annotations

from sqlalchemy.orm import Session

from models.requests311 import Service, ServiceUnit


def responsible(session: Session, service: Service, borough_id: int | None) -> str | None:
    """The unit of a service in a borough, or the service's own (None: it has none). `borough_id` None: city-wide."""
    own = session.get(ServiceUnit, (service.code, borough_id)) if borough_id is not None else None
    return own.unit if own is not None else service.unit

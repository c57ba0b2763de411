"""For whoever watches the installation: alive, ready, and figures."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from sqlalchemy.exc import SQLAlchemyError

from api import disks
from api.deps import CurrentIdentity, Installation, Now
from api.metrics import Gauges
from api.problems import Forbidden
from api.wiring import Parvis
from models.migrations import standing
from models.vocabulary import Standing

router = APIRouter(include_in_schema=False)


PATIENCE = 2
"""Seconds that a program may hold the database's write lock before it is said."""


@router.get("/healthz")
async def alive() -> JSONResponse:
    """The process answers, even when every thread of it is busy."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz")
def ready(parvis: Installation) -> JSONResponse:
    """What is received can be kept; else 503 says why not: `disk`, `database`, `migrations` or `locked`."""
    status = _unready(parvis) or "ok"
    return JSONResponse({"status": status}, 200 if status == "ok" else 503)


def _unready(parvis: Parvis) -> str | None:
    if any(disks.free_bytes(folder) < disks.DISK_FULL for folder in disks.folders(parvis.settings)):
        return "disk"
    try:
        if standing(parvis.database) is not Standing.CURRENT:
            return "migrations"
    except SQLAlchemyError:
        return "database"
    return None if parvis.database.writable(PATIENCE) else "locked"


@router.get("/metrics")
def metrics(request: Request, parvis: Installation, identity: CurrentIdentity, now: Now) -> Response:
    """Prometheus figures, for any API key: they are counts. Not open to loopback: a proxy makes everybody local."""
    if identity.viewer.person_id is not None:
        raise Forbidden
    of_process: CollectorRegistry = request.app.state.metrics
    of_city = CollectorRegistry()
    of_city.register(Gauges(parvis.database, now))
    return Response(generate_latest(of_process) + generate_latest(of_city), media_type=CONTENT_TYPE_LATEST)

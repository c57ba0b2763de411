"""For whoever watches the installation: alive, ready, and figures."""

from __future__ import annotations

import os
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from sqlalchemy.exc import SQLAlchemyError

from api.deps import CurrentIdentity, Installation, Now
from api.metrics import Gauges
from api.problems import Forbidden
from api.settings import Settings, sqlite_file
from api.wiring import Parvis
from models.migrations import standing
from models.vocabulary import Standing

router = APIRouter(include_in_schema=False)


DISK_FULL, DISK_LOW = 64 * 2**20, 2**30
"""Free bytes under which nothing can be kept any more, and under which somebody is told."""
PATIENCE = 2
"""Seconds that a program may hold the database's write lock before it is said."""


def folders(settings: Settings) -> set[Path]:
    """Where this installation keeps things on this machine."""
    database = sqlite_file(settings)
    return {settings.home.resolve()} | ({database.resolve().parent} if database else set())


def free_bytes(folder: Path) -> int:
    """What Parvis may still write there."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


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
    if any(free_bytes(folder) < DISK_FULL for folder in folders(parvis.settings)):
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

"""For whoever watches the installation: alive, ready, and figures."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from sqlalchemy.exc import SQLAlchemyError

from api.deps import CurrentIdentity, Installation
from api.problems import Forbidden
from models.migrations import standing
from models.vocabulary import Standing

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
def alive() -> JSONResponse:
    """The process answers."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz")
def ready(parvis: Installation) -> JSONResponse:
    """The database can be reached and has every migration; else 503 says which."""
    try:
        status = "ok" if standing(parvis.database) is Standing.CURRENT else "migrations"
    except SQLAlchemyError:
        status = "database"
    return JSONResponse({"status": status}, 200 if status == "ok" else 503)


@router.get("/metrics")
def metrics(request: Request, identity: CurrentIdentity) -> Response:
    """Prometheus figures, for any API key: they are counts. Not open to loopback: a proxy makes everybody local."""
    if identity.viewer.person_id is not None:
        raise Forbidden
    registry: CollectorRegistry = request.app.state.metrics
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

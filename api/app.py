"""The web application: routers, errors, headers, and what runs beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from functools import cache
from pathlib import Path

from anyio import to_thread
from fastapi import APIRouter, FastAPI
from prometheus_client import CollectorRegistry
from starlette.routing import BaseRoute
from starlette.staticfiles import StaticFiles

from api import health, open311, pages, problems, webhooks
from api.deps import Hashing
from api.security import BodyLimit, EdgeMiddleware
from api.turns import Turns
from api.v1 import router as v1
from api.web import (
    account,
    accounts,
    alike,
    amendments,
    analysis,
    answers,
    approving,
    calendar,
    campaigns,
    clocks,
    completing,
    corrections,
    directory,
    dossiers,
    exports,
    feed,
    following,
    handover,
    hooks,
    importing,
    incidents,
    keyboard,
    manner,
    media,
    netiquette,
    news,
    notices,
    oncall,
    operations,
    passkeys,
    pause,
    people,
    plan,
    posts,
    practice,
    proposals,
    queue,
    replies,
    requests311,
    satisfaction,
    services,
    shifts,
    sign_in,
    signatures,
    start,
    team,
    teamwork,
    together,
    views,
)
from api.wiring import THREADS, Parvis, running

ROUTERS = (
    health.router,
    webhooks.router,
    v1.router,
    open311.router,
    sign_in.router,
    directory.router,
    passkeys.router,
    account.router,
    keyboard.router,
    exports.router,
    queue.router,
    alike.router,
    practice.router,
    corrections.router,
    proposals.router,
    teamwork.router,
    notices.router,
    clocks.router,
    oncall.router,
    together.router,
    replies.router,
    manner.router,
    views.router,
    team.router,
    shifts.router,
    analysis.router,
    answers.router,
    incidents.router,
    handover.router,
    following.router,
    completing.router,
    satisfaction.router,
    requests311.router,
    services.router,
    posts.router,
    amendments.router,
    approving.router,
    signatures.router,
    plan.router,
    importing.router,
    campaigns.router,
    dossiers.router,
    news.router,
    feed.router,
    calendar.router,
    media.router,
    pause.router,
    netiquette.router,
    accounts.router,
    operations.router,
    hooks.router,
    people.router,
    start.router,
)
"""A new page or version of the API adds its router here, and its routes to tests/api/test_matrix.py."""


_templates = cache(pages.environment)
"""Of all doors of this process: each page is compiled once."""


@cache
def _routes() -> list[BaseRoute]:
    """The routes of all doors of this process: to work out two hundred of them takes a third of a second."""
    made = APIRouter()
    for router in ROUTERS:
        made.include_router(router)
    return made.routes


def create_app(parvis: Parvis) -> FastAPI:
    """The door of one installation. The engine starts and stops with it when the settings say so."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = THREADS
        with running(parvis) if parvis.settings.engine != "off" else nullcontext():
            yield

    app = FastAPI(
        title="Parvis",
        version="1",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # They load scripts from elsewhere, which the content security policy refuses.
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.parvis = parvis
    app.state.hashing = Hashing()
    app.state.turns = Turns()
    app.state.challenge_turns = Turns(300)
    app.state.key_turns = Turns(parvis.settings.requests_per_minute)
    app.state.metrics = CollectorRegistry()
    app.state.templates = _templates(parvis.settings.zone)
    problems.install(app)
    app.router.routes.extend(_routes())
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static", check_dir=False), name="static")
    # FastAPI's own limit would stand outside the door, and answer without its headers.
    app.add_middleware(BodyLimit, film_mb=parvis.settings.film_mb)
    app.add_middleware(EdgeMiddleware, settings=parvis.settings, metrics=app.state.metrics)
    return app

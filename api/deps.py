"""What routes ask for: who is there, whether they may, the time, and one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import IO, Annotated, Any

from fastapi import Depends, Request
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from administration import sign_in
from administration.sign_in import Identity
from api.problems import Busy, FactorDue, Forbidden, SignedOut, wants_json
from api.security import session_cookie
from api.wiring import Parvis
from models.scope import Action, Viewer

POLL_HEADER = "parvis-poll"
"""Sent by what a page asks by itself: a page left open must not keep its session alive."""


def parvis_of(request: Request) -> Parvis:
    """The installation that serves this request."""
    parvis: Parvis = request.app.state.parvis
    return parvis


# What asks nothing of the database is `async`: FastAPI would send a plain function to a thread and wait for it, and
# four such changes of thread cost a request more than all that it does.
async def _installation(request: Request) -> Parvis:
    return parvis_of(request)


async def _now(request: Request) -> datetime:
    return parvis_of(request).clock()


async def _form(request: Request) -> AsyncIterator[FormData]:
    async with request.form() as form:
        yield form


def _read(request: Request) -> Iterator[Session]:
    with parvis_of(request).database.read() as session:
        yield session


def _write(request: Request) -> Iterator[Session]:
    with parvis_of(request).database.write() as session:
        yield session


def session_token(request: Request) -> str | None:
    """The browser's session token, if it sent one."""
    return request.cookies.get(session_cookie(parvis_of(request).settings))


def _known(request: Request) -> Identity:
    """Who asks. It has its own short transactions, so that what comes after starts with none open."""
    parvis = parvis_of(request)
    authorization = request.headers.get("authorization")
    if authorization is not None:
        scheme, _, key = authorization.partition(" ")
        machine = wants_json(request) and scheme.lower() == "bearer"
        identity = sign_in.identify_key(parvis.database, key.strip(), now=parvis.clock()) if machine else None
    else:
        used = POLL_HEADER not in request.headers
        identity = sign_in.identify(
            parvis.database,
            session_token(request),
            factor_roles=parvis.settings.second_factor_roles,
            used=used,
            now=parvis.clock(),
        )
    if identity is None:
        raise SignedOut
    request.state.identity = identity
    return identity


async def _identity(identity: KnownIdentity) -> Identity:
    if identity.factor_due:
        raise FactorDue
    return identity


async def _turn(request: Request) -> AsyncIterator[None]:
    async with request.app.state.hashing.turn():
        yield


class Hashing:
    """Turns at hashing a password, which takes 64 MB and all of a core: a few at once, and whoever waits holds no
    thread meanwhile, so that pages go on. Busy: too many wait already.
    """

    def __init__(self, at_once: int = 2, waiting: int = 200) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._places = at_once + waiting

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and have it for the block."""
        if not self._places:
            raise Busy
        self._places -= 1
        try:
            async with self._free:
                yield
        finally:
            self._places += 1


async def _viewer(identity: CurrentIdentity) -> Viewer:
    return identity.viewer


def whole(text: str) -> int | None:
    """The number that an address or a form names; None: it names none, and narrows nothing."""
    return int(text) if text.isdecimal() and len(text) < 18 else None


def require(action: Action, *, whole_city: bool = False) -> Any:
    """Dependency that gives the Viewer if they may do `action` somewhere (or, `whole_city`, everywhere); else 403.

    What they may do it *on* is narrowed by `models.scope.visible` and `Viewer.may_on`.
    """

    async def allowed(viewer: CurrentViewer) -> Viewer:
        may = viewer.may_on(action, borough_id=None, account_id=None) if whole_city else viewer.may(action)
        if not may:
            raise Forbidden
        return viewer

    return Depends(allowed)


async def _raw_body(request: Request) -> bytes:
    return await request.body()


async def _body_file(request: Request) -> AsyncIterator[IO[bytes]]:
    """What does not fit in little memory is written to a file, which goes with the request."""
    with SpooledTemporaryFile(max_size=1024 * 1024) as file:
        async for part in request.stream():
            await run_in_threadpool(file.write, part)
        file.seek(0)
        yield file


# With the default scope the commit would come after the answer has left: a commit that fails would read as a 200.
ReadSession = Annotated[Session, Depends(_read, scope="function")]
WriteSession = Annotated[Session, Depends(_write, scope="function")]
CurrentIdentity = Annotated[Identity, Depends(_identity)]
KnownIdentity = Annotated[Identity, Depends(_known)]
"""The same, of somebody too who must set up a second factor before anything else."""
HashingTurn = Annotated[None, Depends(_turn, scope="function")]
"""Asked for by every route that checks or keeps a password."""
CurrentViewer = Annotated[Viewer, Depends(_viewer)]
Installation = Annotated[Parvis, Depends(_installation)]
Now = Annotated[datetime, Depends(_now)]
Sent = Annotated[FormData, Depends(_form)]
"""A form whose fields are not known before; its files are closed with the request."""
RawBody = Annotated[bytes, Depends(_raw_body)]
BodyFile = Annotated[IO[bytes], Depends(_body_file)]
"""The same, of what may be large: a file that is read from its beginning."""

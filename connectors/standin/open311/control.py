"""The hand behind the pretend outside 311: `/_control/open311`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel

from connectors.standin.state import Standin


class Ways(BaseModel):
    """Fields of `PretendDesk`; what is left out stays."""

    services: dict[str, str] | None = None
    key: str | None = None
    kind: str | None = None
    numbers_are_numbers: bool | None = None
    rooted: bool | None = None
    hides_words: bool | None = None
    page_size: int | None = None
    token_seconds: float | None = None
    replays: bool | None = None
    ignores_list: bool | None = None


class Worked(BaseModel):
    number: str
    status: str = "closed"
    note: str = ""


def open311_control(state: Standin) -> APIRouter:
    """The routes, all under `/_control/open311`."""
    router = APIRouter()

    @router.post("/open311")
    def ways(body: Ways) -> dict[str, bool]:
        with state.lock:
            vars(state.desk).update(body.model_dump(exclude_none=True))
        return {"ok": True}

    @router.post("/open311/changes")
    def worked(body: Worked) -> dict[str, bool]:
        """`status` is "open" or "closed", or a word of its own."""
        with state.lock:
            if body.number not in state.desk.asked:
                raise HTTPException(404, f"no request {body.number}")
            state.desk.change(body.number, body.status, body.note, state.now())
        return {"ok": True}

    @router.get("/open311/requests")
    def asked() -> dict[str, list[dict[str, Any]]]:
        with state.lock:
            return {"requests": [dict(vars(one)) for one in state.desk.asked.values()]}

    return router

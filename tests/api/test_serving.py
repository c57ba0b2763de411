"""What surrounds the application where it is served."""

from __future__ import annotations

import asyncio
import gc
import weakref

from api import serving


class Page:
    """Holds itself, as the context of a template does."""

    def __init__(self) -> None:
        self.itself = self


def test_what_a_page_leaves_is_cleared_away_after_its_answer(monkeypatch):
    left, looks = [], []
    collect = gc.collect
    monkeypatch.setattr(gc, "collect", lambda generation: looks.append(generation) or collect(generation))
    monkeypatch.setattr(serving, "OLDER", 2)
    monkeypatch.setattr(serving, "OLDEST", 4)

    async def app(scope, receive, send):
        left.append(weakref.ref(Page()))
        await send({"type": "http.response.body"})

    async def send(_message):
        assert left[-1]() is not None, "nobody waits for it"

    gc.disable()
    try:
        swept = serving.Swept(app)
        for _ in range(4):
            asyncio.run(swept({"type": "http"}, None, send))
            assert left[-1]() is None
        asyncio.run(swept({"type": "lifespan"}, None, send))
        assert left[-1]() is not None
    finally:
        gc.enable()
    assert looks == [0, 1, 0, 2]

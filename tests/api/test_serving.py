"""What surrounds the application where it is served."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Coroutine
from typing import Any

import pytest

from api import serving


class Page:
    """Holds itself, as the context of a template does."""

    def __init__(self) -> None:
        self.itself = self


def play(whole: Coroutine[Any, Any, None]) -> None:
    """Without a loop: some tests of the same process have one of their own, and nothing here waits."""
    with pytest.raises(StopIteration):
        whole.send(None)


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
            play(swept({"type": "http"}, None, send))
            assert left[-1]() is None
        play(swept({"type": "lifespan"}, None, send))
        assert left[-1]() is not None
    finally:
        gc.enable()
    assert looks == [0, 1, 0, 2]

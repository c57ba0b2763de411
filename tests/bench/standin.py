"""The pretend networks against the server that they are built on: the same answers, made by nobody."""

from __future__ import annotations

import json
import sys
import threading
from urllib.parse import urlencode

import client
import uvicorn
from fastapi import FastAPI, Request, Response

from connectors.standin.server import create_standin, run_in_thread
from connectors.standin.state import Standin

TOKEN = "a-token-of-the-benches-alone"
FIELDS = "id,message,created_time,from{id,name},parent{id},is_hidden,permalink_url"
COMMENTS = 25
"""On a page of the thread: what a busy post gets between two pulls."""


def serve(ports: tuple[int, int]) -> None:
    """The bare server and the pretend networks, in this process, until it is ended."""
    state = Standin()
    page = state.page("104", "Ville de Sainte-Rive", TOKEN)
    post = state.post(page, "Tempête")
    state.posts["104_1"], post.id = state.posts.pop(post.id), "104_1"
    someone = state.citizen("Louise Tremblay")
    for number in range(COMMENTS):
        state.comment(post, someone, f"Ma rue n'est pas déneigée, {number}e demande", tell=False)
    run_in_thread(create_standin(state), ports[1])
    uvicorn.run(bare(), port=ports[0], http="h11", ws="none", lifespan="off", log_level="warning")


def bare() -> FastAPI:
    """The same framework, which gives always the same page of the same size."""
    app = FastAPI(openapi_url=None)
    row = {"id": "1_10027", "message": "Ma rue n'est pas déneigée, 24e demande", "from": {"id": "7", "name": "Louise"}}
    row |= {"created_time": "2026-11-21T13:30:00+0000", "is_hidden": False}
    row |= {"permalink_url": "https://www.facebook.com/104/posts/1?comment_id=10027"}
    answer = json.dumps({"data": [row] * COMMENTS, "paging": {"cursors": {"before": "MA==", "after": "MQ=="}}}).encode()

    @app.api_route("/{path:path}", methods=["GET", "POST"])
    async def always(path: str, request: Request) -> Response:
        await request.body()
        return Response(answer, media_type="application/json")

    return app


def pairs(ports: tuple[int, int], rounds: int, seconds: float) -> list[tuple[float, float]]:
    """Rates of the bare server and of the pretend networks, a pair for each round."""
    query = urlencode({"fields": FIELDS, "filter": "stream", "limit": "100", "access_token": TOKEN})
    asked = [client.request("GET", f"/v26.0/104_1/comments?{query}", {})] * 4
    for port in ports:
        client.rate(port, asked, 1.0)
    return [tuple(client.rate(port, asked, seconds) for port in ports) for _ in range(rounds)]


if __name__ == "__main__":
    threading.current_thread().name = "bench-standin"
    serve((int(sys.argv[1]), int(sys.argv[2])))

"""Ten thousand comments read from the pretend networks: by the product's pull, and by the barest program that keeps
them.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import city
import floor
import requests
from sqlalchemy import Column, MetaData, String, Table, Text, func, insert, select

from api.wiring import Parvis
from connectors.standin.server import create_standin, run_in_thread
from connectors.standin.state import Standin
from models.comments import Comment
from moderation.intake import pulling

POSTS, UNDER_EACH = 50, 200
SIZE = POSTS * UNDER_EACH
TOKEN = "a-page-token-of-the-benches-alone"
FIELDS = "id,message,created_time,from{id,name},parent{id},is_hidden,permalink_url"


def serve(port: int) -> None:
    """A pretend Page with fifty busy posts, until it is ended."""
    state, chance = Standin(app_secret=city.APP_SECRET), random.Random(3)
    page = state.page(city.PAGE, "Ville de Sainte-Rive", TOKEN)
    citizens = [state.citizen(f"Citoyen {number}") for number in range(500)]
    for _ in range(POSTS):
        post = state.post(page, "Tempête")
        for _ in range(UNDER_EACH):
            state.comment(post, chance.choice(citizens), city.text(chance), tell=False)
    run_in_thread(create_standin(state), port)
    threading.Event().wait()


def bare(home: Path, port: int, url: str = "") -> float:
    """Comments per second of `requests` and one insert a page, into a table with the columns that the page has."""
    engine, metadata = floor.engine(home, url), MetaData()
    columns = (Column(name, Text) for name in ("text", "at", "author", "name", "parent", "permalink"))
    table = Table("pulled", metadata, Column("id", String(100), primary_key=True), *columns)
    metadata.create_all(engine)
    session, root, read = requests.Session(), f"http://127.0.0.1:{port}/v26.0", 0
    began = time.perf_counter()
    for post in _pages(session, f"{root}/{city.PAGE}/published_posts", {"limit": "100", "fields": "id"}):
        for one in post:
            asked = {"fields": FIELDS, "filter": "stream", "order": "chronological", "limit": "100"}
            for page in _pages(session, f"{root}/{one['id']}/comments", asked):
                with engine.begin() as connection:
                    connection.execute(insert(table), [_row(comment) for comment in page])
                read += len(page)
    rate = read / (time.perf_counter() - began)
    assert read == SIZE, f"the floor read {read}"
    metadata.drop_all(engine)
    engine.dispose()
    return rate


def ours(parvis: Parvis) -> float:
    """Comments per second of one whole round on a new account: read, stored with versions and authors, queued to be
    classified.
    """
    now = datetime.now(UTC)
    account = city.found(parvis, now=now, token=TOKEN)
    began = time.perf_counter()
    pulling.pull(
        parvis.database, parvis.locks, parvis.network_of, account, clock=lambda: datetime.now(UTC), every=timedelta(1)
    )
    rate = SIZE / (time.perf_counter() - began)
    with parvis.database.read() as session:
        stored = session.scalar(select(func.count()).select_from(Comment))
    assert stored == SIZE, f"the product stored {stored}"
    return rate


def _pages(session: requests.Session, address: str, asked: dict[str, str]) -> Any:
    following: str | None = address
    given: dict[str, str] = {**asked, "access_token": TOKEN}
    while following:
        answer = session.get(following, params=given, timeout=30).json()
        yield answer["data"]
        following, given = answer.get("paging", {}).get("next"), {}


def _row(comment: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": comment["id"],
        "text": comment["message"],
        "at": comment["created_time"],
        "author": comment["from"]["id"],
        "name": comment["from"]["name"],
        "parent": comment.get("parent", {}).get("id"),
        "permalink": comment["permalink_url"],
    }


if __name__ == "__main__":
    serve(int(sys.argv[1]))

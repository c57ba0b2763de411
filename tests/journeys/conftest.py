"""A made-up city on a winter Monday at 8:30, with its pages served to a real browser."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import expect
from sqlalchemy import select
from starlette.testclient import TestClient

from administration import seeds
from api.app import create_app
from api.settings import load
from api.wiring import Parvis, build
from classifiers.base import Context
from connectors.standin.player import read_story
from connectors.standin.server import create_standin, run_in_thread
from connectors.standin.state import Standin
from models import search
from models.comments import Author, Comment, CommentVersion, SourcePost
from models.items import Item
from models.vocabulary import Role
from moderation.triage.classification import classify_due
from tests.city import City as AnyCity
from tests.city import Clock
from tests.journeys.running import Moved

ROOT = Path(__file__).parents[2]
STORY = ROOT / "api" / "demo" / "story.yaml"
MORNING = datetime(2026, 11, 30, 13, 30, tzinfo=UTC)
"""8:30 in Québec."""


PATIENCE = 20_000
"""Milliseconds that a browser test waits for what must come: long, because it costs nothing when all is well."""
expect.set_options(timeout=PATIENCE)


@dataclass(kw_only=True)
class City(AnyCity):
    """One installation, its clock, who works there, and where a browser finds it."""

    parvis: Parvis
    address: str = ""
    _number: int = 0

    def cookie(self, name: str) -> dict[str, str]:
        """A session of this person, as a browser's cookie."""
        return {"name": "parvis", "value": self.enter(name), "url": self.address}

    def says(
        self,
        text: str,
        *,
        by: str = "Louise Tremblay",
        account: int = 0,
        under: str | None = None,
        answering: int | None = None,
        ago: float = 600,
    ) -> int:
        """A citizen writes, `ago` seconds before now; the comment still waits to be read."""
        self._number += 1
        account_id, at = list(self.accounts.values())[account], self.now - timedelta(seconds=ago)
        with self.parvis.database.write() as session:
            author = session.scalar(select(Author).where(Author.name == by))
            if author is None:
                author = Author(network="facebook", external_id=f"c{self._number}", name=by)
                session.add(author)
            post = None
            if under is not None:
                post = session.scalar(select(SourcePost).where(SourcePost.text == under))
                if post is None:
                    post = SourcePost(
                        account_id=account_id,
                        external_id=f"post{self._number}",
                        text=under,
                        permalink=f"https://facebook.example/post{self._number}",
                        created_at=at,
                    )
                    session.add(post)
            parent = session.get(Comment, answering) if answering else None
            session.flush()
            comment = Comment(
                account_id=account_id,
                external_id=f"e{self._number}",
                source_post_id=parent.source_post_id if parent else post.id if post else None,
                parent_external_id=parent.external_id if parent else None,
                author_id=author.id,
                text=text,
                search_text=search.text_of(text, by),
                permalink=f"https://facebook.example/e{self._number}",
                created_at=at,
                received_at=at,
            )
            session.add(comment)
            session.flush()
            session.add(Item(comment_id=comment.id, account_id=account_id, queued_at=at))
            session.add(CommentVersion(comment_id=comment.id, source="add", text=text, said_at=at, seen_at=at))
            return comment.id

    def read(self) -> None:
        """The classifier reads what waits for it."""
        while classify_due(self.parvis.database, self.parvis.classifier, Context(), now=self.now):
            pass

    def tells(self, story: Path = STORY) -> dict[str, int]:
        """The demonstration's comments; their ids by their names in the story."""
        told = read_story(story)
        pages = {key: index for index, key in enumerate(told.pages)}
        for page in told.pages.values():
            self.add_account(page.name)
        ids: dict[str, int] = {}
        for action in sorted(told.actions, key=lambda action: -action.ago):
            if action.say is None or action.on is None or action.by is None or action.at:
                continue
            place = told.posts.get(action.on)
            ids[action.label or action.say] = self.says(
                action.say,
                by=told.citizens[action.by],
                account=pages[place.page] if place and place.page else 0,
                under=place.text if place else None,
                answering=None if place else ids[action.on],
                ago=action.ago,
            )
        self.read()
        return ids


@pytest.fixture
def city(tmp_path: Path, _migrated_sqlite: Path) -> Iterator[City]:
    """An installation with its seeds and five people, and nothing said yet."""
    shutil.copy(_migrated_sqlite, tmp_path / "parvis.db")
    settings = load(
        home=tmp_path,
        database_url=f"sqlite:///{tmp_path / 'parvis.db'}",
        engine="off",
        secret_key="clef-" * 8,
        request_prefix="SRV",
        # A machine that is busy takes seconds from one key to the next, and the toast stays as long as this.
        undo_seconds=60,
    )
    clock = Clock(MORNING)
    parvis = build(settings, clock=clock)
    city = City(database=parvis.database, clock=clock, parvis=parvis)
    with city.write() as session:
        seeds.plant(session, now=city.now - timedelta(days=30))
    city.hire("Nadia Roy", Role.MODERATOR)
    city.hire("Samuel Côté", Role.MODERATOR)
    city.hire("Camille Lévesque", Role.COMMUNICATIONS)
    city.hire("Hélène Martel", Role.MANAGER)
    city.hire("Karim Haddad", Role.AGENT311)
    yield city
    city.parvis.close()


@pytest.fixture
def as_person(city: City) -> Callable[[str], TestClient]:
    """The pages without a browser: `as_person("Nadia Roy").get("/")`."""
    app = create_app(city.parvis)
    city.address = "http://127.0.0.1:8000"

    def client(name: str) -> TestClient:
        cookie = city.cookie(name)
        return TestClient(
            app, base_url=city.address, cookies={cookie["name"]: cookie["value"]}, headers={"origin": city.address}
        )

    return client


@pytest.fixture
def served(city: City) -> Iterator[City]:
    """The city's pages on a port of this machine."""
    config = uvicorn.Config(
        create_app(city.parvis), host="127.0.0.1", port=0, log_config=None, lifespan="on", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="pages", daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    city.address = f"http://127.0.0.1:{port}"
    yield city
    server.should_exit = True
    thread.join()


@pytest.fixture
def sign_in(served: City, new_context: Callable[..., Any]) -> Callable[..., Any]:
    """A page of the browser as this person: `sign_in("Nadia Roy", "/", width=360)`."""

    def page_of(name: str, path: str = "/", *, width: int = 1280, height: int = 800, **options: Any) -> Any:
        options.setdefault("locale", "fr-CA")
        context = new_context(viewport={"width": width, "height": height}, base_url=served.address, **options)
        context.add_cookies([served.cookie(name)])
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(path)
        return page

    return page_of


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where screenshots go: `make picture` says into the documents, so that a test changes no file."""
    return Path(os.environ.get("PICTURES", tmp_path))


@pytest.fixture
def browser_page(served: City, new_context: Callable[..., Any]) -> Callable[[str | None, str], Any]:
    """One page for each person and scheme, opened once and used again: `browser_page("Nadia Roy", "dark")`."""
    pages: dict[tuple[str | None, str], Any] = {}

    def page_of(name: str | None, scheme: str) -> Any:
        if (name, scheme) not in pages:
            context = new_context(base_url=served.address, locale="fr-CA", color_scheme=scheme, reduced_motion="reduce")
            if name is not None:
                context.add_cookies([served.cookie(name)])
            pages[name, scheme] = context.new_page()
            pages[name, scheme].set_default_timeout(PATIENCE)
        return pages[name, scheme]

    return page_of


@pytest.fixture(scope="session")
def faults() -> Callable[..., list[str]]:
    """What axe objects to on a page, or in the part of it that a selector names."""
    axe = (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

    def of(page: Any, within: str | None = None) -> list[str]:
        page.evaluate(axe + ";0")
        found = page.evaluate("([within, rules]) => axe.run(within ?? document, { runOnly: rules })", [within, rules])
        return [
            f"{fault['id']}: {node['target']} {node['failureSummary']}"
            for fault in found["violations"]
            for node in fault["nodes"]
        ]

    return of


@pytest.fixture(scope="session")
def sound(faults: Callable[..., list[str]]) -> Callable[[Any], None]:
    """Nothing that axe objects to, and nothing that scrolls sideways."""

    def check(page: Any) -> None:
        assert faults(page) == []
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0

    return check


@pytest.fixture
def standin() -> Iterator[tuple[Standin, Any, str]]:
    """The pretend networks on a port of this machine: what they hold, where they tell of it, and their address."""
    state = Standin()
    app = create_standin(state)
    address, stop = run_in_thread(app)
    yield state, app.state.webhooks, address
    stop()


@pytest.fixture
def clock(standin: tuple[Standin, Any, str]) -> Moved:
    """The clock of the networks, by which whole installations live beside them."""
    return Moved(standin[0])

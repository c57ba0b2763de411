"""A city behind its real door: the application over ASGI, a clock that the test moves, people, keys and webhooks."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from api.app import create_app
from api.settings import load
from api.wiring import Parvis, build
from classifiers.base import Context
from models import search
from models.accounts import Account, Delivery
from models.comments import Comment, CommentVersion, VerdictRow
from models.items import Item
from models.people import ApiKey, Membership
from models.secrets import fingerprint
from models.vocabulary import ItemState, Role
from moderation.intake import deliveries
from moderation.triage import classification
from tests.city import City, Clock

APP_SECRET = "the-app-secret-that-meta-signs-with"
VERIFY_TOKEN = "jeton-de-vérification"
PAGE = "104"


@dataclass(kw_only=True)
class Town(City):
    """One installation, and what a test does to it."""

    parvis: Parvis
    client: TestClient

    def wait(self, **more: float) -> None:
        self.clock.pass_(**more)

    # What networks do
    def signed(self, raw: bytes) -> dict[str, str]:
        return {"X-Hub-Signature-256": "sha256=" + hmac.new(APP_SECRET.encode(), raw, hashlib.sha256).hexdigest()}

    def deliver(self, *changes: dict[str, Any], page: str = PAGE) -> None:
        """Meta posts changes of one page, signed."""
        entry = {"id": page, "time": int(self.now.timestamp()), "changes": list(changes)}
        raw = json.dumps({"object": "page", "entry": [entry]}).encode()
        assert self.client.post("/webhooks/meta", content=raw, headers=self.signed(raw)).status_code == 200

    def change(self, comment: str, verb: str = "add", *, field: str = "feed", **more: Any) -> dict[str, Any]:
        value = {"item": "comment", "verb": verb, "comment_id": comment, "post_id": f"{PAGE}_1", **more}
        if verb in ("add", "edited"):
            value = {"from": {"id": "77", "name": "Ève Tremblay"}, "created_time": int(self.now.timestamp())} | value
        return {"field": field, "value": value}

    # What happens by itself
    def parse(self) -> None:
        while deliveries.parse_due(self.parvis.database, self.parvis.webhook_of, now=self.now):
            pass

    def classify(self) -> None:
        parvis = self.parvis
        while classification.classify_due(parvis.database, parvis.classifier, Context(), now=self.now):
            pass

    # What is kept
    def deliveries(self) -> list[Delivery]:
        with self.parvis.database.read() as session:
            return list(session.scalars(select(Delivery).order_by(Delivery.id)))

    def comments(self) -> list[Comment]:
        with self.parvis.database.read() as session:
            return list(session.scalars(select(Comment).order_by(Comment.id)))

    def count(self, table: type) -> int:
        with self.parvis.database.read() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0

    # Who asks
    def person(self, name: str, *memberships: tuple[Role, int | None], account_id: int | None = None) -> dict[str, str]:
        """Somebody with these roles (in a borough, or the whole city), signed in; the headers of their browser."""
        held = [
            Membership(role=role, borough_id=borough_id, account_id=None if borough_id else account_id)
            for role, borough_id in memberships
        ]
        self.hire(name, *held)
        return {"Cookie": f"parvis={self.enter(name)}", "Origin": self.parvis.settings.base_url}

    def key(self, *scopes: str) -> dict[str, str]:
        """A program's key; the header that it sends."""
        with self.parvis.database.write() as session:
            number = session.scalar(select(func.count()).select_from(ApiKey))
            secret = f"key-{number}"
            row = ApiKey(name=secret, fingerprint=fingerprint(secret), scopes=list(scopes), created_at=self.now)
            session.add(row)
        return {"Authorization": f"Bearer {secret}"}

    # What there is
    def account(self, external_id: str = PAGE, *, borough_id: int | None = None) -> int:
        account_id = self.add_account(f"Ville {external_id}", external_id=external_id, borough_id=borough_id)
        with self.write() as session:
            deliveries.reroute(session, session.get_one(Account, account_id), now=self.now)
        return account_id

    def waiting(self, account_id: int, *texts: str, urgency: int = 0, borough_id: int | None = None) -> list[int]:
        """Comments in the queue, one a text, without a classifier having read them."""
        with self.parvis.database.write() as session:
            made = []
            for text in texts:
                self.wait(seconds=1)
                number = session.scalar(select(func.count()).select_from(Comment))
                comment = Comment(
                    account_id=account_id,
                    borough_id=borough_id,
                    external_id=f"{PAGE}_1_{number}",
                    text=text,
                    search_text=search.text_of(text, None),
                    created_at=self.now,
                    received_at=self.now,
                )
                session.add(comment)
                session.flush()
                session.add(
                    Item(
                        comment_id=comment.id,
                        account_id=account_id,
                        borough_id=borough_id,
                        state=ItemState.WAITING,
                        urgency=urgency,
                        queued_at=self.now,
                    )
                )
                session.add(
                    CommentVersion(comment_id=comment.id, source="add", text=text, said_at=self.now, seen_at=self.now)
                )
                session.add(
                    VerdictRow(
                        comment_id=comment.id,
                        version=1,
                        model="test",
                        language="fr",
                        intention="question",
                        group_311="deneigement",
                        urgency=0,
                        scores={"intention": 0.7, "group": 0.6, "urgency": 0.9, "language": 0.9, "breaches": {}},
                        reasons=[],
                        at=self.now,
                    )
                )
                made.append(comment.id)
            return made


@pytest.fixture
def town_settings(tmp_path: Path) -> dict[str, Any]:
    """What the city chooses; a test module may override it."""
    return {
        "home": tmp_path / "home",
        "engine": "off",
        "secret_key": "0123456789abcdef0123456789abcdef",
        "meta_app_secret": APP_SECRET,
        "meta_verify_token": VERIFY_TOKEN,
        "base_url": "http://127.0.0.1:8000",
    }


@pytest.fixture
def town(database_url: str, town_settings: dict[str, Any]) -> Iterator[Town]:
    clock = Clock(datetime(2026, 1, 15, 14, 0, tzinfo=UTC))
    parvis = build(load(_env_file=None, database_url=database_url, **town_settings), clock=clock)
    with TestClient(create_app(parvis), base_url="http://127.0.0.1:8000") as client:
        yield Town(database=parvis.database, clock=clock, parvis=parvis, client=client)
    parvis.close()

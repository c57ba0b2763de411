"""A city that publishes on its accounts: officers, approvers, a clock that the test moves, a pretend network."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connectors.base import Health, Operation, Page, Publication, Receipt
from models.accounts import Account
from models.effects import Effect
from models.locks import locks_for
from models.people import Borough, Membership, Person
from models.posts import Post
from models.scope import Viewer, grants_of
from models.session import Database
from models.vocabulary import Role
from models.work import Timing, Work
from publishing import delivery, planning
from publishing.planning import Draft, Written

START = datetime(2026, 11, 2, 14, tzinfo=UTC)


@dataclass
class Clock:
    """A time that only the test moves."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **duration: float) -> datetime:
        self.now += timedelta(**duration)
        return self.now


@dataclass
class PretendNetwork:
    """One account's far side in memory."""

    name: str
    published: list[Publication] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    published_at: datetime | None = None

    def health(self) -> Health:
        return Health(valid=True, reason=None, expires_at=None, missing=())

    def pull(self, cursor: str | None, budget: int) -> Page:
        return Page((), (), "", more=False, calls=1)

    def apply(self, operation: Operation, key: str) -> Receipt:
        return Receipt(operation.target)

    def publish(self, publication: Publication, key: str) -> Receipt:
        if self.errors:
            raise self.errors.pop(0)
        self.published.append(publication)
        number = f"{self.name}_{len(self.published)}"
        return Receipt(number, f"https://reseau.example/{number}", self.published_at)

    def find(self, sought: Operation | Publication, since: datetime, taken: Collection[str]) -> Receipt | None:
        return None


@dataclass
class City:
    """What the tests of publishing work with."""

    database: Database
    clock: Clock
    networks: dict[int, PretendNetwork]
    work: Work
    accounts: dict[str, int]
    people: dict[str, Viewer]

    @property
    def now(self) -> datetime:
        return self.clock.now

    def draft(self, text: str = "Collecte reportée à mardi.", *names: str, **more: Any) -> Draft:
        variants = {self.accounts[name]: Written(text) for name in names or ("nord", "sud")}
        return Draft("Collecte", variants, **more)

    def act(self, who: str, step: str, *args: Any, **more: Any) -> Post:
        """One step of `publishing.planning` in a transaction of its own."""
        with self.database.write() as session:
            return getattr(planning, step)(session, self.people[who], *args, now=self.now, **more)

    def approved(self, *names: str, **more: Any) -> Post:
        post = self.act("Claire", "create", self.draft("Collecte reportée à mardi.", *names, **more))
        post = self.act("Claire", "submit", post.id, version=post.version)
        return self.judge("Gilles", post)

    def judge(self, who: str, post: Post, *, approved: bool = True, comment: str = "") -> Post:
        return self.act(who, "judge", post.id, approved=approved, comment=comment, version=post.version)

    def schedule(self, post: Post, *, hours: float | None = 1) -> Post:
        at = None if hours is None else self.now + timedelta(hours=hours)
        return self.act("Claire", "schedule", post.id, at, version=post.version)

    def deliver(self, **duration: float) -> None:
        """Time passes, and everything that is due goes out."""
        self.clock.pass_(**duration)
        for effect_id in self.work.due():
            self.work.deliver(effect_id)

    def post(self, post: Post) -> Post:
        with self.database.read() as session:
            return planning.detail(session, self.people["Claire"], post.id).post

    def effects(self) -> list[Effect]:
        with self.database.read() as session:
            return list(session.scalars(select(Effect).order_by(Effect.id)))

    def published(self, name: str) -> list[str]:
        return [publication.text for publication in self.networks[self.accounts[name]].published]


@pytest.fixture
def city(database: Database, tmp_path: Path) -> City:
    boroughs = {code: Borough(code=code, name=code.title()) for code in ("nord", "sud")}
    accounts = {
        name: Account(
            network=network,
            external_id=f"page-{name}",
            name=f"Ville – {name}",
            token_closed="",
            state_since=START,
            pull_due_at=START,
            created_at=START,
        )
        for name, network in {
            "nord": "facebook",
            "sud": "facebook",
            "ville": "linkedin",
            "images": "instagram",
            "vitrine": "instagram_public",
        }.items()
    }
    people = {
        "Claire": ([Role.COMMUNICATIONS], None),
        "Odile": ([Role.COMMUNICATIONS, Role.APPROVER], None),
        "Gilles": ([Role.APPROVER], None),
        "Sylvie": ([Role.COMMUNICATIONS, Role.APPROVER], "sud"),
        "Ariane": ([Role.MODERATOR], None),
    }
    viewers = {}
    with database.write() as session:
        session.add_all(boroughs.values())
        session.flush()
        for name, account in accounts.items():
            account.borough_id = boroughs[name].id if name in boroughs else None
        session.add_all(accounts.values())
        for name, (roles, borough) in people.items():
            person = Person(email=f"{name.lower()}@ville.example", name=name, created_at=START)
            session.add(person)
            session.flush()
            memberships = [
                Membership(person_id=person.id, role=role, borough_id=boroughs[borough].id if borough else None)
                for role in roles
            ]
            session.add_all(memberships)
            viewers[name] = Viewer(person.id, name, frozenset(roles), grants_of(memberships))
    clock = Clock()
    networks = {account.id: PretendNetwork(name) for name, account in accounts.items()}
    trade = delivery.trade(networks.__getitem__)
    work = Work(database, locks_for(database, tmp_path), [trade], owner="the test", clock=clock, timing=Timing())
    return City(
        database=database,
        clock=clock,
        networks=networks,
        work=work,
        accounts={name: account.id for name, account in accounts.items()},
        people=viewers,
    )

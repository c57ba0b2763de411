"""A city that publishes on its accounts: officers, approvers, a clock that the test moves, a pretend network."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from administration import notices
from connectors.base import AccountRef
from connectors.linkedin.rest import LinkedInSettings
from connectors.meta.graph import GraphSettings
from connectors.registry import NetworkSettings, network
from connectors.standin.instagram.state import profile
from connectors.standin.linkedin.state import CLIENT_ID, CLIENT_SECRET, organization
from connectors.standin.server import create_standin, run_in_thread
from connectors.standin.state import Standin
from models.effects import Effect
from models.locks import locks_for
from models.people import Membership
from models.posts import Post
from models.session import Database
from models.vocabulary import NoticeKind, Role
from models.work import Timing, Work
from moderation.triage.delivery import effect_handler as moderation_effects
from publishing import delivery, planning, preparing, telling
from publishing.drafting import Draft, Written
from tests.city import City as AnyCity
from tests.city import Clock, PretendNetwork, album

TOKEN = "a-token-that-must-never-be-seen"


@dataclass(kw_only=True)
class City(AnyCity):
    """What the tests of publishing work with."""

    networks: dict[int, PretendNetwork]
    work: Work

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

    def told(self, who: str) -> list[NoticeKind]:
        """What somebody was told, oldest first."""
        with self.database.read() as session:
            return [one.kind for one in reversed(notices.notices(session, self.people[who]))]

    def remind(self) -> int:
        return telling.remind_due(self.database, ZoneInfo("America/Toronto"), now=self.now)

    def effects(self) -> list[Effect]:
        with self.database.read() as session:
            return list(session.scalars(select(Effect).order_by(Effect.id)))

    def published(self, name: str) -> list[str]:
        return [publication.text for publication in self.networks[self.accounts[name]].published]


@pytest.fixture
def city(database: Database, clock: Clock, tmp_path: Path) -> City:
    networks: dict[int, PretendNetwork] = {}
    handler = delivery.effect_handler(networks.__getitem__, album(database, clock))
    told = {"owner": "the test", "clock": clock, "timing_of": lambda _: Timing()}
    # First comments are replies, which moderation sends.
    handlers = [handler, moderation_effects(networks.__getitem__)]
    work = Work(database, locks_for(database, tmp_path), handlers, **told)
    city = City(database=database, clock=clock, networks=networks, work=work)
    with city.write():
        for name in ("nord", "sud"):
            city.add_account(name, borough_id=city.add_borough(name))
        city.add_account("ville", "linkedin")
        city.add_account("images", "instagram")
        city.add_account("vitrine", "instagram_public")
        city.hire("Claire", Role.COMMUNICATIONS)
        city.hire("Odile", Role.COMMUNICATIONS, Role.APPROVER)
        city.hire("Gilles", Role.APPROVER)
        south = {"borough_id": city.boroughs["sud"]}
        city.hire("Sylvie", Membership(role=Role.COMMUNICATIONS, **south), Membership(role=Role.APPROVER, **south))
        city.hire("Ariane", Role.MODERATOR)
    networks |= {account_id: PretendNetwork(name) for name, account_id in city.accounts.items()}
    return city


@pytest.fixture
def ahead(city, tmp_path):
    """Time passes, and what is due of files is sent ahead."""

    def pass_(**duration: float) -> None:
        city.clock.pass_(**duration)
        with city.database.read() as session:
            due = preparing.accounts_to_prepare(session, now=city.now)
        for account_id in due:
            preparing.prepare(
                city.database,
                locks_for(city.database, tmp_path),
                city.networks.__getitem__,
                album(city.database, city.clock),
                account_id,
                clock=city.clock,
            )

    return pass_


@pytest.fixture
def far(city):
    """Three pretend networks, on each of which the city has an account; and those accounts, by its name."""
    state = Standin()
    address, stop = run_in_thread(create_standin(state))
    page = state.page("104", "Ville", TOKEN)
    accounts = {
        "nord": page,
        "images": profile(state, page, "17841400000000104", "ville"),
        "ville": organization(state, "5515715", "Ville", TOKEN),
    }
    settings = NetworkSettings(
        GraphSettings(base_url=address, app_id=state.app_id, app_secret=state.app_secret, retries=()),
        LinkedInSettings(
            base_url=address,
            auth_url=f"{address}/oauth/v2",
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            looks=(0.0, 0.0),
        ),
    )
    for name, kind in (("nord", "facebook"), ("images", "instagram"), ("ville", "linkedin")):
        city.networks[city.accounts[name]] = network(settings, AccountRef(kind, accounts[name].id, TOKEN))
    yield state, accounts
    stop()

"""A small city: three accounts in two boroughs, six people, seeds, a clock that the test moves, a pretend network."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import joinedload

from administration import seeds
from classifiers.base import Context, Scored, Verdict
from connectors.base import (
    CommentSeen,
    Event,
    Unreadable,
)
from connectors.registry import capabilities
from models.accounts import Account
from models.comments import Comment
from models.decisions import Decision, Proposal
from models.effects import Effect
from models.items import Item
from models.locks import Locks, locks_for
from models.people import Membership
from models.session import Database
from models.vocabulary import (
    Breach,
    DecisionKind,
    Group311,
    Intention,
    Reason,
    Role,
)
from models.work import Timing, Work
from moderation import drafts, items
from moderation.intake import upserting
from moderation.triage import classification, deciding, delivery, proposals
from moderation.triage.deciding import Choice, Terms
from tests.city import CALM, Clock, MadeUpClassifier, PretendNetwork
from tests.city import City as AnyCity

UNDO = timedelta(seconds=10)
TERMS = Terms(UNDO, "STR", capabilities)


class PretendWebhook:
    """Bodies are `PretendWebhook.body(events)`: an index into what the test said they hold."""

    def __init__(self) -> None:
        self.bodies: list[tuple[Event, ...]] = []

    def body(self, *events: Event) -> bytes:
        self.bodies.append(events)
        return json.dumps(len(self.bodies) - 1).encode()

    def authentic(self, headers: Mapping[str, str], raw: bytes) -> bool:
        return True

    def parse(self, raw: bytes) -> tuple[Event, ...]:
        index = json.loads(raw)
        if index is None:
            raise RuntimeError("a fault of the parser itself")
        return self.bodies[index]


@dataclass(kw_only=True)
class City(AnyCity):
    """What the tests of moderation work with; its methods do what a citizen, a tick or a person would."""

    locks: Locks
    work: Work
    network: PretendNetwork
    classifier: MadeUpClassifier = field(default_factory=MadeUpClassifier)
    webhook: PretendWebhook = field(default_factory=PretendWebhook)

    def seen(self, external_id: str, text: str | None = "Bonjour", **more: Any) -> CommentSeen:
        """An observation like a network's webhook would give it, a minute old."""
        at = self.now - timedelta(minutes=1)
        given = {
            "source": "add",
            "seen_at": at,
            "said_at": at,
            "post_external_id": "post-1",
            "author_external_id": "louis",
            "author_name": "Louis Citoyen",
        }
        return CommentSeen(external_id=external_id, text=text, **(given | more))

    def store(self, *changes: Any, account: str = "nord") -> None:
        with self.database.write() as session:
            upserting.store(session, session.get_one(Account, self.accounts[account]), changes, now=self.now)

    def comment(self, external_id: str, account: str = "nord") -> Comment:
        with self.database.read() as session:
            return session.scalars(
                select(Comment)
                .options(joinedload(Comment.author), joinedload(Comment.verdict), joinedload(Comment.source_post))
                .where(Comment.external_id == external_id, Comment.account_id == self.accounts[account])
            ).one()

    def item(self, external_id: str, account: str = "nord") -> Item | None:
        """Where the comment stands in the queue."""
        with self.database.read() as session:
            return items.of_comment(session, self.comment(external_id, account).id)

    def drafts(self, external_id: str) -> list[str | None]:
        """The replies that are proposed for the comment, the oldest first."""
        with self.database.read() as session:
            return [draft.text for draft in drafts.proposed(session, [self.comment(external_id).id])]

    def says(self, external_id: str, text: str, account: str = "nord", **verdict: Any) -> Comment:
        """A citizen writes, and the classifier reads it as told: the comment waits in the queue."""
        self.classifier.says[text] = replace(CALM, **verdict)
        self.store(self.seen(external_id, text), account=account)
        self.classify()
        return self.comment(external_id, account)

    def classify(self) -> int:
        return classification.classify_due(self.database, self.classifier, Context(), now=self.now)

    def decide(self, who: str, comment: Comment, kind: DecisionKind, **more: Any) -> Decision:
        choice = Choice(**({"kind": kind, "version": comment.version} | more))
        with self.database.write() as session:
            return deciding.decide(session, self.people[who], comment.id, choice, TERMS, now=self.now)

    def propose(self, who: str, comment: Comment, kind: str = "hide", **more: Any) -> Proposal:
        choice = Choice(**({"kind": DecisionKind(kind), "version": comment.version} | more))
        with self.database.write() as session:
            return proposals.propose(session, self.people[who], comment.id, choice, TERMS, now=self.now)

    def answer(self, who: str, proposal: Proposal, **more: Any) -> Proposal:
        with self.database.write() as session:
            return proposals.answer(session, self.people[who], proposal.id, TERMS, now=self.now, **more)

    def undo(self, who: str, decision: Decision) -> Decision:
        with self.database.write() as session:
            return deciding.undo(session, self.people[who], decision.id, now=self.now)

    def deliver(self) -> None:
        """The undo time passes, and everything that is due goes out."""
        self.clock.pass_(seconds=UNDO.total_seconds() + 1)
        for effect_id in self.work.due():
            self.work.deliver(effect_id)

    def effect(self, decision: Decision) -> Effect:
        with self.database.read() as session:
            return session.get_one(Effect, decision.effect_id)

    @contextmanager
    def counting(self) -> Iterator[list[str]]:
        """The statements that are executed inside, whatever the session."""
        statements: list[str] = []

        def executed(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if not statement.startswith(("BEGIN", "SAVEPOINT", "RELEASE")):
                statements.append(statement)

        # PostgreSQL's reading engine is the writing one with another option: it tells its events there too.
        engines = [self.database._writing, *([self.database._reading] if self.database.sqlite else [])]
        for engine in engines:
            event.listen(engine, "before_cursor_execute", executed)
        yield statements
        for engine in engines:
            event.remove(engine, "before_cursor_execute", executed)


@pytest.fixture
def city(database: Database, clock: Clock, tmp_path: Path) -> City:
    locks, network = locks_for(database, tmp_path), PretendNetwork()
    told = {"owner": "the test", "clock": clock, "timing_of": lambda _: Timing()}
    work = Work(database, locks, [delivery.effect_handler(lambda _: network)], **told)
    city = City(database=database, clock=clock, locks=locks, work=work, network=network)
    with city.write() as session:
        seeds.plant(session, now=city.now)
        for name in ("nord", "sud"):
            city.add_account(name, borough_id=city.add_borough(name))
        city.add_account("ville")
        south = city.boroughs["sud"]
        city.hire("Ariane", Role.MODERATOR)
        city.hire("Bruno", Role.MODERATOR)
        city.hire("Chantal", Membership(role=Role.MODERATOR, borough_id=south))
        city.hire("Denis", Role.AGENT311)
        city.hire("Elise", Role.MANAGER)
        city.hire("Farid", Membership(role=Role.AGENT311, borough_id=south))
    return city


@pytest.fixture
def verdict() -> Callable[..., Verdict]:
    """A calm verdict, changed as told; `breaches` are those that are found, all others are not."""

    def make(**more: Any) -> Verdict:
        more["breaches"] = dict.fromkeys(Breach, 0.01) | more.get("breaches", {})
        return replace(CALM, **more)

    return make


@pytest.fixture
def insult() -> dict[str, Any]:
    """What the classifier says of a text that may be hidden by one person, as `City.says` takes it."""
    return {
        "breaches": dict.fromkeys(Breach, 0.01) | {Breach.INSULT: 0.95},
        "reasons": (Reason("lexicon_insult", {"word": "niaiseux"}, 0, 8, 2.5),),
        "hideable": frozenset({Breach.INSULT}),
    }


@pytest.fixture
def criticism() -> dict[str, Any]:
    """What the classifier says of sharp criticism of the city."""
    return {"intention": Scored(Intention.DISSATISFACTION, 0.95)}


@pytest.fixture
def leak() -> dict[str, Any]:
    """What the classifier says of a water-main break."""
    return {"intention": Scored(Intention.SERVICE_REQUEST, 0.95), "group": Scored(Group311.WATER, 0.9)}


@pytest.fixture
def unreadable() -> Unreadable:
    return Unreadable("value", '{"verb":"add"}')

"""A small city: three accounts in two boroughs, six people, seeds, a clock that the test moves, a pretend network."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import joinedload

from administration import seeds
from classifiers.base import Context, Scored, Urgency, Verdict
from connectors.base import (
    CommentSeen,
    Event,
    Figures,
    Health,
    Operation,
    Page,
    Publication,
    Receipt,
    Unreadable,
)
from connectors.registry import capabilities
from models.accounts import Account
from models.comments import Comment, Decision
from models.effects import Effect
from models.errors import Gone
from models.items import Item
from models.locks import Locks, locks_for
from models.people import Borough, Membership, Person
from models.scope import Viewer, grants_of
from models.session import Database
from models.vocabulary import (
    Breach,
    DecisionKind,
    Group311,
    Intention,
    Language,
    Reason,
    Role,
)
from models.work import Timing, Work
from moderation import drafts, items
from moderation.intake import upserting
from moderation.triage import classification, deciding, delivery
from moderation.triage.deciding import Choice

START = datetime(2026, 11, 2, 14, tzinfo=UTC)
UNDO = timedelta(seconds=10)


@dataclass
class Clock:
    """A time that only the test moves."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **duration: float) -> datetime:
        self.now += timedelta(**duration)
        return self.now


CALM = Verdict(
    language=Scored(Language.FRENCH, 0.99),
    intention=Scored(Intention.QUESTION, 0.9),
    group=None,
    breaches=dict.fromkeys(Breach, 0.01),
    urgency=Urgency(0, 0.99),
    reasons=(),
    model="made-up-1",
)


@dataclass
class MadeUpClassifier:
    """Says what the test told it about a text, and otherwise that it is a calm question."""

    says: dict[str, Verdict] = field(default_factory=dict)
    meanwhile: Callable[[], None] | None = None
    """Happens while it reads, outside any transaction."""
    version: str = "made-up-1"

    def classify(self, texts: Sequence[str], context: Context) -> list[Verdict]:
        if self.meanwhile is not None:
            self.meanwhile()
        return [self.says.get(text, CALM) for text in texts]


@dataclass
class PretendNetwork:
    """An account's far side in memory: pages to pull, what was done to it, and errors on demand."""

    pages: list[Page | Exception] = field(default_factory=list)
    cursors: list[str | None] = field(default_factory=list)
    budgets: list[int] = field(default_factory=list)
    done: list[Operation] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    there: dict[str, CommentSeen | Exception] = field(default_factory=dict)
    """What a look at one comment finds; what is not in it is gone."""
    looked: list[str] = field(default_factory=list)
    says: Health | Exception = field(default_factory=lambda: Health(True, None, None, ()))
    counts: Figures | Exception = field(default_factory=lambda: Figures(None, {}))
    measured: list[list[str]] = field(default_factory=list)
    listens: list[Exception] = field(default_factory=list)
    """Refusals of the next requests to be told of what happens."""
    listened: int = 0

    def health(self) -> Health:
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    def look(self, comment: str) -> CommentSeen:
        self.looked.append(comment)
        found = self.there.get(comment, Gone())
        if isinstance(found, Exception):
            raise found
        return found

    def listen(self) -> bool:
        self.listened += 1
        if self.listens:
            raise self.listens.pop(0)
        return True

    def figures(self, posts: Sequence[str]) -> Figures:
        self.measured.append(list(posts))
        if isinstance(self.counts, Exception):
            raise self.counts
        return self.counts

    def pull(self, cursor: str | None, budget: int) -> Page:
        self.cursors.append(cursor)
        self.budgets.append(budget)
        page = self.pages[int(cursor or 0)]
        if isinstance(page, Exception):
            raise page
        return page

    def apply(self, operation: Operation, key: str) -> Receipt:
        if self.errors:
            raise self.errors.pop(0)
        self.done.append(operation)
        return Receipt(f"{operation.target}_{len(self.done)}")

    def publish(self, publication: Publication, key: str) -> Receipt:
        raise Gone

    def find(self, sought: Operation | Publication, since: datetime, taken: Collection[str]) -> Receipt | None:
        return None


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


@dataclass
class City:
    """What the tests of moderation work with; its methods do what a citizen, a tick or a person would."""

    database: Database
    locks: Locks
    clock: Clock
    classifier: MadeUpClassifier
    network: PretendNetwork
    webhook: PretendWebhook
    work: Work
    accounts: dict[str, int]
    """"nord" and "sud", each of a borough, and "ville", city-wide."""
    boroughs: dict[str, int]
    people: dict[str, Viewer]

    @property
    def now(self) -> datetime:
        return self.clock.now

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
        return classification.classify_due(self.database, self.locks, self.classifier, Context(), now=self.now)

    def decide(self, who: str, comment: Comment, kind: DecisionKind, **more: Any) -> Decision:
        choice = Choice(**({"kind": kind, "version": comment.version} | more))
        with self.database.write() as session:
            return deciding.decide(
                session,
                self.people[who],
                comment.id,
                choice,
                now=self.now,
                undo=UNDO,
                prefix="STR",
                capabilities_of=capabilities,
            )

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
def city(database: Database, tmp_path: Path) -> City:
    boroughs = {code: Borough(code=code, name=code.title()) for code in ("nord", "sud")}
    accounts = {
        name: Account(
            network="facebook",
            external_id=f"page-{name}",
            name=f"Ville – {name}",
            token_closed="",
            state_since=START,
            pull_due_at=START,
            created_at=START,
        )
        for name in ("nord", "sud", "ville")
    }
    roles = {
        "Ariane": (Role.MODERATOR, None),
        "Bruno": (Role.MODERATOR, None),
        "Chantal": (Role.MODERATOR, "sud"),
        "Denis": (Role.AGENT311, None),
        "Elise": (Role.MANAGER, None),
        "Farid": (Role.AGENT311, "sud"),
    }
    viewers = {}
    with database.write() as session:
        seeds.plant(session, now=START)
        session.add_all(boroughs.values())
        session.flush()
        for name, account in accounts.items():
            account.borough_id = boroughs[name].id if name in boroughs else None
        session.add_all(accounts.values())
        for name, (role, borough) in roles.items():
            person = Person(email=f"{name.lower()}@ville.example", name=name, created_at=START)
            session.add(person)
            session.flush()
            membership = Membership(
                person_id=person.id, role=role, borough_id=boroughs[borough].id if borough else None
            )
            session.add(membership)
            viewers[name] = Viewer(person.id, name, frozenset({role}), grants_of([membership]))
    clock, network = Clock(), PretendNetwork()
    locks = locks_for(database, tmp_path)
    work = Work(database, locks, [delivery.trade(lambda _: network)], owner="the test", clock=clock, timing=Timing())
    return City(
        database=database,
        locks=locks,
        clock=clock,
        classifier=MadeUpClassifier(),
        network=network,
        webhook=PretendWebhook(),
        work=work,
        accounts={name: account.id for name, account in accounts.items()},
        boroughs={code: borough.id for code, borough in boroughs.items()},
        people=viewers,
    )


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

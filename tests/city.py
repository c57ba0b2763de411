"""The city of the tests: its clock, who works there, its accounts, a classifier and networks in memory.

A folder's conftest founds the city that its tests are about, and adds what they do there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from administration import sign_in
from classifiers.base import Context, Scored, Urgency, Verdict
from connectors.base import (
    CommentSeen,
    Figures,
    Health,
    Operation,
    Page,
    Prepared,
    Publication,
    Receipt,
    Talks,
    Told,
)
from models.accounts import Account
from models.errors import Gone
from models.people import Borough, Membership, Person
from models.scope import Viewer, grants_of
from models.session import Database, vault_of
from models.vocabulary import Breach, Intention, Language, Role
from publishing.album import Album

START = datetime(2026, 11, 2, 14, tzinfo=UTC)


@dataclass
class Clock:
    """A time that only the test moves."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float = 0.0, **duration: float) -> datetime:
        self.now += timedelta(seconds=seconds, **duration)
        return self.now


def album(database: Database, clock: Callable[[], datetime]) -> Album:
    """The pictures of a city's library, as its networks get them."""
    return Album(database, clock, lambda name: f"https://parvis.ville.example/{name}")


@dataclass(kw_only=True)
class City:
    """A database, and who and what is in it, by name."""

    database: Database
    clock: Clock = field(default_factory=Clock)
    boroughs: dict[str, int] = field(default_factory=dict)
    accounts: dict[str, int] = field(default_factory=dict)
    people: dict[str, Viewer] = field(default_factory=dict)
    _session: Session | None = field(default=None, repr=False)

    @property
    def now(self) -> datetime:
        return self.clock.now

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction; what is added inside is added in it."""
        if self._session is not None:
            yield self._session
            return
        with self.database.write() as session:
            self._session = session
            try:
                yield session
            finally:
                self._session = None

    def add_borough(self, code: str) -> int:
        borough = Borough(code=code, name=code.title())
        with self.write() as session:
            session.add(borough)
            session.flush()
        self.boroughs[code] = borough.id
        return borough.id

    def add_account(
        self,
        name: str,
        network: str = "facebook",
        *,
        external_id: str | None = None,
        borough_id: int | None = None,
        token: str = "a-token-that-must-never-be-seen",
    ) -> int:
        """An account that is to be read now."""
        with self.write() as session:
            account = Account(
                network=network,
                external_id=external_id or f"page-{name}",
                name=name,
                borough_id=borough_id,
                token_closed=vault_of(session).close(token),
                token_since=self.now,
                pull_due_at=self.now,
                created_at=self.now,
            )
            session.add(account)
            session.flush()
        self.accounts[name] = account.id
        return account.id

    def hire(self, name: str, *roles: Role | Membership, single_keys: bool = True) -> Viewer:
        """Somebody with these roles; a bare role is over the whole city."""
        email = f"{name.lower().replace(' ', '.')}@ville.example"
        with self.write() as session:
            person = Person(email=email, name=name, created_at=self.now, single_keys=single_keys)
            session.add(person)
            session.flush()
            held = [role if isinstance(role, Membership) else Membership(role=role) for role in roles]
            for membership in held:
                membership.person_id = person.id
            session.add_all(held)
            session.flush()
            self.people[name] = Viewer(
                person.id, name, frozenset(Role(membership.role) for membership in held), grants_of(held)
            )
        return self.people[name]

    def enter(self, name: str) -> str:
        """A session of this person, without the time that a password takes; the browser's token."""
        with self.write() as session:
            person = session.get_one(Person, self.people[name].person_id)
            token = sign_in.welcome(session, vault_of(session), person, now=self.now).token
        assert token, f"{name} has a second factor"
        return token


# ------------------------------------------------------------------------------------------ the classifier
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
    read: list[str] = field(default_factory=list)

    def classify(self, texts: Sequence[str], context: Context) -> list[Verdict]:
        self.read += texts
        if self.meanwhile is not None:
            self.meanwhile()
        return [self.says.get(text, CALM) for text in texts]


# ------------------------------------------------------------------------------------------ the networks
@dataclass
class PretendNetwork:
    """An account's far side in memory: pages to pull, what was done to it, and errors on demand."""

    name: str = "reseau"
    pages: list[Page | Exception] = field(default_factory=list)
    cursors: list[str | None] = field(default_factory=list)
    budgets: list[int] = field(default_factory=list)
    done: list[Operation] = field(default_factory=list)
    published: list[Publication] = field(default_factory=list)
    published_at: datetime | None = None
    """What it says of the next ones."""
    ahead: list[Prepared | Exception] = field(default_factory=list)
    """What it gives for the next files that are sent ahead; then, that they are ready."""
    sent_ahead: list[Prepared | None] = field(default_factory=list)
    """What was known each time that some were."""
    used: list[Prepared | None] = field(default_factory=list)
    """What each publication had sent ahead."""
    errors: list[Exception] = field(default_factory=list)
    """Of the next writes."""
    talks: list[Talks | Exception] = field(default_factory=list)
    """What was written in private, step by step; then nothing."""
    there: dict[str, CommentSeen | Exception] = field(default_factory=dict)
    """What a probe of one comment finds; what is not in it is gone."""
    probed: list[str] = field(default_factory=list)
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

    def converse(self, cursor: str | None, budget: int) -> Talks:
        said = self.talks.pop(0) if self.talks else Talks((), cursor or "", more=False, calls=1)
        if isinstance(said, Exception):
            raise said
        return said

    def probe(self, comment: str) -> CommentSeen:
        self.probed.append(comment)
        found = self.there.get(comment, Gone())
        if isinstance(found, Exception):
            raise found
        return found

    def listen(self) -> Told:
        self.listened += 1
        if self.listens:
            raise self.listens.pop(0)
        return Told(told=True)

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

    def prepare(self, publication: Publication, so_far: Prepared | None = None) -> Prepared:
        assert so_far is not None or all(one.path.is_file() for one in publication.media)
        self.sent_ahead.append(so_far)
        given = self.ahead.pop(0) if self.ahead else Prepared((f"{self.name}-{len(self.sent_ahead)}",))
        if isinstance(given, Exception):
            raise given
        return given

    def publish(self, publication: Publication, key: str, prepared: Prepared | None = None) -> Receipt:
        if self.errors:
            raise self.errors.pop(0)
        self.used.append(prepared)
        self.published.append(publication)
        number = f"{self.name}_{len(self.published)}"
        return Receipt(number, f"https://reseau.example/{number}", self.published_at)

    def find(self, sought: Operation | Publication, since: datetime, taken: Collection[str]) -> Receipt | None:
        return None

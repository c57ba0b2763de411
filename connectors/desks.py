"""The contract of a service desk: another 311 system, to which requests are handed over.

No such system takes an idempotency key. Each submission carries a reference of ours at the end of its words, by which
it is found again after a lost answer.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from connectors.base import Receipt
from models.attributes import Attribute

SETTLE = timedelta(seconds=30)
"""How soon a desk is asked whether it took a request whose answer was lost, and how long between two looks."""
PATIENCE = timedelta(minutes=10)
"""How long a request that no look found waits before it is sent again: desks list late what they took."""
LONGEST = 4000
"""Characters of a description (GeoReport v2, POST Service Request)."""

NUMBER, TOKEN, NEITHER = "number:", "token:", "sent:"
"""What a receipt's `remote_id` begins with: the desk's number, what a number will be had for, or neither."""

_REFERENCES = re.compile(r"\[Réf\.[^\]\n]{0,80}\]?")


@dataclass(frozen=True)
class DeskSettings:
    """Where an outside desk is. `form` is "xml", which every server speaks, or "json"; `timeout` is (connect, read) in
    seconds.
    """

    url: str
    key: str | None = field(default=None, repr=False)
    jurisdiction: str | None = None
    form: str = "xml"
    timeout: tuple[float, float] = (5.0, 30.0)


@dataclass(frozen=True)
class ServiceThere:
    """A service of a desk, with what it asks."""

    code: str
    name: str
    group: str = ""
    attributes: tuple[Attribute, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What was answered of a question of our service; `said` and `question` are for people."""

    code: str
    question: str
    values: tuple[str, ...]
    said: str
    several: bool = False


@dataclass(frozen=True)
class Submission:
    """A request as it goes to a desk: what, where and in which words; never who."""

    reference: str
    """Our number of it."""
    service_code: str
    description: str = ""
    address: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    media_url: str | None = None
    follows: str | None = None
    """The desk's number of an earlier one that is not solved."""
    answers: tuple[Answer, ...] = ()

    @property
    def mark(self) -> str:
        """By which it is told from every other one over there."""
        return f"[Réf. {self.reference}]"

    @property
    def words(self) -> str:
        """The description with its mark at the end. Somebody's words cannot bring a mark of their own."""
        said = _REFERENCES.sub("", self.description).strip()
        said = f"Suite de {self.follows}. {said}" if self.follows else said
        # With each, what was answered: the desk may not ask for it, and people read it there all the same.
        for one in self.answers:
            said = f"{said}\n{one.question} {_REFERENCES.sub('', one.said)}".strip()
        return f"{said[: LONGEST - len(self.mark) - 2]}\n\n{self.mark}".strip()


@dataclass(frozen=True)
class StatusSeen:
    """What the desk says of one request. `detail` is its own word for the status, where it has one; `at` is when that
    last changed, None where it does not say.
    """

    number: str
    closed: bool
    detail: str = ""
    note: str = ""
    at: datetime | None = None


class Desk(Protocol):
    """One desk. Every method may raise the errors of `models.errors`, and nothing else."""

    def services(self) -> dict[str, str]:
        """The names of what can be asked for, by their codes there."""

    def definition(self, code: str) -> list[Attribute]:
        """What the desk asks of a service of its own; empty: nothing, or it does not say."""

    def catalogue(self) -> list[ServiceThere]:
        """All that can be asked for, each with its questions."""

    def submit(self, submission: Submission) -> Receipt:
        """Send a request, once. `remote_id` begins with `NUMBER`, `TOKEN` or `NEITHER`."""

    def find(self, submission: Submission, since: datetime, taken: Collection[str]) -> Receipt | None:
        """Look whether it is there, sent at `since` or later and none of `taken` (their `remote_id`). None: it is not,
        and all that came since was read. Rejected `desk_hides_words`: what could be it cannot be told from others.
        """

    def statuses(self, numbers: Sequence[str]) -> list[StatusSeen]:
        """What became of some requests, at most 50. One that is not in the answer may be there all the same."""

    def number_for(self, token: str) -> str | None:
        """The number that a token stands for; None: there is none yet."""

"""What a new installation still needs before citizens' comments come in, read from what is there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from administration.people import without_second_factor
from models.accounts import Account, Delivery
from models.audit import AuditEntry
from models.people import Membership, Person
from models.vocabulary import Role

BACKUP = "backup_made"
"""What the journal calls a copy of the database."""


class Step(StrEnum):
    """What has to be done, in the order in which one needs the other."""

    APPLICATION = "application"
    """The settings hold the city's application on a network."""
    ACCOUNT = "account"
    PEOPLE = "people"
    """Somebody moderates."""
    SECOND_FACTOR = "second_factor"
    """Everybody of whom it is asked has one."""
    BACKUP = "backup"
    WEBHOOK = "webhook"
    """A network has told of something by itself."""


@dataclass(frozen=True)
class Progress:
    """Which steps there are, and which are done."""

    done: dict[Step, bool]

    @property
    def complete(self) -> bool:
        return all(self.done.values())


def progress(session: Session, *, applications: bool, factor_roles: Collection[Role], copies: bool) -> Progress:
    """`applications`: some network can be connected; `copies`: `parvis backup` makes the copies of this database
    (PostgreSQL has tools of its own, of which Parvis knows nothing).
    """
    moderates = select(Membership.id).join(Person).where(Person.active, Membership.role == Role.MODERATOR)
    done = {
        Step.APPLICATION: applications,
        Step.ACCOUNT: _any(session, exists(select(Account.id))),
        Step.PEOPLE: _any(session, exists(moderates)),
        Step.SECOND_FACTOR: not without_second_factor(session, factor_roles),
        Step.WEBHOOK: _any(session, exists(select(Delivery.id))),
    }
    if copies:
        done[Step.BACKUP] = _any(session, exists(select(AuditEntry.id).where(AuditEntry.action == BACKUP)))
    return Progress({step: done[step] for step in Step if step in done})


def _any(session: Session, found: ColumnElement[bool]) -> bool:
    return bool(session.scalar(select(found)))

"""What a new installation still needs before citizens' comments come in, read from what is there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from administration import copies
from administration.people import without_second_factor
from models.accounts import Account, Delivery
from models.people import Membership, Person
from models.vocabulary import Role


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
    copied_at: datetime | None
    """When the last copy of the database was made."""

    @property
    def complete(self) -> bool:
        return all(self.done.values())


def progress(session: Session, *, applications: bool, factor_roles: Collection[Role]) -> Progress:
    """`applications`: some network can be connected."""
    moderates = select(Membership.id).join(Person).where(Person.active, Membership.role == Role.MODERATOR)
    done = {
        Step.APPLICATION: applications,
        Step.ACCOUNT: _any(session, exists(select(Account.id))),
        Step.PEOPLE: _any(session, exists(moderates)),
        Step.SECOND_FACTOR: not without_second_factor(session, factor_roles),
        Step.BACKUP: (copied_at := copies.last(session)) is not None,
        Step.WEBHOOK: _any(session, exists(select(Delivery.id))),
    }
    return Progress({step: done[step] for step in Step}, copied_at)


def _any(session: Session, found: ColumnElement[bool]) -> bool:
    return bool(session.scalar(select(found)))

"""Who was invited and has not come yet: the letter that brings them their link, again if need be, or not any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from administration import mailing, people
from models import audit, channels, work
from models.effects import Effect
from models.errors import NotFound, Refused
from models.mail import MailServer
from models.people import AccessRequest, Person, PersonalLink, comes_in
from models.secrets import Vault, fingerprint
from models.vocabulary import OperationKind


@dataclass(frozen=True)
class Waiting:
    """Somebody who has not come yet, their last link (None: none was made), and the letter that brings it (None: it is
    copied by hand).
    """

    person: Person
    link: PersonalLink | None
    letter: Effect | None

    def serves(self, now: datetime) -> bool:
        """Whether the link still opens something."""
        return self.link is not None and self.link.used_at is None and self.link.expires_at > now


def send(session: Session, vault: Vault, address: str, token: str, *, now: datetime) -> None:
    """Owe the letter that brings a link to its person, to the mail server of that address. It leaves once at most."""
    link = session.scalars(select(PersonalLink).where(PersonalLink.fingerprint == fingerprint(token))).one()
    server = channels.at_address(session, MailServer, address, now=now)
    effect = work.enqueue(
        session,
        key=f"invitation:{link.id}",
        operation=OperationKind.MAIL,
        channel_id=server,
        target=f"person:{link.person_id}",
        # The token is kept nowhere else, and here only until the letter has left.
        payload={"link_id": link.id, "token_closed": vault.close(token)},
        due_at=now,
        late_at=min(now + mailing.LATE, link.expires_at),
    )
    link.letter_id = effect.id


def waiting(session: Session) -> Sequence[Waiting]:
    """Who was invited and has not come yet, by name."""
    newest = select(func.max(PersonalLink.id)).where(PersonalLink.person_id == Person.id).correlate(Person)
    statement = (
        select(Person, PersonalLink, Effect)
        .outerjoin(PersonalLink, PersonalLink.id == newest.scalar_subquery())
        .outerjoin(Effect, Effect.id == PersonalLink.letter_id)
        .where(Person.active, ~comes_in())
        .order_by(Person.name, Person.id)
    )
    return [Waiting(*row) for row in session.execute(statement)]


def withdraw(session: Session, person_id: int, *, by: int, now: datetime) -> None:
    """Invite somebody no more: their link opens nothing, their letter stays, and what is asked for them is refused.

    Refused `invitation_taken`: they have come meanwhile.
    """
    person = session.get(Person, person_id)
    if person is None:
        raise NotFound("person")
    if not people.is_new(session, person):
        raise Refused("invitation_taken")
    letters = select(Effect).join(PersonalLink, PersonalLink.letter_id == Effect.id)
    for letter in session.scalars(letters.where(PersonalLink.person_id == person.id)).all():
        if work.cancel(session, letter.id):
            letter.payload = mailing.without_token(letter.payload)
    session.execute(
        update(AccessRequest)
        .where(AccessRequest.person_id == person.id, AccessRequest.answered_at.is_(None))
        .values(answered_at=now, answered_by_id=by, granted=False)
    )
    people.set_active(session, person.id, active=False, by=by, now=now)
    audit.note(session, "invitation_withdrawn", f"person:{person.id}", now=now, person_id=by)

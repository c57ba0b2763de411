"""Passkeys (W3C Web Authentication): a second factor that no false page can ask for, and both factors at once where the
key was unlocked by its person.

A key signs a challenge that is ours, random, kept here and answered once, for the address at which people reach us. It
says how often it was used: one that goes back was copied, and is not taken.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import webauthn
from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from administration.sign_in import Attempt, Outcome, end_sessions, waiting, welcome
from models import audit
from models.errors import NotFound, Refused
from models.people import Passkey, PasskeyChallenge, Person
from models.secrets import Vault, fingerprint
from models.session import Database

log = logging.getLogger(__name__)

LASTS = timedelta(minutes=5)
"""How long a challenge waits for its answer."""
MOST = 20
"""Keys of one person."""
LONGEST = 20_000
"""Characters of an answer: the keys of no maker say more."""
UNREADABLE = (WebAuthnException, ValueError, KeyError, TypeError, AttributeError)
"""What an answer that somebody made up may raise."""


@dataclass(frozen=True)
class Party:
    """Whom keys answer to (WebAuthn's relying party): the host that people reach us at, and its whole origin."""

    host: str
    origin: str


def keys(session: Session, person_id: int) -> Sequence[Passkey]:
    """A person's keys, oldest first."""
    return session.scalars(select(Passkey).where(Passkey.person_id == person_id).order_by(Passkey.id)).all()


# ---------------------------------------------------------------------------------------------- adding one
def ask_new(session: Session, party: Party, person: Person, *, now: datetime) -> str:
    """What the browser needs to make a key for this person, in JSON. After `sign_in.check_own`: an unattended screen
    is not enough. Refused: they have very many.
    """
    known = keys(session, person.id)
    if len(known) >= MOST:
        raise Refused("passkeys_many", most=str(MOST))
    options = webauthn.generate_registration_options(
        rp_id=party.host,
        rp_name="Parvis",
        user_id=f"{person.id}".encode(),
        user_name=person.email,
        user_display_name=person.name,
        challenge=_challenge(session, adds=True, person_id=person.id, now=now),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.PREFERRED
        ),
        exclude_credentials=_described(known),
    )
    return webauthn.options_to_json(options)


def keep(
    session: Session, party: Party, person: Person, name: str, answer: str, *, now: datetime, but: int | None = None
) -> None:
    """Keep the key that answers what `ask_new` asked; every session but `but` ends. Refused: `passkey_wrong`."""
    name = " ".join(name.split())
    if not name or len(name) > 60:
        raise Refused("passkey_name", field="name")
    try:
        credential = parse_registration_credential_json(answer[:LONGEST])
        challenge = parse_client_data_json(credential.response.client_data_json).challenge
        _take(session, challenge, adds=True, person_id=person.id, now=now)
        made = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=party.host,
            expected_origin=party.origin,
        )
    except UNREADABLE as error:
        log.warning("a new passkey is not taken: %s", type(error).__name__)
        raise Refused("passkey_wrong", field="name") from error
    credential_id = bytes_to_base64url(made.credential_id)
    if session.scalar(select(Passkey.id).where(Passkey.credential_id == credential_id)) is not None:
        raise Refused("passkey_wrong", field="name")
    session.add(
        Passkey(
            person_id=person.id,
            credential_id=credential_id,
            public_key=made.credential_public_key,
            sign_count=made.sign_count,
            name=name,
            added_at=now,
        )
    )
    end_sessions(session, person.id, now=now, but=but)
    audit.note(session, "passkey_added", f"person:{person.id}", now=now, person_id=person.id)


def remove(session: Session, person: Person, passkey_id: int, *, now: datetime, but: int | None = None) -> None:
    """Forget a key, after `sign_in.check_own`; every session but `but` ends. NotFound: it is not theirs."""
    gone = delete(Passkey).where(Passkey.id == passkey_id, Passkey.person_id == person.id).returning(Passkey.id)
    if session.scalar(gone) is None:
        raise NotFound("passkey")
    end_sessions(session, person.id, now=now, but=but)
    audit.note(session, "passkey_removed", f"person:{person.id}", now=now, person_id=person.id)


# ---------------------------------------------------------------------------------------------- signing in
def ask(session: Session, party: Party, token: str | None, *, now: datetime) -> str:
    """What the browser needs to use a key, in JSON: one of whoever gave their password in this browser, or, unlocked by
    its person, anybody's.
    """
    found = waiting(session, token, now=now)
    person_id = found[1].id if found else None
    wanted = UserVerificationRequirement.DISCOURAGED if found else UserVerificationRequirement.REQUIRED
    options = webauthn.generate_authentication_options(
        rp_id=party.host,
        challenge=_challenge(session, adds=False, person_id=person_id, now=now),
        allow_credentials=_described(keys(session, person_id)) if person_id is not None else None,
        user_verification=wanted,
    )
    return webauthn.options_to_json(options)


def enter(
    database: Database, vault: Vault, party: Party, token: str | None, answer: str, *, browser: str = "", now: datetime
) -> Attempt:
    """Open a session for whoever's key answers what `ask` asked. WRONG: it is not to be believed, or nobody's."""
    with database.write() as session:
        found = waiting(session, token, now=now)
        try:
            person = _recognized(session, party, answer, found[1].id if found else None, now=now)
        except Refused:
            return Attempt(Outcome.WRONG)
        if found is not None:
            found[0].revoked_at = now
        return welcome(session, vault, person, browser=browser, now=now)


def _recognized(session: Session, party: Party, answer: str, person_id: int | None, *, now: datetime) -> Person:
    try:
        credential = parse_authentication_credential_json(answer[:LONGEST])
        challenge = parse_client_data_json(credential.response.client_data_json).challenge
        _take(session, challenge, adds=False, person_id=person_id, now=now)
        row = session.execute(
            select(Passkey, Person)
            .join(Person, Person.id == Passkey.person_id)
            .where(Passkey.credential_id == bytes_to_base64url(credential.raw_id), Person.active)
            .with_for_update(of=Passkey)
        ).first()
        if row is None or (person_id is not None and row[1].id != person_id):
            raise Refused("passkey_wrong")
        key, person = row
        used = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=party.host,
            expected_origin=party.origin,
            credential_public_key=key.public_key,
            credential_current_sign_count=key.sign_count,
            # Alone it stands for both factors: its person must have unlocked it.
            require_user_verification=person_id is None,
        )
    except UNREADABLE as error:
        log.warning("a passkey is not taken: %s", type(error).__name__)
        raise Refused("passkey_wrong") from error
    key.sign_count, key.used_at = used.new_sign_count, now
    return person


# -------------------------------------------------------------------------------------------------------------------
def _challenge(session: Session, *, adds: bool, person_id: int | None, now: datetime) -> bytes:
    session.execute(delete(PasskeyChallenge).where(PasskeyChallenge.expires_at <= now))
    token = secrets.token_urlsafe(32)
    session.add(
        PasskeyChallenge(fingerprint=fingerprint(token), adds=adds, person_id=person_id, expires_at=now + LASTS)
    )
    return token.encode()


def _take(session: Session, challenge: bytes, *, adds: bool, person_id: int | None, now: datetime) -> None:
    """It is answered now, and by nobody else. Refused: it is not ours, not for this, too old, or was answered."""
    taken = session.scalar(
        delete(PasskeyChallenge)
        .where(
            PasskeyChallenge.fingerprint == fingerprint(challenge.decode()),
            PasskeyChallenge.adds.is_(adds),
            PasskeyChallenge.person_id.is_not_distinct_from(person_id),
            PasskeyChallenge.expires_at > now,
        )
        .returning(PasskeyChallenge.id)
    )
    if taken is None:
        raise Refused("passkey_wrong", field="name")


def _described(known: Sequence[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(one.credential_id)) for one in known]

"""API keys of the programs that read, and the installation's own keys. Every change is in the journal."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models import audit
from models.accounts import Account, ConsentHandshake
from models.errors import NotFound, Refused
from models.hooks import Hook
from models.people import ApiKey, Person
from models.scope import KEY_SCOPES
from models.secrets import Vault, fingerprint


def add_key(
    session: Session, name: str, scopes: Sequence[str], *, expires_at: datetime | None = None, now: datetime
) -> str:
    """A new API key, shown once. Refused: unknown scope, a date that has passed, or the name of a key that serves."""
    if not scopes or (strange := [scope for scope in scopes if scope not in KEY_SCOPES]):
        known = ", ".join(KEY_SCOPES)
        raise Refused("scope_unknown", field="scope", scope=", ".join(strange if scopes else []), known=known)
    name = name.strip()
    if not name or len(name) > 100:
        raise Refused("name_needed", field="name")
    if expires_at is not None and expires_at <= now:
        raise Refused("date_passed", field="expires")
    key = f"parvis_{secrets.token_urlsafe(32)}"
    about = {"name": name, "scopes": sorted(set(scopes)), "expires_at": expires_at}
    row = ApiKey(fingerprint=fingerprint(key), created_at=now, **about)
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        raise Refused("name_taken", field="name", name=name) from error
    audit.note(session, "key_added", f"key:{row.id}", now=now, person_id=None, scopes=row.scopes)
    return key


def keys(session: Session) -> Sequence[ApiKey]:
    """Every key there ever was, those that serve first, by name."""
    return session.scalars(select(ApiKey).order_by(ApiKey.revoked_at.is_not(None), ApiKey.name, ApiKey.id)).all()


def revoke(session: Session, name: str, *, by: int | None, now: datetime) -> None:
    """A key opens nothing from the next request on; its name is free. NotFound: no key of that name serves."""
    statement = (
        update(ApiKey)
        .where(ApiKey.name == name.strip(), ApiKey.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(ApiKey.id)
    )
    revoked = session.scalar(statement)
    if revoked is None:
        raise NotFound(f"key {name}")
    audit.note(session, "key_revoked", f"key:{revoked}", now=now, person_id=by)


def rotate(session: Session, vault: Vault, *, now: datetime) -> int:
    """Close every stored secret again with the first key. Gives how many."""
    accounts = session.scalars(select(Account)).all()
    people = session.scalars(select(Person).where(Person.totp_closed.is_not(None))).all()
    hooks = session.scalars(select(Hook).where(Hook.removed_at.is_(None))).all()
    for hook in hooks:
        hook.secret_closed = vault.reclose(hook.secret_closed)
    for account in accounts:
        account.token_closed = vault.reclose(account.token_closed)
        account.refresh_closed = vault.reclose(account.refresh_closed) if account.refresh_closed else None
    for person in people:
        person.totp_closed = vault.reclose(person.totp_closed or "")
    # Whoever is in a network's dialog just now begins again.
    session.execute(delete(ConsentHandshake))
    count = len(accounts) + len(people) + len(hooks)
    audit.note(session, "secrets_rotated", "installation", now=now, person_id=None, count=count)
    return count

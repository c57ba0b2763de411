"""Accounts of the city are connected: a person goes through a network's consent dialog and back, and chooses.

What the browser carries is `state`, whose fingerprint alone is kept. It opens once, within ten minutes, to the person
who began and to nobody else; the tokens that the network gave wait encrypted until that person has chosen.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from connectors.base import Consent, Offered
from models import audit, channels
from models.accounts import Account, ConsentHandshake, SetAside
from models.errors import FarSideError, NotFound, PermissionMissing, Refused, Rejected
from models.people import Borough
from models.secrets import Vault, fingerprint
from models.session import Database

LASTS = timedelta(minutes=10)
"""How long the dialog may take, and then the choice."""


def begin(session: Session, vault: Vault, network: str, *, by: int, now: datetime) -> tuple[str, str]:
    """A person leaves for the dialog: the state that comes back, and the PKCE secret. Older ways of theirs end."""
    session.execute(
        delete(ConsentHandshake).where((ConsentHandshake.expires_at <= now) | (ConsentHandshake.person_id == by))
    )
    # 256 and 512 random bits; RFC 7636 asks for 43 to 128 characters of the secret.
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
    session.add(
        ConsentHandshake(
            state_fingerprint=fingerprint(state),
            verifier_closed=vault.close(verifier),
            network=network,
            person_id=by,
            created_at=now,
            expires_at=now + LASTS,
        )
    )
    return state, verifier


def refuse(session: Session, network: str, state: str, *, by: int, now: datetime) -> None:
    """The person said no in the dialog, or the network did: this state opens nothing any more."""
    _take(session, network, state, by=by, now=now)


def exchange(
    database: Database,
    vault: Vault,
    consent: Consent,
    network: str,
    *,
    state: str,
    code: str,
    redirect_uri: str,
    by: int,
    clock: Callable[[], datetime],
) -> int:
    """Turn the network's code into accounts to choose from; the number of the connection. Nothing is open meanwhile.

    Refused: `connection_over` (unknown, somebody else's, past its time, used: all read the same), `code_refused`,
    `network_silent`, `nothing_offered`, `permission_needed`.
    """
    with database.write() as session:
        connection = _take(session, network, state, by=by, now=clock())
        connection_id, verifier = connection.id, vault.open(connection.verifier_closed)
        connection.verifier_closed = ""
    try:
        offered = consent.exchange(code=code, redirect_uri=redirect_uri, verifier=verifier)
    except Rejected as error:
        raise Refused("code_refused") from error
    except PermissionMissing as error:
        raise Refused("permission_needed", permission=error.name) from error
    except FarSideError as error:
        raise Refused("network_silent") from error
    if not offered:
        raise Refused("nothing_offered")
    with database.write() as session:
        session.execute(
            update(ConsentHandshake)
            .where(ConsentHandshake.id == connection_id)
            .values(offered_closed=vault.close(_packed(offered)), expires_at=clock() + LASTS)
        )
    return connection_id


def offered(
    session: Session, vault: Vault, connection_id: int, *, by: int, now: datetime, hold: bool = False
) -> dict[str, Offered]:
    """What may be chosen, by `key`; `hold` it to choose. Refused: `connection_over`."""
    statement = (
        select(ConsentHandshake)
        .where(ConsentHandshake.id == connection_id, ConsentHandshake.person_id == by)
        .where(ConsentHandshake.offered_closed.is_not(None), ConsentHandshake.expires_at > now)
        .execution_options(populate_existing=True)
    )
    connection = session.scalar(statement.with_for_update() if hold else statement)
    if connection is None:
        raise Refused("connection_over")
    return {key(one.network, one.external_id): one for one in _unpacked(vault.open(connection.offered_closed or ""))}


def key(network: str, external_id: str) -> str:
    """Names an account among those that are offered."""
    return f"{network}:{external_id}"


def choose(
    session: Session,
    vault: Vault,
    connection_id: int,
    chosen: Mapping[str, int | None],
    *,
    by: int,
    now: datetime,
) -> list[Account]:
    """Connect the chosen accounts, each with its borough (None: the whole city). What was not chosen is forgotten.

    Refused: `connection_over`, `nothing_chosen`, `not_offered`; nothing is connected then. NotFound: no such borough.
    """
    may = offered(session, vault, connection_id, by=by, now=now, hold=True)
    if not chosen:
        raise Refused("nothing_chosen", field="accounts")
    if not chosen.keys() <= may.keys():
        raise Refused("not_offered", field="accounts")
    if any(borough is not None and session.get(Borough, borough) is None for borough in chosen.values()):
        raise NotFound("borough")
    accounts = [
        connect(session, vault, may[name], borough_id=borough, by=by, now=now) for name, borough in chosen.items()
    ]
    session.execute(update(ConsentHandshake).where(ConsentHandshake.id == connection_id).values(offered_closed=None))
    return accounts


def connect(
    session: Session, vault: Vault, given: Offered, *, borough_id: int | None, by: int | None, now: datetime
) -> Account:
    """Add an account of the city, or connect one again: all that waited for its token goes on by itself.

    Its comments, decisions and cursor stay. The caller has the deliveries parsed that came before anybody knew it
    (`moderation.intake.deliveries.reroute`).
    """
    same = (Account.network == given.network, Account.external_id == given.external_id)
    account = session.scalar(select(Account).where(*same).with_for_update(key_share=True))
    known = account is not None
    if account is None:
        # The name that people see: what the network calls it at first, and then what the city does.
        name = given.name.strip()[:200] or given.external_id
        account = Account(network=given.network, external_id=given.external_id, name=name, created_at=now)
        session.add(account)
    account.borough_id, account.connected_by = borough_id, by
    account.token_closed, account.token_expires_at = vault.close(given.token), given.expires_at
    account.refresh_closed = vault.close(given.refresh_token) if given.refresh_token else None
    account.refresh_expires_at, account.expiry_warned = given.refresh_expires_at, None
    channels.replace_token(account, given.missing, now=now)
    account.pull_due_at = now
    session.flush()
    action = "account_reconnected" if known else "account_added"
    audit.note(session, action, f"account:{account.id}", now=now, person_id=by, missing=account.missing)
    return account


def disown(session: Session, network: str, external_id: str, *, by: int, now: datetime) -> int:
    """Say that an account which networks speak of is not the city's: what came for it is forgotten like any delivery
    that was read. Gives how many; should more come, it is said again.
    """
    settled = session.scalars(
        update(SetAside)
        .where(SetAside.network == network, SetAside.account_external_id == external_id)
        .where(SetAside.reason == "unroutable", SetAside.settled_at.is_(None))
        .values(settled_at=now)
        .returning(SetAside.id)
    ).all()
    if settled:
        subject = key(network, external_id)[:80]
        audit.note(session, "account_disowned", subject, now=now, person_id=by, deliveries=len(settled))
    return len(settled)


def _take(session: Session, network: str, state: str, *, by: int, now: datetime) -> ConsentHandshake:
    connection: ConsentHandshake | None = session.scalar(
        update(ConsentHandshake)
        .where(ConsentHandshake.state_fingerprint == fingerprint(state), ConsentHandshake.network == network)
        .where(ConsentHandshake.person_id == by, ConsentHandshake.used_at.is_(None), ConsentHandshake.expires_at > now)
        .values(used_at=now)
        .returning(ConsentHandshake)
    )
    if connection is None:
        raise Refused("connection_over")
    return connection


def _packed(several: Sequence[Offered]) -> str:
    return json.dumps([asdict(one) for one in several], default=datetime.isoformat)


def _unpacked(text: str) -> list[Offered]:
    return [
        Offered(
            network=one["network"],
            external_id=one["external_id"],
            name=one["name"],
            token=one["token"],
            expires_at=_moment(one["expires_at"]),
            missing=tuple(one["missing"]),
            refresh_token=one["refresh_token"],
            refresh_expires_at=_moment(one["refresh_expires_at"]),
        )
        for one in json.loads(text)
    ]


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None

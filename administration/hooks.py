"""Programs of the city are told what happens, entry by entry of the journal: ids and codes, never a citizen's words.
Whoever wants more reads it with a key.

What is sealed has its place for good, so a program is told each entry once, in the order of its subject; a message
whose answer is lost is given again under the same name.
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connectors.alerts import Alert, Receiver
from connectors.base import Receipt
from models import audit, channels, work
from models.audit import AuditEntry
from models.effects import Effect
from models.errors import NotFound, Refusals, Refused
from models.hooks import Hook
from models.requests311 import ServiceRequest
from models.secrets import Vault
from models.session import Database
from models.vocabulary import EffectState, OperationKind
from models.work import EffectHandler, Task

NOUNS = ("comment", "request", "post", "campaign", "incident", "hold")
"""Of what a program may be told: the first word of the subject of an entry."""
AT_ONCE = 500
"""Entries that one look at the journal reads."""
LATE = timedelta(days=3)
"""How long a message is tried; then it waits for a person."""
SHOWN = 50
"""Messages of one program that are shown, the newest."""


def add(
    session: Session, vault: Vault, name: str, address: str, nouns: Collection[str], *, by: int | None, now: datetime
) -> str:
    """Tell a program from now on; gives the secret that signs, shown once. Refused: `name_needed`, `hook_address`,
    `nouns_needed`.
    """
    wrong = Refusals()
    with wrong.collect():
        if not name.strip() or len(name) > 100:
            raise Refused("name_needed", field="name")
    with wrong.collect():
        _check(address)
    with wrong.collect():
        if not nouns or set(nouns) - set(NOUNS):
            raise Refused("nouns_needed", field="nouns")
    wrong.say()
    secret = f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"
    hook = Hook(
        name=name.strip(),
        address=address,
        secret_closed=vault.close(secret),
        nouns=sorted(nouns),
        announced=session.scalar(select(func.max(AuditEntry.sequence))) or 0,
        added_by_id=by,
        added_at=now,
        token_since=now,
    )
    session.add(hook)
    session.flush()
    audit.note(session, "hook.added", f"hook:{hook.id}", now=now, person_id=by, nouns=hook.nouns)
    return secret


def remove(session: Session, hook_id: int, *, by: int | None, now: datetime) -> None:
    """Nothing more is told there, and what was owed is not. NotFound: there is none."""
    hook = session.get(Hook, hook_id)
    if hook is None or hook.removed_at is not None:
        raise NotFound(f"hook {hook_id}")
    hook.removed_at = now
    owed = select(Effect.id).where(Effect.channel_id == hook.id, Effect.state == EffectState.READY)
    for effect_id in session.scalars(owed).all():
        work.cancel(session, effect_id)
    audit.note(session, "hook.removed", f"hook:{hook.id}", now=now, person_id=by)


def hooks(session: Session) -> Sequence[Hook]:
    """Those that are told, by name."""
    return session.scalars(select(Hook).where(Hook.removed_at.is_(None)).order_by(Hook.name, Hook.id)).all()


def messages(session: Session, hook_id: int) -> Sequence[Effect]:
    """The newest messages of one, newest first. NotFound: there is none."""
    if session.get(Hook, hook_id) is None:
        raise NotFound(f"hook {hook_id}")
    statement = select(Effect).where(Effect.channel_id == hook_id).order_by(Effect.id.desc()).limit(SHOWN)
    return session.scalars(statement).all()


def again(session: Session, effect_id: int, *, by: int | None, now: datetime) -> int:
    """Give a message once more, under the name that it has: a program that took it does nothing new. Gives the id of
    the hook. NotFound: it is no message of one that is told; Refused: `hook_busy`, it is under way.
    """
    effect = session.get(Effect, effect_id)
    hook = session.get(Hook, effect.channel_id) if effect else None
    if effect is None or hook is None or hook.removed_at is not None:
        raise NotFound(f"message {effect_id}")
    channels.lock(session, Hook, hook.id)
    sequence = effect.payload["sequence"]
    first = f"hook:{hook.id}:{sequence}"
    given = session.scalars(select(Effect).where(Effect.channel_id == hook.id, Effect.target == effect.target)).all()
    same = [one for one in given if one.payload.get("sequence") == sequence]
    if not all(one.failed or one.state in (EffectState.DONE, EffectState.CANCELLED) for one in same):
        raise Refused("hook_busy")
    _owe(session, hook.id, effect.target or "", sequence, f"{first}:{len(same)}", now=now)
    audit.note(session, "hook.again", f"hook:{hook.id}", now=now, person_id=by, sequence=sequence)
    return hook.id


def announce_due(database: Database, *, now: datetime) -> int:
    """Owe what was sealed since to each program that is told of it; gives how many messages."""
    with database.read() as session:
        newest = session.scalar(select(func.max(AuditEntry.sequence))) or 0
        behind = session.scalars(select(Hook.id).where(Hook.removed_at.is_(None), Hook.announced < newest)).all()
    made = 0
    for hook_id in behind:
        while (owed := _announce(database, hook_id, now=now)) is not None:
            made += owed
    return made


def effect_handler(database: Database, hook_of: Callable[[int], Receiver], base_url: str) -> EffectHandler:
    """The outbox's part about programs that are told. `hook_of` opens the connector of one by its id."""

    def send(task: Task) -> Receipt:
        with database.read() as session:
            alert = _alert(session, task.payload["sequence"], base_url)
        return hook_of(task.channel_id).send(alert)

    def find(_task: Task, _taken: Collection[str]) -> Receipt | None:
        return None  # A program is not asked: given again, it is no second message.

    return EffectHandler(frozenset({OperationKind.ANNOUNCE}), send=send, find=find, record=_record)


# -------------------------------------------------------------------------------------------------------------------
def _check(address: str) -> None:
    try:
        parts = urlsplit(address)
        plain = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
        fit = (parts.scheme == "https" or plain) and parts.hostname and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        fit = False
    if not fit or len(address) > 500 or not address.isascii() or not address.isprintable() or " " in address:
        raise Refused("hook_address", field="address")


def _announce(database: Database, hook_id: int, *, now: datetime) -> int | None:
    """The next entries for one hook; None: there are no more."""
    with database.write() as session:
        hook = channels.lock(session, Hook, hook_id)
        following = (
            select(AuditEntry).where(AuditEntry.sequence > hook.announced).order_by(AuditEntry.sequence).limit(AT_ONCE)
        )
        entries = session.scalars(following).all()
        if not entries or hook.removed_at is not None:
            return None
        told = [entry for entry in entries if entry.subject.partition(":")[0] in hook.nouns]
        for entry in told:
            key = f"hook:{hook.id}:{entry.sequence}"
            _owe(session, hook.id, entry.subject, entry.sequence or 0, key, now=now)
        hook.announced = entries[-1].sequence or hook.announced
        return len(told)


def _owe(session: Session, hook_id: int, subject: str, sequence: int, key: str, *, now: datetime) -> None:
    work.enqueue(
        session,
        key=key,
        operation=OperationKind.ANNOUNCE,
        channel_id=hook_id,
        target=subject,
        payload={"sequence": sequence},
        due_at=now,
        late_at=now + LATE,
    )


def _alert(session: Session, sequence: int, base_url: str) -> Alert:
    entry = session.scalars(select(AuditEntry).where(AuditEntry.sequence == sequence)).one()
    data = {"sequence": sequence, "subject": entry.subject, "person_id": entry.person_id}
    return Alert(f"parvis-{sequence}", entry.action, entry.at, data | {"link": _link(session, entry.subject, base_url)})


def _link(session: Session, subject: str, base_url: str) -> str | None:
    """Where the JSON API has the thing; None: nowhere."""
    noun, _, id_ = subject.partition(":")
    if noun in ("comment", "post", "campaign"):
        return f"{base_url}/api/v1/{noun}s/{id_}"
    if noun == "request" and (request := session.get(ServiceRequest, int(id_))) is not None:
        return f"{base_url}/api/v1/requests/{request.number}"
    return None


def _record(session: Session, effect: Effect, now: datetime) -> None:
    if effect.state == EffectState.DONE:
        hook = channels.lock(session, Hook, effect.channel_id)
        channels.record_reading(hook, asked_at=effect.sent_at or now, now=now)

"""A network that does not exist: one folder, one line of the registry. CONTRIBUTING's "A network" is how it is made.

Its wall is in memory: one post of the city, under which citizens wrote.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from connectors.base import (
    AccountRef,
    Capabilities,
    Challenge,
    CommentSeen,
    Descriptor,
    Event,
    Figures,
    Health,
    Operation,
    Page,
    Permission,
    PostSeen,
    Publication,
    Receipt,
    Told,
    setting,
)
from models.errors import Rejected
from models.vocabulary import N_, OperationKind

ABLE = frozenset({OperationKind.PUBLISH, OperationKind.REPLY})
WROTE_AT = datetime(2026, 11, 2, 12, tzinfo=UTC)
WALL: list[str] = []
"""What the city published."""


def _secure(value: str) -> str:
    if not value.startswith("https://"):
        raise ValueError("must begin with https://")
    return value


@dataclass(frozen=True)
class AgoraSettings:
    """Where it is, and what its webhooks are signed with."""

    base_url: str = setting("agora_base_url", "https://agora.example", read=_secure)
    secret: str | None = setting("agora_secret", secret=True)


class Agora:
    """One account (`connectors.base.Network`)."""

    def __init__(self, settings: AgoraSettings, account: AccountRef) -> None:
        del settings
        self._account = account.external_id

    def health(self) -> Health:
        return Health(valid=True, missing=("walls:moderate",))

    def pull(self, cursor: str | None, budget: int) -> Page:
        del cursor, budget
        post = PostSeen(self._account, "Le marché ouvre samedi", "https://agora.example/1", WROTE_AT)
        return Page((post,), (_said("read", "Quelle est l’heure du marché?", "pull"),), "", more=False, calls=1)

    def probe(self, comment: str) -> CommentSeen:
        return _said(comment, "Bonjour", "pull")

    def apply(self, operation: Operation, key: str) -> Receipt:
        del key
        if operation.kind not in ABLE:
            raise Rejected("not_supported")
        return Receipt(f"reply-{operation.target}")

    def publish(self, publication: Publication, key: str) -> Receipt:
        del key
        WALL.append(publication.text)
        return Receipt(f"post-{len(WALL)}", f"https://agora.example/post-{len(WALL)}", datetime.now(UTC))

    def find(self, sought: Operation | Publication, since: datetime, taken: Collection[str]) -> Receipt | None:
        del sought, since, taken

    def figures(self, posts: Sequence[str]) -> Figures:
        del posts
        return Figures(12, {})

    def listen(self) -> Told:
        return Told(told=True)


class AgoraWebhook:
    """Bodies of one comment (`connectors.base.Webhook`), whose signature is the secret itself."""

    def __init__(self, settings: AgoraSettings) -> None:
        self._secret = settings.secret

    def challenge(self, asked: Mapping[str, str]) -> Challenge | None:
        return Challenge(asked.get("question", ""), "text/plain")

    def authentic(self, headers: Mapping[str, str], raw: bytes) -> bool:
        del raw
        return self._secret is not None and headers.get("x-agora") == self._secret

    def parse(self, raw: bytes) -> tuple[Event, ...]:
        said = json.loads(raw)
        return (Event(said["account"], _said(said["id"], said["text"], "add")),)


def _said(identity: str, text: str, source: str) -> CommentSeen:
    return CommentSeen(
        identity,
        source,
        seen_at=WROTE_AT,
        said_at=WROTE_AT,
        post_external_id="ville",
        author_external_id="7",
        author_name="Aline Bouchard",
        text=text,
    )


AGORA = Descriptor(
    name="agora",
    label=N_("Agora"),
    icon="ag",
    colour="#3d6b35",
    settings=AgoraSettings,
    capabilities=Capabilities(
        ABLE,
        longest_text=500,
        longest_reply=300,
    ),
    permissions={"walls:moderate": Permission(N_("Without it, no reply."))},
    open=Agora,
    route="agora",
    webhook=AgoraWebhook,
)

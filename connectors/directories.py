"""The city's own directory of people (Entra ID, Keycloak), which says who somebody is who signs in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class DirectorySettings:
    """The directory as the settings name it, and what it knows Parvis by."""

    issuer: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    """None: a public client, which PKCE alone protects."""
    groups_claim: str = "groups"


@dataclass(frozen=True)
class Visitor:
    """Who the directory says is there. Issuer and subject alone name somebody for ever: an e-mail is somebody else's
    some day.
    """

    issuer: str
    subject: str
    email: str | None = None
    email_verified: bool = False
    """Whether the directory says that it has tried the address."""
    name: str | None = None
    groups: frozenset[str] = frozenset()


class Directory(Protocol):
    """What asks the directory. Every call may raise Transient (no answer, or too many ask at once; `reason` says
    which) and Rejected (an answer that is not to be believed; `reason` is its code).
    """

    def dialog(self, *, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        """Where the browser goes to say who is there."""
        ...

    def visitor(self, *, code: str, redirect_uri: str, nonce: str, verifier: str, now: datetime) -> Visitor:
        """Who came back with this code. It serves once."""
        ...

    def way_out(self, *, return_to: str) -> str | None:
        """Where the browser goes to leave the directory too; None: it has no such place."""
        ...

    def check(self) -> None:
        """Read what it says of itself, and its keys."""
        ...

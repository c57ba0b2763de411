"""Who writes on the pretend networks, and small things that people leave there."""

from __future__ import annotations

from dataclasses import dataclass

ISSUED = "secret-of-the-pretend-dialog"
"""Part of every code and token that a pretend dialog issues, so that a log in which one stands is easily told."""


@dataclass
class Person:
    """A Page or a citizen: whoever writes."""

    id: str
    name: str


@dataclass(frozen=True)
class Letter:
    """A private message of the Page to a citizen, about a comment."""

    id: str
    comment: str
    to: Person
    text: str
    at: float


@dataclass(frozen=True)
class Review:
    """A recommendation of the Page, or its contrary; `id` is its story's."""

    id: str
    by: Person
    text: str
    positive: bool
    at: float


@dataclass
class Draft:
    """A photo or a video that was sent and that nobody sees yet."""

    id: str
    alt: str | None = None
    content: bytes = b""
    size: int = 0


@dataclass(frozen=True)
class Ad:
    """An advertisement bought in an ad account, for a post."""

    id: str
    account: str
    campaign: str
    post: str
    spend: str
    currency: str = "CAD"


@dataclass
class Grant:
    """What a person of the city consented to in Meta's dialog: which Pages, and which permissions for them."""

    scopes: tuple[str, ...]
    pages: tuple[str, ...]
    redirect_uri: str
    until: float
    """End of the code or of the token, in unix seconds."""

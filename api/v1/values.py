"""Small values that several documents of the JSON API have in common."""

from __future__ import annotations

from api.v1.contract import Shown


class Named(Shown):
    """Somebody of the city, by name only."""

    id: int
    name: str


class AccountName(Shown):
    """One of the city's accounts, enough to tell it from the others."""

    id: int
    network: str
    external_id: str
    name: str

"""Small values that several documents of the JSON API have in common."""

from __future__ import annotations

from api.v1.contract import Shown
from models.vocabulary import OperationKind, Outcome


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


class NotDone(Shown):
    """Why something that was owed to a network ended without being done there."""

    operation: OperationKind
    outcome: Outcome
    detail: str | None
    """The network's own code, or the permission that is missing."""

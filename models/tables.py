"""Every table, for what needs to know them all: the migrations and the tests."""

from __future__ import annotations

from models import (
    accounts,
    audit,
    comments,
    contacts,
    effects,
    figures,
    idempotency,
    items,
    learning,
    people,
    posts,
    requests311,
    seeds,
)
from models.base import Base

metadata = Base.metadata

__all__ = [
    "accounts",
    "audit",
    "comments",
    "contacts",
    "effects",
    "figures",
    "idempotency",
    "items",
    "learning",
    "metadata",
    "people",
    "posts",
    "requests311",
    "seeds",
]

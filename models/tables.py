"""Every table, for what needs to know them all: the migrations and the tests."""

from __future__ import annotations

from models import (
    accounts,
    audit,
    campaigns,
    comments,
    contacts,
    decisions,
    desks,
    dossiers,
    effects,
    figures,
    gazetteer,
    holds,
    idempotency,
    items,
    learning,
    media,
    netiquette,
    notes,
    notices,
    people,
    posts,
    requests311,
    seeds,
    templates,
    views,
)
from models.base import Base

metadata = Base.metadata

__all__ = [
    "accounts",
    "audit",
    "campaigns",
    "comments",
    "contacts",
    "decisions",
    "desks",
    "dossiers",
    "effects",
    "figures",
    "gazetteer",
    "holds",
    "idempotency",
    "items",
    "learning",
    "media",
    "metadata",
    "netiquette",
    "notes",
    "notices",
    "people",
    "posts",
    "requests311",
    "seeds",
    "templates",
    "views",
]

"""The database's own history: `upgrade` brings an older one to what this version expects, or changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect
from sqlalchemy.orm import Session

from models import messages
from models.session import Database
from models.vocabulary import Standing

HERE = Path(__file__).parent
OURS = frozenset({"person", "audit_entry"})
"""Tables of every version of Parvis: another program may use alembic too, and name its first revision as we do."""


NO_HISTORY = ("comment_search", messages.PREFIX)
"""What names of tables and indexes begin with that each migration brings back by itself (`models/search.py`,
`models/messages.py`).
"""


def upgrade(url: str, plant: Callable[[Session], None] | None = None) -> None:
    """Apply what is missing, then `plant`, in one transaction: killed at any point, all of it is there or nothing is.

    WrongDatabase: the database is newer than this version, or another program's.
    """
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.attributes.update(url=url, plant=plant)
    command.upgrade(config, "head")


def standing(database: Database) -> Standing:
    """How the database stands to this version; only its history is read."""
    with database.read() as session:
        return standing_of(session.connection())


def standing_of(connection: Connection) -> Standing:
    """The same, in a transaction that is open already."""
    tables = set(inspect(connection).get_table_names()) - {"alembic_version"}
    revisions = MigrationContext.configure(connection).get_current_heads()
    if not tables and not revisions:
        return Standing.EMPTY
    if not revisions or not tables >= OURS:
        return Standing.FOREIGN
    scripts = ScriptDirectory(str(HERE))
    if not set(revisions) <= {script.revision for script in scripts.walk_revisions()}:
        return Standing.NEWER
    return Standing.CURRENT if revisions == (scripts.get_current_head(),) else Standing.OLDER


def compared(name: str | None, kind: str, _parents: Any) -> bool:
    """Whether alembic compares a table or an index with the code's own tables."""
    return kind not in {"table", "index"} or not (name or "").startswith(NO_HISTORY)

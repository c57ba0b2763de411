"""The database's own history: `upgrade` brings any older one to what this version of Parvis expects."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from models.session import Database


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["url"] = url
    return config


def upgrade(url: str) -> None:
    """Apply what is missing; nothing when the database is up to date."""
    command.upgrade(_config(url), "head")


def pending(database: Database) -> bool:
    """Whether the database lacks a migration that this version has."""
    head = ScriptDirectory.from_config(_config(database.url)).get_current_head()
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() != head

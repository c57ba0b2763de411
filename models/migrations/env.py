"""Run by alembic: opens the database as Parvis does, and applies the migrations in one transaction."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from models.base import Id, Json, UtcDateTime
from models.session import Database
from models.tables import metadata

config = context.config


def render(kind: str, thing: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Write our own column types by their names in a new migration."""
    if kind == "type":
        names = {Id: "base.Id", Json: "base.Json"}
        name = (
            "base.UtcDateTime()"
            if isinstance(thing, UtcDateTime)
            else next((name for known, name in names.items() if repr(known) == repr(thing)), None)
        )
        if name:
            autogen.imports.add("from models import base")
            return name
    return False


def run() -> None:
    """Migrate the database named by `upgrade`, or by `-x url=…` on alembic's own command line."""
    url = config.attributes.get("url") or context.get_x_argument(as_dictionary=True)["url"]
    database = Database(url, pool_size=2)
    try:
        with database.engine.connect() as connection:
            context.configure(connection=connection, target_metadata=metadata, render_item=render)
            with context.begin_transaction():
                context.run_migrations()
    finally:
        database.close()


run()

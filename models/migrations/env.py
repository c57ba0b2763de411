"""Run by alembic: opens the database as Parvis does, and applies the migrations in one transaction."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection, inspect
from sqlalchemy.orm import Session

from models import messages, search
from models.base import Json, Number, String, UtcDateTime
from models.errors import WrongDatabase
from models.migrations import compared, standing_of
from models.session import Database
from models.tables import metadata
from models.vocabulary import Standing

config = context.config


def render(kind: str, thing: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Write our own column types by their names in a new migration."""
    if kind != "type":
        return False
    if isinstance(thing, String) or (isinstance(thing, Number) and thing.bits == 32):
        return f"sa.{thing.impl_instance!r}"
    for name, known in (("Id", Number), ("UtcDateTime()", UtcDateTime)):
        if isinstance(thing, known):
            autogen.imports.add("from models import base")
            return f"base.{name}"
    if repr(thing) == repr(Json):
        autogen.imports.add("from models import base")
        return "base.Json"
    return False


def run() -> None:
    """Migrate the database named by `upgrade`, or by `-x url=…` on alembic's own command line."""
    url = config.attributes.get("url") or context.get_x_argument(as_dictionary=True)["url"]
    database = Database(url, pool_size=2)
    try:
        with database.engine.connect() as connection:
            # SQLite's driver is in autocommit mode and `Database` begins the transaction: its DDL is in it as well.
            context.configure(
                connection=connection,
                target_metadata=metadata,
                render_item=render,
                include_name=compared,
                transactional_ddl=True,
            )
            with context.begin_transaction():
                _apply(connection)
    finally:
        database.close()


def _apply(connection: Connection) -> None:
    if "plant" not in config.attributes:
        context.run_migrations()
        return
    before = standing_of(connection)
    if before in {Standing.NEWER, Standing.FOREIGN}:
        raise WrongDatabase(before)
    context.run_migrations()
    # A revision is a name, which another program's database may bear.
    found = inspect(connection)
    tables = found.get_multi_columns()
    there = {(table, column["name"]) for (_, table), columns in tables.items() for column in columns}
    if not there >= {(table.name, column.name) for table in metadata.tables.values() for column in table.columns}:
        raise WrongDatabase(Standing.FOREIGN)
    search.index(connection)
    messages.install(connection)
    if config.attributes["plant"] is not None:
        with Session(connection) as session:
            config.attributes["plant"](session)
            session.flush()


run()

"""The database's history ends where the tables of the code are, on both kinds of database."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from models import migrations
from models.session import Database
from models.tables import metadata


def test_an_empty_database_is_brought_to_what_the_code_expects(blank_database_url):
    database = Database(blank_database_url)
    assert migrations.pending(database)
    migrations.upgrade(blank_database_url)
    assert not migrations.pending(database)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
        assert set(inspect(connection).get_table_names()) == {*metadata.tables, "alembic_version"}
    database.close()


def test_upgrading_what_is_up_to_date_changes_nothing(database, accounts):
    migrations.upgrade(database.url)
    assert not migrations.pending(database)
    with database.read() as session:
        assert session.connection().exec_driver_sql("SELECT count(*) FROM account").scalar() == len(accounts)

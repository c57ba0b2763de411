"""The database's history ends where the tables of the code are, on both kinds of database."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from models import migrations
from models.errors import WrongDatabase
from models.session import Database
from models.tables import metadata
from models.vocabulary import Standing

OPTIONS = {"compare_type": True, "compare_server_default": True, "include_name": migrations.compared}


def test_an_empty_database_is_brought_to_what_the_code_expects(blank_database_url):
    database = Database(blank_database_url)
    assert migrations.standing(database) is Standing.EMPTY
    migrations.upgrade(blank_database_url)
    assert migrations.standing(database) is Standing.CURRENT
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=OPTIONS)
        assert compare_metadata(context, metadata) == []
        tables = {name for name in inspect(connection).get_table_names() if migrations.compared(name, "table", {})}
        assert tables == {*metadata.tables, "alembic_version"}
    database.close()


def test_upgrading_what_is_up_to_date_changes_nothing(database, accounts):
    migrations.upgrade(database.url)
    assert migrations.standing(database) is Standing.CURRENT
    with database.read() as session:
        assert session.connection().exec_driver_sql("SELECT count(*) FROM account").scalar() == len(accounts)


FOREIGN = "CREATE TABLE invoice (id INTEGER)"
STAMPED = "CREATE TABLE alembic_version (version_num VARCHAR(32)); INSERT INTO alembic_version VALUES ('0001')"
LOOKALIKE = f"CREATE TABLE person (id INTEGER); CREATE TABLE audit_entry (id INTEGER); {STAMPED}"


@pytest.mark.parametrize(
    ("there", "standing"),
    [
        (FOREIGN, Standing.FOREIGN),
        (f"{FOREIGN}; {STAMPED}", Standing.FOREIGN),
        (LOOKALIKE, Standing.FOREIGN),
        (LOOKALIKE.replace("'0001'", "'9999'"), Standing.NEWER),
    ],
)
def test_what_is_newer_or_not_ours_is_refused_and_left_as_it_is(blank_database_url, there, standing):
    database = Database(blank_database_url)
    with database.engine.begin() as connection:
        for statement in there.split(";"):
            connection.execute(text(statement))
        before = sorted(inspect(connection).get_table_names())
    with pytest.raises(WrongDatabase) as refused:
        migrations.upgrade(blank_database_url)
    assert refused.value.standing is standing
    with database.engine.begin() as connection:
        assert sorted(inspect(connection).get_table_names()) == before
    database.close()


def test_what_a_city_begins_with_comes_with_the_tables_or_not_at_all(blank_database_url):
    def fails(session):
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError):
        migrations.upgrade(blank_database_url, fails)
    database = Database(blank_database_url)
    assert migrations.standing(database) is Standing.EMPTY
    database.close()

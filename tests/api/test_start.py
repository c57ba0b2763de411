"""A new installation says what is still missing, on its first page, until nothing is."""

from __future__ import annotations

from sqlalchemy import select

from administration import start
from administration.start import Step
from models.people import Person
from models.session import Database
from models.vocabulary import Role


def test_an_empty_installation_misses_everything(database):
    with database.read() as session:
        found = start.progress(session, applications=False, factor_roles=[Role.ADMIN])
    assert found.done == {
        Step.APPLICATION: False,
        Step.ACCOUNT: False,
        Step.PEOPLE: False,
        Step.SECOND_FACTOR: True,  # Nobody is there of whom it could be asked.
        Step.BACKUP: False,
        Step.WEBHOOK: False,
    }
    assert not found.complete
    assert found.copied_at is None


def test_a_copy_is_a_step_that_is_done(command, tmp_path):
    assert command.run("backup", str(tmp_path / "copy.db")).code == 0
    database = Database(command.url)
    with database.read() as session:
        found = start.progress(session, applications=True, factor_roles=[])
        assert session.scalars(select(Person)).all() == []
    database.close()
    assert found.done[Step.BACKUP]
    assert found.copied_at is not None

"""The tables through which the workers of the distributed engine are woken: Procrastinate's own, on PostgreSQL alone.

Nothing in them is the truth (ADR 0046): emptied or lost, the ticks find the rows
again. So they have no history either: those of another version of Procrastinate are thrown away and made anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.orm import Session

from models.errors import WrongDatabase
from models.vocabulary import Standing

PREFIX = "procrastinate_"
"""Of all names of Procrastinate's in the database."""
_OURS = "parvis: "
_MADE_BY = text("SELECT obj_description(to_regclass('procrastinate_jobs'), 'pg_class')")
_THERE = text("SELECT to_regclass('procrastinate_jobs') IS NOT NULL")
_DROP = """
DO $$
DECLARE one record;
BEGIN
    FOR one IN
        SELECT what FROM (
            SELECT 1 AS step, relnamespace AS place, relname AS name, 'TABLE IF EXISTS ' || oid::regclass::text AS what
            FROM pg_class WHERE relkind = 'r'
            UNION ALL SELECT 2, pronamespace, proname, 'FUNCTION IF EXISTS ' || oid::regprocedure::text FROM pg_proc
            UNION ALL SELECT 3, typnamespace, typname, 'TYPE IF EXISTS ' || oid::regtype::text
            FROM pg_type WHERE typtype IN ('c', 'e')
        ) AS found
        WHERE place = current_schema()::regnamespace AND starts_with(name::text, 'procrastinate_') ORDER BY step
    LOOP
        EXECUTE 'DROP ' || one.what || ' CASCADE';
    END LOOP;
END $$
"""
# A message is with somebody while its worker was heard of; a worker that died keeps none.
_HEARD = """EXISTS (SELECT 1 FROM procrastinate_workers AS worker WHERE worker.id = procrastinate_jobs.worker_id
    AND worker.last_heartbeat > now() - make_interval(secs => :silence))"""
_CARRIED = text(
    f"""SELECT EXISTS (SELECT 1 FROM procrastinate_jobs WHERE queueing_lock = :message
    AND (status = 'todo' OR (status = 'doing' AND {_HEARD})))"""  # noqa: S608  # Written above.
)
_ORPHANS = text(f"DELETE FROM procrastinate_jobs WHERE status = 'doing' AND NOT {_HEARD}")  # noqa: S608
_BEAT = text("UPDATE procrastinate_workers SET last_heartbeat = now() WHERE id IN :workers").bindparams(
    bindparam("workers", expanding=True)
)
_HELD = text(
    """SELECT queue_name, count(*) FILTER (WHERE status = 'todo'), count(*) FILTER (WHERE status = 'doing'),
    min((SELECT min(at) FROM procrastinate_events WHERE job_id = procrastinate_jobs.id)) FILTER (WHERE status = 'todo')
    FROM procrastinate_jobs WHERE status IN ('todo', 'doing') GROUP BY queue_name"""
)
NAME = "parvis "
"""What a worker's connections are called by, before `host:process queue,queue…`."""
_CONNECTED = text(
    "SELECT DISTINCT application_name FROM pg_stat_activity"
    " WHERE datname = current_database() AND starts_with(application_name, 'parvis ') ORDER BY 1"
)


@dataclass(frozen=True)
class Held:
    """What a queue holds."""

    waiting: int
    taken: int
    since: datetime | None
    """When the oldest message that waits was sent."""


@dataclass(frozen=True)
class Worker:
    """A process that takes messages, and is connected now."""

    name: str
    queues: tuple[str, ...]


def install(connection: Connection) -> None:
    """Make the tables of the version of Procrastinate that is installed, in the caller's transaction, where it lacks
    them. WrongDatabase: another program's Procrastinate is there.
    """
    if connection.dialect.name != "postgresql":
        return
    made_by, wanted = connection.scalar(_MADE_BY), f"{_OURS}procrastinate {version('procrastinate')}"
    if made_by == wanted:
        return
    if connection.scalar(_THERE) and (made_by is None or not made_by.startswith(_OURS)):
        raise WrongDatabase(Standing.FOREIGN)
    connection.exec_driver_sql(_DROP)
    from procrastinate.schema import SchemaManager  # noqa: PLC0415  # SQLite has no use for it.

    # The driver's own way takes many statements at once, and no % in them for a parameter.
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101  # A connection that is open has one.
    driver.execute(SchemaManager.get_schema())
    driver.execute(f"COMMENT ON TABLE {PREFIX}jobs IS '{wanted}'")


def installed(session: Session) -> bool:
    """Whether the tables are there."""
    return session.connection().dialect.name == "postgresql" and bool(session.scalar(_THERE))


def carried(session: Session, message: str, silence: float) -> bool:
    """Whether a message waits, or is with a worker that was heard of within `silence` seconds."""
    return bool(session.scalar(_CARRIED, {"message": message, "silence": silence}))


def beat(session: Session, workers: list[int], silence: float) -> int:
    """These workers live, and what others had when they fell silent is dropped: its rows are still due. Gives how many
    of these are known.
    """
    known = session.connection().execute(_BEAT, {"workers": workers}).rowcount
    session.connection().execute(_ORPHANS, {"silence": silence})
    return known


def held(session: Session) -> dict[str, Held]:
    """By queue, what waits and what is being handled; an empty queue is not there."""
    return {name: Held(waiting, taken, since) for name, waiting, taken, since in session.execute(_HELD)}


def workers(session: Session) -> list[Worker]:
    """The processes that are connected to take messages. One whose machine is gone is listed for a minute more."""
    found = []
    for (said,) in session.execute(_CONNECTED):
        name, _, queues = said.removeprefix(NAME).partition(" ")
        found.append(Worker(name, tuple(filter(None, queues.split(",")))))
    return found

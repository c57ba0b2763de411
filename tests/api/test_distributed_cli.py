"""What an operator sees of the distributed engine: refusals at the start, and what `doctor` says of it."""

from __future__ import annotations

import time

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from api.app import create_app
from api.cli import installation
from api.findings import State
from api.web import operations
from api.wiring import running
from models import messages


def told(command, of):
    out = command.run("doctor").out
    return [line for line in out.splitlines() if line.split(" ", 1)[1].startswith(of)]


def test_queues_are_for_the_distributed_engine_alone_and_have_names(command):
    refused = command.run("worker", "--queue", "act")
    assert (refused.code, "PARVIS_ENGINE=distributed" in refused.err) == (2, True)
    refused = command.run("worker", "--queue", "act", "--queue", "pubish")
    assert (refused.code, "pubish" in refused.err, "publish, act, pull" in refused.err) == (2, True, True)
    (line,) = told(command, "Moteur")
    assert "embedded" in line
    command.set(engine="distributed")
    refused = command.run("serve")
    assert (refused.code, len(refused.err.splitlines())) == (2, 1)
    assert "PostgreSQL" in refused.err


@pytest.mark.postgres
def test_doctor_says_who_works_what_waits_and_what_nobody_takes(command, postgres_url):
    command.set(database_url=postgres_url, engine="distributed")
    assert [line[0] for line in told(command, "Moteur")] == ["✗"]
    with installation() as parvis:
        # It is a moment before the connections are named.
        with running(parvis, queues=["publish", "act"]):
            for _ in range(300):
                lines = told(command, "Moteur")
                if lines[0][0] == "✓":
                    break
            assert "publish, act" in lines[0]
            states = {line.split()[2].rstrip(":"): line[0] for line in told(command, "File ")}
            assert states == {"publish": "✓", "act": "✓", "pull": "✗", "classify": "✗", "rest": "✗"}
            with parvis.database.read() as session:
                (line,) = operations._workers(session, parvis.settings)
            assert (line.state, "pull, classify, rest" in line.advice) == (State.WRONG, True)
        with parvis.database.write() as session:
            session.execute(text("DROP TABLE procrastinate_jobs CASCADE"))
    for asked in ("serve", "worker"):
        refused = command.run(asked)
        assert refused.code == 2
        assert "parvis migrate" in refused.err.splitlines()[-1]
    (line,) = told(command, "Moteur")
    assert line.startswith("✗")
    assert command.run("migrate").code == 0
    assert "personne ne travaille" in told(command, "Moteur")[0]
    # Pages have a clock too: they find what is due, and leave it to workers.
    account = command.run(
        "account", "add", "facebook", "1", "--name", "V", "--token-stdin", stdin=b"a-token-that-must-never-be-seen\n"
    )
    assert account.code == 0
    with installation() as parvis, TestClient(create_app(parvis)) as client:
        assert client.get("/readyz").json() == {"status": "ok"}
        for _ in range(300):
            with parvis.database.read() as session:
                held = messages.held(session)
                if "pull" in held:
                    break
            time.sleep(0.1)
        assert held["pull"].waiting
        assert not held["pull"].taken
        with parvis.database.read() as session:
            assert messages.workers(session) == []
    assert "la plus ancienne depuis" in next(line for line in told(command, "File ") if "pull" in line)

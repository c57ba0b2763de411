"""Pages without an engine, and two `parvis worker` on PostgreSQL that share the queues: together they do it all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import select

from api.wiring import utc_now
from connectors.registry import routes
from connectors.standin.registry import settings as standin_settings
from connectors.standin.state import Fault
from models import messages
from models.accounts import Delivery
from models.comments import Comment
from models.effects import Effect
from models.items import Item
from models.vocabulary import DeliveryState, EffectState, ItemState, Role
from tests.journeys.running import Running, until

pytestmark = pytest.mark.postgres
ACTS, READS = ("publish", "act"), ("pull", "classify", "rest")
SECRET = "near-by-" * 5


class Workers:
    """`parvis worker`, as an operator starts them, on one installation."""

    def __init__(self, log, folder, given):
        self._log, self._folder = log, folder
        plain = {name: value for name, value in os.environ.items() if not name.startswith("PARVIS_")}
        self._environment = plain | {f"PARVIS_{name.upper()}": str(value) for name, value in given.items()}
        self.running = []

    def start(self, *queues):
        home = self._folder / f"machine-{len(self.running)}"
        home.mkdir()
        given = self._environment | {"PARVIS_HOME": str(home)}
        command = [Path(sys.executable).parent / "parvis", "worker", *(f"--queue={queue}" for queue in queues)]
        with self._log(home.name).open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=given, cwd=home)
        self.running.append(process)
        return process

    def stop(self):
        for process in self.running:
            process.kill()
            process.wait()


@pytest.fixture
def served(tmp_path, postgres_url, standin, watched):
    """The pages, in this process; a city with one account and a moderator; and its workers."""
    state, webhooks, address = standin
    given = {"database_url": postgres_url, "secret_key": SECRET, "undo_seconds": 0, **standin_settings(state, address)}
    running = Running(tmp_path / "pages", None, utc_now, engine="off", **given)
    page = state.page("104001", "Ville", "a-token-that-must-never-be-seen")
    running.city.add_account("ville", external_id=page.id, token=page.token)
    running.city.hire("Nadia", Role.MODERATOR)
    running.start()
    webhooks.urls = {route: f"{running.address}/webhooks/{route}" for route in routes()}
    with watched(tmp_path) as log:
        workers = Workers(log, tmp_path, {**given, "engine": "distributed"})
        yield running, workers, state, state.post(page, "Travaux")
        workers.stop()
    running.stop()


def test_pages_without_an_engine_and_two_workers_do_the_whole_job(served):
    running, workers, state, post = served
    database = running.parvis.database
    acts, reads = workers.start(*ACTS), workers.start(*READS)

    def ask(statement):
        with database.read() as session:
            return session.scalars(statement).all()

    def connected():
        with database.read() as session:
            return sorted(worker.queues for worker in messages.workers(session))

    def says(text):
        state.comment(post, state.citizen("Citoyenne"), text)
        waiting = select(Comment.id).join(Item).where(Item.state == ItemState.WAITING, Comment.text == text)
        until(lambda: ask(waiting), f"{text} waits in the queue")
        return ask(waiting)[0]

    nadia = httpx2.Client(
        base_url=running.address, cookies={"parvis": running.city.enter("Nadia")}, headers={"origin": running.address}
    )

    def replies(comment):
        form = {"kind": "reply", "version": 1, "form_key": f"key-of-the-form-{comment}", "text": f"Merci ({comment})."}
        assert nadia.post(f"/commentaires/{comment}/decision", data=form).status_code == 303

    with nadia:
        # A webhook, its parsing, its reading, a decision, and an answer on the network.
        comments = [says(f"À quelle heure ouvre la piscine {number}?") for number in range(3)]
        for comment in comments:
            replies(comment)
        done = select(Effect.owner).where(Effect.state == EffectState.DONE)
        until(lambda: len(ask(done)) == 3, "the answers have left")
        assert {owner.rpartition(":")[2] for owner in ask(done)} == {str(acts.pid)}
        assert connected() == sorted([ACTS, READS])

        # Told to end while a call is in flight, both end well: that call is finished, and applied once.
        late = says("Et le parc?")
        state.faults.append(Fault("hang_after", "POST", seconds=2))
        replies(late)
        until(lambda: ask(select(Effect.id).where(Effect.state == EffectState.SENDING)), "a call is in flight")
        for process in (acts, reads):
            process.send_signal(signal.SIGTERM)
        assert [process.wait(60) for process in (acts, reads)] == [0, 0]
        assert {(one.state, one.attempt) for one in ask(select(Effect))} == {(EffectState.DONE, 1)}
        with database.read() as session:
            assert [held for held in messages.held(session).values() if held.taken] == []
        until(lambda: not connected(), "nobody is connected any more")

        # Nobody works: what comes is kept, and whoever starts then goes on from the rows.
        state.comment(post, state.citizen("Citoyen"), "Bonjour?")
        until(lambda: ask(select(Delivery.id).where(Delivery.state == DeliveryState.RECEIVED)), "it was received")
        workers.start()
        replies(says("Encore moi."))
        until(lambda: len(ask(done)) == 5, "the last answer has left")
    written = [line.text for line in state.journal if line.operation == "reply"]
    assert len(written) == len(set(written)) == 5

"""Eight people work one queue down at the same time, in every way there is: no item is decided twice, and each figure
is what a count of the rows says. `make soak` plays it with ten thousand items.
"""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from datetime import timedelta
from itertools import count as counting

from sqlalchemy import func, insert, select

from connectors.registry import capabilities
from models.comments import Comment, VerdictRow
from models.decisions import Decision
from models.effects import Effect
from models.errors import Refused
from models.items import Claim, Item
from models.vocabulary import DecisionKind, EffectState, Intention, ItemState, Role
from moderation.triage import deciding, listing, queue, teamwork, together
from moderation.triage.deciding import Choice, Terms
from moderation.triage.listing import Filter

ITEMS = int(os.environ.get("PARVIS_DAY_ITEMS", "120"))
SEED = int(os.environ.get("PARVIS_DAY_SEED", "7"))
PEOPLE = 8
UNDOES = 3
"""At most, of one person."""
TERMS = Terms(timedelta(seconds=10), "STR", capabilities)
RACES = {"already_decided", "claimed", "assigned_meanwhile", "not_undoable", "already_undone", "not_waiting"}
"""What somebody is told whom a colleague forestalled; nobody is refused anything else."""

_keys = counting()


def fill(city):
    at = city.now - timedelta(hours=1)
    account = city.accounts["nord"]
    numbers = range(1, ITEMS + 1)
    with city.database.write() as session:
        session.execute(
            insert(Comment),
            [
                {
                    "id": n, "account_id": account, "borough_id": city.boroughs["nord"], "external_id": str(n),
                    "text": f"Merci {n}", "search_text": "", "created_at": at, "received_at": at,
                }
                for n in numbers
            ],
        )  # fmt: skip
        session.execute(
            insert(Item),
            [
                {
                    "comment_id": n, "account_id": account, "borough_id": city.boroughs["nord"], "queued_at": at,
                    "urgency": 1 if n % 7 == 0 else 0, "state": ItemState.WAITING, "intention": Intention.PRAISE,
                }
                for n in numbers
            ],
        )  # fmt: skip
        verdict = {"version": 1, "model": "made-up-1", "language": "fr", "urgency": 0, "scores": {}, "reasons": []}
        session.execute(
            insert(VerdictRow),
            [{"comment_id": n, **verdict, "intention": Intention.PRAISE, "at": at} for n in numbers],
        )


class Worker:
    """One person at the queue; what was refused to them is counted by its code."""

    def __init__(self, city, name, seed):
        self.city, self.viewer, self.dice = city, city.people[name], random.Random(seed)
        self.refused, self.mine, self.undone = Counter(), [], 0

    def work(self):
        while True:
            with self.city.database.read() as session:
                lines = queue.page(session, self.viewer, Filter(), now=self.city.now, limit=20, whole=False).lines
            if not lines:
                return
            free = [one.comment.id for one in lines if one.claimed_by is None and not one.theirs]
            if not free:
                continue
            act = self.dice.choices(
                (self.one, self.several, self.give, self.put_off, self.undo), weights=(60, 15, 10, 10, 5)
            )[0]
            try:
                act(free)
            except Refused as error:
                self.refused[error.code] += 1

    def one(self, free):
        comment_id = self.dice.choice(free)
        with self.city.database.write() as session:
            held = deciding.claim(session, self.viewer, comment_id, now=self.city.now)
        if held is None:
            kind = self.dice.choice((DecisionKind.NOTHING, DecisionKind.LIKE))
            with self.city.database.write() as session:
                choice = Choice(kind, 1)
                made = deciding.decide(session, self.viewer, comment_id, choice, TERMS, now=self.city.now)
                self.mine.append(made.id)

    def several(self, free):
        picked = dict.fromkeys(self.dice.sample(free, min(len(free), 6)), 1)
        choice = Choice(DecisionKind.NOTHING, 0, form_key=f"many-{next(_keys)}")
        with self.city.database.write() as session:
            outcome = together.decide_all(session, self.viewer, picked, choice, TERMS, now=self.city.now)
            self.refused.update(error.code for error in outcome.left.values())

    def give(self, free):
        comment_id = self.dice.choice(free)
        with self.city.database.read() as session:
            whose = session.scalar(select(Item.assignee_id).where(Item.comment_id == comment_id))
        to = self.dice.choice([self.city.people[name].person_id for name in NAMES])
        form = {"before_id": whose, "form_key": f"give-{next(_keys)}", "now": self.city.now}
        with self.city.database.write() as session:
            teamwork.assign(session, self.viewer, comment_id, to, **form)

    def put_off(self, free):
        form = {"form_key": f"later-{next(_keys)}", "now": self.city.now}
        with self.city.database.write() as session:
            later = self.city.now + timedelta(hours=1)
            teamwork.snooze(session, self.viewer, self.dice.choice(free), later, **form)

    def undo(self, free):
        if self.mine and self.undone < UNDOES:
            self.undone += 1
            with self.city.database.write() as session:
                deciding.undo(session, self.viewer, self.mine.pop(), now=self.city.now)


NAMES = [f"Personne {number}" for number in range(PEOPLE)]


def test_eight_people_work_a_queue_down_together(city):
    fill(city)
    for name in NAMES:
        city.hire(name, Role.MODERATOR)
    workers = [Worker(city, name, f"{SEED} {name}") for name in NAMES]
    failed = []

    def run(worker):
        try:
            worker.work()
        except Exception as error:  # noqa: BLE001  # What stopped somebody is what the test looks at.
            failed.append(error)

    threads = [threading.Thread(target=run, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert set().union(*(worker.refused for worker in workers)) <= RACES
    with city.database.read() as session:
        undone = select(Decision.cancels_id).where(Decision.cancels_id.is_not(None))
        standing = select(Decision.comment_id, Decision.kind).where(
            Decision.kind != DecisionKind.CANCEL, Decision.id.not_in(undone)
        )
        made = session.execute(standing).all()
        decided = Counter(comment_id for comment_id, _ in made)
        assert set(decided.values()) <= {1}
        states = Counter(session.scalars(select(Item.state)))
        later = session.scalar(select(func.count()).where(Item.snoozed_until.is_not(None))) or 0
        assert states == Counter({ItemState.HANDLED: len(decided), ItemState.WAITING: later})
        assert states.total() == ITEMS
        assert session.scalar(select(func.count()).select_from(Claim)) == 0
        ready = session.scalar(select(func.count()).where(Effect.state == EffectState.READY))
        assert ready == sum(kind == DecisionKind.LIKE for _, kind in made)
        counts = listing.counts(session, city.people["Ariane"], now=city.now)
        assert counts == listing.Counts(0, 0, min(later, listing.MOST_COUNTED), 0)

"""What the delivery of posts stands: many at once, several workers, lost answers, long sleeps, clocks that move."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text

from connectors.base import Operation, Publication, Receipt
from models import channels, source_posts
from models.accounts import Account
from models.comments import SourcePost
from models.errors import Ambiguous, Transient
from models.locks import locks_for
from models.posts import Post, Variant
from models.vocabulary import EffectState, Outcome, PostState
from models.work import Timing, Work
from publishing import delivery
from publishing.wall import instant
from tests.city import Clock, PretendNetwork, album


class Lossy(PretendNetwork):
    """One call in six never arrives, and one answer in six is lost after the post was taken."""

    calls = 0

    def publish(self, publication: Publication, key: str) -> Receipt:
        self.calls += 1
        turn = self.calls % 6
        if turn == 1:
            raise Transient
        receipt = super().publish(publication, key)
        if turn == 4:
            raise Ambiguous
        return receipt

    def find(self, sought: Operation | Publication, since: datetime, taken: Collection[str]) -> Receipt | None:
        for number, publication in enumerate(self.published, start=1):
            if publication.text == getattr(sought, "text", None) and f"{self.name}_{number}" not in taken:
                return Receipt(f"{self.name}_{number}")
        return None


WAITS = text(
    "SELECT count(*) FROM pg_locks AS asked JOIN pg_locks AS held USING (pid) WHERE NOT asked.granted AND held.granted"
    " AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
"""Whether somebody waits in this database."""


def scheduled(city, number: int, at: datetime, *names: str) -> list[int]:
    """Posts that were approved without a time and are due at one; their words are all different."""
    ids = []
    for one in range(number):
        post = city.act("Claire", "create", city.draft(f"Avis {one} du {at:%d à %H h %M}.", *names or ("nord",)))
        post = city.judge("Gilles", city.act("Claire", "submit", post.id, version=post.version))
        ids.append(city.act("Claire", "schedule", post.id, at, version=post.version).id)
    return ids


def states(city, ids: list[int]) -> Counter[str]:
    with city.database.read() as session:
        return Counter(session.get_one(Post, id_).state for id_ in ids)


def texts(city) -> Counter[str]:
    return Counter(text for name in city.accounts for text in city.published(name))


@pytest.mark.parametrize("number", [24, pytest.param(200, id="200", marks=pytest.mark.long)])
def test_what_is_due_in_one_minute_leaves_once_each_whatever_the_workers_and_answers(city, number, tmp_path):
    ids = scheduled(city, number, city.now + timedelta(hours=1))
    city.clock.pass_(hours=1)
    city.networks[city.accounts["nord"]] = Lossy("nord")
    handler = delivery.effect_handler(city.networks.__getitem__, album(city.database, city.clock))

    def drain(owner: str) -> None:
        told = {"owner": owner, "clock": city.clock, "timing_of": lambda _: Timing()}
        worker = Work(city.database, locks_for(city.database, tmp_path), [handler], **told)
        for _ in range(number):
            for effect_id in worker.due():
                worker.deliver(effect_id)

    for _ in range(12):
        workers = [threading.Thread(target=drain, args=(f"worker {one}",)) for one in range(3)]
        for one in workers:
            one.start()
        for one in workers:
            one.join()
        city.clock.pass_(minutes=4)
        for effect_id in city.work.uncertain():
            city.work.reconcile(effect_id)
        if set(states(city, ids)) <= {PostState.PUBLISHED, PostState.TO_REVIEW}:
            break
    sent = texts(city)
    assert max(sent.values()) == 1, "never twice"
    assert states(city, ids) == {PostState.PUBLISHED: number}
    assert len(sent) == number


def test_a_worker_that_slept_for_a_day_publishes_nothing_stale(city):
    ids = [id_ for hours in range(1, 9) for id_ in scheduled(city, 1, city.now + timedelta(hours=hours))]
    fresh = scheduled(city, 1, city.now + timedelta(hours=24))
    city.deliver(hours=24)
    assert states(city, ids) == {PostState.TO_REVIEW: 8}
    assert states(city, fresh) == {PostState.PUBLISHED: 1}
    assert sum(texts(city).values()) == 1
    assert {effect.outcome for effect in city.effects() if effect.state == EffectState.FAILED} == {Outcome.LATE}


@pytest.mark.parametrize("hours", [2, -2])
def test_a_clock_that_jumps_publishes_nothing_twice_and_nothing_stale(city, hours):
    at = city.now + timedelta(minutes=30)
    soon, later = scheduled(city, 3, at), scheduled(city, 3, at + timedelta(hours=3))
    city.clock.pass_(hours=hours)
    city.deliver()
    # Ahead, what was due is past its window of an hour; back, nothing is due yet.
    assert states(city, soon) == {PostState.TO_REVIEW if hours > 0 else PostState.SCHEDULED: 3}
    city.clock.pass_(hours=-hours)
    city.deliver(minutes=30)
    city.deliver(hours=3)
    assert states(city, later) == {PostState.PUBLISHED: 3}
    assert set(texts(city).values()) == {1}
    assert len(texts(city)) == (3 if hours > 0 else 6)


JUMPS = [timedelta(seconds=one) for one in (-86_400, -3_600, -5, -0.3, 0.3, 5, 2_400)]
"""None beyond the window of a post: a clock that is a day ahead says of all of them that they are late."""


@pytest.mark.parametrize("seed", [311, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(3))])
def test_clocks_that_jump_to_and_fro_publish_nothing_twice_before_its_time_or_without_a_word(city, seed, tmp_path):
    """Two machines, each with a clock that is set anew at random, as a machine that slept or a time server does it."""
    chance, true = random.Random(seed), city.now
    at = {number: true + timedelta(minutes=30 * number) for number in range(1, 9)}
    ids = [id_ for number in at for id_ in scheduled(city, 2, at[number], "nord", "sud")]
    clocks = [Clock(true), Clock(true)]
    network = city.networks[city.accounts["nord"]] = Lossy("nord")
    handler = delivery.effect_handler(city.networks.__getitem__, album(city.database, city.clock))
    workers = [
        Work(
            city.database,
            locks_for(city.database, tmp_path),
            [handler],
            owner=f"machine {number}",
            clock=clock,
            timing_of=lambda _: Timing(),
        )
        for number, clock in enumerate(clocks)
    ]
    early: list[str] = []
    for step in range(60):
        # The last steps are by good clocks, until all that is due has left or is late.
        true += timedelta(minutes=10)
        for clock, worker in zip(clocks, workers, strict=True):
            jump = chance.choice(JUMPS) if step < 40 and chance.random() < 0.3 else timedelta(0)
            clock.now = true + jump
            before = len(network.published)
            for effect_id in worker.due():
                worker.deliver(effect_id)
            early += [one.text for one in network.published[before:] if said(at, one.text) > clock.now]
            for effect_id in worker.uncertain():
                worker.reconcile(effect_id)
    assert early == [], "before its time, by the clock of whoever sent it"
    sent = Counter((name, text) for name in city.accounts for text in city.published(name))
    assert max(sent.values()) == 1
    left = [effect for effect in city.effects() if effect.state != EffectState.DONE]
    assert {effect.outcome for effect in left} <= {Outcome.LATE}
    assert {effect.state for effect in left} <= {EffectState.FAILED}
    assert sent.total() + len(left) == len(city.effects())
    assert sent.total() > len(left), (sent.total(), len(left))
    assert set(states(city, ids)) <= {PostState.PUBLISHED, PostState.TO_REVIEW}


def said(at: dict[int, datetime], text: str) -> datetime:
    """The time that a post's own words say."""
    return next(one for one in at.values() if f"{one:%d à %H h %M}" in text)


@pytest.mark.parametrize(
    ("zone", "days", "moments"),
    [
        ("America/Toronto", ["2026-10-31", "2026-11-01", "2026-11-02"], [13, 14, 14]),
        ("America/Toronto", ["2027-03-13", "2027-03-14", "2027-03-15"], [14, 13, 13]),
        ("America/Phoenix", ["2027-03-13", "2027-03-14", "2027-03-15"], [16, 16, 16]),
    ],
)
def test_nine_in_the_morning_stays_nine_when_clocks_change(zone, days, moments):
    found = [instant(f"{day}T09:00", ZoneInfo(zone)) for day in days]
    assert found == [
        datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC) + timedelta(hours=hour)
        for day, hour in zip(days, moments, strict=True)
    ]


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
@pytest.mark.parametrize("met", [False, True])
def test_a_post_is_recorded_while_a_reading_of_its_account_stores(city, met):
    """It waits for the reading only where that has met the very same post."""
    (post_id,) = scheduled(city, 1, city.now + timedelta(hours=1), "nord")
    nord = city.accounts["nord"]
    with city.database.write() as reading:
        channels.lock(reading, Account, nord)
        known = source_posts.meet(reading, nord, ["nord_1"])["nord_1"].id if met else None
        sending = threading.Thread(target=city.deliver, kwargs={"hours": 1})
        sending.start()
        while met and not reading.scalar(WAITS):
            time.sleep(0.01)
        if not met:
            sending.join(20)
            assert states(city, [post_id]) == {PostState.PUBLISHED: 1}
    sending.join(20)
    assert states(city, [post_id]) == {PostState.PUBLISHED: 1}
    with city.database.read() as session:
        (there,) = session.scalars(select(SourcePost)).all()
        (variant,) = session.scalars(select(Variant)).all()
        assert known in (None, there.id)
        assert (variant.source_post_id, there.text) == (there.id, variant.text)

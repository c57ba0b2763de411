"""Each call about an immediate danger, and its end, reaches the city's pager once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from classifiers.base import Urgency
from connectors.base import Receipt
from models.alarms import Pager
from models.effects import Effect
from models.errors import Rejected, Transient
from models.vocabulary import EffectState, Role
from models.work import Timing, Work
from moderation.triage import oncall, paging

PATIENCE, URL = timedelta(minutes=5), "https://garde.ville.example/parvis"


class Given(list):
    """A pretend pager: the alerts that it took, and what it answers instead."""

    fails: list[Exception]

    def send(self, alert):
        if self.fails:
            raise self.fails.pop(0)
        self.append(alert)
        return Receipt(alert.key)


@pytest.fixture
def pager():
    made = Given()
    made.fails = []
    return made


@pytest.fixture
def passing(city, pager):
    """Time passes: whoever is due is called, and what is owed to the pager leaves."""
    with city.write():
        for name in ("Gilles", "Odile"):
            city.hire(name, Role.MANAGER)
    with city.database.write() as session:
        wanted = [(city.people[name].person_id, "") for name in ("Odile", "Gilles")]
        oncall.set_roster(session, city.people["Gilles"], wanted, now=city.now)
    handler = paging.effect_handler(
        city.database, lambda _: pager, lambda names: f"Danger ({', '.join(names)})", lambda one: f"/commentaires/{one}"
    )
    told = {"owner": "the test", "clock": city.clock, "timing_of": lambda _: Timing()}
    work = Work(city.database, city.locks, [handler], **told)

    def pass_(url=URL, **duration):
        city.clock.pass_(**duration)
        oncall.call_due(city.database, PATIENCE, now=city.now)
        paging.owe_due(city.database, url, now=city.now)
        for effect_id in work.due():
            work.deliver(effect_id)

    return pass_


@pytest.fixture
def danger(city):
    return city.says("feu", "Il y a le feu chez mon voisin!", urgency=Urgency(2, 0.97))


def answer(city, who, comment):
    with city.database.write() as session:
        return oncall.answer(session, city.people[who], comment.id, now=city.now)


def test_each_call_and_its_end_are_told_once_without_the_words(city, passing, pager, danger):
    for _ in range(3):
        passing(seconds=5)
    passing(minutes=5)
    passing(seconds=5)
    answer(city, "Gilles", danger)
    for _ in range(3):
        passing(minutes=6)
    assert [(one.kind, one.data.get("people"), one.data.get("answered_by")) for one in pager] == [
        ("danger.called", ["Odile"], None),
        ("danger.called", ["Gilles"], None),
        ("danger.ended", None, "Gilles"),
    ]
    assert pager[0].data["link"] == f"/commentaires/{danger.id}"
    assert len({one.key for one in pager}) == 3
    assert "voisin" not in str(pager)


def test_a_pager_that_is_away_is_told_once_it_is_back(city, passing, pager, danger):
    pager.fails = [Transient(reason="unreachable"), Transient(reason="503")]
    for _ in range(4):
        passing(seconds=60)
    assert [one.data["people"] for one in pager] == [["Odile"]]


def test_a_call_that_somebody_answered_meanwhile_is_not_told(city, passing, pager, danger):
    pager.fails = [Transient(reason="unreachable")]
    passing()
    answer(city, "Odile", danger)
    passing(minutes=2)
    passing(seconds=5)
    assert [one.kind for one in pager] == ["danger.ended"]


def test_a_decision_ends_it_there_too(city, passing, pager, danger):
    passing()
    city.decide("Ariane", danger, "nothing")
    passing(minutes=1)
    assert [(one.kind, one.data.get("answered_by")) for one in pager] == [
        ("danger.called", None),
        ("danger.ended", None),
    ]


def test_a_refusal_is_kept_and_the_next_call_is_told(city, passing, pager, danger):
    pager.fails = [Rejected("HTTP 410")]
    passing()
    with city.database.read() as session:
        last = paging.last(session)
    assert (last.state, last.detail) == (EffectState.FAILED, "HTTP 410")
    passing(minutes=5)
    assert [one.data["people"] for one in pager] == [["Gilles"]]


def test_without_a_pager_nothing_is_owed_and_one_that_is_set_later_is_told_of_what_is_open(
    city, passing, pager, danger
):
    passing(url=None)
    assert pager == []
    passing(seconds=30)
    assert [one.data["call"] for one in pager] == [1]


def test_two_workers_owe_one_alert(city, passing, danger, race):
    oncall.call_due(city.database, PATIENCE, now=city.now)
    made = race(*[lambda: paging.owe_due(city.database, URL, now=city.now)] * 4)
    assert sorted(made) == [0, 0, 0, 1]
    with city.database.read() as session:
        assert len(session.scalars(select(Effect)).all()) == 1
        assert len(session.scalars(select(Pager)).all()) == 1

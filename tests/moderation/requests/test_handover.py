"""Requests go to the outside 311 once each, whatever happens on the way, and what becomes of them there is told."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from connectors.desks import DeskSettings, StatusSeen
from connectors.registry import capabilities, desk
from connectors.standin.server import create_standin, run_in_thread
from connectors.standin.state import Fault, Standin
from models.desks import Desk, Handover
from models.effects import OPEN_STATES, Effect
from models.errors import NotFound, Refused
from models.requests311 import RequestChange, Service, ServiceRequest
from models.vocabulary import EffectState, HandoverState, OperationKind, RequestNature, RequestStatus, StepBy
from models.work import Timing, Work
from moderation.requests import escalation, following, handling, handover
from moderation.triage import deciding, delivery
from moderation.triage.deciding import Choice, Terms

UNDO = timedelta(seconds=10)
LEAK = {"service_code": "bris-aqueduc", "place": "rue des Érables"}


class Killed(BaseException):
    """SIGKILL, as far as one process can pretend it."""


class FarClock:
    """The one clock of the city and of its pretend desk."""

    def __init__(self, state):
        self._state = state

    @property
    def now(self):
        return datetime.fromtimestamp(self._state.now(), UTC)

    def __call__(self):
        return self.now

    def pass_(self, seconds=0.0, **duration):
        self._state.advance(seconds + timedelta(**duration).total_seconds())


@pytest.fixture(scope="module")
def served():
    state = Standin()
    address, stop = run_in_thread(create_standin(state))
    yield state, address
    stop()


@pytest.fixture
def state(served):
    served[0].reset()
    return served[0]


@pytest.fixture
def clock(state):
    return FarClock(state)


class House:
    """The city's side of the hand-over: its settings, its workers, its clock's ticks."""

    def __init__(self, city, state, address):
        self.city, self.state = city, state
        self.settings = DeskSettings(f"{address}/open311/v2", state.desk.key, timeout=(2.0, 0.4))
        self.given = handover.Given(self.settings.url, "key-1")
        self.killed_before = self.killed_after = 0.0
        self.chance = random.Random(311)
        self.work = self.worker()

    def worker(self):
        carrier = handover.effect_handler(self.city.database, lambda _: desk(self.settings))
        send = carrier.send

        def mortal(task):
            if self.chance.random() < self.killed_before:
                raise Killed
            receipt = send(task)
            if self.chance.random() < self.killed_after:
                raise Killed
            return receipt

        object.__setattr__(carrier, "send", mortal)
        timing = Timing(
            settle=timedelta(seconds=30), between_reads=timedelta(seconds=30), patience=timedelta(minutes=5)
        )
        handlers = [delivery.effect_handler(lambda _: self.city.network), carrier]
        how = {"owner": "the test", "clock": self.city.clock, "timing_of": lambda _: timing}
        return Work(self.city.database, self.city.locks, handlers, **how)

    def look(self):
        """What the clock does: each part of it survives the death of a worker."""
        with self.city.database.write() as session:
            desk_id = handover.keep_desk(session, self.given, now=self.city.now)
            while handover.hand_over_due(session, desk_id, now=self.city.now, undo=UNDO):
                pass
        for effect_id in self.work.due():
            with suppress(Killed):
                self.work.deliver(effect_id)
        for effect_id in self.work.uncertain():
            with suppress(Killed):
                self.work.reconcile(effect_id)
        with self.city.database.read() as session:
            due = following.desks_to_follow(session, now=self.city.now)
        for one in due:
            following.follow(
                self.city.database, self.city.locks, lambda _: desk(self.settings), one, clock=self.city.clock
            )

    def pass_(self, *, step=30, **duration):
        for _ in range(int(timedelta(**duration).total_seconds() // step)):
            self.city.clock.pass_(seconds=step)
            self.look()

    def decide(self, comment, text="", **more):
        choice = Choice(**({"kind": "request", "version": comment.version, "text": text} | LEAK | more))
        terms = Terms(UNDO, "STR", capabilities, hands_over=True)
        with self.city.database.write() as session:
            return deciding.decide(session, self.city.people["Ariane"], comment.id, choice, terms, now=self.city.now)

    def opened(self, number="1", **more):
        comment = self.city.says(number, f"Ça coule {number}")
        return self.decide(comment, **more)

    def rows(self):
        with self.city.database.read() as session:
            return list(session.scalars(select(ServiceRequest).order_by(ServiceRequest.id)))

    def stands(self, request_id=1):
        with self.city.database.read() as session:
            return handover.of_requests(session, [request_id])[request_id].state

    def there(self):
        return list(self.state.desk.asked.values())


@pytest.fixture
def house(city, state, served):
    made = House(city, state, served[1])
    made.look()
    return made


# ------------------------------------------------------------------------------------------ one request
def test_a_request_goes_once_and_its_number_there_is_the_one_that_citizens_see(house, city):
    house.opened(text="Merci! Votre requête {numero} est transmise.")
    assert house.rows()[0].public_number == "STR-2026-000001"
    house.pass_(minutes=3)
    (taken,) = house.there()
    assert taken.description == "Ça coule 1\n\n[Réf. STR-2026-000001]"
    assert (taken.code, taken.address) == ("bris-aqueduc", "rue des Érables")
    assert house.rows()[0].public_number == taken.number
    assert [done.text for done in city.network.done] == [f"Merci! Votre requête {taken.number} est transmise."]
    assert house.stands() == HandoverState.CONFIRMED


def test_nothing_of_who_asked_leaves(house):
    house.opened()
    house.pass_(minutes=1)
    line = next(one for one in house.state.requests if one["method"] == "POST")
    assert "Louis" not in str(line)
    assert "louis" not in str(line)
    assert "post-1" not in str(line)


def test_undone_in_time_it_never_leaves(house, city):
    decision = house.opened()
    house.look()
    city.undo("Ariane", decision)
    house.pass_(minutes=2)
    assert house.there() == []
    assert house.rows()[0].status == RequestStatus.CANCELLED


def test_a_complaint_stays_here_until_it_is_a_request_and_then_goes_once(house, city):
    house.opened(nature=RequestNature.COMPLAINT)
    house.pass_(minutes=2)
    assert house.there() == []
    for nature in (RequestNature.REQUEST, RequestNature.COMMENT, RequestNature.REQUEST):
        row = house.rows()[0]
        with city.database.write() as session:
            told = (row.number, row.service_code, row.place or "", {}, nature)
            handling.correct(
                session, city.people["Denis"], *told, version=row.version, now=city.now, zone=ZoneInfo("UTC")
            )
        house.pass_(minutes=2)
    assert len(house.there()) == 1
    assert house.rows()[0].nature == RequestNature.REQUEST


def test_what_asks_for_no_work_has_our_number_and_its_words_wait_for_no_other(house, city):
    house.opened(text="Merci! C’est noté sous {numero}.", nature=RequestNature.COMMENT)
    house.pass_(minutes=1)
    assert [done.text for done in city.network.done] == ["Merci! C’est noté sous STR-2026-000001."]
    assert house.there() == []


def test_another_place_makes_nothing_go_that_stayed(house, city):
    house.opened(nature=RequestNature.COMMENT)
    house.pass_(minutes=1)
    row = house.rows()[0]
    with city.database.write() as session:
        told = (row.number, row.service_code, "rue Morin", {}, RequestNature.COMMENT)
        handling.correct(session, city.people["Denis"], *told, version=row.version, now=city.now, zone=ZoneInfo("UTC"))
    assert not house.rows()[0].hand_over


def test_what_was_opened_before_there_was_a_desk_stays(city, state, served):
    comment = city.says("1", "Ça coule")
    city.decide("Ariane", comment, "request", **LEAK)
    city.clock.pass_(minutes=1)
    house = House(city, state, served[1])
    house.pass_(minutes=1)
    assert house.there() == []
    house.opened("2")
    house.pass_(minutes=1)
    assert len(house.there()) == 1


def test_without_a_desk_nothing_is_owed(city):
    city.decide("Ariane", city.says("1", "Ça coule"), "request", **LEAK)
    with city.database.write() as session:
        assert handover.waits(session)
        handover.hand_over_due(session, None, now=city.now, undo=UNDO)
        assert not handover.waits(session)
        assert session.scalars(select(Handover)).all() == []


def test_a_request_without_a_place_is_a_persons(house, city):
    house.opened(place="", text="Merci, {numero}.")
    house.pass_(minutes=2)
    assert house.there() == []
    assert house.stands() == HandoverState.FAILED
    with city.database.write() as session:
        handover.write_number(session, city.people["Denis"], "STR-2026-000001", " T-77 ", version=1, now=city.now)
    house.pass_(minutes=2)
    assert [done.text for done in city.network.done] == ["Merci, T-77."]
    assert house.stands() == HandoverState.BY_HAND


def test_a_number_that_never_comes_gives_the_words_back_to_a_person(house, city):
    house.state.faults.append(Fault("503", None, "requests", times=None))
    house.opened(text="Merci, {numero}.")
    house.pass_(hours=25, step=600)
    assert city.network.done == []
    assert city.drafts("1") == ["Merci, {numero}."]
    with pytest.raises(Refused) as caught:
        city.decide("Ariane", city.comment("1"), "reply", text="Merci, {numero}.")
    assert caught.value.code == "place_blank"


def test_words_that_wait_for_a_number_hold_no_hide_up(house, city, insult):
    house.state.faults.append(Fault("503", None, "requests", times=None))
    house.opened(text="Merci, {numero}.")
    house.pass_(minutes=5)
    comment = city.comment("1")
    text = "Niaiseux, ça coule encore"
    city.classifier.says[text] = replace(city.classifier.classify(["Ça coule 1"], None)[0], **insult)
    city.store(city.seen("1", text, source="edit", said_at=city.now, seen_at=city.now))
    city.classify()
    choice = {"service_code": None, "place": "", "kind": "hide", "version": comment.version + 1, "rule_code": "N2"}
    house.decide(comment, **choice)
    house.pass_(minutes=1)
    assert [done.kind for done in city.network.done] == ["hide"]
    house.state.faults.clear()
    house.pass_(hours=1, step=60)
    assert [done.kind for done in city.network.done] == ["hide"], "nobody is answered under what is hidden"


def test_a_token_becomes_a_number_however_long_it_takes(house):
    house.state.desk.kind, house.state.desk.token_seconds = "batch", 3 * 3600
    house.opened()
    house.pass_(minutes=30)
    assert house.stands() == HandoverState.NUMBERLESS
    house.pass_(hours=8, step=300)
    assert house.stands() == HandoverState.CONFIRMED
    assert house.rows()[0].outside_number == house.there()[0].number


def test_a_key_that_is_refused_stops_the_desk_until_there_is_another(house, city):
    house.state.desk.key = "another-key-that-must-never-be-seen"
    house.opened()
    house.opened("2")
    house.pass_(minutes=5)
    with city.database.read() as session:
        assert handover.desk_in_trouble(session).reason == "api_key"
    assert sum(one["method"] == "POST" for one in house.state.requests) == 1
    house.settings = DeskSettings(house.settings.url, house.state.desk.key, timeout=(2.0, 0.4))
    house.given = handover.Given(house.settings.url, "key-2")
    house.pass_(minutes=2)
    assert len(house.there()) == 2


def test_services_have_the_codes_of_those_that_are_called_the_same(house, city):
    with city.database.read() as session:
        name = session.get_one(Service, "bris-aqueduc").name
    house.state.desk.services = {"077": name, "2": "Autre"}
    city.clock.pass_(days=1)
    house.look()
    house.opened()
    house.pass_(minutes=1)
    assert [one.code for one in house.there()] == ["077"]


def test_one_that_cannot_be_told_from_others_is_a_persons(house, city):
    house.state.desk.hides_words = True
    house.opened()
    house.state.faults.append(Fault("reset_after", "POST"))
    house.pass_(minutes=10)
    assert len(house.there()) == 1
    assert house.stands() == HandoverState.DOUBTFUL
    with city.database.write() as session:
        handover.send_again(session, city.people["Denis"], "STR-2026-000001", now=city.now)
    house.pass_(minutes=1)
    assert house.stands() == HandoverState.CONFIRMED
    with city.database.write() as session, pytest.raises(Refused, match="not_failed"):
        handover.send_again(session, city.people["Denis"], "STR-2026-000001", now=city.now)


def test_a_draft_of_before_says_the_number_of_there_too(house, city):
    house.opened(place="")
    house.pass_(minutes=1)
    with city.database.write() as session:
        denis = city.people["Denis"]
        escalation.progress(session, denis, "STR-2026-000001", RequestStatus.DONE, "Fait.", version=1, now=city.now)
        handover.write_number(session, denis, "STR-2026-000001", "T-77", version=2, now=city.now)
    (draft,) = city.drafts("1")
    assert "T-77" in draft
    assert "STR" not in draft


# ------------------------------------------------------------------------------------------ what becomes of it
def test_its_status_is_told_in_the_thread(house, city):
    house.opened()
    house.pass_(minutes=1)
    (taken,) = house.there()
    house.state.desk.change(taken.number, "in_progress", "", house.state.now())
    house.pass_(minutes=11)
    assert house.rows()[0].status == RequestStatus.IN_PROGRESS
    house.state.desk.change(taken.number, "closed", "La conduite est réparée.", house.state.now())
    house.pass_(minutes=11)
    assert house.rows()[0].status == RequestStatus.DONE
    (draft,) = city.drafts("1")
    assert taken.number in draft
    assert "La conduite est réparée." in draft
    assert "STR-2026" not in draft


def test_closed_without_a_word_says_no_blank(house, city):
    house.opened()
    house.pass_(minutes=1)
    house.state.desk.change(house.there()[0].number, "closed", "", house.state.now())
    house.pass_(minutes=11)
    (draft,) = city.drafts("1")
    assert draft.startswith(f"Bonjour, votre requête {house.there()[0].number} est maintenant fermée.")
    assert "{" not in draft


def test_accepted_then_refused_then_reopened_in_its_order(house, city):
    house.opened()
    house.pass_(minutes=1)
    (taken,) = house.there()
    for status, note in (("refused", "Rue provinciale."), ("open", ""), ("closed", "Fait.")):
        house.state.desk.change(taken.number, status, note, house.state.now())
        house.pass_(hours=25, step=600)
    with city.database.read() as session:
        steps = session.scalars(select(RequestChange.status).order_by(RequestChange.id)).all()
    assert steps == ["accepted", "refused", "in_progress", "done"]
    assert len(city.drafts("1")) == 1


def test_old_updates_that_are_replayed_change_nothing(house, city):
    house.opened()
    house.pass_(minutes=1)
    (taken,) = house.there()
    house.state.desk.change(taken.number, "closed", "Fait.", house.state.now())
    house.pass_(minutes=11)
    before = house.rows()[0].version
    house.state.desk.replays = True
    house.pass_(days=3, step=3600)
    assert (house.rows()[0].status, house.rows()[0].version) == (RequestStatus.DONE, before)


def test_any_order_of_what_a_desk_says_ends_the_same(house, city):
    house.opened()
    house.pass_(minutes=1)
    at = city.now
    said = [
        StatusSeen("1", False, "in_progress", "", at + timedelta(hours=1)),
        StatusSeen("1", True, "closed", "Fait.", at + timedelta(hours=2)),
        StatusSeen("1", False, "open", "Rouverte.", at + timedelta(hours=3)),
        StatusSeen("1", True, "refused", "Non.", at + timedelta(hours=4)),
    ]
    chance = random.Random(4)
    heard = said * 3
    chance.shuffle(heard)
    for one in heard:
        with city.database.write() as session:
            following.hear(session, 1, one, now=city.now)
    assert house.rows()[0].status == RequestStatus.REFUSED
    with city.database.read() as session:
        versions = session.scalar(select(func.count()).select_from(RequestChange))
    for one in heard:
        with city.database.write() as session:
            assert not following.hear(session, 1, one, now=city.now)
    with city.database.read() as session:
        assert session.scalar(select(func.count()).select_from(RequestChange)) == versions


def test_one_that_the_desk_does_not_show_any_more_is_asked_about_again(house, city):
    house.opened()
    house.pass_(minutes=1)
    (taken,) = house.there()
    taken.listed_at = house.state.now() + 86_400
    house.pass_(hours=2, step=600)
    assert house.rows()[0].status == RequestStatus.ACCEPTED
    with city.database.read() as session:
        assert session.scalars(select(Handover.absent_since)).one() is not None
    house.state.desk.change(taken.number, "closed", "Fait.", house.state.now() + 86_000)
    house.pass_(days=3, step=3600)
    assert house.rows()[0].status == RequestStatus.DONE


def test_what_is_open_again_here_may_go_there_once_more(house, city):
    house.opened()
    house.pass_(minutes=1)
    (first,) = house.there()
    house.state.desk.change(first.number, "closed", "Fait.", house.state.now())
    house.pass_(minutes=11)
    again = partial(handover.send_again, viewer=city.people["Denis"], number_here="STR-2026-000001", now=city.now)
    with city.database.write() as session, pytest.raises(Refused, match="not_failed"):
        again(session)
    with city.database.write() as session:
        escalation.reopen(session, escalation.held(session, 1), by=StepBy.CITIZEN, now=city.now)
    house.pass_(hours=2, step=600)
    assert house.rows()[0].status == RequestStatus.IN_PROGRESS, "what was heard of before closes nothing"
    with city.database.write() as session:
        again(session, now=city.now)
    house.pass_(minutes=2)
    _, second = house.there()
    assert second.description == f"Suite de {first.number}. Ça coule 1\n\n[Réf. STR-2026-000001/2]"
    assert house.rows()[0].public_number == second.number
    house.state.desk.change(second.number, "closed", "Fait, vraiment.", house.state.now())
    house.pass_(minutes=11)
    assert house.rows()[0].status == RequestStatus.DONE


# ------------------------------------------------------------------------------------------ all that goes wrong
FAULTS = [
    Fault("reset_after", "POST", times=None, probability=0.12),
    Fault("500_after", "POST", times=None, probability=0.1),
    Fault("half_json", "POST", times=None, probability=0.1),
    Fault("html_502", None, times=None, probability=0.1),
    Fault("503", None, times=None, probability=0.1),
    Fault("reset_before", None, times=None, probability=0.1),
    Fault("throttle", None, times=None, probability=0.05),
    Fault("lag", "POST", times=None, probability=0.15, seconds=70),
]


@pytest.mark.parametrize("kind", ["realtime", "batch"])
def test_whatever_happens_each_request_is_there_once(house, city, kind):
    """Lost answers, errors, pages of HTML, late listings, workers that die before and after the desk was told."""
    house.state.desk.kind, house.state.desk.token_seconds = kind, 40
    for number in range(30):
        house.opened(str(number))
    house.state.faults += FAULTS
    house.killed_before = house.killed_after = 0.15
    house.pass_(minutes=40)
    house.killed_before = house.killed_after = 0.0
    house.state.faults.clear()
    house.pass_(hours=3, step=60)
    with city.database.read() as session:
        submit = Effect.operation == OperationKind.SUBMIT
        assert session.scalars(select(Effect.id).where(submit, Effect.state.in_(OPEN_STATES))).all() == []
        assert set(session.scalars(select(Effect.state).where(submit))) == {EffectState.DONE}
    marks = Counter(one.description.rpartition("[Réf. ")[2] for one in house.there())
    assert len(marks) == 30
    assert set(marks.values()) == {1}
    assert {row.outside_number for row in house.rows()} == {one.number for one in house.there()}


def test_down_for_an_hour(house, city):
    house.state.faults.append(Fault("503", None, times=None))
    for number in range(5):
        house.opened(str(number))
    house.pass_(hours=1, step=60)
    assert house.there() == []
    assert house.stands() == HandoverState.CHECKED
    house.state.faults.clear()
    house.pass_(hours=1, step=60)
    assert len(house.there()) == 5
    assert len({row.outside_number for row in house.rows()}) == 5


def test_a_desk_of_before_gets_nothing(house, city):
    """Another address in the settings: what was owed to the old desk waits, and is not sent to the new one."""
    house.opened()
    house.look()
    with city.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Desk)) == 1
    with city.database.write() as session:
        handover.keep_desk(session, handover.Given("http://127.0.0.1:9/other", None), now=city.now)
        desks = session.scalars(select(Desk.id)).all()
    assert len(desks) == 2
    with city.database.read() as session:
        assert session.scalars(select(Effect.channel_id)).one() == desks[0]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("\u202eabc", "number_needed"),
        ("T\u200b1", "number_needed"),
        ("..", "number_needed"),
        ("STR-2026-000002", "number_taken"),
        ("str-2026-000002", "number_taken"),
    ],
)
def test_a_number_that_citizens_could_not_follow_is_refused(house, city, said, code):
    house.opened()
    house.opened("2")
    with city.database.write() as session, pytest.raises(Refused) as refused:
        handover.write_number(session, city.people["Denis"], "STR-2026-000001", said, version=1, now=city.now)
    assert refused.value.code == code


def test_a_request_of_elsewhere_is_not_ours_to_number(house, city):
    house.opened()
    with city.database.write() as session, pytest.raises(NotFound):
        handover.write_number(session, city.people["Farid"], "STR-2026-000001", "T-1", version=1, now=city.now)
    with city.database.write() as session:
        row = escalation.held(session, 1)
        assert row.outside_number is None

"""Requests for a unit that takes nothing but letters: one each, whatever is lost, and waited for."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from api.i18n import Dates
from api.mail_words import handed_over
from connectors.base import Receipt
from models import channels
from models.errors import Ambiguous, Refused, Rejected, Transient
from models.mail import MailServer
from models.requests311 import Service, ServiceRequest
from models.vocabulary import HandoverState
from models.work import Timing, Work
from moderation.requests import handover, inbox, letters, sheets
from moderation.requests.inbox import Wanted

UNDO = timedelta(seconds=10)
BASE = "https://parvis.ville.example"
NUMBER = "STR-2026-000001"


class Office:
    """A mail server in memory, which answers as it is told."""

    def __init__(self):
        self.letters, self.answers = [], []

    def send(self, letter):
        answer = self.answers.pop(0) if self.answers else None
        if answer is None or isinstance(answer, Ambiguous):
            self.letters.append(letter)
        if answer is not None:
            raise answer
        return Receipt(letter.key)

    def check(self):
        raise NotImplementedError


class House:
    def __init__(self, city):
        self.city, self.office = city, Office()
        words = lambda request: handed_over(BASE, Dates(ZoneInfo("America/Toronto")), request)  # noqa: E731
        carrier = letters.effect_handler(city.database, lambda _: self.office, words)
        how = {"owner": "the test", "clock": city.clock, "timing_of": lambda _: Timing()}
        self.work = Work(city.database, city.locks, [carrier], **how)

    def look(self, **passed):
        """What the clock does, after some time."""
        self.city.clock.pass_(**passed)
        with self.city.database.write() as session:
            mail_id = channels.at_address(session, MailServer, "smtp.ville.example:587", now=self.city.now)
            handover.hand_over_due(session, None, mail_id=mail_id, now=self.city.now, undo=UNDO)
        for effect_id in self.work.due():
            self.work.deliver(effect_id)
        for effect_id in self.work.uncertain():
            self.work.reconcile(effect_id)

    def way(self, number=NUMBER):
        with self.city.database.read() as session:
            request = session.scalars(select(ServiceRequest).where(ServiceRequest.number == number)).one()
            found = handover.of_requests(session, [request.id]).get(request.id)
            return found and found.state

    def unheard(self):
        with self.city.database.read() as session:
            denis, now = self.city.people["Denis"], self.city.now
            listed = inbox.requests(session, denis, Wanted(unheard=True), now=now).requests
            assert inbox.figures(session, denis, now=now).unheard == len(listed)
            return [one.number for one in listed]


@pytest.fixture
def house(city):
    with city.database.write() as session:
        session.get_one(Service, "bris-aqueduc").mail = "eaux@ville.example"
    for number, service in (("1", "bris-aqueduc"), ("2", "nid-de-poule")):
        comment = city.says(number, "Ça coule, appelez-moi! Louise")
        city.decide("Ariane", comment, "request", service_code=service, place="rue Wolfe")
    return House(city)


def act(house, what, *given, **more):
    with house.city.database.write() as session:
        what(session, house.city.people["Denis"], *given, now=house.city.now, **more)


def test_one_letter_leaves_is_waited_for_and_acknowledged(house):
    house.look()
    assert (house.way(), house.office.letters) == (HandoverState.WAITING, [])  # It can still be taken back.
    for _ in range(3):
        house.look(minutes=1)
    (letter,) = house.office.letters
    assert (letter.to, letter.subject) == (
        "eaux@ville.example",
        f"Requête 311 {NUMBER}\N{NO-BREAK SPACE}: Bris d’aqueduc ou fuite d’eau",
    )
    for words in ("rue Wolfe", "Ça coule", f"{BASE}/requetes/{NUMBER}"):
        assert words in letter.text
    assert house.way() == HandoverState.EXPORTED
    assert house.way("STR-2026-000002") is None  # Of a service without an address.
    assert house.unheard() == []
    house.look(days=2, minutes=1)
    assert house.unheard() == [NUMBER]
    act(house, sheets.acknowledge, NUMBER)
    assert (house.way(), house.unheard()) == (HandoverState.ACKNOWLEDGED, [])
    act(house, handover.write_number, NUMBER, "EAU-77", version=1)
    assert house.way() == HandoverState.BY_HAND
    with pytest.raises(Refused):
        act(house, handover.send_again, NUMBER)
    assert len(house.office.letters) == 1


def test_a_lost_answer_sends_no_second_letter_until_a_person_says_so(house):
    house.office.answers = [Transient(reason="421"), Ambiguous()]
    for _ in range(40):
        house.look(minutes=30)
    assert Counter(one.key for one in house.office.letters) == {"submit_mail:request:1:1": 1}
    assert house.way() == HandoverState.DOUBTFUL
    act(house, handover.send_again, NUMBER)
    house.look(minutes=1)
    assert [one.key for one in house.office.letters] == ["submit_mail:request:1:1", "submit_mail:request:1:2"]
    assert house.way() == HandoverState.EXPORTED


def test_a_refused_letter_is_said_and_one_that_is_undone_does_not_leave(house):
    house.office.answers = [Rejected("550")]
    house.look(minutes=1)
    assert house.way() == HandoverState.FAILED
    comment = house.city.says("3", "Ça coule encore")
    decision = house.city.decide("Ariane", comment, "request", service_code="bris-aqueduc")
    house.look()
    assert house.way("STR-2026-000003") == HandoverState.WAITING
    house.city.undo("Ariane", decision)
    house.look(minutes=5)
    assert house.office.letters == []


def test_without_a_mail_server_it_stays_for_a_file_and_no_desk_takes_it(house):
    with house.city.database.write() as session:
        given = handover.Given("https://311.example/open311/v2", None)
        desk_id = handover.keep_desk(session, given, now=house.city.now - timedelta(days=1))
        handover.hand_over_due(session, desk_id, now=house.city.now, undo=UNDO)
        assert session.scalars(select(MailServer)).all() == []
    assert house.way() is None
    assert house.way("STR-2026-000002") == HandoverState.WAITING
    with house.city.database.write() as session:
        assert NUMBER in sheets.export(session, house.city.people["Denis"], ZoneInfo("UTC"), now=house.city.now)

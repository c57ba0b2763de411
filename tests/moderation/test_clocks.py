"""The clocks of items count hours of opening; a tick sets them, anew when the item or the word of the city changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from classifiers.base import Scored, Urgency
from models.clocks import ServiceClock
from models.errors import Refused
from models.requests311 import Service
from models.vocabulary import Intention, RequestNature
from moderation import clocks
from moderation.clocks import Day, Hands
from moderation.learning import correction
from moderation.requests import standards
from moderation.triage import listing
from moderation.triage.listing import NEAR, PAST, Filter
from moderation.triage.today import today

ZONE = ZoneInfo("America/Toronto")
WEEK = ((8 * 60 + 30, 16 * 60 + 30),) * 5 + (None, None)
HANDS = Hands(WEEK, respond={Intention.QUESTION: 4, clocks.SAME_DAY: 2, clocks.UNKNOWN: 6})


def say(city, hands=HANDS, *, seen=None):
    with city.database.write() as session:
        row = clocks.newest(session)
        seen = (row.id if row else 0) if seen is None else seen
        return clocks.set_hands(session, city.people["Elise"], hands, seen=seen, now=city.now).id


def wind(city):
    return clocks.wind_due(city.database, ZONE, now=city.now)


def local(at):
    return at and f"{at.astimezone(ZONE):%d %H:%M}"


def due(city, name):
    item = city.item(name)
    return local(item.warn_at), local(item.answer_by)


def found(city, wanted, who="Ariane"):
    with city.database.read() as session:
        return listing.each(session, city.people[who], [wanted], now=city.now)[0]


def test_nothing_runs_before_the_city_has_said_anything(city):
    city.says("one", "Quand?")
    assert wind(city) == 0
    assert (due(city, "one"), city.item("one").clock_id) == ((None, None), None)


def test_a_comment_is_due_in_hours_of_opening_by_its_kind(city):
    # Monday, 9:00.
    say(city)
    city.says("question", "Quand?")
    city.says("today", "Ma rue est glacée, quand passez-vous?", urgency=Urgency(1, 0.9))
    city.says("unknown", "Hum", intention=None)
    city.says("thanks", "Merci!", intention=Scored(Intention.PRAISE, 0.9))
    city.says("danger", "Au feu!", urgency=Urgency(2, 0.9))
    assert wind(city) == 5
    assert wind(city) == 0
    assert due(city, "question") == ("02 12:00", "02 13:00")
    assert due(city, "today") == ("02 10:30", "02 11:00")
    assert due(city, "unknown") == ("02 13:30", "02 15:00")
    assert due(city, "thanks") == (None, None)
    assert due(city, "danger") == (None, None), "it has its alarm"


def test_what_comes_while_it_is_closed_is_counted_from_the_opening(city):
    say(city, replace(HANDS, days=(Day(date(2026, 11, 3), None, "Inventaire"),)))
    city.clock.pass_(hours=9)
    city.says("evening", "Quand?")
    wind(city)
    assert due(city, "evening") == ("04 11:30", "04 12:30")


def test_near_and_past_are_found_and_counted_in_ones_scope(city):
    say(city)
    city.says("one", "Quand?")
    city.says("south", "Et ici?", account="sud")
    wind(city)
    assert (found(city, Filter(due=NEAR)), found(city, Filter(due=PAST))) == (0, 0)
    city.clock.pass_(hours=3)
    assert (found(city, Filter(due=NEAR)), found(city, Filter(due=PAST))) == (2, 0)
    city.clock.pass_(hours=1)
    assert (found(city, Filter(due=NEAR)), found(city, Filter(due=PAST))) == (0, 2)
    assert found(city, Filter(due=PAST), "Chantal") == 1
    with city.database.read() as session:
        day = today(session, city.people["Elise"], ZONE, now=city.now)
    assert (day.counts.late, day.near) == (2, 0)
    city.decide("Ariane", city.comment("one"), "nothing")
    assert found(city, Filter(due=PAST)) == 1


def test_another_word_of_the_city_and_a_correction_set_the_clock_anew(city):
    say(city)
    comment = city.says("one", "Quand?")
    wind(city)
    say(city, replace(HANDS, respond={Intention.QUESTION: 1, Intention.PRAISE: 2}))
    assert wind(city) == 1
    assert due(city, "one") == ("02 09:45", "02 10:00")
    with city.database.write() as session:
        correction.correct(
            session, city.people["Ariane"], comment.id, {"intention": Intention.PRAISE}, version=1, now=city.now
        )
    assert wind(city) == 1
    assert due(city, "one") == ("02 10:30", "02 11:00")


def test_new_words_begin_a_new_clock_and_putting_off_stops_none(city):
    say(city)
    comment = city.says("one", "Quand?")
    wind(city)
    city.decide("Ariane", comment, "nothing")
    city.clock.pass_(days=1)
    at = city.now
    city.store(city.seen("one", "Et alors?", source="edit", said_at=at, seen_at=at))
    assert due(city, "one") == (None, None), "it is not late by what it was before"
    city.classify()
    wind(city)
    assert due(city, "one") == ("03 12:00", "03 13:00")


def test_the_same_word_again_is_no_version_and_a_stale_form_is_refused(city):
    first = say(city)
    assert say(city) == first
    say(city, replace(HANDS, on_holidays=True))
    with pytest.raises(Refused, match="clocks_changed"):
        say(city, seen=first)
    with city.database.read() as session:
        assert len(session.scalars(select(ServiceClock)).all()) == 2


@pytest.mark.parametrize(
    ("hands", "code"),
    [
        (replace(HANDS, week=((600, 540), *WEEK[1:])), "hours_backwards"),
        (replace(HANDS, days=(Day(date(2026, 12, 24), (600, 600)),)), "hours_backwards"),
        (replace(HANDS, days=(Day(date(2026, 12, 24), None),) * 2), "day_twice"),
        (replace(HANDS, respond={Intention.QUESTION: 0}), "hours_count"),
        (replace(HANDS, resolve={RequestNature.COMPLAINT: 1000}), "hours_count"),
        (replace(HANDS, days=(Day(date(2026, 12, 24), None, "x" * 81),)), "longer_than_kept"),
        (
            replace(HANDS, days=tuple(Day(date(2026, 12, 1) + timedelta(days=n), None) for n in range(61))),
            "too_many_days",
        ),
    ],
)
def test_what_cannot_be_is_refused(city, hands, code):
    with pytest.raises(Refused, match=code):
        say(city, hands)


def test_a_request_is_due_by_the_earlier_of_its_service_and_its_nature(city):
    say(city, replace(HANDS, resolve={RequestNature.COMPLAINT: 8}))
    opened, service = datetime(2026, 11, 6, 20, 30, tzinfo=UTC), Service(days=10, working_days=False)
    with city.database.read() as session:
        complaint = standards.promised(session, service, RequestNature.COMPLAINT, opened, ZONE)
        request = standards.promised(session, service, RequestNature.REQUEST, opened, ZONE)
    assert (local(complaint), local(request)) == ("09 15:30", "16 15:30")

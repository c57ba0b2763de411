"""An immediate danger is told to whoever is on call, then to the next one, until somebody answers or decides."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from administration import notices
from classifiers.base import Urgency
from models.alarms import Alarm, OnCall
from models.errors import NotFound, Refused
from models.notices import Notice
from models.people import Membership
from models.vocabulary import NoticeKind, Role
from moderation.triage import oncall, queue

PATIENCE = timedelta(minutes=5)


@pytest.fixture
def city(city):
    with city.write():
        for name in ("Gilles", "Odile"):
            city.hire(name, Role.MANAGER)
    return city


def put_on_call(city, *names, phone="418 555-0199"):
    wanted = [(city.people[name].person_id, phone) for name in names]
    with city.database.write() as session:
        oncall.set_roster(session, city.people["Gilles"], wanted, now=city.now)


def danger(city, name="feu"):
    return city.says(name, "Il y a le feu chez mon voisin!", urgency=Urgency(2, 0.97))


def call(city):
    return oncall.call_due(city.database, PATIENCE, now=city.now)


def told(city):
    """Who was told and has not been spared since, in that order."""
    names = {viewer.person_id: name for name, viewer in city.people.items()}
    with city.database.read() as session:
        statement = select(Notice.person_id).where(Notice.kind == NoticeKind.DANGER).order_by(Notice.id)
        return [names[one] for one in session.scalars(statement)]


def answer(city, who, comment):
    with city.database.write() as session:
        return oncall.answer(session, city.people[who], comment.id, now=city.now)


def alarms(city):
    with city.database.read() as session:
        return session.scalars(select(Alarm).order_by(Alarm.id)).all()


def test_each_on_call_is_told_in_turn_until_somebody_answers(city):
    put_on_call(city, "Odile", "Gilles")
    comment = danger(city)
    assert (call(city), call(city), told(city)) == (1, 0, ["Odile"])
    city.clock.pass_(minutes=4)
    call(city)
    assert told(city) == ["Odile"]
    city.clock.pass_(minutes=1)
    call(city)
    assert told(city) == ["Odile", "Gilles"]
    alarm = answer(city, "Gilles", comment)
    city.clock.pass_(hours=1)
    assert call(city) == 0
    assert (alarm.answered_by_id, told(city)) == (city.people["Gilles"].person_id, []), "what nobody read is spared"


def test_nobody_answers_and_it_ends_after_three_rounds(city):
    put_on_call(city, "Odile", "Gilles")
    danger(city)
    for _ in range(20):
        call(city)
        city.clock.pass_(minutes=5)
    assert told(city) == ["Odile", "Gilles"] * 3
    (alarm,) = alarms(city)
    assert (alarm.ended_at, alarm.next_at) == (None, None)


def test_where_nobody_is_on_call_all_managers_are_told(city):
    danger(city)
    call(city)
    assert sorted(told(city)) == ["Elise", "Gilles", "Odile"]


def test_a_decision_ends_it(city):
    put_on_call(city, "Odile", "Gilles")
    comment = danger(city)
    call(city)
    city.decide("Ariane", comment, "nothing")
    city.clock.pass_(minutes=6)
    assert call(city) == 0
    (alarm,) = alarms(city)
    assert (alarm.ended_at, alarm.answered_by_id, told(city)) == (city.now, None, [])
    with pytest.raises(Refused) as caught:
        answer(city, "Gilles", comment)
    assert caught.value.code == "no_alarm"


def test_who_is_faster_answers(city):
    put_on_call(city, "Odile")
    comment = danger(city)
    call(city)
    first = answer(city, "Odile", comment)
    assert answer(city, "Odile", comment).id == first.id
    with pytest.raises(Refused) as caught:
        answer(city, "Gilles", comment)
    assert (caught.value.code, caught.value.params["by"]) == ("alarm_answered", "Odile")


def test_what_its_author_writes_again_is_another_danger(city):
    put_on_call(city, "Odile")
    comment = danger(city)
    call(city)
    answer(city, "Odile", comment)
    city.decide("Ariane", comment, "nothing")
    city.clock.pass_(minutes=1)
    city.classifier.says["Le feu se propage!"] = city.classifier.says["Il y a le feu chez mon voisin!"]
    city.store(city.seen("feu", "Le feu se propage!", source="edit", seen_at=city.now))
    city.classify()
    call(city)
    assert len(alarms(city)) == 2
    assert told(city) == ["Odile"]


def test_two_workers_raise_one_alarm(city, race):
    put_on_call(city, "Odile")
    danger(city)
    race(lambda: call(city), lambda: call(city))
    assert len(alarms(city)) == 1
    assert told(city) == ["Odile"]


def test_two_who_say_at_once_who_is_on_call_do_it_one_after_the_other(city, race):
    assert race(*[lambda: put_on_call(city, "Odile")] * 3) == [None] * 3
    with city.database.read() as session:
        assert [one.person.name for one in oncall.roster(session)] == ["Odile"]


def test_what_is_not_urgent_calls_nobody(city):
    city.says("calme", "Merci!", urgency=Urgency(1, 0.9))
    assert (call(city), alarms(city)) == (0, [])


def test_whoever_may_not_see_it_is_not_told_and_may_not_answer(city):
    with city.write():
        city.hire("Lou", Membership(role=Role.MANAGER, borough_id=city.add_borough("loin")))
    comment = danger(city)
    call(city)
    assert "Lou" not in told(city)
    with pytest.raises(NotFound):
        answer(city, "Lou", comment)


@pytest.mark.parametrize(
    ("names", "phone", "code"),
    [
        (("Gilles", "Gilles"), "", "on_call_twice"),
        (("Lou",), "", "on_call_who"),
        (("Gilles",), "4" * 41, "phone_too_long"),
    ],
)
def test_a_roster_that_cannot_be_is_refused_and_the_old_one_stays(city, names, phone, code):
    with city.write():
        city.hire("Lou", Membership(role=Role.MANAGER, borough_id=city.add_borough("loin")))
    put_on_call(city, "Odile")
    with pytest.raises(Refused) as caught:
        put_on_call(city, *names, phone=phone)
    assert caught.value.code == code
    with city.database.read() as session:
        assert session.scalar(select(func.count()).select_from(OnCall)) == 1


def test_the_item_and_the_notices_say_it(city):
    put_on_call(city, "Odile")
    comment = danger(city)
    call(city)
    with city.database.read() as session:
        shown = queue.detail(session, city.people["Ariane"], comment.id, now=city.now)
        (who,) = oncall.told(session, shown.alarm)
        (notice,) = notices.notices(session, city.people["Odile"])
    assert (who.name, who.phone, who.seen) == ("Odile", "418 555-0199", False)
    assert notice.alarm.item.comment_id == comment.id

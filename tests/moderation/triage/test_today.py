"""The day of the team: each figure is what a count of the rows says, within the scope of whoever asks."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from moderation import items
from moderation.triage import deciding, teamwork
from moderation.triage.today import today

ZONE = ZoneInfo("America/Toronto")


def seen(city, who="Elise"):
    with city.database.read() as session:
        return today(session, city.people[who], ZONE, now=city.now)


@pytest.fixture
def day(city, criticism):
    """Seven comments from 9:00 on, every five minutes: three decided, one of them twice; one criticism to be hidden."""
    comments = []
    for number in range(6):
        comments.append(city.says(str(number), f"Texte {number}", account="sud" if number == 5 else "nord"))
        city.clock.pass_(minutes=5)
    critical = city.says("critical", "Belle administration!", **criticism)
    city.propose("Bruno", critical, rule_code="N2")
    city.decide("Ariane", comments[0], "nothing")
    city.undo("Ariane", city.decide("Ariane", comments[1], "nothing"))
    city.decide("Bruno", comments[1], "request", service_code="bris-aqueduc")
    city.decide("Ariane", comments[2], "reply", text="Merci")
    with city.database.write() as session:
        deciding.claim(session, city.people["Bruno"], comments[3].id, now=city.now)
        ariane = city.people["Ariane"].person_id
        for number, kept in enumerate((comments[4], critical)):
            form = {"before_id": None, "form_key": f"assign-{number}"}
            teamwork.assign(session, city.people["Ariane"], kept.id, ariane, **form, now=city.now)
    return comments


def test_the_figures_are_those_of_the_rows(city, day):
    found = seen(city)
    assert (found.counts.waiting, found.counts.danger, found.nobodys) == (4, 0, 2)
    assert [(one.name, one.decided, one.open, one.assigned) for one in found.loads] == [
        ("Ariane", 2, 0, 2),
        ("Bruno", 1, 1, 0),
    ]
    assert [(one.arrived, one.decided) for one in found.quarters] == [(3, 0), (3, 0), (1, 3)]
    assert found.quarters[0].start == city.now - timedelta(minutes=30)
    assert [one.person.name for one in found.awaiting] == ["Bruno"]
    assert (found.closing.decided, found.closing.requests) == (3, 1)
    assert found.closing.median == timedelta(minutes=25)
    assert found.closing.oldest == city.now - timedelta(minutes=15)


def test_only_what_is_in_ones_scope_is_counted(city, day):
    found = seen(city, "Chantal")
    assert (found.counts.waiting, found.closing.decided, list(found.awaiting)) == (1, 0, [])
    assert [one.arrived for one in found.quarters] == [1, 0]


def test_a_new_day_begins_at_midnight_of_the_city(city, day):
    city.clock.pass_(hours=24 - 9.5, seconds=1)
    found = seen(city)
    assert (found.closing.decided, found.closing.median, sum(one.arrived for one in found.quarters)) == (0, None, 0)
    assert found.counts.waiting == 4


def test_what_is_put_off_is_not_the_oldest_that_waits(city):
    comment = city.says("7", "Bonjour")
    with city.database.write() as session:
        items.snooze(items.of_comment(session, comment.id), city.now + timedelta(hours=1))
    assert (seen(city).closing.oldest, seen(city).counts.snoozed) == (None, 1)

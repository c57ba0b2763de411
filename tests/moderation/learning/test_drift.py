"""What the analysis page counts: by week of the city's clock, within the viewer's scope, in few statements."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from classifiers.base import Scored
from models.learning import LocalCalibration
from models.vocabulary import Breach, DecisionKind, Intention
from moderation.learning.correction import correct
from moderation.learning.drift import LABELS, bounds_of, drift

MONTREAL = ZoneInfo("America/Toronto")


@pytest.fixture
def correcting(city):
    def say(who, comment, **heads):
        with city.database.write() as session:
            correct(session, city.people[who], comment.id, heads, version=comment.version, now=city.now)

    return say


@pytest.fixture
def seen(city):
    def look(who="Elise"):
        with city.database.read() as session:
            return drift(session, city.people[who], bounds_of(city.now, MONTREAL))

    return look


def test_weeks_begin_on_monday_midnight_of_the_city_across_the_change_of_clocks():
    bounds = bounds_of(datetime(2026, 11, 4, 12, tzinfo=UTC), MONTREAL, weeks=2)
    # Clocks went back on the first of November: that week has 169 hours.
    assert bounds == [
        datetime(2026, 10, 26, 4, tzinfo=UTC),
        datetime(2026, 11, 2, 5, tzinfo=UTC),
        datetime(2026, 11, 9, 5, tzinfo=UTC),
    ]
    monday = datetime(2026, 11, 2, 5, tzinfo=UTC)
    assert bounds_of(monday, MONTREAL)[-2] == monday
    assert bounds_of(monday - timedelta(seconds=1), MONTREAL)[-1] == monday


def test_abstentions_and_corrections_are_shares_of_the_week_in_which_the_text_was_read(city, correcting, seen):
    city.says("1", "Ancien", intention=None)
    city.clock.pass_(days=7)
    known, unknown, left = city.says("2", "A"), city.says("3", "B", intention=None), city.says("4", "C")
    correcting("Ariane", known, intention="eloge", insulte="1", haine="1", groupe="parcs")
    correcting("Ariane", unknown, intention="question")
    for comment in (known, unknown, left):
        city.decide("Bruno", comment, DecisionKind.NOTHING)
    before, now = seen().weeks[-2:]
    assert (before.read, before.abstained, before.handled) == (1, 1, 0)
    assert (now.read, now.abstained, now.handled) == (3, 1, 3)
    assert now.corrected == {"intention": 2, "groupe": 1, "netiquette": 1, "urgence": 0}


def test_a_correction_that_was_taken_back_or_confirms_counts_for_nothing(city, correcting, seen):
    back, confirmed, waiting = city.says("1", "A"), city.says("2", "B"), city.says("3", "C")
    correcting("Ariane", back, intention="eloge")
    correcting("Bruno", back, intention="question")
    correcting("Ariane", confirmed, intention="question")
    correcting("Ariane", waiting, intention="eloge")
    for comment in (back, confirmed):
        city.decide("Ariane", comment, DecisionKind.NOTHING)
    assert seen().weeks[-1].corrected["intention"] == 0
    city.decide("Ariane", waiting, DecisionKind.NOTHING)
    assert seen().weeks[-1].corrected["intention"] == 1


def test_nobody_counts_what_is_not_theirs(city, correcting, seen):
    for account in ("nord", "sud", "ville"):
        comment = city.says(account, account, account, intention=None)
        correcting("Ariane", comment, intention="eloge")
        city.decide("Ariane", comment, DecisionKind.NOTHING)
    assert seen("Elise").weeks[-1].read == 3
    south = seen("Chantal").weeks[-1]
    assert (south.read, south.abstained, south.corrected["intention"]) == (1, 1, 1)
    assert seen("Denis").weeks[-1].read == 0  # A 311 agent has no business here.


def test_the_newest_version_comes_first_and_its_labels_are_the_ones_shown(city, seen):
    city.says("1", "Un")
    with city.database.write() as session:
        for model, decided in (("made-up-1", 20), ("other", 999)):
            session.add(
                LocalCalibration(
                    model=model,
                    head=Breach.SPAM,
                    label="1",
                    decided=decided,
                    slope=1.0,
                    offset=0.0,
                    shown=310,
                    right=309,
                    followed=7,
                    at=city.now,
                )
            )
    found = seen()
    assert found.models == [("made-up-1", 1)]
    (spam,) = [one for one in found.labels if one.head == Breach.SPAM]
    assert (spam.decided, spam.missing, spam.calibrated, spam.gate.opens, spam.followed) == (20, 180, True, True, 7)
    others = [one for one in found.labels if one.head != Breach.SPAM]
    assert len(others) == len(LABELS) - 1
    assert all((one.missing, one.gate.missing, one.calibrated) == (200, 300, False) for one in others)


def test_three_statements_whatever_is_kept(city, correcting, seen):
    def cost():
        with city.counting() as statements:
            seen()
        return len(statements)

    assert cost() == 3
    for number in range(12):
        comment = city.says(str(number), f"texte {number}", intention=Scored(Intention.PRAISE, 0.8))
        correcting("Ariane", comment, intention="plainte", urgence="1")
        city.decide("Ariane", comment, DecisionKind.NOTHING)
        city.clock.pass_(days=5)
    assert cost() == 3

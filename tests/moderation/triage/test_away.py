"""The notice of closing hours: adopted or not sent; once for each person and closing; never where it would do harm."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, select

from classifiers.base import Scored, Urgency
from connectors.base import Operation
from connectors.registry import capabilities
from models.audit import AuditEntry
from models.clocks import AwayNotice, ServiceClock
from models.effects import Effect
from models.errors import Refused, Rejected
from models.vocabulary import EffectState, Intention, ItemState
from moderation import clocks
from moderation.clocks import Hands
from moderation.learning import correction
from moderation.triage import away, queue
from tests.city import CALM

ZONE = ZoneInfo("America/Toronto")
VOICE = away.Voice(capabilities, lambda schedule, language, now: f"fermé ({language})")


@pytest.fixture
def city(city):
    """Open from Monday to Friday, 8:30 to 16:30; it is Monday, 18:00, and the notice is adopted."""
    hands = Hands(((8 * 60 + 30, 16 * 60 + 30),) * 5 + (None, None))
    with city.database.write() as session:
        clocks.set_hands(session, city.people["Elise"], hands, seen=0, now=city.now)
    adopt(city)
    city.clock.pass_(hours=9)
    return city


def adopt(city, *, adopted=True):
    with city.database.write() as session:
        away.adopt(session, city.people["Elise"], adopted=adopted, now=city.now)


def asks(city, name, text="Quand ouvre la patinoire?", *, author="louis", **more):
    """A question of somebody, just now."""
    at = city.now
    city.store(city.seen(name, text, author_external_id=author, said_at=at, seen_at=at, **more))
    city.classify()
    return city.comment(name)


def tell(city):
    return away.tell_due(city.database, ZONE, VOICE, now=city.now)


def said(city):
    """What left for the network."""
    for effect_id in city.work.due():
        city.work.deliver(effect_id)
    return [(one.target, one.text) for one in city.network.done if isinstance(one, Operation) and one.kind == "reply"]


def owed(city):
    with city.database.read() as session:
        return session.scalars(select(Effect).where(Effect.key.startswith("away:")).order_by(Effect.id)).all()


def test_who_asks_while_it_is_closed_is_told_once_and_the_comment_still_waits(city):
    asks(city, "one")
    asks(city, "two", "Et la piscine?")
    assert (tell(city), tell(city)) == (1, 0)
    assert [target for target, _ in said(city)] == ["one"]
    assert "Bonjour Louis, merci" in said(city)[0][1]
    assert "fermé (fr)" in said(city)[0][1]
    assert city.item("one").state == ItemState.WAITING
    with city.database.read() as session:
        opened = queue.detail(session, city.people["Ariane"], city.comment("one").id, now=city.now)
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "away.told")).one()
    assert (opened.away.rule.person.name, opened.away.effect.state) == ("Elise", EffectState.DONE)
    assert (entry.person_id, opened.decisions) == (None, [])


def test_another_person_and_another_closing_are_told_again(city):
    asks(city, "one")
    asks(city, "two", author="mina")
    assert tell(city) == 2
    city.clock.pass_(days=1)
    asks(city, "three", "Toujours rien?")
    assert tell(city) == 1


def test_nobody_is_told_unless_the_city_adopted_it_before(city):
    adopt(city, adopted=False)
    asks(city, "one")
    assert tell(city) == 0
    city.clock.pass_(minutes=1)
    adopt(city)
    assert tell(city) == 0, "what came before the adoption is not answered by it"
    city.clock.pass_(minutes=1)
    asks(city, "two", "Et maintenant?")
    assert tell(city) == 1


def test_nobody_is_told_while_it_is_open_and_what_came_then_is_not_answered_at_night(city):
    city.clock.now = datetime(2026, 11, 3, 16, 0, tzinfo=ZONE)
    asks(city, "one")
    assert tell(city) == 0
    city.clock.pass_(hours=3)
    assert tell(city) == 0


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        ({"urgency": Urgency(2, 0.97)}, "Il y a le feu!"),
        ({"intention": Scored(Intention.PRAISE, 0.95)}, "Merci!"),
        ({"intention": Scored(Intention.DISSATISFACTION, 0.95)}, "C’est une honte"),
        ({"intention": None}, "Hum"),
    ],
)
def test_a_danger_and_what_asks_nothing_are_not_answered_so(city, verdict, text):
    city.classifier.says[text] = replace(CALM, **verdict)
    asks(city, "one", text)
    assert tell(city) == 0


def test_an_insult_is_not_thanked(city, insult):
    city.classifier.says["Niaiseux, quand?"] = replace(CALM, breaches=insult["breaches"])
    asks(city, "one", "Niaiseux, quand?")
    assert (tell(city), tell(city), owed(city)) == (0, 0, [])


def test_a_conversation_that_was_answered_is_left_alone(city):
    asks(city, "root", author="mina")
    city.store(
        city.seen("answer", "Demain", by_account=True, parent_external_id="root", author_external_id="page-nord")
    )
    asks(city, "more", "Et dimanche?", parent_external_id="root")
    assert tell(city) == 0
    # Our own answer that has yet to be seen there counts too.
    root = asks(city, "other", "Où?", author="omar")
    city.decide("Ariane", root, "reply", text="Au parc.")
    asks(city, "below", "Lequel?", author="nour", parent_external_id="other")
    assert tell(city) == 0


@pytest.mark.parametrize("act", ["decide", "danger"])
def test_what_has_not_left_is_taken_back_by_a_decision_or_a_danger(city, act):
    comment = asks(city, "one")
    assert tell(city) == 1
    if act == "decide":
        city.decide("Ariane", comment, "nothing")
    else:
        with city.database.write() as session:
            correction.correct(session, city.people["Ariane"], comment.id, {"urgence": "2"}, version=1, now=city.now)
    (effect,) = owed(city)
    assert effect.state == EffectState.CANCELLED
    assert (tell(city), said(city)) == (0, [])


def test_from_the_opening_on_it_does_not_leave_and_a_failure_comes_back_to_nobody(city):
    asks(city, "one")
    asks(city, "two", author="mina")
    assert tell(city) == 2
    city.network.errors.append(Rejected("spam"))
    first, second = owed(city)
    city.work.deliver(first.id)
    city.clock.now = datetime(2026, 11, 3, 8, 30, tzinfo=ZONE)
    assert said(city) == []
    assert [one.state for one in owed(city)] == [EffectState.FAILED] * 2
    assert (second.late_at, city.drafts("one"), city.drafts("two")) == (city.now, [], [])
    assert (city.item("one").problem_id, city.item("two").problem_id) == (None, None)


def test_two_workers_tell_once(city, monkeypatch):
    asks(city, "one")
    first = away._asked

    def slower(closing):
        monkeypatch.setattr(away, "_asked", first)
        assert tell(city) == 1
        return first(closing)

    monkeypatch.setattr(away, "_asked", slower)
    assert tell(city) == 0
    with city.database.read() as session:
        assert len(session.scalars(select(AwayNotice)).all()) == 1


def test_it_needs_hours_and_a_person(city):
    with city.database.write() as session:
        session.execute(delete(ServiceClock))
    adopt(city, adopted=False)
    with pytest.raises(Refused, match="hours_first"):
        adopt(city)

"""What goes out when, and how it is moved: an approval holds for its time, what is out stays where it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from models.errors import Refused
from models.vocabulary import PostState
from publishing import calendar, holding
from publishing.calendar import Happening, Sought
from publishing.drafting import Written

MONTREAL = ZoneInfo("America/Toronto")


def entries(city, who: str = "Claire", *, days: float = 30, **sought):
    with city.database.read() as session:
        until = city.now + timedelta(days=days)
        return calendar.entries(session, city.people[who], city.now, until, Sought(**sought))


def move(city, post, to: datetime, *, since: datetime | None, who: str = "Claire", version: int | None = None):
    version = version or city.post(post).version
    return city.act(who, "move", post.id, to, since=since, version=version)


def test_one_entry_for_each_time_of_a_post_and_what_is_near_on_the_same_account(city):
    noon = city.now + timedelta(hours=2)
    draft = city.draft("Un", "nord", "sud", publish_at=noon)
    draft = replace(draft, variants=draft.variants | {city.accounts["sud"]: Written("Un", noon + timedelta(days=1))})
    both = city.act("Claire", "create", draft)
    near = city.act("Claire", "create", city.draft("Deux", "nord", publish_at=noon + timedelta(minutes=59)))
    city.act("Claire", "create", city.draft("Trois", "nord", publish_at=noon + timedelta(minutes=119)))
    city.act("Claire", "create", city.draft("Quatre", "ville", publish_at=noon))
    city.act("Claire", "create", city.draft("Sans heure"))
    found = entries(city)
    assert [(one.post.id, one.at - noon) for one in found if one.post.id == both.id] == [
        (both.id, timedelta()),
        (both.id, timedelta(days=1)),
    ]
    assert sorted((one.post.id, other.post.id) for one in found for other in one.near) == sorted(
        [(both.id, near.id), (near.id, both.id)]
    ), "an hour apart is not near, and neither is another account"
    assert {one.post.id for one in entries(city, account_id=city.accounts["sud"])} == {both.id}
    assert entries(city, state=PostState.APPROVED) == []
    assert len(entries(city, days=1)) == 4
    assert [one.post.id for one in entries(city, "Sylvie")] == [], "half of a city's post is nobody's"
    with city.database.read() as session:
        assert [post.id for post in calendar.unscheduled(session, city.people["Claire"])] == [5]
        found = calendar.entries(
            session, city.people["Claire"], noon + timedelta(minutes=59), noon + timedelta(hours=5)
        )
        assert [(one.post.id, len(one.near)) for one in found] == [(2, 1), (3, 0)], "what is near stands outside"


def test_holidays_and_changes_of_clocks():
    found = calendar.days(date(2026, 6, 1), date(2026, 12, 1), MONTREAL, "fr")
    assert [(one.date.isoformat(), one.happening) for one in found] == [
        ("2026-06-24", Happening.HOLIDAY),
        ("2026-07-01", Happening.HOLIDAY),
        ("2026-09-07", Happening.HOLIDAY),
        ("2026-10-12", Happening.HOLIDAY),
        ("2026-11-01", Happening.BACK),
    ]
    assert "nationale" in found[0].name
    assert [one.date for one in calendar.days(date(2027, 3, 14), date(2027, 3, 15), MONTREAL, "fr")] == [
        date(2027, 3, 14)
    ]
    assert calendar.days(date(2027, 3, 14), date(2027, 3, 15), ZoneInfo("America/Phoenix"), "fr") == []


def test_a_draft_is_moved_and_stays_one(city):
    noon = city.now + timedelta(hours=2)
    post = city.act("Claire", "create", city.draft(publish_at=noon))
    post = move(city, post, noon + timedelta(days=2), since=noon)
    assert (post.state, post.publish_at) == (PostState.DRAFT, noon + timedelta(days=2))
    with pytest.raises(Refused, match="post_not_movable"):
        move(city, post, noon, since=noon)
    with pytest.raises(Refused, match="time_passed"):
        move(city, post, city.now - timedelta(minutes=1), since=post.publish_at)
    with pytest.raises(Refused, match="post_changed"):
        move(city, post, noon, since=post.publish_at, version=1)


def test_what_was_approved_for_its_time_waits_for_approval_again_and_does_not_leave(city):
    noon = city.now + timedelta(hours=2)
    post = city.schedule(city.approved(publish_at=noon), hours=None)
    post = move(city, post, noon + timedelta(hours=1), since=noon)
    assert post.state == PostState.SUBMITTED
    city.deliver(hours=4)
    assert city.published("nord") == []
    later = city.now + timedelta(hours=1)
    post = move(city, post, later, since=noon + timedelta(hours=1))
    post = city.schedule(city.judge("Gilles", post), hours=None)
    city.deliver(hours=1)
    assert city.published("nord") == city.published("sud") == ["Collecte reportée à mardi."]


def test_what_was_approved_for_any_time_is_scheduled_and_leaves_once_at_the_last_one(city):
    first, second = city.now + timedelta(hours=1), city.now + timedelta(hours=3)
    post = move(city, city.approved(), first, since=None)
    assert post.state == PostState.SCHEDULED
    post = move(city, post, second, since=first)
    assert post.state == PostState.SCHEDULED
    city.deliver(hours=2)
    assert city.published("nord") == []
    city.deliver(hours=1)
    assert city.published("nord") == ["Collecte reportée à mardi."]
    with pytest.raises(Refused, match="post_not_movable"):
        move(city, post, city.now + timedelta(hours=1), since=city.now)


def test_the_rest_of_a_post_moves_and_what_is_out_stays(city):
    noon, evening = city.now + timedelta(hours=2), city.now + timedelta(hours=8)
    draft = city.draft()
    draft = replace(draft, variants=draft.variants | {city.accounts["sud"]: Written("Ce soir.", evening)})
    post = city.act("Claire", "create", replace(draft, publish_at=noon))
    post = city.judge("Gilles", city.act("Claire", "submit", post.id, version=post.version))
    post = city.schedule(post, hours=None)
    city.deliver(hours=2)
    assert city.published("nord") == ["Collecte reportée à mardi."]
    post = move(city, city.post(post), evening + timedelta(hours=1), since=evening)
    assert (post.state, post.publish_at) == (PostState.SUBMITTED, noon)
    post = city.schedule(city.judge("Gilles", post), hours=None)
    city.deliver(hours=7)
    assert city.published("nord") == ["Collecte reportée à mardi."]
    assert city.published("sud") == ["Ce soir."]


def test_who_moves_a_post_does_not_approve_it(city):
    noon = city.now + timedelta(hours=2)
    post = city.schedule(city.approved(publish_at=noon), hours=None)
    post = move(city, post, noon + timedelta(hours=1), since=noon, who="Odile")
    with pytest.raises(Refused, match="own_post"):
        city.judge("Odile", post)


def test_during_a_pause_nothing_is_scheduled_by_moving_it(city):
    post = city.approved()
    with city.database.write() as session:
        holding.begin(session, city.people["Claire"], "Deuil", now=city.now)
    with pytest.raises(Refused, match="held"):
        move(city, post, city.now + timedelta(hours=1), since=None)
    assert city.post(post).publish_at is None

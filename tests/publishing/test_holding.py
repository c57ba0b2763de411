"""The emergency pause: nothing in its scope leaves, not even what is due this second, and nothing bursts out after."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from models.audit import AuditEntry
from models.errors import Ambiguous, NotFound, Refused
from models.holds import Hold
from models.vocabulary import EffectState, PostState
from publishing import holding
from publishing.drafting import Draft, Written


def begin(city, who: str = "Claire", reason: str = "Deuil national", **place: int) -> Hold:
    with city.database.write() as session:
        return holding.begin(session, city.people[who], reason, **place, now=city.now)


def end(city, hold: Hold, who: str = "Claire") -> None:
    with city.database.write() as session:
        holding.end(session, city.people[who], hold.id, now=city.now)


def all_published(city) -> int:
    return sum(len(network.published) for network in city.networks.values())


def test_fifty_posts_due_this_second_stay_and_none_bursts_out_at_the_end(city):
    posts = [city.schedule(city.approved("nord")) for _ in range(50)]
    city.clock.pass_(hours=1)
    due = city.work.due()
    assert len(due) == 50
    hold = begin(city)
    for effect_id in due:
        city.work.deliver(effect_id)  # A worker that had listed them before.
    city.deliver(minutes=30)
    assert all_published(city) == 0
    end(city, hold)
    city.deliver(minutes=1)
    assert all_published(city) == 0
    assert {city.post(post).state for post in posts} == {PostState.TO_REVIEW}
    assert city.post(posts[0]).hold.reason == "Deuil national"


def test_what_a_worker_has_claimed_does_not_leave_either(city):
    post = city.schedule(city.approved("nord"))
    city.clock.pass_(hours=1)
    (claimed,) = city.work.claim()
    begin(city)
    city.work.deliver(claimed)
    assert (all_published(city), city.post(post).state) == (0, PostState.TO_REVIEW)


def test_what_nobody_knows_the_outcome_of_is_read_and_not_sent_again(city):
    post = city.schedule(city.approved("nord"))
    city.networks[city.accounts["nord"]].errors = [Ambiguous()]
    city.deliver(hours=1)
    begin(city)
    for _ in range(8):
        city.clock.pass_(minutes=10)
        for effect_id in city.work.uncertain():
            city.work.reconcile(effect_id)
        city.deliver()
    assert (all_published(city), city.post(post).state) == (0, PostState.TO_REVIEW)


def test_only_its_scope_is_held(city):
    north, south, whole = (city.approved(*names) for names in (("nord",), ("sud",), ("nord", "ville")))
    posts = [city.schedule(post) for post in (north, south, whole)]
    begin(city, borough_id=city.boroughs["nord"])
    city.deliver(hours=1)
    assert [len(city.published(name)) for name in ("nord", "sud", "ville")] == [0, 1, 1]
    assert [city.post(post).state for post in posts] == ["to_review", "published", "to_review"]


def test_nothing_is_scheduled_during_it_but_by_who_may_pause(city):
    post = city.approved("nord")
    hold = begin(city, account_id=city.accounts["nord"])
    with pytest.raises(Refused, match="held"):
        city.schedule(post)
    at = city.now + timedelta(hours=1)
    city.act("Claire", "schedule", post.id, at, version=post.version, despite_hold=True)
    city.deliver(hours=1)
    assert all_published(city) == 1
    other = city.approved("nord")
    end(city, hold)
    city.schedule(other)
    city.deliver(hours=1)
    assert all_published(city) == 2


def test_what_came_back_is_scheduled_again_or_put_among_the_drafts(city):
    first, second = (city.schedule(city.approved("nord")) for _ in range(2))
    end(city, begin(city))
    again = city.schedule(city.post(first))
    assert city.post(again).hold is None
    back = city.act("Claire", "put_back", second.id, version=city.post(second).version)
    assert (back.state, back.publish_at) == (PostState.DRAFT, None)
    city.deliver(hours=1)
    assert all_published(city) == 1


def test_no_first_comment_follows_during_it(city):
    said = {city.accounts["nord"]: Written("Bonjour", first_comment="Info : 311")}
    post = city.act("Claire", "create", Draft("Avis", said))
    post = city.judge("Gilles", city.act("Claire", "submit", post.id, version=post.version))
    city.schedule(post)
    city.deliver(hours=1)
    begin(city)
    city.deliver(minutes=1)
    assert [effect.state for effect in city.effects()] == [EffectState.DONE, EffectState.CANCELLED]
    assert not city.networks[city.accounts["nord"]].done


def test_who_may_pause_what(city):
    with pytest.raises(Refused, match="hold_reason"):
        begin(city, reason=" ")
    with pytest.raises(Refused, match="place_not_yours"):
        begin(city, "Sylvie")
    with pytest.raises(Refused, match="place_not_yours"):
        begin(city, "Sylvie", borough_id=city.boroughs["nord"])
    with pytest.raises(Refused, match="place_not_yours"):
        begin(city, account_id=999)
    south = begin(city, "Sylvie", borough_id=city.boroughs["sud"])
    with pytest.raises(Refused, match="already_held"):
        begin(city, borough_id=city.boroughs["sud"])
    whole = begin(city)
    with city.database.read() as session:
        seen = {
            who: [one.id for one in holding.live(session, city.people[who])] for who in ("Sylvie", "Gilles", "Ariane")
        }
    assert seen == {"Sylvie": [whole.id, south.id], "Gilles": [whole.id, south.id], "Ariane": []}
    with pytest.raises(NotFound):
        end(city, whole, "Sylvie")
    end(city, south, "Sylvie")
    with pytest.raises(Refused, match="hold_over"):
        end(city, south)


def test_a_pause_is_in_the_journal_without_its_reason(city):
    city.schedule(city.approved("nord"))
    end(city, begin(city))
    with city.database.read() as session:
        told = session.execute(
            select(AuditEntry.action, AuditEntry.data).where(AuditEntry.action.startswith("hold."))
        ).all()
    assert [tuple(one) for one in told] == [("hold.began", {"posts": 1}), ("hold.ended", {})]

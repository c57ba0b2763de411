"""A campaign groups posts, and its name goes into their links, on the networks where a link can be followed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

import pytest

from models.errors import NotFound, Refused
from models.vocabulary import PostState
from publishing import approval, campaigns, checks, drafting, planning
from publishing.campaigns import Outline, untagged

PLAIN = Outline("Piscines", date(2026, 6, 1), date(2026, 8, 31), utm="piscines-2026")
COUNTED = "utm_source={}&utm_medium=social&utm_campaign=piscines-2026"


def begin(city, who: str = "Claire", outline: Outline = PLAIN, **place: int) -> int:
    with city.database.write() as session:
        return campaigns.create(session, city.people[who], outline, **place, now=city.now).id


def links(city, link: str, *names: str, campaign_id: int | None) -> dict[str, str | None]:
    post = city.act("Claire", "create", city.draft("Bonjour.", *names, link=link, campaign_id=campaign_id))
    names_of = {id_: name for name, id_ in city.accounts.items()}
    assert untagged(city.post(post)) == link, "the form shows what was typed"
    return {names_of[one.account_id]: one.link for one in post.variants}


def test_links_say_from_which_network_and_for_which_campaign_somebody_comes(city):
    id_ = begin(city)
    assert links(city, "https://ville.example/a", "nord", "ville", "images", campaign_id=id_) == {
        "nord": "https://ville.example/a?" + COUNTED.format("facebook"),
        "ville": "https://ville.example/a?" + COUNTED.format("linkedin"),
        "images": "https://ville.example/a",
    }
    asked = "https://ville.example/a?page=2&x=#bas"
    assert links(city, asked, "nord", campaign_id=id_) == {
        "nord": f"https://ville.example/a?page=2&x=&{COUNTED.format('facebook')}#bas"
    }
    by_hand = "https://ville.example/a?utm_campaign=autre"
    assert links(city, by_hand, "nord", campaign_id=id_) == {"nord": by_hand}
    assert links(city, "https://ville.example/a", "nord", campaign_id=None) == {"nord": "https://ville.example/a"}
    nameless = begin(city, outline=replace(PLAIN, utm=""))
    assert links(city, "https://ville.example/a", "nord", campaign_id=nameless) == {"nord": "https://ville.example/a"}


def test_an_approval_covers_the_link_as_it_goes_out(city):
    post = city.approved("nord", link="https://ville.example/a", campaign_id=begin(city))
    approved = approval.content_hash(post)
    draft = city.draft("Collecte reportée à mardi.", "nord", link="https://ville.example/a")
    post = city.act("Claire", "edit", post.id, draft, version=post.version)
    assert approval.content_hash(post) != approved
    post = city.act("Claire", "edit", post.id, replace(draft, campaign_id=begin(city)), version=post.version)
    assert approval.content_hash(post) == approved


def test_a_copy_stays_in_the_campaign(city):
    post = city.act("Claire", "create", city.draft(link="https://ville.example/a", campaign_id=begin(city)))
    copy = city.act("Claire", "duplicate", post.id)
    assert copy.campaign_id == post.campaign_id
    assert [one.link for one in copy.variants] == [one.link for one in post.variants]


def test_its_posts_are_counted_by_state_and_listed_as_far_as_they_are_seen(city):
    id_, other = begin(city), begin(city)
    city.act("Claire", "create", city.draft(campaign_id=id_))
    city.approved("sud", campaign_id=id_)
    seen = {}
    for who in ("Claire", "Sylvie", "Ariane"):
        with city.database.read() as session:
            counted = campaigns.counts(session, city.people[who], [id_, other])
            listed = planning.posts(session, city.people[who], campaign_id=id_)[0]
            assert len(listed) == sum(counted[id_].values())
            assert counted[other] == {}
            seen[who] = counted[id_]
    assert seen == {
        "Claire": {PostState.DRAFT: 1, PostState.APPROVED: 1},
        "Sylvie": {PostState.APPROVED: 1},
        "Ariane": {},
    }


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": " "}, "campaign_name"),
        ({"name": "x" * 201}, "campaign_name"),
        ({"ends_on": date(2026, 5, 31)}, "dates_reversed"),
        ({"budget": -1}, "budget_unreadable"),
        ({"budget": 10**10}, "budget_unreadable"),
        ({"utm": "Été"}, "utm_unreadable"),
        ({"utm": "x" * 61}, "utm_unreadable"),
        ({"unit": "x" * 101}, "longer_than_kept"),
    ],
)
def test_what_a_campaign_needs(city, change, code):
    with pytest.raises(Refused, match=code):
        begin(city, outline=replace(PLAIN, **change))


def test_a_campaign_has_a_place_and_nobody_else_sees_it_or_writes_in_it(city):
    north, south = city.boroughs["nord"], city.boroughs["sud"]
    with pytest.raises(Refused, match="place_not_yours"):
        begin(city, "Sylvie", borough_id=north)
    with pytest.raises(Refused, match="place_not_yours"):
        begin(city, "Sylvie")
    ours, theirs = begin(city, "Sylvie", borough_id=south), begin(city, borough_id=north)
    sylvie = city.people["Sylvie"]
    with city.database.read() as session:
        assert [one.id for one in campaigns.writable(session, sylvie)] == [ours]
        assert campaigns.campaign(session, sylvie, ours).name == "Piscines"
        with pytest.raises(NotFound):
            campaigns.campaign(session, sylvie, theirs)
    with pytest.raises(Refused, match="campaign_unknown"):
        city.act("Sylvie", "create", city.draft("Bonjour", "sud", campaign_id=theirs))
    # What a colleague put there stays when somebody who does not see it writes on.
    post = city.act("Claire", "create", city.draft("Bonjour", "sud", campaign_id=theirs))
    draft = city.draft("Bonsoir", "sud", campaign_id=theirs)
    assert city.act("Sylvie", "edit", post.id, draft, version=post.version).campaign_id == theirs


def test_a_campaign_with_posts_stays_and_two_people_do_not_overwrite_each_other(city):
    id_, claire = begin(city), city.people["Claire"]
    city.act("Claire", "create", city.draft(campaign_id=id_))
    with city.database.write() as session:
        campaigns.edit(session, claire, id_, replace(PLAIN, name="Baignades"), version=1, now=city.now)
    for change in (
        lambda session: campaigns.edit(session, claire, id_, PLAIN, version=1, now=city.now),
        lambda session: campaigns.remove(session, claire, id_, version=1, now=city.now),
    ):
        with pytest.raises(Refused, match="campaign_changed"), city.database.write() as session:
            change(session)
    with pytest.raises(Refused, match="campaign_used"), city.database.write() as session:
        campaigns.remove(session, claire, id_, version=2, now=city.now)
    empty = begin(city)
    with city.database.write() as session:
        campaigns.remove(session, claire, empty, version=1, now=city.now)
    with city.database.read() as session:
        listed, _ = campaigns.campaigns(session, claire, since=date(2026, 8, 31))
        assert [one.name for one in listed] == ["Baignades"]
        assert campaigns.campaigns(session, claire, since=date(2026, 9, 1))[0] == []


def test_while_writing_the_days_and_the_name_of_the_campaign_are_looked_at(city):
    id_ = begin(city, outline=replace(PLAIN, utm=""))
    draft = city.draft("Bonjour tout le monde.", "nord", link="https://ville.example", campaign_id=id_)
    with city.database.read() as session:
        (one,) = drafting.drafted(session, city.people["Claire"], None, replace(draft, publish_at=city.now))
    assert one.campaign is not None
    found = {finding.code for finding in checks.look([one], now=city.now, zone=ZoneInfo("America/Toronto"))}
    assert {"untracked", "outside_campaign"} <= found

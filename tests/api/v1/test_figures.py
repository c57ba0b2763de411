"""What the networks counted of each post, and what advertisements cost: for a dashboard elsewhere."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models.comments import Comment, SourcePost
from models.figures import PostFigures
from models.vocabulary import PostKind, Role

API = "/api/v1"
COUNTS = ("reach", "views", "reactions", "comments", "shares", "clicks")


@pytest.fixture
def publish(town):
    """A post on the network under one account; the counts of some days, oldest first."""

    def published(account_id: int, *days: dict[str, int], **more: object) -> int:
        with town.parvis.database.write() as session:
            post = SourcePost(account_id=account_id, **({"external_id": "104_1", "text": "Le parc ouvre"} | more))
            session.add(post)
            session.flush()
            for number, counts in enumerate(days):
                at = town.now - timedelta(days=len(days) - 1 - number)
                counted = dict.fromkeys(COUNTS) | counts
                session.add(PostFigures(source_post_id=post.id, day=at.date(), at=at, **counted))
            return post.id

    return published


def commented(town, account_id, post_id):
    (comment_id,) = town.waiting(account_id, "Et ma rue?")
    with town.parvis.database.write() as session:
        session.get_one(Comment, comment_id).source_post_id = post_id
    return comment_id


AD = {
    "kind": PostKind.AD,
    "ad_id": "2385",
    "campaign_id": "2384",
    "spend_micros": 12_340_000,
    "currency": "CAD",
    "permalink": "https://www.facebook.com/104/posts/1",
}


def test_a_comment_says_what_it_stands_under(town, publish):
    account, reader = town.account(), town.person("Mona", (Role.MODERATOR, None))
    post_id = publish(account, {"reach": 5}, {"reach": 700, "reactions": 40}, created_at=town.now, **AD)
    comment = commented(town, account, post_id)
    seen = town.client.get(f"{API}/comments/{comment}", headers=reader).json()["post"]
    assert (seen["id"], seen["external_id"], seen["account_id"]) == (post_id, "104_1", account)
    assert (seen["kind"], seen["text"], seen["permalink"]) == ("ad", "Le parc ouvre", AD["permalink"])
    assert (seen["ad_id"], seen["campaign_id"]) == ("2385", "2384")
    assert (seen["spend_micros"], seen["currency"]) == (12_340_000, "CAD")
    counted = {"day": "2026-01-15", "at": "2026-01-15T14:00:00Z", "reach": 700, "reactions": 40}
    assert seen["figures"] == dict.fromkeys(COUNTS) | counted


def test_a_comment_may_stand_under_nothing_that_was_counted(town, publish):
    account, reader = town.account(), town.person("Mona", (Role.MODERATOR, None))
    (alone,) = town.waiting(account, "Rapide")
    assert town.client.get(f"{API}/comments/{alone}", headers=reader).json()["post"] is None
    under = commented(town, account, publish(account))
    seen = town.client.get(f"{API}/comments/{under}", headers=reader).json()["post"]
    assert (seen["figures"], seen["spend_micros"], seen["currency"]) == (None, None, None)


def test_what_somebody_else_wrote_is_not_shown_as_the_citys(town, publish):
    """It is the comment's own text, and is disposed of with it."""
    account, reader = town.account(), town.person("Mona", (Role.MODERATOR, None))
    post_id = publish(account, kind=PostKind.MENTIONING, text="@Ville dort")
    comment = commented(town, account, post_id)
    assert town.client.get(f"{API}/comments/{comment}", headers=reader).json()["post"]["text"] is None
    listed = town.client.get(f"{API}/figures/posts", headers=town.key("accounts:read")).json()
    assert listed["items"] == []


def test_posts_are_listed_with_their_last_figures_and_their_cost(town, publish):
    account, other = town.account(), town.account("205")
    first = publish(account, {"reach": 1}, {"reach": 2}, **AD)
    second = publish(account, external_id="104_2")
    third = publish(other, {"views": 9}, external_id="205_1")
    key, path, seen = town.key("accounts:read"), f"{API}/figures/posts?limit=2", []
    while path:
        answer = town.client.get(path, headers=key)
        seen += answer.json()["items"]
        link = answer.headers.get("link")
        path = link and link[1 : link.index(">")]
    assert [one["id"] for one in seen] == [third, second, first]
    assert [one["figures"] and (one["figures"]["reach"], one["figures"]["views"]) for one in seen] == [
        (None, 9),
        None,
        (2, None),
    ]
    assert [one["spend_micros"] for one in seen] == [None, None, 12_340_000]
    narrowed = town.client.get(f"{API}/figures/posts", params={"account": other}, headers=key).json()["items"]
    assert [one["id"] for one in narrowed] == [third]
    assert town.client.get(f"{API}/figures/posts", headers=town.key("figures:read")).status_code == 403


def test_somebody_of_one_borough_sees_the_posts_of_its_accounts(town, publish):
    here, there = town.add_borough("nord"), town.add_borough("sud")
    ours = publish(town.account("1", borough_id=here), external_id="1_1")
    publish(town.account("2", borough_id=there), external_id="2_1")
    reader = town.person("Nora", (Role.COMMUNICATIONS, here))
    listed = town.client.get(f"{API}/figures/posts", headers=reader).json()["items"]
    assert [one["id"] for one in listed] == [ours]

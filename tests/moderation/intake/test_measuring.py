"""What a network counts is kept once a day; a network that says nothing is not asked again and again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from connectors.base import Figures, PostCounts, PostSeen
from models import figures
from models.accounts import Account
from models.comments import SourcePost
from models.errors import PermissionMissing, Rejected, Throttled, Transient
from models.posts import Post, Variant
from models.vocabulary import ChannelState, PostKind
from moderation.intake import measuring


@pytest.fixture(autouse=True)
def read_already(city):
    with city.database.write() as session:
        session.get_one(Account, city.accounts["nord"]).pulled_at = city.now
    city.store(
        PostSeen("post-1", "Bonjour", None, city.now - timedelta(days=2)),
        PostSeen("post-2", "Bonsoir", None, city.now),
        PostSeen("elsewhere", None, None, city.now, kind=PostKind.MENTIONING),
    )


def measure(city):
    """Every account whose turn it is; how many."""
    with city.database.read() as session:
        due = measuring.accounts_to_measure(session, now=city.now)
    for account_id in due:
        measuring.measure(city.database, city.locks, lambda _: city.network, account_id, clock=city.clock)
    return len(due)


def kept(city):
    with city.database.read() as session:
        followers = session.scalars(select(figures.AccountFigures.followers).order_by(figures.AccountFigures.day))
        reach = session.scalars(select(figures.PostFigures.reach).order_by(figures.PostFigures.day))
        return list(followers), list(reach)


def test_once_a_day(city):
    city.network.counts = Figures(1200, {"post-1": PostCounts(reach=300), "unasked": PostCounts(reach=1)})
    assert [measure(city), measure(city)] == [1, 0]
    city.clock.pass_(days=1)
    city.network.counts = Figures(1201, {"post-1": PostCounts(reach=310)})
    assert measure(city) == 1
    assert kept(city) == ([1200, 1201], [300, 310])
    assert city.network.measured[0] == ["post-2", "post-1"]


@pytest.mark.parametrize("error", [PermissionMissing("read_insights"), Rejected("100")])
def test_a_network_that_refuses_is_asked_again_tomorrow_and_nothing_else_stops(city, error):
    city.network.counts = error
    assert [measure(city), measure(city)] == [1, 0]
    assert kept(city) == ([None], [])
    with city.database.read() as session:
        assert session.get_one(Account, city.accounts["nord"]).state == ChannelState.ACTIVE


def test_no_answer_is_not_a_figure(city):
    city.network.counts = Transient()
    assert [measure(city), measure(city)] == [1, 1]
    city.network.counts = Throttled(city.now + timedelta(hours=2))
    assert [measure(city), measure(city)] == [1, 0]
    assert kept(city) == ([], [])


# ------------------------------------------------------------------------------------------ at each age
@pytest.fixture
def out(city):
    """Two posts of ours on one account, that went out now and a day ago."""
    with city.database.write() as session:
        there = {one.external_id: one for one in session.scalars(select(SourcePost))}
        author = city.people["Ariane"].person_id
        for name, hours in (("post-1", 24), ("post-2", 0)):
            post = Post(title=name, author_id=author, created_at=city.now)
            session.add(post)
            session.flush()
            variant = Variant(post_id=post.id, account_id=city.accounts["nord"], text="Bonjour")
            variant.source_post_id, variant.published_at = there[name].id, city.now - timedelta(hours=hours)
            session.add(variant)


def mark(city):
    """Every account with a post that has come to a mark; how many."""
    with city.database.read() as session:
        due = measuring.accounts_to_mark(session, now=city.now)
    for account_id in due:
        measuring.mark(city.database, city.locks, lambda _: city.network, account_id, clock=city.clock)
    return len(due)


def marks(city):
    with city.database.read() as session:
        found = select(SourcePost.external_id, figures.PostMark.hours, figures.PostMark.reach)
        found = found.join(SourcePost, SourcePost.id == figures.PostMark.source_post_id)
        return [tuple(row) for row in session.execute(found.order_by(SourcePost.external_id, figures.PostMark.hours))]


def test_each_post_is_counted_once_at_each_age(city, out):
    city.network.counts = Figures(None, {"post-1": PostCounts(reach=300), "post-2": PostCounts(reach=4)})
    assert [mark(city), mark(city)] == [1, 0]
    assert marks(city) == [("post-1", 24, 300)]
    assert city.network.measured == [["post-1"]]
    city.clock.pass_(hours=1)
    assert [mark(city), mark(city)] == [1, 0]
    for days in (1, 6, 21):
        city.clock.pass_(days=days)
        mark(city)
    assert [(name, hours) for name, hours, _ in marks(city)] == [
        ("post-1", 24),
        ("post-1", 168),
        ("post-1", 672),
        ("post-2", 1),
        ("post-2", 24),
        ("post-2", 168),
        ("post-2", 672),
    ]


def test_what_comes_much_later_than_its_mark_is_not_taken_for_it(city, out):
    city.clock.pass_(hours=1, minutes=31)
    city.network.counts = Figures(None, {"post-1": PostCounts(reach=300), "post-2": PostCounts(reach=4)})
    mark(city)
    assert marks(city) == [("post-1", 24, 300)]
    city.clock.pass_(days=400)
    assert mark(city) == 0


def test_a_network_that_says_nothing_at_a_mark_is_not_asked_again(city, out):
    city.network.counts = PermissionMissing("read_insights")
    assert [mark(city), mark(city)] == [1, 0]
    assert marks(city) == [("post-1", 24, None)]
    city.clock.pass_(hours=1)
    city.network.counts = Transient()
    assert [mark(city), mark(city)] == [1, 1], "no answer is no figure"

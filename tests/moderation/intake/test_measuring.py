"""What a network counts is kept once a day; a network that says nothing is not asked again and again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from connectors.base import Figures, PostCounts, PostSeen
from models import figures
from models.accounts import Account
from models.errors import PermissionMissing, Rejected, Throttled, Transient
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

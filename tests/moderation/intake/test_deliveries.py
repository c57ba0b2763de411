"""Deliveries are kept and parsed; nothing is lost when something goes wrong in the middle."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from administration import retention
from connectors.base import Event, Unreadable
from models.accounts import Account, Delivery, SetAside
from models.comments import Comment
from models.vocabulary import DeliveryState
from moderation.intake import deliveries as ingest


def receive(city, raw):
    with city.database.write() as session:
        ingest.receive(session, "facebook", raw, now=city.now)


def told(city, *changes, page="page-nord"):
    receive(city, city.webhook.body(*(Event(page, change) for change in changes)))


def parse(city):
    return ingest.parse_due(city.database, lambda _: city.webhook, now=city.now)


def comments(city):
    with city.database.read() as session:
        return list(session.scalars(select(Comment.external_id).order_by(Comment.external_id)))


def deliveries(city):
    with city.database.read() as session:
        return [DeliveryState(state) for state in session.scalars(select(Delivery.state).order_by(Delivery.id))]


def set_aside(city):
    with city.database.read() as session:
        return session.scalars(select(SetAside).where(SetAside.settled_at.is_(None)).order_by(SetAside.id)).all()


# ------------------------------------------------------------------------------------------ deliveries
def test_deliveries_are_parsed_once(city):
    told(city, city.seen("1"), city.seen("2"))
    told(city, city.seen("3"), page="page-sud")
    assert parse(city) == 2
    assert parse(city) == 0
    assert comments(city) == ["1", "2", "3"]


def test_one_unreadable_change_does_not_lose_its_neighbours(city, unreadable):
    told(city, city.seen("1"), unreadable, city.seen("2"))
    receive(city, city.webhook.body(Event(None, city.seen("3")), Event("page-nord", city.seen("4"))))
    parse(city)
    assert comments(city) == ["1", "2", "4"]
    assert [entry.reason for entry in set_aside(city)] == ["value", "no_account"]


def test_a_body_that_is_not_json_is_kept_and_said(city):
    receive(city, b"{not json")
    told(city, city.seen("1"))
    parse(city)
    assert deliveries(city) == [DeliveryState.UNREADABLE, DeliveryState.PARSED]
    assert comments(city) == ["1"]


def test_a_delivery_that_breaks_everything_is_isolated(city):
    told(city, city.seen("1"))
    receive(city, b"null")
    told(city, city.seen("2"))
    assert parse(city) == 3
    assert deliveries(city) == [DeliveryState.PARSED, DeliveryState.UNREADABLE, DeliveryState.PARSED]
    assert comments(city) == ["1", "2"]
    assert parse(city) == 0


def test_a_change_that_breaks_storing_does_not_lose_its_delivery(city):
    told(city, city.seen("1"), city.seen("2", text=12), city.seen("3"))
    parse(city)
    assert deliveries(city) == [DeliveryState.PARSED]
    assert comments(city) == ["1", "3"]
    assert "external_id='2'" in set_aside(city)[0].raw


def test_a_failing_database_says_nothing_about_a_delivery(city, monkeypatch):
    told(city, city.seen("1"))

    def fails(*_, **__):
        raise OperationalError("select", {}, Exception("the server went away"))

    with monkeypatch.context() as broken:
        broken.setattr(ingest, "store", fails)
        with pytest.raises(OperationalError):
            parse(city)
    assert deliveries(city) == [DeliveryState.RECEIVED]
    assert parse(city) == 1
    assert comments(city) == ["1"]


def test_an_unknown_account_is_kept_and_parsed_when_it_is_added(city, unreadable):
    body = city.webhook.body(
        Event("page-neuve", city.seen("1")),
        Event("page-nord", city.seen("2")),
        Event("page-nord", unreadable),
        Event("page-autre", city.seen("3")),
    )
    receive(city, body)
    parse(city)
    assert comments(city) == ["2"]
    assert sorted(entry.reason for entry in set_aside(city)) == ["unroutable", "unroutable", "value"]
    city.clock.pass_(days=retention.RAW_DAYS + 1)
    with city.database.write() as session:
        assert retention.forget_raw_due(session, retention.Rule(365, None), now=city.now) == 0
        old = session.get_one(Account, city.accounts["nord"])
        new = Account(
            network=old.network,
            external_id="page-neuve",
            name="Ville – neuve",
            token_closed="",
            token_since=city.now,
            pull_due_at=city.now,
            created_at=city.now,
        )
        session.add(new)
        session.flush()
        assert ingest.reroute(session, new, now=city.now) == 1
    parse(city)
    assert comments(city) == ["1", "2"]
    # What is still open is said once, not once more for each parsing.
    left = set_aside(city)
    assert sorted((entry.reason, entry.account_external_id) for entry in left) == [
        ("unroutable", "page-autre"),
        ("value", "page-nord"),
    ]


def test_parsing_costs_the_same_for_many_deliveries(city):
    def cost(number, prefix):
        for i in range(number):
            told(city, city.seen(f"{prefix}{i}", author_external_id=f"{prefix}{i}"))
        with city.counting() as statements:
            parse(city)
        return len([s for s in statements if not (city.database.sqlite and s.startswith("INSERT"))])

    told(city, city.seen("1"))
    parse(city)  # The post is there.
    assert cost(2, "a") == cost(40, "b")


def test_raw_bodies_are_forgotten_after_their_delay_and_comments_stay(city):
    told(city, city.seen("1"))
    receive(city, b"{not json")
    parse(city)
    city.clock.pass_(days=retention.RAW_DAYS + 1)
    with city.database.write() as session:
        assert retention.forget_raw_due(session, retention.Rule(365, None), now=city.now) == 1
        assert session.scalar(select(func.count()).where(Delivery.raw.is_not(None))) == 1
    assert comments(city) == ["1"]


def test_unreadable_keeps_what_it_could_not_understand(city):
    told(city, Unreadable("verb", '{"verb":"\ud800"}'))
    parse(city)
    assert set_aside(city)[0].raw == '{"verb":"?"}'

"""Deliveries are parsed and pages are read; nothing is lost when something goes wrong in the middle."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from connectors.base import Event, Page, Unreadable, Usage
from models.accounts import Account, Delivery, SetAside
from models.comments import Comment
from models.errors import PermissionMissing, Rejected, Throttled, TokenInvalid, Transient
from models.vocabulary import AccountState, DeliveryState, NetworkName
from moderation import ingest, retention

EVERY = timedelta(minutes=5)


def receive(city, raw):
    with city.database.write() as session:
        ingest.receive(session, NetworkName.FACEBOOK, raw, now=city.now)


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


def account(city, name="nord"):
    with city.database.read() as session:
        return session.get_one(Account, city.accounts[name])


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
        assert retention.forget_raw_due(session, now=city.now) == 0
        old = session.get_one(Account, city.accounts["nord"])
        new = Account(
            network=old.network,
            external_id="page-neuve",
            name="Ville – neuve",
            token_closed="",
            state_since=city.now,
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


# ------------------------------------------------------------------------------------------ pulls
def page(city, number, *ids, more=True, usage=None):
    seen = tuple(city.seen(external_id, source="pull") for external_id in ids)
    return Page(posts=(), comments=seen, cursor=str(number + 1), more=more, calls=1, usage=usage)


def pull(city, name="nord", **more):
    return ingest.pull(
        city.database,
        city.locks,
        lambda _: city.network,
        city.accounts[name],
        clock=city.clock,
        every=EVERY,
        **more,
    )


def test_a_round_reads_every_page_and_says_when_it_is_whole(city):
    city.network.pages = [page(city, 0, "1", "2"), page(city, 1, "3", more=False)]
    assert pull(city) == 3
    assert comments(city) == ["1", "2", "3"]
    kept = account(city)
    assert (kept.cursor, kept.pulled_at, kept.pull_due_at) == ("2", city.now, city.now + EVERY)


@pytest.mark.parametrize(
    "error",
    [Throttled(None), Transient(), PermissionMissing("pages_read_user_content"), RuntimeError("a fault of ours")],
    ids=lambda error: type(error).__name__,
)
def test_an_error_in_the_middle_loses_nothing_and_repeats_nothing(city, error):
    if isinstance(error, Throttled):
        error = Throttled(city.now + timedelta(minutes=30))
    city.network.pages = [page(city, 0, "1"), error, page(city, 2, "3", more=False)]
    if isinstance(error, RuntimeError):
        with pytest.raises(RuntimeError):
            pull(city)
    else:
        assert pull(city) == 1
    assert comments(city) == ["1"]
    kept = account(city)
    assert (kept.cursor, kept.pulled_at, kept.pull_due_at) == ("1", None, city.now + EVERY)
    started = city.now
    city.network.pages[1] = page(city, 1, "2")
    city.clock.pass_(minutes=40)
    assert pull(city) == 2
    assert city.network.cursors == [None, "1", "1", "2"]
    assert comments(city) == ["1", "2", "3"]
    # What was on the page when the round began is here; what came later is for the next round.
    assert account(city).pulled_at == started


def test_a_crash_before_the_commit_reads_the_page_again(city, monkeypatch):
    city.network.pages = [page(city, 0, "1"), page(city, 1, "2", more=False)]
    stored = []

    def killed(session, account, changes, *, now):
        if stored:
            raise KeyboardInterrupt
        stored.append(changes)
        store(session, account, changes, now=now)

    store = ingest.store
    with monkeypatch.context() as crash:
        crash.setattr(ingest, "store", killed)
        with pytest.raises(KeyboardInterrupt):
            pull(city)
    assert (account(city).cursor, comments(city)) == ("1", ["1"])
    assert pull(city) == 1
    assert comments(city) == ["1", "2"]


def due(city):
    with city.database.read() as session:
        return set(ingest.pulls_due(session, now=city.now))


def test_a_throttled_account_stops_alone_and_goes_on_after(city):
    until = city.now + timedelta(minutes=30)
    city.network.pages = [Throttled(until)]
    assert due(city) == set(city.accounts.values())
    assert pull(city) == 0
    assert account(city).throttled_until == until
    city.clock.pass_(minutes=20)
    assert due(city) == {city.accounts["sud"], city.accounts["ville"]}
    city.clock.pass_(minutes=10)
    assert city.accounts["nord"] in due(city)


def test_a_dead_token_stops_its_account_alone_and_says_why(city):
    city.network.pages = [page(city, 0, "1"), TokenInvalid("expired" * 40)]
    assert pull(city) == 1
    kept = account(city)
    assert kept.state == AccountState.TOKEN_INVALID
    assert kept.state_reason.startswith("expired")
    city.clock.pass_(hours=1)
    assert due(city) == {city.accounts["sud"], city.accounts["ville"]}
    assert comments(city) == ["1"]
    city.network.pages[1] = page(city, 1, "2", more=False)
    pull(city)
    assert account(city).state == AccountState.ACTIVE


def test_a_missing_permission_is_named(city):
    city.network.pages = [PermissionMissing("pages_read_user_content")]
    pull(city)
    kept = account(city)
    assert (kept.state, kept.state_reason) == (AccountState.PERMISSION_MISSING, "pages_read_user_content")


def test_an_account_that_the_network_refuses_to_read_says_so_until_it_is_read(city):
    city.network.pages = [Rejected("100"), page(city, 0, "1", more=False)]
    pull(city)
    kept = account(city)
    assert (kept.state, kept.state_reason) == (AccountState.ACTIVE, "100")
    del city.network.pages[0]
    pull(city)
    kept = account(city)
    assert (kept.state, kept.state_reason) == (AccountState.ACTIVE, None)


def test_a_pause_that_the_network_asks_for_is_kept(city):
    resume_at = city.now + timedelta(minutes=15)
    city.network.pages = [page(city, 0, "1", usage=Usage(96.0, resume_at)), page(city, 1, "2", more=False)]
    assert pull(city) == 1
    assert len(city.network.cursors) == 1
    kept = account(city)
    assert (kept.usage_percent, kept.throttled_until) == (96.0, resume_at)
    city.clock.pass_(minutes=15)
    assert city.accounts["nord"] in due(city)
    assert pull(city) == 1
    assert comments(city) == ["1", "2"]


def test_one_bad_comment_does_not_hold_the_cursor(city):
    bad = replace(page(city, 0, "1", "2", more=False))
    city.network.pages = [replace(bad, comments=(*bad.comments, city.seen("3", text=12, source="pull")))]
    assert pull(city) == 3
    assert account(city).cursor == "1"
    assert comments(city) == ["1", "2"]
    assert len(set_aside(city)) == 1


def test_two_pulls_of_one_account_never_meet(city):
    city.network.pages = [page(city, 0, "1", more=False)]
    with city.locks.try_hold(f"pull:{city.accounts['nord']}") as ours:
        assert ours
        assert pull(city) == 0
    assert city.network.cursors == []


def test_raw_bodies_are_forgotten_after_their_delay_and_comments_stay(city):
    told(city, city.seen("1"))
    receive(city, b"{not json")
    parse(city)
    city.clock.pass_(days=retention.RAW_DAYS + 1)
    with city.database.write() as session:
        assert retention.forget_raw_due(session, now=city.now) == 1
        assert session.scalar(select(func.count()).where(Delivery.raw.is_not(None))) == 1
    assert comments(city) == ["1"]


def test_unreadable_keeps_what_it_could_not_understand(city):
    told(city, Unreadable("verb", '{"verb":"\ud800"}'))
    parse(city)
    assert set_aside(city)[0].raw == '{"verb":"?"}'

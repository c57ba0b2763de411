"""Tokens are checked, warned about once, and renewed without ever losing one that works."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import select

from administration import tokens as checks
from connectors.base import Health, Offered, Told
from models.accounts import Account
from models.audit import AuditEntry
from models.errors import NotFound, PermissionMissing, Rejected, Throttled, TokenInvalid, Transient
from models.session import vault_of
from models.vocabulary import ChannelState


def health(expires_at=None, missing=(), reason=None):
    return Health(valid=reason is None, reason=reason, expires_at=expires_at, missing=missing)


@dataclass
class Tokens:
    """A network that knows tokens, and gives newer ones as the test says."""

    known: dict[str, Health | Exception] = field(default_factory=dict)
    newer: Offered | Exception | None = None
    asked: list[str] = field(default_factory=list)
    deaf: Exception | None = None
    """Why the network will not tell what happens."""
    refused: tuple[str, ...] = ()
    """What it does not tell of."""
    listened: list[str] = field(default_factory=list)
    refreshed: list[str | None] = field(default_factory=list)

    def open(self, reference):
        tokens = self

        class Opened:
            def health(self):
                tokens.asked.append(reference.token)
                said = tokens.known[reference.token]
                if isinstance(said, Exception):
                    raise said
                return said

            def listen(self):
                tokens.listened.append(reference.token)
                if tokens.deaf is not None:
                    raise tokens.deaf
                return Told(told=True, refused=tokens.refused)

        return Opened()

    def consent(self, network):
        return self

    def refresh(self, account, refresh_token):
        self.refreshed.append(refresh_token)
        if isinstance(self.newer, Exception):
            raise self.newer
        return self.newer


@pytest.fixture
def tokens(city):
    """The account `nord` with a token that works for two months."""
    with city.database.write() as session:
        account = session.get_one(Account, city.accounts["nord"])
        account.token_closed = vault_of(session).close("old")
    return Tokens({"old": health(city.now + timedelta(days=60))})


def check(city, tokens, **more):
    given = {"network_with": tokens.open, "consent_of": tokens.consent} | more
    checks.check(
        city.database,
        city.locks,
        given["network_with"],
        given["consent_of"],
        city.accounts["nord"],
        clock=city.clock,
    )
    return account(city)


def account(city):
    with city.database.read() as session:
        return session.get_one(Account, city.accounts["nord"])


def due(city):
    with city.database.read() as session:
        return city.accounts["nord"] in checks.accounts_to_check(session, now=city.now)


def token(city, field_="token_closed"):
    with city.database.read() as session:
        closed = getattr(session.get_one(Account, city.accounts["nord"]), field_)
        return vault_of(session).open(closed) if closed else None


def said(city):
    with city.database.read() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.action.like("account_%")).order_by(AuditEntry.id))
        return [(entry.action, entry.data) for entry in entries]


def offered(city, name="new", **more):
    given = {"expires_at": city.now + timedelta(days=60), "missing": ()} | more
    return Offered("facebook", "page-nord", "Ville", name, **given)


def test_a_token_is_checked_every_six_hours(city, tokens):
    assert due(city), "it never was"
    kept = check(city, tokens)
    assert (kept.checked_at, kept.token_expires_at) == (city.now, city.now + timedelta(days=60))
    assert not due(city)
    city.clock.pass_(hours=6)
    assert due(city)


def test_missing_permissions_are_named_once_and_cleared_by_a_check(city, tokens):
    tokens.known["old"] = health(missing=("pages_manage_posts", "pages_manage_engagement"))
    for _ in range(2):
        kept = check(city, tokens)
    names = ["pages_manage_engagement", "pages_manage_posts"]
    assert (kept.state, kept.missing) == (ChannelState.PERMISSION_MISSING, names)
    assert said(city) == [("account_permission_missing", {"missing": names})]
    tokens.known["old"] = health()
    kept = check(city, tokens)
    assert (kept.state, kept.missing, kept.reason) == (ChannelState.ACTIVE, [], None)


def test_the_end_of_a_token_is_warned_about_at_14_7_and_1_days_once_each(city, tokens):
    end = city.now + timedelta(days=16)
    tokens.known["old"] = health(end)
    while city.now < end:
        check(city, tokens, consent_of=lambda name: (_ for _ in ()).throw(NotFound(name)))
        city.clock.pass_(hours=6)
    assert said(city) == [("account_token_expires", {"days": days}) for days in (14, 7, 1)]


def test_a_check_that_was_late_warns_once(city, tokens):
    tokens.known["old"] = health(city.now + timedelta(hours=20))
    for _ in range(2):
        check(city, tokens)
    assert said(city) == [("account_token_expires", {"days": 1})]


def test_a_dead_token_is_said_once_and_may_come_back_to_life(city, tokens):
    tokens.known["old"] = health(reason="checkpoint")
    for _ in range(2):
        kept = check(city, tokens)
    assert (kept.state, kept.reason) == (ChannelState.TOKEN_INVALID, "checkpoint")
    assert said(city) == [("account_token_lost", {"reason": "checkpoint"})]
    city.clock.pass_(hours=6)
    assert due(city)
    tokens.known["old"] = health()
    kept = check(city, tokens)
    assert (kept.state, kept.pull_due_at) == (ChannelState.ACTIVE, city.now)


# ------------------------------------------------------------------------------------------ newer ones
def test_a_token_near_its_end_is_renewed_without_a_person(city, tokens):
    tokens.known |= {"old": health(city.now + timedelta(days=10)), "new": health()}
    tokens.newer = offered(city, refresh_token="again", refresh_expires_at=city.now + timedelta(days=300))
    kept = check(city, tokens)
    assert (token(city), token(city, "refresh_closed")) == ("new", "again")
    assert (kept.token_expires_at, kept.state) == (city.now + timedelta(days=60), ChannelState.ACTIVE)
    assert said(city) == [("account_token_renewed", {})], "nobody is warned about what is settled"
    check(city, tokens)
    assert tokens.refreshed == [None], "the next one is far from its end"


@pytest.mark.parametrize(
    ("newer", "new_health"),
    [
        (None, None),
        (Rejected("invalid_grant"), None),
        (Transient(), None),
        (TokenInvalid("revoked"), None),
        ("offered", health(reason="invalid")),
        ("offered", Transient()),
    ],
)
def test_nothing_takes_the_place_of_a_good_token_but_one_that_works(city, tokens, newer, new_health):
    tokens.known |= {"old": health(city.now + timedelta(days=10)), "new": new_health}
    tokens.newer = offered(city) if newer == "offered" else newer
    kept = check(city, tokens)
    assert (token(city), kept.state) == ("old", ChannelState.ACTIVE)
    assert said(city) == [("account_token_expires", {"days": 14})]


def test_a_token_that_expired_is_renewed_too(city, tokens):
    tokens.known |= {"old": health(reason="expired"), "new": health()}
    tokens.newer = offered(city)
    kept = check(city, tokens)
    assert (token(city), kept.state) == ("new", ChannelState.ACTIVE)


def test_connected_again_while_the_old_token_was_asked_about(city, tokens):
    def slow(reference):
        opened = tokens.open(reference)
        with city.database.write() as session:
            row = session.get_one(Account, city.accounts["nord"])
            row.token_closed = vault_of(session).close("chosen by a person")
        return opened

    tokens.known["old"] = health(reason="expired")
    kept = check(city, tokens, network_with=slow)
    assert (token(city), kept.state) == ("chosen by a person", ChannelState.ACTIVE)
    assert said(city) == []


# ------------------------------------------------------------------------------------------ no answer
def test_a_check_without_an_answer_says_nothing_and_comes_again_soon(city, tokens):
    tokens.known["old"] = Transient()
    kept = check(city, tokens)
    assert (kept.state, kept.checked_at) == (ChannelState.ACTIVE, None)
    assert not due(city)
    city.clock.pass_(minutes=15)
    assert due(city)


def test_a_throttled_account_is_not_checked_before_its_time(city, tokens):
    until = city.now + timedelta(hours=1)
    tokens.known["old"] = Throttled(until)
    assert check(city, tokens).paused_until == until
    city.clock.pass_(minutes=30)
    assert not due(city)
    check(city, tokens)
    assert tokens.asked == ["old"]


def test_a_fault_of_ours_is_not_repeated_every_minute(city, tokens):
    tokens.known["old"] = RuntimeError("nobody foresaw")
    with pytest.raises(RuntimeError):
        check(city, tokens)
    assert not due(city)


def test_each_check_asks_to_be_told_of_what_happens(city, tokens):
    check(city, tokens)
    check(city, tokens)
    assert tokens.listened == ["old", "old"], "a network forgets a subscription without a word"


def test_who_may_not_be_told_is_missing_a_permission_by_its_name(city, tokens):
    tokens.deaf = PermissionMissing("pages_manage_metadata")
    kept = check(city, tokens)
    assert (kept.state, kept.missing) == (ChannelState.PERMISSION_MISSING, ["pages_manage_metadata"])
    assert kept.checked_at == city.now


def test_what_a_network_does_not_tell_is_kept_until_it_does(city, tokens):
    tokens.refused = ("ratings",)
    assert check(city, tokens).untold == ["ratings"]
    tokens.deaf = Transient()
    assert check(city, tokens).untold == ["ratings"], "nobody knows better"
    tokens.deaf = Rejected("100")
    assert check(city, tokens).untold == ["*"]
    tokens.deaf, tokens.refused = None, ()
    assert check(city, tokens).untold == []


def test_a_network_that_does_not_answer_whether_it_tells_leaves_the_check_as_it_is(city, tokens):
    tokens.deaf = Transient()
    kept = check(city, tokens)
    assert (kept.state, kept.missing, kept.checked_at) == (ChannelState.ACTIVE, [], city.now)


@pytest.mark.parametrize("met", ["while listening", "while renewing", "by the newer token"])
def test_a_pause_asked_for_at_any_step_of_a_check_is_kept_by_all(city, tokens, met):
    until = city.now + timedelta(hours=1)
    if met == "while listening":
        tokens.deaf = Throttled(until)
    else:
        tokens.known["old"] = health(city.now + timedelta(days=10))
        tokens.newer = Throttled(until) if met == "while renewing" else offered(city)
        tokens.known["new"] = Throttled(until)
    kept = check(city, tokens)
    assert (kept.state, kept.paused_until) == (ChannelState.ACTIVE, until)
    assert token(city) == "old"


def test_a_token_that_dies_while_the_account_is_asked_to_listen_is_dead(city, tokens):
    tokens.deaf = TokenInvalid("revoked")
    kept = check(city, tokens)
    assert (kept.state, kept.reason) == (ChannelState.TOKEN_INVALID, "revoked")


def test_a_dead_token_is_not_asked_to_listen(city, tokens):
    tokens.known["old"] = health(reason="expired")
    check(city, tokens)
    assert tokens.listened == []

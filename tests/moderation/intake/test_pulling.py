"""Pages are read in rounds; nothing is lost when something goes wrong in the middle, and no call is made too soon."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from connectors.base import Page, PostSeen, Progress, Usage
from models import channels
from models.accounts import Account, SetAside
from models.audit import AuditEntry
from models.comments import Comment, SourcePost
from models.effects import Effect
from models.errors import Blocked, PermissionMissing, Rejected, Throttled, TokenInvalid, Transient
from models.vocabulary import ChannelState, DecisionKind, EffectState
from moderation.intake import pulling

EVERY = timedelta(minutes=5)


def comments(city):
    with city.database.read() as session:
        return list(session.scalars(select(Comment.external_id).order_by(Comment.external_id)))


def account(city, name="nord"):
    with city.database.read() as session:
        return session.get_one(Account, city.accounts[name])


def set_aside(city):
    with city.database.read() as session:
        return session.scalars(select(SetAside).where(SetAside.settled_at.is_(None)).order_by(SetAside.id)).all()


def page(city, number, *ids, more=True, usage=None):
    seen = tuple(city.seen(external_id, source="pull") for external_id in ids)
    return Page(posts=(), comments=seen, cursor=str(number + 1), more=more, calls=1, usage=usage)


def pull(city, name="nord", **more):
    return pulling.pull(
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
    assert (kept.cursor, kept.pulled_at) == ("1", None)
    later = city.now + timedelta(minutes=30) if isinstance(error, Throttled) else city.now + EVERY
    assert later <= kept.pull_due_at < later + timedelta(minutes=1)
    started = city.now
    city.network.pages[1] = page(city, 1, "2")
    city.clock.pass_(minutes=40)
    assert pull(city) == 2
    assert city.network.cursors == [None, "1", "1", "2"]
    assert comments(city) == ["1", "2", "3"]
    # What was on the page when the round began is here; what came later is for the next round.
    assert account(city).pulled_at == started


def test_an_error_that_comes_with_a_page_ends_the_pull_and_the_cursor_moves(city):
    """One thread failed: what else was read is kept, and that it failed is remembered."""
    failed = replace(page(city, 0, "1"), error=Transient())
    city.network.pages = [failed, page(city, 1, "2", more=False)]
    assert pull(city) == 1
    kept = account(city)
    assert (kept.cursor, kept.pull_due_at, comments(city)) == ("1", city.now + EVERY, ["1"])
    assert len(city.network.cursors) == 1
    pull(city)
    assert comments(city) == ["1", "2"]


def test_an_error_that_comes_with_a_page_says_nothing_good_of_the_account(city):
    with city.database.write() as session:
        kept = session.get_one(Account, city.accounts["nord"])
        kept.token_lost, kept.token_since, kept.usage_percent = "expired", city.now, 95.0
    city.network.pages = [replace(page(city, 0), error=Transient())]
    pull(city)
    kept = account(city)
    assert (kept.state, kept.usage_percent) == (ChannelState.TOKEN_INVALID, 95.0)
    assert kept.pull_due_at >= city.now + pulling.PROBE_EVERY


def test_a_permission_that_comes_with_a_page_is_named_and_the_pull_goes_on(city):
    lacking = replace(page(city, 0, "1"), missing=("pages_manage_ads",))
    city.network.pages = [lacking, page(city, 1, "2", more=False)]
    assert pull(city) == 2
    kept = account(city)
    assert (kept.state, kept.reason) == (ChannelState.PERMISSION_MISSING, "pages_manage_ads")


def test_a_crash_before_the_commit_reads_the_page_again(city, monkeypatch):
    city.network.pages = [page(city, 0, "1"), page(city, 1, "2", more=False)]
    stored = []

    def killed(session, account, changes, *, now):
        if stored:
            raise KeyboardInterrupt
        stored.append(changes)
        store(session, account, changes, now=now)

    store = pulling.store
    with monkeypatch.context() as crash:
        crash.setattr(pulling, "store", killed)
        with pytest.raises(KeyboardInterrupt):
            pull(city)
    assert (account(city).cursor, comments(city)) == ("1", ["1"])
    assert pull(city) == 1
    assert comments(city) == ["1", "2"]


def due(city):
    with city.database.read() as session:
        return set(pulling.accounts_to_pull(session, now=city.now))


def test_a_throttled_account_stops_alone_and_goes_on_after(city):
    until = city.now + timedelta(minutes=30)
    city.network.pages = [Throttled(until)]
    assert due(city) == set(city.accounts.values())
    assert pull(city) == 0
    assert account(city).paused_until == until
    city.clock.pass_(minutes=20)
    assert due(city) == {city.accounts["sud"], city.accounts["ville"]}
    city.clock.pass_(minutes=11)
    assert city.accounts["nord"] in due(city)


@pytest.mark.parametrize("lacking", [(), ("pages_manage_ads",)])
def test_a_block_is_said_until_a_page_that_was_asked_for_after_it_is_read(city, lacking):
    nord, began = city.accounts["nord"], city.now

    def hear(error):
        with city.database.write() as session:
            channels.record_error(
                session, channels.lock(session, Account, nord), error, asked_at=city.now, now=city.now
            )

    if lacking:
        hear(PermissionMissing(*lacking))
    city.network.pages, answered = [page(city, 0, "1", more=False)], city.network.pull

    def blocked_meanwhile(cursor, calls):
        hear(Blocked(began + timedelta(hours=6)))
        return answered(cursor, calls)

    city.network.pull = blocked_meanwhile
    pull(city)
    assert comments(city) == ["1"]
    assert account(city).blocked(city.now)
    assert nord not in due(city)
    city.clock.pass_(hours=7)
    city.network.pull, city.network.pages = answered, [page(city, 0, "1", more=False)] * 2
    pull(city)
    assert account(city).missing == list(lacking)


def test_a_dead_token_stops_its_account_alone_and_says_why(city):
    city.network.pages = [page(city, 0, "1"), TokenInvalid("expired" * 40)]
    assert pull(city) == 1
    kept = account(city)
    assert kept.state == ChannelState.TOKEN_INVALID
    assert kept.reason.startswith("expired")
    city.clock.pass_(hours=1)
    assert due(city) == {city.accounts["sud"], city.accounts["ville"]}
    assert comments(city) == ["1"]
    city.network.pages[1] = page(city, 1, "2", more=False)
    pull(city)
    assert account(city).state == ChannelState.ACTIVE


def test_a_missing_permission_is_named(city):
    city.network.pages = [PermissionMissing("pages_read_user_content")]
    pull(city)
    kept = account(city)
    assert (kept.state, kept.reason) == (ChannelState.PERMISSION_MISSING, "pages_read_user_content")


def test_a_round_that_had_a_permission_clears_it_and_no_other(city):
    with city.database.write() as session:
        kept = channels.lock(session, Account, city.accounts["nord"])
        channels.set_missing(session, kept, ["read", "publish"], now=city.clock.now)
    city.clock.pass_(minutes=1)
    city.network.pages = [replace(page(city, 0, "1", more=False), proven=frozenset({"read", "more"}))]
    pull(city)
    assert account(city).missing == ["publish"]


def test_an_account_that_the_network_refuses_to_read_says_so_until_it_is_read(city):
    city.network.pages = [Rejected("100"), page(city, 0, "1", more=False)]
    pull(city)
    kept = account(city)
    assert (kept.state, kept.reason) == (ChannelState.ACTIVE, "100")
    del city.network.pages[0]
    pull(city)
    kept = account(city)
    assert (kept.state, kept.reason) == (ChannelState.ACTIVE, None)


def test_a_pause_that_the_network_asks_for_is_kept(city):
    resume_at = city.now + timedelta(minutes=15)
    city.network.pages = [page(city, 0, "1", usage=Usage(96.0, resume_at)), page(city, 1, "2", more=False)]
    assert pull(city) == 1
    assert len(city.network.cursors) == 1
    kept = account(city)
    assert (kept.usage_percent, kept.paused_until) == (96.0, resume_at)
    city.clock.pass_(minutes=16)
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


# ------------------------------------------------------------------------------------------ the first round
def test_the_backfill_says_how_far_it_is_and_goes_on_where_it_was(city):
    pages = [page(city, number, str(number), more=number < 2) for number in range(3)]
    city.network.pages = [
        replace(one, progress=Progress(number, total))
        for number, (one, total) in enumerate(zip(pages, (1, 3, 3), strict=True))
    ]
    third, city.network.pages[2] = city.network.pages[2], Transient()
    heard = []
    pull(city, said=heard.append)
    kept = account(city)
    assert (kept.backfill_done, kept.backfill_total, kept.pulled_at) == (1, 3, None)
    began = city.now
    city.clock.pass_(hours=1)
    city.network.pages[2] = replace(third, progress=Progress(3, 3))
    pull(city, said=heard.append)
    kept = account(city)
    assert (kept.backfill_done, kept.backfill_total, kept.pulled_at) == (3, 3, began)
    assert heard == [Progress(0, 1), Progress(1, 3), Progress(3, 3)]
    assert comments(city) == ["0", "1", "2"]
    city.network.pages.append(replace(page(city, 3, more=False), progress=Progress(0, 9)))
    pull(city)
    assert account(city).backfill_total == 3, "the backfill is over; later rounds are not it"


def test_nothing_is_claimed_while_older_posts_are_still_to_come(city):
    """They are kept, and no later round is expected to list them."""
    old = PostSeen("old", "Il y a longtemps", None, city.now - timedelta(days=900))
    city.network.pages = [
        replace(page(city, 0, "1", more=False), older=(old,), backfilling=True),
        page(city, 1, "2", more=False),
    ]
    pull(city)
    kept = account(city)
    assert (kept.pulled_at, kept.round_started_at, kept.pull_due_at) == (None, None, city.now + EVERY)
    with city.database.read() as session:
        post = session.scalars(select(SourcePost).where(SourcePost.external_id == "old")).one()
    assert (post.text, post.listed_at) == ("Il y a longtemps", None)
    pull(city)
    assert account(city).pulled_at == city.now


# ------------------------------------------------------------------------------------------ one budget for all
@pytest.mark.parametrize(
    ("percent", "calls", "wait"),
    [
        (None, pulling.CALLS, EVERY),
        (74.9, pulling.CALLS, EVERY),
        (75.0, pulling.SLOW_CALLS, EVERY * pulling.SLOW_DOWN),
        (90.0, pulling.PROBE_CALLS, pulling.PROBE_EVERY),
    ],
)
def test_the_more_is_spent_the_less_is_read(city, percent, calls, wait):
    usage = Usage(percent, None) if percent is not None else None
    city.network.pages = [page(city, 0, "1", usage=usage, more=False), page(city, 1, "2", usage=usage, more=False)]
    pull(city)
    assert wait <= account(city).pull_due_at - city.now < wait + timedelta(minutes=1)
    pull(city)
    assert city.network.budgets == [pulling.CALLS, calls]


def test_reading_that_stopped_asks_how_much_is_left_and_goes_on(city):
    spent = Usage(97.0, None)
    city.network.pages = [
        page(city, 0, "1", usage=spent),
        page(city, 1, "2", usage=spent),
        page(city, 2, "3", usage=Usage(40.0, None)),
        page(city, 3, "4", more=False),
    ]
    for _ in range(3):
        pull(city)
        city.clock.pass_(minutes=16)
    probe = pulling.PROBE_CALLS
    assert city.network.budgets == [pulling.CALLS, probe, probe, pulling.CALLS]
    assert comments(city) == ["1", "2", "3", "4"]


def test_what_is_left_of_the_budget_is_for_what_people_decided(city):
    comment = city.says("7", "Bonjour")
    city.network.pages = [page(city, 0, "1", usage=Usage(97.0, None))]
    pull(city)
    decision = city.decide("Ariane", comment, DecisionKind.REPLY, text="Merci")
    city.deliver()
    assert city.effect(decision).state == EffectState.DONE


def test_a_pause_that_an_effect_met_stops_the_reading_between_two_steps(city):
    until = city.now + timedelta(minutes=30)
    city.network.pages = [page(city, 0, "1"), page(city, 1, "2", more=False)]

    def throttled_meanwhile(_progress):
        with city.database.write() as session:
            channels.pause(channels.lock(session, Account, city.accounts["nord"]), until, now=city.now)

    city.network.pages[0] = replace(city.network.pages[0], progress=Progress(0, 1))
    assert pull(city, said=throttled_meanwhile) == 1
    assert len(city.network.cursors) == 1
    assert account(city).paused_until == until
    assert pull(city) == 0
    assert len(city.network.cursors) == 1, "not even when a person asks for it"
    city.clock.now = until
    assert pull(city) == 1


def test_an_answer_that_left_before_a_pause_does_not_end_it(city):
    until = city.now + timedelta(minutes=30)
    answered = city.network.pull

    def slow(cursor, calls):
        with city.database.write() as session:
            channels.pause(channels.lock(session, Account, city.accounts["nord"]), until, now=city.now)
        return answered(cursor, calls)

    city.network.pages = [page(city, 0, "1", usage=Usage(50.0, None)), page(city, 1, "2", more=False)]
    city.network.pull = slow
    pull(city)
    assert (account(city).paused_until, len(city.network.cursors)) == (until, 1)


def test_no_call_of_any_kind_before_the_end_of_a_pause_and_no_burst_after(city):
    """Reading, replies and looks share what the network said to one of them."""
    replies = [
        city.decide("Ariane", city.says(str(number), f"Texte {number}"), DecisionKind.REPLY, text="Merci")
        for number in range(5)
    ]
    until = city.now + timedelta(minutes=30)
    city.network.pages = [Throttled(until)]
    pull(city)
    calls = len(city.network.cursors)
    while city.now < until - timedelta(minutes=1):
        city.clock.pass_(minutes=1)
        assert city.accounts["nord"] not in due(city)
        assert city.work.due() == []
        pull(city)
    assert (len(city.network.cursors), city.network.done) == (calls, [])
    city.clock.now = until
    for _ in replies:
        waiting = city.work.due()
        assert len(waiting) == 1
        city.work.deliver(waiting[0])
    assert len(city.network.done) == len(replies)


def test_accounts_do_not_all_start_again_in_the_same_second(city):
    until = city.now + timedelta(minutes=30)
    for name in city.accounts:
        city.network.pages = [Throttled(until)]
        pull(city, name)
    assert len({account(city, name).pull_due_at for name in city.accounts}) == len(city.accounts)


def test_a_network_whose_calls_are_of_the_day_is_read_less_often(city):
    with city.database.write() as session:
        session.get_one(Account, city.accounts["nord"]).network = "linkedin"
    for answer in (page(city, 0, "1", more=False), Transient()):
        city.network.pages = [answer, answer]
        pull(city)
        assert account(city).pull_due_at == city.now + timedelta(minutes=10)


# ------------------------------------------------------------------------------------------ tokens
def test_a_dead_token_is_said_once_whoever_meets_it(city):
    comment = city.says("7", "Bonjour")
    decision = city.decide("Ariane", comment, DecisionKind.REPLY, text="Merci")
    city.network.pages = [TokenInvalid("expired")]
    pull(city)
    pull(city)
    city.network.errors = [TokenInvalid("expired")]
    city.deliver()
    with city.database.read() as session:
        said = session.scalars(select(AuditEntry.action).where(AuditEntry.action.like("account_%"))).all()
        waiting = session.get_one(Effect, decision.effect_id)
    assert said == ["account_token_lost"]
    assert waiting.state == EffectState.READY


def test_work_goes_on_by_itself_when_the_account_is_connected_again(city):
    decision = city.decide("Ariane", city.says("7", "Bonjour"), DecisionKind.REPLY, text="Merci")
    city.network.pages = [TokenInvalid("expired")]
    pull(city)
    city.deliver()
    assert city.effect(decision).state == EffectState.READY
    with city.database.write() as session:
        kept = session.get_one(Account, city.accounts["nord"])
        kept.token_lost, kept.token_since, kept.pull_due_at = None, city.now, city.now
    city.network.pages = [page(city, 0, "8", more=False)]
    assert city.accounts["nord"] in due(city)
    city.deliver()
    assert city.effect(decision).state == EffectState.DONE


def test_an_answer_to_the_old_token_says_nothing_of_the_new_one(city):
    def connected_meanwhile(cursor, calls):
        city.clock.pass_(seconds=1)
        with city.database.write() as session:
            session.get_one(Account, city.accounts["nord"]).token_since = city.now
        raise TokenInvalid("expired")

    city.network.pull = connected_meanwhile
    pull(city)
    assert account(city).state == ChannelState.ACTIVE


def test_a_round_that_did_not_come_to_its_end_claims_nothing(city):
    """The network turned in circles: coverage stays where it was, and what was not listed is not suspected."""
    city.network.pages = [
        replace(page(city, 0, "1", more=False), posts=(PostSeen("p", "", None, None),)),
        page(city, 1, more=False),
        page(city, 2, more=False),
    ]
    pull(city)
    whole = account(city).pulled_at
    city.clock.pass_(hours=1)
    city.network.pages[1] = replace(city.network.pages[1], whole=False)
    pull(city)
    kept = account(city)
    assert (kept.pulled_at, kept.round_started_at, kept.cursor) == (whole, None, "2")
    assert kept.pull_due_at == city.now + EVERY
    city.clock.pass_(hours=1)
    pull(city)
    assert account(city).pulled_at == city.now


def test_posts_that_a_round_without_an_end_did_not_list_are_not_suspected(city):
    seen = replace(city.seen("1", source="pull"), post_external_id="p")
    listed = replace(page(city, 0, more=False), posts=(PostSeen("p", "", None, None),), comments=(seen,))
    city.network.pages = [listed, replace(page(city, 1, more=False), whole=False), page(city, 2, more=False)]

    def suspected():
        with city.database.read() as session:
            return session.scalar(select(Comment.recheck_due_at).where(Comment.external_id == "1")) is not None

    told = []
    for _ in range(3):
        pull(city)
        told.append(suspected())
        city.clock.pass_(hours=1)
    assert told == [False, False, True]

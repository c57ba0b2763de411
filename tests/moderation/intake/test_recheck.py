"""What was not met is asked about before it is called gone; a listing that leaves something out is no proof."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from connectors.base import AttachmentSeen, CommentSeen, Page, PostSeen, ThreadRead, VisibilityChanged
from models.accounts import Account
from models.comments import LAG, Comment, SourcePost
from models.errors import Gone, PermissionMissing, Rejected, Throttled, TokenInvalid, Transient
from models.vocabulary import AttachmentKind, CommentKind, ItemState, Outcome, PostKind
from moderation.intake import pulling, recheck

EVERY = timedelta(minutes=5)


def read(city, *ids, post="post-1", listed=("post-1",), kind=PostKind.POST, more=False, whole=True, counted=None):
    """One round: these posts are listed, and the thread of one is read whole; these comments are met in it. The network
    counts as many there, or as many as is said (-1: it does not say).
    """
    count = {-1: None}.get(counted, len(ids) if counted is None else counted)
    began = city.now
    met = tuple(city.seen(one, f"Texte {one}", source="pull", seen_at=began, post_external_id=post) for one in ids)
    counts = {post: count if whole else None}
    posts = tuple(PostSeen(one, None, None, city.now, kind=kind, comments=counts.get(one)) for one in listed)
    threads = (ThreadRead(post, began),) if whole else ()
    city.network.pages = [Page(posts, met, "0", more, 1, threads=threads)]
    pulling.pull(
        city.database, city.locks, lambda _: city.network, city.accounts["nord"], clock=city.clock, every=EVERY
    )
    city.clock.pass_(minutes=5)


def probe(city):
    """What is due is asked about, if anything is; what that was."""
    city.network.probed.clear()
    with city.database.read() as session:
        due = recheck.accounts_to_recheck(session, now=city.now)
    for account_id in due:
        recheck.recheck(city.database, city.locks, lambda _: city.network, account_id, clock=city.clock)
    return city.network.probed


def there(city, external_id, **more):
    """The network still has it."""
    given = {"source": "pull", "seen_at": city.now, "text": f"Texte {external_id}"} | more
    city.network.there[external_id] = city.seen(external_id, given.pop("text"), **given)


def suspected(city):
    with city.database.read() as session:
        rows = select(Comment.external_id).where(Comment.recheck_due_at.is_not(None)).order_by(Comment.external_id)
        return list(session.scalars(rows))


def post(city, external_id="post-1"):
    with city.database.read() as session:
        return session.scalars(select(SourcePost).where(SourcePost.external_id == external_id)).one()


# ------------------------------------------------------------------------------------------ comments
def test_a_visitors_post_stands_above_its_thread_and_is_not_missed_in_it(city):
    """It is missed when it is listed no more, as the city's own posts are."""
    said = city.seen("wall-1", source="pull", post_external_id="wall-1", kind=CommentKind.MENTION)
    under = city.seen("1", source="pull", post_external_id="wall-1")

    def round_(*comments, listed=True):
        city.clock.pass_(minutes=5)
        visitor = PostSeen("wall-1", None, None, city.now, kind=PostKind.MENTIONING, visitor=True)
        threads = (ThreadRead("wall-1", city.now),) if listed else ()
        city.network.pages = [Page((visitor,) * listed, comments, "0", more=False, calls=1, threads=threads)]
        pulling.pull(
            city.database, city.locks, lambda _: city.network, city.accounts["nord"], clock=city.clock, every=EVERY
        )

    round_(said, under)
    round_()
    assert suspected(city) == ["1"]
    probe(city)
    round_(listed=False)
    assert suspected(city) == ["wall-1"]


def test_what_a_whole_reading_did_not_meet_and_is_gone_becomes_a_tombstone(city):
    read(city, "1", "2", "3")
    assert suspected(city) == []
    read(city, "1", "3")
    assert suspected(city) == ["2"]
    there(city, "1")
    assert probe(city) == ["2"]
    gone = city.comment("2")
    assert (gone.removed, gone.removed_at) == (True, city.now)
    assert city.item(gone.external_id).state == ItemState.HANDLED
    assert gone.text == "Texte 2", "what the citizen wrote stays until its lawful disposal"
    assert [city.comment(one).removed for one in ("1", "3")] == [False, False]
    read(city, "1", "3")
    assert (suspected(city), probe(city)) == ([], [])


def test_what_the_listing_left_out_and_is_there_stays(city):
    read(city, "1", "2")
    read(city, "1")
    there(city, "2", text="Texte corrigé", hidden=True)
    assert probe(city) == ["2"]
    kept = city.comment("2")
    assert (kept.removed, kept.text, kept.hidden, kept.present_at) == (False, "Texte corrigé", True, city.now)
    assert suspected(city) == []


def test_a_thread_that_was_not_read_to_its_end_suspects_nobody(city):
    read(city, "1", "2")
    read(city, "1", whole=False)
    assert suspected(city) == []


def test_what_came_after_the_reading_began_is_not_suspected(city):
    read(city, "1")
    began = city.now
    city.store(city.seen("2", said_at=began + timedelta(seconds=1), seen_at=began + timedelta(seconds=2)))
    read(city, "1")
    assert suspected(city) == []
    read(city, "1")
    assert suspected(city) == ["2"]


def test_the_webhook_of_what_was_gone_before_it_came_is_rechecked_too(city):
    read(city, "1")
    city.store(city.seen("2", seen_at=city.now, said_at=city.now - timedelta(minutes=6)))
    assert suspected(city) == ["2"]
    assert probe(city) == [], "a network shows late what it accepted"
    city.clock.pass_(seconds=LAG.total_seconds())
    assert probe(city) == ["2"]
    assert city.comment("2").removed


def test_met_again_before_anybody_asked_is_not_asked_about(city):
    read(city, "1", "2")
    read(city, "1")
    read(city, "1", "2")
    assert (suspected(city), probe(city)) == ([], [])


def test_only_what_a_webhook_said_of_its_visibility_is_rechecked_as_well(city):
    city.store(VisibilityChanged("2", True, city.now, "post-1"))
    city.clock.pass_(minutes=1)
    read(city, "1")
    assert probe(city) == ["2"]
    assert city.comment("2").removed


@pytest.mark.parametrize("error", [Throttled(None), TokenInvalid("expired")], ids=lambda e: type(e).__name__)
def test_a_probe_that_stops_the_account_decides_nothing_and_stops_the_others(city, error):
    read(city, "1", "2", "3")
    read(city)
    if isinstance(error, Throttled):
        error = Throttled(city.now + timedelta(minutes=30))
    city.network.there = {"1": error}
    assert probe(city) == ["1"]
    assert suspected(city) == ["1", "2", "3"]
    assert not any(city.comment(one).removed for one in "123")
    assert probe(city) == []


def test_one_probe_that_always_fails_holds_back_nobody_else(city):
    read(city, "1", "2", "3")
    read(city)
    city.network.there = {"1": Transient()}
    assert probe(city) == ["1", "2", "3"]
    assert (suspected(city), city.comment("1").removed) == (["1"], False)
    assert [city.comment(one).removed for one in "23"] == [True, True]
    assert probe(city) == [], "it has its turn a quarter of an hour later"
    city.clock.pass_(minutes=15)
    assert probe(city) == ["1"]
    city.network.there = {}
    city.clock.pass_(minutes=15)
    assert probe(city) == ["1"]
    assert city.comment("1").removed


def test_a_network_that_is_down_is_not_asked_for_each_comment(city):
    read(city, *"12345678")
    read(city)
    city.network.there = dict.fromkeys("12345678", Transient())
    assert probe(city) == ["1", "2", "3"]
    assert probe(city) == ["4", "5", "6"]
    city.network.there = {"7": Transient()}
    assert probe(city) == ["7", "8"]
    city.clock.pass_(minutes=15)
    city.network.there = {one: Transient() for one in "1346"}
    assert probe(city) == [*"123456", "7"], "only failures in a row say that it is down"


@pytest.mark.parametrize("error", [Rejected("100"), PermissionMissing("pages_read_user_content"), ValueError("ours")])
def test_what_cannot_be_asked_about_holds_back_nobody_else(city, error):
    read(city, "1", "2")
    read(city)
    city.network.there = {"1": error}
    if isinstance(error, ValueError):
        with pytest.raises(ValueError, match="ours"):
            probe(city)
    else:
        assert probe(city) == ["1", "2"]
    assert not city.comment("1").removed
    assert probe(city) == (["2"] if isinstance(error, ValueError) else [])
    assert city.comment("2").removed
    city.clock.pass_(hours=12)
    city.network.there = {}
    assert probe(city) == ["1"]


def test_probes_stay_within_a_budget_and_leave_the_rest_to_people(city):
    ids = [f"{number:03}" for number in range(50)]
    read(city, *ids)
    read(city)
    assert len(probe(city)) == recheck.PROBES
    for percent, probes in ((75.0, recheck.SLOW_PROBES), (90.0, 0)):
        with city.database.write() as session:
            session.get_one(Account, city.accounts["nord"]).usage_percent = percent
        assert len(probe(city)) == probes


@pytest.mark.parametrize("hidden", [True, False])
@pytest.mark.parametrize("order", [1, -1])
def test_hidden_and_shown_in_one_second_the_network_is_asked_which_came_last(city, hidden, order):
    read(city, "1")
    at = city.now.replace(microsecond=0)
    city.store(*[VisibilityChanged("1", one, at, "post-1") for one in (True, False)[::order]])
    assert suspected(city) == ["1"]
    city.clock.pass_(minutes=3)
    there(city, "1", hidden=hidden)
    assert probe(city) == ["1"]
    assert (city.comment("1").hidden, suspected(city)) == (hidden, [])


# ------------------------------------------------------------------------- one ambiguous answer is not proof
def account(city):
    with city.database.read() as session:
        return session.get_one(Account, city.accounts["nord"])


def refused_hide(city, insult):
    """A hide that the network answers by "not there, or not yours to see" (100/33), as it does every look."""
    city.classify()
    decision = city.decide("Ariane", city.comment(insult), "hide", rule_code="N2")
    city.network.errors = [Gone()]
    city.deliver()
    return decision


def test_a_hide_answered_by_not_there_or_not_yours_never_calls_gone_what_is_listed(city):
    read(city, "1", "2")
    decision = refused_hide(city, "1")
    assert city.effect(decision).outcome == Outcome.GONE
    assert probe(city) == ["1"]
    for _ in range(3):
        read(city, "1", "2")
        city.clock.pass_(minutes=20)
        probe(city)
    kept, item = city.comment("1"), city.item("1")
    assert (kept.removed, item.state, item.problem_id) == (False, ItemState.WAITING, decision.effect_id)
    assert suspected(city) == [], "a listing has cleared it"


def test_a_hide_answered_by_not_there_is_confirmed_by_the_next_listing(city):
    read(city, "1", "2")
    refused_hide(city, "1")
    assert (probe(city), city.comment("1").removed) == (["1"], False)
    read(city, "2")
    city.clock.pass_(minutes=20)
    probe(city)
    assert (city.comment("1").removed, city.item("1").state) == (True, ItemState.HANDLED)


def test_a_hide_that_failed_says_so_when_its_comment_comes_back(city):
    read(city, "1", "2")
    decision = refused_hide(city, "1")
    read(city, "2")
    city.clock.pass_(minutes=20)
    probe(city)
    assert city.comment("1").removed
    city.clock.pass_(minutes=1)
    read(city, "1", "2")
    city.classify()
    item = city.item("1")
    assert (item.state, item.problem_id) == (ItemState.WAITING, decision.effect_id)


@pytest.mark.parametrize("counted", [3, 1, -1])
def test_a_thread_that_seems_to_vanish_whole_is_an_alarm_and_nothing_leaves_the_queue(city, counted):
    """The post is listed, its thread reads empty, and each look says "not there, or not yours to see"."""
    read(city, "1", "2", "3")
    for _ in range(3):
        read(city, counted=counted)
        city.clock.pass_(minutes=20)
        probe(city)
    assert [city.item(one).state for one in "123"] == [ItemState.RECEIVED] * 3
    assert suspected(city) == ["1", "2", "3"]
    assert account(city).vanished_at is not None
    read(city, "1", "2", "3")
    assert (suspected(city), account(city).vanished_at) == ([], None)


def test_a_thread_that_the_network_counts_empty_is_gone(city):
    read(city, "1", "2", "3")
    read(city)
    assert probe(city) == ["1", "2", "3"]
    assert all(city.comment(one).removed for one in "123")
    assert account(city).vanished_at is None


def test_the_only_comment_of_a_thread_goes_unless_the_network_still_counts_it(city):
    read(city, "1")
    read(city, counted=1)
    assert (probe(city), city.comment("1").removed) == (["1"], False)
    city.clock.pass_(minutes=20)
    read(city)
    probe(city)
    assert (city.comment("1").removed, account(city).vanished_at) == (True, None)


def test_an_account_whose_posts_all_seem_to_vanish_is_an_alarm_and_nothing_leaves_the_queue(city):
    read(city, "1", "2")
    read(city, "3", post="post-2", listed=("post-1", "post-2"))
    for _ in range(3):
        read(city, listed=(), whole=False)
        city.clock.pass_(hours=13)
        probe(city)
    assert [city.item(one).state for one in "123"] == [ItemState.RECEIVED] * 3
    assert account(city).vanished_at is not None
    read(city, "3", post="post-2", listed=("post-1", "post-2"))
    assert (suspected(city), account(city).vanished_at) == ([], None)


# ------------------------------------------------------------------------------------------ whole posts
def test_a_post_that_is_gone_takes_its_thread_with_it_one_proof_each(city):
    read(city, "1", "2", "3")
    read(city, post="post-2", listed=("post-2",))
    assert suspected(city) == ["1"], "one comment stands for its thread"
    assert probe(city) == ["1"]
    assert suspected(city) == ["2", "3"]
    assert probe(city) == ["2", "3"]
    assert all(city.comment(one).removed for one in "123")
    assert post(city).removed_at == city.now
    read(city, post="post-2", listed=("post-2",))
    assert (probe(city), post(city).listed_at) == ([], None)


def test_a_post_of_which_only_a_webhook_told_is_gone_when_a_later_round_lists_others_alone(city):
    read(city, "9", post="post-2", listed=("post-2",))
    city.store(city.seen("1", "Et ma rue?", post_external_id="post-1"))
    with city.database.write() as session:
        session.execute(update(Comment).where(Comment.external_id == "1").values(recheck_due_at=city.now))
    assert (probe(city), city.comment("1").removed) == (["1"], False), "the round is older than the comment"
    city.clock.pass_(minutes=20)
    read(city, "9", post="post-2", listed=("post-2",))
    assert (probe(city), city.comment("1").removed) == (["1"], True)


def test_a_post_that_is_only_too_old_for_the_listing_costs_one_probe(city):
    read(city, "1", "2", "3")
    there(city, "1")
    for _ in range(4):
        read(city, post="post-2", listed=("post-2",))
    assert probe(city) == ["1"]
    assert (suspected(city), post(city).removed_at) == ([], None)
    read(city, post="post-2", listed=("post-2",))
    assert probe(city) == []


def test_a_round_that_did_not_end_misses_no_post(city):
    read(city, "1")
    city.network.pages = [Page((), (), "1", True, 1), Transient()]
    pulling.pull(
        city.database, city.locks, lambda _: city.network, city.accounts["nord"], clock=city.clock, every=EVERY
    )
    assert suspected(city) == []


def test_a_post_of_somebody_else_is_not_expected_in_the_listing(city):
    read(city, "1", kind=PostKind.MENTIONING, whole=False)
    read(city, listed=(), whole=False)
    assert (suspected(city), post(city).listed_at) == ([], None)


def test_a_post_that_comes_back_is_there_again(city):
    read(city, "1")
    read(city, listed=())
    assert probe(city) == ["1"]
    assert post(city).removed_at is not None
    city.clock.pass_(minutes=1)
    read(city, "1")
    assert (post(city).removed_at, city.comment("1").removed) == (None, False)


def test_a_mention_that_came_without_its_words_is_rechecked_once(city):
    mention = city.seen("m", None, kind=CommentKind.MENTION, post_external_id=None)
    photo = city.seen("photo", None, attachments=(AttachmentSeen(AttachmentKind.PHOTO),))
    city.store(mention, city.seen("said", "Bravo", kind=CommentKind.MENTION), photo)
    assert suspected(city) == ["m"]
    city.clock.pass_(minutes=3)
    there(city, "m", kind=CommentKind.MENTION, post_external_id=None)
    assert probe(city) == ["m"]
    read_now = city.comment("m")
    assert (read_now.text, city.item(read_now.external_id).state) == ("Texte m", ItemState.RECEIVED)
    city.store(mention)
    assert suspected(city) == []


def test_a_crash_between_two_probes_repeats_at_most_one(city):
    read(city, "1", "2")
    read(city)

    class Killed(BaseException):
        pass

    asked = city.network.probe

    def killed(external_id):
        if external_id == "2":
            raise Killed
        return asked(external_id)

    city.network.probe = killed
    with pytest.raises(Killed):
        probe(city)
    assert (city.comment("1").removed, suspected(city)) == (True, ["2"])
    city.network.probe = asked
    assert probe(city) == ["2"]


def test_a_probe_never_undoes_what_a_later_reading_met(city):
    read(city, "1", "2")
    read(city, "1")
    asked = city.network.probe

    def met_meanwhile(external_id):
        city.clock.pass_(seconds=1)
        city.store(CommentSeen("2", "pull", city.now, text="Texte 2", post_external_id="post-1"))
        raise Gone

    city.network.probe = met_meanwhile
    probe(city)
    assert not city.comment("2").removed
    city.network.probe = asked

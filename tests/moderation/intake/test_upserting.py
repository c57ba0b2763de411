"""A comment's end state depends on what was observed, never on the order in which it was told."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count, pairwise

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from administration import retention
from connectors.base import AdSeen, CommentRemoved, CommentSeen, Page, PostSeen, ThreadRead, VisibilityChanged
from models.accounts import Account, SetAside
from models.comments import Author, Comment, CommentVersion, SourcePost
from models.vocabulary import CommentKind, HiddenBy, ItemState, PostKind
from moderation import items
from moderation.intake import merging, recheck, upserting

BORN = datetime(2026, 11, 2, 9, tzinfo=UTC)
NAMES = count()

each_database = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])


def after(seconds):
    return BORN + timedelta(seconds=seconds)


# ------------------------------------------------------------------------------------------ any order, same end
times = st.integers(0, 12).map(lambda seconds: after(seconds * 0.5))
texts = st.sampled_from([None, "", "Un", "Deux", "Trois"])
seen = st.builds(
    CommentSeen,
    external_id=st.just("?"),
    source=st.sampled_from(["add", "edit", "pull"]),
    seen_at=times,
    said_at=st.none() | times,
    post_external_id=st.sampled_from([None, "post-1"]),
    author_external_id=st.sampled_from([None, "louis"]),
    author_name=st.sampled_from([None, "Louis Citoyen"]),
    text=texts,
    hidden=st.sampled_from([None, True, False]),
    kind=st.sampled_from(CommentKind),
    rating=st.sampled_from([None, None, 1, 5]),
    by_account=st.sampled_from([False, False, False, True]),
)
observations = st.lists(
    st.one_of(
        seen,
        seen,
        seen,
        st.builds(CommentRemoved, external_id=st.just("?"), at=times),
        st.builds(
            VisibilityChanged, external_id=st.just("?"), hidden=st.booleans(), at=times, by_account=st.booleans()
        ),
        st.builds(ThreadRead, post_external_id=st.just("post-1"), began_at=times),
    ),
    min_size=1,
    max_size=7,
)


def end_state(city, external_id):
    """What a person would see of a comment, whatever happened on the way."""
    with city.database.read() as session:
        comment = session.scalars(
            select(Comment)
            .options(joinedload(Comment.author), joinedload(Comment.source_post))
            .where(Comment.external_id == external_id)
        ).one()
        versions = session.scalars(select(CommentVersion).where(CommentVersion.comment_id == comment.id)).all()
        item = items.of_comment(session, comment.id)
    return {
        "text": comment.text,
        "created_at": comment.created_at if comment.version else None,
        "hidden": comment.hidden,
        "hidden_by": comment.hidden_by,
        "kind": comment.kind,
        "rating": comment.rating,
        "suspected": comment.recheck_due_at is not None,
        "removed": comment.removed,
        "by_city": comment.by_city,
        "author": comment.author.external_id if comment.author else None,
        "post": comment.source_post is not None,
        "waits": item is not None and item.state != ItemState.HANDLED,
        "texts": [version.text for version in merging.texts(versions)],
        "versions": sorted(map(repr, ((v.source, v.text, v.said_at, v.seen_at) for v in versions))),
    }


def tell(city, observations, cuts):
    """Store the observations about a comment of their own, in batches that end at `cuts`; its id."""
    external_id = f"order-{next(NAMES)}"
    post = {"post_external_id": f"{external_id}-post"}
    edges = sorted({0, len(observations), *(cut for cut in cuts if cut < len(observations))})
    for begin, end in pairwise(edges):
        batch = observations[begin:end]
        changes = [
            replace(one, external_id=external_id, **(post if one.post_external_id else {}))
            for one in batch
            if not isinstance(one, ThreadRead)
        ]
        threads = tuple(replace(one, **post) for one in batch if isinstance(one, ThreadRead))
        with city.database.write() as session:
            account = session.get_one(Account, city.accounts["nord"])
            upserting.store(session, account, changes, now=city.now)
            recheck.mark(
                session, account, Page((), (), "", False, 1, threads=threads), listed_at=city.now, now=city.now
            )
    return external_id


@each_database
@given(observations=observations, data=st.data())
def test_any_order_and_any_batches_give_the_same_end_state(city, observations, data):
    assume(any(not isinstance(one, ThreadRead) for one in observations))
    cuts = st.sets(st.integers(1, 7), max_size=3)
    shuffled = data.draw(st.permutations(observations + data.draw(st.lists(st.sampled_from(observations), max_size=3))))
    one = tell(city, observations, data.draw(cuts))
    other = tell(city, shuffled, data.draw(cuts))
    assert end_state(city, one) == end_state(city, other)


@each_database
@given(observations=observations)
def test_every_text_that_was_told_is_kept(city, observations):
    assume(any(not isinstance(one, ThreadRead) for one in observations))
    external_id = tell(city, observations, [1, 3])
    told = {change.text for change in observations if isinstance(change, CommentSeen) and change.text is not None}
    assert set(end_state(city, external_id)["texts"]) == told


# ------------------------------------------------------------------------------------------ and it is the true one
@st.composite
def lives(draw):
    """What really happened to a comment, and what a network told of it, in any order and with losses."""
    edit_time_told = draw(st.booleans(), label="the network says the time of the edit")
    kinds = draw(st.lists(st.sampled_from(["edit", "hide", "unhide", "pull"]), max_size=6))
    moment, text, hidden, removed = 0, "écrit", False, False
    told = [CommentSeen("?", "add", after(0), after(0), text=text)]
    true = {"text": text, "hidden": False, "removed": False}
    for kind in kinds:
        moment += draw(st.integers(2, 40))
        match kind:
            case "edit":
                text = f"corrigé {moment}"
                said_at = after(moment) if edit_time_told else after(0)
                # Where the network says the time of the edit, the notification itself may be late.
                late = draw(st.integers(0, 60)) if edit_time_told else 0
                told.append(CommentSeen("?", "edit", after(moment + late), said_at, text=text))
            case "hide" | "unhide":
                hidden = kind == "hide"
                told.append(VisibilityChanged("?", hidden, after(moment)))
            case _:
                told.append(CommentSeen("?", "pull", after(moment), after(0), text=text, hidden=hidden))
        true = {"text": text, "hidden": hidden, "removed": removed}
    if draw(st.booleans()):
        told.append(CommentRemoved("?", after(moment + 2)))
        true["removed"] = True
    # Anything may be lost; the last pull, later than all, sees what still stands.
    told = [change for change in told if draw(st.integers(0, 4))]
    if not true["removed"]:
        told.append(CommentSeen("?", "pull", after(moment + 200), after(0), text=text, hidden=hidden))
    elif not any(isinstance(change, CommentRemoved) for change in told):
        told.append(CommentRemoved("?", after(moment + 2)))
    return draw(st.permutations(told)), true


@each_database
@given(life=lives())
def test_what_was_told_last_of_the_truth_stands(city, life):
    told, true = life
    state = end_state(city, tell(city, told, [2]))
    assert state["removed"] == true["removed"]
    if not true["removed"]:
        assert (state["text"], state["hidden"]) == (true["text"], true["hidden"])
        assert state["created_at"] == BORN


@pytest.mark.parametrize("edit_time_told", [True, False])
def test_an_older_edit_after_a_newer_one_changes_nothing_but_is_kept(city, edit_time_told):
    add = CommentSeen("7", "add", after(0), after(0), text="Bonjour")
    first, second = (
        CommentSeen("7", "edit", after(at), after(at if edit_time_told else 0), text=text)
        for at, text in ((60, "Bonjour à tous"), (120, "Bonsoir à tous"))
    )
    city.store(second)
    city.store(add)
    city.store(first)
    state = end_state(city, "7")
    assert state["text"] == "Bonsoir à tous"
    assert state["texts"] == ["Bonjour", "Bonjour à tous", "Bonsoir à tous"]


def test_a_pull_sees_what_a_lost_edit_would_have_told(city):
    city.store(CommentSeen("7", "add", after(0), after(0), text="La rue est fermée"))
    city.store(CommentSeen("7", "pull", after(90), after(0), text="La rue est ouverte"))
    city.store(CommentSeen("7", "add", after(0), after(0), text="La rue est fermée"))
    assert end_state(city, "7")["text"] == "La rue est ouverte"


def test_rounds_of_pulls_over_the_same_text_keep_one_version(city):
    for minutes in range(5):
        city.store(CommentSeen("7", "pull", after(60 * minutes), after(0), text="Bonjour"))
    city.store(CommentSeen("7", "add", after(0), after(0), text="Bonjour"))
    with city.database.read() as session:
        assert session.scalar(select(func.count()).select_from(CommentVersion)) == 1
    assert city.comment("7").version == 1


# ------------------------------------------------------------------------------------------ hard input
@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("avant\0après", "avant�après"),
        ("demi \ud83d paire", "demi ? paire"),
        ("é" * 63_206, "é" * 63_206),
        ("👨\u200d👩\u200d👧 \u0645\u0631 \u202e", "👨\u200d👩\u200d👧 \u0645\u0631 \u202e"),
        ("", ""),
        (None, None),
    ],
    ids=["nul", "surrogate", "longest", "emoji", "empty", "null"],
)
def test_any_text_is_stored(city, written, kept):
    city.store(city.seen("7", written))
    assert city.comment("7").text == kept
    assert city.classify() == 1


def test_null_author_and_null_everything(city):
    city.store(CommentSeen("7", "add", after(0)))
    comment = city.comment("7")
    assert (comment.author, comment.text, comment.created_at) == (None, None, after(0))
    assert city.item("7").state == ItemState.RECEIVED


def authors(city):
    with city.database.read() as session:
        return [(one.external_id, one.name) for one in session.scalars(select(Author).order_by(Author.external_id))]


def test_an_author_of_whom_only_the_name_is_told_has_that_name(city):
    nameless = {"author_external_id": None}
    city.store(city.seen("1", **nameless, author_name=" louise.t "), city.seen("2", **nameless, author_name="louise.t"))
    city.store(city.seen("3", **nameless, author_name="louise.t"), account="sud")
    city.store(city.seen("4", **nameless, author_name=" "), city.seen("5", **nameless, author_name="n" * 300))
    assert [city.comment(one).author.name for one in "12"] == ["louise.t"] * 2
    assert city.comment("1").author_id == city.comment("2").author_id == city.comment("3", "sud").author_id
    assert city.comment("4").author is None
    assert city.comment("5").author.name == "n" * 200


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
@pytest.mark.parametrize("id_first", [True, False], ids=["id first", "name first"])
@pytest.mark.parametrize("said_with_id", [None, "louise.t"])
def test_an_id_takes_the_place_of_a_name_whenever_it_is_told(city, together, id_first, said_with_id):
    """The webhook says who, a listing without `from` only the user name: one comment, one author, with both."""
    told = [
        city.seen("1", author_external_id="7001", author_name=said_with_id),
        city.seen("1", source="pull", author_external_id=None, author_name="louise.t"),
    ]
    told = told if id_first else told[::-1]
    for batch in [told] if together else [[one] for one in told]:
        city.store(*batch)
    assert authors(city) == [("7001", "louise.t")]
    assert city.comment("1").author.external_id == "7001"


def test_a_name_goes_on_naming_the_comments_whose_id_is_not_told(city):
    named = {"author_external_id": None, "author_name": "louise.t"}
    city.store(city.seen("1", **named), city.seen("2", **named))
    city.store(city.seen("1", author_external_id="7001", author_name="louise.t"))
    assert [city.comment(one).author.name for one in "12"] == ["louise.t"] * 2
    assert len(authors(city)) == 2


def test_names_and_links_longer_than_their_columns(city):
    city.store(city.seen("7", author_name="N" * 500, permalink="https://reseau.example/" + "x" * 600))
    comment = city.comment("7")
    assert comment.author.name == "N" * 200
    assert comment.permalink is None


def test_a_change_that_cannot_be_stored_is_set_aside_alone_and_once(city):
    broken = city.seen("8", text=12)
    for _ in range(2):
        city.store(city.seen("7"), broken, city.seen("9"))
    assert city.comment("7").text == city.comment("9").text == "Bonjour"
    with city.database.read() as session:
        entry = session.scalars(select(SetAside)).one()
        assert session.scalar(select(func.count()).select_from(Comment)) == 2
    assert "external_id='8'" in entry.raw
    assert entry.account_external_id == "page-nord"


def test_authors_and_posts_are_shared_and_learn_their_names_later(city):
    city.store(city.seen("1", author_name=None))
    city.store(city.seen("2"), PostSeen("post-1", "Collecte de lundi", "https://reseau.example/1", after(0)))
    city.store(city.seen("3", author_name=None), account="sud")
    with city.database.read() as session:
        assert [author.name for author in session.scalars(select(Author))] == ["Louis Citoyen"]
        posts = session.scalars(select(SourcePost).order_by(SourcePost.id)).all()
    assert [(post.account_id, post.text) for post in posts] == [
        (city.accounts["nord"], "Collecte de lundi"),
        (city.accounts["sud"], None),
    ]


def test_what_is_said_of_a_post_is_kept_and_what_is_not_said_takes_nothing_away(city):
    ad = AdSeen("ad-1", "campaign-1", Decimal("12.34"), "CAD")
    city.store(PostSeen("post-1", "Texte", None, after(0), kind=PostKind.AD, comments=7, ad=ad))
    city.store(PostSeen("post-1", None, None, None), PostSeen("post-1", None, None, None, ad=replace(ad, spend=None)))
    with city.database.read() as session:
        post = session.scalars(select(SourcePost)).one()
    assert (post.kind, post.comment_count, post.text) == (PostKind.AD, 7, "Texte")
    assert (post.ad_id, post.campaign_id, post.spend_micros, post.currency) == (
        "ad-1",
        "campaign-1",
        12_340_000,
        "CAD",
    )


def test_a_review_stays_one_whatever_a_webhook_calls_it(city):
    city.store(CommentSeen("7", "pull", after(0), text="Bravo", kind=CommentKind.REVIEW, rating=5))
    city.store(CommentSeen("7", "edit", after(60), text="Bof"))
    city.store(CommentSeen("7", "pull", after(90), text="Bof", kind=CommentKind.REVIEW, rating=1))
    assert (city.comment("7").kind, city.comment("7").rating) == (CommentKind.REVIEW, 1)


# ------------------------------------------------------------------------------------------ who hid it
def test_a_hide_of_ours_is_the_citys_and_its_echo_changes_nothing(city, insult):
    comment = city.says("7", "Maire niaiseux", **insult)
    decision = city.decide("Ariane", comment, "hide", rule_code="N1")
    city.deliver()
    echo = VisibilityChanged("7", True, city.now + timedelta(seconds=1), by_account=True)
    lagging = CommentSeen("7", "pull", city.now + timedelta(seconds=30), text="Maire niaiseux", hidden=False)
    caught_up = CommentSeen("7", "pull", city.now + timedelta(minutes=5), text="Maire niaiseux", hidden=True)
    city.store(caught_up, echo, lagging)
    assert city.comment("7").hidden_by is HiddenBy.CITY
    assert city.effect(decision).state == "done"


@pytest.mark.parametrize(("by_account", "who"), [(True, HiddenBy.OUTSIDE), (False, HiddenBy.NETWORK)])
def test_a_hide_that_nobody_here_decided_is_not_the_citys(city, by_account, who):
    city.store(city.seen("7"), VisibilityChanged("7", True, city.now, by_account=by_account))
    assert city.comment("7").hidden_by is who
    city.store(VisibilityChanged("7", False, city.now + timedelta(minutes=1)))
    assert city.comment("7").hidden_by is None
    city.store(city.seen("7", source="pull", seen_at=city.now + timedelta(minutes=2), hidden=True))
    assert city.comment("7").hidden_by is HiddenBy.NETWORK, "what was shown again and hid once more is another hide"


def test_hidden_by_the_network_after_our_own_unhide_is_the_networks(city, insult):
    comment = city.says("7", "Maire niaiseux", **insult)
    decision = city.decide("Ariane", comment, "hide", rule_code="N1")
    city.deliver()
    city.undo("Ariane", decision)
    city.deliver()
    assert city.comment("7").hidden_by is None
    city.store(city.seen("7", "Maire niaiseux", source="pull", seen_at=city.now + timedelta(seconds=5), hidden=True))
    assert city.comment("7").hidden_by is HiddenBy.NETWORK


# ------------------------------------------------------------------------------------------ who waits
def test_the_citys_own_comments_never_wait(city):
    city.store(city.seen("7", by_account=True))
    city.store(city.seen("7", "Corrigé", source="edit", seen_at=city.now, said_at=city.now))
    assert city.item("7") is None
    assert city.classify() == 0


def test_removed_then_seen_again_waits_again(city):
    city.says("7", "Bonjour")
    city.clock.pass_(minutes=5)
    city.store(CommentRemoved("7", city.now))
    assert city.item("7").state == ItemState.HANDLED
    city.clock.pass_(minutes=5)
    city.store(city.seen("7", source="pull", seen_at=city.now))
    item = city.item("7")
    assert (item.state, item.queued_at) == (ItemState.RECEIVED, city.now)
    assert not city.comment("7").removed


def test_an_edit_of_a_handled_comment_waits_at_the_end_of_the_queue(city):
    comment = city.says("7", "Bonjour")
    city.decide("Ariane", comment, "nothing")
    city.clock.pass_(days=30)
    city.store(city.seen("7", "Il y a le feu", source="edit", seen_at=city.now, said_at=city.now))
    item = city.item("7")
    assert (item.state, item.queued_at) == (ItemState.RECEIVED, city.now)


def test_an_edit_of_a_waiting_comment_keeps_its_place(city):
    city.says("7", "Bonjour")
    before = city.item("7")
    city.clock.pass_(hours=1)
    city.store(city.seen("7", "Bonjour!", source="edit", seen_at=city.now, said_at=city.now))
    after = city.item("7")
    assert (after.state, after.queued_at) == (ItemState.RECEIVED, before.queued_at)
    assert after.version > before.version


def test_what_was_disposed_of_is_not_taken_back_in(city):
    comment = city.says("7", "Bonjour")
    with city.database.write() as session:
        retention.dispose(session, [comment.id], now=city.now, person_id=None)
    city.clock.pass_(hours=1)
    city.store(city.seen("7", "Bonjour", source="pull", seen_at=city.now))
    city.store(city.seen("7", "Bonsoir", source="edit", seen_at=city.now))
    comment = city.comment("7")
    assert (comment.text, comment.author, city.item("7").state) == (None, None, ItemState.HANDLED)
    with city.database.read() as session:
        assert set(session.scalars(select(CommentVersion.text))) == {None}


# ------------------------------------------------------------------------------------------ cost
def test_the_number_of_queries_does_not_grow_with_the_batch(city):
    def asked(statements):
        # SQLite's library inserts row by row, inside this process; a server gets them together.
        return [one for one in statements if not (city.database.sqlite and one.startswith("INSERT"))]

    def cost(number, prefix):
        changes = [city.seen(f"{prefix}{i}", f"Texte {i}", author_external_id=f"{prefix}{i}") for i in range(number)]
        with city.counting() as first:
            city.store(*changes)
        with city.counting() as again:
            city.store(*(replace(change, source="pull", seen_at=city.now) for change in changes))
        return len(asked(first)), len(asked(again))

    city.store(city.seen("1"))  # The post is there.
    assert cost(2, "a") == cost(90, "b")


def test_what_was_known_already_is_not_written_again(city):
    changes = [city.seen("7"), CommentRemoved("8", city.now), VisibilityChanged("9", True, city.now)]
    city.store(*changes)
    with city.counting() as again:
        city.store(*changes)
    assert not [one for one in again if one.startswith(("UPDATE", "INSERT INTO comment"))]


def test_another_account_with_the_same_ids_is_another_comment(city):
    city.store(city.seen("7", "Nord"))
    city.store(city.seen("7", "Sud"), account="sud")
    assert (city.comment("7").text, city.comment("7", "sud").text) == ("Nord", "Sud")
    with city.database.read() as session:
        account = session.get_one(Account, city.accounts["sud"])
    assert city.comment("7", "sud").borough_id == account.borough_id


# ------------------------------------------------------------------------------------------ beside decisions
@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_batch_that_is_being_stored_keeps_no_decision_waiting(city):
    """A decision owes an effect to the account whose batch is open; if it waited, each could wait for the other."""
    comment = city.says("7", "Bonjour")
    decided = threading.Event()

    def decide():
        city.decide("Ariane", comment, "reply", text="Merci")
        decided.set()

    deciding = threading.Thread(target=decide)
    with city.database.write() as session:
        account = session.get_one(Account, city.accounts["nord"])
        upserting.store(session, account, [city.seen("8")], now=city.now)
        deciding.start()
        done_meanwhile = decided.wait(30)
    deciding.join()
    assert done_meanwhile


@pytest.mark.parametrize("source", ["add", "pull"])
@pytest.mark.parametrize("year", [1, 1970, 2126, 9999])
def test_a_time_that_cannot_be_is_no_time(city, source, year):
    """The comment would stand at one end of every list for ever."""
    at = city.now - timedelta(minutes=1)
    city.store(city.seen("1", source=source, said_at=datetime(year, 1, 1, tzinfo=UTC)))
    assert city.comment("1").created_at == at


def test_what_has_no_id_is_set_aside_and_its_neighbours_are_stored(city):
    """Two citizens would be one comment."""
    city.store(city.seen("", "Un"), city.seen("1", "Deux"), city.seen("", "Trois", author_external_id="mia"))
    with city.database.read() as session:
        assert session.scalars(select(Comment.text)).all() == ["Deux"]
        assert session.scalars(select(SetAside.reason)).all() == ["not_stored:ValueError:"]

"""The list reaches everything once, danger first, at a cost that neither its length nor the city's size changes."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from classifiers.base import Scored, Urgency
from connectors.base import CommentRemoved
from models.comments import Comment
from models.effects import Effect
from models.errors import NotFound, Refused
from models.items import Item
from models.vocabulary import EffectState, Intention, ItemState
from moderation.triage import deciding, listing, queue
from moderation.triage.listing import Filter


def page(city, who="Ariane", after=None, limit=50, **wanted):
    with city.database.read() as session:
        return queue.page(session, city.people[who], Filter(**wanted), now=city.now, after=after, limit=limit)


def listed(city, who="Ariane", **wanted):
    """The ids of the whole list, read three by three."""
    found, after = [], None
    while True:
        part = page(city, who, after, 3, **wanted)
        found += [one.comment.external_id for one in part.lines]
        after = part.after
        if after is None:
            return found


def item(city, comment, who="Ariane"):
    with city.database.read() as session:
        return queue.detail(session, city.people[who], comment.id, now=city.now)


def fill(city, number, prefix="", account="nord"):
    city.store(*(city.seen(f"{prefix}{i}", author_external_id=f"{prefix}{i}") for i in range(number)), account=account)
    while city.classify():
        pass


# ------------------------------------------------------------------------------------------ order and paging
def test_danger_first_then_the_oldest(city):
    for name, level in [("a", 0), ("b", 1), ("c", 0), ("d", 2), ("e", 1), ("f", 2)]:
        city.says(name, f"Texte {name}", urgency=Urgency(level, 0.9))
        city.clock.pass_(minutes=1)
    assert listed(city) == ["d", "f", "b", "e", "a", "c"]


def test_handled_ones_are_listed_newest_first(city):
    for name in "abcd":
        city.decide("Ariane", city.says(name, f"Texte {name}"), "nothing")
    assert listed(city, state=ItemState.HANDLED) == ["d", "c", "b", "a"]
    assert listed(city) == []


steps = st.lists(
    st.one_of(
        st.tuples(st.just("come"), st.integers(0, 2)),
        st.tuples(st.just("go"), st.integers(0, 30)),
        st.tuples(st.just("next"), st.integers(1, 4)),
    ),
    max_size=14,
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
def test_what_stays_is_reached_exactly_once_while_others_come_and_go(city, steps):
    with city.database.write() as session:
        session.execute(update(Item).values(state=ItemState.HANDLED, handled_at=city.now))
    start = len(listed(city, state=ItemState.HANDLED))
    names = [f"{start}-{number}" for number in range(8)]
    city.store(*(city.seen(name) for name in names))
    while city.classify():
        pass
    staying, met, after, ended, come = set(names), [], None, False, 0
    for step, number in steps:
        match step:
            case "come":
                name, come = f"{start}+{come}", come + 1
                city.says(name, f"Texte {name}", urgency=Urgency(number, 0.9))
            case "go":
                name = names[number % len(names)]
                staying.discard(name)
                with city.database.write() as session:
                    handled = select(Comment.id).where(Comment.external_id == name)
                    session.execute(
                        update(Item)
                        .where(Item.comment_id.in_(handled))
                        .values(state=ItemState.HANDLED, handled_at=city.now)
                    )
            case _ if not ended:
                part = page(city, after=after, limit=number)
                met += [one.comment.external_id for one in part.lines]
                after, ended = part.after, part.after is None
    while not ended:
        part = page(city, after=after, limit=3)
        met += [one.comment.external_id for one in part.lines]
        after, ended = part.after, part.after is None
    assert len(met) == len(set(met))
    assert staying <= set(met)


def encoded(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "!",
        "é",
        "AAAA",
        encoded([]),
        encoded(["2", "x", 1]),
        encoded([2, "never", 1]),
        encoded([2, "2026-11-02T14:00:00+00:00", 1 << 70]),
        encoded([2, "0001-01-01T00:00:00+14:00", 1]),
        encoded({"id": 1}),
        encoded(None),
        base64.urlsafe_b64encode(b"[" * 3000).decode(),
    ],
)
def test_a_made_up_place_is_refused(city, cursor):
    for state in (ItemState.WAITING, ItemState.HANDLED):
        with pytest.raises(Refused) as caught:
            page(city, after=cursor, state=state)
        assert caught.value.code == "cursor_invalid"


# ------------------------------------------------------------------------------------------ cost
def test_a_page_costs_two_queries_whatever_its_length(city):
    def cost(limit):
        with city.counting() as statements:
            found = page(city, limit=limit)
            # All that a line shows was loaded with it.
            assert all(one.comment.author.name and one.comment.verdict and one.comment.account for one in found.lines)
        return len(statements)

    fill(city, 3)
    assert cost(2) == 2
    fill(city, 70, "more")
    with city.database.write() as session:
        deciding.claim(session, city.people["Bruno"], city.comment("1").id, now=city.now)
    assert cost(70) == 2


def test_an_item_costs_the_same_in_a_large_thread(city, leak):
    def cost():
        with city.counting() as statements:
            item(city, comment)
        return len(statements)

    comment = city.says("0", "Ça coule", **leak)
    few = cost()
    for number in range(6):
        one = city.says(f"x{number}", f"Ça coule {number}", **leak)
        city.decide("Ariane", one, "request", service_code="bris-aqueduc", text="Noté {numero}")
        city.store(city.seen("0", f"Version {number}", source="edit", seen_at=city.now + timedelta(seconds=number)))
    assert cost() == few


def test_counts_are_computed_and_stop(city, monkeypatch):
    fill(city, 7)
    city.says("danger", "Au secours", urgency=Urgency(2, 0.9))
    with city.database.read() as session:
        assert listing.counts(session, city.people["Ariane"], now=city.now) == listing.Counts(8, 1)
    monkeypatch.setattr(listing, "MOST_COUNTED", 5)
    with city.database.read() as session, city.counting() as statements:
        assert listing.counts(session, city.people["Ariane"], now=city.now) == listing.Counts(5, 1)
    assert len(statements) == 1


# ------------------------------------------------------------------------------------------ filters and scopes
def test_each_filter_narrows_the_list(city, insult):
    city.says("question", "Quand ouvre l'aréna?")
    city.says("insult", "Niaiseux 100 % _", **insult)
    city.says("thanks", "Merci", intention=Scored(Intention.PRAISE, 0.9), urgency=Urgency(1, 0.9))
    city.says("south", "Bonjour du sud", account="sud")
    assert listed(city, account_id=city.accounts["sud"]) == ["south"]
    assert listed(city, urgency=1) == ["thanks"]
    assert listed(city, intention="eloge") == ["thanks"]
    assert listed(city, suggestion="hide") == ["insult"]
    assert listed(city, words="ouvre QUAND") == ["question"]
    assert listed(city, words="100 % _") == ["insult"]
    assert listed(city, words="\\") == []
    assert listed(city, words="citoyen merci") == ["thanks"]
    assert listed(city, words="\0\ud800") == []
    assert listed(city, state=ItemState.RECEIVED) == []


def test_everybody_sees_their_scope_only(city):
    north, south, whole = (city.says(name, f"Texte {name}", account=name) for name in ("nord", "sud", "ville"))
    assert listed(city, "Ariane") == listed(city, "Elise") == ["nord", "sud", "ville"]
    assert listed(city, "Chantal") == ["sud"]
    assert listed(city, "Denis") == []
    assert item(city, south, "Chantal").comment.id == south.id
    for who, comment in (("Chantal", north), ("Chantal", whole), ("Denis", south)):
        with pytest.raises(NotFound):
            item(city, comment, who)
    with city.database.read() as session:
        assert listing.counts(session, city.people["Chantal"], now=city.now).waiting == 1
        assert listing.counts(session, city.people["Denis"], now=city.now).waiting == 0


def test_the_citys_own_comments_are_not_listed(city):
    city.store(city.seen("7", by_account=True))
    assert listed(city, state=ItemState.HANDLED) == []


# ------------------------------------------------------------------------------------------ one item
def test_an_item_shows_all_that_is_around_it(city, leak):
    first = city.says("first", "Ça coule", **leak)
    city.decide("Bruno", first, "request", service_code="bris-aqueduc")
    city.store(city.seen("answer", "Moi aussi", parent_external_id="first"))
    city.store(city.seen("other", "Autre fil", author_external_id="marie"))
    comment = city.says("again", "Encore ce bris", **leak)
    city.store(city.seen("again", "Encore ce bris!", source="edit", seen_at=city.now))
    city.store(city.seen("again", "Encore ce bris!", source="pull", seen_at=city.now))
    with city.database.write() as session:
        deciding.claim(session, city.people["Bruno"], comment.id, now=city.now)
    seen = item(city, comment)
    assert [version.text for version in seen.versions] == ["Encore ce bris", "Encore ce bris!"]
    assert {one.external_id for one in seen.history} == {"first", "answer"}
    assert [one.number for one in seen.similar] == ["STR-2026-000001"]
    assert "bris-aqueduc" in {service.code for service, _ in seen.likely}
    assert seen.claimed_by == "Bruno"
    assert item(city, comment, "Bruno").claimed_by is None
    around = item(city, first)
    assert [one.external_id for one in around.thread] == ["answer"]
    assert [one.number for one in around.requests] == ["STR-2026-000001"]
    assert [decision.person.name for decision in around.decisions] == ["Bruno"]


def test_the_history_of_an_author_goes_back_a_year(city):
    said = {
        "old": {"said_at": city.now - queue.HISTORY - timedelta(seconds=1)},
        "recent": {"said_at": city.now - queue.HISTORY},
        "other": {"author_external_id": "marie"},
    }
    city.store(*(city.seen(external_id, f"Texte {external_id}", **more) for external_id, more in said.items()))
    comment = city.says("now", "Bonjour")
    assert [one.external_id for one in item(city, comment).history] == ["recent"]


def test_the_list_says_who_has_an_item_and_who_asked_to_hide_it(city, criticism):
    comment = city.says("7", "Belle administration!", **criticism)
    city.propose("Bruno", comment, rule_code="N2")
    with city.database.write() as session:
        deciding.claim(session, city.people["Bruno"], comment.id, now=city.now)
    (mine,) = page(city, "Bruno").lines
    (theirs,) = page(city, "Ariane").lines
    assert (mine.claimed_by, mine.claimed_by_me) == (None, True)
    assert (theirs.claimed_by, theirs.claimed_by_me) == ("Bruno", False)
    assert theirs.proposal.person.name == item(city, comment).proposal.person.name == "Bruno"
    city.clock.pass_(minutes=2)
    (later,) = page(city, "Ariane").lines
    assert later.claimed_by is None


def test_an_answer_that_the_city_gave_in_the_networks_application_is_said(city):
    def outside(external_id):
        lines = [one for one in page(city).lines if one.comment.external_id == external_id]
        return [one.answered_outside for one in lines], item(city, city.comment(external_id)).answered_outside

    asked, other = city.says("7", "À quelle heure?"), city.says("8", "Et demain?")
    city.store(city.seen("marie", "Moi aussi", parent_external_id="7", author_external_id="marie"))
    assert outside("7") == ([False], False)
    city.store(city.seen("outside", "À 7 h", parent_external_id="7", by_account=True))
    assert (outside("7"), outside("8")) == (([True], True), ([False], False))
    city.store(CommentRemoved("outside", city.now))
    assert outside("7") == ([False], False)
    # The echo of our own reply is not one of them, whether it comes before or after its answer.
    decision = city.decide("Ariane", other, "reply", text="À 8 h")
    city.deliver()
    city.store(city.seen("8_1", "À 8 h", parent_external_id="8", by_account=True))
    assert city.effect(decision).remote_id == "8_1"
    assert outside("8") == ([], False)
    decision = city.decide("Ariane", asked, "reply", text="À 9 h")
    with city.database.write() as session:
        session.get_one(Effect, decision.effect_id).state = EffectState.UNKNOWN
    city.store(city.seen("7_2", "À 9 h", parent_external_id="7", by_account=True))
    assert outside("7") == ([], False), "it may be ours: nobody knows yet"


def test_an_act_in_doubt_on_one_comment_says_nothing_of_the_others(city):
    asked, doubted = city.says("7", "À quelle heure?"), city.says("8", "Et demain?")
    city.store(city.seen("outside", "À 7 h", parent_external_id="7", by_account=True))
    decision = city.decide("Ariane", doubted, "reply", text="À 8 h")
    with city.database.write() as session:
        session.get_one(Effect, decision.effect_id).state = EffectState.UNKNOWN
    (line,) = page(city).lines
    assert (line.comment.id, line.answered_outside) == (asked.id, True)
    assert item(city, asked).answered_outside

"""Several comments decided at once: one decision and one effect each; what somebody else decided is left and said."""

from __future__ import annotations

from dataclasses import replace
from itertools import count as counting

import pytest
from sqlalchemy import func, select

from classifiers.base import Scored, Urgency
from connectors.registry import capabilities
from models.comments import Comment
from models.decisions import Batch, Decision
from models.effects import Effect
from models.errors import NotFound, Refused
from models.vocabulary import DecisionKind, EffectState, Intention, ItemState, OperationKind
from moderation.triage import deciding, queue, together
from moderation.triage.deciding import Choice, Terms
from tests.city import CALM

_keys = counting()
PRAISE = {"intention": Scored(Intention.PRAISE, 0.9)}


@pytest.fixture
def thanks(city):
    """Four comments that say thanks, by four people."""
    for name in "abcd":
        city.classifier.says[f"Merci {name}"] = replace(CALM, **PRAISE)
        city.store(city.seen(name, f"Merci {name}", author_external_id=name, author_name=f"{name.upper()} Citoyen"))
    city.classify()
    return [city.comment(name) for name in "abcd"]


def decide_all(city, comments, kind="nothing", who="Ariane", **more):
    opened = more.pop("opened", ())
    choice = Choice(DecisionKind(kind), 0, **{"form_key": f"group-{next(_keys)}", **more})
    terms = Terms(deciding.CLAIM, "STR", capabilities)
    with city.database.write() as session:
        versions = {one.id: one.version for one in comments}
        return together.decide_all(session, city.people[who], versions, choice, terms, opened=opened, now=city.now)


def undo_all(city, batch, who="Ariane"):
    with city.database.write() as session:
        return together.undo_all(session, city.people[who], batch.id, now=city.now)


def left(outcome):
    return {comment_id: error.code for comment_id, error in outcome.left.items()}


def count(city, what):
    with city.database.read() as session:
        return session.scalar(select(func.count()).select_from(what))


def states(city):
    return [city.item(name).state for name in "abcd"]


# ------------------------------------------------------------------------------------------ one decision each
def test_one_decision_and_one_effect_each_and_one_undo(city, thanks):
    outcome = decide_all(city, thanks, "reply", text="Merci {prenom}!")
    assert left(outcome) == {}
    assert states(city) == [ItemState.HANDLED] * 4
    with city.database.read() as session:
        effects = session.scalars(select(Effect).order_by(Effect.target)).all()
        assert [(one.target, one.payload["text"]) for one in effects] == [(n, f"Merci {n.upper()}!") for n in "abcd"]
    undone = undo_all(city, outcome.batch, "Bruno")
    assert (len(undone.decisions), left(undone)) == (4, {})
    assert states(city) == [ItemState.WAITING] * 4
    city.deliver()
    assert city.network.done == []
    with pytest.raises(Refused) as caught:
        undo_all(city, outcome.batch)
    assert caught.value.code == "already_undone"


def test_what_somebody_decided_or_has_open_or_changed_meanwhile_is_left_and_said(city, thanks):
    a, b, c, d = thanks
    city.decide("Bruno", a, "nothing")
    with city.database.write() as session:
        deciding.claim(session, city.people["Bruno"], b.id, now=city.now)
    city.store(city.seen("c", "Pas merci", source="edit", seen_at=city.now))
    city.classify()
    outcome = decide_all(city, thanks)
    assert left(outcome) == {a.id: "already_decided", b.id: "claimed", c.id: "text_changed"}
    assert outcome.left[a.id].params["by"] == "Bruno"
    assert [one.comment_id for one in outcome.decisions] == [d.id]
    assert count(city, Decision) == 2


def test_what_is_left_leaves_no_trace_of_its_try(city, thanks, insult):
    """The reply of one has a place that nothing fills: it fails late, and takes nothing of the others with it."""
    city.store(city.seen("e", "Anonyme", author_name=None))
    city.classify()
    outcome = decide_all(city, [*thanks, city.comment("e")], "reply", text="Merci {prenom}!")
    assert left(outcome) == {city.comment("e").id: "place_blank"}
    assert (count(city, Decision), count(city, Effect)) == (4, 4)


def test_a_danger_is_decided_alone(city, thanks):
    danger = city.says("danger", "Au secours", urgency=Urgency(2, 0.9))
    assert left(decide_all(city, [*thanks, danger])) == {danger.id: "danger_alone"}


def test_others_of_another_borough_are_not_there(city, thanks):
    south = city.says("south", "Merci du sud", account="sud")
    outcome = decide_all(city, [*thanks, south], who="Chantal")
    assert {one.comment_id for one in outcome.decisions} == {south.id}
    assert set(left(outcome).values()) == {"not_waiting"}
    batch = decide_all(city, thanks).batch
    with pytest.raises(NotFound):
        undo_all(city, batch, "Chantal")


def test_a_form_sent_twice_is_one_batch(city, thanks):
    first, again = (decide_all(city, thanks, "like", form_key="g" * 16) for _ in range(2))
    assert [one.id for one in again.decisions] == [one.id for one in first.decisions]
    assert (count(city, Batch), count(city, Decision), count(city, Effect)) == (1, 4, 4)
    with pytest.raises(Refused) as caught:
        decide_all(city, thanks, "like", "Bruno", form_key="g" * 16)
    assert caught.value.code == "form_key_reused"


def test_two_people_decide_the_same_ones_at_once(city, thanks, race):
    results = race(lambda: decide_all(city, thanks), lambda: decide_all(city, thanks[::-1], "like", "Bruno"))
    assert sorted(len(one.decisions) for one in results) == [0, 4]
    assert sorted(set(left(one).values()) for one in results) == [set(), {"already_decided"}]
    assert count(city, Decision) == 4


def test_how_many_and_of_what_kind(city, thanks):
    many = [Comment(id=number + 1, version=1) for number in range(together.MOST + 1)]
    for comments, kind, code in (
        ([], "nothing", "nothing_selected"),
        (many, "nothing", "too_many_selected"),
        (thanks, "request", "not_a_choice"),
        (thanks, "unhide", "not_a_choice"),
    ):
        with pytest.raises(Refused) as caught:
            decide_all(city, comments, kind)
        assert caught.value.code == code


# ------------------------------------------------------------------------------------------ restrictions
def test_a_restriction_touches_only_what_was_opened_one_by_one(city, insult, criticism):
    rude = [city.says(f"r{number}", f"Niaiseux {number}", **insult) for number in range(2)]
    critical = city.says("critical", "Belle administration!", **criticism)
    outcome = decide_all(city, [*rude, critical], "hide", rule_code="N2", opened=[rude[0].id, critical.id])
    assert [one.comment_id for one in outcome.decisions] == [rude[0].id]
    assert left(outcome) == {rude[1].id: "not_opened", critical.id: "second_person_needed"}
    assert outcome.decisions[0].evidence_id is not None


# ------------------------------------------------------------------------------------------ likes
def test_a_like_that_left_is_taken_back_by_its_opposite(city):
    comment = city.says("7", "Merci", **PRAISE)
    decision = city.decide("Ariane", comment, "like")
    city.undo("Ariane", decision)
    assert city.effect(decision).state == EffectState.CANCELLED
    decision = city.decide("Ariane", comment, "like")
    city.deliver()
    city.undo("Ariane", decision)
    city.deliver()
    assert [one.kind for one in city.network.done] == [OperationKind.LIKE, OperationKind.UNLIKE]


# ------------------------------------------------------------------------------------------ the preview
def test_the_preview_lists_what_is_the_viewers_in_the_order_given_and_says_what_would_be_left(city, thanks):
    danger = city.says("danger", "Au secours", urgency=Urgency(2, 0.9))
    with city.database.write() as session:
        deciding.claim(session, city.people["Bruno"], thanks[0].id, now=city.now)
    ids = [danger.id, thanks[1].id, thanks[0].id, 999_999]
    with city.database.read() as session:
        lines = queue.chosen(session, city.people["Ariane"], ids, now=city.now)
        assert [one.comment.id for one in lines] == ids[:3]
        whys = [together.why_not(one, DecisionKind.NOTHING, capabilities) for one in lines]
        assert [why and why.code for why in whys] == ["danger_alone", None, "claimed"]
        assert queue.chosen(session, city.people["Chantal"], ids, now=city.now) == []

"""Comments are read, enter the queue by their urgency, and what is proposed never silences criticism or distress."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.base import Context, Scored, Urgency, Verdict
from connectors.base import AttachmentSeen
from models.comments import VerdictRow
from models.vocabulary import (
    AttachmentKind,
    Breach,
    DecisionKind,
    Group311,
    Intention,
    ItemState,
    Language,
    Reason,
)
from moderation.triage import classification
from moderation.triage import suggestion as suggestions
from moderation.triage.suggestion import BREACH_AT, Facts, Suggestion, mere_criticism
from tests.city import CALM, MadeUpClassifier

CODES = ["lexicon_insult", "lexicon_hate", "lexicon_vulgar", "pattern_phone", "spam_link", "word_weight"]

reasons = st.builds(
    Reason,
    code=st.sampled_from(CODES),
    params=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
    start=st.none() | st.integers(0, 100),
    end=st.none() | st.integers(0, 100),
    weight=st.floats(-5, 5),
)
verdicts = st.builds(
    Verdict,
    language=st.builds(Scored, st.sampled_from(Language), st.floats(0, 1)),
    intention=st.none() | st.builds(Scored, st.sampled_from(Intention), st.floats(0, 1)),
    group=st.none() | st.builds(Scored, st.sampled_from(Group311), st.floats(0, 1)),
    breaches=st.fixed_dictionaries({breach: st.floats(0, 1) for breach in Breach}),
    urgency=st.builds(Urgency, st.integers(0, 2), st.floats(0, 1)),
    reasons=st.lists(reasons, max_size=4).map(tuple),
    model=st.just("made-up-1"),
    hideable=st.frozensets(st.sampled_from(Breach)),
)


# ------------------------------------------------------------------------------------------ what is proposed
def suggest(verdict):
    return suggestions.suggest(Facts(verdict))


@given(verdicts)
def test_threats_and_distress_always_ask_for_somebody_and_are_never_hidden(verdict):
    if verdict.urgency.level == 2 or verdict.breaches[Breach.THREAT] >= BREACH_AT:
        assert suggest(verdict) == Suggestion(DecisionKind.REQUEST)


@given(verdicts)
def test_a_breach_that_is_seen_is_never_called_nothing(verdict):
    if any(score >= BREACH_AT for score in verdict.breaches.values()):
        assert suggest(verdict) != Suggestion(DecisionKind.NOTHING)


@given(verdicts)
def test_criticism_without_a_breach_is_never_proposed_for_hiding(verdict):
    scores = {breach: min(score, BREACH_AT - 0.01) for breach, score in verdict.breaches.items()}
    suggestion = suggest(replace(verdict, breaches=scores))
    assert suggestion is None or suggestion.kind != DecisionKind.HIDE


@given(verdicts)
def test_a_restriction_is_proposed_only_where_the_classifier_says_that_it_may_be(verdict):
    suggestion = suggest(verdict)
    if suggestion is not None and suggestion.kind == DecisionKind.HIDE:
        assert suggestion.breach in set(Breach) - {Breach.THREAT}
    unproved = suggest(replace(verdict, hideable=frozenset()))
    assert unproved is None or unproved.kind != DecisionKind.HIDE


@pytest.mark.parametrize(
    ("intention", "expected"),
    [
        (Intention.SERVICE_REQUEST, DecisionKind.REQUEST),
        (Intention.QUESTION, DecisionKind.REPLY),
        (Intention.PRAISE, DecisionKind.NOTHING),
        (Intention.OFF_TOPIC, DecisionKind.NOTHING),
        (Intention.DISSATISFACTION, None),
        (Intention.SUGGESTION, None),
    ],
)
def test_an_intention_proposes_what_follows_from_it(verdict, intention, expected):
    sure = suggest(verdict(intention=Scored(intention, 0.9)))
    assert (sure.kind if sure else None) == expected
    assert suggest(verdict(intention=Scored(intention, 0.4))) is None


def test_the_gravest_proved_breach_is_the_one_that_is_suggested(verdict):
    both = {Breach.VULGAR: 0.9, Breach.INSULT: 0.6}
    hideable = frozenset(both)
    assert suggest(verdict(breaches=both, hideable=hideable)) == Suggestion(DecisionKind.HIDE, Breach.INSULT)
    assert suggest(verdict(breaches=both, hideable=hideable - {Breach.INSULT})) == Suggestion(
        DecisionKind.HIDE, Breach.VULGAR
    )


def test_mere_criticism():
    calm = {str(breach): 0.1 for breach in Breach}
    assert mere_criticism("plainte", calm)
    assert mere_criticism("suggestion", calm)
    assert not mere_criticism("plainte", calm | {"insulte": 0.8})
    assert not mere_criticism("question", calm)
    assert not mere_criticism(None, calm)


@given(st.lists(reasons, max_size=5))
def test_reasons_come_back_as_they_were(given_reasons):
    assert classification.reasons_of(VerdictRow(reasons=classification.kept(given_reasons))) == given_reasons


# ------------------------------------------------------------------------------------------ entering the queue
@pytest.mark.parametrize("level", [0, 1, 2])
def test_the_item_is_as_urgent_as_the_verdict(city, level):
    city.says("7", "Au secours", urgency=Urgency(level, 0.9))
    item = city.item("7")
    assert (item.state, item.urgency, item.queued_at) == (ItemState.WAITING, level, city.now)


def test_the_verdict_is_kept_with_its_reasons_and_proposal(city, insult):
    row = city.says("7", "Niaiseux", **insult).verdict
    assert (row.version, row.suggestion, row.suggested_breach) == (1, "hide", Breach.INSULT)
    assert row.scores["breaches"]["insulte"] == pytest.approx(0.95)
    assert classification.reasons_of(row) == list(insult["reasons"])


@pytest.mark.parametrize(
    ("text", "attachments", "proposed"),
    [
        ("Merci!", (), "nothing"),
        ("Merci!", (AttachmentSeen(AttachmentKind.PHOTO),), None),
        ("Merci!", (AttachmentSeen(AttachmentKind.STICKER),), None),
        ("", (AttachmentSeen(AttachmentKind.GIF),), None),
        ("", (), None),
    ],
)
def test_nothing_to_report_is_never_said_of_what_nobody_read(city, text, attachments, proposed):
    city.store(city.seen("7", text, source="pull", attachments=attachments))
    thanks = {"intention": Scored(Intention.PRAISE, 0.9)}
    (calm,) = city.classifier.classify(["?"], None)
    city.classifier.says[text] = replace(calm, **thanks)
    city.classify()
    assert city.comment("7").verdict.suggestion == proposed


def test_a_picture_that_came_later_takes_the_proposal_back(city):
    assert city.says("7", "Merci!", intention=Scored(Intention.PRAISE, 0.9)).verdict.suggestion == "nothing"
    city.store(city.seen("7", "Merci!", source="pull", attachments=(AttachmentSeen(AttachmentKind.PHOTO),)))
    city.classify()
    assert city.comment("7").verdict.suggestion is None


def test_an_edit_while_it_is_read_waits_for_its_newer_text(city):
    city.store(city.seen("7", "Bonjour"))
    city.clock.pass_(seconds=5)

    def edited():
        city.store(city.seen("7", "Bonsoir", source="edit", seen_at=city.now))
        city.classifier.meanwhile = None

    city.classifier.meanwhile = edited
    assert city.classify() == 0
    comment = city.comment("7")
    assert (city.item("7").state, comment.verdict) == (ItemState.RECEIVED, None)
    assert city.classify() == 1
    comment = city.comment("7")
    assert (city.item("7").state, comment.verdict.version, comment.version) == (ItemState.WAITING, 2, 2)


def test_a_removal_while_it_is_read_leaves_nobody_waiting(city):
    from connectors.base import CommentRemoved

    city.store(city.seen("7", "Bonjour"))
    city.classifier.meanwhile = lambda: city.store(CommentRemoved("7", city.now))
    assert city.classify() == 0
    assert city.item("7").state == ItemState.HANDLED


def test_a_newer_text_replaces_the_verdict(city):
    city.says("7", "Bonjour")
    before = city.item("7")
    city.store(city.seen("7", "Au secours", source="edit", seen_at=city.now))
    city.classifier.says["Au secours"] = replace(city.classifier.classify([""], None)[0], urgency=Urgency(2, 0.9))
    city.classify()
    assert (before.urgency, city.item("7").urgency) == (0, 2)
    assert city.comment("7").verdict.urgency == 2


def test_more_than_a_batch_is_read_batch_by_batch(city):
    city.store(*(city.seen(str(number)) for number in range(classification.BATCH + 3)))
    assert [city.classify() for _ in range(3)] == [classification.BATCH, 3, 0]


def test_two_workers_read_two_batches_at_once(city):
    city.store(*(city.seen(str(number), f"Texte {number}") for number in range(classification.BATCH + 3)))
    with city.database.read() as session:
        batches = classification.batches_to_classify(session, now=city.now)
    other, read = MadeUpClassifier(), []

    def while_the_first_reads():
        with city.database.read() as session:
            assert classification.batches_to_classify(session, now=city.now) == batches[1:], "told of once"
        read.append(classification.classify_due(city.database, other, Context(), now=city.now, first=batches[1]))
        read.append(classification.classify_due(city.database, other, Context(), now=city.now))

    city.classifier.meanwhile = while_the_first_reads
    assert city.classify() == classification.BATCH
    assert read == [3, 0]
    assert len(city.classifier.read) == classification.BATCH
    assert len(other.read) == 3
    assert set(city.classifier.read).isdisjoint(other.read)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_batch_that_another_worker_is_just_taking_is_left_out(city):
    """Nobody waits for anybody: a wait would never end in this test."""
    city.store(*(city.seen(str(number)) for number in range(classification.BATCH + 3)))
    waiting = classification.waiting_items(ItemState.RECEIVED, now=city.now)
    with city.database.write() as one, city.database.write() as two:
        first, second = (classification.take(session, waiting, until=city.now) for session in (one, two))
    assert [len(first), len(second)] == [classification.BATCH, 3]
    assert {row[0] for row in first}.isdisjoint(row[0] for row in second)


def test_the_batch_of_a_worker_that_died_comes_back_after_its_lease(city):
    class Killed(BaseException):
        pass

    def die():
        raise Killed

    city.store(city.seen("7"), city.seen("8"))
    city.classifier.meanwhile = die
    with pytest.raises(Killed):
        city.classify()
    city.classifier.meanwhile = None
    assert city.classify() == 0
    city.clock.now += classification.LEASE
    assert city.classify() == 2
    assert city.item("7").classifying_until is None


def test_reading_costs_the_same_for_a_whole_batch(city):
    def cost(number, prefix):
        city.store(*(city.seen(f"{prefix}{i}") for i in range(number)))
        with city.counting() as statements:
            city.classify()
        return len(statements)

    assert cost(2, "a") == cost(40, "b")


# ------------------------------------------------------------------------------------------ why
WORD = Reason("word_weight", {"head": "intention", "label": "question"}, 0, 5, 1.5)
ALONE = Context(reasons=False)


def explain(city, classifier=None, first=0):
    reader = classifier or city.classifier
    return classification.explain_due(city.database, reader, Context(), now=city.now, first=first)


def test_which_words_moved_a_verdict_is_said_after_everything_was_read(city):
    city.store(*(city.seen(str(number), f"Quand {number}?") for number in range(3)))
    classification.classify_due(city.database, city.classifier, ALONE, now=city.now)
    city.classifier.says = {f"Quand {number}?": replace(CALM, reasons=(WORD,)) for number in range(3)}
    assert city.comment("1").verdict.reasons == []
    city.store(city.seen("later", "Et demain?"))
    with city.database.read() as session:
        assert classification.batches_to_explain(session, now=city.now) == [], "one waits to be read"
    classification.classify_due(city.database, city.classifier, ALONE, now=city.now)
    with city.database.read() as session:
        assert classification.batches_to_explain(session, now=city.now) == [city.item("0").id]
    assert explain(city) == 4
    assert classification.reasons_of(city.comment("1").verdict) == [WORD]
    assert city.item("1").classifying_until is None
    assert explain(city) == 0, "each once"


def test_what_changed_meanwhile_is_not_explained_by_its_older_text(city):
    city.store(city.seen("7", "Quand?"))
    classification.classify_due(city.database, city.classifier, ALONE, now=city.now)
    newer = city.seen("7", "Où?", source="edit", seen_at=city.now, said_at=city.now)

    def edit():
        city.classifier.meanwhile = None
        city.store(newer)
        classification.classify_due(city.database, city.classifier, ALONE, now=city.now + classification.LEASE)

    city.classifier.says["Quand?"] = replace(CALM, reasons=(WORD,))
    city.classifier.meanwhile = edit
    assert explain(city) == 1
    verdict = city.comment("7").verdict
    assert (verdict.version, verdict.reasons, verdict.explained) == (2, [], False)


def test_another_model_has_nothing_to_say_of_a_verdict(city):
    city.store(city.seen("7", "Quand?"))
    classification.classify_due(city.database, city.classifier, ALONE, now=city.now)
    other = MadeUpClassifier(version="made-up-2")
    other.says["Quand?"] = replace(CALM, reasons=(WORD,), model="made-up-2")
    assert explain(city, other) == 1
    verdict = city.comment("7").verdict
    assert (verdict.model, verdict.reasons, explain(city, other)) == ("made-up-1", [], 0)

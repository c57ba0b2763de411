"""A person corrects a label: the queue follows at once, nothing is forgotten, and criticism stays protected."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from classifiers.base import Context, Scored, Urgency
from models.audit import AuditEntry
from models.errors import NotFound, Refused
from models.learning import Correction
from models.vocabulary import Breach, DecisionKind, Group311, Intention, ItemState, Reason
from moderation.learning.correction import correct
from moderation.triage import classification, listing, queue
from moderation.triage.listing import Filter


@pytest.fixture
def correcting(city):
    """`correcting("Ariane", comment, intention="question")`: what then stands, head by head."""

    def say(who, comment, version=None, **labels):
        with city.database.write() as session:
            given = correct(
                session, city.people[who], comment.id, labels, version=version or comment.version, now=city.now
            )
            return {one.head: one.label for one in given}

    return say


def _rows(city):
    with city.database.read() as session:
        return list(session.scalars(select(Correction).order_by(Correction.id)))


# ------------------------------------------------------------------------------------------ the queue follows
def test_the_queue_shows_what_was_corrected_and_proposes_what_follows(city, correcting):
    comment = city.says("7", "Bravo pour la patinoire")
    assert comment.verdict.suggestion == DecisionKind.REPLY
    assert correcting("Ariane", comment, intention="eloge") == {"intention": "eloge"}
    with city.database.read() as session:
        (listed,) = queue.page(session, city.people["Bruno"], Filter(intention="eloge"), now=city.now).lines
        item = queue.detail(session, city.people["Bruno"], comment.id, now=city.now)
    assert listed.comment.verdict.suggestion == DecisionKind.NOTHING
    assert [(one.head, one.label, one.person.name) for one in item.corrections] == [("intention", "eloge", "Ariane")]


def test_what_the_model_said_is_kept_with_who_said_otherwise(city, correcting):
    comment = city.says("7", "Bravo", intention=Scored(Intention.QUESTION, 0.83))
    correcting("Ariane", comment, intention="eloge", insulte="1", urgence="1", groupe="parcs")
    kept = {row.head: (row.said, row.score, row.label) for row in _rows(city)}
    assert kept == {
        "intention": ("question", 0.83, "eloge"),
        "insulte": ("0", 0.01, "1"),
        "urgence": ("0", 0.99, "1"),
        "groupe": (None, None, "parcs"),
    }
    row = _rows(city)[0]
    assert (row.model, row.comment_version, row.person_id, row.at) == (
        "made-up-1",
        1,
        city.people["Ariane"].person_id,
        city.now,
    )


@pytest.mark.parametrize("level", ["0", "1", "2"])
def test_a_corrected_urgency_changes_the_place_in_the_queue_at_once(city, correcting, level):
    comment = city.says("7", "Y a de la fumée", urgency=Urgency(1, 0.6))
    before = city.item("7")
    correcting("Ariane", comment, urgence=level)
    after = city.item("7")
    assert (after.urgency, after.state, after.queued_at) == (int(level), ItemState.WAITING, before.queued_at)
    with city.database.read() as session:
        assert listing.counts(session, city.people["Ariane"], now=city.now).danger == (level == "2")


def test_a_breach_that_a_person_saw_proposes_to_hide_and_one_that_they_deny_does_not(city, correcting, insult):
    seen = city.says("7", "Espèce de zouf")
    correcting("Ariane", seen, insulte="1")
    verdict = city.comment("7").verdict
    assert (verdict.suggestion, verdict.suggested_breach) == (DecisionKind.HIDE, Breach.INSULT)
    denied = city.says("8", "Niaiseux", **insult)
    assert denied.verdict.suggestion == DecisionKind.HIDE
    correcting("Ariane", denied, insulte="0")
    assert city.comment("8").verdict.suggestion == DecisionKind.REPLY


def test_a_proposal_to_hide_outlives_a_correction_of_another_head(city, correcting):
    sure = {"breaches": dict.fromkeys(Breach, 0.01) | {Breach.HATE: 0.99}, "hideable": frozenset({Breach.HATE})}
    comment = city.says("7", "…", **sure)
    assert comment.verdict.suggested_breach == Breach.HATE
    correcting("Ariane", comment, groupe="parcs")
    assert city.comment("7").verdict.suggested_breach == Breach.HATE


def test_a_corrected_danger_is_never_proposed_for_hiding(city, correcting, insult):
    comment = city.says("7", "Niaiseux, je vais sauter du pont", **insult)
    correcting("Ariane", comment, urgence="2")
    assert city.comment("7").verdict.suggestion == DecisionKind.REQUEST


# ------------------------------------------------------------------------------------------ correcting again
def test_the_newest_correction_holds_and_none_is_lost(city, correcting):
    comment = city.says("7", "Bravo", intention=Scored(Intention.QUESTION, 0.83))
    correcting("Ariane", comment, intention="eloge")
    assert correcting("Bruno", comment, intention="question") == {"intention": "question"}
    assert city.comment("7").verdict.suggestion == DecisionKind.REPLY
    assert [(row.said, row.score, row.label) for row in _rows(city)] == [
        ("question", 0.83, "eloge"),
        ("question", 0.83, "question"),
    ]


def test_the_same_correction_again_writes_nothing(city, correcting):
    comment = city.says("7", "Bravo")
    for who in ("Ariane", "Ariane", "Bruno"):
        assert correcting(who, comment, intention="eloge") == {"intention": "eloge"}
    assert len(_rows(city)) == 1
    with city.database.read() as session:
        noted = session.scalar(select(func.count()).where(AuditEntry.action == "comment.correct"))
    assert noted == 1


def test_a_label_that_the_model_found_too_is_kept_as_a_confirmation(city, correcting):
    comment = city.says("7", "Bravo", intention=Scored(Intention.QUESTION, 0.83))
    correcting("Ariane", comment, intention="question")
    assert [(row.said, row.label) for row in _rows(city)] == [("question", "question")]


def test_the_journal_has_codes_and_no_words(city, correcting):
    comment = city.says("7", "Mes secrets")
    correcting("Ariane", comment, intention="eloge", menace="1")
    with city.database.read() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "comment.correct")).one()
    assert entry.data["labels"] == {"intention": "eloge", "menace": "1"}
    assert "secrets" not in str(entry.data)


# ------------------------------------------------------------------------------------------ other texts, other models
def test_a_correction_is_about_one_text(city, correcting):
    comment = city.says("7", "Bravo")
    correcting("Ariane", comment, intention="eloge")
    city.clock.pass_(minutes=2)
    city.store(city.seen("7", "Quelle honte", source="edit", seen_at=city.now))
    city.classify()
    after = city.comment("7")
    assert (after.version, after.verdict.intention) == (2, Intention.QUESTION)
    with city.database.read() as session:
        assert queue.detail(session, city.people["Ariane"], comment.id, now=city.now).corrections == []


def test_another_model_reads_the_open_comments_again_and_the_corrections_hold(city, correcting):
    texts = {"7": "Bravo", "8": "Merci", "9": "Allo"}
    one, _, three = (city.says(number, text) for number, text in texts.items())
    correcting("Ariane", one, intention="eloge", urgence="2")
    city.decide("Bruno", three, DecisionKind.NOTHING)
    city.classifier.version = "made-up-2"
    suggestion = replace(city.classifier.says["Bravo"], intention=Scored(Intention.SUGGESTION, 0.7), model="made-up-2")
    city.classifier.says = dict.fromkeys(texts.values(), suggestion)
    assert [classification.reclassify_due(city.database, city.classifier, Context(), now=city.now) for _ in "12"] == [
        2,
        0,
    ]
    first, second, third = (city.comment(number) for number in texts)
    assert (first.verdict.intention, first.verdict.model) == ("eloge", "made-up-2")
    assert city.item("7").urgency == 2
    assert (second.verdict.intention, second.verdict.model) == ("suggestion", "made-up-2")
    assert (third.verdict.intention, third.verdict.model) == ("question", "made-up-1")
    assert classification.model_said(first.verdict, "intention") == ("suggestion", 0.7)


# ------------------------------------------------------------------------------------------ who may, and when
def test_what_cannot_be_corrected(city, correcting):
    comment = city.says("7", "Bravo")
    for labels in ({"intention": "plaintif"}, {"urgence": "3"}, {"haine": "oui"}, {"humeur": "1"}):
        with pytest.raises(Refused, match="label_unknown"):
            correcting("Ariane", comment, **labels)
    with pytest.raises(Refused, match="text_changed"):
        correcting("Ariane", comment, version=2, intention="eloge")
    with pytest.raises(NotFound):
        correcting("Chantal", comment, intention="eloge")
    with pytest.raises(NotFound):
        correcting("Elise", comment, intention="eloge")
    city.store(city.seen("8", "Pas encore lu"))
    with pytest.raises(Refused, match="not_read"):
        correcting("Ariane", city.comment("8"), intention="eloge")
    assert _rows(city) == []


def test_a_comment_that_a_colleague_has_open_is_not_relabelled_under_their_eyes(city, correcting):
    from moderation.triage import deciding

    comment = city.says("7", "Bravo")
    with city.database.write() as session:
        deciding.claim(session, city.people["Bruno"], comment.id, now=city.now)
    with pytest.raises(Refused, match="claimed"):
        correcting("Ariane", comment, intention="eloge")
    assert correcting("Bruno", comment, intention="eloge") == {"intention": "eloge"}


def test_a_handled_comment_can_be_corrected_and_stays_handled(city, correcting):
    comment = city.says("7", "Bravo")
    city.decide("Ariane", comment, DecisionKind.NOTHING)
    correcting("Bruno", comment, intention="eloge")
    assert city.item("7").state == ItemState.HANDLED


# ------------------------------------------------------------------------------------------ criticism stays protected
@pytest.mark.parametrize("labels", [{"intention": "hors_sujet"}, {"insulte": "1"}])
def test_nobody_lifts_the_rule_of_two_by_relabelling_criticism(city, correcting, criticism, labels):
    comment = city.says("7", "La Ville gère mal", **criticism)
    correcting("Ariane", comment, **labels)
    with pytest.raises(Refused, match="second_person_needed"):
        city.decide("Ariane", comment, DecisionKind.HIDE, rule_code="N2")
    assert city.decide("Bruno", comment, DecisionKind.HIDE, rule_code="N2").kind == DecisionKind.HIDE


def test_what_a_colleague_relabelled_is_two_people_of_one_mind(city, correcting, criticism):
    comment = city.says("7", "La Ville gère mal", **criticism)
    correcting("Ariane", comment, insulte="1")
    assert city.decide("Bruno", comment, DecisionKind.HIDE, rule_code="N2").kind == DecisionKind.HIDE


def test_what_a_person_calls_criticism_is_protected_like_what_the_model_calls_so(city, correcting):
    comment = city.says("7", "Vous êtes tous pareils")
    correcting("Ariane", comment, intention="plainte")
    with pytest.raises(Refused, match="second_person_needed"):
        city.decide("Bruno", comment, DecisionKind.HIDE, rule_code="N2")


def test_the_reasons_of_the_model_stay(city, correcting):
    reasons = (Reason("word_weight", {"head": "intention", "label": "question"}, 0, 5, 1.0),)
    comment = city.says("7", "Bravo", reasons=reasons, group=Scored(Group311.PARKS, 0.8))
    correcting("Ariane", comment, intention="eloge")
    assert classification.reasons_of(city.comment("7").verdict) == list(reasons)

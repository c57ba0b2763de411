"""Decisions as labels, each rule by itself; and the calibration and the counts that rest on them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from administration import retention
from classifiers.base import Context, Scored, Urgency
from models.learning import LocalCalibration
from models.requests311 import Service
from models.vocabulary import Breach, DecisionKind, Group311, Intention
from moderation.learning import labels as learning
from moderation.learning.correction import correct
from moderation.learning.labels import Strength, labelled, rows_to_learn


@pytest.fixture
def labels(city):
    """What was learned of a city, as {(comment's text, head): (label, strength)}."""

    def found(model=None):
        with city.database.read() as session:
            return {(one.text, one.head): (one.label, str(one.strength)) for one in labelled(session, model)}

    return found


@pytest.fixture
def correcting(city):
    def say(who, comment, **heads):
        with city.database.write() as session:
            correct(session, city.people[who], comment.id, heads, version=comment.version, now=city.now)

    return say


def _breaches(**found):
    return dict.fromkeys(Breach, 0.01) | {Breach(name): score for name, score in found.items()}


# ------------------------------------------------------------------------------------------ each rule
def test_a_correction_is_a_label_and_a_confirmation_too(city, labels, correcting):
    comment = city.says("7", "Bravo")
    correcting("Ariane", comment, intention="eloge", vulgaire="0")
    correcting("Bruno", comment, intention="question")
    assert labels() == {("Bravo", "intention"): ("question", "corrected"), ("Bravo", "vulgaire"): ("0", "corrected")}


def test_hiding_by_an_article_says_which_breach_it_is(city, labels, insult):
    followed, otherwise = city.says("7", "Niaiseux", **insult), city.says("8", "Achetez", **insult)
    unknown = city.says("9", "Encore")
    city.decide("Ariane", followed, DecisionKind.HIDE, rule_code="N2")
    city.decide("Ariane", otherwise, DecisionKind.HIDE, rule_code="N5")
    city.decide("Ariane", unknown, DecisionKind.HIDE, rule_code="N6")
    assert labels() == {
        ("Niaiseux", "insulte"): ("1", "followed"),
        ("Achetez", "pub_spam"): ("1", "followed"),
    }


def test_letting_be_denies_the_breaches_that_were_shown_and_no_others(city, labels):
    comment = city.says("7", "Bonjour", breaches=_breaches(insulte=0.7, haine=0.4))
    city.decide("Ariane", comment, DecisionKind.NOTHING)
    assert labels() == {
        ("Bonjour", "insulte"): ("0", "decided"),
        ("Bonjour", "intention"): ("question", "left"),
    }


def test_a_request_says_the_group(city, labels, leak):
    with city.database.write() as session:
        session.add(Service(code="arbre", name="Abattage", group=Group311.TREES, days=5))
        session.add(Service(code="fuite", name="Fuite d'eau", group=Group311.WATER, days=5))
    agreed, otherwise = city.says("7", "Ça coule", **leak), city.says("8", "Un arbre", **leak)
    city.decide("Ariane", agreed, DecisionKind.REQUEST, service_code="fuite")
    city.decide("Ariane", otherwise, DecisionKind.REQUEST, service_code="arbre")
    assert labels() == {
        ("Ça coule", "groupe"): ("eau_egout", "followed"),
        ("Un arbre", "groupe"): ("arbres", "decided"),
        ("Ça coule", "intention"): ("demande_service", "left"),
        ("Un arbre", "intention"): ("demande_service", "left"),
    }


def test_what_was_shown_and_left_is_weak(city, labels):
    comment = city.says("7", "Vite", urgency=Urgency(1, 0.7), intention=None)
    city.decide("Ariane", comment, DecisionKind.REPLY, text="Bonjour")
    assert labels() == {("Vite", "urgence"): ("1", "left")}


def test_a_correction_wins_over_what_the_decision_would_say(city, labels, correcting, insult):
    comment = city.says("7", "Niaiseux", **insult)
    correcting("Ariane", comment, insulte="1", intention="hors_sujet")
    city.decide("Bruno", comment, DecisionKind.NOTHING)
    assert labels() == {
        ("Niaiseux", "insulte"): ("1", "corrected"),
        ("Niaiseux", "intention"): ("hors_sujet", "corrected"),
    }


def test_what_was_undone_or_asked_or_is_about_an_older_text_says_nothing(city, labels, insult, criticism):
    undone, asked, edited = city.says("7", "A", **insult), city.says("8", "B", **criticism), city.says("9", "C")
    city.undo("Ariane", city.decide("Ariane", undone, DecisionKind.HIDE, rule_code="N2"))
    city.propose("Ariane", asked, rule_code="N2")
    city.decide("Ariane", edited, DecisionKind.NOTHING)
    city.clock.pass_(minutes=2)
    city.store(city.seen("9", "C changé", source="edit", seen_at=city.now))
    city.classify()
    assert labels() == {}


def test_the_city_does_not_teach_with_its_own_words(city, labels):
    city.store(city.seen("7", "Réponse de la Ville", author_external_id="page-nord"))
    city.says("8", "Jamais regardé")
    assert labels() == {}


# ------------------------------------------------------------------------------------------ to train on
def test_rows_hold_one_text_with_all_that_is_known_of_it(city, correcting, insult):
    comment = city.says("7", "Niaiseux", **insult)
    correcting("Ariane", comment, intention="plainte", urgence="1", insulte="1", haine="0")
    shown = city.says("8", "Merci", breaches=_breaches(vulgaire=0.8))
    city.decide("Bruno", shown, DecisionKind.REPLY, text="Merci!")
    with city.database.read() as session:
        rows = {row.text: row for row in rows_to_learn(session)}
    first, second = rows["Niaiseux"], rows["Merci"]
    assert (first.intention, first.urgence, first.groupe, first.weight) == ("plainte", "1", "", learning.CITY_WEIGHT)
    assert first.netiquette == {Breach.INSULT: True, Breach.HATE: False}
    assert (second.intention, second.netiquette) == ("", {Breach.VULGAR: False})
    assert second.weight == learning.CITY_WEIGHT * learning.WEIGHTS[Strength.FOLLOWED]
    assert first.group == second.group != ""  # One author: never on both sides of a split.


def test_what_was_disposed_of_teaches_no_more_words_and_still_counts(city, correcting, labels):
    comment = city.says("7", "Secret")
    correcting("Ariane", comment, intention="plainte")
    city.decide("Ariane", comment, DecisionKind.NOTHING)
    with city.database.write() as session:
        retention.dispose(session, [comment.id], now=city.now, person_id=None)
    assert labels() == {(None, "intention"): ("plainte", "corrected")}
    with city.database.read() as session:
        assert rows_to_learn(session) == []


# ------------------------------------------------------------------------------------------ to calibrate on
@pytest.fixture
def few(monkeypatch):
    """Ten decisions are enough in these tests; how many the product wants is a constant."""
    assert learning.DECISIONS == 200
    monkeypatch.setattr(learning, "DECISIONS", 10)


def _decide_many(city, number, first=0, **verdict):
    for n in range(first, first + number):
        city.decide("Ariane", city.says(str(n), f"texte {n}", **verdict), DecisionKind.NOTHING)


def _calibrations(city):
    with city.database.read() as session:
        rows = session.scalars(select(LocalCalibration)).all()
        return {(row.model, row.head, row.label): row for row in rows}


def test_scores_are_calibrated_from_enough_decisions_on_and_the_next_verdicts_say_so(city, few, correcting):
    shown = {"intention": Scored(Intention.QUESTION, 0.9), "breaches": _breaches(insulte=0.8)}
    _decide_many(city, 9, **shown)
    assert learning.calibrate_due(city.database, city.locks, now=city.now) == 1
    row = _calibrations(city)["made-up-1", "insulte", "1"]
    assert (row.decided, row.slope, row.shown, row.right) == (9, None, 9, 0)
    before = city.says("a", "avant", **shown)
    assert before.verdict.certainty["intention"] == {"band": "high", "calibrated": False}
    correcting("Ariane", before, intention="eloge")
    city.clock.pass_(days=1)
    assert learning.calibrate_due(city.database, city.locks, now=city.now) == 1
    rows = _calibrations(city)
    assert (rows["made-up-1", "insulte", "1"].decided, rows["made-up-1", "insulte", "1"].slope) == (9, None)
    assert rows["made-up-1", "intention", "question"].decided == 10
    after = city.says("b", "après", **shown)
    assert after.verdict.certainty["intention"]["calibrated"]
    assert not after.verdict.certainty["insulte"]["calibrated"]


def test_labels_that_people_deny_are_shown_as_less_certain(city, few, correcting):
    for n in range(12):
        comment = city.says(str(n), f"texte {n}", intention=Scored(Intention.PRAISE, 0.95))
        correcting("Ariane", comment, intention="plainte" if n % 4 else "eloge")
    learning.calibrate_due(city.database, city.locks, now=city.now)
    after = city.says("z", "Bravo encore", intention=Scored(Intention.PRAISE, 0.95))
    assert after.verdict.certainty["intention"] == {"band": "low", "calibrated": True}


def test_a_calibration_is_made_anew_once_a_day(city, few):
    _decide_many(city, 3)
    assert learning.calibrate_due(city.database, city.locks, now=city.now) == 1
    _decide_many(city, 3, first=3)
    assert learning.calibrate_due(city.database, city.locks, now=city.now + timedelta(hours=1)) == 0
    assert learning.calibrate_due(city.database, city.locks, now=city.now + timedelta(days=1)) == 1
    assert _calibrations(city)["made-up-1", "intention", "question"].decided == 6


def test_a_new_version_of_the_model_starts_anew(city, few):
    _decide_many(city, 12)
    learning.calibrate_due(city.database, city.locks, now=city.now)
    city.classifier.version = "made-up-2"
    newer = replace(city.classifier.classify([""], Context())[0], model="made-up-2")
    city.classifier.says["nouveau"] = newer
    city.store(city.seen("n", "nouveau"))
    city.classify()
    assert not city.comment("n").verdict.certainty["intention"]["calibrated"]
    city.clock.pass_(days=1)
    assert learning.calibrate_due(city.database, city.locks, now=city.now) == 2
    assert {model for model, _, _ in _calibrations(city)} == {"made-up-1"}


def test_what_a_rule_may_rest_on_is_neither_chosen_nor_merely_left(city, few, correcting, insult):
    hidden, denied, elsewhere = (city.says(text, text, **insult) for text in ("un", "deux", "trois"))
    city.decide("Ariane", hidden, DecisionKind.HIDE, rule_code="N2")
    city.decide("Ariane", denied, DecisionKind.NOTHING)
    correcting("Ariane", elsewhere, insulte="1")  # Nobody decided about it.
    learning.calibrate_due(city.database, city.locks, now=city.now)
    rows = _calibrations(city)
    row = rows["made-up-1", "insulte", "1"]
    assert (row.decided, row.shown, row.right, row.followed) == (3, 2, 1, 1)
    question = rows["made-up-1", "intention", "question"]
    assert (question.decided, question.shown) == (1, 0)


def test_one_process_calibrates_at_a_time(city):
    _decide_many(city, 1)
    with city.locks.try_hold("calibrate") as ours:
        assert ours
        assert learning.calibrate_due(city.database, city.locks, now=city.now) == 0


def test_labels_are_read_in_batches_of_few_statements(city, monkeypatch):
    _decide_many(city, 8)
    with city.database.read() as session, city.counting() as statements:
        assert len({one.comment_id for one in labelled(session)}) == 8
    assert len(statements) == 4  # Comments, decisions, corrections; and that there are no more comments.
    monkeypatch.setattr(learning, "_BATCH", 3)
    with city.database.read() as session:
        assert len({one.comment_id for one in labelled(session)}) == 8

"""Some people are asked how it went: in private, seldom, and once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from connectors.registry import capabilities
from models.errors import NotFound, Refused
from models.items import DraftReply
from models.surveys import Survey
from models.vocabulary import DraftState, RequestStatus
from moderation.requests import escalation, satisfaction
from moderation.requests.satisfaction import Sampling

ALL = Sampling(100, "https://parvis.example", capabilities)


def done(city, external_id="7", number=1, **more):
    comment = city.says(external_id, f"Ça coule {external_id}", **more)
    city.decide("Ariane", comment, "request", service_code="bris-aqueduc")
    with city.database.write() as session:
        escalation.progress(
            session, city.people["Denis"], f"STR-2026-{number:06}", "done", "Réparé.", version=1, now=city.now
        )
    return comment


def tell(city, comment):
    """The answer about the end leaves."""
    (draft,) = drafts(city)
    city.decide("Ariane", comment, "reply", text=draft.text, draft_id=draft.id)
    city.deliver()


def drafts(city):
    with city.database.read() as session:
        return session.scalars(select(DraftReply).where(DraftReply.state == DraftState.PROPOSED)).all()


def look(city, sampling=ALL):
    return satisfaction.ask_due(city.database, sampling, now=city.now)


def asked(city, **more):
    tell(city, done(city, **more))
    city.clock.pass_(hours=2)
    assert look(city) == 1
    (draft,) = drafts(city)
    assert draft.private
    return draft.text.rpartition("/satisfaction/")[2]


def answer(city, token, score="", words=""):
    with city.database.write() as session:
        satisfaction.answer(session, token, score, words, now=city.now)


def refused(call, *args, **more):
    with pytest.raises(Refused) as caught:
        call(*args, **more)
    return caught.value.code


def mean(city, who="Denis"):
    with city.database.read() as session:
        return satisfaction.figures(session, city.people[who], since=city.now - timedelta(days=30))


def test_after_the_answer_has_left_a_person_is_asked_once_and_a_number_is_enough(city):
    comment = done(city)
    assert look(city) == 0, "too soon"
    city.clock.pass_(hours=2)
    assert look(city) == 0, "the answer about the end waits"
    tell(city, comment)
    assert look(city) == 1
    assert look(city) == 0
    token = drafts(city)[0].text.rpartition("/satisfaction/")[2]
    for bad in ("", "11", "-1", "9.5", "٩", "dix"):
        assert refused(answer, city, token, bad) == "score_unreadable"
    assert mean(city) == (None, 0)
    answer(city, token, "9")
    assert mean(city) == (9.0, 1)
    answer(city, token, "0", "Merci!")
    with city.database.read() as session:
        row = session.scalars(select(Survey)).one()
        assert (row.score, row.words) == (9, "Merci!")
        assert token not in str(vars(row))
    assert refused(answer, city, token, "3") == "link_used"
    assert refused(answer, city, token, "3", "encore") == "link_used"
    with pytest.raises(NotFound):
        answer(city, "x" * 43, "9")


def test_nobody_is_asked_twice_in_ninety_days(city):
    asked(city)
    city.clock.pass_(days=1)
    comment = city.says("8", "Ici aussi")
    city.decide("Ariane", comment, "request", service_code="bris-aqueduc")
    with city.database.write() as session:
        number = "STR-2026-000002"
        escalation.progress(session, city.people["Denis"], number, "done", "Réparé.", version=1, now=city.now)
    with city.database.write() as session:
        for draft in session.scalars(select(DraftReply)):
            draft.state = DraftState.USED
    city.clock.pass_(hours=2)
    assert look(city) == 0
    with city.database.read() as session:
        assert [row.print is None for row in session.scalars(select(Survey).order_by(Survey.id))] == [False, True]


def test_without_a_private_message_or_out_of_the_sample_nobody_is_asked(city):
    tell(city, done(city))
    city.clock.pass_(hours=2)
    assert look(city, replace(ALL, percent=0)) == 0
    assert look(city) == 0, "who was left out stays so"
    assert drafts(city) == []


def test_a_request_that_is_open_again_is_not_asked_about_and_a_link_ends(city):
    token = asked(city)
    with city.database.write() as session:
        number, again = "STR-2026-000001", RequestStatus.IN_PROGRESS
        escalation.progress(session, city.people["Denis"], number, again, "", version=2, now=city.now)
    assert refused(answer, city, token, "9") == "link_expired"


def test_a_link_ends_after_thirty_days(city):
    token = asked(city)
    city.clock.pass_(days=30)
    assert refused(answer, city, token, "9") == "link_expired"


@given(st.text(min_size=1), st.integers(0, 99))
def test_a_larger_sample_holds_the_smaller_one(code, percent):
    assert satisfaction._sampled(code, percent) <= satisfaction._sampled(code, percent + 1)
    assert satisfaction._sampled(code, 100)

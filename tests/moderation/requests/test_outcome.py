"""After the end of a request: who sees what of it, and who has it opened again."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from models.errors import NotFound, Refused
from models.requests311 import RequestChange, Requester, Service, ServiceRequest
from models.vocabulary import ItemState, RequestStatus, StepBy
from moderation.requests import escalation, outcome

NUMBER = "STR-2026-000001"
LEAK = {"service_code": "bris-aqueduc", "place": "rue des Érables"}


def opened(city, external_id="1", **more):
    comment = city.says(external_id, f"Ça coule {external_id}")
    return city.decide("Ariane", comment, "request", **({**LEAK} | more))


def progress(city, status, note="C'est fait."):
    with city.database.write() as session:
        version = session.scalars(select(ServiceRequest.version)).one()
        escalation.progress(
            session, city.people["Denis"], NUMBER, RequestStatus(status), note, version=version, now=city.now
        )


def codes(city):
    with city.database.read() as session:
        return session.scalars(select(Requester.code).order_by(Requester.id)).all()


def seen(city, number=NUMBER, code=""):
    with city.database.read() as session:
        return outcome.followed(session, number, code)


def status(city):
    with city.database.read() as session:
        return session.scalars(select(ServiceRequest.status)).one()


def reopen(city, code, number=NUMBER):
    with city.database.write() as session:
        outcome.reopen_by_code(session, number, code, now=city.now)


def answers(city, external_id, text, *, unsolved=True, look=True, **more):
    """A citizen writes below the first comment."""
    city.clock.pass_(minutes=5)
    told = {"said_at": city.now, "seen_at": city.now, "parent_external_id": "1"} | more
    city.classifier.says[text] = city.classifier.says["Ça coule 1"].__class__(
        **{**vars(city.classifier.says["Ça coule 1"]), "unsolved": unsolved}
    )
    city.store(city.seen(external_id, text, **told))
    city.classify()
    return outcome.reopen_due(city.database, now=city.now) if look else 0


# ------------------------------------------------------------------------------------------ what is seen
def test_a_number_alone_shows_nobodys_words(city):
    opened(city)
    found = seen(city, "str-2026-000001 ")
    assert (found.request.number, found.requester, found.words) == (NUMBER, None, None)
    assert not found.reopens


def test_each_code_shows_its_own_words(city):
    opened(city)
    comment = city.says("2", "Ici aussi 2")
    city.decide("Ariane", comment, "request", request_number=NUMBER)
    first, second = codes(city)
    assert first != second
    assert len(first) >= 24
    assert (seen(city, code=first).words, seen(city, code=second).words) == ("Ça coule 1", "Ici aussi 2")
    assert seen(city, code=f"{first}x").requester is None
    assert seen(city, code="é\udcff").requester is None


def test_a_confidential_service_is_nowhere(city):
    with city.database.write() as session:
        session.get_one(Service, "bris-aqueduc").confidential = True
    opened(city)
    for code in ("", codes(city)[0]):
        with pytest.raises(NotFound):
            seen(city, code=code)
    with pytest.raises(NotFound):
        reopen(city, codes(city)[0])


def test_the_number_of_the_other_system_is_the_only_public_one(city):
    opened(city)
    with city.database.write() as session:
        escalation.held(session, 1).outside_number = "T-77"
    assert seen(city, "t-77").request.number == NUMBER
    with pytest.raises(NotFound):
        seen(city)


@pytest.mark.parametrize("written", ["abc-12", "Abc-12", "2026/77", "Où?-1"])
def test_a_number_is_found_as_the_other_system_writes_it(city, written):
    opened(city)
    with city.database.write() as session:
        escalation.held(session, 1).outside_number = written
    assert seen(city, f" {written} ", code=codes(city)[0]).words is not None


def test_of_two_that_differ_by_their_capitals_the_one_that_is_written(city):
    opened(city)
    opened(city, "2")
    with city.database.write() as session:
        one, other = session.scalars(select(ServiceRequest).order_by(ServiceRequest.id).limit(2)).all()
        one.outside_number, other.outside_number = "T-AB", "t-ab"
    assert seen(city, "t-ab").request.number != NUMBER
    assert seen(city, "T-AB").request.number == NUMBER


def test_one_who_was_detached_sees_nothing_more(city):
    decision = opened(city)
    city.undo("Ariane", decision)
    assert seen(city, code=codes(city)[0]).requester is None


# ------------------------------------------------------------------------------------------ opened again
def test_a_code_opens_again_once_for_each_end(city):
    opened(city)
    (code,) = codes(city)
    with pytest.raises(Refused, match="reopened_before"):
        reopen(city, code)
    progress(city, "done")
    assert seen(city, code=code).reopens
    city.clock.pass_(minutes=1)
    reopen(city, code)
    assert status(city) == RequestStatus.IN_PROGRESS
    assert city.drafts("1") == []
    assert city.item("1").state == ItemState.HANDLED
    with pytest.raises(Refused, match="reopened_before"):
        reopen(city, code)
    city.clock.pass_(minutes=1)
    progress(city, "done")
    reopen(city, code)
    with city.database.read() as session:
        assert session.scalars(select(RequestChange.by).order_by(RequestChange.id)).all() == [
            StepBy.PERSON,
            StepBy.PERSON,
            StepBy.CITIZEN,
            StepBy.PERSON,
            StepBy.CITIZEN,
        ]


def test_no_code_and_another_code_open_nothing(city):
    opened(city)
    progress(city, "done")
    for code in ("", "x" * 24):
        with pytest.raises(NotFound):
            reopen(city, code)
    city.clock.pass_(days=61)
    with pytest.raises(Refused, match="reopened_before"):
        reopen(city, codes(city)[0])


def test_who_asked_opens_it_again_by_saying_so(city):
    opened(city)
    progress(city, "done")
    assert answers(city, "2", "C'est pas réglé!") == 1
    assert status(city) == RequestStatus.IN_PROGRESS
    with city.database.read() as session:
        step = session.scalars(select(RequestChange).order_by(RequestChange.id.desc())).first()
    assert (step.by, step.comment_id) == (StepBy.CITIZEN, city.comment("2").id)
    assert city.item("2").state == ItemState.WAITING
    assert outcome.reopen_due(city.database, now=city.now) == 0


@pytest.mark.parametrize(
    "more",
    [
        {"author_external_id": "another", "author_name": "Une autre"},
        {"parent_external_id": None},
        {"unsolved": False},
    ],
)
def test_others_and_other_words_open_nothing(city, more):
    opened(city)
    progress(city, "done")
    assert answers(city, "2", "C'est pas réglé!", **more) == 0
    assert status(city) == RequestStatus.DONE
    with city.database.read() as session:
        assert not outcome.said_unsolved(session)


def test_what_was_said_before_the_end_opens_nothing(city):
    opened(city)
    answers(city, "2", "C'est pas réglé!", look=False)
    city.clock.pass_(minutes=1)
    progress(city, "done")
    assert outcome.reopen_due(city.database, now=city.now) == 0
    assert status(city) == RequestStatus.DONE

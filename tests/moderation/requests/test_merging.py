"""Two requests about one thing: offered, joined by a person, told as one, and taken apart again."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from classifiers.places import Place
from models.decisions import Decision
from models.errors import NotFound, Refused
from models.requests311 import Requester, ServiceRequest
from models.vocabulary import PlaceKind, RequestStatus
from moderation.requests import escalation, handover, inbox, merging, outcome

A, B, C = (f"STR-2026-{number:06}" for number in (1, 2, 3))


def opened(city, external_id, text, place, service="bris-aqueduc"):
    comment = city.says(external_id, text)
    return city.decide("Ariane", comment, "request", service_code=service, place=place)


@pytest.fixture
def several(city):
    opened(city, "1", "L'eau coule partout dans la rue", "rue Wolfe")
    opened(city, "2", "Un tuyau fait du bruit", "12, RUE WOLFE")
    opened(city, "3", "De l'eau coule partout, rue inondée", "Wolfe")
    opened(city, "4", "L'eau coule partout dans la rue", "rue Cartier")
    opened(city, "5", "L'eau coule partout dans la rue", "rue Wolfe", service="nid-de-poule")
    return city


def offered(city, number=A, who="Denis"):
    with city.database.read() as session:
        return [one.number for one in inbox.detail(session, city.people[who], number).duplicates]


def join(city, number=B, into=A, *, version=1, who="Denis"):
    with city.database.write() as session:
        merging.join(session, city.people[who], number, into, version=version, now=city.now)


def part(city, number=B, *, version=2):
    with city.database.write() as session:
        merging.part(session, city.people["Denis"], number, version=version, now=city.now)


def rows(city):
    with city.database.read() as session:
        return {one.number: one for one in session.scalars(select(ServiceRequest))}


def people(city):
    with city.database.read() as session:
        found = session.execute(
            select(ServiceRequest.number, Requester.comment_id)
            .join(Requester, Requester.request_id == ServiceRequest.id)
            .where(Requester.detached_at.is_(None))
            .order_by(Requester.id)
        ).all()
    told = {}
    for number, comment_id in found:
        told.setdefault(number, []).append(comment_id)
    return told


def test_open_ones_of_the_kind_at_the_place_are_offered_the_most_alike_first(several):
    assert offered(several) == [C, B]
    assert offered(several, "STR-2026-000004") == []
    join(several)
    assert offered(several) == [C]
    several.clock.pass_(days=15)
    opened(several, "9", "L'eau coule", "rue Wolfe")
    assert "STR-2026-000006" not in offered(several)


def test_its_people_are_told_with_the_others(several):
    join(several)
    one = rows(several)[B]
    assert (one.status, one.joined_to_id) == (RequestStatus.CANCELLED, rows(several)[A].id)
    assert len(people(several)[A]) == 2
    with several.database.write() as session:
        escalation.progress(
            session, several.people["Denis"], A, RequestStatus.DONE, "Réparé.", version=1, now=several.now
        )
    assert [len(several.drafts(one)) for one in "12"] == [1, 1]
    assert A in several.drafts("2")[0]


def test_taken_apart_each_has_its_own_again(several):
    before = people(several)
    join(several)
    part(several)
    assert people(several) == before
    assert (rows(several)[B].status, rows(several)[B].joined_to_id) == (RequestStatus.ACCEPTED, None)
    with several.database.read() as session:
        assert handover.waits(session)
    with several.database.write() as session, pytest.raises(Refused, match="not_joined"):
        merging.part(session, several.people["Denis"], B, version=3, now=several.now)


def test_what_was_joined_to_one_that_is_joined_goes_along_and_comes_back_alone(several):
    with several.database.read() as session:
        codes = dict(session.execute(select(Requester.request_id, Requester.code)).all())
    join(several, B, A)
    join(several, A, C)
    assert people(several)[C] == [1, 2, 3]
    with several.database.read() as session:
        seen = outcome.followed(session, B, codes[2])
        assert (seen.request.number, seen.words) == (C, "Un tuyau fait du bruit")
    part(several, B)
    assert (people(several)[B], people(several)[C]) == ([2], [1, 3])
    part(several, A)
    assert people(several)[A] == [1]


def test_who_asked_for_both_is_one_of_them(several):
    comment = several.says("8", "Moi aussi")
    several.decide("Ariane", comment, "request", request_number=A)
    with several.database.write() as session:
        session.add(Requester(request_id=2, comment_id=comment.id, added_at=several.now))
    join(several)
    assert people(several)[A].count(comment.id) == 1


def test_an_undo_after_the_join_takes_them_out(several):
    comment = several.comment("2")
    with several.database.read() as session:
        decision = session.scalars(select(Decision).where(Decision.comment_id == comment.id)).one()
    join(several)
    several.undo("Ariane", decision)
    assert comment.id not in people(several)[A]
    assert rows(several)[A].status == RequestStatus.ACCEPTED


def test_the_public_page_of_the_one_shows_the_other(several):
    join(several)
    with several.database.read() as session:
        code = session.scalar(select(Requester.code).where(Requester.comment_id == several.comment("2").id))
        found = outcome.followed(session, B, code)
    assert (found.request.number, found.words) == (A, "Un tuyau fait du bruit")


@pytest.mark.parametrize(
    ("number", "into", "version", "code"),
    [
        (A, A, 1, "same_request"),
        (A, B, 7, "request_changed"),
        (A, "STR-2026-999999", 1, "request_unknown"),
    ],
)
def test_what_cannot_be_joined(several, number, into, version, code):
    with pytest.raises(Refused) as caught:
        join(several, number, into, version=version)
    assert caught.value.code == code


def test_closed_ones_and_those_of_elsewhere_are_not_joined(several):
    with several.database.write() as session:
        escalation.progress(
            session, several.people["Denis"], A, RequestStatus.DONE, "Réparé.", version=1, now=several.now
        )
    with pytest.raises(Refused, match="request_closed"):
        join(several)
    with pytest.raises(NotFound):
        join(several, who="Farid")


def test_a_comment_is_offered_first_what_is_at_its_place(several, leak):
    place = Place(PlaceKind.STREET, "rue Wolfe", 0, 9, 0.9)
    comment = several.says("7", "Encore de l'eau", place=place, **leak)
    with several.database.read() as session:
        found = escalation.similar(session, several.people["Ariane"], several.comment("7"), now=several.now)
    assert comment.id
    assert {one.number for one in found[:3]} == {A, B, C}

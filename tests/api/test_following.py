"""The public page of a request: what anybody may see, and how often."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from models.comments import Comment
from models.requests311 import Requester, Service, ServiceRequest
from models.vocabulary import RequestStatus

SECRETS = ("Chez ma mère", "12, rue Desjardins", "Réparé hier", "Ève")


@pytest.fixture
def town(sqlite_parvis, seed_city):
    city, parvis = seed_city(sqlite_parvis), sqlite_parvis
    with parvis.database.write() as session:
        request = session.scalars(select(ServiceRequest).where(ServiceRequest.number == city.requests["north"])).one()
        request.place, request.description, request.citizen_note = SECRETS[1], SECRETS[0], SECRETS[2]
        request.status, request.closed_at = RequestStatus.DONE, parvis.clock()
        comment = session.get_one(Comment, city.comments["north"])
        comment.text = SECRETS[0]
        requester = Requester(request_id=request.id, comment_id=comment.id, added_at=parvis.clock())
        session.add(requester)
        session.flush()
        city.code = requester.code
    return city


def test_anybody_sees_little_and_whoever_has_the_code_their_own(sqlite_parvis, town, visit):
    client, number = visit(sqlite_parvis), town.requests["north"]
    page = client.get(f"/suivi/{number}")
    assert page.status_code == 200
    assert "Chaussée" in page.text
    assert "North" in page.text
    assert not any(secret in page.text for secret in SECRETS)
    assert "reouverture" not in page.text
    assert page.headers["x-robots-tag"].startswith("noindex")
    assert (page.headers["cache-control"], page.headers["referrer-policy"]) == ("no-store", "no-referrer")
    whole = client.get(f"/suivi/{number}?code={town.code}").text
    assert all(secret in whole for secret in SECRETS[:3])
    wrong = client.get(f"/suivi/{number}?code={'x' * 24}").text
    assert not any(secret in wrong for secret in SECRETS)
    assert "n’est pas le bon" in wrong
    assert "n’est pas le bon" not in page.text + whole


def test_a_confidential_one_and_one_that_is_not_read_the_same(sqlite_parvis, town, visit):
    client, number = visit(sqlite_parvis), town.requests["north"]
    with sqlite_parvis.database.write() as session:
        session.get_one(Service, "roads").confidential = True
    hidden, absent = client.get(f"/suivi/{number}?code={town.code}"), client.get("/suivi/PAR-2026-999999")
    assert (hidden.status_code, absent.status_code) == (404, 404)
    assert hidden.text.replace(number, "N") == absent.text.replace("PAR-2026-999999", "N")


def test_nobody_reads_all_of_it_by_trying_numbers(sqlite_parvis, town, visit):
    client = visit(sqlite_parvis)
    codes = [client.get(f"/suivi/PAR-2026-{number:06}").status_code for number in range(100, 120)]
    assert set(codes[:7]) == {404}
    assert codes[-1] == 429
    late = client.get(f"/suivi/{town.requests['north']}")
    assert late.status_code == 429
    assert late.headers["retry-after"] == "60"
    sqlite_parvis.clock.pass_(seconds=61)
    assert client.get(f"/suivi/{town.requests['north']}").status_code == 200


def test_it_is_opened_again_by_its_code_alone(sqlite_parvis, town, visit):
    client, number = visit(sqlite_parvis), town.requests["north"]
    assert client.post(f"/suivi/{number}/reouverture", data={"code": "x" * 24}).status_code == 404
    sqlite_parvis.clock.pass_(seconds=61)
    answer = client.post(f"/suivi/{number}/reouverture", data={"code": town.code})
    assert answer.status_code == 303
    assert "rouverte" in client.get(answer.headers["location"]).text
    again = client.post(f"/suivi/{number}/reouverture", data={"code": town.code})
    assert again.status_code == 409
    with sqlite_parvis.database.read() as session:
        row = session.scalars(select(ServiceRequest).where(ServiceRequest.number == number)).one()
    assert row.status == RequestStatus.IN_PROGRESS


@pytest.mark.parametrize("number", ["%00", "..%2F..", "'--", "é" * 300, "<script>"])
def test_hostile_numbers(sqlite_parvis, town, visit, number):
    answer = visit(sqlite_parvis).get(f"/suivi/{number}")
    assert answer.status_code in (404, 422)
    assert "<script>" not in answer.text.replace('<script src="', "")


@pytest.mark.parametrize("written", ["2026/77", "t-77", "a/reouverture"])
def test_the_link_of_a_number_of_elsewhere_leads_to_it_and_opens_it_again(sqlite_parvis, town, visit, written):
    with sqlite_parvis.database.write() as session:
        wanted = ServiceRequest.number == town.requests["north"]
        session.scalars(select(ServiceRequest).where(wanted)).one().outside_number = written
    client = visit(sqlite_parvis)
    place = client.get("/suivi", params={"numero": written}).headers["location"]
    assert SECRETS[0] in client.get(place, params={"code": town.code}).text
    again = client.post(f"{place}/reouverture", data={"code": town.code})
    assert again.status_code == 303
    assert SECRETS[0] in client.get(again.headers["location"]).text


def test_a_number_is_typed(sqlite_parvis, town, visit):
    client = visit(sqlite_parvis)
    assert client.get("/suivi").status_code == 200
    assert client.get("/suivi?numero= PAR-1 ").headers["location"] == "/suivi/PAR-1"

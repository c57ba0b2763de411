"""Requests that leave in a file for a system with no API, and what comes back."""

from __future__ import annotations

import csv
import io
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from models.desks import Handover
from models.errors import NotFound, Refused
from models.requests311 import ServiceRequest
from models.vocabulary import HandoverState, RequestStatus
from moderation.requests import handover, sheets

ZONE = ZoneInfo("America/Toronto")


@pytest.fixture
def two(city):
    for number, text in ((1, "Ça coule"), (2, '|HYPERLINK("https://x")')):
        comment = city.says(str(number), text)
        city.decide("Ariane", comment, "request", service_code="bris-aqueduc", place="rue Wolfe, à côté")
    return city


def export(city, who="Denis"):
    with city.database.write() as session:
        return list(csv.DictReader(io.StringIO(sheets.export(session, city.people[who], ZONE, now=city.now))))


def back(city, text, who="Denis"):
    report = sheets.take_back(city.database, city.people[who], text.encode(), now=city.now)
    return report.numbered, report.moved, report.same, [(line, why.code) for line, why in report.wrong]


def rows(city):
    with city.database.read() as session:
        found = session.scalars(select(ServiceRequest).order_by(ServiceRequest.id)).all()
        ways = handover.of_requests(session, [one.id for one in found])
        return [(one.status, one.outside_number, ways[one.id].state if one.id in ways else None) for one in found]


def test_each_leaves_in_one_file_without_who_asked_and_is_acknowledged(two):
    lines = export(two)
    assert [line["number"] for line in lines] == ["STR-2026-000001", "STR-2026-000002"]
    assert lines[0]["place"] == "rue Wolfe, à côté"
    assert lines[1]["description"].startswith("'|HYPERLINK")
    assert "Louis" not in str(lines)
    assert export(two) == []
    assert [state for _, _, state in rows(two)] == [HandoverState.EXPORTED] * 2
    with two.database.write() as session:
        sheets.acknowledge(session, two.people["Denis"], "STR-2026-000001", now=two.now)
    assert [state for _, _, state in rows(two)] == [HandoverState.ACKNOWLEDGED, HandoverState.EXPORTED]
    with two.database.read() as session:
        first = session.scalars(select(Handover).order_by(Handover.id)).first()
        assert (first.exported_at, first.acknowledged_at) == (two.now, two.now)


def test_of_two_files_that_are_asked_for_at_once_each_request_is_in_one(two, race):
    files = race(*[lambda: export(two)] * 3)
    assert sorted(len(lines) for lines in files) == [0, 0, 2]


def test_numbers_and_statuses_come_back_line_by_line_and_twice_is_once(two):
    export(two)
    text = (
        "Number;outside_number;status;note\n"
        "STR-2026-000001;T-77;Réglée;La conduite est réparée.\n"
        "STR-2026-000002;T-77;en cours;\n"
        "STR-2026-000009;T-78;;\n"
        "STR-2026-000002;;closed;\n"
        "STR-2026-000002;;égarée;\n"
        "STR-2026-000002;T-79;in_progress;\n"
    )
    assert back(two, text) == (
        2,
        2,
        0,
        [(3, "number_taken"), (4, "request_unknown"), (5, "note_needed"), (6, "status_word")],
    )
    assert rows(two) == [
        (RequestStatus.DONE, "T-77", HandoverState.BY_HAND),
        (RequestStatus.IN_PROGRESS, "T-79", HandoverState.BY_HAND),
    ]
    assert len(two.drafts("1")) == 1
    assert back(two, text)[:3] == (0, 0, 2)
    assert back(two, "number,status\nT-79,refusée\n")[3] == [(2, "note_needed")]
    assert back(two, "number,status,note\nT-79,refusée,Rue privée\n")[1] == 1


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "number,note\n1,2\n", "number,status\n" + "x,done\n" * 1001])
def test_what_is_no_such_file_is_refused_whole(two, text):
    with pytest.raises(Refused) as caught:
        back(two, text)
    assert caught.value.code == "sheet_columns"


def test_only_who_works_on_requests_and_what_left(two):
    assert export(two, "Ariane") == []
    with two.database.write() as session, pytest.raises(Refused):
        sheets.acknowledge(session, two.people["Denis"], "STR-2026-000001", now=two.now)
    with two.database.write() as session, pytest.raises(NotFound):
        sheets.acknowledge(session, two.people["Ariane"], "STR-2026-000001", now=two.now)
    assert back(two, "number,outside_number\nSTR-2026-000001,T-1\n", "Ariane")[3] == [(2, "request_unknown")]

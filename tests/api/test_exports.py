"""Whole lists as files: what is in scope and nothing else, in parts, and no cell that is a formula."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta

import pytest
from openpyxl import load_workbook
from sqlalchemy import select, update

from api import exports
from models.audit import AuditEntry
from models.comments import Comment
from models.people import Person
from models.vocabulary import Role

HOSTILE = '=HYPERLINK("http://evil.example";"Cliquez") \x07😀'


@pytest.fixture
def city(parvis, seed_city):
    city = seed_city(parvis)
    with parvis.database.write() as session:
        session.execute(update(Comment).where(Comment.id == city.comments["north"]).values(text=HOSTILE))
    return city


@pytest.fixture
def browser(parvis, city, visit, sign_in_as):
    return lambda role, place="city": sign_in_as(parvis, visit(parvis), city.person(role, place))


def read(client, name, form, **asked):
    answer = client.get(f"/api/v1/exports/{name}", params={"format": form, **asked})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"].endswith(f'.{form}"')
    if form == "jsonl":
        return [json.loads(line) for line in answer.text.splitlines()]
    if form == "csv":
        return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))
    heads, *rows = load_workbook(io.BytesIO(answer.content)).active.iter_rows(values_only=True)
    return [dict(zip(heads, row, strict=True)) for row in rows]


def test_each_form_says_the_same_and_no_cell_is_a_formula(parvis, city, browser, monkeypatch):
    monkeypatch.setattr(exports, "PART", 2)
    client = browser(Role.RECORDS)
    written = {form: read(client, "comments", form) for form in ("jsonl", "csv", "xlsx")}
    ids = {form: [int(row["id"]) for row in rows] for form, rows in written.items()}
    assert ids["jsonl"] == ids["csv"] == ids["xlsx"] == sorted(ids["jsonl"])
    assert len(ids["jsonl"]) > 2, "more than one part was read"
    texts = {
        form: next(row["text"] for row in rows if int(row["id"]) == city.comments["north"])
        for form, rows in written.items()
    }
    assert texts["jsonl"] == HOSTILE
    assert texts["csv"] == f"'{HOSTILE}".replace("\x07", "")
    assert texts["xlsx"] == texts["csv"]
    with parvis.database.read() as session:
        taken = session.scalars(select(AuditEntry).where(AuditEntry.action == "export")).all()
    assert [(one.subject, one.data["format"]) for one in taken] == [("comments", form) for form in written]


@pytest.mark.parametrize("name", list(exports.SHEETS))
def test_a_file_holds_what_its_reader_may_see(name, city, browser):
    """Somebody of the north, beside somebody of the whole city."""
    theirs, all_of_them = (read(browser(Role.MANAGER, place), name, "jsonl") for place in ("north", "city"))
    first = next(iter(theirs[0]))
    assert {row[first] for row in theirs} < {row[first] for row in all_of_them}


def test_private_messages_leave_for_whoever_reads_them_alone(city, browser):
    kinds = [{row["kind"] for row in read(browser(role), "comments", "jsonl")} for role in (Role.MANAGER, Role.RECORDS)]
    assert ["message" in one for one in kinds] == [True, False]


def test_days_are_those_of_the_city(parvis, city, browser):
    client = browser(Role.MANAGER)
    late = parvis.clock().astimezone(parvis.settings.zone).replace(hour=23, minute=30)
    with parvis.database.write() as session:
        session.execute(update(Comment).values(created_at=late - timedelta(days=2)))
        session.execute(update(Comment).where(Comment.id == city.comments["south"]).values(created_at=late))
    day = late.date().isoformat()
    answer = client.get("/exportation/fichier", params={"liste": "comments", "du": day, "au": day, "forme": "jsonl"})
    assert answer.status_code == 303
    rows = [json.loads(line) for line in client.get(answer.headers["location"]).text.splitlines()]
    assert [row["id"] for row in rows] == [city.comments["south"]]
    wrong = client.get("/exportation/fichier", params={"liste": "comments", "du": "hier", "au": "9999-12-31"})
    assert (wrong.status_code, 'value="hier"' in wrong.text, wrong.text.count('class="wrong"')) == (422, True, 2)
    assert "aucune des listes" in browser(Role.ADMIN).get("/exportation").text


def test_nothing_in_those_days_is_an_empty_file(city, browser):
    client = browser(Role.MANAGER)
    for form in exports.Format:
        answer = client.get("/api/v1/exports/posts", params={"format": form, "since": "2999-01-01T00:00:00Z"})
        assert answer.status_code == 200


def test_a_person_who_was_renamed_does_no_harm(parvis, city, browser):
    with parvis.database.write() as session:
        session.execute(update(Person).values(name="=1+1"))
    names = {row["person"] for row in read(browser(Role.MANAGER), "decisions", "csv")}
    assert names == {"'=1+1"}

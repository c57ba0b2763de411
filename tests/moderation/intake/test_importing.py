"""Comments from a file: every row is stored, known, or reported with its line and reason; none is lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from models.accounts import Account
from models.comments import Author, Comment, CommentVersion
from models.errors import Refused
from models.items import Item
from models.session import Database
from models.vocabulary import ItemState
from moderation.intake.importing import Report, import_rows, rows_of_csv, rows_of_json, text_lines

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)
ZONE = ZoneInfo("America/Toronto")
HEADER = "id,network,account,author,text,created_at,permalink,parent_id\n"

Import = Callable[..., Report]


@pytest.fixture
def database(database_url: str) -> Iterable[Database]:
    database = Database(database_url, pool_size=2)
    with database.write() as session:
        session.add(
            Account(
                network="facebook",
                external_id="104",
                name="Ville",
                token_closed="",
                state_since=NOW,
                pull_due_at=NOW,
                created_at=NOW,
            )
        )
    yield database
    database.close()


@pytest.fixture
def csv_file(database: Database) -> Import:
    def take(content: str | bytes, *, now: datetime = NOW) -> Report:
        raw = content.encode() if isinstance(content, str) else content
        rows = rows_of_csv(text_lines(raw.splitlines(keepends=True)))
        return list(import_rows(database, rows, zone=ZONE, now=now))[-1]

    return take


@pytest.fixture
def json_file(database: Database) -> Import:
    def take(*rows: object) -> Report:
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        return list(import_rows(database, rows_of_json(lines), zone=ZONE, now=NOW))[-1]

    return take


def row(identity: object = "c1", **more: object) -> dict[str, object]:
    return {"id": identity, "network": "facebook", "account": "104", "text": "Bonjour", **more}


def texts(database: Database) -> dict[str, str | None]:
    with database.read() as session:
        return {one.external_id: one.text for one in session.scalars(select(Comment))}


def faults(report: Report) -> list[tuple[int, str]]:
    return [(bad.line, bad.reason) for bad in report.bad]


def test_every_column_is_kept(database, csv_file):
    report = csv_file(
        HEADER
        + "c1,facebook,104,Louise,Bonjour,2026-11-20T08:30:00,https://facebook.example/c1,\n"
        + "c2,Facebook,104,Louise,Et vous?,2026-11-20T08:40:00-05:00,,c1\n"
    )
    assert (report.read, report.new, report.known, report.bad) == (2, 2, 0, [])
    with database.read() as session:
        first, second = session.scalars(select(Comment).order_by(Comment.external_id))
        # A time without a zone is the city's.
        assert first.created_at == datetime(2026, 11, 20, 13, 30, tzinfo=UTC)
        assert second.created_at == datetime(2026, 11, 20, 13, 40, tzinfo=UTC)
        assert first.permalink == "https://facebook.example/c1"
        assert second.parent_external_id == "c1"
        assert session.scalars(select(Item.state)).all() == [ItemState.RECEIVED, ItemState.RECEIVED]
        assert session.scalars(select(Author.name)).all() == ["Louise"]


@pytest.mark.parametrize("at", ["2026-11-20T08:30:00", ""])
def test_the_same_file_twice_stores_nothing_twice(database, csv_file, at):
    content = HEADER + "".join(f"c{n},facebook,104,Louise,Bonjour {n},{at},,\n" for n in range(30))
    assert csv_file(content).new == 30
    again = csv_file(content, now=NOW.replace(hour=18))
    assert (again.new, again.known) == (0, 30)
    assert len(texts(database)) == 30
    with database.read() as session:
        assert len(session.scalars(select(CommentVersion.id)).all()) == 30


def test_the_same_comment_twice_in_one_file_is_one(database, json_file):
    report = json_file(row(), row())
    assert (report.new, report.known) == (1, 1)
    assert texts(database) == {"c1": "Bonjour"}


def test_what_excel_writes_in_quebec(database, csv_file):
    """Semicolons, a byte order mark, a quoted text over several lines; or Windows-1252 without a mark."""
    lines = 'ID;Network;Account;Text\r\nc1;facebook;104;"Trois;\r\n« deux »\r\n""fin"""\r\nc2;facebook;104;Été\r\n'
    assert csv_file(b"\xef\xbb\xbf" + lines.encode()).bad == []
    expected = {"c1": 'Trois;\r\n« deux »\r\n"fin"', "c2": "Été"}
    assert texts(database) == expected
    assert csv_file(lines.encode("cp1252")).known == 2
    assert texts(database) == expected


def test_hostile_texts_are_kept(database, csv_file, json_file):
    long = "é" * 63_206
    emoji = "\U0001f469\u200d\U0001f467 \u202eabc"
    assert json_file(row(1, text="a\0b"), row(2, text=long), row(3, text="\ud83d"), row(4, text=emoji)).bad == []
    assert csv_file(HEADER + f'5,facebook,104,,"{long}",,,\n6,facebook,104,a\0b,a\0b,,,\n').bad == []
    found = texts(database)
    assert found["2"] == found["5"] == long
    assert found["1"] == found["6"] == "a\N{REPLACEMENT CHARACTER}b"
    assert found["4"] == emoji
    assert set(found) == {"1", "2", "3", "4", "5", "6"}


def test_a_row_that_cannot_be_used_is_said_and_the_others_go_on(database, json_file):
    report = json_file(
        row("good1"),
        "{bad",
        "",
        [1],
        row(None),
        row("x", network="myspace"),
        row("x", account="999"),
        row("x", text=None),
        row("x", text=["no", "text"]),
        row("x", created_at="hier"),
        row("x", created_at="0001-01-01T00:00:00+14:00"),
        row("x" * 201),
        "[" * 100_000,
        row("good2"),
    )
    assert faults(report) == [
        (2, "not_json"),
        (4, "not_json"),
        (5, "id_missing"),
        (6, "network_unknown"),
        (7, "account_unknown"),
        (8, "text_missing"),
        (9, "text_missing"),
        (10, "created_at_unreadable"),
        (11, "created_at_unreadable"),
        (12, "id_too_long"),
        (13, "not_json"),
    ]
    assert set(texts(database)) == {"good1", "good2"}
    assert report.read == report.new + report.known + len(report.bad)


def test_a_bad_csv_row_costs_its_own_line(database, csv_file):
    report = csv_file(
        HEADER
        + 'c1,facebook,104,,"jamais fermé,,,\n'
        + "c2,facebook,104,,Bonjour,,,\n"
        + "\n"
        + "c3,facebook,104,,Oui, mais non,,,\n"
        + 'c4,facebook,104,,"deux\nlignes",hier,,\n'
        + "c5,facebook,104\n"
        + "c6,facebook,104,,Bonsoir,,,\n"
    )
    assert faults(report) == [(2, "not_csv"), (5, "too_many_cells"), (6, "created_at_unreadable"), (8, "text_missing")]
    assert texts(database) == {"c2": "Bonjour", "c6": "Bonsoir"}


@pytest.mark.parametrize("content", ["", "\n", "a,b\n1,2\n", "id;network\n"])
def test_a_file_without_the_columns_is_refused_whole(csv_file, content):
    with pytest.raises(Refused) as refused:
        csv_file(content)
    assert refused.value.code == "import_columns"


def test_a_long_file_is_stored_batch_by_batch(database):
    """The report grows as rows are stored, so that progress can be shown."""
    rows = ((n, row(n)) for n in range(1, 1_201))
    seen = [report.read for report in import_rows(database, rows, zone=ZONE, now=NOW)]
    assert seen == [500, 1_000, 1_200]
    assert len(texts(database)) == 1_200


@given(st.lists(st.text(st.sampled_from('a"\n;,\r é'), max_size=12), max_size=8))
def test_no_line_of_a_broken_file_goes_unsaid(lines):
    """Each line of the file is in a row that is given, or is reported, or is blank."""
    raw = [line.replace("\n", "") + "\n" for line in lines]
    given_back = [number for number, _ in rows_of_csv(["id,network,account,text\n", *raw])]
    assert given_back == sorted(set(given_back))
    assert all(2 <= number <= len(raw) + 1 for number in given_back)

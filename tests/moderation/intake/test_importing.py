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
                token_since=NOW,
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


# What a spreadsheet or an export did to a file: none of it makes two citizens one ---------------------------------


def _said(report: Report) -> list[tuple[int, str]]:
    return [(bad.line, bad.reason) for bad in report.bad]


def test_ids_that_a_spreadsheet_wrote_in_notation_are_left_out(csv_file, database):
    report = csv_file(
        "\ufeffid;network;account;author;text;created_at;permalink;parent_id\n"
        "1,00208E+15;facebook;104;Paul Dubé;Le feu de circulation est brûlé au coin des Pins;2026-11-21 08:00;;\n"
        "1,00208E+15;facebook;104;Mia Côté;Bravo pour la fête des neiges!;2026-11-21 08:03;;\n"
        "1.79e16;facebook;104;Léa Roy;Merci!;2026-11-21 08:04;;\n"
        "e12;facebook;104;Léa Roy;Merci encore!;2026-11-21 08:05;;\n"
    )
    assert _said(report) == [(2, "id_notation"), (3, "id_notation"), (4, "id_notation")]
    assert report.new == 1


@pytest.mark.parametrize(
    ("id_", "reason"),
    [
        *((one, "id_notation") for one in ("1,79 E+16", "1.79×10^16", "1 002 080 000 000 001", "1,002,080,000,001")),
        *((one, "id_notation") for one in ("1\u202f002\u202f080", "1002080000000001.0", "1002080000000001,00")),
        *((one, "id_impossible") for one in ("#####", "#REF!", "#N/A", "NaN", "null", "None", "0", "-5", True, ["a"])),
        *((one, None) for one in ('="122100000000123456"', "'122100000000123456", "122100000000123456", 7, "104_5")),
        *((one, None) for one in ("urn:li:comment:(urn:li:activity:71,72)", "e12", "17E", "fb-1.5")),
        # In a part of an id, with small digits, as a date, an hour, an amount or a word that a spreadsheet made of it.
        *((one, "id_notation") for one in ("104_1,22E+17", "1.22E+17_1.22E+17", "1.22×10¹⁵", "1,22·10^15")),
        ("urn:li:comment:(urn:li:activity:1,79E+16,7)", "id_notation"),
        *((one, "id_impossible") for one in ("2026-11-02", "12-11-2026", "1/2", "nov-26", "18:05:00", "12%", "VRAI")),
        *((one, "id_impossible") for one in ("12 €", "[object Object]", "2 nov", "nil", "-", "É12")),
        *((one, None) for one in ('"122100000000123456"', "104_17e4")),
    ],
)
@pytest.mark.parametrize("column", ["id", "parent_id"])
def test_an_impossible_id_is_no_id(json_file, database, id_, reason, column):
    row = {"id": "a", "network": "facebook", "account": "104", "text": "Bonjour"}
    report = json_file(row | {column: id_})
    assert _said(report) == ([(1, reason)] if reason else [])
    with database.read() as session:
        of = Comment.external_id if column == "id" else Comment.parent_external_id
        kept = session.scalars(select(of)).all()
    assert kept == ([str(id_).strip("='\"")] if reason is None else [])


def test_invisible_signs_are_no_part_of_an_id(json_file, database):
    row = {"network": "facebook", "account": "104", "text": "Bonjour"}
    assert json_file({**row, "id": "\u200b12\ufeff"}, {**row, "id": "12"}).new == 1


def test_ids_that_are_json_floats_are_left_out(json_file):
    row = {"network": "facebook", "account": "104", "text": "Bonjour"}
    report = json_file({**row, "id": 1.00208e15}, {**row, "id": 10020800000001})
    assert _said(report) == [(1, "id_notation")]
    assert report.new == 1


@pytest.mark.parametrize(
    ("ids", "left_out"),
    [
        (["122100000000123000", "122100000000456000"], 2),
        (["17900000000000100", "17900000000000200", "5"], 2),
        (["104_122100000000123000"], 1),
        (["122100000000123456", "122100000000456000"], 0),
        (["122100000000120"], 0),
        (["122108880000000000_122109990000000000", "122100000000123456"], 1),
        (["122100000000123456", "122100000000100000000"], 1),
    ],
)
def test_ids_that_a_spreadsheet_rounded_are_left_out(json_file, ids, left_out):
    row = {"network": "facebook", "account": "104", "text": "Bonjour"}
    report = json_file(*({**row, "id": one} for one in ids))
    assert [reason for _, reason in _said(report)] == ["id_rounded"] * left_out
    assert report.new == len(ids) - left_out


def test_parents_that_a_spreadsheet_rounded_leave_their_rows_out(json_file):
    row = {"network": "facebook", "account": "104", "text": "Bonjour"}
    parents = ["122100000000123000", "122100000000456000", None]
    report = json_file(*({**row, "id": f"c{n}", "parent_id": one} for n, one in enumerate(parents)))
    assert (_said(report), report.new) == ([(1, "id_rounded"), (2, "id_rounded")], 1)


def test_rows_of_one_id_are_one_only_when_they_say_the_same(json_file, database):
    row = {"id": "a", "network": "facebook", "account": "104", "author": "Mia", "text": "Bonjour"}
    others = [row | {"author": "Paul"}, row | {"text": "Bonsoir"}, row | {"created_at": "2026-11-21T08:00:00Z"}]
    report = json_file(row, row, *others)
    assert _said(report) == [(3, "id_twice"), (4, "id_twice"), (5, "id_twice")]
    assert (report.new, report.known) == (1, 1)
    again = json_file(others[0])  # In another file, of a comment that is known.
    assert _said(again) == [(1, "id_of_another")]
    with database.read() as session:
        assert [one.text for one in session.scalars(select(CommentVersion))] == ["Bonjour"]


@pytest.mark.parametrize("date", ["0001-01-01T00:00:00Z", "1999-12-31", "2126-11-21T08:00:00-05:00", "2026-11-26"])
def test_dates_that_cannot_be_are_left_out(json_file, date):
    row = {"id": "a", "network": "facebook", "account": "104", "text": "Bonjour", "created_at": date}
    assert _said(json_file(row)) == [(1, "created_at_unlikely")]


def test_damaged_accents_are_repaired_and_counted(json_file, database):
    damaged = "L\u00e2\u0080\u0099ar\u00c3\u00a9na est ferm\u00c3\u00a9 \u00c3\u00a0 midi? \u00f0\u009f\u0098\u00a0"
    row = {"network": "facebook", "account": "104", "created_at": "2026-11-20T10:00:00-05:00"}
    report = json_file(
        {**row, "id": "m1", "author": "Zo\u00c3\u00a9 Roy", "text": damaged},
        {**row, "id": "m2", "author": "Zoé Roy", "text": "Â vendre : Ã, ©, un « Œ » et l’arÃ©na"},
        {**row, "id": "m3", "author": "Noé", "text": "Déjà réparé. « À bientôt! » 😠"},
    )
    assert (report.new, report.repaired) == (3, 2)
    with database.read() as session:
        found = {one.external_id: one.text for one in session.scalars(select(Comment))}
        assert sorted(session.scalars(select(Author.name))) == ["Noé", "Zoé Roy"]
    assert found["m1"] == "L’aréna est fermé à midi? 😠"
    assert "l’aréna" in found["m2"]
    assert found["m3"] == "Déjà réparé. « À bientôt! » 😠"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Montr\\u00e9al \\ud83d\\ude20", "Montréal 😠"),
        ("l&#39;&eacute;cole &amp; l&rsquo;ar&#xe9;na", "l'école & l’aréna"),
        ("fermÃƒÂ©", "fermé"),
        ("bÅ\x93uf", "bœuf"),
        ("LÔÇÖar├®na est ferm├®, tabarnouche", "L’aréna est fermé, tabarnouche"),
        ("na├»f, d├⌐j├á", "naïf, déjà"),
        ("d\\xc3\\xa9j\\xc3\\xa0", "déjà"),
        ("l=E2=80=99ar=C3=A9na", "l’aréna"),
        ("d%C3%A9j%C3%A0 vu : https://ville.example/d%C3%A9j%C3%A0", "déjà vu : https://ville.example/d%C3%A9j%C3%A0"),
    ],
)
def test_other_ways_of_damaging_a_text_are_repaired_too(json_file, database, written, meant):
    row = {"id": "a", "network": "facebook", "account": "104", "author": "Zoé"}
    report = json_file(row | {"text": written})
    assert (report.repaired, report.damaged) == (1, [])
    with database.read() as session:
        assert session.scalars(select(Comment.text)).one() == meant


def test_letters_that_a_file_has_lost_are_reported_by_line(json_file):
    row = {"network": "facebook", "account": "104", "author": "Zoé"}
    lost = ("D\ufffdneig\ufffde", "Câest fermé", "fermŽ", "L’arÚna", "d‚neig‚", "d?neig?e", "Ãta")
    right = (
        "Déneigée",
        "A & B; \\u",
        "R&D;",
        "50% =15 \\x",
        "Le château râpé d’El Niño",
        "ÉCOLE Ö 20 €; voilà… pâté?oui",
    )
    report = json_file(*({**row, "id": str(number), "text": text} for number, text in enumerate(lost + right, start=1)))
    assert (report.new, report.repaired) == (len(lost + right), 0)
    assert report.damaged == [*range(1, len(lost) + 1)]


def test_a_file_in_utf_16_is_read_as_one(csv_file, database):
    assert csv_file((HEADER + "a,facebook,104,Zoé,Déneigée à midi,,,\n").encode("utf-16")).new == 1
    with database.read() as session:
        assert session.scalars(select(Comment.text)).all() == ["Déneigée à midi"]

"""The catalogue of services: what a person words, what a spreadsheet and another system bring."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from administration import services
from administration.services import Question, Wording
from connectors.desks import ServiceThere
from models.attributes import Attribute, Choice, answered, asked
from models.errors import Refused
from models.people import Borough
from models.requests311 import Service, ServiceStandard
from models.vocabulary import Datatype

NOW = datetime(2026, 11, 30, 14, tzinfo=UTC)
SIZE = Question(
    "taille", Datatype.SINGLE, "Quelle taille?", required=True, values="petit = Petit = Small\ngrand = Grand"
)
HOLE = Wording("Nids-de-poule", "chaussee_trottoir", "5", questions=[SIZE])


def word(database, wording, code="trou", *, seen=None):
    with database.write() as session:
        return services.word(session, None, code, wording, seen=seen, now=NOW).version


def codes(caught) -> list[str]:
    error = caught.value
    return [one.code for one in (error, *error.others)]


def test_a_service_is_made_and_said_anew_and_its_earlier_standard_stays(database):
    word(database, HOLE)
    assert word(database, Wording("Nids-de-poule", "chaussee_trottoir", "3", working_days=True), seen=1) == 2
    with database.read() as session:
        service = session.scalars(select(Service)).one()
        assert (service.days, service.working_days, service.attributes) == (3, True, [])
        before = session.scalars(select(ServiceStandard)).one()
        assert (before.days, before.working_days, before.until) == (5, False, NOW)
    with pytest.raises(Refused) as caught:
        word(database, HOLE, seen=1)
    assert codes(caught) == ["service_changed"]
    with pytest.raises(Refused) as caught:
        word(database, HOLE)
    assert codes(caught) == ["service_taken"]


def test_its_other_words_come_from_a_spreadsheet_and_stay_where_it_has_no_such_column(database):
    raw = 'code,name,group,days,name_en,keywords,unit\ntrou,Trou,chaussee_trottoir,5, Hole ,"cratère,, hole ",Travaux\n'
    for sheet in (raw, "code,name,group,days\ntrou,Trou,chaussee_trottoir,6\n"):
        with database.write() as session:
            services.take_csv(session, sheet.encode(), person_id=None, now=NOW)
    with database.read() as session:
        (kept,) = services.every(session)
        assert (kept.days, kept.name_en, kept.keywords, kept.unit) == (6, "Hole", "cratère, hole", "Travaux")
        assert [kept.called(language) for language in ("en", "fr_CA")] == ["Hole", "Trou"]
    with pytest.raises(Refused) as caught:
        word(database, Wording("Trou", "parcs", "5", name_en="x" * 101, keywords="x" * 301, unit="x" * 101), "autre")
    assert codes(caught) == ["words_too_long"] * 3
    with pytest.raises(Refused) as caught:
        word(database, Wording("Trou", "parcs", "5", mail="eaux@ville.example\nBcc: x@y"), "autre")
    assert codes(caught) == ["email_unreadable"]


@pytest.fixture
def boroughs(database):
    with database.write() as session:
        session.add_all(Borough(code=code, name=code.title()) for code in ("nord", "sud"))


def units(database) -> dict[str, str]:
    with database.read() as session:
        return services.units(session, "trou")


@pytest.mark.usefixtures("boroughs")
def test_a_borough_may_have_its_own_unit(database):
    word(database, replace(HOLE, units={"nord": " Voirie  du nord ", "sud": ""}))
    assert units(database) == {"nord": "Voirie du nord"}
    word(database, replace(HOLE, units={"sud": "Voirie du sud", "nord": "Voirie"}), seen=1)
    assert units(database) == {"nord": "Voirie", "sud": "Voirie du sud"}
    with pytest.raises(Refused) as caught:
        word(database, replace(HOLE, units={"est": "x", "sud": "x" * 101}), seen=2)
    assert codes(caught) == ["borough_unknown", "words_too_long"]
    word(database, replace(HOLE, units={"sud": " "}), seen=2)
    assert units(database) == {}


@pytest.mark.usefixtures("boroughs")
def test_a_spreadsheet_says_the_units_of_the_boroughs(database):
    head, row = "code,name,group,days", "trou,Nids-de-poule,chaussee_trottoir,5"
    for columns, cells, counts, kept in (
        (",unit:NORD,unit:sud", ",Voirie,Sud", (1, 0), {"nord": "Voirie", "sud": "Sud"}),
        (",unit:NORD", ",Voirie", (0, 0), {"nord": "Voirie", "sud": "Sud"}),
        (",unit:nord,unit:est", ",,Est", (0, 1), {"sud": "Sud"}),
        ("", "", (0, 0), {"sud": "Sud"}),
    ):
        with database.write() as session:
            report = services.take_csv(session, f"{head}{columns}\n{row}{cells}\n".encode(), person_id=None, now=NOW)
        assert (report.added, report.changed) == counts
        unknown = [(1, "borough_unknown", "est")] if "est" in columns else []
        assert [(line, why.code, why.params["borough"]) for line, why in report.wrong] == unknown
        assert units(database) == kept


def test_two_who_make_one_service_at_once_are_told(database, race):
    made = race(*[lambda: word(database, HOLE)] * 3)
    assert sorted(one.code if isinstance(one, Refused) else str(one) for one in made) == ["1", *["service_taken"] * 2]


def test_all_that_is_wrong_is_said_at_once_and_nothing_is_kept(database):
    bad = [
        Question("deux mots", Datatype.STRING, "Quoi?"),
        Question("liste", Datatype.MULTI, "Lesquels?"),
        Question("vide", Datatype.TEXT, " "),
        Question("autre", "boolean", "Oui?"),
    ]
    with pytest.raises(Refused) as caught:
        word(database, Wording(" ", "routes", "0", questions=bad), "à côté")
    assert codes(caught) == [
        "name_needed",
        "group_unknown",
        "days_unreadable",
        "question_code",
        "question_values",
        "question_words",
        "question_words",
        "service_code_unreadable",
    ]
    with database.read() as session:
        assert session.scalars(select(Service)).all() == []


def test_a_spreadsheet_adds_and_changes_and_says_which_lines_it_left(database):
    word(database, HOLE)
    raw = (
        "\ufeffcode;name;group;days;working_days\r\n"
        "trou;Trous;chaussee_trottoir;4;oui\r\n"
        "eau;Fuite d’eau;eau_egout;1;\r\n"
        "eau2;;eau_egout;demain;peut-être\r\n"
        "trou;Trous;chaussee_trottoir;4;oui\r\n"
    ).encode()
    with database.write() as session:
        report = services.take_csv(session, raw, person_id=None, now=NOW)
        assert (report.added, report.changed) == (1, 1)
        assert [(line, why.code) for line, why in report.wrong] == [(4, "yes_or_no")]
    with database.read() as session:
        hole = session.get_one(Service, "trou")
        assert (hole.name, hole.days, hole.working_days, len(hole.attributes)) == ("Trous", 4, True, 1)
        assert session.get_one(Service, "eau").working_days is False
    with database.write() as session:
        again = services.take_csv(session, raw.replace(b";peut-\xc3\xaatre", b";"), person_id=None, now=NOW)
        assert (again.added, again.changed) == (0, 0)
        assert [why.code for _, why in again.wrong] == ["name_needed", "days_unreadable"]


@pytest.mark.parametrize("raw", [b"", b"\0\0", b"code,name\na,b\n", b"PK\x03\x04\xff", b"x" * (services.LARGEST + 1)])
def test_what_is_no_such_table_is_refused(database, raw):
    with database.write() as session, pytest.raises(Refused) as caught:
        services.take_csv(session, raw, person_id=None, now=NOW)
    assert codes(caught) == ["services_columns"]


def test_another_system_adds_what_is_not_here_by_code_or_by_name(database):
    word(database, HOLE)
    color = Attribute("couleur", Datatype.MULTI, "Couleur", values=(Choice("1", "Bleu"),))
    there = [
        ServiceThere("trou", "Autre chose"),
        ServiceThere("77", "nids-de-poule"),
        ServiceThere("Bac / bleu", "Bac bleu", "collectes", (color,)),
        ServiceThere("Bac bleu", "Bac bleu brisé", "Déchets"),
    ]
    for _ in range(2):
        with database.write() as session:
            report = services.take_catalogue(session, there, person_id=None, now=NOW)
    assert (report.added, report.wrong) == (0, [])
    with database.read() as session:
        rows = {one.code: one for one in session.scalars(select(Service))}
    assert set(rows) == {"trou", "bac-bleu", "bac-bleu-2"}
    assert (rows["bac-bleu"].outside_code, rows["bac-bleu"].group) == ("Bac / bleu", "collectes")
    assert (rows["bac-bleu-2"].outside_code, rows["bac-bleu-2"].group) == ("Bac bleu", "autre")
    assert asked(rows["bac-bleu"].attributes) == [
        Attribute("couleur", Datatype.MULTI, "Couleur", values=(Choice("1", "Bleu"),))
    ]
    assert rows["trou"].name == "Nids-de-poule"


ASKED = [
    Attribute("n", Datatype.NUMBER, "Combien?"),
    Attribute("quand", Datatype.DATETIME, "Quand?"),
    Attribute("un", Datatype.SINGLE, "Lequel?", values=(Choice("a", "A"), Choice("b", "B"))),
    Attribute("des", Datatype.MULTI, "Lesquels?", values=(Choice("a", "A"), Choice("b", "B"))),
    Attribute("mot", Datatype.STRING, "Quoi?", required=True),
]


@pytest.mark.parametrize(
    ("code", "given", "kept"),
    [
        ("n", ["1 200,5"], "1200.5"),
        ("n", ["NaN"], None),
        ("n", ["1e999"], None),
        ("quand", ["2026-01-05T12:00:00-05:00"], "2026-01-05T17:00:00Z"),
        ("quand", ["2026-01-05T12:00"], None),
        ("quand", ["0001-01-01T00:00:00+14:00"], None),
        ("un", ["b"], "b"),
        ("un", ["a", "b"], None),
        ("un", ["c"], None),
        ("des", ["b", "a", "b"], ["b", "a"]),
        ("des", ["a", "<b>"], None),
        ("mot", ["x" * 301], None),
    ],
)
def test_an_answer_is_read_as_its_datatype_says(code, given, kept):
    said = {"mot": ["oui"]} | {code: given}
    if kept is not None:
        assert answered(ASKED, said)[code] == kept
        return
    with pytest.raises(Refused) as caught:
        answered(ASKED, said)
    assert codes(caught) == ["attribute_unreadable"]


def test_what_is_needed_or_not_asked_is_said():
    with pytest.raises(Refused) as caught:
        answered(ASKED, {"autre": ["x"], "mot": [" \n"]})
    assert codes(caught) == ["attribute_unknown", "attribute_needed"]
    assert answered(ASKED, {}, whole=False) == {}


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(st.sampled_from(["n", "quand", "un", "des", "mot"]), st.lists(st.text(max_size=40), max_size=3)))
def test_whatever_is_answered_is_kept_or_refused(said):
    try:
        kept = answered(ASKED, said)
    except Refused as error:
        assert {one.code for one in (error, *error.others)} <= {"attribute_needed", "attribute_unreadable"}  # noqa: PT017
        return
    assert answered(ASKED, {code: [value] if isinstance(value, str) else value for code, value in kept.items()}) == kept

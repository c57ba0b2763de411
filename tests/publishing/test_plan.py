"""A year's plan: all of a file or nothing, whatever its encoding and separator, and what is wrong line by line."""

from __future__ import annotations

import csv
import io
from datetime import date, time
from zoneinfo import ZoneInfo

import pytest
from openpyxl import Workbook
from sqlalchemy import func, select

from models.campaigns import Campaign
from models.errors import Refused
from models.posts import Post
from publishing import dossiers, plan
from publishing.plan import COLUMNS

ZONE = ZoneInfo("America/Toronto")
TODAY = date(2026, 11, 2)
HEAD = ";".join(COLUMNS[:12])
POOL = (
    "Piscines;2027-06-01;2027-08-31;Nager;Loisirs;Parcs;Ouverture;« L'été » commence : à l'eau!;nord, sud;"
    "2027-06-20;9 h 30;ville.example/a"
)
CLOSING = 'Piscines;;;;;;Fermeture;"À l\'an prochain; merci!";nord;2027-08-30;;'
ALONE = "Déneigement;2027-11-01;2028-03-31;;;;;;;;;"


def take(city, text: str | bytes, encoding: str = "utf-8", who: str = "Claire"):
    raw = text if isinstance(text, bytes) else text.encode(encoding)
    return plan.take(city.database, city.people[who], raw, ZONE, now=city.now)


def kept(city) -> tuple[int, int]:
    with city.database.read() as session:
        campaigns, posts = (session.scalar(select(func.count()).select_from(one)) for one in (Campaign, Post))
        return campaigns or 0, posts or 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_every_encoding_and_separator_of_a_spreadsheet(city, encoding, separator):
    lines = [line.replace(", ", "|") for line in (HEAD, POOL, ALONE)]
    report = take(city, "\r\n".join(lines).replace(";", separator), encoding)
    assert (report.wrong, report.campaigns, report.posts) == ([], 2, 1)
    with city.database.read() as session:
        post = session.scalars(select(Post)).one()
        assert (post.title, post.publish_at.isoformat()) == ("Ouverture", "2027-06-20T13:30:00+00:00")


def test_a_workbook_is_a_plan_too_and_one_that_cannot_be_read_says_so(city):
    book, raw = Workbook(), io.BytesIO()
    for line in (HEAD, POOL.replace("9 h 30", ""), ALONE):
        book.active.append([cell or None for cell in line.split(";")])
    book.active["J2"], book.active["K2"] = date(2027, 6, 20), time(9, 30)
    book.save(raw)
    report = take(city, raw.getvalue())
    assert (report.wrong, report.campaigns, report.posts) == ([], 2, 1)
    with city.database.read() as session:
        assert session.scalars(select(Post)).one().publish_at.isoformat() == "2027-06-20T13:30:00+00:00"
    with pytest.raises(Refused) as caught:
        take(city, raw.getvalue()[:-100])
    assert caught.value.code == "plan_unreadable"
    assert kept(city) == (2, 1)


def test_the_same_file_twice_makes_nothing_twice(city):
    text = f"{HEAD}\n{POOL}\n{CLOSING}\n\n{ALONE}"
    first = take(city, text)
    assert (first.wrong, first.campaigns, first.posts, first.known) == ([], 2, 2, 0)
    second = take(city, text)
    assert (second.wrong, second.campaigns, second.posts, second.known) == ([], 0, 0, 2)
    assert kept(city) == (2, 2)


def test_what_is_wrong_is_said_line_by_line_and_nothing_is_kept(city):
    lines = [
        HEAD,
        POOL,
        "Nouvelle;;;;;;Titre;Texte;nord;;;",
        "Piscines;;;;;;Titre;Texte;ouest;;;",
        "Piscines;;;;;;Titre;Texte;nord;30/08/2027;;",
        "Piscines;;;;;;Titre;Texte;nord;2027-03-14;2:30;",
        "Piscines;;;;;;Titre;Texte;nord;2027-11-07;1:30;",
        "Piscines;;;;;;Titre;Texte;nord;2020-01-01;9:00;",
        "Piscines;;;;;;Titre;Texte;nord;;9:00;",
        "Piscines,Titre",
        "Piscines;;;;;;Titre;Texte;;;;",
        "Piscines;;;;;;Titre;Texte;vitrine;;;",
        "Piscines;;;;;;Titre;Texte;nord;;;javascript:alert(1)",
    ]
    report = take(city, "\n".join(lines))
    assert [(line, why.code) for line, why in report.wrong] == [
        (3, "plan_days"),
        (4, "plan_account"),
        (5, "date_unreadable"),
        (6, "time_absent"),
        (7, "time_twice"),
        (8, "time_passed"),
        (9, "plan_hour"),
        (10, "plan_cells"),
        (11, "no_account"),
        (12, "read_only"),
        (13, "link_invalid"),
    ]
    assert (report.campaigns, report.posts) == (0, 0)
    assert kept(city) == (0, 0)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "plan_columns"),
        (b"campagne;titre\nx;y", "plan_columns"),
        (HEAD.encode(), "plan_empty"),
        (f"{HEAD}\n{CLOSING}\n".encode() + CLOSING.encode("cp1252"), "encoding_mixed"),
        (HEAD.encode() + b"\n\x81\x8d" + CLOSING.encode("cp1252"), "encoding_unknown"),
        (b"x" * 1_000_001, "plan_heavy"),
    ],
)
def test_a_file_that_is_none(city, raw, code):
    with pytest.raises(Refused) as caught:
        take(city, raw)
    assert caught.value.code == code
    if code == "encoding_mixed":
        assert caught.value.params["line"] == "3"


def test_a_plan_is_made_where_its_person_writes(city):
    with_campaign = take(city, f"{HEAD}\n{ALONE}", who="Sylvie")
    assert [why.code for _, why in with_campaign.wrong] == ["place_not_yours"]
    theirs = take(city, "campagne;titre;texte;comptes\n;Un;Bonjour;sud\n;Deux;Bonjour;nord", who="Sylvie")
    assert [(line, why.code) for line, why in theirs.wrong] == [(3, "plan_account")]


# ------------------------------------------------------------------------------------------ recurring files
FILES = "type;campagne;titre;texte;comptes;regle;delai;heure;taches;responsable"


def test_three_hundred_recurring_files_and_the_same_file_twice_makes_nothing_twice(city):
    rules = [
        "2e lundi d'avril",
        "Dernier vendredi de chaque mois",
        "1er juillet",
        "Le 31 du mois",
        "Chaque mercredi",
        '"FREQ=YEARLY;BYMONTH=5;BYDAY=SA;BYSETPOS=-1"',
        "21 jours avant le Versement des taxes",
        "",
    ]
    with city.database.write() as session:
        for month in (3, 6):
            day = date(2027, month, 1)
            claire = city.people["Claire"]
            dossiers.add_key_date(session, claire, "Versement des taxes", day, today=TODAY, now=city.now)
    lines = [
        f"dossier;;Dossier {number};Texte {number};nord|sud;{rules[number % len(rules)]};10;8 h;Communiqué, page Web;"
        for number in range(300)
    ]
    text = "\n".join([FILES, *lines, "publication;;Avis;Un avis;nord;;;;;"])
    first = take(city, text)
    assert (first.wrong, first.dossiers, first.posts, first.known) == ([], 300, 1, 0)
    again = take(city, text)
    assert (again.wrong, again.dossiers, again.posts, again.known) == ([], 0, 0, 301)
    with city.database.read() as session:
        kept = dossiers.dossiers(session, city.people["Claire"])
        assert len(kept) == 300
        found = {one.name: (one.next_on, one.lead_days, one.hour, one.tasks) for one in kept}
    days = ["2027-04-12", "2026-11-27", "2027-07-01", "2026-11-30", "2026-11-04", "2027-05-29", "2027-02-08", None]
    for number, day in enumerate(days):
        said = date.fromisoformat(day) if day else None
        assert found[f"Dossier {number}"] == (said, 10, time(8), ["press_release", "web_page"])


def test_what_is_wrong_with_a_recurring_file_is_said_on_its_line(city):
    lines = [
        FILES,
        "dossiers;;Un;Texte;nord;;;;;",
        "dossier;;Un;Texte;nord;Un lundi sur deux;;;;",
        "dossier;;Un;Texte;nord;3 jours avant la rentrée;;;;",
        "dossier;;Un;Texte;nord;;bientôt;;;",
        "dossier;;Un;Texte;nord;;;25 h;;",
        "dossier;;Un;Texte;nord;;;;téléphone;",
        "dossier;;Un;Texte;nord;;;;;inconnu@ville.example",
        "dossier;;Un;Texte;vitrine;;;;;",
        "dossier;;Un;Texte;nord;FREQ=MINUTELY;;;;",
        "dossier;;Un;Texte;nord;31 février;;;;",
    ]
    report = take(city, "\n".join(lines))
    assert [(line, why.code) for line, why in report.wrong] == [
        (2, "plan_type"),
        (3, "plan_rule"),
        (4, "key_date_unknown"),
        (5, "lead_unreadable"),
        (6, "hour_unreadable"),
        (7, "plan_task"),
        (8, "plan_person"),
        (9, "read_only"),
        (10, "rule_part"),
    ], "and the 31st of February is its last day, as is chosen where nothing is said"
    assert report.dossiers == 0


def test_the_plan_that_is_taken_out_makes_nothing_where_it_is_sent_again(city):
    rules = ["le 31 du mois", "2e lundi d’avril", "21 jours avant versement des taxes", "", "jour versement des taxes"]
    with city.database.write() as session:
        given = {"today": TODAY, "now": city.now}
        dossiers.add_key_date(session, city.people["Claire"], "Versement des taxes", date(2027, 2, 1), **given)
    head = ";".join(COLUMNS)
    files = [f";;;;;;Dossier {n};Dit;nord;2027-01-01;8:15;;dossier;{rule};9;;affichage" for n, rule in enumerate(rules)]
    short = [f"{line};;;;;" for line in (POOL, CLOSING, ALONE)]
    made = take(city, "\n".join([head, *short, *files]))
    assert (made.wrong, made.campaigns, made.posts, made.dossiers) == ([], 2, 2, 5)
    with city.database.read() as session:
        rows = list(plan.lines(session, city.people["Claire"], ZONE, now=city.now))
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows([COLUMNS, *rows])
    again = take(city, text.getvalue())
    assert (again.wrong, again.campaigns, again.posts, again.dossiers, again.known) == ([], 0, 0, 0, 7)
    assert {row[COLUMNS.index("titre")] for row in rows} >= {"Ouverture", "Fermeture", "Dossier 0"}
    # Elsewhere it makes the same: what is out of the way here is read as it was written.
    with city.database.write() as session:
        for one in dossiers.dossiers(session, city.people["Claire"]):
            one.name = f"Autre {one.name}"
    anew = take(city, text.getvalue())
    assert (anew.wrong, anew.dossiers) == ([], 5)
    with city.database.read() as session:
        found = dossiers.dossiers(session, city.people["Claire"])
        said = {}
        for one in found:
            said.setdefault(one.name.removeprefix("Autre "), []).append(
                (one.rrule, one.anchor, one.offset_days, one.tasks)
            )
    assert all(len(both) == 2 and both[0] == both[1] for both in said.values())

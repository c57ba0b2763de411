"""A year's plan: all of a file or nothing, whatever its encoding and separator, and what is wrong line by line."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from models.campaigns import Campaign
from models.errors import Refused
from models.posts import Post
from publishing import plan
from publishing.plan import COLUMNS

ZONE = ZoneInfo("America/Toronto")
HEAD = ";".join(COLUMNS)
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

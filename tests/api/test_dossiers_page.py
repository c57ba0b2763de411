"""Recurring files at the door: a rule is seen as it is written, a file is kept, made by hand, done and filed away."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, func, select, update

from api import date_words
from models.campaigns import Campaign
from models.dossiers import Dossier, Occurrence
from models.notices import Notice
from models.posts import Post
from models.vocabulary import DateRule, Role
from publishing import occurrences

SAID = {
    "name": "Séance du conseil",
    "every": "yearly_nth",
    "nth": "2",
    "weekday": "MO",
    "month": "4",
    "starts_on": "2026-11-23",
    "hour": "09:30",
    "lead_days": "21",
    "text": "Le conseil siège lundi.",
    "tasks": ["web_page", "poster"],
}


@pytest.fixture
def desk(sqlite_parvis, seed_city, visit, sign_in_as):
    city = seed_city(sqlite_parvis)
    return sign_in_as(sqlite_parvis, visit(sqlite_parvis), city.person(Role.COMMUNICATIONS, "city")), city


def test_a_file_is_kept_and_shown_in_words_with_its_next_dates(desk, sqlite_parvis):
    client, city = desk
    kept = client.post("/dossiers", data=SAID | {"accounts": str(city.accounts["city"])})
    place = kept.headers["location"].partition("?")[0]
    page = client.get(place).text
    assert "Chaque année en avril, le 2e lundi" in page
    assert "lundi 12\N{NO-BREAK SPACE}avril 2027, 9\N{NO-BREAK SPACE}h\N{NO-BREAK SPACE}30" in page
    assert "Page Web" in page
    form = client.get(f"{place}/modifier").text
    for chosen in ('value="yearly_nth" selected', 'value="2" selected', 'value="MO" selected', 'value="4" selected'):
        assert chosen in form
    assert client.post(place, data=SAID | {"version": "1", "every": "weekly", "weeks": "2"}).status_code == 303
    assert "Toutes les 2 semaines, le lundi" in client.get(place).text
    assert client.post(place, data=SAID | {"version": "1"}).status_code == 409
    assert "Séance du conseil" in client.get("/dossiers?mots=conseil&miens=1&regle=repeats").text
    assert "Aucun dossier récurrent" in client.get("/dossiers?mots=patinoire").text
    assert client.post(f"{place}/archive", data={"version": "2"}).status_code == 303
    assert "Ne revient plus" in client.get(place).text
    assert client.get(f"{place}/modifier").status_code == 200


def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(desk):
    client, _ = desk
    wrong = SAID | {"name": " ", "lead_days": "9999", "every": "other", "rrule": "FREQ=HOURLY"}
    page = client.post("/dossiers", data=wrong)
    assert page.status_code == 422
    for field in ("name", "lead_days", "rrule"):
        assert f'id="{field}-wrong"' in page.text
    assert "Le conseil siège lundi." in page.text
    assert 'value="poster" checked' in page.text
    hourless = client.post("/dossiers", data=SAID | {"hour": "25:00", "starts_on": "demain"})
    assert 'id="hour-wrong"' in hourless.text
    assert 'id="starts_on-wrong"' in hourless.text
    assert client.post("/dossiers", data=SAID | {"every": "other", "rrule": "FREQ=HOURLY"}).status_code == 422
    assert client.post("/dossiers", data=SAID | {"weekday": "XX"}).status_code == 422
    assert client.post("/dossiers", data=SAID | {"every": "anchored", "anchor": "Rien"}).status_code == 422
    injected = SAID | {"every": "other", "rrule": "FREQ=WEEKLY\nRDATE:20270101T000000"}
    assert client.post("/dossiers", data=injected).status_code == 422


def test_a_campaign_that_is_gone_is_said_where_there_is_no_other(desk, sqlite_parvis):
    client, _ = desk
    with sqlite_parvis.database.write() as session:
        session.execute(update(Post).values(campaign_id=None))
        session.execute(update(Dossier).values(campaign_id=None))
        session.execute(delete(Campaign))
    page = client.post("/dossiers", data=SAID | {"campaign": "999"})
    assert page.status_code == 422
    assert 'id="campaign-wrong"' in page.text


def test_the_first_key_date_counts_before_anybody_chose_one(desk):
    client, _ = desk
    client.post("/dossiers/dates-cles", data={"name": "Taxes", "day": "2027-02-25"})
    asked = {name: said for name, said in SAID.items() if name != "anchor"} | {"every": "anchored", "days": "21"}
    part = client.post("/dossiers/regle", data=asked, headers={"hx-request": "true"}).text
    assert "4\N{NO-BREAK SPACE}février 2027" in part


@pytest.mark.parametrize(
    ("every", "field", "said", "range_"),
    [
        ("monthly_day", "monthday", "0", "de 1 à 31"),
        ("yearly_day", "monthday", "32", "de 1 à 31"),
        ("yearly_day", "monthday", "-1", "de 1 à 31"),
        ("weekly", "weeks", "0", "de 1 à 20"),
        ("weekly", "weeks", "100", "de 1 à 20"),
        ("anchored", "days", "trois", "de 0 à 366"),
    ],
)
def test_a_number_out_of_its_range_is_said_beside_it_in_plain_words(desk, every, field, said, range_):
    client, _ = desk
    page = client.post("/dossiers", data=SAID | {"every": every, field: said}).text
    wrong = page.partition(f'id="{field}-wrong"')[2].partition("</span>")[0]
    assert range_ in wrong
    assert "BYMONTHDAY" not in page
    assert "INTERVAL" not in page


def test_the_next_days_are_shown_as_the_rule_is_written_and_nothing_is_kept(desk, sqlite_parvis):
    client, _ = desk
    asked = SAID | {"every": "monthly_day", "monthday": "31", "month_end": "skip"}
    part = client.post("/dossiers/regle", data=asked, headers={"hx-request": "true"}).text
    assert "<html" not in part
    assert "31\N{NO-BREAK SPACE}janvier 2027" in part
    assert "28\N{NO-BREAK SPACE}février 2027" in part.partition("Sautés")[2]
    spring = asked | {"every": "yearly_day", "month": "3", "monthday": "14", "hour": "02:30"}
    part = client.post("/dossiers/regle", data=spring, headers={"hx-request": "true"}).text
    assert "14\N{NO-BREAK SPACE}mars 2027, 3\N{NO-BREAK SPACE}h\N{NO-BREAK SPACE}00" in part
    assert "cette heure n’existe pas ce jour-là" in part
    whole = client.post("/dossiers/regle", data=asked).text
    assert "<html" in whole
    assert "Le conseil siège lundi." in whole
    with sqlite_parvis.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Dossier)) == 3, "those of the seeded city"


def test_by_hand_done_and_filed_away(desk, sqlite_parvis):
    client, city = desk
    sent = SAID | {"every": "none", "accounts": str(city.accounts["city"])}
    place = client.post("/dossiers", data=sent).headers["location"].partition("?")[0]
    assert client.post(f"{place}/brouillon", data={"day": "bientôt"}).status_code == 422
    made = client.post(f"{place}/brouillon", data={"day": "2026-11-25"})
    assert "Séance du conseil" in client.get(made.headers["location"]).text
    assert client.post(f"{place}/brouillon", data={"day": "2026-11-25"}).status_code == 422
    with sqlite_parvis.database.read() as session:
        dossier_id = int(place.rpartition("/")[2])
        one = session.scalars(select(Occurrence).where(Occurrence.dossier_id == dossier_id)).one()
    late = client.get("/dossiers").text.partition("Tous les dossiers")[0]
    assert "Séance du conseil" in late
    for task in ("web_page", "poster"):
        assert client.post(f"/dossiers/fois/{one.id}/taches", data={"task": task, "done": "true"}).status_code == 303
    assert client.post(f"/dossiers/fois/{one.id}/taches", data={"task": "x", "done": "true"}).status_code == 422
    assert "fait par" in client.get(place).text
    assert client.post(f"/dossiers/fois/{one.id}/classement").status_code == 303
    assert "Séance du conseil" not in client.get("/dossiers").text.partition("Tous les dossiers")[0]


def test_from_a_post_that_was_written_without_a_file(desk, sqlite_parvis):
    client, city = desk
    sent = {
        "accounts": str(city.accounts["city"]),
        "text": "Bonjour",
        "title": "Fête",
        "publish_at": "2026-12-01T09:00",
    }
    post = client.post("/publications", data=sent).headers["location"].partition("?")[0].rpartition("/")[2]
    form = client.get(f"/dossiers/nouveau?publication={post}").text
    assert f'name="publication" value="{post}"' in form
    assert 'value="Fête"' in form
    place = client.post("/dossiers", data=SAID | {"publication": post}).headers["location"].partition("?")[0]
    assert f'href="/publications/{post}"' in client.get(place).text


def test_key_dates_and_the_notice_to_the_owner(desk, sqlite_parvis):
    client, city = desk
    added = {"name": "Versement des taxes", "day": "2026-12-14"}
    assert client.post("/dossiers/dates-cles", data=added).status_code == 303
    assert client.post("/dossiers/dates-cles", data=added).status_code == 422
    assert client.post("/dossiers/dates-cles", data=added | {"day": "x"}).status_code == 422
    said = SAID | {
        "every": "anchored",
        "anchor": "Versement des taxes",
        "days": "21",
        "side": "before",
        "lead_days": "0",
    }
    place = client.post("/dossiers", data=said | {"accounts": str(city.accounts["city"])}).headers["location"]
    assert "21 jours avant" in client.get(place).text
    occurrences.make_due(sqlite_parvis.database, ZoneInfo("America/Toronto"), now=sqlite_parvis.clock())
    told = client.get("/avis").text
    assert "Un dossier récurrent est à rédiger" in told
    assert f'href="{place.partition("?")[0]}"' in told
    for field in ("notice_id", "comment_id"):
        for said in ("abc", "9" * 30):
            assert client.post("/avis/lus", data={field: said}).status_code == 404, "what is no number is not all"
    with sqlite_parvis.database.read() as session:
        assert session.scalar(select(func.count()).where(Notice.seen_at.is_not(None))) == 0
    assert client.post("/avis/lus", data={"notice_id": "1"}).status_code == 303
    assert "notice-new" not in client.get("/avis").text
    assert client.post("/dossiers/dates-cles/1/suppression").status_code == 303
    assert "Versement" not in client.get("/dossiers/dates-cles").text


@pytest.mark.parametrize(
    ("rrule", "every"),
    [
        ("FREQ=WEEKLY;BYDAY=MO", "weekly"),
        ("FREQ=WEEKLY;INTERVAL=3;BYDAY=FR", "weekly"),
        ("FREQ=MONTHLY;BYMONTHDAY=31", "monthly_day"),
        ("FREQ=MONTHLY;BYDAY=-1FR", "monthly_nth"),
        ("FREQ=MONTHLY;BYDAY=FR", "other"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "yearly_day"),
        ("BYDAY=2MO;BYMONTH=4;FREQ=YEARLY", "yearly_nth"),
        ("FREQ=YEARLY;BYMONTH=4,5;BYDAY=2MO", "other"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "other"),
        ("FREQ=WEEKLY", "other"),
        ("FREQ=WEEKLY;BYDAY=MO;UNTIL=20280101", "other"),
    ],
)
def test_a_kept_rule_is_shown_in_the_form_as_it_was_given(rrule, every):
    found = date_words.given(DateRule.REPEATS, rrule, "", 0)
    assert found.every == every
    assert date_words.rule_words(DateRule.REPEATS, rrule, "", 0)
    assert date_words.given(*found.rule()) == found


def test_programs_read_recurring_files(desk):
    client, _ = desk
    place = client.post("/dossiers", data=SAID).headers["location"].partition("?")[0]
    (listed,) = [one for one in client.get("/api/v1/dossiers").json()["items"] if one["name"] == SAID["name"]]
    whole = client.get(f"/api/v1{place}").json()
    assert {name: whole[name] for name in listed} == listed
    assert whole["tasks"] == ["poster", "web_page"]
    assert whole["occurrences"] == []


def test_programs_begin_change_and_end_a_file(desk):
    client, city = desk
    body = {
        "name": "Patinoires",
        "starts_on": "2026-12-01",
        "rule": "repeats",
        "rrule": "FREQ=WEEKLY;BYDAY=WE",
        "hour": "08:00",
        "account_ids": [city.accounts["city"]],
        "tasks": ["poster"],
    }
    key = {"idempotency-key": "one"}
    made = client.post("/api/v1/dossiers", json=body, headers=key)
    assert made.status_code == 201
    assert client.post("/api/v1/dossiers", json=body, headers=key).json()["id"] == made.json()["id"]
    place, kept = made.headers["location"], made.json()
    assert (kept["next_on"], kept["hour"], kept["tasks"]) == ("2026-12-02", "08:00", ["poster"])
    again = client.put(place, json=body | {"lead_days": 3}, headers={"if-match": made.headers["etag"]})
    assert (again.status_code, again.json()["lead_days"]) == (200, 3)
    assert client.put(place, json=body, headers={"if-match": made.headers["etag"]}).status_code == 409
    wrong = client.post("/api/v1/dossiers", json=body | {"rrule": "FREQ=HOURLY", "account_ids": [999]})
    assert wrong.status_code == 422
    assert {one["field"] for one in wrong.json()["errors"]} == {"rrule", "accounts"}
    assert client.delete(place, headers={"if-match": again.headers["etag"]}).status_code == 204
    assert kept["id"] not in {one["id"] for one in client.get("/api/v1/dossiers").json()["items"]}

"""The calendar at the door: a list without a script, times as clocks show them, moves and their answers, a feed."""

from __future__ import annotations

import icalendar
import pytest

from models.vocabulary import Role


@pytest.fixture
def city(sqlite_parvis, seed_city):
    return seed_city(sqlite_parvis)


@pytest.fixture
def desk(sqlite_parvis, city, visit, sign_in_as):
    """An officer's browser."""
    return sign_in_as(sqlite_parvis, visit(sqlite_parvis), city.person(Role.COMMUNICATIONS, "city"))


@pytest.fixture
def post(desk, city) -> str:
    """The number of a draft for the morning of 20 June 2027."""
    sent = {"accounts": [str(city.accounts["city"])], "title": "Ouverture", "text": "Bonjour"}
    made = desk.post("/publications", data={**sent, "publish_at": "2027-06-20T09:30"})
    return made.headers["location"].partition("?")[0].rpartition("/")[2]


def events(desk, first: str = "2027-06-01", until: str = "2027-07-01", **more: str):
    return desk.get("/calendrier/publications", params={"debut": first, "fin": until, **more}).json()


def test_the_list_of_a_month_with_its_holiday_and_what_has_no_time(desk, post):
    page = desk.get("/calendrier?jour=2027-06-11").text
    assert "Ouverture" in page
    assert "Fête nationale du Québec" in page
    assert f"/calendrier/{post}/deplacement?depuis=2027-06-20T13:30:00Z" in page
    assert "Post city" in page, "it waits for a time"
    assert "Ouverture" not in desk.get("/calendrier?jour=2027-07-11").text
    assert "deux fois" in desk.get("/calendrier?jour=2027-11-01").text
    assert desk.get("/calendrier?jour=9999-12-31&vue=x&compte=x&etat=x").status_code == 200


def test_what_the_page_draws(desk, post, city):
    holiday, *drawn = sorted(events(desk), key=lambda one: "happening" not in one["extendedProps"])
    assert (holiday["start"], holiday["allDay"]) == ("2027-06-24", True)
    (one,) = drawn
    assert (one["start"], one["editable"]) == ("2027-06-20T09:30:00", True)
    assert one["extendedProps"]["accounts"] == ["Page city"]
    assert len(events(desk, compte=str(city.accounts["north"]))) == 1
    assert len(events(desk, etat="scheduled")) == 1
    assert desk.get("/calendrier/publications?debut=2027-01-01&fin=2029-01-01").status_code == 422
    assert desk.get("/calendrier/publications?debut=0001-01-01&fin=0001-02-01").status_code == 422
    assert "2027-12-24T09:00" in desk.get("/publications/nouvelle?jour=20271224").text


def test_a_move_is_a_form_and_says_what_is_wrong_with_a_time(desk, post):
    place, sent = f"/calendrier/{post}/deplacement", {"since": "2027-06-20T13:30:00Z", "version": "1"}
    assert 'value="2027-06-20T09:30"' in desk.get(place, params={"depuis": sent["since"]}).text
    absent = desk.post(place, data={**sent, "publish_at": "2028-03-12T02:30"})
    assert absent.status_code == 422
    assert "n’existe pas" in absent.text
    assert 'value="2028-03-12T02:30"' in absent.text
    script = desk.post(place, data={**sent, "publish_at": "2027-11-07T01:30"}, headers={"hx-request": "true"})
    assert (script.status_code, "deux fois" in script.text) == (422, True)
    moved = desk.post(place, data={**sent, "publish_at": "2027-06-21T10:00"})
    assert moved.headers["location"] == "/calendrier?jour=2027-06-21&fait=moved"
    stale = desk.post(place, data={**sent, "publish_at": "2027-06-22T10:00"})
    assert stale.status_code == 409
    again = {"since": "2027-06-21T14:00:00Z", "version": "2", "publish_at": "2027-06-22T10:00"}
    assert "Déplacée." in desk.post(place, data=again, headers={"hx-request": "true"}).text
    assert [one["start"] for one in events(desk) if "post" in one["extendedProps"]] == ["2027-06-22T10:00:00"]


def test_the_secret_address_reads_what_its_person_sees_until_it_is_taken_back(
    desk, post, city, sqlite_parvis, visit, sign_in_as
):
    stranger = visit(sqlite_parvis)

    def address(client) -> str:
        page = client.post("/calendrier/abonnement").text
        return page.partition("<code>")[2].partition("</code>")[0]

    first = address(desk)
    found = icalendar.Calendar.from_ical(stranger.get(first).text)
    (event,) = found.walk("VEVENT")
    assert str(event["summary"]) == "Ouverture (Brouillon)"
    assert event.decoded("dtstart").isoformat() == "2027-06-20T13:30:00+00:00"
    second = address(desk)
    assert stranger.get(first).status_code == 404
    assert stranger.get(second).status_code == 200
    north = sign_in_as(sqlite_parvis, visit(sqlite_parvis), city.person(Role.COMMUNICATIONS, "north"))
    assert "Ouverture" not in stranger.get(address(north)).text
    desk.post("/calendrier/abonnement/retrait")
    assert stranger.get(second).status_code == 404
    assert stranger.get("/calendrier/abonnement/x.ics").status_code == 404


def test_a_plan_is_imported_from_a_page(desk, city):
    head = "campagne;debut;fin;titre;texte;comptes\n"
    wrong = desk.post("/campagnes/plan", files={"file": ("plan.csv", f"{head}Été;;;Un;Bonjour;Page city".encode())})
    assert wrong.status_code == 422
    assert "Ligne 2" in wrong.text
    line = f"{head}Été;2027-06-01;2027-08-31;Un;Bonjour;Page city"
    kept = desk.post("/campagnes/plan", files={"file": ("plan.csv", line.encode("cp1252"))})
    assert "1 campagne" in kept.text
    assert "Été" in desk.get("/campagnes").text
    assert desk.post("/campagnes/plan", data={}).status_code == 422

"""The page of hours and targets; what the queue says of a comment near its time or past it; the hours in a reply."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from api import hour_words
from models.opening import MIDNIGHT, Schedule
from models.vocabulary import Role
from moderation import clocks

ZONE = ZoneInfo("America/Toronto")
WEEK = {f"{which}_{day}": at for day in range(5) for which, at in (("opens", "08:30"), ("closes", "16:30"))}
NBSP = "\N{NO-BREAK SPACE}"


@pytest.fixture
def city(sqlite_parvis, seed_city):
    return seed_city(sqlite_parvis)


@pytest.fixture
def enter(sqlite_parvis, city, visit, sign_in_as):
    return lambda role: sign_in_as(sqlite_parvis, visit(sqlite_parvis), city.person(role, "city"))


@pytest.fixture
def manager(enter):
    return enter(Role.MANAGER)


def save(browser, **more):
    return browser.post("/equipe/delais", data={"seen": "0", **WEEK, **more})


def test_hours_and_targets_are_kept_and_a_refusal_shows_what_was_typed(manager):
    assert "La Ville n’a encore rien dit" in manager.get("/equipe/delais").text
    days = {"day": ["2026-12-24", ""], "day_name": ["Veille <b>", ""], "day_opens": ["", ""], "day_closes": ["", ""]}
    wrong = save(manager, **days, opens_0="17:00", respond_question="vite", resolve_complaint="80")
    assert wrong.status_code == 422
    assert "Donnez de 1 à 999 heures d’ouverture" in wrong.text
    assert "Veille &lt;b&gt;" in wrong.text
    assert 'value="vite"' in wrong.text
    assert save(manager, **days, opens_0="17:00").status_code == 422
    kept = save(manager, **days, respond_question="4", resolve_complaint="80")
    assert kept.headers["location"] == "/equipe/delais?fait=saved"
    page = manager.get("/equipe/delais").text
    assert f"En ce moment{NBSP}: ouvert jusqu’à 16{NBSP}h{NBSP}30." in page
    assert 'name="respond_question" type="number" min="1" max="999" inputmode="numeric" value="4"' in page
    stale = save(manager)
    assert stale.status_code == 422
    assert "a changé les heures" in stale.text


def test_the_queue_says_what_is_near_its_time_or_past_it(sqlite_parvis, manager, enter, clock):
    save(manager, respond_unknown="4")
    clocks.wind_due(sqlite_parvis.database, ZONE, now=clock())
    assert "À répondre avant" not in manager.get("/").text
    clock.pass_(hours=3)
    manager = enter(Role.MANAGER)  # Who was away for so long signs in again.
    near = manager.get("/?voie=delai").text
    assert f"À répondre avant 12{NBSP}h{NBSP}30" in near
    assert near.count('class="row"') == 3
    clock.pass_(hours=1)
    manager = enter(Role.MANAGER)
    assert 'data-late="3"' in manager.get("/").text
    late = manager.get("/?voie=retard").text
    assert f"En retard{NBSP}: à répondre avant le 23{NBSP}novembre 2026, 12{NBSP}h{NBSP}30" in late
    assert "<strong>3</strong> en retard" in manager.get("/equipe").text


def test_the_hours_stand_in_a_saved_reply(city, manager, enter):
    word = {"title": "Heures", "fr": "Nous sommes {heures}.", "en": "We are {heures}."}
    assert manager.post("/reponses", data=word).status_code == 303
    moderator = enter(Role.MODERATOR)
    path = f"/commentaires/{city.comments['north']}"
    assert "Nous sommes {heures}." in moderator.get(path).text
    save(manager)
    assert f"Nous sommes ouvert jusqu’à 16{NBSP}h{NBSP}30." in moderator.get(path).text


def test_the_notice_is_adopted_by_a_manager_and_ended(manager, city):
    assert (
        "Dites d’abord quand le service est ouvert."
        in manager.post("/equipe/delais/avis", data={"adopted": "true"}).text
    )
    save(manager)
    manager.post("/equipe/delais/avis", data={"adopted": "true"})
    assert "Adopté par manager city" in manager.get("/equipe/delais").text
    manager.post("/equipe/delais/avis")
    assert "Arrêté par manager city" in manager.get("/equipe/delais").text


@pytest.mark.parametrize(
    ("at", "language", "said"),
    [
        ("2026-11-23T10:00", "fr", "ouvert jusqu’à 16 h 30"),
        ("2026-11-23T07:00", "fr", "fermé jusqu’à 8 h 30"),
        ("2026-11-27T18:00", "fr", "fermé jusqu’au lundi 30 novembre, 8 h 30"),
        ("2026-11-30T18:00", "fr", "fermé jusqu’au mardi 1er décembre, 8 h 30"),
        ("2026-11-27T18:00", "en", "closed until Monday, November 30, 8:30 AM"),
        ("2026-11-27T18:00", "autre", "fermé jusqu’au lundi 30 novembre, 8 h 30"),
    ],
)
def test_hours_in_plain_words(at, language, said):
    schedule = Schedule(ZONE, ((510, 990),) * 5 + (None, None))
    now = datetime.fromisoformat(at).replace(tzinfo=ZONE).astimezone(UTC)
    spaces = dict.fromkeys(map(ord, "\u00a0\u202f"), " ")
    assert hour_words.opening(schedule, language, now=now).translate(spaces) == said


def test_hours_that_never_end_or_begin_and_those_that_end_at_midnight():
    now = datetime(2026, 11, 24, 15, tzinfo=UTC)
    always, never = Schedule(ZONE, ((0, MIDNIGHT),) * 7, on_holidays=True), Schedule(ZONE, (None,) * 7)
    late = Schedule(ZONE, ((600, MIDNIGHT),) * 7)
    said = [hour_words.opening(one, "fr", now=now) for one in (always, never, late)]
    assert said == ["ouvert jour et nuit", "", "ouvert jusqu’à minuit"]
    assert hour_words.hours_of("10:00", "00:00", "day") == (600, MIDNIGHT)


def test_programs_read_by_when_an_item_is_to_be_answered(sqlite_parvis, manager, city, clock):
    path = f"/api/v1/items/{city.items['city']}"
    assert manager.get(path).json()["answer_by"] is None
    save(manager, respond_unknown="4")
    clocks.wind_due(sqlite_parvis.database, ZONE, now=clock())
    with sqlite_parvis.database.read() as session:
        by = clocks.current(session, ZONE).schedule.after(city.now, timedelta(hours=4))
    assert datetime.fromisoformat(manager.get(path).json()["answer_by"]) == by
    assert by in {datetime.fromisoformat(one["answer_by"]) for one in manager.get("/api/v1/items").json()["items"]}

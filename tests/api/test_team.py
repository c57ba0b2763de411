"""The pages of whoever manages a team: figures for a spreadsheet, and who is on call."""

from __future__ import annotations

from models.vocabulary import Role


def test_a_sheet_says_what_the_page_says(sqlite_parvis, seed_city, visit, sign_in_as):
    city = seed_city(sqlite_parvis)
    client = sign_in_as(sqlite_parvis, visit(sqlite_parvis), city.person(Role.MANAGER, "city"))
    sheet = client.get("/equipe/personnes.csv")
    assert sheet.content.decode("utf-8-sig").splitlines() == ["Personne;Décidés;Ouverts;À faire", "Seed;3;0;0"]
    assert "attachment" in sheet.headers["content-disposition"]
    assert "Seed" in client.get("/equipe").text
    north = sign_in_as(sqlite_parvis, visit(sqlite_parvis), city.person(Role.MANAGER, "north"))
    assert "Seed;1;0;0" in north.get("/equipe/personnes.csv").text
    assert sum(int(line.split(";")[1]) for line in north.get("/equipe/arrivees.csv").text.splitlines()[1:]) == 2


def test_who_is_on_call_is_kept_and_a_refusal_shows_what_was_typed(sqlite_parvis, seed_city, visit, sign_in_as):
    city = seed_city(sqlite_parvis)
    manager = city.person(Role.MANAGER, "city")
    client = sign_in_as(sqlite_parvis, visit(sqlite_parvis), manager)
    assert "toute la gestion est prévenue" in client.get("/equipe/garde").text
    kept = client.post("/equipe/garde", data={"person": [str(manager), ""], "phone": ["418 555-0199", ""]})
    assert kept.headers["location"] == "/equipe/garde?fait=saved"
    twice = client.post("/equipe/garde", data={"person": [str(manager)] * 2, "phone": ["418 555-0100", "<b>"]})
    assert twice.status_code == 422
    assert "Chaque personne n’est de garde qu’une fois." in twice.text
    assert "418 555-0100" in twice.text
    assert "&lt;b&gt;" in twice.text
    shown = client.get("/equipe/garde").text
    assert "418 555-0199" in shown
    assert "418 555-0100" not in shown

"""The day of a 311 agent by keyboard: the list, one request after the other, ready notes, and nothing typed lost."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import expect
from sqlalchemy import select, update

from connectors.pictures import drawn
from connectors.registry import capabilities
from connectors.standin.people import drawing
from models.comments import Attachment
from models.people import Person
from models.requests311 import ServiceRequest
from models.vocabulary import DecisionKind, RequestStatus
from moderation.triage import deciding

pytestmark = pytest.mark.browser


@pytest.fixture
def three(served):
    """Three requests for potholes, the first one with a picture; their numbers, the soonest due first."""
    served.add_account("Ville de Sainte-Rive")
    ids = [served.says(f"Gros trou au {n}, rue Cartier", by=f"Citoyen {n}") for n in (1, 2, 3)]
    served.read()
    terms = deciding.Terms(timedelta(0), "SRV", capabilities)
    with served.write() as session:
        shown = {
            "kind": "photo",
            "seen_at": served.now,
            "picture_address": "https://x",
            "picture": drawn(drawing("photo", "Un trou")),
            "description": "Un trou",
        }
        session.add(Attachment(comment_id=ids[0], position=0, **shown))
        for n, comment_id in enumerate(ids):
            choice = deciding.Choice(
                DecisionKind.REQUEST, 1, service_code="nid-de-poule", place=f"{n + 1}, rue Cartier", text="{numero}"
            )
            now = served.now + timedelta(seconds=n)
            deciding.decide(session, served.people["Nadia Roy"], comment_id, choice, terms, now=now)
    return [f"SRV-2026-00000{n}" for n in (1, 2, 3)]


def test_an_agent_works_the_list_by_keyboard(served, three, sign_in, pictures, sound):
    page = sign_in("Karim Haddad", "/requetes?mots=Cartier", width=1366)
    press = page.keyboard.press
    press("j")
    expect(page.locator(f"#request-{three[0]}")).to_be_focused()
    press("j")
    press("k")
    press("Enter")
    expect(page.locator("h1")).to_have_text("Nid-de-poule")
    picture = page.get_by_role("img", name="Un trou")
    expect(picture).to_be_visible()
    assert picture.evaluate("one => one.decode().then(() => one.naturalWidth)") > 1

    # A digit is the status, and what is typed then is the note; `j` leaves, and what was typed is there again.
    press("2")
    page.keyboard.type("Colmaté ce matin")
    expect(page.locator("#answer")).to_contain_text("Colmaté ce matin.")
    press("Tab")
    press("j")
    expect(page.locator(".head strong")).to_have_text(three[1])
    press("k")
    expect(page.locator(".head strong")).to_have_text(three[0])
    expect(page.locator("#note")).to_have_value("Colmaté ce matin")

    # A ready note goes behind the words; the one of the service comes first; those of another status are not shown.
    press("e")
    expect(page.locator("#ready li:visible a").first).to_have_text("Nid-de-poule colmaté")
    expect(page.get_by_role("link", name="Route du ministère")).to_be_hidden()
    sound(page)
    page.screenshot(path=pictures / "notes-1366-light.png", full_page=True)
    press("Enter")
    expect(page.locator("#note")).to_have_value("Colmaté ce matin Le nid-de-poule est colmaté.")
    press("Control+Enter")
    expect(page.locator(".head .chip").first).to_have_text("Réglée")
    with served.database.read() as session:
        request = session.scalars(select(ServiceRequest).where(ServiceRequest.number == three[0])).one()
    assert (request.status, request.citizen_note) == (
        RequestStatus.DONE,
        "Colmaté ce matin Le nid-de-poule est colmaté.",
    )
    # It was taken: it is not given back.
    page.goto(f"/requetes/{three[0]}")
    expect(page.locator("#note")).to_have_value("")
    press("u")
    expect(page).to_have_url(f"{served.address}/requetes?mots=Cartier")
    expect(page.locator("h1")).to_have_text("Requêtes 311")
    press("/")
    expect(page.locator("#mots")).to_be_focused()
    page.locator("h1").click()
    press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    sound(page)

    # On a phone in the dark: nothing is too wide, the whole by touch.
    phone = sign_in("Karim Haddad", f"/requetes/{three[1]}", width=360, color_scheme="dark")
    phone.locator("#ready summary").click()
    phone.get_by_role("link", name="Travaux prévus").click()
    expect(phone.get_by_role("radio", name="En cours")).to_be_checked()
    expect(phone.locator("#note")).to_have_value("Les travaux sont au calendrier de nos équipes.")
    sound(phone)
    phone.screenshot(path=pictures / "notes-360-dark.png", full_page=True)


def test_without_single_keys_or_a_script_a_note_is_a_link(served, three, sign_in):
    with served.database.write() as session:
        session.execute(update(Person).where(Person.name == "Karim Haddad").values(single_keys=False))
    page = sign_in("Karim Haddad", f"/requetes/{three[0]}")
    page.keyboard.press("2")
    expect(page.get_by_role("radio", name="Réglée")).not_to_be_checked()
    expect(page.locator("main kbd:visible")).to_have_count(0)
    plain = sign_in("Karim Haddad", f"/requetes/{three[0]}", java_script_enabled=False)
    plain.locator("#ready summary").click()
    plain.get_by_role("link", name="Nid-de-poule colmaté").click()
    expect(plain.locator("#note")).to_have_value("Le nid-de-poule est colmaté.")
    expect(plain.get_by_role("radio", name="Réglée")).to_be_checked()

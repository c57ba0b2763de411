"""Twenty people, three posts, two networks, one water-main break: one line, one request in the other 311 system, twenty
answers by one key, and one who says that it is not solved. What counts is what the networks' journal has.
"""

from __future__ import annotations

import time
from collections import Counter

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from administration import keys
from connectors.registry import routes
from connectors.standin.instagram.state import profile
from connectors.standin.registry import settings as standin_settings
from models.items import Item
from models.requests311 import ServiceRequest
from models.vocabulary import RequestStatus, Role
from moderation.requests import escalation
from tests.journeys.running import BY_ITSELF, Running, until

pytestmark = pytest.mark.browser

SAID = (
    "Gros bris d'aqueduc sur la rue Wolfe, l'eau coule partout!",
    "Plus d'eau chez nous rue Wolfe depuis 7 h ce matin.",
    "Pas d'eau sur la rue Wolfe, un bris d'aqueduc encore?",
    "Il y a une fuite d'eau énorme rue Wolfe, ça inonde la rue.",
    "Bris d'aqueduc rue Wolfe, envoyez une équipe svp.",
)
PEOPLE = 20


@pytest.fixture
def far(tmp_path, _migrated_sqlite, clock):
    served = Running(
        tmp_path / "far", _migrated_sqlite, clock, engine="off", secret_key="far-away-" * 5, request_prefix="FAR"
    )
    served.city.hire("Fabien", Role.AGENT311)
    served.start()
    yield served
    served.stop()


@pytest.fixture
def near(tmp_path, _migrated_sqlite, clock, far, standin):
    state, webhooks, address = standin
    with far.parvis.database.write() as session:
        key = keys.add_key(session, "near", ["open311"], now=clock())
    served = Running(
        tmp_path / "near",
        _migrated_sqlite,
        clock,
        **BY_ITSELF,
        open311_url=f"{far.address}/open311/v2",
        open311_api_key=key,
        **standin_settings(state, address),
    )
    city = served.city
    token = "a-token-that-must-never-be-seen"
    page = state.page("104001", "Ville", token)
    pictures = profile(state, page, "17841400000000104", "ville")
    with city.write():
        city.add_account("ville", external_id=page.id, token=token)
        city.add_account("images", "instagram", external_id=pictures.id, token=token)
    city.hire("Nadia", Role.MODERATOR)
    city.hire("Omar", Role.AGENT311)
    served.start()
    webhooks.urls = {route: f"{served.address}/webhooks/{route}" for route in routes()}
    served.pages = (page, pictures)
    yield served
    served.stop()


def rows(served, table):
    with served.parvis.database.read() as session:
        return session.scalars(select(table).order_by(table.id)).all()


def replies(state):
    with state.lock:
        return [line for line in state.journal if line.operation == "reply"]


def test_from_twenty_comments_to_twenty_answers(near, far, standin, clock, new_context):
    state, _, _ = standin
    page_of_city, pictures = near.pages
    posts = [state.post(page_of_city, "Séance du conseil"), state.post(page_of_city, "Collecte"), None]
    posts[2] = state.post(pictures, "Coucher de soleil")
    comments = [
        state.comment(posts[number % 3], state.citizen(f"Citoyenne {number}"), f"{SAID[number % len(SAID)]} ({number})")
        for number in range(PEOPLE)
    ]

    def waiting():
        clock.pass_(seconds=31)  # What no webhook told is read.
        items = rows(near, Item)
        return len(items) == PEOPLE and all(one.incident_id is not None for one in items)

    until(waiting, "twenty comments in one event")

    # One line of the queue, one request for all by one key; nobody is answered yet.
    nadia = near.page(new_context, "Nadia", "/")
    line = nadia.locator("#events a")
    expect(line).to_have_count(1)
    expect(line).to_contain_text("20 personnes")
    expect(line).to_contain_text("rue Wolfe")
    assert nadia.locator("#rows li.row").count() == 0
    line.click()
    expect(nadia.get_by_role("checkbox")).to_have_count(PEOPLE)
    nadia.locator("#service_code").select_option("bris-aqueduc")
    nadia.locator("#text").fill("")
    nadia.locator("#event button[type=submit]").press("Enter")
    expect(nadia.locator(".toast").first).to_contain_text("20")

    # It goes to the other system, once, and has its number there.
    until(lambda: rows(near, ServiceRequest)[0].outside_number is not None, "the number of the other system")
    (ours,), (theirs,) = rows(near, ServiceRequest), rows(far, ServiceRequest)
    assert ours.public_number == theirs.number == f"FAR-{clock().year}-000001"
    assert theirs.description.endswith(f"[Réf. {ours.number}]")

    # It is repaired there, and the thread of each says so after one key.
    with far.parvis.database.write() as session:
        repaired = "La conduite est réparée et l’eau est revenue."
        escalation.progress(
            session, far.city.people["Fabien"], theirs.number, RequestStatus.DONE, repaired, version=1, now=clock()
        )
    clock.pass_(minutes=11)
    until(lambda: rows(near, ServiceRequest)[0].status == RequestStatus.DONE, "the status back")
    assert replies(state) == []
    nadia.goto(f"/requetes/{ours.number}/reponses")
    areas = nadia.locator("textarea")
    expect(areas).to_have_count(PEOPLE)
    assert all(repaired in areas.nth(one).input_value() for one in range(PEOPLE))
    assert all(theirs.number in areas.nth(one).input_value() for one in range(PEOPLE))
    areas.nth(3).fill("Bonjour! C’est réparé, merci de votre patience.")
    nadia.keyboard.press("Shift+Tab")
    nadia.locator("form button.primary").press("Enter")
    expect(nadia.locator(".toast").first).to_contain_text("20")
    clock.pass_(minutes=6)
    until(lambda: len(replies(state)) == PEOPLE, "twenty answers on the networks")
    answered = Counter(line.target for line in replies(state))
    assert answered == Counter(one.id for one in comments)
    assert sum(line.text == "Bonjour! C’est réparé, merci de votre patience." for line in replies(state)) == 1
    omar = near.page(new_context, "Omar", f"/requetes/{ours.number}")
    until(lambda: omar.reload() and omar.get_by_text("Réponses envoyées dans 20 fils.").count() == 1, "the receipt")

    # One of them says that it is not: it is opened again, and answered once.
    unhappy = comments[4]
    state.comment(unhappy, unhappy.author, "C'est pas réglé, ça coule encore devant chez nous!")
    until(
        lambda: clock.pass_(seconds=31) or rows(near, ServiceRequest)[0].status == RequestStatus.IN_PROGRESS,
        "opened again",
    )
    expect(omar.reload() and omar.get_by_text("une personne dit que ce n’est pas réglé")).to_have_count(1)
    until(lambda: nadia.goto("/?mots=coule encore") and nadia.locator("#rows li.row").count() == 1, "it in the queue")
    nadia.keyboard.press("Enter")
    expect(nadia.locator("article.item")).to_be_visible()
    nadia.keyboard.press("r")
    nadia.keyboard.type("Merci de nous le dire : une équipe retourne sur place.")
    nadia.keyboard.press("Control+Enter")
    clock.pass_(seconds=5)
    until(lambda: len(replies(state)) == PEOPLE + 1, "the one answer more")
    clock.pass_(minutes=30)
    time.sleep(3)
    assert len(replies(state)) == PEOPLE + 1
    assert len(rows(far, ServiceRequest)) == 1

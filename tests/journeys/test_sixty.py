"""8:30, sixty comments on the pretend networks, one moderator and a keyboard: every action of the queue, how many keys
each kind of item takes, and what the networks' journal has after it.
"""

from __future__ import annotations

import time
from collections import Counter

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from connectors.registry import routes
from connectors.standin.registry import settings as standin_settings
from models.decisions import Decision
from models.items import Item
from models.requests311 import ServiceRequest
from models.vocabulary import ItemState, Role
from tests.journeys.running import BY_ITSELF, Running, until

pytestmark = pytest.mark.browser

# What is right for each, how many of it wait, and the words.
MORNING = (
    ("nothing", 12, "Belle soirée à la place du marché, on était {n} de la famille."),
    ("sure", 6, "Merci beaucoup, excellent travail de l'équipe {n}!"),
    ("like", 5, "Bravo aux pompiers de la caserne {n}!"),
    ("saved", 8, "À quelle heure ouvre la piscine numéro {n}?"),
    ("reply", 4, "Est-ce que la bibliothèque est ouverte lundi, côté {n}?"),
    ("hide", 6, "T'es rien qu'un maudit imbécile, ferme ta yeule numéro {n}."),
    ("request", 6, "Il y a un nid-de-poule devant le {n}, rue {street}."),
    ("assign", 2, "Qui s'occupe du dossier {n} à l'urbanisme?"),
    ("snooze", 2, "On attend encore des nouvelles du projet {n}."),
    ("note", 2, "Vous avez parlé de ça au conseil, point {n}?"),
    ("undo", 2, "Beau parc, le numéro {n}."),
    ("alike", 5, "Bonne journée!"),
)
STREETS = ("Morin", "Cartier", "Wolfe", "Champlain", "Laurier", "des Lilas")
"""One each: several people about one street are an event, and one line."""
MOST = {"nothing": 1, "sure": 1, "like": 1, "hide": 2, "saved": 3, "request": 3}
"""Keys that a kind of item takes."""
WORDS = "Bonjour, oui, de 10 h à 20 h."


@pytest.fixture
def running(tmp_path, _migrated_sqlite, clock, standin):
    state, webhooks, address = standin
    running = Running(tmp_path / "near", _migrated_sqlite, clock, **BY_ITSELF, **standin_settings(state, address))
    token = "a-token-that-must-never-be-seen"
    running.network_page = state.page("104001", "Ville", token)
    running.city.add_account("ville", external_id=running.network_page.id, token=token)
    running.city.hire("Nadia", Role.MODERATOR)
    running.city.hire("Samuel", Role.MODERATOR)
    running.start()
    webhooks.urls = {route: f"{running.address}/webhooks/{route}" for route in routes()}
    yield running
    running.stop()


def shown(page, item=None):
    """The item that is open; another one than `item`, where one is given."""
    for _ in range(800):
        found = page.evaluate("document.querySelector('#pane:not([aria-busy]) .item')?.dataset.id ?? 0")
        if int(found) and int(found) != item:
            return int(found)
        if page.locator(".rows-empty-title, #pane .pane-empty").first.is_visible():
            return None
        page.wait_for_timeout(25)
    pytest.fail(f"nothing opens: {page.locator('#pane').inner_text()[:300]}")


def test_sixty_items_by_keyboard_alone(running, standin, clock, new_context, sound, capsys):
    state = standin[0]
    post = state.post(running.network_page, "Bonjour Sainte-Rive")
    kind_of = {}
    for kind, many, words in MORNING:
        for n in range(many):
            text = words.format(n=n + 11, street=STREETS[n % len(STREETS)])
            kind_of[text] = kind
            state.comment(post, state.citizen(f"Personne {kind} {n}"), text)
    total = sum(many for _, many, _ in MORNING)
    assert total == 60

    def read():
        clock.pass_(seconds=31)
        with running.parvis.database.read() as session:
            items = session.scalars(select(Item)).all()
            return len(items) == total and all(one.state == ItemState.WAITING for one in items)

    until(read, "sixty comments to handle")
    page = running.page(new_context, "Nadia", "/")
    page.add_init_script(
        "addEventListener('securitypolicyviolation', (e) => (globalThis.refused ??= []).push(e.blockedURI))"
    )
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.reload()
    expect(page.locator(".row").first).to_be_visible()
    sound(page)

    pressed, seen, noted, undone = Counter(), Counter(), set(), set()
    began, done = time.monotonic(), 0
    current = shown(page)
    while current is not None:
        words = page.locator("#pane .words").first.inner_text().strip()
        kind = kind_of[next(text for text in kind_of if text in words)]
        keys = {
            "nothing": ["i"],
            "alike": ["=", "i", "Enter"],
            "sure": ["o"],
            "like": ["l"],
            "saved": ["e", "1", "Control+Enter"],
            "reply": ["r", WORDS, "Control+Enter"],
            "hide": ["m", "Enter"],
            "request": ["q", "Enter"],
            "assign": ["a", "2", "Enter"],
            "snooze": ["p", "1", "Enter"],
            "note": ["i"] if current in noted else ["n", "Vu avec Samuel.", "Control+Enter"],
            "undo": ["i"] if current in undone else ["i", "z"],
        }[kind]
        for key in keys:
            if " " in key:
                page.keyboard.type(key)
            else:
                page.keyboard.press(key)
            if key == "i" and kind == "undo" and current not in undone:
                shown(page, current)
        pressed[kind] = max(pressed[kind], sum(" " not in key for key in keys))
        if kind == "undo" and current not in undone:
            # Back where it was, and open again.
            undone.add(current)
            expect(page.locator(f'#pane .item[data-id="{current}"]')).to_be_visible()
            expect(page.locator(f'.row[data-id="{current}"]')).to_be_visible()
            continue
        if kind == "note" and current not in noted:
            noted.add(current)
            expect(page.locator("#pane .team")).to_contain_text("Vu avec Samuel.")
            continue
        done += 5 if kind == "alike" else 1
        seen[kind] += 5 if kind == "alike" else 1
        current = shown(page, current)
    minutes = (time.monotonic() - began) / 60
    with capsys.disabled():
        print(f"\n{done} items, {done / minutes:.0f} a minute as the test presses; keys: {dict(pressed)}")

    assert seen == Counter({kind: many for kind, many, _ in MORNING})
    assert all(pressed[kind] <= most for kind, most in MOST.items())
    sound(page)
    assert page.evaluate("globalThis.refused ?? []") == []
    assert errors == []

    # The networks have each act once; the rest waits where it was put.
    expected = {"hide": 6, "reply": 8 + 4 + 6, "like": 5}

    def acts():
        with state.lock:
            return Counter(line.operation for line in state.journal if line.operation in expected)

    until(lambda: clock.pass_(seconds=2) or acts() == expected, f"the journal has {expected}")
    with running.parvis.database.read() as session:
        left = session.scalars(select(Item).where(Item.state == ItemState.WAITING)).all()
        assert sorted((one.assignee_id is not None, one.snoozed_until is not None) for one in left) == [
            (False, True),
            (False, True),
            (True, False),
            (True, False),
        ]
        requests = session.scalars(select(ServiceRequest).order_by(ServiceRequest.id)).all()
        assert sorted(one.place for one in requests) == sorted(
            f"{n + 11}, rue {street}" for n, street in enumerate(STREETS)
        )
        kinds = Counter(session.scalars(select(Decision.kind)))
    assert kinds["cancel"] == 2
    assert kinds["nothing"] == 12 + 6 + 5 + 2 + 2 + 2  # The sure ones too; the undone ones twice.

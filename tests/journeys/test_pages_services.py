"""A service is chosen in a field that is searched, in the queue and on a request; a list says what is chosen."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_a_service_is_searched_by_the_words_that_people_say(served, sign_in, pictures, sound):
    served.add_account("Ville de Sainte-Rive")
    comment = served.says("Un nid-de-poule, non, un gros TROU, rue Cartier!")
    served.read()
    page = sign_in("Nadia Roy", f"/commentaires/{comment}", width=360, color_scheme="dark")
    page.keyboard.press("q")
    dialog = page.locator("#request-dialog")
    field, list_, kept = (
        dialog.get_by_role("combobox", name="Service"),
        dialog.get_by_role("listbox"),
        dialog.locator("select[data-combobox]"),
    )
    chosen = kept.input_value()
    expect(list_).to_be_hidden()
    field.click()
    first = list_.get_by_role("option").first
    expect(first).to_contain_text("Nid-de-poule (7 jours)")
    expect(first).to_contain_text("parce que\u00a0: «\u00a0nid-de-poule\u00a0», «\u00a0TROU\u00a0»")
    expect(field).to_have_attribute("aria-expanded", "true")
    sound(page)
    page.screenshot(path=pictures / "service-360-dark.png")

    # What people say, without accents; the first has it. Esc closes the list, and not the dialog; nothing is chosen.
    field.fill("dechet")
    expect(list_.get_by_role("option").first).to_contain_text("Collecte des déchets")
    page.keyboard.press("Escape")
    expect(list_).to_be_hidden()
    expect(dialog).to_be_visible()
    assert kept.input_value() == chosen == "nid-de-poule"
    expect(field).to_have_value("Nid-de-poule (7 jours)")
    field.fill("zzz")
    expect(dialog.get_by_role("status")).to_have_text("Aucun service n’a ces mots.")
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    field.fill("vidanges")
    page.keyboard.press("Enter")
    expect(list_).to_be_hidden()
    assert kept.input_value() == "collecte-dechets"
    field.fill("chien")
    page.keyboard.press("ArrowDown")
    expect(list_.locator("[aria-selected=true]")).to_contain_text("Animal errant")
    assert page.evaluate("document.activeElement.getAttribute('aria-activedescendant')") is not None
    page.keyboard.press("Tab")
    assert kept.input_value() == "animal-errant"
    expect(dialog.locator("#acknowledgement")).not_to_have_value("{numero}")  # Confidential: no number in public.
    # Nobody files a complaint for another: the person is told how.
    dialog.get_by_label("Nature").select_option("complaint")
    expect(dialog.locator("#acknowledgement")).to_have_value(re.compile("elle doit venir de vous"))
    dialog.get_by_label("Nature").select_option("request")
    expect(dialog.locator("#acknowledgement")).not_to_have_value(re.compile("elle doit venir de vous"))
    kept.select_option("nid-de-poule")
    expect(field).to_have_value("Nid-de-poule (7 jours)")
    page.keyboard.press("Enter")
    expect(page.locator(".toast").first).to_be_visible()

    # An agent chooses another in the same way.

    agent = sign_in("Karim Haddad", "/requetes/SRV-2026-000001", width=1366, color_scheme="light")
    agent.locator("summary", has_text="Corriger").click()
    field = agent.get_by_role("combobox", name="Service")
    field.fill("affaissement")
    sound(agent)
    agent.screenshot(path=pictures / "service-1366-light.png")
    agent.keyboard.press("Enter")
    expect(field).to_have_value("Affaissement de la chaussée (1 jour)")
    agent.locator("form[action$=correction] button[type=submit]").click()
    expect(agent.locator("h1")).to_have_text("Affaissement de la chaussée")

"""A label corrected at the queue with one key, in a real browser: the page follows, and the next key is as good."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select, update

from models.items import Item
from models.learning import Correction
from models.people import Person

pytestmark = pytest.mark.browser


@pytest.fixture
def two(served) -> list[int]:
    served.add_account("Ville de Sainte-Rive")
    ids = [
        served.says(text, by=by, ago=ago)
        for text, by, ago in [
            ("À quelle heure ouvre la piscine?", "Louise Tremblay", 900),
            ("Ça brasse fort dans le trou de la rue Cartier.", "Réal Gagnon", 600),
        ]
    ]
    served.read()
    with served.parvis.database.write() as session:
        session.execute(update(Item).values(urgency=0))
    return ids


def _kept(city) -> list[tuple[int, str, str]]:
    with city.parvis.database.read() as session:
        rows = session.scalars(select(Correction).order_by(Correction.id))
        return [(row.comment_id, row.head, row.label) for row in rows]


def _pressed(page: Page):
    return page.locator(".right [aria-pressed=true]")


def test_one_key_corrects_the_intention_and_the_queue_follows(served, two, sign_in):
    page = sign_in("Nadia Roy")
    expect(page.locator("#pane .words")).to_contain_text("piscine")
    page.keyboard.press("5")
    expect(_pressed(page)).to_contain_text("Remerciement")
    expect(page.locator(".verdict-line")).to_contain_text("Rien à signaler")
    expect(page.locator(".row").first).to_contain_text("Rien à signaler")
    page.keyboard.press("w")
    expect(page.locator(".why")).to_contain_text("Corrigé par Nadia Roy")
    page.keyboard.press("2")
    expect(_pressed(page)).to_contain_text("Question")
    expect(page.locator(".why")).to_be_visible()
    assert _kept(served) == [(two[0], "intention", "eloge"), (two[0], "intention", "question")]
    page.keyboard.press("j")  # The page goes on as if nothing had happened.
    expect(page.locator("#pane .words")).to_contain_text("Cartier")


def test_the_dialog_corrects_the_other_labels_by_keyboard_and_danger_comes_first(served, two, sign_in):
    page = sign_in("Nadia Roy", f"/commentaires/{two[1]}")
    expect(page.locator("#pane .words")).to_contain_text("Cartier")
    page.keyboard.press("c")
    expect(page.locator("#correct-dialog")).to_be_visible()
    page.keyboard.press("6")
    page.keyboard.press("9")
    page.keyboard.press("Enter")
    expect(page.locator("#correct-dialog")).to_be_hidden()
    expect(page.locator("#pane .item-states")).to_contain_text("Danger immédiat")
    expect(page.locator(f'.row-danger[data-id="{two[1]}"]')).to_contain_text("Danger")
    expect(page.locator(".verdict-line")).to_contain_text("Propos grossiers")
    assert _kept(served) == [(two[1], "urgence", "2"), (two[1], "vulgaire", "1")]
    page.reload()
    expect(page.locator(".row").first).to_contain_text("Cartier")


def test_digits_are_inert_where_they_mean_something_else(served, two, sign_in):
    page = sign_in("Nadia Roy")
    expect(page.locator("#pane .words")).to_contain_text("piscine")
    page.keyboard.press("r")
    page.keyboard.type("Ouvert à 15 h")
    assert page.locator("#reply-text").input_value() == "Ouvert à 15 h"
    page.keyboard.press("Escape")
    page.keyboard.press("Control+5")
    page.keyboard.press("m")
    page.keyboard.press("2")  # In this dialog, an article.
    page.keyboard.press("Escape")
    expect(page.locator("#hide-dialog")).to_be_hidden()
    page.keyboard.press("7")
    assert _kept(served) == []
    page.keyboard.press("3")
    expect(_pressed(page)).to_contain_text("Insatisfaction")
    assert page.locator("#reply-text").input_value() == "Ouvert à 15 h"
    assert _kept(served) == [(two[0], "intention", "plainte")]


def test_without_single_keys_a_click_does_it(served, two, sign_in):
    with served.parvis.database.write() as session:
        session.execute(update(Person).where(Person.name == "Nadia Roy").values(single_keys=False))
    page = sign_in("Nadia Roy")
    expect(page.locator("#pane .words")).to_contain_text("piscine")
    page.keyboard.press("5")
    page.get_by_role("button", name="Suggestion", exact=False).first.click()
    expect(_pressed(page)).to_contain_text("Suggestion")
    expect(_pressed(page)).to_be_focused()
    assert _kept(served) == [(two[0], "intention", "suggestion")]


def test_it_works_without_javascript(served, two, sign_in):
    page = sign_in("Nadia Roy", f"/commentaires/{two[0]}", java_script_enabled=False)
    page.get_by_role("button", name="Remerciement").click()
    expect(_pressed(page)).to_contain_text("Remerciement")
    expect(page.locator("#toasts")).to_contain_text("Corrigé")
    assert _kept(served) == [(two[0], "intention", "eloge")]


def test_who_may_only_look_corrects_nothing(served, two, sign_in):
    page = sign_in("Hélène Martel", f"/commentaires/{two[0]}")
    expect(page.locator("#pane .words")).to_contain_text("piscine")
    expect(page.locator(".right")).to_have_count(0)
    page.keyboard.press("5")
    page.keyboard.press("c")
    expect(page.locator("dialog[open]")).to_have_count(0)
    assert _kept(served) == []

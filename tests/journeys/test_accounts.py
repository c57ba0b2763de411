"""The administrator connects accounts in a real browser: the product's own pages, the pretend networks' dialogs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from api.demo.installation import Demo, prepared
from models.accounts import Account, ConsentHandshake
from models.vocabulary import ChannelState, Role

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with prepared(tmp_path_factory.mktemp("demo")) as home:
        running = Demo(home)
        running.start()
        yield running
        running.stop()


@pytest.fixture
def as_person(demo: Demo, new_context: Callable[..., Any]) -> Callable[..., Page]:
    """A page of the browser as one of the demonstration's people."""

    def page_of(who: str, path: str = "/comptes", *, width: int = 1280, **options: Any) -> Page:
        options = {"locale": "fr-CA", "viewport": {"width": width, "height": 800}, **options}
        page: Page = new_context(base_url=demo.address, **options).new_page()
        page.set_default_timeout(20_000)
        page.goto("/visite")
        page.locator(".demo-bar").get_by_role("button", name=who).click()
        page.goto(path)
        return page

    return page_of


def accounts(demo: Demo, network: str) -> list[Account]:
    with demo.parvis.database.read() as session:
        return list(session.scalars(select(Account).where(Account.network == network).order_by(Account.id)))


def press(page: Page, name: str, *, key: str = "Enter") -> None:
    """Reach a control with Tab alone, and press it."""
    for _ in range(80):
        page.keyboard.press("Tab")
        text = page.evaluate("document.activeElement.innerText || document.activeElement.parentElement.innerText || ''")
        if text.strip().startswith(name):
            page.keyboard.press(key)
            return
    raise AssertionError(f"no Tab comes to {name}")


def test_linkedin_is_connected_with_the_keyboard_alone(demo, as_person, faults):
    page = as_person("Mireille")
    press(page, "LinkedIn")
    expect(page.get_by_role("heading", name="LinkedIn (réseau simulé)")).to_be_visible()
    press(page, "Autoriser")
    expect(page.get_by_role("heading", name="Choisir les comptes")).to_be_visible()
    assert "code=" not in page.url
    assert "state=" not in page.url
    expect(page.get_by_role("checkbox")).to_be_checked()
    assert faults(page, "main") == []
    press(page, "Connecter ces comptes")
    expect(page.get_by_role("status").filter(has_text="C’est connecté")).to_be_visible()
    (account,) = accounts(demo, "linkedin")
    card = page.locator(f"#compte-{account.id}")
    # The clock reads it, and the page shows it without being asked.
    expect(card).to_contain_text("Tous les commentaires jusqu’à")
    expect(card).to_contain_text("LinkedIn ne l’offre pas aux applications")
    expect(card).to_contain_text("donnée par Mireille Côté")


def test_a_dead_page_is_said_where_people_work_and_goes_on_once_connected_again(demo, as_person):
    dead = accounts(demo, "facebook")[1]
    demo.state.pages[dead.external_id].dead = 460
    with demo.parvis.database.write() as session:
        session.get_one(Account, dead.id).pull_due_at = demo.parvis.clock()
    admin = as_person("Mireille")
    card = admin.locator(f"#compte-{dead.id}")
    expect(card).to_contain_text("a changé son mot de passe")
    moderator = as_person("Nadia", "/")
    expect(moderator.locator("#alarm")).to_contain_text(f"{dead.name} (Facebook) : à reconnecter")
    moderator.get_by_role("link", name="Voir les comptes").click()
    expect(moderator.locator(f"#compte-{dead.id}")).to_contain_text("Demandez à l’administration")
    expect(moderator.get_by_role("button", name="Reconnecter")).to_have_count(0)
    # Refused once, by mistake: it is said, and nothing has changed.
    card.get_by_role("button", name="Reconnecter").click()
    admin.get_by_role("button", name="Refuser").click()
    expect(admin.get_by_role("alert")).to_contain_text("l’accès a été refusé")
    card.get_by_role("button", name="Reconnecter").click()
    admin.get_by_label("read_insights").uncheck()
    admin.get_by_role("button", name="Autoriser").click()
    offer = admin.locator(".offer").filter(has_text=dead.name)
    expect(offer.get_by_role("checkbox")).to_be_checked()
    expect(offer).to_contain_text("read_insights : sans elle, ni la portée, ni les vues, ni les clics ne sont mesurés.")
    admin.get_by_role("button", name="Connecter ces comptes").click()
    expect(card).to_contain_text("Permission manquante")
    expect(card).not_to_contain_text("À reconnecter")
    (again,) = [account for account in accounts(demo, "facebook") if account.id == dead.id]
    assert again.state != ChannelState.TOKEN_INVALID
    assert again.borough_id == dead.borough_id
    moderator.goto("/")
    expect(moderator.locator("#alarm")).to_have_class("alarm alarm-none")
    with demo.parvis.database.read() as session:
        assert all(one.offered_closed is None for one in session.scalars(select(ConsentHandshake)))


def show_every_finding(served: Any) -> None:
    served.hire("Alain Admin", Role.ADMIN)
    now = served.now
    findings: dict[str, dict[str, Any]] = {
        "Arrondissement du Vieux-Moulin": {"token_lost": "password_changed"},
        "Arrondissement des Coteaux": {
            "missing": ["pages_manage_posts", "read_insights"],
        },
        "Arrondissement de la Batture": {"paused_until": now.replace(hour=15), "usage_percent": 100.0},
        "Bibliothèques de Sainte-Rive": {"refused": "version", "pulled_at": now},
        "Ville de Sainte-Rive": {
            "token_expires_at": now.replace(month=12, day=5),
            "pulled_at": now,
            "usage_percent": 42.0,
        },
        "Loisirs de Sainte-Rive": {"backfill_done": 3, "backfill_total": 9},
    }
    for name, found in findings.items():
        account_id = served.add_account(name)
        with served.parvis.database.write() as session:
            account = session.get_one(Account, account_id)
            for column, value in found.items():
                setattr(account, column, value)


def test_the_picture_in_the_guide(served, sign_in, pictures):
    """Every kind of finding, as the guide shows them."""
    show_every_finding(served)
    page = sign_in("Alain Admin", "/comptes", width=1280, height=800)
    expect(page.locator(".account")).to_have_count(6)
    picture = pictures / "comptes.png"
    page.screenshot(path=picture, full_page=True)
    assert picture.stat().st_size > 20_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible_and_fits(scheme, served, sign_in, faults):
    """Every kind of finding on one page, at the desk and on a telephone."""
    show_every_finding(served)
    page = sign_in("Alain Admin", "/comptes", color_scheme=scheme)
    expect(page.locator(".account")).to_have_count(6)
    assert faults(page, "main") == []
    for width in (360, 320):
        page.set_viewport_size({"width": width, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.set_viewport_size({"width": 360, "height": 740})
    assert faults(page, "main") == []

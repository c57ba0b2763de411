"""Ways in beside the password, in a real browser: the city's directory."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from models.vocabulary import Role
from tests.directories import CLIENT, SECRET, real_directory
from tests.journeys.running import Moved, Running

pytestmark = pytest.mark.browser


@pytest.fixture
def house(tmp_path, _migrated_sqlite, standin):
    """An installation on a port of this machine, that a test starts once its settings are whole."""
    running = Running(tmp_path / "house", _migrated_sqlite, Moved(standin[0]), engine="off", secret_key="near-by-" * 5)
    yield running
    running.stop()


def settle(running, **given):
    """Settings that name the address, which is known only now."""
    object.__setattr__(running.parvis, "settings", running.parvis.settings.model_copy(update=given))
    running.start()


def test_a_person_comes_in_by_the_directory_and_leaves_both(house, new_context, sound):
    account = {"email": "eve@ville.example", "email_verified": True, "name": "Ève Roy", "groups": ["p-mod"]}
    with real_directory(
        house.address, {"eve": account, "zoe": account | {"email": "zoe.autre@ville.example"}}
    ) as issuer:
        from pydantic import SecretStr

        given = {"oidc_issuer": issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SecretStr(SECRET)}
        settle(house, **given, oidc_unknown="add", oidc_roles="p-mod=moderator")
        house.city.hire("Zoé Admin", Role.ADMIN)
        context = new_context(base_url=house.address, locale="fr-CA", viewport={"width": 360, "height": 740})
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.goto("/connexion?suite=/compte")
        sound(page)
        page.get_by_role("link", name="Se connecter avec le compte de la Ville").click()
        page.get_by_label("Login").fill("eve")
        page.get_by_role("button", name="Enter").click()
        expect(page.get_by_role("heading", name="Compte de la Ville")).to_be_visible()
        assert page.url == f"{house.address}/compte"
        sound(page)
        people = house.page(new_context, "Zoé Admin", "/personnes")
        row = people.get_by_role("row").filter(has_text="Ève Roy")
        expect(row).to_contain_text("par un groupe de l’annuaire")
        sound(people)
        page.get_by_role("button", name="Se déconnecter").click()
        page.get_by_role("link", name="Quitter aussi le compte de la Ville").click()
        page.wait_for_url(f"{issuer}/**")
        page.get_by_role("button", name="Yes, sign me out").click()
        page.wait_for_url(f"{house.address}/connexion**")
        # Somebody who has a password here links the two.
        other = house.page(new_context, "Zoé Admin", "/compte")
        other.get_by_role("link", name="Relier").click()
        other.get_by_label("Login").fill("zoe")
        other.get_by_role("button", name="Enter").click()
        expect(other.get_by_text("zoe.autre@ville.example")).to_be_visible()
        sound(other)
        # Whoever sits here next is asked who they are.
        page.get_by_role("link", name="Se connecter avec le compte de la Ville").click()
        expect(page.get_by_label("Login")).to_be_visible()

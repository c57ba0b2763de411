"""Ways in beside the password, in a real browser: the city's directory, and passkeys."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from sqlalchemy import update

from administration import people
from models.people import Person, SignIn
from models.vocabulary import Role
from tests.directories import CLIENT, SECRET, real_directory
from tests.journeys.running import Moved, Running

PASSWORD = "une phrase assez longue"
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
        # A session that ends is taken up in a page beside, and what was asked goes on.
        with house.city.write() as session:
            session.execute(update(SignIn).values(revoked_at=house.city.now))
        asked = "import('/static/server.js').then(({ ask }) => ask('/compte/touches')).then(({ status }) => status)"
        page.evaluate(f"void (window.answered = {asked})")
        with context.expect_page() as beside:
            page.get_by_role("dialog").get_by_role("link", name="Se connecter avec le compte de la Ville").click()
        expect(beside.value.get_by_role("button", name="Se déconnecter")).to_be_visible()
        beside.value.close()
        page.evaluate("window.dispatchEvent(new Event('focus'))")
        assert page.evaluate("window.answered") == 200
        expect(page.get_by_role("dialog")).to_be_hidden()
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


def test_a_passkey_is_made_and_comes_in_alone_and_after_the_password(house, new_context, sound):
    """With the authenticator that Chromium pretends to have; keys answer to names, so the house is at `localhost`."""
    address = house.address.replace("127.0.0.1", "localhost")
    house.address = address
    settle(house, base_url=address)
    house.city.hire("Eve Roy", Role.ADMIN)
    with house.city.write() as session:
        person = session.get_one(Person, house.city.people["Eve Roy"].person_id)
        people.set_password(session, person, people.hash_password(PASSWORD), by=None, now=house.city.now)
        email = person.email
    page = house.page(new_context, "Eve Roy", "/compte", viewport={"width": 360, "height": 740})
    # The password that was set closed no session: this one is newer.
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    own = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    device = devices.send("WebAuthn.addVirtualAuthenticator", {"options": own})["authenticatorId"]
    form = page.locator("form[data-passkey]")
    form.get_by_label("Le nom que vous lui donnez").fill("Mon téléphone")
    form.get_by_label("Mot de passe actuel").fill("faux")
    form.get_by_role("button", name="Ajouter une clé d’accès").click()
    expect(form.get_by_role("alert")).to_contain_text("mot de passe actuel")
    sound(page)
    form.get_by_label("Mot de passe actuel").fill(PASSWORD)
    form.get_by_role("button", name="Ajouter une clé d’accès").click()
    expect(page.locator(".passkeys strong")).to_have_text("Mon téléphone")
    sound(page)
    (kept,) = devices.send("WebAuthn.getCredentials", {"authenticatorId": device})["credentials"]
    assert (kept["rpId"], kept["isResidentCredential"]) == ("localhost", True)
    page.get_by_role("button", name="Se déconnecter").click()
    # Alone.
    page.get_by_role("button", name="Se connecter avec une clé d’accès").click()
    expect(page.get_by_role("button", name="Se déconnecter")).to_be_visible()
    page.get_by_role("button", name="Se déconnecter").click()
    # After the password.
    page.goto("/connexion?suite=/compte")
    sound(page)
    page.get_by_label("Courriel").fill(email)
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.get_by_role("button", name="Se connecter", exact=True).click()
    use = page.get_by_role("button", name="Utiliser une clé d’accès")
    expect(use).to_be_visible()
    sound(page)
    use.click()
    page.wait_for_url(f"{address}/compte")
    expect(page.locator(".passkeys .hint")).to_contain_text("dernier usage")

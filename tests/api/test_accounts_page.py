"""The accounts' page and the way through a network's dialog: what is said, what is kept, and what opens nothing."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from starlette.testclient import TestClient

from administration import accounts
from api import account_words, wiring
from api.wiring import Parvis
from connectors.base import Offered
from connectors.meta.errors import TOKEN_REASONS, failure_of
from models import channels
from models.accounts import Account, ConsentHandshake, Delivery, SetAside
from models.audit import AuditEntry
from models.effects import Effect
from models.errors import Ambiguous, FarSideError, NotFound, PermissionMissing, Rejected, Throttled, Transient
from models.figures import AccountFigures
from models.people import Membership
from models.vocabulary import ChannelState, DeliveryState, EffectState, OperationKind, Pause, Role
from moderation.intake import pulling

TOKEN, REFRESH = "EAAB-token-of-a-page-that-must-never-be-seen", "AQ-refresh-token-that-must-never-be-seen"
DIALOG = "https://dialogue.reseau.example"


@dataclass
class Dialog:
    """A network's consent, without the network: what it was asked, and what it answers."""

    offers: tuple[Offered, ...] = ()
    fails: FarSideError | None = None
    codes: list[str] = field(default_factory=list)
    verifiers: list[str] = field(default_factory=list)

    def address(self, *, redirect_uri: str, state: str, verifier: str) -> str:
        if verifier:  # The page itself asks for the address, to know where forms may end.
            self.verifiers.append(verifier)
        return f"{DIALOG}/oauth?redirect_uri={redirect_uri}&state={state}"

    def exchange(self, *, code: str, redirect_uri: str, verifier: str) -> tuple[Offered, ...]:
        assert verifier == self.verifiers[-1]
        self.codes.append(code)
        if self.fails is not None:
            raise self.fails
        return self.offers


@dataclass
class Desk:
    """One administrator at the page, and the network that they go to."""

    parvis: Parvis
    city: Any
    clock: Any
    dialog: Dialog
    client: TestClient
    browser: Callable[[int], TestClient]
    sign_in: Callable[[Parvis, TestClient, int], TestClient]

    def leave(self, network: str = "facebook") -> str:
        """Begin; the state that the network is given."""
        answer = self.client.post("/comptes/connexion", data={"network": network})
        assert answer.status_code == 303, answer.text
        assert answer.headers["location"].startswith(DIALOG)
        return parse_qs(urlsplit(answer.headers["location"]).query)["state"][0]

    def come_back(self, state: str, *, code: str = "code-1", network: str = "facebook", **more: str) -> Any:
        return self.client.get(f"/comptes/retour/{network}", params={"state": state, "code": code, **more})

    def offered(self) -> str:
        """Go there and back; where the choice is."""
        answer = self.come_back(self.leave())
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    def account(self, name: str = "north") -> Account:
        with self.parvis.database.read() as session:
            return session.get_one(Account, self.city.accounts[name])

    def set(self, name: str = "north", **values: Any) -> None:
        with self.parvis.database.write() as session:
            account = session.get_one(Account, self.city.accounts[name])
            for field_name, value in values.items():
                setattr(account, field_name, value)

    def page(self) -> str:
        """What a person reads, its spaces made simple."""
        answer = self.client.get("/comptes")
        assert answer.status_code == 200
        return plain(answer.text)


def plain(html: str) -> str:
    words = re.sub(r"<[^>]+>", " ", html[html.index("<main") :])
    return re.sub(r"\s+", " ", words.replace("&#39;", "'"))


def offer(external_id: str = "555", *, network: str = "facebook", **more: Any) -> Offered:
    values = {"name": f"Page {external_id}", "token": f"{TOKEN}-{external_id}", "expires_at": None, "missing": ()}
    return Offered(network=network, external_id=external_id, **{**values, **more})


@pytest.fixture
def desk(sqlite_parvis, seed_city, visit, sign_in_as, clock, monkeypatch) -> Desk:
    dialog = Dialog((offer(),))

    def consent(_settings: Any, name: str) -> Dialog:
        if name == "linkedin":
            raise NotFound
        return dialog

    monkeypatch.setattr(wiring, "consent", consent)
    city = seed_city(sqlite_parvis)

    def browser(person_id: int) -> TestClient:
        return sign_in_as(sqlite_parvis, visit(sqlite_parvis), person_id)

    return Desk(sqlite_parvis, city, clock, dialog, browser(city.person(Role.ADMIN, "city")), browser, sign_in_as)


def count(desk: Desk, table: type) -> int:
    with desk.parvis.database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


# ------------------------------------------------------------------------------------------------- what is said
@pytest.mark.parametrize("reason", sorted({*TOKEN_REASONS.values(), "invalid", "wrong_page", "never heard of"}))
def test_a_dead_token_says_why_since_when_and_what_to_do(reason, desk):
    desk.set(token_lost=reason, token_since=desk.clock.now - timedelta(hours=2))
    what, todo = account_words.dead(reason, "facebook")
    page = desk.page()
    assert what in page
    assert todo in page
    assert "Depuis 6 h 30, rien n’est lu ni envoyé sur ce compte." in page
    assert "Facebook" in page


def test_each_reason_has_a_sentence_of_its_own():
    said = [account_words.dead(reason, "facebook")[0] for reason in account_words.DEAD]
    assert len(set(said)) == len(said)
    assert set(TOKEN_REASONS.values()) <= account_words.DEAD.keys()


@pytest.mark.parametrize(
    ("days", "words", "level"),
    [
        (15, "Connecté", None),
        (14, "Échoit dans 14 jours", "warning"),
        (7, "Échoit dans 7 jours", "warning"),
        (1, "Échoit demain", "problem"),
        (0.2, "Échoit aujourd’hui", "problem"),
        (-1, "À reconnecter", "problem"),
    ],
)
def test_the_end_of_a_token_is_said_in_time(days, words, level, desk):
    desk.set(token_expires_at=desk.clock.now + timedelta(days=days), pulled_at=desk.clock.now)
    assert words in desk.page()
    found = accounts.findings(desk.account(), zone=desk.parvis.settings.zone, now=desk.clock.now)
    assert (found[0].level if found else None) == level


def test_missing_permissions_are_named_with_what_each_blocks(desk):
    lacking = ["pages_manage_posts", "read_insights"]
    desk.set(missing=lacking)
    page = desk.page()
    assert "Permissions manquantes" in page
    for name in lacking:
        assert name in page
        assert account_words.permission(name, "facebook") in page


@pytest.mark.parametrize(("name", "hidden"), [("pages_manage_ads", True), ("read_insights", False)])
def test_what_a_missing_permission_hides_is_not_said_to_be_covered(desk, name, hidden):
    desk.set(missing=[name], pulled_at=desk.clock.now)
    page = desk.page()
    assert "Tous les commentaires jusqu’à 8 h 30" in page
    assert ("jusqu’à 8 h 30, sauf ce que cache une permission manquante" in page) is hidden


def test_a_pause_a_refusal_and_a_silence_are_said(desk):
    now = desk.clock.now
    desk.set("north", paused_until=now + timedelta(minutes=35), usage_percent=100.0, pulled_at=now)
    desk.set("south", refused="version", pulled_at=now)
    desk.set("city", pulled_at=now - timedelta(hours=3))
    page = desk.page()
    assert "Facebook demande d’attendre jusqu’à 9 h 05" in page
    assert "100 % de ce que le réseau permet" in page
    assert "Facebook ne sert plus la version que Parvis demande." in page
    assert "Il peut manquer des commentaires depuis 5 h 30" in page
    desk.set("south", refused="100/1349125")
    assert "(code 100/1349125)" in desk.page()


READ = "pages_read_user_content"


@pytest.mark.parametrize(
    ("status", "error", "said", "never"),
    [
        (403, {"code": 200, "message": "temporarily disabled"}, "restreint l’accès à ce compte", "autorisation manq"),
        (403, {"code": 200, "message": "Access restricted until reviewed"}, "restreint l’accès", "autorisation manq"),
        (403, {"code": 200, "message": "Requires pages_manage_posts or pages_manage_ads"}, READ, "pages_manage_posts"),
        (403, {"code": 200, "error_subcode": 2069030}, "ne permet pas cette lecture", "autorisation manq"),
        (403, {"code": 200, "error_subcode": 2069031}, "ne permet pas cette lecture", "autorisation manq"),
        (403, {"code": 200, "error_subcode": 2069033}, "ne permet pas cette lecture", "autorisation manq"),
        (
            400,
            {"code": 3, "message": "not on the allow list"},
            "Il manque à l’application de la Ville",
            "rien n’est lu",
        ),
        (400, {"code": 368, "error_subcode": 1390008}, "a bloqué ce compte pour un temps", "autorisation manq"),
        (400, {"code": 190}, "À reconnecter", "autorisation manq"),
        (400, {"code": 104}, "À reconnecter", "autorisation manq"),
        (400, {"message": "Error validating access token"}, "À reconnecter", "autorisation manq"),
        (400, {"code": 1, "message": "An unknown error occurred"}, "(code 1)", "autorisation manq"),
        (500, {"code": 2, "message": "Service unavailable"}, "(code 2)", "autorisation manq"),
        (400, None, "(code HTTP 400)", "autorisation manq"),
        (503, None, "(code HTTP 503)", "autorisation manq"),
    ],
)
def test_what_a_network_answers_to_a_reading_and_what_its_account_says(desk, status, error, said, never):
    """A row an answer: of what passes nothing is said before an hour; a good reading clears what it disproves."""
    failure = failure_of({"error": error} if error else None, status, {}, write=False, permission=READ)
    began = desk.clock.now
    for minutes in (0, 59, 1):
        desk.clock.pass_(60 * minutes)
        with desk.parvis.database.write() as session:
            account = channels.lock(session, Account, desk.city.accounts["north"])
            account.pulled_at = began
            channels.record_error(session, account, failure, asked_at=desk.clock.now, now=desk.clock.now)
            pulling._put_off(session, account, failure, desk.clock.now, every=timedelta(minutes=1))
        if isinstance(failure, Transient) and desk.clock.now < began + timedelta(hours=1):
            assert said not in desk.page(), "it may pass"
    page = desk.page()
    assert said in page
    assert never not in page.lower()
    with desk.parvis.database.write() as session:
        account = channels.lock(session, Account, desk.city.accounts["north"])
        channels.record_reading(account, asked_at=desk.clock.now, now=desk.clock.now)
    if isinstance(failure, Rejected | Transient):
        assert said not in desk.page()


def test_what_the_network_does_not_announce_is_named(desk):
    desk.set(untold=["ratings", "app:mention"], pulled_at=desk.clock.now)
    page = desk.page()
    assert "Facebook refuse d’annoncer : ratings." in page
    assert "L’application de la Ville n’est pas abonnée à : mention." in page
    desk.set(untold=["*"])
    assert "Facebook refuse d’annoncer ce qui se passe ici." in desk.page()


def test_what_seems_to_vanish_is_an_alarm_on_every_page_of_work(desk):
    desk.set(vanished_at=desk.clock.now, pulled_at=desk.clock.now)
    page = desk.page()
    assert "Rien ne sort de la file pour autant." in page
    assert "sauf ce qui semble avoir disparu" in page
    assert "semble avoir disparu" in plain("<main" + desk.client.get("/comptes/alertes").text)


def test_a_block_is_one_problem_that_says_until_when(desk):
    now = desk.clock.now
    desk.set(paused_until=now + timedelta(hours=6), usage_percent=100.0, pause=Pause.BLOCKED, pulled_at=now)
    page = desk.page()
    assert "Facebook a bloqué ce compte pour un temps" in page
    assert "Jusqu’à 14 h 30, rien n’y est lu ni envoyé" in page
    assert "Facebook demande d’attendre" not in page
    found = accounts.findings(desk.account(), zone=desk.parvis.settings.zone, now=now)
    assert [(one.kind, one.level) for one in found] == [("blocked", accounts.Level.PROBLEM)]


def test_coverage_backfill_budget_and_figures_are_shown(desk):
    now = desk.clock.now
    desk.set("north", pulled_at=now - timedelta(minutes=25), usage_percent=42.3, checked_at=now)
    desk.set("south", pulled_at=now - timedelta(days=3))
    desk.set("city", backfill_done=12, backfill_total=40)
    with desk.parvis.database.write() as session:
        account_id = desk.city.accounts["north"]
        session.add(AccountFigures(account_id=account_id, day=now.date(), at=now, followers=18_432))
    page = desk.page()
    assert "Tous les commentaires jusqu’à 8 h 05" in page
    assert "Tous les commentaires jusqu’au 20 novembre 2026, 8 h 30" in page
    assert "Première lecture : 12 publications sur 40" in page
    assert "42 % de ce que le réseau permet" in page
    assert "18 432" in page
    html = desk.client.get("/comptes").text
    assert f'<meter aria-labelledby="budget-{account_id}" min="0" max="100" low="75" high="90" optimum="0"' in html


def test_a_public_page_is_not_said_to_be_covered(desk):
    """A visitor sees no comments there, and long threads of answers are cut."""
    desk.set("north", network="instagram_public", pulled_at=desk.clock.now)
    desk.set("south", pulled_at=desk.clock.now)
    page = desk.page()
    assert page.count("Tous les commentaires jusqu’à") == 1
    assert "une page publique ne montre pas tout" in page


def test_a_token_that_no_key_opens_is_said_and_breaks_nothing(desk):
    desk.set(token_closed="gAAAA-closed-by-a-key-that-is-lost")
    assert "PARVIS_SECRET_KEY" in desk.page()


def test_what_waits_is_counted_on_an_account_that_stopped(desk):
    owed = {"channel_id": desk.city.accounts["north"], "operation": OperationKind.HIDE, "payload": {}}
    with desk.parvis.database.write() as session:
        for number, state in enumerate((EffectState.READY, EffectState.UNKNOWN, EffectState.DONE)):
            session.add(Effect(key=f"k{number}", target=f"t{number}", state=state, due_at=desk.clock.now, **owed))
    desk.set(token_lost="expired")
    assert "2 actions attendent de partir." in desk.page()


def test_deliveries_of_an_unknown_account_are_counted_with_what_to_do(desk):
    with desk.parvis.database.write() as session:
        for _ in range(3):
            session.add(SetAside(network="facebook", account_external_id="777", reason="unroutable", at=desk.clock.now))
        session.add(SetAside(network="facebook", reason="item", raw="{}", at=desk.clock.now))
    page = desk.page()
    assert "3 envois de Facebook concernent le compte 777" in page
    assert "Connectez ce compte" in page
    assert "1 message d’un réseau n’a pas pu être lu" in page
    northern = desk.browser(desk.city.person(Role.MODERATOR, "north"))
    assert "777" not in northern.get("/comptes").text, "what belongs to nobody is the whole city's to see"
    assert desk.client.post("/comptes/inconnus", data={"network": "facebook", "external_id": "777"}).status_code == 303
    assert "777" not in desk.page()
    with desk.parvis.database.read() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "account_disowned")).one()
    assert (entry.subject, entry.data) == ("facebook:777", {"deliveries": 3})


def test_each_sees_their_own_accounts_and_only_administration_connects(desk):
    northern = plain(desk.browser(desk.city.person(Role.COMMUNICATIONS, "north")).get("/comptes").text)
    assert "Page north" in northern
    assert "Page south" not in northern
    assert "Reconnecter" not in northern
    assert "Connecter un compte" not in northern
    assert "Reconnecter" in desk.page()


@pytest.mark.parametrize("path", ["/", "/publications"])
def test_a_dead_or_ending_token_is_said_once_where_people_work(path, desk):
    manager = desk.browser(desk.city.person(Role.MANAGER, "city"))
    assert 'class="alarm alarm-none"' in manager.get(path).text
    desk.set("north", token_lost="expired")
    desk.set("south", token_expires_at=desk.clock.now + timedelta(days=6))
    desk.set("city", token_expires_at=desk.clock.now + timedelta(days=12))
    html = manager.get(path).text
    begins = html.index('<div id="alarm"')
    said = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html[begins : html.index("</div>", begins)]))
    assert "Page north (Facebook) : à reconnecter; Page south (Facebook) : échoit dans 6 jours." in said
    assert "Page city" not in said, "two weeks before, the accounts' page says it"
    assert html.count('id="alarm"') == 1
    northern = desk.browser(desk.city.person(Role.MANAGER, "north"))
    assert "Page south" not in northern.get("/comptes/alertes").text


def test_programs_read_the_same(desk):
    now = desk.clock.now
    desk.set(
        missing=["read_insights"],
        token_expires_at=now + timedelta(days=6),
        usage_percent=81.5,
        checked_at=now,
        pulled_at=now,
        backfill_done=4,
        backfill_total=4,
    )
    northern = desk.browser(desk.city.person(Role.MANAGER, "north"))
    (said,) = northern.get("/api/v1/accounts").json()["items"]
    assert said["expires_at"] == "2026-11-29T13:30:00Z"
    assert said["checked_at"] == said["pulled_at"] == "2026-11-23T13:30:00Z"
    assert (said["missing"], said["usage_percent"]) == (["read_insights"], 81.5)
    assert (said["backfill_done"], said["backfill_total"]) == (4, 4)


# ------------------------------------------------------------------------------------------------- asking
def test_checking_and_reading_now_make_the_next_tick_do_it(desk):
    later = desk.clock.now + timedelta(hours=6)
    desk.set(check_due_at=later, pull_due_at=later)
    moderator = desk.browser(desk.city.person(Role.MODERATOR, "north"))
    number = desk.city.accounts["north"]
    assert moderator.post(f"/comptes/{number}/verification").status_code == 303
    assert desk.account().check_due_at == desk.clock.now
    assert desk.account().pull_due_at == later
    assert moderator.post(f"/comptes/{number}/lecture").status_code == 303
    assert desk.account().pull_due_at == desk.clock.now


# ------------------------------------------------------------------------------------------------- connecting
def test_a_new_account_is_connected_from_the_dialog(desk):
    end = desk.clock.now + timedelta(days=60)
    given = offer(expires_at=end, missing=("read_insights",), refresh_token=REFRESH, refresh_expires_at=end)
    desk.dialog.offers = (given, offer("556"))
    where = desk.offered()
    choice = plain(desk.client.get(where).text)
    assert "Page 555" in choice
    assert "Il manque 1 permission" in choice
    assert account_words.permission("read_insights", "facebook") in choice
    form = {"accounts": "facebook:555", "borough-facebook:555": str(desk.city.boroughs["south"])}
    answer = desk.client.post(where, data=form)
    assert answer.headers["location"] == "/comptes?fait=connected"
    with desk.parvis.database.read() as session:
        account = session.scalars(select(Account).where(Account.external_id == "555")).one()
        assert session.scalar(select(Account).where(Account.external_id == "556")) is None
        assert (account.name, account.borough_id) == ("Page 555", desk.city.boroughs["south"])
        assert desk.parvis.vault.open(account.token_closed) == given.token
        assert desk.parvis.vault.open(account.refresh_closed) == REFRESH
        assert (account.token_expires_at, account.refresh_expires_at) == (end, end)
        assert account.missing == ["read_insights"]
        assert account.connected_by == desk.city.person(Role.ADMIN, "city")
        assert account.token_lost is None
        assert account.pull_due_at == account.check_due_at == desk.clock.now
        entry = session.scalars(select(AuditEntry).where(AuditEntry.subject == f"account:{account.id}")).one()
        assert (entry.action, entry.person_id) == ("account_added", account.connected_by)


def test_an_account_connected_again_keeps_all_and_goes_on(desk):
    before = desk.clock.now
    desk.set(token_lost="expired", cursor="the-cursor", pulled_at=before, expiry_warned=1)
    desk.clock.pass_(hours=1)
    desk.dialog.offers = (offer("1", name="Autre nom"),)
    where = desk.offered()
    borough = str(desk.city.boroughs["north"])
    desk.client.post(where, data={"accounts": "facebook:1", "borough-facebook:1": borough})
    account = desk.account()
    assert (account.state, account.reason, account.token_since) == (ChannelState.ACTIVE, None, desk.clock.now)
    assert (account.cursor, account.pulled_at, account.expiry_warned) == ("the-cursor", before, None)
    assert account.name == "Page north", "the city's own name for it"
    assert desk.parvis.vault.open(account.token_closed) == f"{TOKEN}-1"
    assert count(desk, Account) == 3
    with desk.parvis.database.read() as session:
        actions = session.scalars(select(AuditEntry.action).where(AuditEntry.subject == f"account:{account.id}")).all()
    assert actions == ["account_reconnected"]


def test_what_came_before_the_account_was_known_is_parsed_then(desk):
    with desk.parvis.database.write() as session:
        delivery = Delivery(network="facebook", received_at=desk.clock.now, raw=b"{}", state=DeliveryState.PARSED)
        session.add(delivery)
        session.flush()
        aside = {"delivery_id": delivery.id, "network": "facebook", "account_external_id": "555"}
        session.add(SetAside(reason="unroutable", at=desk.clock.now, **aside))
    desk.client.post(desk.offered(), data={"accounts": "facebook:555"})
    with desk.parvis.database.read() as session:
        assert session.scalars(select(Delivery.state)).one() == DeliveryState.RECEIVED
    assert "555" not in plain(desk.client.get("/comptes").text).replace("Page 555", "")


def test_a_dead_account_that_is_not_offered_is_named(desk):
    desk.set(token_lost="role_lost")
    assert "Page north n’est pas offert" in plain(desk.client.get(desk.offered()).text)


def test_nothing_chosen_says_so_and_forgets_nothing(desk):
    where = desk.offered()
    answer = desk.client.post(where, data={})
    assert answer.status_code == 422
    assert "Choisissez au moins un compte" in answer.text
    assert desk.client.post(where, data={"accounts": "facebook:555"}).status_code == 303


def test_only_what_is_offered_is_connected_all_or_nothing(desk):
    where = desk.offered()
    answer = desk.client.post(where, data={"accounts": ["facebook:555", "facebook:999"]})
    assert answer.status_code == 409
    assert count(desk, Account) == 3
    answer = desk.client.post(where, data={"accounts": "facebook:555", "borough-facebook:555": "99999"})
    assert answer.status_code == 404
    assert count(desk, Account) == 3


def test_a_form_sent_twice_connects_once(desk):
    where = desk.offered()
    first, second = (desk.client.post(where, data={"accounts": "facebook:555"}) for _ in range(2))
    assert (first.status_code, second.status_code) == (303, 409)
    assert "terminée" in second.text
    assert count(desk, Account) == 4
    with desk.parvis.database.read() as session:
        assert session.scalar(select(func.count()).where(AuditEntry.action == "account_reconnected")) == 0


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("access_denied", "l’accès a été refusé"),
        ("user_cancelled_authorize", "l’accès a été refusé"),
        ("server_error", "(code server_error)"),
        ("<script>alert(1)</script>", "(code ?)"),
    ],
)
def test_a_refusal_in_the_dialog_is_said_in_french(error, words, desk):
    state = desk.leave()
    answer = desk.come_back(state, code="", error=error)
    assert answer.status_code == 409
    assert words in answer.text
    assert "<script>alert" not in answer.text
    assert desk.dialog.codes == []
    assert "terminée" in desk.come_back(state).text, "a state that was refused opens nothing any more"


@pytest.mark.parametrize(
    ("fails", "words"),
    [
        (Rejected("used"), "n’a pas repris sa propre réponse"),
        (Transient(), "n’a pas répondu à temps"),
        (Ambiguous(), "n’a pas répondu à temps"),
        (Throttled(timedelta(0)), "n’a pas répondu à temps"),
        (PermissionMissing("pages_show_list"), "pages_show_list"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_exchange_that_fails_is_said_and_leaves_nothing(fails, words, desk):
    desk.dialog.fails = fails
    state = desk.leave()
    answer = desk.come_back(state)
    assert answer.status_code == 409
    assert words in answer.text
    desk.dialog.fails = None
    assert desk.come_back(state).status_code == 409, "the code may have been used: begin again"
    assert desk.come_back(desk.leave()).status_code == 303


def test_a_consent_that_offers_nothing_is_said(desk):
    desk.dialog.offers = ()
    assert "n’offre aucun compte" in desk.come_back(desk.leave()).text


def test_a_network_without_its_application_is_said(desk):
    answer = desk.client.post("/comptes/connexion", data={"network": "linkedin"})
    assert answer.status_code == 409
    assert "son application manque" in answer.text
    assert desk.client.post("/comptes/connexion", data={"network": "myspace"}).status_code == 422
    assert desk.client.get("/comptes/retour/linkedin?state=x&code=y").status_code == 409


# ------------------------------------------------------------------------------------------------- what opens nothing
def test_a_state_serves_once(desk):
    state = desk.leave()
    assert desk.come_back(state).status_code == 303
    again = desk.come_back(state, code="code-2")
    assert again.status_code == 409
    assert desk.dialog.codes == ["code-1"], "the second code was not even shown to the network"


def test_a_state_is_one_persons_and_one_networks(desk):
    state = desk.leave()
    with desk.parvis.database.write() as session:
        other = desk.city.person(Role.MODERATOR, "city")
        session.add(Membership(person_id=other, role=Role.ADMIN))
    stranger = desk.browser(other)
    assert stranger.get("/comptes/retour/facebook", params={"state": state, "code": "c"}).status_code == 409
    assert desk.come_back(state, network="instagram").status_code == 409
    assert desk.dialog.codes == []
    answer = desk.come_back(state)
    assert answer.status_code == 303, "it still opens to the person who began"
    where = answer.headers["location"]
    assert stranger.get(where).status_code == 409
    assert stranger.post(where, data={"accounts": "facebook:555"}).status_code == 409
    assert count(desk, Account) == 3


def test_a_state_and_a_choice_end_after_ten_minutes(desk):
    state = desk.leave()
    desk.clock.pass_(minutes=10)
    assert desk.come_back(state).status_code == 409
    where = desk.offered()
    desk.clock.pass_(minutes=9)
    assert desk.client.get(where).status_code == 200
    desk.clock.pass_(minutes=1)
    assert desk.client.get(where).status_code == 409
    assert desk.client.post(where, data={"accounts": "facebook:555"}).status_code == 409


def test_beginning_again_ends_what_was_begun_before(desk):
    first = desk.leave()
    second = desk.leave()
    assert desk.come_back(first).status_code == 409
    assert desk.come_back(second).status_code == 303
    assert count(desk, ConsentHandshake) == 1


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(forged=st.one_of(st.text(max_size=80), st.sampled_from(["", "0" * 43, "%00", "' OR 1=1 --"])))
def test_a_forged_state_opens_nothing(forged, desk):
    answer = desk.client.get("/comptes/retour/facebook", params={"state": forged, "code": "stolen"})
    assert answer.status_code == 409
    assert desk.dialog.codes == []


STEPS = st.lists(st.sampled_from(["leave", "return", "return again", "deny", "wait", "choose"]), max_size=9)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_the_order_each_code_is_exchanged_once_and_each_choice_connects_once(steps, desk):
    """Any walk through the dialog: a code is exchanged only on the first return of a live state of that person."""
    desk.dialog.codes.clear()
    person = desk.city.person(Role.ADMIN, "city")
    desk.sign_in(desk.parvis, desk.client, person)  # The last walk may have taken longer than a session lasts.
    desk.leave()
    desk.clock.pass_(minutes=11)
    live, where, expected, chosen = None, None, 0, 0
    spent: list[str] = []
    before = _added(desk)
    for step in steps:
        match step:
            case "leave":
                live, where = desk.leave(), None
            case "return":
                answer = desk.come_back(live or "none", code=f"code-{len(desk.dialog.codes)}")
                assert (answer.status_code == 303) == (live is not None)
                if live:
                    expected += 1
                    spent.append(live)
                    where = answer.headers["location"]
                live = None
            case "return again" if spent:
                assert desk.come_back(spent[-1]).status_code == 409
            case "deny" if live:
                assert desk.come_back(live, code="", error="access_denied").status_code == 409
                spent.append(live)
                live = None
            case "wait":
                desk.clock.pass_(minutes=11)
                live = where = None
            case "choose":
                if where is None:
                    continue
                assert desk.client.post(where, data={"accounts": "facebook:555"}).status_code == 303
                assert desk.client.post(where, data={"accounts": "facebook:555"}).status_code == 409
                chosen, where = chosen + 1, None
    assert len(desk.dialog.codes) == expected
    assert _added(desk) - before == chosen


def _added(desk: Desk) -> int:
    with desk.parvis.database.read() as session:
        actions = ["account_added", "account_reconnected"]
        return session.scalar(select(func.count()).where(AuditEntry.action.in_(actions))) or 0


# ------------------------------------------------------------------------------------------------- what never leaks
def test_no_token_and_no_verifier_is_in_a_page_a_log_an_address_or_the_database(desk, caplog):
    caplog.set_level(logging.DEBUG)
    desk.dialog.offers = (offer(refresh_token=REFRESH), offer("1"))
    state = desk.leave()
    seen = [desk.come_back(state, code="the-secret-code")]
    where = seen[0].headers["location"]
    seen += [desk.client.get(where), desk.client.post(where, data={}), desk.client.get("/comptes")]
    kept = _everything(desk)
    seen += [desk.client.post(where, data={"accounts": "facebook:555"}), desk.client.get("/comptes")]
    kept += _everything(desk)
    secrets = [TOKEN, REFRESH, "the-secret-code", *desk.dialog.verifiers]
    said = "".join(answer.text + str(dict(answer.headers)) for answer in seen)
    # The test's own client logs the addresses that it asks for; a browser's go to no log of ours.
    logged = "".join(record.getMessage() for record in caplog.records if not record.name.startswith("http"))
    for secret in [*secrets, state]:
        assert secret not in said
        assert secret not in kept
        assert secret not in logged
    with desk.parvis.database.read() as session:
        left = session.scalars(select(ConsentHandshake)).one()
        assert (left.offered_closed, left.verifier_closed) == (None, ""), "once chosen, nothing is left to open"


def test_a_code_does_not_go_through_the_sign_in_page(desk, visit):
    answer = visit(desk.parvis).get("/comptes/retour/facebook?state=s&code=the-secret-code")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/connexion"


def test_forms_of_the_page_may_end_at_the_dialogs_and_no_other_page_may(desk):
    def allowed(path: str) -> str:
        return re.search(r"form-action ([^;]+)", desk.client.get(path).headers["content-security-policy"])[1]

    assert allowed("/comptes") == f"'self' {DIALOG}"
    assert allowed("/personnes") == "'self'"


def _everything(desk: Desk) -> str:
    """All that every table holds, as text."""
    with desk.parvis.database.read() as session:
        names = session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'")).all()
        return "".join(repr(session.execute(text(f'SELECT * FROM "{name}"')).all()) for name in names)

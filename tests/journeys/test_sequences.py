"""What people do in a row at the queue: two at once, a slow line, a session that ends, no single keys, a phone."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Page, Route, expect
from sqlalchemy import select, update

from connectors.registry import capabilities
from models.decisions import Decision
from models.items import Item
from models.people import Person, SignIn
from models.vocabulary import DecisionKind
from moderation.triage import deciding

pytestmark = pytest.mark.browser

# The answer to a key says who, or the list that comes before it says that somebody did.
HANDLED = re.compile(r"traité (ou reporté )?ce commentaire\. Voici le suivant\.")

PASSWORD = "une clôture bleue, 3 érables"


def _decided(city) -> list[tuple[int, str, int]]:
    """(comment, kind, person), in the order in which they were recorded."""
    with city.parvis.database.read() as session:
        return [
            (one.comment_id, str(one.kind), one.person_id)
            for one in session.scalars(select(Decision).order_by(Decision.id))
        ]


def _slow(page: Page, milliseconds: int) -> None:
    line = {"offline": False, "latency": milliseconds, "downloadThroughput": -1, "uploadThroughput": -1}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", line)


def _shown(page: Page, comment_id: int) -> None:
    expect(page.locator(f'#pane .item[data-id="{comment_id}"]')).to_be_visible()


@pytest.fixture
def waiting(served) -> list[int]:
    """Twelve comments that ask for nothing, oldest first."""
    served.add_account("Ville de Sainte-Rive")
    ids = [
        served.says(f"Merci pour la patinoire numéro {n}!", by=f"Personne {n}", ago=6000 - 60 * n) for n in range(12)
    ]
    served.read()
    return ids


@pytest.fixture
def decides(served):
    """Somebody decides at another desk."""

    def decide(name: str, comment_id: int) -> Decision:
        choice = deciding.Choice(DecisionKind.NOTHING, 1)
        terms = deciding.Terms(timedelta(0), "SRV", capabilities)
        with served.parvis.database.write() as session:
            return deciding.decide(session, served.people[name], comment_id, choice, terms, now=served.now)

    return decide


def test_the_second_moderator_never_meets_what_the_first_one_handled(served, waiting, sign_in, decides):
    page = sign_in("Nadia Roy")
    _shown(page, waiting[0])
    for comment_id in waiting[1:6]:
        decides("Samuel Côté", comment_id)  # Her list does not know it yet.
    page.keyboard.press("i")
    page.keyboard.press("i")
    expect(page.locator("#toasts")).to_contain_text(HANDLED)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    _shown(page, waiting[6])
    assert page.locator(".row:not(.row-gone)").count() == 6
    for comment_id in waiting[6:9]:
        _shown(page, comment_id)
        with page.expect_response(f"**/commentaires/{comment_id}/decision*"):
            page.keyboard.press("i")
        with served.parvis.database.read() as session:
            last = session.scalars(select(Decision.id).where(Decision.comment_id == comment_id)).one()
        # By its number: the toast before it says the same.
        expect(page.locator(f'#toasts [data-decision="/decisions/{last}/annulation"]')).to_contain_text("noté")
    _shown(page, waiting[9])
    nadia, samuel = (served.people[name].person_id for name in ("Nadia Roy", "Samuel Côté"))
    assert _decided(served) == [(one, "nothing", samuel) for one in waiting[1:6]] + [(waiting[0], "nothing", nadia)] + [
        (one, "nothing", nadia) for one in waiting[6:9]
    ]
    page.keyboard.press("z")
    _shown(page, waiting[8])
    assert _decided(served)[-1] == (waiting[8], "cancel", nadia)


def test_a_late_yes_says_nothing_over_what_a_later_act_was_told(served, waiting, sign_in, decides):
    page = sign_in("Nadia Roy")
    _shown(page, waiting[0])
    decides("Samuel Côté", waiting[1])
    held = []

    def hold(route):
        held.append(route)

    page.route(f"**/commentaires/{waiting[0]}/decision*", hold)
    page.keyboard.press("i")
    page.keyboard.press("i")
    expect(page.locator("#toasts")).to_contain_text(HANDLED)
    with page.expect_response(f"**/commentaires/{waiting[0]}/decision*"):
        held[0].continue_()
    # The list is asked for again once the answer was taken in.
    page.wait_for_load_state("networkidle")
    expect(page.locator("#toasts")).to_contain_text(HANDLED)
    page.keyboard.press("z")
    _shown(page, waiting[0])


def test_one_key_never_takes_back_what_somebody_else_decided(served, waiting, sign_in, decides):
    decides("Samuel Côté", waiting[0])
    page = sign_in("Nadia Roy", f"/commentaires/{waiting[0]}?etat=traites")
    expect(page.locator("[data-undo]")).to_contain_text("Samuel Côté")
    page.keyboard.press("z")
    page.keyboard.press("j")
    page.wait_for_load_state("networkidle")
    assert [kind for _, kind, _ in _decided(served)] == ["nothing"]


def test_what_somebody_else_has_open_is_skipped(served, waiting, sign_in):
    with served.parvis.database.write() as session:
        deciding.claim(session, served.people["Samuel Côté"], waiting[0], now=served.now)
        deciding.claim(session, served.people["Samuel Côté"], waiting[2], now=served.now)
    page = sign_in("Nadia Roy")
    _shown(page, waiting[1])
    page.keyboard.press("i")
    _shown(page, waiting[3])


def test_the_first_of_the_list_is_left_to_whoever_had_it_first(served, waiting, sign_in):
    """Both lists were shown before either reserved anything: nobody chose that comment, so the second goes on."""

    def samuel_first(route: Route) -> None:
        with served.parvis.database.write() as session:
            deciding.claim(session, served.people["Samuel Côté"], waiting[0], now=served.now)
        route.continue_()

    page = sign_in("Nadia Roy", "/publications")
    page.route(f"**/commentaires/{waiting[0]}/reservation", samuel_first)
    page.goto("/")
    _shown(page, waiting[1])
    page.locator(f'.row[data-id="{waiting[0]}"] a').click()  # Whoever wants to reads it all the same.
    _shown(page, waiting[0])
    expect(page.locator("#pane .act-note")).to_contain_text("Samuel Côté traite")


@pytest.mark.parametrize("away", ["escape and another row", "a closed tab"])
def test_typed_words_stay_until_they_are_sent(served, waiting, sign_in, away):
    page = sign_in("Nadia Roy")
    _shown(page, waiting[0])
    page.keyboard.press("r")
    page.keyboard.type("Merci à vous, et bonne glisse!")
    if away == "a closed tab":
        other = page.context.new_page()
        page.close()
        page = other
        page.goto("/")
        _shown(page, waiting[0])
    else:
        page.keyboard.press("Escape")
        page.keyboard.press("j")
        _shown(page, waiting[1])
        assert page.locator("#reply-text").input_value() == ""
        page.keyboard.press("k")
        _shown(page, waiting[0])
    expect(page.locator("#reply-text")).to_have_value("Merci à vous, et bonne glisse!")
    page.locator("#reply-text").press("Control+Enter")
    expect(page.locator("#toasts")).to_contain_text("La réponse part")
    assert page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('parvis:draft')).length") == 0


def test_a_session_that_ends_is_taken_up_in_place(served, waiting, sign_in):
    from administration.people import hash_password

    with served.parvis.database.write() as session:
        session.execute(update(Person).where(Person.name == "Nadia Roy").values(password_hash=hash_password(PASSWORD)))
    page = sign_in("Nadia Roy")
    _shown(page, waiting[0])
    page.keyboard.press("r")
    page.keyboard.type("Merci à vous!")
    with served.parvis.database.write() as session:
        session.execute(update(SignIn).values(revoked_at=served.now))
    page.keyboard.press("Control+Enter")
    again = page.locator("#sign-in-again")
    again.locator("[name=email]").fill("nadia.roy@ville.example")
    again.locator("[name=password]").fill("autre chose")
    again.locator("[name=password]").press("Enter")
    expect(again).to_contain_text("incorrect")
    again.locator("[name=password]").fill(PASSWORD)
    again.locator("[name=password]").press("Enter")
    expect(again).to_be_hidden()
    expect(page.locator("#toasts")).to_contain_text("La réponse part")
    assert [kind for _, kind, _ in _decided(served)] == ["reply"]


def test_what_is_typed_after_a_key_goes_where_the_key_leads(served, sign_in):
    served.add_account("Ville de Sainte-Rive")
    hole = served.says("Il y a un nid-de-poule devant chez nous.", ago=600)
    other = served.says("Il y a un autre nid-de-poule plus loin.", ago=500)
    served.read()
    page = sign_in("Nadia Roy", "/?mots=nid")
    _shown(page, hole)
    _slow(page, 600)
    page.keyboard.press("j")
    for key in ["q", *"ici, rue Isabelle"]:
        page.keyboard.press("Space" if key == " " else key)
    _shown(page, other)
    expect(page.locator("#place")).to_have_value("ici, rue Isabelle")
    assert _decided(served) == []


def test_enter_keeps_its_place_behind_keys_that_wait(served, sign_in):
    """`m` then Enter, before the comment has come: it is hidden by the article that is proposed."""
    served.add_account("Ville de Sainte-Rive")
    served.says("Merci pour la patinoire!", ago=600)
    insult = served.says("T'es rien qu'un maudit imbécile, ferme ta yeule.", ago=500)
    served.read()
    with served.parvis.database.write() as session:
        session.execute(update(Item).values(urgency=0))
    page = sign_in("Nadia Roy")
    _slow(page, 600)
    for key in ("j", "m", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#toasts")).to_contain_text("masqué")
    assert [one[:2] for one in _decided(served)] == [(insult, "hide")]


def test_four_decisions_on_a_slow_line_are_four_on_four(served, waiting, sign_in):
    page = sign_in("Nadia Roy")
    _shown(page, waiting[0])
    _slow(page, 600)
    page.evaluate("window.stayed = true")
    for _ in range(4):
        page.keyboard.press("i")
        page.wait_for_timeout(75)
    _shown(page, waiting[4])
    expect(page.locator("#toasts button")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert sorted(one for one, _, _ in _decided(served)) == waiting[:4]
    assert page.evaluate("window.stayed")


def test_without_single_keys_the_first_decision_is_near(served, waiting, sign_in):
    with served.parvis.database.write() as session:
        session.execute(update(Person).where(Person.name == "Nadia Roy").values(single_keys=False))
    page = sign_in("Nadia Roy")
    _shown(page, waiting[0])
    page.locator(f'.row[data-id="{waiting[2]}"] a').focus()
    page.keyboard.press("Enter")
    _shown(page, waiting[2])
    expect(page.locator("#pane")).to_be_focused()
    for _ in range(5):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('.act') !== null"):
            break
    assert page.evaluate("document.activeElement.closest('.act') !== null")
    assert page.locator("#rows a[aria-current]").count() == 1


def test_the_comment_can_be_read_while_replying_on_a_small_screen(served, waiting, sign_in):
    page = sign_in("Nadia Roy", f"/commentaires/{waiting[0]}", width=683, height=384)
    page.locator("#reply-text").click()
    page.keyboard.type("Merci!")
    words, act = page.locator("#pane .words").bounding_box(), page.locator(".act").bounding_box()
    assert words is not None
    assert act is not None
    visible = min(words["y"] + words["height"], act["y"], 384) - max(words["y"], 0)
    assert visible >= min(words["height"], 60)


def test_immediate_danger_asks_before_it_is_waved_through(served, sign_in):
    served.add_account("Ville de Sainte-Rive")
    fire = served.says("Au secours, il y a le feu chez le voisin, des enfants sont pris à l'intérieur!", ago=60)
    calm = served.says("Merci pour la patinoire!", ago=600)
    served.read()
    page = sign_in("Nadia Roy")
    _shown(page, fire)
    page.keyboard.press("i")
    expect(page.locator("#danger-dialog")).to_contain_text("Parvis ne remplace pas le 911")
    assert _decided(served) == []
    page.keyboard.press("2")
    expect(page.locator("#danger-dialog")).to_be_hidden()
    expect(page.locator("#reply-text")).to_have_value(
        "Si une personne est en danger, composez le 911 tout de suite. Nos équipes sont prévenues."
    )
    page.keyboard.press("Escape")
    page.keyboard.press("i")
    page.keyboard.press("1")
    expect(page.locator("#request-dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("i")
    page.keyboard.press("3")
    _shown(page, calm)
    expect(page.locator("#toasts button")).to_be_visible()
    assert [(one, kind) for one, kind, _ in _decided(served)] == [(fire, "nothing")]


def test_back_on_a_phone_returns_to_the_list_where_it_was(served, waiting, sign_in):
    page = sign_in("Nadia Roy", width=360, height=640)
    row = page.locator(f'.row[data-id="{waiting[9]}"] a')
    row.scroll_into_view_if_needed()
    before = page.evaluate("scrollY")
    assert before > 0
    row.click()
    _shown(page, waiting[9])
    page.go_back()
    expect(page.locator("#rows")).to_be_visible()
    expect(page.locator("#pane")).to_be_hidden()
    expect(row).to_be_focused()
    assert abs(page.evaluate("scrollY") - before) < 100


def test_a_post_that_is_left_keeps_its_words_and_says_all_that_is_wrong(served, sign_in):
    account = served.add_account("Ville de Sainte-Rive")
    page = sign_in("Camille Lévesque", "/publications/nouvelle")
    assert page.locator("[name=accounts]:checked").count() == 0
    page.locator("[name=text]").fill("Les patinoires ouvrent samedi!")
    page.locator("[name=link]").fill("ville.example/patin oires")
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.goto("/publications")
    assert asked == ["beforeunload"]
    page.goto("/publications/nouvelle")
    expect(page.locator("[name=text]")).to_have_value("Les patinoires ouvrent samedi!")
    page.locator(".composer button[type=submit]").click()
    expect(page.locator(".composer .wrong")).to_have_count(2)  # No account, no link.
    page.locator("[name=width][value=wide]").check()
    expect(page.locator("#preview")).to_have_attribute("data-width", "wide")
    expect(page.locator("[name=text]")).to_have_value("Les patinoires ouvrent samedi!")
    page.locator("[name=title]").fill("Patinoires")
    page.locator("[name=link]").fill("ville.example/patinoires")
    page.locator(f"[name=accounts][value='{account}']").check()
    page.locator(".composer button[type=submit]").click()
    expect(page.locator("h1")).to_have_text("Patinoires")
    expect(page.locator("#main")).to_contain_text("https://ville.example/patinoires")
    page.goto("/publications/nouvelle")
    expect(page.locator("[name=text]")).to_have_value("")

"""A moderator at the queue, in a real browser, by keyboard: everything is read from the page and from the database."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import func, select, update

from connectors.registry import capabilities
from models.decisions import Decision
from models.items import Claim, Item
from models.people import Person
from models.vocabulary import DecisionKind, ItemState, Role
from moderation.triage import deciding

pytestmark = pytest.mark.browser


def _decisions(city) -> list[tuple[int, str]]:
    with city.parvis.database.read() as session:
        rows = session.execute(select(Decision.comment_id, Decision.kind).order_by(Decision.id))
        return [(comment_id, str(kind)) for comment_id, kind in rows]


def _state(city, comment_id: int) -> str:
    with city.parvis.database.read() as session:
        return str(session.scalars(select(Item.state).where(Item.comment_id == comment_id)).one())


def _until_claims(city, page: Page, wanted: int) -> None:
    """Waits for what the browser sends by itself, before or after the page is gone."""
    claims = -1
    for _ in range(200):
        with city.parvis.database.read() as session:
            claims = session.scalar(select(func.count()).select_from(Claim)) or 0
        if claims == wanted:
            return
        page.wait_for_timeout(50)
    pytest.fail(f"{claims} claims, not {wanted}")


def _open_text(page: Page) -> str:
    return page.locator("#pane .words").inner_text()


@pytest.fixture
def five(served) -> list[int]:
    """Five comments that wait, oldest first."""
    served.add_account("Ville de Sainte-Rive")
    texts = [
        "Merci aux déneigeurs!",
        "Le trottoir de la rue Cartier n'est pas déneigé.",
        "À quelle heure ouvre la piscine?",
        "T'es rien qu'un maudit imbécile, ferme ta yeule.",
        "Encore une hausse de taxes, la Ville gère mal notre argent.",
    ]
    ids = [
        served.says(text, by=f"Personne {number}", under="Budget 2027", ago=3000 - 60 * number)
        for number, text in enumerate(texts)
    ]
    served.read()
    with served.parvis.database.write() as session:
        # The order of this story is its own: how urgent each text reads is another test's matter.
        session.execute(update(Item).values(urgency=0))
    return ids


def test_triage_by_keyboard(served, five, sign_in):
    """Five comments, five decisions, and no mouse."""
    page = sign_in("Nadia Roy")
    expect(page.locator("#pane .words")).to_have_text("Merci aux déneigeurs!")
    page.keyboard.press("i")
    expect(page.locator("#pane .words")).to_contain_text("trottoir")
    expect(page.locator(".row")).to_have_count(4)

    page.keyboard.press("q")
    expect(page.locator("#request-dialog")).to_be_visible()
    assert page.locator("#service_code").input_value() == "deneigement-trottoir"
    page.locator("#place").fill("Rue Cartier")
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("SRV-2026-000001")
    expect(page.locator("#pane .words")).to_contain_text("piscine")

    page.keyboard.press("r")
    page.keyboard.type("Bonjour, elle ouvre à 9 h.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#pane .words")).to_contain_text("imbécile")

    page.keyboard.press("m")
    expect(page.locator("#hide-dialog")).to_be_visible()
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.locator("#pane .words")).to_contain_text("hausse de taxes")

    page.keyboard.press("i")
    expect(page.locator(".rows-empty-title")).to_be_visible()
    expect(page.locator(".rows-empty")).to_contain_text("2")  # Two with nothing to report, from the database.
    page.wait_for_load_state("networkidle")
    # By comment: what leaves the page at nearly the same moment may arrive in another order.
    assert sorted(_decisions(served)) == [
        (five[0], "nothing"),
        (five[1], "request"),
        (five[2], "reply"),
        (five[3], "hide"),
        (five[4], "nothing"),
    ]


def test_a_decision_is_taken_back_with_one_key(served, five, sign_in):
    page = sign_in("Nadia Roy")
    expect(page.locator("#pane .words")).to_have_text("Merci aux déneigeurs!")
    page.keyboard.press("i")
    expect(page.locator("#toasts button")).to_be_visible()
    page.keyboard.press("z")
    expect(page.locator("#pane .words")).to_have_text("Merci aux déneigeurs!")
    expect(page.locator(".row").first).to_contain_text("Merci aux déneigeurs!")
    assert _state(served, five[0]) == ItemState.WAITING
    assert _decisions(served) == [(five[0], "nothing"), (five[0], "cancel")]


def test_keys_are_inert_while_somebody_types(served, five, sign_in):
    page = sign_in("Nadia Roy")
    expect(page.locator("#pane .words")).to_have_text("Merci aux déneigeurs!")
    page.keyboard.press("r")
    page.keyboard.type("jimqz?.")
    assert page.locator("#reply-text").input_value() == "jimqz?."
    page.keyboard.press("/")
    assert page.locator("#reply-text").input_value() == "jimqz?./"
    page.keyboard.press("Escape")
    for chord in ("Control+i", "Alt+i", "Meta+i"):
        page.keyboard.press(chord)
    for told in ('key: "i", modifierAltGraph: true', 'key: "Dead"', 'key: "i", isComposing: true'):
        page.evaluate(f"document.body.dispatchEvent(new KeyboardEvent('keydown', {{{told}, bubbles: true}}))")
    page.keyboard.press("m")
    page.keyboard.press("i")  # In a dialog only its own keys act.
    page.keyboard.press("Escape")
    assert _open_text(page) == "Merci aux déneigeurs!"
    assert _decisions(served) == []


def test_single_keys_can_be_switched_off(served, five, sign_in):
    with served.parvis.database.write() as session:
        session.execute(update(Person).where(Person.name == "Nadia Roy").values(single_keys=False))
    page = sign_in("Nadia Roy")
    expect(page.locator("#pane .words")).to_have_text("Merci aux déneigeurs!")
    page.keyboard.press("i")
    page.keyboard.press("j")
    assert _open_text(page) == "Merci aux déneigeurs!"
    page.get_by_role("button", name="Rien à signaler").click()
    expect(page.locator("#pane .words")).to_contain_text("trottoir")
    expect(page.locator("#toasts button")).to_be_visible()
    assert _decisions(served) == [(five[0], "nothing")]


def test_two_moderators_and_one_comment(served, five, sign_in):
    """An open comment is reserved; a decision that comes second says who was first, and nothing typed is lost."""
    nadia = sign_in("Nadia Roy")
    expect(nadia.locator("#pane .words")).to_have_text("Merci aux déneigeurs!")
    _until_claims(served, nadia, 1)
    samuel = sign_in("Samuel Côté", f"/commentaires/{five[0]}")
    expect(samuel.locator("#pane .act-note")).to_contain_text("Nadia Roy traite")
    expect(samuel.locator(f'.row[data-id="{five[0]}"]')).to_contain_text("Nadia Roy consulte")
    samuel.keyboard.press("r")
    samuel.keyboard.type("Merci à vous!")
    samuel.keyboard.press("Control+Enter")
    expect(samuel.locator("#toasts")).to_contain_text("Nadia Roy")
    expect(samuel.locator("#reply-text")).to_have_value("Merci à vous!")
    expect(samuel.locator(".row").first).to_contain_text("Merci aux déneigeurs!")
    assert _decisions(served) == []

    nadia.keyboard.press("i")
    expect(nadia.locator("#pane .words")).to_contain_text("trottoir")
    expect(nadia.locator("#toasts button")).to_be_visible()
    samuel.locator("#reply-text").focus()
    samuel.keyboard.press("Control+Enter")
    expect(samuel.locator("#toasts")).to_contain_text("Nadia Roy")
    assert _decisions(served) == [(five[0], "nothing")]


def test_a_comment_stays_reserved_until_its_decision_is_said(served, five, sign_in):
    """Given up as the page moves on, it could be taken by whoever waits for it, and the decision would be refused."""
    page = sign_in("Nadia Roy")
    expect(page.locator("#pane .words")).to_have_text("Merci aux déneigeurs!")
    _until_claims(served, page, 1)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.keyboard.press("i")
    expect(page.locator("#toasts button")).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("k")
    _until_claims(served, page, 1)
    sent = [url.rpartition("/commentaires/")[2] for url in asked if url.endswith(("/decision", "/liberation"))]
    assert sent[0] == f"{five[0]}/decision"
    assert f"{five[0]}/liberation" not in sent


def test_a_claim_ends_when_the_page_goes(served, five, sign_in):
    page = sign_in("Nadia Roy")
    expect(page.locator("#pane .words")).to_have_text("Merci aux déneigeurs!")
    _until_claims(served, page, 1)
    page.goto("/compte")
    _until_claims(served, page, 0)


def test_new_comments_wait_behind_a_bar(served, five, sign_in):
    page = sign_in("Nadia Roy")
    expect(page.locator(".row")).to_have_count(5)
    first = page.locator(".row").first.bounding_box()
    served.says("Une branche est tombée.", ago=1)
    served.says("Le lampadaire est éteint.", ago=1)
    served.read()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#news")).to_contain_text("2 nouveaux commentaires")
    expect(page.locator(".row")).to_have_count(5)
    assert page.locator(".row").first.get_attribute("data-id") == str(five[0])
    assert first is not None
    page.keyboard.press(".")
    expect(page.locator(".row")).to_have_count(7)
    expect(page.locator("#news")).to_be_hidden()


def test_what_a_colleague_handled_turns_grey(served, five, sign_in):
    page = sign_in("Nadia Roy")
    expect(page.locator(".row")).to_have_count(5)
    with served.parvis.database.write() as session:
        choice = deciding.Choice(DecisionKind.NOTHING, 1)
        terms = deciding.Terms(timedelta(0), "SRV", capabilities)
        deciding.decide(session, served.people["Samuel Côté"], five[3], choice, terms, now=served.now)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator(".row-gone")).to_contain_text("Traité par une autre personne")
    expect(page.locator(".row")).to_have_count(5)


def test_criticism_waits_for_a_second_person(served, five, sign_in):
    nadia = sign_in("Nadia Roy", f"/commentaires/{five[4]}")
    nadia.keyboard.press("m")
    expect(nadia.locator("#hide-dialog .note")).to_be_visible()
    nadia.keyboard.press("2")
    nadia.keyboard.press("Enter")
    expect(nadia.locator("#toasts")).to_contain_text("deuxième personne")
    assert _decisions(served) == []
    samuel = sign_in("Samuel Côté", f"/commentaires/{five[4]}")
    expect(samuel.locator(f'.row[data-id="{five[4]}"]')).to_contain_text("Nadia Roy demande")
    samuel.keyboard.press("m")
    samuel.keyboard.press("Enter")
    expect(samuel.locator("#toasts")).to_contain_text("sera masqué")
    assert _decisions(served) == [(five[4], "hide")]


def test_a_second_person_says_no_and_whoever_asked_reads_why(served, five, sign_in):
    nadia = sign_in("Nadia Roy", f"/commentaires/{five[4]}")
    for key in ("m", "2", "Enter"):
        nadia.keyboard.press(key)
    expect(nadia.locator("#toasts")).to_contain_text("deuxième personne")
    samuel = sign_in("Samuel Côté", f"/commentaires/{five[4]}")
    samuel.keyboard.press("m")
    samuel.get_by_label("Non, parce que").fill("C’est une critique.")
    samuel.get_by_role("button", name="Non, le laisser").click()
    expect(samuel.locator("#toasts")).to_contain_text("continue d’attendre")
    nadia.goto(f"/commentaires/{five[4]}")
    expect(nadia.locator(".decisions")).to_contain_text("C’est une critique.")
    expect(nadia.locator(".item-states")).to_contain_text("Samuel Côté a dit non")
    assert _decisions(served) == []


def test_what_was_asked_is_taken_back_with_one_key(served, five, sign_in):
    page = sign_in("Nadia Roy", f"/commentaires/{five[4]}")
    for key in ("m", "2", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#toasts button")).to_be_visible()
    page.keyboard.press("z")
    expect(page.locator("#toasts")).to_contain_text("Retiré")
    expect(page.locator(f'.row[data-id="{five[4]}"]')).not_to_contain_text("demande")


def test_a_server_that_does_not_answer_loses_nothing(served, five, sign_in):
    page = sign_in("Nadia Roy")
    expect(page.locator("#pane .words")).to_have_text("Merci aux déneigeurs!")
    page.route("**/decision*", lambda route: route.abort())
    page.keyboard.press("i")
    expect(page.locator("#toasts")).to_contain_text("ne répond pas")
    expect(page.locator("#pane .words")).to_have_text("Merci aux déneigeurs!")
    expect(page.locator(".row")).to_have_count(5)
    page.unroute("**/decision*")
    page.keyboard.press("i")
    expect(page.locator("#toasts button")).to_be_visible()
    expect(page.locator("#pane .words")).to_contain_text("trottoir")
    assert _decisions(served) == [(five[0], "nothing")]


def test_without_javascript(served, five, sign_in):
    page = sign_in("Nadia Roy", java_script_enabled=False)
    page.get_by_role("link", name="Merci aux déneigeurs").click()
    assert _open_text(page) == "Merci aux déneigeurs!"
    page.locator("#reply-text").fill("Merci à vous!")
    page.get_by_role("button", name="Envoyer").click()
    expect(page.locator(".row")).to_have_count(4)
    page.get_by_role("button", name="Annuler").click()
    expect(page.locator(".row")).to_have_count(5)
    page.get_by_role("button", name="Masquer").click()  # A dialog that the browser opens by itself.
    page.get_by_role("radio", name="N2").check()
    page.locator("#hide-dialog").get_by_role("button", name="Masquer").click()
    expect(page.locator(".row")).to_have_count(4)
    assert [kind for _, kind in _decisions(served)] == ["reply", "cancel", "hide"]


def test_a_communications_officer_reads_and_does_not_decide(served, five, sign_in):
    page = sign_in("Camille Lévesque", f"/commentaires/{five[0]}")
    assert _open_text(page) == "Merci aux déneigeurs!"
    expect(page.locator(".act")).to_have_count(0)
    page.keyboard.press("i")
    assert _decisions(served) == []


def test_hostile_words_stay_words(served, sign_in):
    """Two hundred payloads in texts and names: no dialog, no script, nothing that the policy had to stop."""
    served.add_account("Ville")
    openings = ["", '">', "'>", "</textarea>", "</script>", "</title>", "<!--", "]]>", "{{7*7}}", "\u202e"]
    bodies = [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg onload=alert(1)>",
        "<iframe src=javascript:alert(1)>",
        '<a href="javascript:alert(1)">x</a>',
        "<details open ontoggle=alert(1)>",
        "<style>*{display:none}</style>",
        '" onfocus=alert(1) autofocus x="',
        "<math><mi xlink:href=data:x,<script>alert(1)</script>>",
        "<base href=//evil.example>",
        "<form action=//evil.example><button>",
        "<meta http-equiv=refresh content=0;url=//evil.example>",
        "${alert(1)}",
        "<template><script>alert(1)</script></template>",
        "<object data=data:text/html,<script>alert(1)</script>>",
        "<input onblur=alert(1) autofocus>",
        "<video><source onerror=alert(1)>",
        "<b hx-get=/compte hx-trigger=load>x</b>",
        "<dialog open>x</dialog>",
        "<div data-act=hide>x</div>",
    ]
    payloads = [opening + body for opening in openings for body in bodies]
    assert len(payloads) == 200
    for number, payload in enumerate(payloads):
        served.says(payload, by=f"{payload} {number}", under=payload, ago=9000 - number)
    served.read()
    with served.parvis.database.write() as session:
        session.execute(update(Item).values(urgency=0))
    page = sign_in("Nadia Roy", "/compte")
    heard: list[str] = []
    page.on("dialog", lambda dialog: (heard.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("console", lambda message: heard.append(message.text) if message.type in ("error", "warning") else None)
    page.add_init_script(
        "addEventListener('securitypolicyviolation', e => console.error('CSP', e.violatedDirective, e.sample))"
    )
    page.goto("/")
    for shown in (100, 150, 200):
        page.get_by_role("link", name="Plus", exact=True).click()
        expect(page.locator(".row")).to_have_count(shown)
    for number in range(0, 200, 8):
        page.locator(".row a").nth(number).click()
        expect(page.locator("#pane .item")).to_have_attribute(
            "data-id", page.locator(".row").nth(number).get_attribute("data-id") or ""
        )
        assert _open_text(page).strip() == payloads[number].strip()
    page.locator("#pane .why summary").click()
    page.keyboard.press("q")
    expect(page.locator("#request-dialog")).to_contain_text(payloads[192])
    assert heard == []
    assert page.url.startswith(served.address)


def test_the_picture_in_the_readme(served, sign_in, pictures):
    """60 comments at 8:30, as the README shows them."""
    told = served.tells()
    served.hire("Julie Simard", Role.MODERATOR)
    page = sign_in("Nadia Roy", f"/commentaires/{told['danger']}", width=1440, height=900)
    expect(page.locator("#pane .words")).to_contain_text("étincelles")
    expect(page.locator(".row").nth(20)).to_be_attached()
    page.keyboard.press("w")
    page.locator(".queue-scroll").evaluate("e => e.scrollTop = 0")
    picture = pictures / "file.png"
    page.screenshot(path=picture)
    assert picture.stat().st_size > 20_000

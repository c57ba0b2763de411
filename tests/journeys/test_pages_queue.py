"""A moderator at the queue, in a real browser, by keyboard: everything is read from the page and from the database."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import func, select, update

from connectors.registry import capabilities
from models.decisions import Decision
from models.items import Claim, Item
from models.people import Person
from models.vocabulary import DecisionKind, ItemState, Role
from moderation.learning.practice import deal
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


def test_nobody_is_offered_to_say_the_number_of_a_confidential_service(served, five, sign_in):
    page = sign_in("Nadia Roy", f"/commentaires/{five[1]}")
    page.keyboard.press("q")
    words, service = page.locator("#acknowledgement"), page.locator("#service_code")
    expect(words).to_have_value(re.compile(r"\{numero\}"))
    service.select_option("animal-errant")
    expect(words).not_to_have_value(re.compile(r"\{numero\}"))
    service.select_option("nid-de-poule")
    expect(words).to_have_value(re.compile(r"\{numero\}"))
    words.fill("Merci, on s’en occupe.")
    service.select_option("animal-errant")
    expect(words).to_have_value("Merci, on s’en occupe.")
    words.fill("")
    service.select_option("nid-de-poule")
    expect(words).to_have_value("")


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


def test_a_sure_suggestion_is_taken_by_one_key(served, five, sign_in):
    """One key files the thanks; of a hide, the dialog that it opens has its article, and Enter confirms."""
    page = sign_in("Nadia Roy")
    expect(page.locator("#pane .words")).to_have_text("Merci aux déneigeurs!")
    page.keyboard.press("o")
    expect(page.locator("#pane .words")).to_contain_text("trottoir")
    expect(page.locator("#toasts button")).to_be_visible()
    page.keyboard.press("o")  # Of this one the classifier is not sure: there is nothing to take.
    page.goto(f"/commentaires/{five[3]}")
    page.keyboard.press("o")
    expect(page.locator("#hide-dialog")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("sera masqué")
    assert _decisions(served) == [(five[0], "nothing"), (five[3], "hide")]


def test_a_saved_reply_is_found_by_number_or_by_letters_read_and_sent(served, five, sign_in):
    page = sign_in("Nadia Roy")
    expect(page.locator("#pane .words")).to_have_text("Merci aux déneigeurs!")
    for key in ("e", "1", "Control+Enter"):
        page.keyboard.press(key)
    expect(page.locator("#pane .words")).to_contain_text("trottoir")
    page.keyboard.press("e")
    page.keyboard.type("preciser")
    page.keyboard.press("Enter")
    expect(page.locator("#reply-text")).to_have_value(re.compile("rue et intersection"))
    page.keyboard.press("Control+Enter")
    expect(page.locator("#pane .words")).to_contain_text("piscine")
    page.wait_for_load_state("networkidle")
    helene = sign_in("Hélène Martel", "/reponses")
    card = helene.locator("#reply_thanks")
    expect(card).to_contain_text("1 fois")
    card.get_by_text("Reformuler").click()
    card.get_by_label("Français").fill("Merci {nom}!")
    card.get_by_role("button", name="Enregistrer").click()
    expect(helene.get_by_role("alert")).to_contain_text("prenom")
    card.get_by_label("Français").fill("Merci {prenom}!")
    card.get_by_role("button", name="Enregistrer").click()
    expect(card).to_contain_text("version 2, Hélène Martel")


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


def test_a_person_has_keys_of_their_own(served, five, sign_in):
    page = sign_in("Nadia Roy", "/compte/touches")
    page.get_by_label("Rien à signaler", exact=True).fill("d")
    page.get_by_label("Commentaire suivant", exact=True).fill("d")
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.locator(".wrong")).to_have_text("« d » fait déjà autre chose, plus haut.")
    page.get_by_label("Commentaire suivant", exact=True).fill("i")
    page.get_by_role("button", name="Enregistrer").click()
    page.goto("/")
    expect(page.locator("#pane .words")).to_have_text("Merci aux déneigeurs!")
    page.keyboard.press("i")
    expect(page.locator("#pane .words")).to_contain_text("trottoir")
    page.keyboard.press("k")
    expect(page.locator("#pane .words")).to_have_text("Merci aux déneigeurs!")
    page.keyboard.press("j")  # It means nothing any more.
    page.keyboard.press("d")
    expect(page.locator("#toasts button")).to_contain_text("Annuler")
    assert _decisions(served) == [(five[0], "nothing")]


def test_a_round_of_practice_by_keys(served, sign_in):
    page = sign_in("Nadia Roy", "/entrainement")
    card = page.locator(".cards > li:not([hidden])")
    expect(card).to_have_count(1)
    for at, one in enumerate(deal(0)):
        expect(card.locator("blockquote")).to_have_text(one.text.strip())
        page.keyboard.press({"nothing": "i", "reply": "r", "request": "q", "hide": "m"}[one.right])
        if one.right == "hide":
            expect(card.locator("blockquote")).to_have_text(one.text.strip())
            page.keyboard.press("1")
        if at == 0:
            page.keyboard.press("k")
            expect(card.get_by_label("Rien à signaler")).to_be_checked()
            page.keyboard.press("j")
    expect(card).to_have_count(len(deal(0)))
    page.keyboard.press("Enter")
    expect(page.get_by_text("Votre choix").first).to_be_visible()
    right = [one.right for one in deal(0)]
    expect(page.locator(".chip", has_text="Bonne réponse")).not_to_have_count(0)
    expect(page.get_by_text("Vous n’avez rien choisi")).to_have_count(0)
    assert right.count("hide") >= 1


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
    expect(page.locator(".row-gone")).to_contain_text("Traité ou reporté par une autre personne")
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


@pytest.fixture
def thanks(served) -> list[int]:
    """Twelve comments of which ten say thanks; one of these is open at a colleague's."""
    served.add_account("Ville de Sainte-Rive")
    texts = [f"Merci beaucoup aux déneigeurs, bravo! {'!' * n}" for n in range(10)]
    texts[3:3] = ["À quelle heure ouvre la piscine?"]
    texts.append("T'es rien qu'un maudit imbécile, ferme ta yeule.")
    ids = [served.says(text, by=f"Personne {n}", under="Neige", ago=3000 - 60 * n) for n, text in enumerate(texts)]
    served.read()
    with served.parvis.database.write() as session:
        session.execute(update(Item).values(urgency=0))
        deciding.claim(session, served.people["Samuel Côté"], ids[1], now=served.now)
    return ids


def test_all_that_look_alike_are_decided_together_by_keyboard(served, thanks, sign_in):
    """Four keys for ten thanks, less the one that a colleague decides meanwhile; one key takes them back."""
    page = sign_in("Nadia Roy")
    expect(page.locator("#pane .words")).to_contain_text("Merci beaucoup")
    page.keyboard.press("=")
    expect(page.locator("[data-selected]")).to_have_text("9 choisis")
    with served.parvis.database.write() as session:
        terms = deciding.Terms(timedelta(0), "SRV", capabilities)
        choice = deciding.Choice(DecisionKind.NOTHING, 1)
        deciding.decide(session, served.people["Samuel Côté"], thanks[2], choice, terms, now=served.now)
    page.keyboard.press("l")
    expect(page.locator("#together-dialog")).to_be_visible()
    expect(page.locator("#together-dialog .together li")).to_have_count(9)
    expect(page.locator("#together-dialog .together-left")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("8 commentaires")
    page.wait_for_load_state("networkidle")
    decisions = _decisions(served)
    assert sorted(decisions) == sorted(set(decisions))
    assert [kind for _, kind in decisions].count("like") == 8
    page.keyboard.press("z")
    expect(page.locator("#toasts")).to_contain_text("8 commentaires attendent")
    page.wait_for_load_state("networkidle")
    assert [kind for _, kind in _decisions(served)].count("cancel") == 8
    expect(page.locator(".row:not(.row-gone)")).to_have_count(11)


def test_several_are_hidden_only_one_by_one(served, thanks, sign_in):
    page = sign_in("Nadia Roy")
    for index in (3, 11):
        page.locator(f'.row[data-id="{thanks[index]}"] .row-check input').check()
    page.locator("#group").get_by_role("button", name="Masquer").click()
    dialog = page.locator("#together-dialog")
    dialog.get_by_role("radio", name="N2").check()
    second = dialog.locator("details").nth(1)
    second.locator("summary").click()
    second.get_by_label("Je l’ai lu : oui, masquer").check()
    dialog.get_by_role("button", name="Masquer").click()
    expect(page.locator("#toasts")).to_contain_text("1 commentaire")
    assert _decisions(served) == [(thanks[11], "hide")]


def test_several_at_once_without_javascript(served, thanks, sign_in):
    page = sign_in("Nadia Roy", java_script_enabled=False)
    for index in (0, 2):
        page.locator(f'.row[data-id="{thanks[index]}"] .row-check input').check()
    page.locator("#group").get_by_role("button", name="Rien à signaler").click()
    page.locator("main").get_by_role("button", name="Rien à signaler").click()
    expect(page.locator("main")).to_contain_text("2 commentaires")
    assert sorted(_decisions(served)) == [(thanks[0], "nothing"), (thanks[2], "nothing")]


def test_assign_put_off_and_note_by_keyboard(served, five, sign_in):
    """Each by its key, a digit and Enter; each taken back by z; whoever is named or given something hears of it."""
    page = sign_in("Nadia Roy")
    words = page.locator("#pane .words")
    expect(words).to_have_text("Merci aux déneigeurs!")
    page.keyboard.press("p")
    expect(page.locator("#snooze-dialog")).to_be_visible()
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(words).to_contain_text("trottoir")
    expect(page.locator("#toasts")).to_contain_text("Reporté au")
    expect(page.locator('[data-tab="snoozed"]')).to_contain_text("1")
    page.keyboard.press("z")
    expect(words).to_have_text("Merci aux déneigeurs!")
    expect(page.locator('[data-tab="snoozed"]')).to_be_hidden()

    page.keyboard.press("n")
    page.keyboard.type("Déjà vu, @sam")
    page.keyboard.press("Tab")
    page.keyboard.type("?")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#toasts")).to_contain_text("Prévenus : Samuel Côté")
    expect(page.locator(".team")).to_contain_text("Déjà vu, @Samuel Côté ?")

    page.keyboard.press("a")
    page.get_by_role("radio", name="Samuel Côté").check()
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("Pour : Samuel Côté")
    expect(words).to_contain_text("trottoir")
    expect(page.locator(f'.row[data-id="{five[0]}"]')).to_contain_text("Pour Samuel Côté")
    page.keyboard.press("k")
    expect(words).to_contain_text("trottoir")  # What is somebody else's to do is passed over.

    samuel = sign_in("Samuel Côté", "/avis")
    expect(samuel.locator(".notices-link .count")).to_have_text("2")
    expect(samuel.locator(".notice-new")).to_have_count(2)
    expect(samuel.locator("main")).to_contain_text("Nadia Roy vous a attribué un commentaire")
    samuel.goto("/?attribution=moi")
    expect(samuel.locator(".row")).to_have_count(1)
    _until_claims(served, samuel, 2)  # Hers, and then his.
    samuel.goto("/avis")
    expect(samuel.locator(".notice-new")).to_have_count(0)
    page.keyboard.press("z")
    expect(words).to_have_text("Merci aux déneigeurs!")
    assert _decisions(served) == []


def test_a_view_is_kept_under_a_name_for_oneself_or_for_the_team(served, five, sign_in):
    page = sign_in("Nadia Roy", "/?intention=eloge")
    page.get_by_role("link", name="Garder cette vue…").click()
    page.get_by_label("Nom").fill("Remerciements")
    page.get_by_label("Pour toute l’équipe").check()
    page.get_by_role("button", name="Garder", exact=True).click()
    expect(page.locator("#views [aria-current]")).to_contain_text("Remerciements")
    expect(page.locator("#views [aria-current] .count")).to_have_text("1")
    samuel = sign_in("Samuel Côté")
    samuel.locator("#views").get_by_role("link", name="Remerciements").wait_for()
    samuel.keyboard.press("v")
    samuel.keyboard.press("Enter")
    expect(samuel.locator(".row")).to_have_count(1)


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
    page.get_by_role("button", name="Reporter").click()
    page.get_by_label("Demain matin").check()
    page.locator("#snooze-dialog").get_by_role("button", name="Reporter").click()
    expect(page.locator(".row")).to_have_count(4)
    page.get_by_role("link", name="Reportés").click()
    page.locator(".row a").click()
    page.get_by_role("button", name="Attribuer").click()
    page.get_by_label("Nadia Roy (moi)").check()
    page.locator("#assign-dialog").get_by_role("button", name="Attribuer").click()
    expect(page.locator(".item-states")).to_contain_text("À moi")
    page.goto(f"/commentaires/{five[0]}")
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


def test_the_picture_of_several_in_the_guide(served, sign_in, pictures):
    served.tells()
    page = sign_in("Nadia Roy", "/?intention=eloge", width=1366, height=768)
    expect(page.locator("#pane .words")).to_be_visible()
    page.keyboard.press("=")
    page.keyboard.press("l")
    expect(page.locator("#together-dialog .together li").first).to_be_visible()
    picture = pictures / "groupe.png"
    page.screenshot(path=picture)
    assert picture.stat().st_size > 20_000


def test_the_picture_of_the_team_in_the_guide(served, sign_in, pictures):
    told = served.tells()
    page = sign_in("Nadia Roy", f"/commentaires/{told['numero']}", width=1366, height=768)
    page.keyboard.press("n")
    page.keyboard.type("@Samuel Côté : le numéro de fin de semaine a changé?")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".team li")).to_have_count(1)
    page.keyboard.press("a")
    expect(page.locator("#assign-dialog")).to_be_visible()
    picture = pictures / "equipe.png"
    page.screenshot(path=picture)
    assert picture.stat().st_size > 20_000


def test_the_picture_of_the_day_in_the_guide(served, sign_in, pictures):
    ids = served.tells()
    terms = deciding.Terms(timedelta(0), "SRV", capabilities)
    with served.parvis.database.write() as session:
        for number, comment_id in enumerate(list(ids.values())[40:52]):
            who = served.people["Nadia Roy" if number % 3 else "Samuel Côté"]
            at = served.now - timedelta(minutes=7 * number)
            deciding.decide(session, who, comment_id, deciding.Choice(DecisionKind.NOTHING, 1), terms, now=at)
    page = sign_in("Hélène Martel", "/equipe", width=1366, height=768)
    expect(page.locator(".lead")).to_contain_text("12 traités")
    picture = pictures / "equipe-aujourdhui.png"
    page.screenshot(path=picture)
    assert picture.stat().st_size > 20_000

"""The main job end to end, in a real browser, on the demonstration: triage by keyboard, hide, reply, a 311 request
answered in the thread, a post approved and published. What counts is what the pretend networks' journal has."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import update

from api.demo import city, script
from api.demo.installation import Demo, prepared
from connectors.standin.people import drawing
from connectors.standin.state import Comment
from models.effects import Effect
from models.vocabulary import OperationKind

pytestmark = pytest.mark.browser


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    with prepared(tmp_path / "demo") as home:
        demo = Demo(home, undo_seconds=1, settle_seconds=1)
        demo.start()
        yield demo
        demo.stop()


def until(true: Callable[[], bool], what: str) -> None:
    for _ in range(600):
        if true():
            return
        time.sleep(0.1)
    pytest.fail(f"did not come true: {what}")


def become(page: Page, demo: Demo, who: str, path: str) -> None:
    """One click in the demonstration's bar, then the page."""
    name = city.PEOPLE[who][0]
    page.goto(f"{demo.address}/visite")
    page.locator(".demo-bar").get_by_role("button", name=name).click()
    page.goto(f"{demo.address}{path}")


def open_comment(page: Page, demo: Demo, words: str) -> None:
    """The one comment that waits with these words, opened by keyboard."""
    until(lambda: _listed(page, demo, words), f"“{words}” in the queue")
    page.keyboard.press("Enter")
    expect(page.locator("article.item")).to_be_visible()


def _listed(page: Page, demo: Demo, words: str) -> bool:
    page.goto(f"{demo.address}/?mots={words}")
    return page.locator("#rows li.row").count() == 1


def journal(demo: Demo, operation: str) -> list[tuple[str, str | None]]:
    with demo.state.lock:
        return [(entry.target, entry.text) for entry in demo.state.journal if entry.operation == operation]


def said(demo: Demo, label: str) -> Comment:
    thing = demo.player.things[label]
    assert isinstance(thing, Comment)
    return thing


def test_the_main_job_by_keyboard_from_the_comment_to_the_answer(page: Page, demo: Demo) -> None:
    become(page, demo, city.MODERATOR, "/")

    # An insult is hidden, with an article of the netiquette.
    open_comment(page, demo, "imbécile")
    page.keyboard.press("m")
    expect(page.locator("#hide-dialog")).to_be_visible()
    page.locator("#hide-dialog input[value=N2]").check()
    page.keyboard.press("Enter")
    until(lambda: said(demo, "insulte").hidden, "the insult hidden on the network")
    assert journal(demo, "hide") == [(said(demo, "insulte").id, None)]

    # A question is answered in its thread.
    open_comment(page, demo, "compostables")
    page.keyboard.press("r")
    page.keyboard.type("Bonjour, oui, les sacs certifiés sont acceptés.")
    page.keyboard.press("Control+Enter")
    answer = (said(demo, "sacs").id, "Bonjour, oui, les sacs certifiés sont acceptés.")
    until(lambda: journal(demo, "reply") == [answer], "the reply on the network")

    # A problem becomes a 311 request.
    open_comment(page, demo, "lampadaire")
    page.keyboard.press("q")
    expect(page.locator("#request-dialog")).to_be_visible()
    page.locator("#request-dialog select[name=service_code]").select_option("lampadaire")
    page.locator("#request-dialog input[name=place]").fill("Saint-Joseph et Lafontaine")
    page.locator("#request-dialog textarea[name=text]").fill("")
    page.locator("#request-dialog button[type=submit]").click()

    # The agent closes it with a note.
    become(page, demo, city.AGENT, "/requetes")
    asked = page.locator("li.card", has_text="Lampadaire")
    until(lambda: page.reload() is not None and asked.count() == 1, "it")
    # The demonstration's districts are drawn, with what its application sent.
    assert (page.locator(".map path").count(), page.locator(".map circle").count()) == (5, 3)
    asked.locator("h2 a").click()
    expect(page.locator("blockquote mark")).to_have_text("Saint-Joseph et Lafontaine")
    page.locator("input[name=status][value=done]").check()
    page.locator("textarea[name=note]").fill("L'ampoule a été remplacée ce matin.")
    page.locator("form[data-request] button[type=submit]").click()
    expect(page.locator(".chip").first).to_be_visible()

    # The drafted answer leaves after the moderator's key, in the thread where the citizen wrote.
    become(page, demo, city.MODERATOR, "/")
    open_comment(page, demo, "lampadaire")
    page.keyboard.press("r")
    page.keyboard.press("Control+Enter")
    until(lambda: len(journal(demo, "reply")) == 2, "the outcome answered in the thread")
    target, text = journal(demo, "reply")[1]
    assert target == said(demo, "lampadaire").id
    assert text is not None
    assert "L'ampoule a été remplacée ce matin." in text


def test_a_post_is_written_approved_by_somebody_else_and_published(page: Page, demo: Demo) -> None:
    become(page, demo, city.OFFICER, "/publications/nouvelle")
    page.locator("input[name=title]").fill("Retour de l'eau")
    assert page.locator("input[name=accounts]:checked").count() == 0  # Where it goes is chosen.
    accounts = page.locator("input[name=accounts]")
    assert accounts.count() == 3
    chosen = 2  # The third one takes nothing without a picture.
    for number in range(chosen):
        accounts.nth(number).check()
    page.locator("#text").fill("L'eau est revenue sur la rue Wolfe.")
    page.locator("main form button.primary").click()
    page.locator("form[action$='/soumettre'] button").click()
    post = page.url.removeprefix(demo.address)

    # Whoever wrote it cannot approve it; the manager can.
    assert page.locator("form[action$='/avis']").count() == 0
    become(page, demo, city.MANAGER, post)
    page.locator("form[action$='/avis'] button[value=true]").click()

    become(page, demo, city.OFFICER, post)
    tomorrow = (demo.parvis.clock() + timedelta(days=1)).astimezone(demo.parvis.settings.zone)
    page.locator("#publish_at").fill(tomorrow.strftime("%Y-%m-%dT%H:%M"))
    page.locator("form[action$='/planification'] button").click()
    expect(page).to_have_url(re.compile("fait=scheduled"))
    assert journal(demo, "publish") == [], "not before its time"
    with demo.parvis.database.write() as session:
        # Its time comes: a test does not wait for tomorrow.
        session.execute(
            update(Effect).where(Effect.operation == OperationKind.PUBLISH).values(due_at=demo.parvis.clock())
        )
    until(lambda: page.reload() is not None and page.locator("a[rel~=noopener]").count() == chosen, "permalinks kept")
    published = journal(demo, "publish")
    assert len({account for account, _ in published}) == len(published) == chosen, "once on each account"
    assert {text for _, text in published} == {"L'eau est revenue sur la rue Wolfe."}


def test_three_pictures_in_twelve_actions_look_in_public_as_the_preview_said(page: Page, demo: Demo) -> None:
    """From nothing to approved: typing aside, each click is counted, the second person's on a telephone too."""
    actions = 0

    def act(locator: Locator) -> Locator:
        nonlocal actions
        actions += 1
        locator.click()
        return locator

    alts = ["La rue Wolfe, l’eau revenue", "Une équipe au travail", "Un robinet ouvert"]
    files = [
        {"name": f"{number}.jpg", "mimeType": "image/jpeg", "buffer": drawing("photo", alt)}
        for number, alt in enumerate(alts)
    ]
    become(page, demo, city.OFFICER, "/publications")
    act(page.locator("a[href='/publications/nouvelle']").first)
    act(page.locator("input[name=accounts]").nth(0))
    act(page.locator("input[name=accounts]").nth(1))
    act(page.locator("#text")).fill("L’eau est revenue rue Wolfe. Laissez couler l’eau froide cinq minutes.")
    with page.expect_file_chooser() as chooser:
        act(page.locator(".drop-button"))
    chooser.value.set_files(files)
    expect(page.locator("[data-media] textarea")).to_have_count(3)
    for number, alt in enumerate(alts):
        act(page.locator("[data-media] textarea").nth(number)).fill(alt)
    # What is different on one account is two more: open it, and type.
    page.locator("details.variant summary").nth(1).click()
    page.locator("details.variant").nth(1).locator("textarea").first.fill(
        "Rue Wolfe : l’eau est revenue au Vieux-Moulin."
    )
    expect(page.locator("#preview .preview-state")).to_contain_text("Prête")
    act(page.locator("main form button.primary"))
    act(page.locator("form[action$='/soumettre'] button"))
    post = page.url.removeprefix(demo.address).partition("?")[0]
    looks = page.locator(".out .sketch-narrow .sketch-words").all_inner_texts()

    phone = page.context.browser.new_context(viewport={"width": 360, "height": 740}).new_page()
    become(phone, demo, city.MANAGER, "/publications")
    act(phone.locator(f"a[href='{post}']"))
    act(phone.locator(".judge-bar button[value=true]"))
    expect(phone).to_have_url(re.compile("fait=approved"))
    assert actions <= 12, actions

    become(page, demo, city.OFFICER, post)
    soon = (demo.parvis.clock() + timedelta(days=1)).astimezone(demo.parvis.settings.zone)
    page.locator("#publish_at").fill(soon.strftime("%Y-%m-%dT%H:%M"))
    page.locator("form[action$='/planification'] button").click()
    expect(page).to_have_url(re.compile("fait=scheduled"))
    with demo.parvis.database.write() as session:
        due = update(Effect).where(Effect.operation == OperationKind.PUBLISH).values(due_at=demo.parvis.clock())
        session.execute(due)
    until(lambda: len(journal(demo, "publish")) == 2, "out on both accounts")
    with demo.state.lock:
        out = [one for one in demo.state.posts.values() if "revenue" in one.text]
    assert sorted(one.text for one in out) == sorted(looks)
    assert [[photo.alt for photo in one.photos] for one in out] == [alts, alts]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_tour_reads_live_data_and_has_no_barrier(page: Page, demo: Demo, scheme: str, faults) -> None:
    page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
    page.goto(f"{demo.address}/visite")
    assert page.locator(".step").count() == 9
    until(lambda: page.reload() is not None and _figure(page, "Commentaires reçus") >= 60, "sixty comments counted")
    assert faults(page) == []
    become(page, demo, city.ADMIN, "/personnes")
    expect(page.locator("table.people tbody tr")).to_have_count(6)
    expect(page.get_by_text("pas encore venues")).to_have_count(0)


def _figure(page: Page, name: str) -> int:
    return int(page.locator(".figures div", has_text=name).locator("dd").inner_text().replace("\N{NO-BREAK SPACE}", ""))


def test_live_parts_follow_what_is_done_elsewhere_without_a_reload(page: Page, demo: Demo) -> None:
    page.goto(f"{demo.address}/visite")
    agent = page.context.browser.new_context().new_page()
    become(agent, demo, city.AGENT, "/requetes")
    page.evaluate("window.same = true")
    moderator = page.context.browser.new_context().new_page()
    become(moderator, demo, city.MODERATOR, "/")
    open_comment(moderator, demo, "lampadaire")
    moderator.keyboard.press("q")
    moderator.locator("#request-dialog select[name=service_code]").select_option("lampadaire")
    moderator.locator("#request-dialog button[type=submit]").click()
    until(lambda: _figure(page, "Requêtes 311") == 4, "the tour counts the request by itself")
    assert page.evaluate("window.same"), "the page was not loaded again"
    until(lambda: agent.get_by_text("Lampadaire en panne").count() > 0, "the agent's list shows the request by itself")


def test_starting_again_empties_the_demonstration_and_tells_the_story_anew(page: Page, demo: Demo) -> None:
    become(page, demo, city.MODERATOR, "/")
    open_comment(page, demo, "compostables")
    page.keyboard.press("i")
    page.goto(f"{demo.address}/visite")
    until(lambda: page.reload() is not None and _figure(page, "Décisions") == 1, "the decision counted")
    page.locator(".again button").click()
    expect(page).to_have_url(f"{demo.address}/visite")
    assert _figure(page, "Décisions") == 0
    until(lambda: page.reload() is not None and _figure(page, "Commentaires reçus") >= 60, "the comments back")


@pytest.mark.long
def test_the_pictures_of_requests_in_the_guide(page: Page, demo: Demo, pictures: Path) -> None:
    """From the event to the page that anybody may follow, as the guide shows them."""
    page.set_viewport_size({"width": 1280, "height": 800})

    def shot(name: str) -> None:
        bar = page.locator(".demo-bar").bounding_box()
        height = page.evaluate("document.documentElement.scrollHeight")
        assert bar is not None
        top = bar["y"] + bar["height"]
        clip = {"x": 0, "y": top, "width": 1280, "height": min(height - top, 1900)}
        picture = pictures / f"{name}.png"
        page.screenshot(path=picture, full_page=True, clip=clip)  # type: ignore[arg-type]
        assert picture.stat().st_size > 20_000

    become(page, demo, city.SECOND_MODERATOR, "/evenements")
    until(lambda: page.reload() is not None and page.get_by_text("6 personnes").count() == 1, "the event")
    page.locator(".events a").click()
    expect(page.locator("ol.event > li")).to_have_count(6)
    shot("evenement")
    page.locator("#event button.primary").press("Enter")
    expect(page.locator(".toast").first).to_contain_text("6")
    number = f"SRV-{demo.parvis.clock().year}-000004"
    until(lambda: script._waits(demo, "nid") and script._waits(demo, "eau_brune"), "the others in the queue")
    with closing(script._sign_in(demo, city.MODERATOR)) as nadia:
        for label, service, place in (
            ("nid", "nid-de-poule", "200, rue Morin"),
            ("glace", "patinoire", "parc des Érables"),
            ("eau_brune", "eau-qualite", "Rue Saint-Georges"),
        ):
            choice = {"kind": "request", "service_code": service, "place": place, "text": ""}
            script._decide(demo, nadia, label, choice)

    become(page, demo, city.AGENT, "/requetes")
    expect(page.locator(".map circle")).to_have_count(3)
    shot("carte")
    page.goto(f"{demo.address}/requetes/{number}")
    expect(page.locator("blockquote mark").first).to_have_text("Wolfe et Saint-Georges")
    expect(page.locator("section", has_text="Peut-être la même chose").get_by_text("Qualité de l’eau")).to_be_visible()
    shot("requete")
    page.locator("input[name=status][value=done]").check()
    page.locator("textarea[name=note]").fill("La conduite est réparée et l’eau est revenue.")
    page.locator("form[data-request] button[type=submit]").click()
    expect(page).to_have_url(re.compile("fait="))

    become(page, demo, city.SECOND_MODERATOR, f"/requetes/{number}/reponses")
    expect(page.locator("textarea")).to_have_count(6)
    shot("reponses")
    page.goto(f"{demo.address}/suivi/{number}")
    shot("suivi")

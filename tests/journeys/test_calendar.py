"""A week of posts in a real browser: seen, moved by hand and by keyboard, approved by somebody else on a telephone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from connectors.standin.people import drawing
from publishing import campaigns, drafting, library, planning
from publishing.campaigns import Outline
from publishing.drafting import Written

pytestmark = pytest.mark.browser


@pytest.fixture
def week(served):
    """Four posts of a campaign: a draft, one to approve, one scheduled for its time, one without a time."""
    accounts = [served.add_account("Ville de Sainte-Rive"), served.add_account("Loisirs Sainte-Rive")]
    camille, helene = served.people["Camille Lévesque"], served.people["Hélène Martel"]
    noon = served.now.replace(hour=17, minute=0)
    posts = {}
    with served.parvis.database.write() as session:
        days = served.now.date(), served.now.date() + timedelta(days=60)
        winter = campaigns.create(session, camille, Outline("Hiver actif", *days, utm="hiver"), now=served.now)
        picture = library.add(session, camille, library.read("rink.jpg", drawing("photo", "Patinoire")), now=served.now)

        def write(title: str, text: str, days: int | None, *which: int):
            at = None if days is None else noon + timedelta(days=days)
            draft = drafting.Draft(
                title,
                {accounts[one]: Written(text) for one in which},
                link="https://ville.example/hiver",
                campaign_id=winter.id,
                pictures=[drafting.Pictured(picture.id, "Une patinoire au soleil")],
                publish_at=at,
            )
            return planning.create(session, camille, draft, now=served.now)

        def step(name: str, post, who=camille, **more):
            more = {"version": post.version, "now": served.now, **more}
            return getattr(planning, name)(session, who, post.id, **more)

        posts["draft"] = write("Sentiers de ski", "Les sentiers de ski sont tracés.", 2, 0)
        posts["submitted"] = step("submit", write("Patinoires", "Les patinoires ouvrent samedi.", 3, 0, 1))
        planned = step("submit", write("Fête des neiges", "La fête des neiges commence jeudi.", 1, 1))
        planned = step("judge", planned, helene, approved=True, comment="")
        posts["planned"] = planning.schedule(
            session, camille, planned.id, None, version=planned.version, now=served.now
        )
        write("Prêt de raquettes", "Des raquettes se prêtent à la bibliothèque.", None, 0)
        return {name: post.id for name, post in posts.items()}


def start_of(served, post_id: int) -> str:
    with served.parvis.database.read() as session:
        post = planning.detail(session, served.people["Camille Lévesque"], post_id).post
        return f"{post.publish_at:%d %H:%M} {post.state}"


def test_moved_by_keyboard_and_by_hand_then_approved_in_two_taps(served, week, sign_in):
    page = sign_in("Camille Lévesque", "/calendrier", width=1366, height=900)
    refused = []
    page.on("console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None)
    page.reload()
    planned = page.locator("#calendar").get_by_text("Fête des neiges")
    expect(planned).to_be_visible()
    expect(page.locator("#agenda")).to_be_hidden()
    assert start_of(served, week["planned"]) == "01 17:00 scheduled"

    # By keyboard: the event takes the focus, Enter opens the dialog, a time, Enter.
    page.locator("#calendar [tabindex='0']", has_text="Fête des neiges").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#move-dialog")).to_be_visible()
    page.locator("#move-at").fill("2026-12-02T13:30")
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("attend de nouveau une approbation")
    assert start_of(served, week["planned"]) == "02 18:30 submitted"
    # The calendar draws itself anew: what had the focus before is not there any more.
    expect(page.locator("#calendar [data-date='2026-12-02']", has_text="Fête des neiges")).to_be_visible()

    # An hour that has passed is refused in the dialog, which stays.
    page.locator("#calendar [tabindex='0']", has_text="Sentiers de ski").focus()
    page.keyboard.press("Enter")
    page.locator("#move-at").fill("2026-11-01T09:00")
    page.keyboard.press("Enter")
    expect(page.locator("#move-dialog [data-wrong]")).to_contain_text("passé")
    page.keyboard.press("Escape")

    # By hand: to the next day, at the same hour.
    page.locator("#calendar").get_by_text("Sentiers de ski").drag_to(page.locator("[data-date='2026-12-04']").first)
    expect(page.locator("#toasts")).to_contain_text("Déplacée.")
    assert start_of(served, week["draft"]) == "04 17:00 draft"

    # From the tray: the day is dropped on, the hour is asked.
    page.locator("[data-tray]", has_text="Prêt de raquettes").drag_to(page.locator("[data-date='2026-12-08']").first)
    expect(page.locator("#move-at")).to_have_value("2026-12-08T09:00")
    page.locator("#move-dialog").get_by_role("button", name="Déplacer").click()
    expect(page.locator("#tray")).not_to_contain_text("raquettes")
    assert refused == []

    # Somebody else, on a telephone: what changed is said, and two taps answer.
    phone = sign_in("Hélène Martel", "/publications", width=360, height=740)
    phone.get_by_role("link", name="Fête des neiges").click()
    expect(phone.locator(".changes")).to_contain_text("l’heure")
    phone.get_by_role("button", name="Approuver").click()
    phone.wait_for_url("**fait=approved")
    assert start_of(served, week["planned"]) == "02 18:30 approved"


def test_the_pictures_in_the_guide(served, week, sign_in, pictures):
    page = sign_in("Camille Lévesque", "/calendrier", width=1280, height=800)
    expect(page.locator("#calendar").get_by_text("Patinoires")).to_be_visible()
    page.screenshot(path=pictures / "calendrier.png", full_page=True)
    page.goto(f"/publications/{week['draft']}/modifier")
    expect(page.locator("#preview .sketch")).to_be_visible()
    page.screenshot(path=pictures / "composition.png")
    phone = sign_in("Hélène Martel", f"/publications/{week['submitted']}", width=360, height=740)
    phone.screenshot(path=pictures / "approbation.png")
    assert all(
        (pictures / f"{name}.png").stat().st_size > 20_000 for name in ("calendrier", "composition", "approbation")
    )

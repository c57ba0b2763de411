"""A film of a post in a real browser: it comes in, and plays beside the words with its captions."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.films import film
from tests.journeys.running import until

NBSP = "\N{NO-BREAK SPACE}"
SRT = "1\n00:00:00,000 --> 00:00:04,000\nL’eau est revenue."


@pytest.mark.browser
def test_a_film_comes_in_plays_with_its_captions_and_stands_in_the_post(served, sign_in, pictures, sound):
    served.add_account("Ville de Sainte-Rive")
    page = sign_in("Camille Lévesque", "/publications/nouvelle", width=1366)
    refused = list[str]()
    page.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)
    page.locator("input[name=accounts]").check()
    page.locator("#text").fill("L’eau est revenue rue Wolfe.")
    with page.expect_file_chooser() as chooser:
        page.locator(".drop-button").click()
    chooser.value.set_files(
        [
            {"name": "eau.mov", "mimeType": "video/quicktime", "buffer": film(4, (320, 180), form="mov")},
            {"name": "affiche.mp4", "mimeType": "video/mp4", "buffer": b"%PDF-1.7"},
        ]
    )
    expect(page.locator("[data-media]")).to_have_count(1)
    expect(page.locator(".sending .wrong")).to_contain_text(f"«{NBSP}affiche.mp4{NBSP}» n’est pas un film")
    expect(page.locator("#text")).to_have_value("L’eau est revenue rue Wolfe.")
    page.locator("[data-media] textarea").fill("Une borne-fontaine qui coule")
    player = page.locator("#preview video")
    expect(player).to_have_attribute("aria-label", "Une borne-fontaine qui coule")
    expect(page.locator("#preview")).to_contain_text("n’a pas de sous-titres")
    library = page.locator("[data-media] a").get_attribute("href")
    sound(page)
    page.screenshot(path=pictures / "film-1366-light.png", full_page=True)
    page.locator("main form button.primary").click()
    page.wait_for_url("**?fait=saved")
    post = page.url.removeprefix(served.address).partition("?")[0]

    page.goto(library)
    page.locator("#captions").set_input_files({"name": "eau.srt", "mimeType": "text/plain", "buffer": SRT.encode()})
    page.locator("form:has(#captions) button").click()
    page.wait_for_url("**?fait=saved")
    sound(page)
    page.goto(post)
    player = page.locator("video")
    player.evaluate("one => { one.muted = true; return one.play(); }")
    until(lambda: player.evaluate("one => one.currentTime") > 0.2, "it plays")
    shown = player.evaluate("one => [one.videoWidth, Math.round(one.duration), one.textTracks[0].cues?.[0]?.text]")
    assert shown == [320, 4, "L’eau est revenue."]
    # From where somebody puts it: the bytes of that part alone are asked for.
    player.evaluate("one => { one.currentTime = 3.5; }")
    until(lambda: player.evaluate("one => one.currentTime") >= 3.5, "it goes on from there")
    assert not any("Content Security Policy" in one for one in refused), refused

    phone = sign_in("Camille Lévesque", f"{post}/modifier", width=360, height=740, color_scheme="dark")
    expect(phone.locator("#preview video")).to_have_count(1)
    sound(phone)
    phone.screenshot(path=pictures / "film-360-dark.png", full_page=True)
    phone.goto(library)
    sound(phone)
    phone.screenshot(path=pictures / "film-page-360-dark.png", full_page=True)

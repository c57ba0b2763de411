"""The composer at the door: what is shown beside the words, what is kept by itself, copies, and the emergency pause."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from connectors.sights import Sight
from models.locks import locks_for
from models.posts import Post
from models.vocabulary import Role
from publishing import links

NBSP = "\N{NO-BREAK SPACE}"


@pytest.fixture
def seeded(sqlite_parvis, seed_city):
    return seed_city(sqlite_parvis)


@pytest.fixture
def desk(sqlite_parvis, seeded, visit, sign_in_as):
    """An officer's browser."""
    return sign_in_as(sqlite_parvis, visit(sqlite_parvis), seeded.person(Role.COMMUNICATIONS, "city"))


def written(seeded, text: str = "Les patinoires ouvrent samedi.", **more: object) -> dict[str, object]:
    return {"accounts": [str(seeded.accounts["city"])], "text": text, **more}


def test_what_is_typed_is_shown_counted_and_checked_without_keeping_anything(sqlite_parvis, seeded, desk):
    with sqlite_parvis.database.read() as session:
        before = session.scalar(select(func.count()).select_from(Post))
    shown = desk.post("/publications/apercu", data=written(seeded, "L'eau est revenue : voici l'heure.")).text
    assert f"34 / 63{NBSP}206" in shown
    assert "Page city" in shown
    assert "Des signes ou des espaces ne sont pas" in shown
    assert f"L’eau est revenue{NBSP}: voici l’heure." in shown, "what one key would make of it"
    assert "Prête à être soumise." in shown
    empty = desk.post("/publications/apercu", data=written(seeded, "")).text
    assert "1 chose à corriger" in empty
    assert "Écrivez un texte" in empty
    assert "Choisissez un compte" in desk.post("/publications/apercu", data={}).text
    with sqlite_parvis.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Post)) == before


def test_an_hour_that_does_not_exist_is_found_and_the_rest_is_shown(seeded, desk):
    shown = desk.post("/publications/apercu", data=written(seeded, publish_at="2027-03-14T02:30")).text
    assert "n’existe pas" in shown
    assert "Les patinoires ouvrent samedi." in shown


def test_a_link_is_looked_at_and_its_page_or_its_absence_is_shown(sqlite_parvis, seeded, desk, tmp_path):
    there, gone = "https://ville.example/a", "https://ville.example/b"
    form = written(seeded, f"Voir {gone}", link=there)
    first = desk.post("/publications/apercu", data=form).text
    assert "data-looking" in first
    web = {there: Sight("<b>La collecte</b>", "Le mercredi"), gone: Sight(problem="404")}
    with sqlite_parvis.database.read() as session:
        due = links.links_to_look(session, now=sqlite_parvis.clock())
    assert len(due) == 2
    for one in due:
        locks = locks_for(sqlite_parvis.database, tmp_path)
        links.look(sqlite_parvis.database, locks, web.__getitem__, one, clock=sqlite_parvis.clock)
    shown = desk.post("/publications/apercu", data=form).text
    assert "data-looking" not in shown
    assert "&lt;b&gt;La collecte&lt;/b&gt;" in shown
    assert "Le mercredi" in shown
    assert f"pas de page à {gone} (le site répond 404)" in shown


def test_words_of_others_are_shown_as_words(seeded, desk):
    shown = desk.post("/publications/apercu", data=written(seeded, "<script>alert(1)</script>\0")).text
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown


def test_who_was_slower_does_not_undo_the_others_words_by_pressing_again(desk, seeded):
    place = desk.post("/publications", data=written(seeded)).headers["location"].partition("?")[0]
    assert desk.post(place, data=written(seeded, "Ce que l’autre a écrit", version="1")).status_code == 303
    late = desk.post(place, data=written(seeded, "Ce que j’ai écrit", version="1"))
    assert late.status_code == 409
    assert "Ce que j’ai écrit" in late.text
    assert 'name="version" value="1"' in late.text


def test_what_is_typed_is_kept_by_itself_at_its_own_version(desk, seeded):
    first = desk.post("/publications", data=written(seeded), headers={"parvis-autosave": "1"})
    assert (first.status_code, first.headers["etag"]) == (204, '"1"')
    place = first.headers["location"]
    second = desk.post(place, data=written(seeded, "Autre", version="1"), headers={"parvis-autosave": "1"})
    assert (second.status_code, second.headers["etag"]) == (204, '"2"')
    stale = desk.post(place, data=written(seeded, "Encore", version="1"), headers={"parvis-autosave": "1"})
    assert stale.status_code == 409
    assert "Autre" in desk.get(place).text


def test_submitting_says_on_the_page_all_that_is_to_be_mended(desk, seeded):
    place = desk.post("/publications", data=written(seeded, " ", title="Vide")).headers["location"].partition("?")[0]
    answer = desk.post(f"{place}/soumettre", data={"version": "1"})
    assert answer.status_code == 422
    assert "Écrivez un texte" in answer.text


def test_a_copy_opens_in_the_composer(desk, seeded):
    place = desk.post("/publications", data=written(seeded)).headers["location"].partition("?")[0]
    copied = desk.post(f"{place}/copie").headers["location"]
    assert copied.endswith("/modifier")
    assert copied.removesuffix("/modifier") != place
    assert "Les patinoires ouvrent samedi." in desk.get(copied).text


def test_the_pause_is_one_form_away_and_says_on_every_page_of_posts_that_it_lasts(desk, seeded, visit, sign_in_as):
    assert 'href="/pause"' in desk.get("/publications").text
    assert desk.post("/pause", data={"reason": "", "place": "city"}).status_code == 422
    assert desk.post("/pause", data={"reason": "Deuil", "place": "planet-3"}).status_code == 422
    assert desk.post("/pause", data={"reason": "Deuil national", "place": "city"}).status_code == 303
    assert desk.post("/pause", data={"reason": "Encore", "place": "city"}).status_code == 409
    assert "Deuil national" in desk.get("/publications").text
    live = desk.get("/api/v1/holds").json()["items"]
    assert [(one["reason"], one["account_id"], one["borough_id"]) for one in live] == [("Deuil national", None, None)]
    ended = desk.post(f"/pause/{live[0]['id']}/fin")
    assert ended.headers["location"] == "/publications?fait=hold-ended"
    assert "Deuil national" not in desk.get("/publications").text
    began = desk.post("/api/v1/holds", json={"reason": "Panne", "account_id": seeded.accounts["north"]})
    assert began.status_code == 201
    assert desk.post(f"/api/v1/holds/{began.json()['id']}/end").json()["ended_at"] is not None


def test_a_post_begins_with_a_text_that_is_ready_signed_and_with_its_places(seeded, desk):
    wording = {"kind": "post_", "title": "Collecte", "fr": "{compte} : collecte [JOUR].", "en": "", "seen": "0"}
    wrong = desk.post("/reponses", data=wording | {"fr": "{prenom}, bonjour"})
    assert wrong.status_code == 422
    assert "{prenom}, bonjour" in wrong.text, "what was typed stays"
    assert desk.post("/reponses", data=wording).status_code == 303
    page = desk.get("/publications/nouvelle").text
    code = page.partition("gabarit=post_")[2].partition('"')[0]
    assert "[JOUR]" in desk.get(f"/publications/nouvelle?gabarit=post_{code}").text
    account = str(seeded.accounts["city"])
    long = desk.post("/signatures", data={"account": account, "signature": "s" * 201})
    assert long.status_code == 422
    assert "s" * 201 in long.text
    assert desk.post("/signatures", data={"account": account, "signature": "– La Ville"}).status_code == 303
    assert "– La Ville" in desk.get("/signatures").text
    shown = desk.post("/publications/apercu", data=written(seeded, "{compte} : collecte [JOUR].")).text
    assert "Page city : collecte [JOUR].\n\n– La Ville" in shown
    assert "remplir" in shown
    place = desk.post("/publications", data=written(seeded, "{compte} : collecte.")).headers["location"]
    typed = desk.get(place.partition("?")[0] + "/modifier").text.partition('name="text"')[2].partition("</textarea>")[0]
    assert typed.endswith("Page city : collecte."), "the signature is not typed"


def test_an_exception_and_an_embargo_are_kept_and_shown(seeded, desk):
    english = "The outdoor rink opens on Saturday morning at ten o’clock, and everybody is welcome to skate."
    assert "n’est pas en français" in desk.post("/publications/apercu", data=written(seeded, english)).text
    kept = written(seeded, english, language_exception="safety", embargo_until="2026-12-24T09:00")
    assert "n’est pas en français" not in desk.post("/publications/apercu", data=kept).text
    place = desk.post("/publications", data=kept).headers["location"].partition("?")[0]
    page = desk.get(place).text
    assert "Sécurité publique" in page
    assert "Embargo jusqu’au 24" in page
    form = desk.get(f"{place}/modifier").text
    assert 'value="safety" selected' in form
    assert "2026-12-24T09:00" in form
    wrong = desk.post("/publications", data=written(seeded, language_exception="caprice"))
    assert wrong.status_code == 422
    assert "Choisissez une exception" in wrong.text


def test_a_holiday_is_said(seeded, desk):
    shown = desk.post("/publications/apercu", data=written(seeded, publish_at="2026-12-25T09:00")).text
    assert "Jour de Noël" in shown

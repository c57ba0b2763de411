"""What the pages promise below the browser: one form is one decision, a quiet poll, sentences instead of errors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from api.web.posts import instant
from api.web.queue import marked, waited
from models.accounts import Account
from models.comments import Attachment
from models.decisions import Decision
from models.effects import Effect
from models.errors import Refused
from models.gazetteer import NamedPlace
from models.posts import Variant
from models.vocabulary import EffectState, Outcome, PlaceKind, Reason

PART = {"HX-Request": "true"}
MONTREAL = ZoneInfo("America/Toronto")
NBSP = "\N{NO-BREAK SPACE}"
PAGE = "Ville de Sainte-Rive"


@pytest.fixture
def comment(city) -> int:
    city.add_account(PAGE)
    comment_id = city.says("Merci aux déneigeurs!")
    city.read()
    return comment_id


def test_the_place_that_a_comment_names_stands_in_the_form_of_its_request(city, comment, as_person):
    with city.parvis.database.write() as session:
        session.add(NamedPlace(kind=PlaceKind.STREET, name="Rue Galt", borough="Lachine"))
    said = city.says("Gros nid-de-poule au 455 rue galt")
    city.read()
    page = as_person("Nadia Roy").get(f"/commentaires/{said}").text
    assert 'name="place" value="455, Rue Galt"' in page
    assert f"«{NBSP}455 rue galt{NBSP}» · Lachine" in page, page[page.index("place-read") :][:400]
    assert 'name="place" value=""' in as_person("Nadia Roy").get(f"/commentaires/{comment}").text
    place = as_person("Nadia Roy").get(f"/api/v1/comments/{said}").json()["verdict"]["place"]
    assert (place["kind"], place["names"], place["number"]) == ("adresse", ["Rue Galt"], "455")


def test_what_a_comment_shows_is_shown_by_parvis_itself(city, comment, as_person):
    nadia, of = as_person("Nadia Roy"), {"comment_id": comment, "seen_at": city.now, "kind": "photo"}
    there = "https://reseau.example/photo"
    with city.parvis.database.write() as session:
        photo = Attachment(
            **of, position=0, picture_address=there, address=there, picture=b"jpeg", description="Un nid"
        )
        session.add_all([photo, Attachment(**of, position=1, failure="gone"), Attachment(**of, position=2)])
        session.flush()
        address = f"/commentaires/{comment}/images/{photo.id}"
    page = nadia.get(f"/commentaires/{comment}").text
    assert f'<img src="{address}" alt="Un nid">' in page
    assert f'src="{there}' not in page
    assert page.count("L’image n’a pas pu être récupérée.") == 1
    assert "veiled" not in page
    assert nadia.get(address).content == b"jpeg"
    nadia.post("/compte/preferences", data={"blurs_pictures": "on", "language": "fr_CA"})
    assert "veiled" in nadia.get(f"/commentaires/{comment}").text


def test_a_comment_that_is_not_told_whole_says_so(city, as_person):
    city.add_account("Ville de Sainte-Rive")
    comment = city.says("")
    city.read()
    page = as_person("Nadia Roy").get(f"/commentaires/{comment}").text
    assert "Le réseau ne dit pas ce que ce commentaire montre." in page


def test_a_form_sent_twice_is_one_decision(city, comment, as_person):
    nadia = as_person("Nadia Roy")
    form = {"kind": "reply", "version": 1, "form_key": "k" * 22, "text": "Merci!\0"}
    for _ in range(2):
        answer = nadia.post(f"/commentaires/{comment}/decision", data=form, follow_redirects=False)
        assert answer.status_code == 303
    with city.parvis.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Decision)) == 1


def test_second_comes_second_and_is_told_by_whom(city, comment, as_person):
    form = {"kind": "nothing", "version": 1, "form_key": "a" * 22}
    as_person("Nadia Roy").post(f"/commentaires/{comment}/decision", data=form)
    form["form_key"] = "b" * 22
    answer = as_person("Samuel Côté").post(f"/commentaires/{comment}/decision", data=form, headers=PART)
    assert answer.status_code == 409
    assert "Nadia Roy" in answer.text
    assert "<html" not in answer.text
    whole = as_person("Samuel Côté").post(f"/commentaires/{comment}/decision", data=form)
    assert whole.status_code == 409
    assert "<html" in whole.text


def test_a_poll_answers_304_until_something_changes(city, comment, as_person):
    nadia = as_person("Nadia Roy")
    first = nadia.get("/", headers=PART)
    again = nadia.get("/", headers={**PART, "If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    as_person("Samuel Côté").post(f"/commentaires/{comment}/reservation")
    changed = nadia.get("/", headers={**PART, "If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200
    assert "Samuel Côté consulte" in changed.text


@pytest.mark.parametrize(
    "query",
    [
        "compte=x",
        "compte=" + "9" * 30,
        "etat=?",
        "intention=%00",
        "voie=1",
        "mots=%00%25_%5C",
        "annulable=x",
        "compte=",
    ],
)
def test_an_old_or_broken_filter_still_opens_the_queue(comment, as_person, query):
    assert as_person("Nadia Roy").get(f"/?{query}").status_code == 200


def test_a_made_up_place_in_the_list_is_refused(comment, as_person):
    assert as_person("Nadia Roy").get("/?apres=W10").status_code == 422


def test_a_post_is_written_approved_by_somebody_else_and_scheduled(city, comment, as_person):
    camille, boss = as_person("Camille Lévesque"), as_person("Hélène Martel")
    refused = camille.post(
        "/publications", data={"link": "ici et là", "text": "Bonjour!", "accounts": city.accounts[PAGE]}
    )
    assert refused.status_code == 422
    assert "Bonjour!" in refused.text
    form = {"title": "Collecte", "text": "Bonjour!", "accounts": city.accounts[PAGE]}
    assert camille.post("/publications", data=form).url.path == "/publications/1"
    camille.post("/publications/1/soumettre", data={"version": 1})
    page = boss.get("/publications/1")
    assert "Bonjour!" in page.text
    sent_back = boss.post("/publications/1/avis", data={"version": 2, "approved": "false"})
    assert sent_back.status_code == 422
    boss.post("/publications/1/avis", data={"version": 2, "approved": "true"})
    gap = camille.post("/publications/1/planification", data={"version": 3, "publish_at": "2027-03-14T02:30"})
    assert gap.status_code == 422
    assert "heure avancée" in gap.text
    done = camille.post("/publications/1/planification", data={"version": 3, "publish_at": "2026-12-01T18:00"})
    assert done.status_code == 200
    assert f"18{NBSP}h{NBSP}00" in done.text


def test_a_post_has_its_window_and_each_account_its_hour_and_the_page_says_when_it_left(city, comment, as_person):
    camille, boss = as_person("Camille Lévesque"), as_person("Hélène Martel")
    first, second = city.accounts[PAGE], city.add_account("Arrondissement de Sainte-Rive")
    form = {"title": "Collecte", "text": "Bonjour!", "accounts": [first, second], "late_after_minutes": 15}
    form |= {"publish_at": "2026-12-01T18:00", f"publish_at-{second}": "2027-03-14T02:30"}
    absent = camille.post("/publications", data=form)
    assert absent.status_code == 422
    assert "heure avancée" in absent.text
    form[f"publish_at-{second}"] = "2026-12-01T20:00"
    assert camille.post("/publications", data=form).url.path == "/publications/1"
    edited = camille.get("/publications/1/modifier").text
    for value in ("2026-12-01T18:00", "2026-12-01T20:00", "15"):
        assert f'value="{value}"' in edited
    camille.post("/publications/1/soumettre", data={"version": 1})
    boss.post("/publications/1/avis", data={"version": 2, "approved": "true"})
    page = camille.get("/publications/1").text
    assert f"20{NBSP}h{NBSP}00" in page
    assert 'name="publish_at"' not in page, "its times are approved with it"
    camille.post("/publications/1/planification", data={"version": 3})
    with city.parvis.database.write() as session:
        withheld, left = session.scalars(select(Variant).order_by(Variant.id))
        left.published_at, effect = datetime(2026, 12, 2, 1, 2, tzinfo=UTC), session.get_one(Effect, withheld.effect_id)
        effect.state, effect.outcome = EffectState.FAILED, Outcome.LATE
    page = camille.get("/publications/1").text
    assert f"Non publiée{NBSP}: son heure était passée" in page
    assert "Refusé par le réseau" not in page
    assert f"20{NBSP}h{NBSP}00" in page, "when it was planned"
    assert f"20{NBSP}h{NBSP}02" in page, "and when it left"


def test_an_account_that_parvis_only_reads_is_not_offered_and_its_page_says_why(city, comment, as_person):
    pages = city.add_account("Pages de Sainte-Rive")
    with city.parvis.database.write() as session:
        session.get_one(Account, pages).network = "instagram_public"
    camille = as_person("Camille Lévesque")
    page = camille.get("/publications/nouvelle").text
    why = "Rien ne se publie sur Pages de Sainte-Rive"
    assert why in page
    assert f'value="{city.accounts[PAGE]}"' in page
    assert f'value="{pages}"' not in page
    assert f'name="text-{pages}"' not in page
    refused = camille.post(
        "/publications", data={"title": "Avis", "text": "Bonjour!", "accounts": pages, "late_after_minutes": 60}
    )
    assert refused.status_code == 422
    assert refused.text.count(why) == 2, "as what is wrong, and beside the accounts"


def test_the_citys_clock_becomes_an_instant():
    assert instant("2026-12-01T18:00", MONTREAL) == datetime(2026, 12, 1, 23, tzinfo=UTC)
    assert instant("2026-07-01T18:00", MONTREAL) == datetime(2026, 7, 1, 22, tzinfo=UTC)
    for wall, code in [
        ("2027-03-14T02:30", "time_absent"),
        ("2026-11-01T01:30", "time_twice"),
        ("hier", "time_unreadable"),
        ("", "time_unreadable"),
    ]:
        with pytest.raises(Refused) as refusal:
            instant(wall, MONTREAL)
        assert refusal.value.code == code


@given(
    st.text(max_size=40),
    st.lists(st.tuples(st.none() | st.integers(-5, 50), st.none() | st.integers(-5, 50)), max_size=6),
)
def test_marking_never_changes_the_text(text, places):
    reasons = [Reason("word_weight", start=start, end=end) for start, end in places]
    pieces = marked(text, reasons)
    assert "".join(piece for piece, _ in pieces) == text
    assert all(piece for piece, _ in pieces)


def test_waiting_is_said_in_its_largest_whole_unit():
    now = datetime(2026, 11, 30, tzinfo=UTC)
    ages = [timedelta(seconds=59), timedelta(minutes=59), timedelta(hours=47), timedelta(days=2), -timedelta(hours=1)]
    assert [waited(now - age, now) for age in ages] == [
        ("minute", 0),
        ("minute", 59),
        ("hour", 47),
        ("day", 2),
        ("minute", 0),
    ]

"""Campaigns at the door: begun in one form, their posts written from their page, read by programs."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from models.comments import SourcePost
from models.figures import PostFigures
from models.posts import Post, Variant
from models.vocabulary import Role

SAID = {"name": "Piscines", "begins_on": "2026-06-01", "ends_on": "2026-08-31", "utm": "piscines", "budget": "12 000 $"}


@pytest.fixture
def desk(sqlite_parvis, seed_city, visit, sign_in_as):
    """An officer's browser, and the city."""
    city = seed_city(sqlite_parvis)
    return sign_in_as(sqlite_parvis, visit(sqlite_parvis), city.person(Role.COMMUNICATIONS, "city")), city


def test_a_post_is_written_from_the_page_of_its_campaign(desk):
    client, city = desk
    place = client.post("/campagnes", data=SAID).headers["location"].partition("?")[0]
    number = place.rpartition("/")[2]
    assert "12\N{NO-BREAK SPACE}000" in client.get(place).text
    composer = client.get(f"/publications/nouvelle?campagne={number}").text
    assert f'<option value="{number}" selected>Piscines</option>' in composer
    sent = {"accounts": [str(city.accounts["city"])], "text": "Bonjour", "link": "ville.example", "campaign": number}
    post = client.post("/publications", data=sent).headers["location"].partition("?")[0]
    assert f'href="{place}"' in client.get(post).text
    assert f'href="{post}"' in client.get(place).text
    edited = client.get(f"{post}/modifier").text
    assert 'value="https://ville.example"' in edited
    assert f'<option value="{number}" selected>' in edited
    shown = client.get(f"/api/v1/campaigns/{number}").json()
    assert (shown["posts"], shown["budget"], shown["utm"]) == ({"draft": 1}, 12_000, "piscines")
    (listed,) = client.get(f"/api/v1/posts?campaign={number}").json()["items"]
    assert listed["variants"][0]["link"].endswith("?utm_source=facebook&utm_medium=social&utm_campaign=piscines")
    assert number in {str(one["id"]) for one in client.get("/api/v1/campaigns?since=2026-08-31").json()["items"]}


def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(desk):
    client, _ = desk
    wrong = {**SAID, "begins_on": "", "budget": "beaucoup"}
    page = client.post("/campagnes", data=wrong)
    assert page.status_code == 422
    assert 'id="begins_on-wrong"' in page.text
    assert 'id="budget-wrong"' in page.text
    assert 'value="Piscines"' in page.text
    for year in ("0001", "9999"):
        assert 'id="begins_on-wrong"' in client.post("/campagnes", data={**SAID, "begins_on": f"{year}-01-01"}).text
    reversed_ = client.post("/campagnes", data={**SAID, "ends_on": "2026-05-01"})
    assert 'id="ends_on-wrong"' in reversed_.text
    place = client.post("/campagnes", data=SAID).headers["location"].partition("?")[0]
    assert client.post(place, data={**SAID, "name": "Autre", "version": "1"}).status_code == 303
    late = client.post(place, data={**SAID, "version": "1"})
    assert late.status_code == 409
    assert 'name="version" value="1"' in late.text, "pressed again, it is still too late: the other’s words are unread"
    assert client.post(f"{place}/suppression", data={"version": "2"}).status_code == 303
    assert client.get(place).status_code == 404


def test_the_report_and_its_file_for_a_spreadsheet(desk, sqlite_parvis):
    client, city = desk
    place = client.post("/campagnes", data=SAID).headers["location"].partition("?")[0]
    assert "Aucune de ses publications" in client.get(f"{place}/bilan").text
    with sqlite_parvis.database.write() as session:
        post = session.get_one(Post, city.posts["city"])
        post.campaign_id, post.title = int(place.rpartition("/")[2]), "=HYPERLINK(1)"
        variant = session.scalars(select(Variant).where(Variant.post_id == post.id)).one()
        variant.published_at = sqlite_parvis.clock()
    page = client.get(f"{place}/bilan").text
    assert "=HYPERLINK(1)" in page
    assert "23\N{NO-BREAK SPACE}novembre 2026, 8\N{NO-BREAK SPACE}h\N{NO-BREAK SPACE}30" in page
    sent = client.get(f"{place}/bilan.csv")
    assert sent.headers["content-type"] == "text/csv; charset=utf-8"
    heads, line = sent.content.decode("utf-8-sig").splitlines()
    assert heads.startswith("Publication;Compte;Réseau;")
    assert line.startswith("'=HYPERLINK(1);Page city;Facebook;2026-11-23 08:30;"), "no cell is a formula"


def test_programs_begin_and_change_campaigns(desk):
    client, _ = desk
    said = {"name": "Piscines", "begins_on": "2026-06-01", "ends_on": "2026-08-31", "theme": "Loisirs"}
    made = client.post("/api/v1/campaigns", json=said, headers={"idempotency-key": "one"})
    assert made.status_code == 201
    place = made.headers["location"]
    assert client.post("/api/v1/campaigns", json=said, headers={"idempotency-key": "one"}).json() == made.json()
    assert client.post("/api/v1/campaigns", json=said | {"ends_on": "2026-05-01"}).status_code == 422
    changed = client.put(place, json=said | {"theme": "Sports"}, headers={"if-match": made.headers["etag"]})
    assert changed.json()["theme"] == "Sports"
    assert client.put(place, json=said, headers={"if-match": made.headers["etag"]}).status_code == 412
    assert client.get(place).headers["etag"] == changed.headers["etag"]


def test_the_plan_is_taken_out_as_it_is_taken_in(desk):
    client, city = desk
    client.post("/campagnes", data={**SAID, "begins_on": "2027-06-01", "ends_on": "2027-08-31"})
    sent = {"accounts": str(city.accounts["city"]), "title": "Ouverture", "text": "=1+1"}
    client.post("/publications", data=sent)
    taken = client.get("/campagnes/plan.csv")
    assert taken.headers["content-type"].startswith("text/csv")
    assert "Piscines" in taken.text
    assert ";Ouverture;'=1+1;Page city;" in taken.text, "no spreadsheet reckons with what somebody wrote"
    again = client.post("/campagnes/plan", files={"file": ("plan.csv", taken.content)})
    assert again.status_code == 200


def test_bars_say_what_the_table_says(desk, sqlite_parvis):
    client, city = desk
    place = client.post("/campagnes", data=SAID).headers["location"].partition("?")[0]
    with sqlite_parvis.database.write() as session:
        variant = session.scalars(select(Variant).where(Variant.account_id == city.accounts["city"])).first()
        session.get_one(Post, variant.post_id).campaign_id = int(place.rpartition("/")[2])
        now = sqlite_parvis.clock()
        there = SourcePost(account_id=variant.account_id, external_id="x", text="Bonjour", created_at=now)
        session.add(there)
        session.flush()
        variant.published_at, variant.source_post_id = now, there.id
        session.add(PostFigures(source_post_id=there.id, day=now.date(), at=now, reach=2400))
    page = client.get(f"{place}/bilan").text
    assert page.count('<rect x="250"') == 1
    assert page.count("2\N{NO-BREAK SPACE}400") == 2, "the bar, and the table; what no network counts has no bar"

"""The news of the site at the door: listed, made into a draft in one click, set aside."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from api.settings import SettingsError, load
from models.news import NewsEntry, NewsFeed
from models.posts import Post
from models.vocabulary import Role

ADDRESS = "https://www.ville.example/rss.xml"


def test_a_piece_becomes_a_draft_and_another_is_set_aside(
    database_url, open_parvis, seed_city, visit, sign_in_as, clock
):
    parvis = open_parvis(database_url, news_url=ADDRESS)
    city = seed_city(parvis)
    client = sign_in_as(parvis, visit(parvis), city.person(Role.COMMUNICATIONS, "city"))
    assert "Rien n’attend." in client.get("/communiques").text
    with parvis.database.write() as session:
        feed = NewsFeed(address=ADDRESS, due_at=clock(), failing="503", failing_since=clock())
        session.add(feed)
        session.flush()
        for key, title in (("a", "Collecte <b>reportée</b>"), ("b", "Piscine")):
            piece = NewsEntry(feed_id=feed.id, key=key, title=title, summary="Dès lundi.", seen_at=clock())
            piece.link = "https://www.ville.example/a"
            session.add(piece)
        session.flush()
        numbers = list(session.scalars(select(NewsEntry.id).order_by(NewsEntry.key)))
    page = client.get("/communiques").text
    assert "503" in page
    assert "Collecte &lt;b&gt;reportée&lt;/b&gt;" in page
    form = client.get(f"/publications/nouvelle?communique={numbers[0]}").text
    assert "Dès lundi." in form
    assert 'value="https://www.ville.example/a"' in form
    sent = {"accounts": str(city.accounts["city"]), "text": "Collecte", "communique": str(numbers[0])}
    assert client.post("/publications", data=sent).status_code == 303
    again = client.post("/publications", data=sent)
    assert again.status_code == 409, "two people began a draft of it: there is one, and who is slower hears so"
    assert "Collecte" in again.text
    with parvis.database.read() as session:
        made = select(func.count()).select_from(Post).where(Post.title == "Collecte")
        assert session.scalar(made) == 1
    assert client.get(f"/publications/nouvelle?communique={numbers[0]}").status_code == 404
    assert client.post(f"/communiques/{numbers[1]}/classement").status_code == 303
    assert client.post("/communiques/999/classement").status_code == 404
    assert "Rien n’attend." in client.get("/communiques").text
    assert "/communiques" in client.get("/publications").text


@pytest.mark.parametrize(
    "url", ["ville.example", "http://ville.example/rss", "ftp://ville.example", "https://u:p@v.example"]
)
def test_an_address_that_cannot_be_read_is_said(url):
    with pytest.raises(SettingsError, match="PARVIS_NEWS_URL"):
        load(_env_file=None, news_url=url)

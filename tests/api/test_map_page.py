"""The background of the map: none by default, else of one server, which the page's own policy names."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from api.settings import SettingsError, load
from models.people import Borough
from models.vocabulary import Role

OURS = "https://tuiles.ville.example/{z}/{x}/{y}.png"
RING = [[-71.2, 46.7], [-71.2, 46.8], [-71.1, 46.8], [-71.1, 46.7], [-71.2, 46.7]]


def listed(parvis, seed_city, visit, sign_in_as):
    city = seed_city(parvis)
    with parvis.database.write() as session:
        for borough in session.scalars(select(Borough)):
            borough.outline = [RING]
    client = sign_in_as(parvis, visit(parvis), city.person(Role.AGENT311, "city"))
    return client.get("/requetes"), client.get("/services")


def policy(answer):
    (said,) = re.findall(r"img-src ([^;]+);", answer.headers["content-security-policy"])
    return said


def test_no_browser_asks_anybody_outside_by_default(sqlite_parvis, seed_city, visit, sign_in_as):
    page, _ = listed(sqlite_parvis, seed_city, visit, sign_in_as)
    assert "<path d=" in page.text.partition('class="map"')[2]
    assert "<image" not in page.text
    assert policy(page) == "'self' data:"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_tiles_lie_behind_the_outlines_and_the_page_allows_their_server_alone(
    database_url, open_parvis, seed_city, visit, sign_in_as
):
    parvis = open_parvis(database_url, tiles_url=OURS, tiles_credit="© Ville & <contributeurs>")
    page, other = listed(parvis, seed_city, visit, sign_in_as)
    found = re.findall(r'<image href="https://tuiles.ville.example/(\d+)/(\d+)/(\d+).png" x="', page.text)
    assert len(found) == len(set(found)) > 1
    drawing = page.text.partition('class="map-tiled"')[2]
    assert 0 < drawing.index("<image") < drawing.index("<path d=")
    assert "Fond de carte\N{NO-BREAK SPACE}: © Ville &amp; &lt;contributeurs&gt;" in page.text
    assert policy(page) == "'self' data: https://tuiles.ville.example"
    assert policy(other) == "'self' data:"
    assert '<th scope="row">' in page.text  # The table says the same.


@pytest.mark.parametrize(
    "url",
    [
        "https://tuiles.ville.example/{z}/{x}.png",
        "https://{z}.ville.example/{x}/{y}",
        "http://tuiles.ville.example/{z}/{x}/{y}",
        "https://tuiles.ville.example; script-src *//{z}/{x}/{y}",
        "https://tuiles.ville.example'/{z}/{x}/{y}",
        "https://qui:secret@tuiles.ville.example/{z}/{x}/{y}",
        "https://tuiles.ville.example/{z}/{x}/{y}/{s}",
        "ftp://tuiles.ville.example/{z}/{x}/{y}",
    ],
)
def test_an_address_that_is_none_of_tiles_is_refused(url):
    with pytest.raises(SettingsError, match="PARVIS_TILES_URL"):
        load(_env_file=None, tiles_url=url)
